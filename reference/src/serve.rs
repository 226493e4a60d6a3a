//! The reference homeserver over HTTP: the client-server API as far as guests, `diff` and an
//! ordinary client need it, in memory.
//!
//! # The parts, in the order of a request
//! 1. `router` finds the endpoint by method and path, in an `endpoint_table`. `routes` fills the table:
//!    one line for each endpoint that the reference has a method for. The paths, old and new, are the
//!    paths that ruma knows. For every other endpoint of the specification, the server asks
//!    [`Reference::call`](crate::reference::Reference::call) whether the caller may call the endpoint.
//!    If so, the answer is 404 `M_UNRECOGNIZED`; if not, the refusal.
//! 2. `request` waits for the whole request, and parses it with ruma. `credentials` finds the access
//!    token.
//! 3. The `handler` of the endpoint calls the reference, by way of `server`, which tells the reference
//!    the time. Where needed, `interactive_auth` demands a stage of authentication first, and `long_poll`
//!    waits for new events.
//! 4. `response` writes the answer with ruma, and adds the fields that are `always_sent`. `failure`
//!    writes the error. `cors` adds the headers that let pages of other origins call the server.
//!
//! A server with a `concurrency_defect` performs some calls in stages: see `staged_call`.
//!
//! # How to use it
//! [`Embedded::start`] starts a server in the background. The server answers at [`Embedded::url`] until
//! the [`Embedded`] is dropped:
//!
//! ```
//! use guest_access_reference::serve::Embedded;
//! use guest_access_rules::rules::Rules;
//!
//! let rules = Rules::find("latest").unwrap();
//! let server = Embedded::start(rules.profile()).unwrap();
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! ```
//!
//! To serve on a runtime and a listener of your own, hand a [`Server`] to [`serve()`].

mod always_sent;
mod concurrency_defect;
mod cors;
mod credentials;
mod embedded;
mod endpoint_table;
mod failure;
mod handler;
mod interactive_auth;
mod lifecycle;
mod long_poll;
mod request;
mod response;
mod router;
mod routes;
mod server;
mod staged_call;

pub use concurrency_defect::ConcurrencyDefect;
pub use embedded::Embedded;
pub use lifecycle::{runtime, serve};
pub use server::Server;
