//! The accounts of the model's actors, and the credentials of their calls.

use guest_access_model::action::{Actor, Credential};
use guest_access_model::state::MAX_GUESTS;
use guest_access_reference::reference::Credentials;
use guest_access_rules::decision_point::OldToken;
use ruma::OwnedUserId;
use ruma::api::client::account::register;

/// A token that the server never issued.
pub(super) const MADE_UP_TOKEN: &str = "made-up-token";

/// An account.
#[derive(Debug, Clone)]
pub(super) struct UserAccount {
    pub(super) user_id: OwnedUserId,
    /// The newest token, live or ended.
    pub(super) token: String,
    /// The token before the upgrade.
    before_upgrade: Option<String>,
}

impl UserAccount {
    /// The account that a registration created.
    pub(super) fn of_registration(response: register::v3::Response) -> Self {
        Self {
            user_id: response.user_id,
            token: response.access_token.unwrap_or_default(),
            before_upgrade: None,
        }
    }

    /// The account of the guest after an upgrade.
    pub(super) fn upgraded(&self, response: register::v3::Response) -> Self {
        Self { before_upgrade: Some(self.token.clone()), ..Self::of_registration(response) }
    }
}

/// The accounts of all actors of the model.
#[derive(Debug, Clone)]
pub(super) struct ReferenceAccounts {
    pub(super) moderator: UserAccount,
    pub(super) user: UserAccount,
    /// The registered guests, by the numbers of the model.
    pub(super) guests: [Option<UserAccount>; MAX_GUESTS],
}

impl ReferenceAccounts {
    pub(super) const fn new(moderator: UserAccount, user: UserAccount) -> Self {
        Self { moderator, user, guests: [const { None }; MAX_GUESTS] }
    }

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
    pub(super) fn credentials(
        &self,
        actor: Actor,
        with: Credential,
        old_token: OldToken,
    ) -> Credentials<'_> {
        let Some(account) = self.account(actor) else {
            return match actor {
                Actor::Guest(_) => Credentials::token(MADE_UP_TOKEN),
                _ => Credentials::NONE,
            };
        };
        match with {
            Credential::Own => Credentials::token(&account.token),
            Credential::Masquerade => {
                Credentials { token: Some(&account.token), user_id: Some(&self.moderator.user_id) }
            }
            // A guest that became a user without an upgrade has one token, which stays valid.
            Credential::BeforeUpgrade => match (&account.before_upgrade, old_token) {
                (Some(old), _) => Credentials::token(old),
                (None, OldToken::Ended) => Credentials::token(MADE_UP_TOKEN),
                (None, _) => Credentials::token(&account.token),
            },
        }
    }
}
