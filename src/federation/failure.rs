//! Failures of requests from other servers.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::{FederationError, RoomError};

/// Why a request gets an error: the status, the error code, and a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) errcode: &'static str,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(status: u16, errcode: &'static str, message: impl Into<String>) -> Self {
        Self { status, errcode, message: message.into() }
    }

    /// The failure of a request for something that this server does not have.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "M_NOT_FOUND", message)
    }

    /// The failure of a request that the server may not make.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "M_FORBIDDEN", message)
    }

    /// The failure of a request whose content is wrong.
    pub(super) fn bad_json(message: impl Into<String>) -> Self {
        Self::new(400, "M_BAD_JSON", message)
    }

    /// The failure of a request that is not signed as it has to be.
    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "M_UNAUTHORIZED", message)
    }
}

impl From<FederationError> for Failure {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::UnknownRoom { .. } => Self::not_found(error.to_string()),
            FederationError::Room(error) => error.into(),
            _ => Self::forbidden(error.to_string()),
        }
    }
}

impl From<RoomError> for Failure {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Missing { .. } => Self::not_found(error.to_string()),
            _ => Self::bad_json(error.to_string()),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let body = json!({ "errcode": self.errcode, "error": self.message });
        json_response(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &body)
    }
}

/// A response with a JSON body.
pub(super) fn json_response(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let text = serde_json::to_vec(body).unwrap_or_default();
    let header = [(axum::http::header::CONTENT_TYPE, "application/json")];
    (status, header, text).into_response()
}
