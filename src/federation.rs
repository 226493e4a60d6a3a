//! A small homeserver that speaks the server-server API: it joins rooms of other homeservers, sends and
//! receives events, and answers the questions of other servers. It keeps everything in memory.
//!
//! `diff --federated` takes part in rooms by it, and decides what the homeserver under test is sent.
//!
//! # The parts
//! - A [`ServerIdentity`] has the name and the signing key of a server.
//! - An [`Event`] is one event as servers exchange it: hashed, signed, with its place in the graph.
//! - A [`Room`] is a graph of events, with the state after each event. Where the graph forks, state
//!   resolution decides. [`Room::receive`] makes the checks of the specification, and says what became of
//!   an event: [`EventStanding`].
//! - A [`Homeserver`] has an identity and rooms. Other servers get what it may give them.
//! - `service` answers requests over HTTPS, [`RunningServer`] runs the service in the background, and a
//!   [`FederationClient`] makes requests.
//!
//! # What rests on which library
//! ruma hashes, signs and verifies events and requests, applies the authorization rules, resolves state,
//! and has the types of the requests. rcgen makes the certificate, and rustls and axum serve.
//!
//! # What is not here
//! There are no accounts and no client-server API. A name is not looked up: each server that ours talks to
//! has an address that the caller gives ([`Homeserver::add_peer`]). Events are kept for ever.

mod client;
mod confinement;
mod error;
mod event;
mod failure;
mod homeserver;
mod identity;
mod joining;
mod keys;
mod membership;
mod requests;
mod room;
mod room_state;
mod running;
mod service;
mod tls;
mod transaction;

pub use client::{Endpoint, FederationClient};
pub use error::{FederationError, RoomError};
pub use event::{Event, EventDraft};
pub use homeserver::{Homeserver, Peer, SharedHomeserver, TakenInEvent};
pub use identity::ServerIdentity;
pub use joining::{join, leave};
pub use room::{EventStanding, Room};
pub use room_state::RoomState;
pub use running::{FederationListener, RunningServer};
pub use transaction::{SentEvents, send_events};
