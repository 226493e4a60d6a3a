//! Why a step was not compared with the rules.

use serde::Serialize;

/// The kind of reason for which a step was not compared.
///
/// A *permitted* reason says nothing against the run: everything that the homeserver offers was compared.
/// After a *failure*, a comparison is missing that should have been made, so the run has no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotRunKind {
    /// The initial state of the scenario could not be set up.
    SetUp,
    /// A proxy answered with a status from 500 on and without an error code, or the homeserver did so to
    /// a call that is not compared itself.
    ServerFailure,
    /// The answer does not have the form that the specification says, or is too large.
    Malformed,
    /// The answer did not come in time.
    Timeout,
    /// The answer is a redirect, which the client does not follow.
    Redirect,
    /// The homeserver could not be reached, or broke off while it answered.
    Connection,
    /// The homeserver limited the rate for longer than the client waits.
    RateLimit,
    /// The homeserver asked for more authentication than the run can give.
    Authentication,
    /// The homeserver refused another call that the step needs.
    Refused,
    /// The effect of the step on memberships or events could not be read.
    EffectUnseen,
    /// The same calls led to another state when they were made again.
    NotRepeatable,
    /// A time limit or an interrupt ended the run.
    Stopped,
    /// The homeserver does not implement the endpoint.
    NotImplemented,
    /// No client can ask for the step over HTTP.
    NotOverHttp,
    /// The rules do not say what the answer or the effect of the call has to be.
    BeyondTheRules,
    /// The homeserver refuses the made-up parameters of the call to ordinary users too.
    ParametersRejected,
    /// An earlier step diverged, followed another reading, or was not run for a permitted reason, and
    /// made the step impossible.
    Consequence,
}

impl NotRunKind {
    /// Whether the reason is a failure, and not permitted.
    pub const fn is_failure(self) -> bool {
        !matches!(
            self,
            Self::NotImplemented
                | Self::NotOverHttp
                | Self::BeyondTheRules
                | Self::ParametersRejected
                | Self::Consequence
        )
    }

    /// The kind for steps that a step with this reason made impossible.
    #[must_use]
    pub const fn of_consequence(self) -> Self {
        if self.is_failure() { self } else { Self::Consequence }
    }
}

/// Why a step was not compared: the kind, and a text. The text may quote a homeserver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotRunReason {
    /// The kind.
    pub kind: NotRunKind,
    /// The reason in words.
    pub because: String,
}

impl NotRunReason {
    /// The reason of this kind, in these words.
    pub fn new(kind: NotRunKind, because: impl Into<String>) -> Self {
        Self { kind, because: because.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failure_makes_impossible_is_a_failure_too() {
        assert_eq!(NotRunKind::Timeout.of_consequence(), NotRunKind::Timeout);
        let permitted = NotRunKind::NotImplemented.of_consequence();
        assert_eq!(permitted, NotRunKind::Consequence);
        assert!(!permitted.is_failure());
    }
}
