//! The accounts of the model's actors on a homeserver, and the credentials of their calls.

use guest_access_model::action::{Actor, Credential};
use guest_access_model::state::MAX_GUESTS;
use ruma::OwnedUserId;

use super::request::Request;
use super::token::Token;

/// An account on a homeserver.
#[derive(Debug, Clone)]
pub struct UserAccount {
    /// The user id.
    pub user_id: OwnedUserId,
    /// The newest token, live or ended.
    pub token: Token,
    /// The token before the upgrade.
    pub(super) before_upgrade: Option<Token>,
    /// The password, if this program knows it.
    pub(super) password: Option<Token>,
    /// The device of the newest token, if the homeserver named it.
    pub(super) device: Option<String>,
}

impl UserAccount {
    /// An account with this token and no password.
    pub fn new(user_id: OwnedUserId, token: Token) -> Self {
        Self { user_id, token, before_upgrade: None, password: None, device: None }
    }
}

/// The accounts of all actors of the model.
#[derive(Debug)]
pub(super) struct SessionAccounts {
    pub(super) moderator: UserAccount,
    pub(super) user: UserAccount,
    /// The registered guests, by the numbers of the model.
    pub(super) guests: [Option<UserAccount>; MAX_GUESTS],
}

/// The token and the named user of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    pub(super) token: Option<Token>,
    /// The user whom the query names in `user_id`.
    pub(super) named: Option<OwnedUserId>,
}

impl Credentials {
    /// The request, with the named user in its query.
    pub(super) fn name_in(&self, request: Request) -> Request {
        match &self.named {
            Some(user) => request.query("user_id", user.as_str()),
            None => request,
        }
    }
}

impl SessionAccounts {
    pub(super) fn guest(&self, number: u8) -> Option<&UserAccount> {
        self.guests.get(usize::from(number))?.as_ref()
    }

    pub(super) fn account(&self, actor: Actor) -> Option<&UserAccount> {
        match actor {
            Actor::Server | Actor::Nobody => None,
            Actor::Moderator => Some(&self.moderator),
            Actor::User => Some(&self.user),
            Actor::Guest(number) => self.guest(number),
        }
    }

    /// The credentials of the calls of an actor.
    pub(super) fn credentials(&self, actor: Actor, with: Credential) -> Credentials {
        let Some(account) = self.account(actor) else {
            let token = matches!(actor, Actor::Guest(_)).then(Token::made_up);
            return Credentials { token, named: None };
        };
        let token = match with {
            Credential::Own | Credential::Masquerade => account.token.clone(),
            Credential::BeforeUpgrade => {
                account.before_upgrade.clone().unwrap_or_else(Token::made_up)
            }
        };
        let named = (with == Credential::Masquerade).then(|| self.moderator.user_id.clone());
        Credentials { token: Some(token), named }
    }
}

#[cfg(test)]
impl SessionAccounts {
    /// A moderator, a user, and a guest with the number 0.
    pub(super) fn fixture() -> Self {
        let account = |name: &str| {
            let user_id = OwnedUserId::try_from(format!("@{name}:s")).unwrap();
            UserAccount::new(user_id, format!("{name}-token").into())
        };
        let guests = [Some(account("guest")), None, None];
        Self { moderator: account("moderator"), user: account("user"), guests }
    }
}
