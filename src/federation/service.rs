//! The server-server API over HTTP: from requests to the homeserver, and back.

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on};
use futures_util::future::BoxFuture;
use ruma::ServerName;
use ruma::api::federation::authentication::{ServerSignatures, XMatrix};
use ruma::api::federation::authorization::get_event_authorization;
use ruma::api::federation::backfill::get_backfill;
use ruma::api::federation::device::get_devices;
use ruma::api::federation::event;
use ruma::api::federation::membership::{
    create_invite, create_join_event, create_leave_event, prepare_join_event, prepare_leave_event,
};
use ruma::api::federation::query::get_profile_information;
use ruma::api::federation::transactions::send_transaction_message;
use ruma::api::path_builder::SinglePath;
use ruma::api::{IncomingRequest, IncomingRequestExt, OutgoingResponse, OutgoingResponseExt};
use ruma::signatures::PublicKeyMap;
use serde_json::json;

use super::client::FederationClient;
use super::failure::{Failure, json_response};
use super::homeserver::{Homeserver, SharedHomeserver};
use super::keys::keys_of;
use super::transaction::receive_transaction;
use super::{membership, requests};

/// How many bytes the body of a request may have.
const MOST_BYTES: usize = 2_000_000;
/// How many events one transaction may have: the specification says 50.
const MOST_EVENTS: usize = 50;

/// What all handlers share.
#[derive(Debug, Clone)]
pub(super) struct Service {
    homeserver: SharedHomeserver,
    client: FederationClient,
}

/// A request whose body was received, and whose signature was verified.
struct SignedRequest {
    origin: ruma::OwnedServerName,
    request: axum::http::Request<Vec<u8>>,
    variables: Vec<String>,
}

impl Service {
    /// Receives a request, and verifies the signature of the server that sent it.
    async fn receive(
        &self,
        request: Request,
        variables: &RawPathParams,
    ) -> Result<SignedRequest, Failure> {
        let (head, body) = request.into_parts();
        let too_large = |_| Failure::new(413, "M_TOO_LARGE", "the body is too large");
        let body = axum::body::to_bytes(body, MOST_BYTES).await.map_err(too_large)?;
        let request = axum::http::Request::from_parts(head, Vec::from(body));
        let header = XMatrix::extract_from_http_headers(request.headers());
        let header = header.map_err(|error| Failure::unauthorized(error.to_string()))?;
        let origin = header.origin.clone();
        let wanted = [header.key.to_string()];
        let keys = keys_of(&self.homeserver, &self.client, &origin, &wanted).await;
        let keys = keys.map_err(|error| Failure::unauthorized(error.to_string()))?;
        let keys = PublicKeyMap::from([(origin.to_string(), keys)]);
        let name = self.homeserver.lock().name().to_owned();
        let verified = header.verify_http_request(&request, &name, &keys);
        verified.map_err(|error| Failure::unauthorized(error.to_string()))?;
        let variables = variables.iter().map(|(_, value)| value.to_owned()).collect();
        Ok(SignedRequest { origin, request, variables })
    }
}

impl SignedRequest {
    /// Parses the request with ruma.
    fn parse<R: IncomingRequest>(&self) -> Result<R, Failure> {
        let mut request = axum::http::Request::new(self.request.body().as_slice());
        *request.method_mut() = self.request.method().clone();
        *request.uri_mut() = self.request.uri().clone();
        *request.headers_mut() = self.request.headers().clone();
        let variables: Vec<_> = self.variables.iter().map(String::as_str).collect();
        let parsed = R::try_from_http_request(request, &variables);
        parsed.map_err(|error| Failure::bad_json(error.to_string()))
    }
}

/// A response, written by ruma.
fn respond(response: impl OutgoingResponse) -> Response {
    response.try_into_http_response::<Vec<u8>>().map_or_else(
        |_| StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        |response| response.map(Body::from),
    )
}

/// What answers the signed requests to one endpoint.
type Handler = fn(Service, SignedRequest) -> BoxFuture<'static, Result<Response, Failure>>;

/// Adds an endpoint whose requests are signed.
fn signed<R>(routes: Router<Service>, handler: Handler) -> Router<Service>
where
    R: ruma::api::Metadata<PathBuilder = SinglePath, Authentication = ServerSignatures>,
{
    let method = MethodFilter::try_from(R::METHOD).expect("the method is a usual one");
    let service = move |State(service): State<Service>,
                        variables: RawPathParams,
                        request: Request| async move {
        let request = service.receive(request, &variables).await?;
        handler(service, request).await
    };
    routes.route(R::PATH_BUILDER.path(), on(method, service))
}

/// Answers a request by one function of the homeserver.
fn query<R: IncomingRequest>(
    service: &Service,
    request: &SignedRequest,
    answer: fn(&Homeserver, &ServerName, &R) -> Result<R::OutgoingResponse, Failure>,
) -> BoxFuture<'static, Result<Response, Failure>> {
    let parsed = request.parse::<R>();
    let answer =
        parsed.and_then(|parsed| answer(&service.homeserver.lock(), &request.origin, &parsed));
    Box::pin(std::future::ready(answer.map(respond)))
}

/// Takes in a transaction.
fn transaction(
    service: Service,
    request: SignedRequest,
) -> BoxFuture<'static, Result<Response, Failure>> {
    Box::pin(async move {
        let parsed = request.parse::<send_transaction_message::v1::Request>()?;
        if parsed.pdus.len() > MOST_EVENTS {
            return Err(Failure::bad_json(format!("more than {MOST_EVENTS} events")));
        }
        let Service { homeserver, client } = &service;
        let pdus = receive_transaction(homeserver, client, &request.origin, &parsed.pdus).await;
        Ok(respond(send_transaction_message::v1::Response::new(pdus)))
    })
}

/// Takes in the event by which a user of another server joins.
fn send_join(
    service: Service,
    request: SignedRequest,
) -> BoxFuture<'static, Result<Response, Failure>> {
    Box::pin(async move {
        let parsed = request.parse::<create_join_event::v2::Request>()?;
        let SignedRequest { origin, .. } = &request;
        Ok(respond(membership::join(&service.homeserver, &service.client, origin, parsed).await?))
    })
}

/// Takes in the event by which a user of another server leaves.
fn send_leave(
    service: Service,
    request: SignedRequest,
) -> BoxFuture<'static, Result<Response, Failure>> {
    Box::pin(async move {
        let parsed = request.parse::<create_leave_event::v2::Request>()?;
        let SignedRequest { origin, .. } = &request;
        Ok(respond(membership::leave(&service.homeserver, &service.client, origin, parsed).await?))
    })
}

/// Takes in the invite of a user of this server.
fn invite(
    service: Service,
    request: SignedRequest,
) -> BoxFuture<'static, Result<Response, Failure>> {
    Box::pin(async move {
        let parsed = request.parse::<create_invite::v2::Request>()?;
        let SignedRequest { origin, .. } = &request;
        Ok(respond(membership::invite(&service.homeserver, &service.client, origin, parsed).await?))
    })
}

/// The router for every request.
pub(super) fn router(homeserver: SharedHomeserver, client: FederationClient) -> Router {
    use event::{get_event, get_missing_events, get_room_state, get_room_state_ids};
    let mut all = Router::new();
    all = signed::<get_event::v1::Request>(all, |s, r| query(&s, &r, requests::event));
    all = signed::<get_room_state::v1::Request>(all, |s, r| query(&s, &r, requests::state));
    all = signed::<get_room_state_ids::v1::Request>(all, |s, r| query(&s, &r, requests::state_ids));
    all = signed::<get_missing_events::v1::Request>(all, |s, r| {
        query(&s, &r, requests::missing_events)
    });
    all = signed::<get_event_authorization::v1::Request>(all, |s, r| {
        query(&s, &r, requests::event_auth)
    });
    all = signed::<get_backfill::v1::Request>(all, |s, r| query(&s, &r, requests::backfill));
    all = signed::<prepare_join_event::v1::Request>(all, |s, r| query(&s, &r, requests::make_join));
    all =
        signed::<prepare_leave_event::v1::Request>(all, |s, r| query(&s, &r, requests::make_leave));
    all = signed::<get_profile_information::v1::Request>(all, |s, r| {
        query(&s, &r, requests::profile)
    });
    all = signed::<get_devices::v1::Request>(all, |s, r| query(&s, &r, requests::devices));
    all = signed::<send_transaction_message::v1::Request>(all, transaction);
    all = signed::<create_join_event::v2::Request>(all, send_join);
    all = signed::<create_leave_event::v2::Request>(all, send_leave);
    all = signed::<create_invite::v2::Request>(all, invite);
    all.route("/_matrix/key/v2/server", get(keys))
        .route("/_matrix/federation/v1/version", get(version))
        .fallback(async || Failure::new(404, "M_UNRECOGNIZED", "there is no such endpoint"))
        .method_not_allowed_fallback(async || {
            Failure::new(405, "M_UNRECOGNIZED", "the endpoint has no such method")
        })
        .with_state(Service { homeserver, client })
}

/// The keys of this server.
async fn keys(State(service): State<Service>) -> Result<Response, Failure> {
    /// How long other servers may keep the keys, in milliseconds: an hour.
    const KEPT: i64 = 3_600_000;
    let now: i64 = ruma::MilliSecondsSinceUnixEpoch::now().get().into();
    let document = service.homeserver.lock().identity().key_document(now.saturating_add(KEPT));
    let document = document.map_err(|error| Failure::new(500, "M_UNKNOWN", error.to_string()))?;
    Ok(json_response(StatusCode::OK, &document))
}

/// The name and the version of this program.
async fn version() -> Response {
    let server = json!({ "name": "guest-access", "version": env!("CARGO_PKG_VERSION") });
    json_response(StatusCode::OK, &json!({ "server": server }))
}
