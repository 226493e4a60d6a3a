//! Who takes a step: a guest, a former guest, the moderator, …

use guest_access_model::action::{Action, Actor, Credential};
use guest_access_model::state::{Account, State};
use serde::Serialize;

/// What the caller of a step is. The serialized names are part of every id of a divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallerKind {
    /// A user that was a guest.
    FormerGuest,
    /// A user that was a guest, whose token was ended.
    FormerGuestEnded,
    /// A user that was a guest, with the token from before the upgrade.
    FormerGuestWithOldToken,
    /// A guest with its own token.
    Guest,
    /// A guest that names the moderator as itself.
    GuestNamingModerator,
    /// A guest whose token was ended.
    GuestEnded,
    /// An ordinary user.
    User,
    /// Somebody with a guest's name who is not registered.
    Unregistered,
    /// Somebody without a token.
    Nobody,
    /// The homeserver itself.
    Homeserver,
    /// The moderator.
    Moderator,
}

impl CallerKind {
    /// The caller of a step in the state before the step.
    pub(super) fn of(step: &Action, before: &State) -> Self {
        let Actor::Guest(number) = step.by else {
            return match step.by {
                Actor::Moderator => Self::Moderator,
                Actor::User => Self::User,
                Actor::Nobody | Actor::Guest(_) => Self::Nobody,
                Actor::Server => Self::Homeserver,
            };
        };
        match (before.accounts[usize::from(number)], step.with) {
            (Account::Absent, _) => Self::Unregistered,
            (Account::Guest, Credential::Masquerade) => Self::GuestNamingModerator,
            (Account::Guest, _) => Self::Guest,
            (Account::User, Credential::BeforeUpgrade) => Self::FormerGuestWithOldToken,
            (Account::User, _) => Self::FormerGuest,
            (Account::GuestEnded, _) => Self::GuestEnded,
            (Account::UserEnded, _) => Self::FormerGuestEnded,
        }
    }

    /// The caller in words.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Guest => "a guest",
            Self::GuestNamingModerator => "a guest that names the moderator",
            Self::GuestEnded => "a guest whose token was ended",
            Self::FormerGuest => "a former guest",
            Self::FormerGuestWithOldToken => "a former guest, with its old token",
            Self::FormerGuestEnded => "a former guest whose token was ended",
            Self::Unregistered => "somebody who is not registered",
            Self::Nobody => "somebody without a token",
            Self::User => "an ordinary user",
            Self::Moderator => "the moderator",
            Self::Homeserver => "the homeserver itself",
        }
    }
}
