//! The table of the endpoints that the server has, each with its handler.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use guest_access_rules::endpoint::{EndpointId, path_pattern};
use ruma::api::path_builder::PathBuilder;
use ruma::api::{IncomingRequest, Metadata};

use super::failure::Failure;
use super::handler::Handler;
use super::request::BufferedRequest;
use super::server::Server;
use super::staged_call;
use crate::reference::{Answer, Credentials, Reference};

/// The endpoints of the server, each with its handler.
#[derive(Default)]
pub(super) struct EndpointTable {
    router: Router<Server>,
    /// The endpoints of the specification that have a handler.
    handled: BTreeSet<EndpointId>,
}

impl EndpointTable {
    /// Adds an endpoint that one method of the reference answers.
    pub(super) fn call<R>(
        self,
        call: fn(&mut Reference, &Credentials<'_>, &R) -> Answer<R::OutgoingResponse>,
    ) -> Self
    where
        R: IncomingRequest + Send + 'static,
    {
        self.handle::<R, _>(move |server, request| async move {
            let parsed = request.parse::<R>(&server)?;
            let credentials = request.credentials.as_reference_credentials();
            let granted = server.call(|reference| call(reference, &credentials, &parsed))?;
            Ok(request.respond(granted.response))
        })
    }

    /// Adds an endpoint with a handler of its own. `R` has the paths and the method.
    pub(super) fn handle<R, Answered>(
        mut self,
        handle: impl Fn(Server, BufferedRequest) -> Answered + Send + Sync + 'static,
    ) -> Self
    where
        R: Metadata,
        Answered: Future<Output = Result<Response, Failure>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |server, request| Box::pin(handle(server, request)));
        let paths: BTreeSet<_> = R::PATH_BUILDER.all_paths().map(path_pattern).collect();
        let endpoint = EndpointId::all().find(|endpoint| {
            endpoint.get().method() == R::METHOD.as_str()
                && paths.contains(&path_pattern(&endpoint.get().path))
        });
        self.handled.extend(endpoint);
        for path in paths {
            self = self.route(&R::METHOD, &path, endpoint, &handler);
        }
        self
    }

    /// Adds the others of these endpoints. A caller who may not call the endpoint gets the
    /// refusal; every other caller gets [`Failure::NotImplemented`].
    pub(super) fn with_unimplemented_endpoints(
        mut self,
        endpoints: impl Iterator<Item = EndpointId>,
    ) -> Self {
        let rest: Vec<_> = endpoints.filter(|id| !self.handled.contains(id)).collect();
        let handler: Handler = Arc::new(|server, request| {
            let unimplemented = request.admit(&server).and(Err(Failure::NotImplemented));
            Box::pin(std::future::ready(unimplemented))
        });
        for endpoint in rest {
            let method: Method = endpoint.get().method().parse().expect("the table has methods");
            let path = path_pattern(&endpoint.get().path);
            let older = path.replacen("/v3/", "/r0/", 1);
            for path in BTreeSet::from([path, older]) {
                self = self.route(&method, &path, Some(endpoint), &handler);
            }
        }
        self
    }

    /// The table as a router of axum.
    pub(super) fn into_router(self) -> Router<Server> {
        self.router
    }

    fn route(
        mut self,
        method: &Method,
        path: &str,
        endpoint: Option<EndpointId>,
        handler: &Handler,
    ) -> Self {
        let method = MethodFilter::try_from(method.clone()).expect("the method is a usual one");
        let handler = Arc::clone(handler);
        let service = move |State(server): State<Server>,
                            variables: Result<RawPathParams, RawPathParamsRejection>,
                            request: Request| {
            let handler = Arc::clone(&handler);
            async move {
                let variables = variables.map_err(|_| Failure::Path)?;
                let request = BufferedRequest::receive(request, endpoint, &variables).await?;
                staged_call::answer(server, request, &handler).await
            }
        };
        // A client may leave out an empty state key, and the slash before the state key.
        if let Some(short) = path.strip_suffix("/state/{1}/{2}") {
            for path in [format!("{short}/state/{{1}}/"), format!("{short}/state/{{1}}")] {
                self.router = self.router.route(&path, on(method, service.clone()));
            }
        }
        self.router = self.router.route(path, on(method, service));
        self
    }
}
