//! Our server, beside the server under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ruma::{OwnedServerName, OwnedUserId, RoomVersionId};

use crate::federation::{
    Endpoint, FederationClient, FederationError, FederationListener, Homeserver, RunningServer,
    ServerIdentity, SharedHomeserver,
};
use crate::subject::server::ServerError;

use super::scenario::Sender;

/// Where our server is, and where the server under test is.
#[derive(Debug, Clone)]
pub struct NeighbourOptions {
    /// The address on which our server listens.
    pub listen: SocketAddr,
    /// The name of our server [default: `localhost`, with the port].
    pub name: Option<OwnedServerName>,
    /// The address of the server-server API of the server under test.
    pub url: String,
    /// The longest time of one call.
    pub timeout: Duration,
}

/// Why no scenario could be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NeighbourError {
    /// Our server cannot be started.
    #[error(
        "our homeserver cannot listen on `{address}`; name another address by `--federation-listen`"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The server under test has no rooms of the version that the run asks for.
    #[error(
        "the homeserver offers no rooms of version {version}; leave `--room-version` out, or name another"
    )]
    RoomVersion {
        /// The room version.
        version: RoomVersionId,
    },
    /// The server under test has no server-server API at its address.
    #[error(
        "no server-server API answers at {url} ({why}); give its address by `--federation-url`, or add it to the listener (Synapse: the resource `federation`); `docs/federation.md` names the settings"
    )]
    NoFederation {
        /// The address.
        url: String,
        /// What came instead.
        why: String,
    },
    /// The server under test does not let our server join.
    #[error(
        "the server under test does not let our server join a room ({why}); it has to reach `https://{name}` without checking the certificate, and loopback addresses must not be barred (Synapse: `federation_verify_certificates: false`, `ip_range_blacklist: []`); `docs/federation.md` names the settings"
    )]
    NotAdmitted {
        /// The name of our server.
        name: OwnedServerName,
        /// The answer.
        why: String,
    },
    /// The server under test does not send its events to our server.
    #[error(
        "the server under test let our server join and sends it no events within {}; it has to reach `https://{name}` (Synapse: `send_federation` must not be false); `docs/federation.md` names the settings",
        humantime::format_duration(*.after)
    )]
    NotSent {
        /// The name of our server.
        name: OwnedServerName,
        /// How long our server waited.
        after: Duration,
    },
    /// A call to the client-server API failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A call to the server-server API failed.
    #[error(transparent)]
    Federation(#[from] FederationError),
}

impl NeighbourError {
    /// Whether the command line causes the error, and not the homeserver.
    pub fn is_wrong_input(&self) -> bool {
        match self {
            Self::Listen { .. } | Self::RoomVersion { .. } => true,
            Self::Server(error) => error.is_wrong_input(),
            _ => false,
        }
    }
}

/// Our server, and how it reaches the server under test.
#[derive(Debug)]
pub struct Neighbour {
    pub(super) homeserver: SharedHomeserver,
    pub(super) client: FederationClient,
    /// The server under test.
    pub(super) target: Endpoint,
    /// Held while a transaction is sent. Servers take one transaction of a server at a time, and answer a
    /// second one with 429.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Ends with this value.
    _running: RunningServer,
}

impl Neighbour {
    /// Starts our server. The server under test has the name `target`.
    ///
    /// # Errors
    /// If the address is taken, or the server cannot be started.
    pub fn start(
        options: &NeighbourOptions,
        target: OwnedServerName,
    ) -> Result<Self, NeighbourError> {
        let address = options.listen;
        let listen = |source| NeighbourError::Listen { address, source };
        let listener = FederationListener::bind(address).map_err(listen)?;
        let name = options.name.clone().unwrap_or_else(|| listener.local_name());
        let identity = Arc::new(ServerIdentity::generate(name));
        let client = FederationClient::new(Arc::clone(&identity), options.timeout)?;
        let mut homeserver = Homeserver::new(identity);
        homeserver.add_peer(target.clone(), options.url.clone());
        let homeserver = SharedHomeserver::new(homeserver);
        let running = RunningServer::start(listener, homeserver.clone(), client.clone());
        let url = options.url.trim_end_matches('/').to_owned();
        Ok(Self {
            homeserver,
            client,
            target: Endpoint { name: target, url },
            turn: tokio::sync::Mutex::new(()),
            _running: running.map_err(listen)?,
        })
    }

    /// The name of our server.
    pub fn name(&self) -> OwnedServerName {
        self.client.identity().name().to_owned()
    }

    /// A user of our server.
    ///
    /// # Panics
    /// Never: the localparts are short and plain.
    pub(super) fn user(&self, sender: Sender) -> OwnedUserId {
        let id = format!("@{}:{}", sender.localpart(), self.client.identity().name());
        OwnedUserId::try_from(id).expect("the localpart is plain")
    }
}
