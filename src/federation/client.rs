//! Signed requests to other servers.

use std::sync::Arc;
use std::time::Duration;

use ruma::api::federation::authentication::ServerSignatures;
use ruma::api::federation::discovery::get_server_version;
use ruma::api::path_builder::SinglePath;
use ruma::api::{IncomingResponseExt, Metadata, OutgoingRequest, OutgoingRequestExt};
use ruma::{CanonicalJsonObject, OwnedServerName};
use serde::Deserialize;

use crate::error_text::causes;

use super::error::FederationError;
use super::identity::ServerIdentity;

/// The largest number of bytes in an answer.
const MOST_BYTES: usize = 16_000_000;
/// The most characters of a server's error message that an error keeps.
const LONGEST_MESSAGE: usize = 200;

/// Where requests to a server go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name of the server.
    pub name: OwnedServerName,
    /// The address, without a slash at the end.
    pub url: String,
}

/// Makes requests to other servers, signed by one server.
#[derive(Debug, Clone)]
pub struct FederationClient {
    http: reqwest::Client,
    identity: Arc<ServerIdentity>,
    timeout: Duration,
}

impl FederationClient {
    /// A client that signs by `identity` and waits for an answer at most for `timeout`.
    ///
    /// The certificate of a server is not verified: test servers sign their own. What matters is signed
    /// otherwise: the events, and the requests.
    ///
    /// # Errors
    /// If the HTTP library cannot be set up.
    pub fn new(identity: Arc<ServerIdentity>, timeout: Duration) -> Result<Self, FederationError> {
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .tls_danger_accept_invalid_certs(true)
            .user_agent(concat!("guest-access/", env!("CARGO_PKG_VERSION")))
            .build();
        let http = http.map_err(|error| FederationError::NoAnswer {
            call: "the first call".to_owned(),
            why: causes(&error),
        })?;
        Ok(Self { http, identity, timeout })
    }

    /// The identity that signs.
    pub fn identity(&self) -> &ServerIdentity {
        &self.identity
    }

    /// Makes a signed request.
    ///
    /// # Errors
    /// If no answer comes, the server refuses, or the answer has another form than the specification
    /// says.
    pub async fn call<R>(
        &self,
        to: &Endpoint,
        request: R,
    ) -> Result<R::IncomingResponse, FederationError>
    where
        R: OutgoingRequest<PathBuilder = SinglePath, Authentication = ServerSignatures>,
    {
        let (status, body) = self.send_signed(to, request).await?;
        let unfit = |why: String| FederationError::Unfit { call: name_of::<R>(), why };
        let answer = http::Response::builder()
            .status(status)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body.as_slice());
        let answer = answer.map_err(|error| unfit(error.to_string()))?;
        R::IncomingResponse::try_from_http_response(answer)
            .map_err(|error| unfit(error.to_string()))
    }

    /// Makes a signed request, and returns the answer as it is.
    ///
    /// # Errors
    /// If no answer comes, the server refuses, or the answer is no JSON.
    pub async fn call_raw<R>(
        &self,
        to: &Endpoint,
        request: R,
    ) -> Result<serde_json::Value, FederationError>
    where
        R: OutgoingRequest<PathBuilder = SinglePath, Authentication = ServerSignatures>,
    {
        let (_, body) = self.send_signed(to, request).await?;
        let unfit = |why: String| FederationError::Unfit { call: name_of::<R>(), why };
        serde_json::from_slice(&body).map_err(|error| unfit(error.to_string()))
    }

    async fn send_signed<R>(
        &self,
        to: &Endpoint,
        request: R,
    ) -> Result<(u16, Vec<u8>), FederationError>
    where
        R: OutgoingRequest<PathBuilder = SinglePath, Authentication = ServerSignatures>,
    {
        let call = name_of::<R>();
        let input = self.identity.signing_input(&to.name);
        let request = request.try_into_http_request::<Vec<u8>>(&to.url, input, ());
        let request = request.map_err(|error| FederationError::Unwritable {
            call: call.clone(),
            why: error.to_string(),
        })?;
        self.send(&call, request).await
    }

    /// The document of the keys of the server at this address.
    ///
    /// # Errors
    /// If no answer comes, or the answer is no document.
    pub async fn key_document(&self, url: &str) -> Result<CanonicalJsonObject, FederationError> {
        let call = "GET /_matrix/key/v2/server";
        self.get(call, format!("{url}/_matrix/key/v2/server")).await
    }

    /// Checks that a server-server API answers at this address.
    ///
    /// # Errors
    /// If no answer comes, or another one.
    pub async fn version(&self, url: &str) -> Result<(), FederationError> {
        let path = <get_server_version::v1::Request as Metadata>::PATH_BUILDER.path();
        let answer: serde_json::Value = self.get("GET version", format!("{url}{path}")).await?;
        drop(answer);
        Ok(())
    }

    async fn get<T: for<'a> Deserialize<'a>>(
        &self,
        call: &str,
        url: String,
    ) -> Result<T, FederationError> {
        let request = http::Request::get(url).body(Vec::new());
        let request = request.map_err(|error| FederationError::Unwritable {
            call: call.to_owned(),
            why: error.to_string(),
        })?;
        let (_, body) = self.send(call, request).await?;
        serde_json::from_slice(&body).map_err(|error| FederationError::Unfit {
            call: call.to_owned(),
            why: error.to_string(),
        })
    }

    /// Sends a request, and returns the status and the body of an answer that allows the call.
    async fn send(
        &self,
        call: &str,
        request: http::Request<Vec<u8>>,
    ) -> Result<(u16, Vec<u8>), FederationError> {
        let failed = |error: reqwest::Error| {
            let call = call.to_owned();
            if error.is_timeout() {
                return FederationError::Silent { call, after: self.timeout };
            }
            FederationError::NoAnswer { call, why: causes(&error.without_url()) }
        };
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut answer = self.http.execute(request).await.map_err(failed)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > MOST_BYTES {
                let call = call.to_owned();
                return Err(FederationError::TooLarge { call, limit: MOST_BYTES });
            }
            body.extend_from_slice(&part);
        }
        if (200..300).contains(&status) {
            Ok((status, body))
        } else {
            Err(refused(call, status, &body))
        }
    }
}

/// The method and the path of an endpoint.
fn name_of<R: Metadata<PathBuilder = SinglePath>>() -> String {
    format!("{} {}", R::METHOD, R::PATH_BUILDER.path())
}

/// The fields of the body of an error.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    errcode: Option<String>,
    error: Option<String>,
}

fn refused(call: &str, status: u16, body: &[u8]) -> FederationError {
    let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let short = |text: String| -> String {
        text.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
    };
    FederationError::Refused {
        call: call.to_owned(),
        status,
        errcode: body.errcode.map(short),
        message: body.error.map(short),
    }
}
