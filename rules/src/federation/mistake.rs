//! Mistakes of a homeserver with what comes from other homeservers.

use std::fmt;

/// A mistake of a homeserver with what comes from other homeservers. The points of the federated model
/// have some of them as options too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FederationMistake {
    /// Only revocations of the server's own users remove guests.
    RevokesForOwnUsersOnly,
    /// Of several events of a setting, the one counts that arrived last.
    TakesTheLastReceived,
    /// An event is judged by the settings that the server has when the event arrives.
    IgnoresThePast,
    /// An event that the rules of the room do not permit revokes.
    RevokesForTheRejected,
    /// An event that is not permitted any more revokes.
    RevokesForTheSoftFailed,
    /// An event to which state resolution prefers another one revokes.
    RevokesForTheLoser,
    /// An event of the type of guest access under another state key revokes.
    RevokesForAnyStateKey,
    /// A message event of the type of guest access revokes.
    RevokesForMessages,
    /// A redaction from elsewhere changes guest access, and removes no guest.
    OverlooksRedactions,
    /// A redaction from elsewhere does not even change guest access.
    IgnoresRedactions,
}

impl FederationMistake {
    /// Every mistake.
    pub const ALL: [Self; 10] = [
        Self::RevokesForOwnUsersOnly,
        Self::TakesTheLastReceived,
        Self::IgnoresThePast,
        Self::RevokesForTheRejected,
        Self::RevokesForTheSoftFailed,
        Self::RevokesForTheLoser,
        Self::RevokesForAnyStateKey,
        Self::RevokesForMessages,
        Self::OverlooksRedactions,
        Self::IgnoresRedactions,
    ];

    /// The decision point and the option.
    pub const fn id(self) -> (&'static str, &'static str) {
        match self {
            Self::RevokesForOwnUsersOnly => ("revocation.from", "own_users"),
            Self::TakesTheLastReceived => ("events.current", "last_received"),
            Self::IgnoresThePast => ("events.past", "ignored"),
            Self::RevokesForTheRejected => ("revocation.event", "rejected"),
            Self::RevokesForTheSoftFailed => ("revocation.event", "soft_failed"),
            Self::RevokesForTheLoser => ("revocation.event", "not_current"),
            Self::RevokesForAnyStateKey => ("revocation.event", "any_state_key"),
            Self::RevokesForMessages => ("revocation.event", "message"),
            Self::OverlooksRedactions => ("redaction.from", "own_users_revoke"),
            Self::IgnoresRedactions => ("redaction.from", "own_users"),
        }
    }

    /// The mistake with this id, as `point=option`.
    pub fn find(id: &str) -> Option<Self> {
        let (point, option) = id.split_once('=')?;
        Self::ALL.into_iter().find(|mistake| mistake.id() == (point, option))
    }

    /// What the mistake is, in a sentence.
    pub const fn means(self) -> &'static str {
        match self {
            Self::RevokesForOwnUsersOnly => "Only revocations by its own users remove guests.",
            Self::TakesTheLastReceived => "The setting that arrived last counts.",
            Self::IgnoresThePast => "It judges an event by the settings when the event arrives.",
            Self::RevokesForTheRejected => {
                "It removes guests for an event that the room's rules do not permit."
            }
            Self::RevokesForTheSoftFailed => {
                "It removes guests for an event that is not permitted any more."
            }
            Self::RevokesForTheLoser => {
                "It removes guests for an event that is not the room's guest access."
            }
            Self::RevokesForAnyStateKey => {
                "It removes guests for a guest access event under another state key."
            }
            Self::RevokesForMessages => {
                "It removes guests for a message event of the type of guest access."
            }
            Self::OverlooksRedactions => {
                "A redaction from elsewhere closes the room to guests, and removes none."
            }
            Self::IgnoresRedactions => "A redaction from elsewhere does not close the room.",
        }
    }

    /// The clauses that the mistake breaks.
    pub const fn clauses(self) -> &'static [&'static str] {
        match self {
            Self::RevokesForOwnUsersOnly => &["GA-6", "GA-23"],
            Self::TakesTheLastReceived | Self::RevokesForTheLoser => &["GA-7", "GA-23"],
            Self::IgnoresThePast => &["HV-16", "HV-21"],
            Self::RevokesForTheRejected | Self::RevokesForTheSoftFailed => &["CS-8", "GA-23"],
            Self::RevokesForAnyStateKey | Self::RevokesForMessages => &["GA-9", "GA-23"],
            Self::OverlooksRedactions => &["CS-19", "GA-23"],
            Self::IgnoresRedactions => &["CS-17", "CS-19"],
        }
    }
}

impl fmt::Display for FederationMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (point, option) = self.id();
        write!(f, "{point}={option}")
    }
}
