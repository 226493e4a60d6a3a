//! From what came over HTTP to the reference, and back.

use axum::body::Body;
use axum::extract::{Query, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{Method, Response as HttpResponse, StatusCode};
use axum::response::{IntoResponse, Response};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::vocabulary::Decision;
use ruma::RoomId;
use ruma::api::error::{
    DeserializationError, ErrorBody, ErrorKind, FromHttpRequestError, StandardErrorBody,
};
use ruma::api::{IncomingRequest, IncomingRequestExt, OutgoingResponse, OutgoingResponseExt};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::json;

use super::Server;
use super::token::Shown;
use crate::reference::{Answer, Refusal};

/// How large a body may be.
const LARGEST: usize = 8 * 1024 * 1024;

/// A request that has arrived whole.
#[derive(Clone)]
pub(super) struct Arrived {
    head: Parts,
    body: Vec<u8>,
    /// The endpoint, if the specification's table knows it.
    endpoint: Option<EndpointId>,
    /// The variables of the path, in its order.
    variables: Vec<String>,
    /// What it shows of its caller.
    pub(super) shown: Shown,
}

impl Arrived {
    /// Waits for all of `request`.
    pub(super) async fn whole(
        request: Request,
        endpoint: Option<EndpointId>,
        variables: &RawPathParams,
    ) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let shown = Shown::by(&head);
        let body = axum::body::to_bytes(body, LARGEST).await.map_err(|_| Failure::TooLarge)?;
        let variables = variables.iter().map(|(_, value)| value.to_owned()).collect();
        Ok(Self { head, body: body.into(), endpoint, variables, shown })
    }

    /// The request as ruma reads it. Whoever may not call the endpoint at all is told that, and not
    /// what is wrong with the request.
    pub(super) fn read<R: IncomingRequest>(&self, server: &Server) -> Result<R, Failure> {
        let mut read = self.read_with::<R>(&self.body);
        // Clients leave out an object in which everything may be left out.
        if read.is_err() && self.body.is_empty() && self.head.method == Method::POST {
            read = self.read_with(b"{}");
        }
        if read.is_err() {
            self.admit(server)?;
        }
        Ok(read?)
    }

    fn read_with<R: IncomingRequest>(&self, body: &[u8]) -> Result<R, FromHttpRequestError> {
        let mut request = axum::http::Request::new(body);
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = self.head.uri.clone();
        *request.headers_mut() = self.head.headers.clone();
        let variables: Vec<_> = self.variables.iter().map(String::as_str).collect();
        R::try_from_http_request(request, &variables)
    }

    /// Whether the caller may call the endpoint at all.
    pub(super) fn admit(&self, server: &Server) -> Result<(), Failure> {
        let Some(endpoint) = self.endpoint else {
            return Ok(());
        };
        let names = endpoint.get().path.split('/').filter(|part| part.starts_with('{'));
        let room = names.zip(&self.variables).find(|(name, _)| *name == "{roomId}");
        let room = room.and_then(|(_, id)| <&RoomId>::try_from(id.as_str()).ok());
        server.call(|reference| reference.call(&self.shown.credentials(), endpoint, room))?;
        Ok(())
    }

    /// Its method.
    pub(super) fn method(&self) -> &Method {
        &self.head.method
    }

    /// Its path.
    pub(super) fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// The token of a guest that asks to be upgraded.
    pub(super) fn guest_token(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get("guest_access_token")?.as_str()?.to_owned())
    }

    /// What the body says, where ruma's type is not enough.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(serde_json::from_slice(&self.body).map_err(FromHttpRequestError::from)?)
    }

    /// What the query says, where ruma's type leaves something out. See [`Self::read`].
    pub(super) fn query<T: DeserializeOwned>(&self, server: &Server) -> Result<T, Failure> {
        match Query::<T>::try_from_uri(&self.head.uri) {
            Ok(Query(said)) => Ok(said),
            Err(error) => {
                self.admit(server)?;
                Err(Failure::Query(error.body_text()))
            }
        }
    }
}

/// Why a request was not answered as its caller wished.
#[derive(Debug)]
pub(super) enum Failure {
    /// The reference refuses it.
    Refused(Decision),
    /// It cannot be read.
    Unreadable(FromHttpRequestError),
    /// Its query cannot be read.
    Query(String),
    /// Its path is not UTF-8.
    Path,
    /// It is too large.
    TooLarge,
    /// There is no such endpoint.
    UnknownEndpoint,
    /// There is such an endpoint, with another method.
    WrongMethod,
    /// There is such an endpoint, the caller may call it, and the reference has nothing to say.
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
        let wrong = StatusCode::BAD_REQUEST;
        let (status, kind, message) = match self {
            Self::Refused(decision) => {
                let status = StatusCode::from_u16(decision.status);
                let errcode = decision.errcode.map_or("M_UNKNOWN", |errcode| errcode.as_str());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let body = json!({ "errcode": errcode, "error": decision.because });
                return respond(ErrorBody::Json(body).into_error(status));
            }
            Self::Unreadable(unreadable) => (wrong, kind_of(&unreadable), unreadable.to_string()),
            Self::Query(why) => (wrong, ErrorKind::InvalidParam, why),
            Self::Path => (wrong, ErrorKind::InvalidParam, "the path is not UTF-8".to_owned()),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorKind::TooLarge,
                format!("the body is larger than {LARGEST} bytes"),
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

/// Which error it is that a request cannot be read.
fn kind_of(error: &FromHttpRequestError) -> ErrorKind {
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

/// What came of a call, as a response.
pub(super) fn answer<T: OutgoingResponse>(answer: Answer<T>) -> Result<Response, Failure> {
    Ok(respond(answer?.response))
}

/// A response as ruma writes it.
pub(super) fn respond(response: impl OutgoingResponse) -> Response {
    let written = response.try_into_http_response::<Vec<u8>>();
    written.map_or_else(
        |_| StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        |response: HttpResponse<_>| response.map(Body::from),
    )
}
