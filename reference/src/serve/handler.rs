//! Handlers: what answers the requests to one endpoint.

use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;

use super::failure::Failure;
use super::request::BufferedRequest;
use super::server::Server;

/// Answers the requests to one endpoint. All handlers have this one type, so that the code around a
/// handler is compiled once and not once for each endpoint.
pub(super) type Handler = Arc<
    dyn Fn(Server, BufferedRequest) -> BoxFuture<'static, Result<Response, Failure>> + Send + Sync,
>;
