//! Failures: why a request gets an error, and the error as a response.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use guest_access_rules::vocabulary::Decision;
use ruma::api::error::{
    DeserializationError, ErrorBody, ErrorKind, FromHttpRequestError, StandardErrorBody,
};
use serde_json::error::Category;
use serde_json::json;

use super::response::respond;
use crate::reference::Refusal;

/// How many bytes the body of a request may have.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Why a request gets an error as its response.
#[derive(Debug)]
pub(super) enum Failure {
    /// The reference refuses the call.
    Refused(Decision),
    /// ruma cannot parse the request.
    Unreadable(FromHttpRequestError),
    /// The query cannot be parsed.
    Query(String),
    /// The path is not UTF-8.
    Path,
    /// The body is larger than [`MAX_BODY_BYTES`].
    TooLarge,
    /// No endpoint has this path.
    UnknownEndpoint,
    /// An endpoint has this path, with another method.
    WrongMethod,
    /// The caller may call the endpoint, and the reference does not implement the endpoint.
    NotImplemented,
}

impl From<Refusal> for Failure {
    fn from(Refusal(decision): Refusal) -> Self {
        Self::Refused(decision)
    }
}

impl From<FromHttpRequestError> for Failure {
    fn from(error: FromHttpRequestError) -> Self {
        Self::Unreadable(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let bad_request = StatusCode::BAD_REQUEST;
        let (status, kind, message) = match self {
            Self::Refused(decision) => {
                let status = StatusCode::from_u16(decision.status);
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let errcode = match decision.errcode {
                    Some(errcode) => errcode.as_str(),
                    None if status == StatusCode::PAYLOAD_TOO_LARGE => "M_TOO_LARGE",
                    None => "M_UNKNOWN",
                };
                let body = json!({ "errcode": errcode, "error": decision.because });
                return respond(ErrorBody::Json(body).into_error(status));
            }
            Self::Unreadable(error) => (bad_request, error_kind(&error), error.to_string()),
            Self::Query(why) => (bad_request, ErrorKind::InvalidParam, why),
            Self::Path => {
                (bad_request, ErrorKind::InvalidParam, "the path is not UTF-8".to_owned())
            }
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorKind::TooLarge,
                format!("the body is larger than {MAX_BODY_BYTES} bytes"),
            ),
            Self::UnknownEndpoint => (
                StatusCode::NOT_FOUND,
                ErrorKind::Unrecognized,
                "there is no such endpoint".to_owned(),
            ),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                ErrorKind::Unrecognized,
                "the endpoint has no such method".to_owned(),
            ),
            Self::NotImplemented => (
                StatusCode::NOT_FOUND,
                ErrorKind::Unrecognized,
                "the caller may call the endpoint, and this server does not have it".to_owned(),
            ),
        };
        let body = ErrorBody::Standard(StandardErrorBody::new(kind, message));
        respond(body.into_error(status))
    }
}

/// The error code for a request that ruma cannot parse.
fn error_kind(error: &FromHttpRequestError) -> ErrorKind {
    match error {
        FromHttpRequestError::Deserialization(DeserializationError::Json(json)) => {
            match json.classify() {
                Category::Syntax | Category::Eof | Category::Io => ErrorKind::NotJson,
                Category::Data => ErrorKind::BadJson,
            }
        }
        _ => ErrorKind::InvalidParam,
    }
}
