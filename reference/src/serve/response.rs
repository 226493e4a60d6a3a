//! Responses, as HTTP has them.

use axum::body::Body;
use axum::http::{Response as HttpResponse, StatusCode};
use axum::response::{IntoResponse, Response};
use guest_access_rules::endpoint::EndpointId;
use ruma::api::{OutgoingResponse, OutgoingResponseExt};

use super::always_sent::complete;

/// A response, written by ruma.
pub(super) fn respond(response: impl OutgoingResponse) -> Response {
    respond_completely(None, response)
}

/// A response to a call of `endpoint`, with every field that the endpoint always sends.
pub(super) fn respond_completely(
    endpoint: Option<EndpointId>,
    response: impl OutgoingResponse,
) -> Response {
    let complete = |body| match endpoint {
        Some(endpoint) => complete(endpoint, body),
        None => body,
    };
    let written = response.try_into_http_response::<Vec<u8>>();
    written.map_or_else(
        |_| StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        |response: HttpResponse<_>| response.map(|body| Body::from(complete(body))),
    )
}
