//! Responses, as HTTP has them.

use axum::body::Body;
use axum::http::{Response as HttpResponse, StatusCode};
use axum::response::{IntoResponse, Response};
use ruma::api::{OutgoingResponse, OutgoingResponseExt};

/// A response, written by ruma.
pub(super) fn respond(response: impl OutgoingResponse) -> Response {
    let written = response.try_into_http_response::<Vec<u8>>();
    written.map_or_else(
        |_| StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        |response: HttpResponse<_>| response.map(Body::from),
    )
}
