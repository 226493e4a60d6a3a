//! The router: finds the handler of a request, by method and path.

use axum::{Router, middleware};

use super::cors;
use super::endpoint_table::EndpointTable;
use super::failure::Failure;
use super::routes::routes;
use super::server::Server;

/// The router for every request to `server`.
pub(super) fn router(server: Server) -> Router {
    let endpoints: Vec<_> = server.call(|reference| reference.profile().every_endpoint().collect());
    routes(EndpointTable::default())
        .with_unimplemented_endpoints(endpoints.into_iter())
        .into_router()
        .fallback(async || Failure::UnknownEndpoint)
        .method_not_allowed_fallback(async || Failure::WrongMethod)
        .layer(middleware::from_fn(cors::allow))
        .with_state(server)
}
