//! Who the model's actors are on the homeserver, and with which tokens they call.

use guest_access_model::action::{Actor, Credential};
use guest_access_model::state::MAX_GUESTS;
use guest_access_rules::decision_point::OldToken;
use ruma::OwnedUserId;
use ruma::api::client::account::register;

use crate::reference::Credentials;

/// A token that the server never issued.
pub(super) const MADE_UP_TOKEN: &str = "made-up-token";

/// Somebody with an account.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) user_id: OwnedUserId,
    /// Its newest token, live or ended.
    pub(super) token: String,
    /// The token that it had before it upgraded.
    before_upgrade: Option<String>,
}

impl Person {
    /// Who has just registered.
    pub(super) fn registered(response: register::v3::Response) -> Self {
        Self {
            user_id: response.user_id,
            token: response.access_token.unwrap_or_default(),
            before_upgrade: None,
        }
    }

    /// The same guest after an upgrade.
    pub(super) fn upgraded(&self, response: register::v3::Response) -> Self {
        Self { before_upgrade: Some(self.token.clone()), ..Self::registered(response) }
    }
}

/// Everybody whom the model knows.
#[derive(Debug, Clone)]
pub(super) struct People {
    pub(super) moderator: Person,
    pub(super) user: Person,
    /// The guests, by the model's numbers, from their registration on.
    pub(super) guests: [Option<Person>; MAX_GUESTS],
}

impl People {
    pub(super) const fn new(moderator: Person, user: Person) -> Self {
        Self { moderator, user, guests: [const { None }; MAX_GUESTS] }
    }

    pub(super) fn guest(&self, number: u8) -> Option<&Person> {
        self.guests.get(usize::from(number))?.as_ref()
    }

    pub(super) fn person(&self, actor: Actor) -> Option<&Person> {
        match actor {
            Actor::Server | Actor::Nobody => None,
            Actor::Moderator => Some(&self.moderator),
            Actor::User => Some(&self.user),
            Actor::Guest(number) => self.guest(number),
        }
    }

    /// What an actor shows when it calls.
    pub(super) fn credentials(
        &self,
        actor: Actor,
        with: Credential,
        old_token: OldToken,
    ) -> Credentials<'_> {
        let Some(person) = self.person(actor) else {
            return match actor {
                Actor::Guest(_) => Credentials::token(MADE_UP_TOKEN),
                _ => Credentials::NONE,
            };
        };
        match with {
            Credential::Own => Credentials::token(&person.token),
            Credential::Masquerade => {
                Credentials { token: Some(&person.token), user_id: Some(&self.moderator.user_id) }
            }
            // A guest that became a user without an upgrade has but one token, which goes on.
            Credential::BeforeUpgrade => match (&person.before_upgrade, old_token) {
                (Some(old), _) => Credentials::token(old),
                (None, OldToken::Ended) => Credentials::token(MADE_UP_TOKEN),
                (None, _) => Credentials::token(&person.token),
            },
        }
    }
}
