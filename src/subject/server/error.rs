//! The errors of calls to a homeserver.

use std::time::Duration;

use super::not_run::{NotRunKind, NotRunReason};

/// Why a call could not be made, or its response not be used.
///
/// A denial of a call under test is no error: it is an observation.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is no address of a homeserver.
    #[error("`{url}` is no address of a homeserver ({why}); one is `http://127.0.0.1:8008`")]
    Address {
        /// The address, without secrets.
        url: String,
        /// The fault of the address.
        why: String,
    },
    /// The client cannot connect.
    #[error("the homeserver cannot be reached: {why}")]
    Unreachable {
        /// The message of the HTTP library.
        why: String,
    },
    /// The response does not come in time.
    #[error("{call} was not answered within {}", humantime::format_duration(*.after))]
    Silent {
        /// The call.
        call: String,
        /// How long the client waited.
        after: Duration,
    },
    /// A time limit or an interrupt ended the run before the response came.
    #[error("the run was stopped before {call} was answered")]
    Stopped {
        /// The call.
        call: String,
    },
    /// The connection ended within the response.
    #[error("the homeserver broke off while it answered {call}: {why}")]
    BrokeOff {
        /// The call.
        call: String,
        /// The message of the HTTP library.
        why: String,
    },
    /// The response is too large.
    #[error("{call} was answered with more than {} MB, which is too large", limit / 1_000_000)]
    TooLarge {
        /// The call.
        call: String,
        /// The largest number of bytes in a response.
        limit: usize,
    },
    /// The response does not have the form that the specification says.
    #[error("{call} was answered with {what}")]
    Unfit {
        /// The call.
        call: String,
        /// The fault of the response.
        what: String,
    },
    /// The response is a redirect, which the client does not follow.
    #[error(
        "{call} was answered with a redirect ({status}), which is not followed; give the address of the homeserver itself"
    )]
    Redirected {
        /// The call.
        call: String,
        /// The status.
        status: u16,
    },
    /// The homeserver refused a call that every session needs.
    #[error("{call} was refused: {answer}")]
    Refused {
        /// The call.
        call: String,
        /// The status.
        status: u16,
        /// The status and the error code.
        answer: String,
    },
    /// The homeserver does not implement an endpoint that only some sessions need.
    #[error("the homeserver does not implement {call}")]
    NotImplemented {
        /// The call.
        call: String,
    },
    /// An action is not one call of a client.
    #[error("`{operation}` cannot be performed as one call: {why}")]
    NotOneCall {
        /// The operation of the action.
        operation: String,
        /// Why not.
        why: &'static str,
    },
    /// The homeserver registers no guest, which the rules may permit.
    #[error(
        "the homeserver registers no guests ({answer}), so no scenario can be run; `docs/running.md` names the settings"
    )]
    NoGuests {
        /// The status and the error code of the homeserver, or what it asks for.
        answer: String,
    },
    /// The homeserver registers no user in a way that this program knows.
    #[error(
        "the homeserver registers no users in a way that this program can take ({why}); give accounts by `--user NAME:PASSWORD` or `--token TOKEN`, or a `--registration-token`"
    )]
    NoRegistration {
        /// What the homeserver asks for.
        why: String,
    },
}

impl ServerError {
    /// Whether the homeserver may be gone, or is no longer waited for: no whole response came.
    pub fn is_broken_line(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Silent { .. } | Self::BrokeOff { .. })
            || self.is_stop()
    }

    /// Whether a time limit or an interrupt ended the call, and not the homeserver.
    pub const fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }

    /// The kind of reason for which a step is not compared that the error ended.
    pub const fn not_run_kind(&self) -> NotRunKind {
        match self {
            Self::Unreachable { .. } | Self::BrokeOff { .. } => NotRunKind::Connection,
            Self::Silent { .. } => NotRunKind::Timeout,
            Self::Stopped { .. } => NotRunKind::Stopped,
            Self::TooLarge { .. } | Self::Unfit { .. } => NotRunKind::Malformed,
            Self::Redirected { .. } => NotRunKind::Redirect,
            Self::Refused { status: 500.., .. } => NotRunKind::ServerFailure,
            Self::Refused { status: 429, .. } => NotRunKind::RateLimit,
            Self::Refused { .. } => NotRunKind::Refused,
            Self::NotImplemented { .. } => NotRunKind::NotImplemented,
            Self::NotOneCall { .. } => NotRunKind::NotOverHttp,
            Self::Address { .. } | Self::NoGuests { .. } | Self::NoRegistration { .. } => {
                NotRunKind::SetUp
            }
        }
    }

    /// Why a step is not compared that the error ended.
    pub fn not_run(&self) -> NotRunReason {
        NotRunReason::new(self.not_run_kind(), self.to_string())
    }

    /// Whether the command line causes the error, and not the homeserver.
    pub fn is_wrong_input(&self) -> bool {
        matches!(self, Self::Address { .. } | Self::NoRegistration { .. })
    }
}
