//! Which endpoint a request is for, by its method and path.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use axum::{Router, middleware};
use futures_util::future::BoxFuture;
use guest_access_rules::endpoint::EndpointId;
use ruma::api::path_builder::PathBuilder;
use ruma::api::{IncomingRequest, Metadata};

use super::answer::{Arrived, Failure, answer};
use super::{Server, cors, routes};
use crate::reference::{Answer, Credentials, Reference};

/// What answers the requests to one endpoint. The type is the same for all of them, so that what is
/// around them is compiled once and not for each.
pub(super) type Handle =
    Arc<dyn Fn(Server, Arrived) -> BoxFuture<'static, Result<Response, Failure>> + Send + Sync>;

/// Everything that `server` answers.
pub(super) fn router(server: Server) -> Router {
    routes::routes(Table::default())
        .and_the_rest()
        .router
        .fallback(async || Failure::UnknownEndpoint)
        .method_not_allowed_fallback(async || Failure::WrongMethod)
        .layer(middleware::from_fn(cors::allow))
        .with_state(server)
}

/// The endpoints that have a place to be answered.
#[derive(Default)]
pub(super) struct Table {
    router: Router<Server>,
    /// Those of the specification's table.
    known: BTreeSet<EndpointId>,
}

impl Table {
    /// An endpoint that a method of the reference answers.
    pub(super) fn call<R>(
        self,
        call: fn(&mut Reference, &Credentials<'_>, &R) -> Answer<R::OutgoingResponse>,
    ) -> Self
    where
        R: IncomingRequest + Send + 'static,
    {
        self.handle::<R, _>(move |server, arrived| async move {
            let request = arrived.read::<R>(&server)?;
            let shown = &arrived.shown;
            answer(server.call(|reference| call(reference, &shown.credentials(), &request)))
        })
    }

    /// An endpoint that has more to it than one call: its paths and its method are those of `R`.
    pub(super) fn handle<R, Handled>(
        mut self,
        handle: impl Fn(Server, Arrived) -> Handled + Send + Sync + 'static,
    ) -> Self
    where
        R: Metadata,
        Handled: Future<Output = Result<Response, Failure>> + Send + 'static,
    {
        let handle: Handle = Arc::new(move |server, arrived| Box::pin(handle(server, arrived)));
        let paths: BTreeSet<_> = R::PATH_BUILDER.all_paths().map(pattern).collect();
        let endpoint = EndpointId::all().find(|endpoint| {
            endpoint.get().method() == R::METHOD.as_str()
                && paths.contains(&pattern(&endpoint.get().path))
        });
        self.known.extend(endpoint);
        for path in paths {
            self = self.route(&R::METHOD, &path, endpoint, &handle);
        }
        self
    }

    /// The endpoints of the specification that have no method of their own: whoever may call them is
    /// told that there is nothing to them, and who may not is refused.
    fn and_the_rest(mut self) -> Self {
        let rest: Vec<_> = EndpointId::all().filter(|id| !self.known.contains(id)).collect();
        let handle: Handle = Arc::new(|server, arrived| {
            let unimplemented = arrived.admit(&server).and(Err(Failure::NotImplemented));
            Box::pin(std::future::ready(unimplemented))
        });
        for endpoint in rest {
            let method: Method = endpoint.get().method().parse().expect("the table has methods");
            let path = pattern(&endpoint.get().path);
            let older = path.replacen("/v3/", "/r0/", 1);
            for path in BTreeSet::from([path, older]) {
                self = self.route(&method, &path, Some(endpoint), &handle);
            }
        }
        self
    }

    fn route(
        mut self,
        method: &Method,
        path: &str,
        endpoint: Option<EndpointId>,
        handle: &Handle,
    ) -> Self {
        let method = MethodFilter::try_from(method.clone()).expect("the method is a usual one");
        let handle = Arc::clone(handle);
        let handler = move |State(server): State<Server>,
                            variables: Result<RawPathParams, RawPathParamsRejection>,
                            request: Request| {
            let handle = Arc::clone(&handle);
            async move {
                let variables = variables.map_err(|_| Failure::Path)?;
                let arrived = Arrived::whole(request, endpoint, &variables).await?;
                match server.lapse {
                    Some(lapse) => lapse.answer(server, arrived, &handle).await,
                    None => handle(server, arrived).await,
                }
            }
        };
        // An empty state key may be left out, with the slash before it or without.
        if let Some(short) = path.strip_suffix("/state/{1}/{2}") {
            for path in [format!("{short}/state/{{1}}/"), format!("{short}/state/{{1}}")] {
                self.router = self.router.route(&path, on(method, handler.clone()));
            }
        }
        self.router = self.router.route(path, on(method, handler));
        self
    }
}

/// A path with its variables numbered, since they have names of several spellings.
fn pattern(path: &str) -> String {
    let mut number = 0;
    let parts = path.split('/').map(|part| {
        if part.starts_with('{') {
            number += 1;
            format!("{{{}}}", number - 1)
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join("/")
}
