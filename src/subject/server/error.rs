//! Why a homeserver could not be asked.

use std::time::Duration;

/// Why a homeserver could not be asked, or its answer not be used.
///
/// None of these is a refusal: a refusal is an answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address means no homeserver.
    #[error("`{url}` is no address of a homeserver ({why}); one is `http://127.0.0.1:8008`")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No connection comes about.
    #[error("the homeserver cannot be reached: {why}")]
    Unreachable {
        /// Why, as the library says.
        why: String,
    },
    /// The answer does not come in time.
    #[error("{call} was not answered within {}", humantime::format_duration(*.after))]
    Silent {
        /// The call.
        call: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection ended within the answer.
    #[error("the homeserver broke off while it answered {call}: {why}")]
    BrokeOff {
        /// The call.
        call: String,
        /// Why, as the library says.
        why: String,
    },
    /// The answer is larger than any sensible one.
    #[error("{call} was answered with more than {} MB, which is too large", limit / 1_000_000)]
    TooLarge {
        /// The call.
        call: String,
        /// How many bytes an answer may have.
        limit: usize,
    },
    /// The answer is not what the specification says.
    #[error("{call} was answered with {what}")]
    Unfit {
        /// The call.
        call: String,
        /// What was answered instead.
        what: String,
    },
    /// A call was answered with a redirect, which is not followed.
    #[error(
        "{call} was answered with a redirect ({status}), which is not followed; give the address of the homeserver itself"
    )]
    Redirected {
        /// The call.
        call: String,
        /// The status.
        status: u16,
    },
    /// A call without which there is nothing to look at was refused.
    #[error("{call} was refused: {answer}")]
    Refused {
        /// The call.
        call: String,
        /// The status and the error code.
        answer: String,
    },
    /// An action is not one call of a client.
    #[error("`{operation}` cannot be performed as one call: {why}")]
    NotOneCall {
        /// The operation of the action.
        operation: String,
        /// Why not.
        why: &'static str,
    },
    /// The server registers nobody in a way that is known here.
    #[error(
        "the homeserver registers no users in a way that this program can take ({why}); give accounts by `--user NAME:PASSWORD` or `--token TOKEN`, or a `--registration-token`"
    )]
    NoRegistration {
        /// What it asks for.
        why: String,
    },
}

impl ServerError {
    /// Whether the homeserver may be gone: the call did not come through at all.
    pub fn is_broken_line(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Silent { .. } | Self::BrokeOff { .. })
    }

    /// Whether it is the command line that is wrong, and not the homeserver.
    pub fn is_wrong_input(&self) -> bool {
        matches!(self, Self::Address { .. } | Self::NoRegistration { .. })
    }
}
