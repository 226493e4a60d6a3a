//! The reference homeserver beside other homeservers: rooms that it shares with them, over HTTPS.
//!
//! Two homeservers make up one:
//! - [`federation::Homeserver`](crate::federation::Homeserver) has the graphs of the rooms. It knows the
//!   rules of rooms, and nothing of guests.
//! - [`Reference`] has the accounts and the timelines. It decides what its guests may do, and removes them
//!   where guest access ends.
//!
//! ```text
//!  clients ── client-server API ──► Reference ── own events ──► graphs ── server-server API ──► others
//!                                       ▲                          │
//!                                       └── everything taken in ───┘
//! ```
//! 1. A client sends an event. The reference permits it, and the graph gives the event its place (`graphs`).
//! 2. The graph takes in the event of another server, or refuses it. The reference gets both, with the state
//!    before the event and the state of the room now.
//! 3. Own events go to every other server of the room, in their order (`sending`).
//!
//! The reference calls the graphs while it is locked. The graphs never call the reference while they are
//! locked.

mod graphs;
mod sending;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use guest_access_reference::reference::Reference;
use guest_access_reference::serve::Server;
use guest_access_rules::federation::FederationMistake;
use guest_access_rules::profile::Profile;
use ruma::OwnedServerName;
use tokio::sync::Notify;

use crate::federation::{
    FederationClient, FederationListener, Homeserver, RunningServer, ServerIdentity,
    SharedHomeserver,
};

use graphs::Graphs;

/// The longest time of one call to another server.
const CALL: Duration = Duration::from_secs(10);

/// The reference homeserver beside other homeservers. Dropping the value ends the server-server API.
#[derive(Debug)]
pub struct FederatedReference {
    server: Server,
    url: String,
    homeserver: SharedHomeserver,
    _running: RunningServer,
}

impl FederatedReference {
    /// Starts the server-server API of a server with this name at `listener`. With `mistake`, the reference treats what comes from
    /// other servers wrongly.
    ///
    /// # Errors
    /// If the certificate or the HTTP client cannot be made, or the system gives no thread.
    pub fn start(
        profile: impl Into<Arc<Profile>>,
        mistake: Option<FederationMistake>,
        name: OwnedServerName,
        listener: FederationListener,
    ) -> io::Result<Self> {
        let reference = Reference::named(profile, name.clone());
        let url = format!("https://{}", listener.address());
        let identity = Arc::new(ServerIdentity::generate(name));
        let client =
            FederationClient::new(Arc::clone(&identity), CALL).map_err(io::Error::other)?;
        let changed = Arc::new(Notify::new());
        let mut homeserver = Homeserver::new(identity);
        homeserver.keep_journal(Arc::clone(&changed));
        let homeserver = SharedHomeserver::new(homeserver);
        let graphs = Arc::new(Graphs(homeserver.clone()));
        let server = Server::of(reference.with_graphs(graphs, mistake));
        let sending =
            sending::send_all(server.clone(), homeserver.clone(), client.clone(), changed);
        let running = RunningServer::start_with(listener, homeserver.clone(), client, sending)?;
        Ok(Self { server, url, homeserver, _running: running })
    }

    /// The client-server API, to be served.
    pub fn server(&self) -> Server {
        self.server.clone()
    }

    /// The address of the server-server API: `https://127.0.0.1:4711`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes another server known, whose server-server API answers at `url`. Servers whose name is an
    /// address of this machine need not be made known.
    pub fn add_peer(&self, name: OwnedServerName, url: &str) {
        self.homeserver.lock().add_peer(name, url);
    }
}
