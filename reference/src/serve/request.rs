//! Requests: from HTTP to the reference.

use axum::extract::{Query, RawPathParams, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;
use guest_access_rules::endpoint::EndpointId;
use ruma::RoomId;
use ruma::api::error::FromHttpRequestError;
use ruma::api::{IncomingRequest, IncomingRequestExt, OutgoingResponse};
use serde::de::DeserializeOwned;

use super::credentials::RequestCredentials;
use super::failure::{Failure, MAX_BODY_BYTES};
use super::response::respond_completely;
use super::server::Server;

/// A request whose whole body the server has received.
#[derive(Clone)]
pub(super) struct BufferedRequest {
    head: Parts,
    body: Vec<u8>,
    /// The endpoint, if the table of endpoints has the endpoint.
    endpoint: Option<EndpointId>,
    /// The values of the variables of the path, in the order of the path.
    variables: Vec<String>,
    pub(super) credentials: RequestCredentials,
}

impl BufferedRequest {
    /// Receives the whole body of `request`.
    pub(super) async fn receive(
        request: Request,
        endpoint: Option<EndpointId>,
        variables: &RawPathParams,
    ) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let credentials = RequestCredentials::of(&head);
        let body =
            axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Failure::TooLarge)?;
        let variables = variables.iter().map(|(_, value)| value.to_owned()).collect();
        Ok(Self { head, body: body.into(), endpoint, variables, credentials })
    }

    /// Parses the request with ruma. If that fails, a caller who may not call the endpoint gets the
    /// refusal, and not what is wrong with the request.
    pub(super) fn parse<R: IncomingRequest>(&self, server: &Server) -> Result<R, Failure> {
        let mut parsed = self.parse_with_body::<R>(&self.body);
        // Clients leave out the body if every field of the body is optional.
        if parsed.is_err() && self.body.is_empty() && self.head.method == Method::POST {
            parsed = self.parse_with_body(b"{}");
        }
        if parsed.is_err() {
            self.admit(server)?;
        }
        Ok(parsed?)
    }

    fn parse_with_body<R: IncomingRequest>(&self, body: &[u8]) -> Result<R, FromHttpRequestError> {
        let mut request = axum::http::Request::new(body);
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = self.head.uri.clone();
        *request.headers_mut() = self.head.headers.clone();
        let variables: Vec<_> = self.variables.iter().map(String::as_str).collect();
        R::try_from_http_request(request, &variables)
    }

    /// Refuses a caller who may not call the endpoint at all.
    pub(super) fn admit(&self, server: &Server) -> Result<(), Failure> {
        let Some(endpoint) = self.endpoint else {
            return Ok(());
        };
        let names = endpoint.get().path.split('/').filter(|part| part.starts_with('{'));
        let mut named = names.zip(&self.variables);
        let room = named.find(|(name, _)| ["{roomId}", "{roomIdOrAlias}"].contains(name));
        let room = room.and_then(|(_, id)| <&RoomId>::try_from(id.as_str()).ok());
        server.call(|reference| {
            reference.call(&self.credentials.as_reference_credentials(), endpoint, room)
        })?;
        Ok(())
    }

    /// The response to this request.
    pub(super) fn respond(&self, response: impl OutgoingResponse) -> Response {
        respond_completely(self.endpoint, response)
    }

    /// The method.
    pub(super) fn method(&self) -> &Method {
        &self.head.method
    }

    /// The path.
    pub(super) fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// The `guest_access_token` of the body, by which a guest upgrades.
    pub(super) fn guest_token(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get("guest_access_token")?.as_str()?.to_owned())
    }

    /// Parses the body as `T`, where the type of ruma lacks something.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(serde_json::from_slice(&self.body).map_err(FromHttpRequestError::from)?)
    }

    /// Parses the query as `T`, where the type of ruma lacks something. If that fails, see
    /// [`Self::parse`].
    pub(super) fn query<T: DeserializeOwned>(&self, server: &Server) -> Result<T, Failure> {
        match Query::<T>::try_from_uri(&self.head.uri) {
            Ok(Query(query)) => Ok(query),
            Err(error) => {
                self.admit(server)?;
                Err(Failure::Query(error.body_text()))
            }
        }
    }
}
