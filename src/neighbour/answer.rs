//! What was observed at a step, or has to be.

use std::fmt;

use guest_access_rules::vocabulary::{Decision, Membership};
use guest_access_scenarios::permitted::DivergenceKind;

/// An answer to a judged step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A call of a guest was allowed.
    Allowed,
    /// A call of a guest was denied, with this status and error code.
    Denied {
        /// The status.
        status: u16,
        /// The error code, if there is one.
        errcode: Option<String>,
    },
    /// A membership.
    Membership(Membership),
    /// Whether an event was given.
    Given(bool),
    /// Whether a guest looks like a user; if not, what tells it.
    Alike(Result<(), String>),
}

impl From<Decision> for Answer {
    fn from(decision: Decision) -> Self {
        if decision.allows() {
            return Self::Allowed;
        }
        let errcode = decision.errcode.map(|errcode| errcode.as_str().to_owned());
        Self::Denied { status: decision.status, errcode }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allow"),
            Self::Denied { status, errcode } => match errcode {
                Some(errcode) => write!(f, "deny {status} {errcode}"),
                None => write!(f, "deny {status}"),
            },
            Self::Membership(membership) => write!(f, "`{}`", membership.as_str()),
            Self::Given(true) => f.write_str("given"),
            Self::Given(false) => f.write_str("not given"),
            Self::Alike(Ok(())) => f.write_str("like a user"),
            Self::Alike(Err(why)) => write!(f, "unlike a user: {why}"),
        }
    }
}

impl Answer {
    /// How bad it is to observe `observed` where this has to be; `None` if it is the same.
    pub fn divergence(&self, observed: &Self) -> Option<DivergenceKind> {
        use DivergenceKind::{Effect, Error, Failure, Leak, Refusal};
        if self == observed {
            return None;
        }
        Some(match (self, observed) {
            (_, Self::Denied { status: 500.., .. }) => Failure,
            (Self::Denied { .. }, Self::Denied { .. }) => Error,
            (Self::Denied { .. }, Self::Allowed)
            | (Self::Given(false), Self::Given(true))
            | (Self::Alike(_), _) => Leak,
            (Self::Allowed, Self::Denied { .. }) | (Self::Given(true), Self::Given(false)) => {
                Refusal
            }
            // Whoever never was a member, and who left, is not joined.
            (Self::Membership(Membership::Never), Self::Membership(Membership::Leave))
            | (Self::Membership(Membership::Leave), Self::Membership(Membership::Never)) => {
                return None;
            }
            _ => Effect,
        })
    }
}
