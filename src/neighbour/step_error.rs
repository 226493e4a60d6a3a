//! Why a step of a scenario could not be taken.

use crate::federation::{FederationError, RoomError};
use crate::subject::server::{NotRunKind, NotRunReason, ServerError};

/// Why a step could not be taken.
#[derive(Debug)]
pub(super) struct StepError {
    /// The reason.
    pub(super) reason: NotRunReason,
    /// The error of a homeserver that may be gone.
    pub(super) broken: Option<ServerError>,
}

impl StepError {
    pub(super) fn new(kind: NotRunKind, because: impl Into<String>) -> Self {
        Self { reason: NotRunReason::new(kind, because), broken: None }
    }
}

impl From<ServerError> for StepError {
    fn from(error: ServerError) -> Self {
        let reason = error.not_run();
        Self { reason, broken: error.is_broken_line().then_some(error) }
    }
}

impl From<FederationError> for StepError {
    fn from(error: FederationError) -> Self {
        let kind = match &error {
            FederationError::NoAnswer { .. } => NotRunKind::Connection,
            FederationError::Silent { .. } => NotRunKind::Timeout,
            FederationError::TooLarge { .. } | FederationError::Unfit { .. } => {
                NotRunKind::Malformed
            }
            FederationError::Refused { status: 500.., .. } => NotRunKind::ServerFailure,
            FederationError::Refused { .. } => NotRunKind::Refused,
            _ => NotRunKind::SetUp,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<RoomError> for StepError {
    fn from(error: RoomError) -> Self {
        Self::new(NotRunKind::SetUp, error.to_string())
    }
}
