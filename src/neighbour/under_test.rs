//! The reference as the homeserver under test.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use guest_access_reference::serve::Embedded;
use guest_access_rules::federation::FederationMistake;
use guest_access_rules::profile::Profile;

use crate::federated_reference::FederatedReference;
use crate::federation::FederationListener;

/// The longest time to wait for an effect of the reference. It applies every effect before it answers.
pub const SETTLE_OF_REFERENCE: Duration = Duration::from_millis(200);

/// An address of this machine, with any port that is free.
pub(super) const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The reference beside other homeservers, with both of its APIs. Dropping the value ends both.
#[derive(Debug)]
pub struct ReferenceUnderTest {
    clients: Embedded,
    servers: FederatedReference,
}

impl ReferenceUnderTest {
    /// Starts the reference, on free ports.
    ///
    /// # Errors
    /// If no port is free, or the system gives no thread.
    pub fn start(
        profile: impl Into<Arc<Profile>>,
        mistake: Option<FederationMistake>,
    ) -> io::Result<Self> {
        let listener = FederationListener::bind(ANY_PORT)?;
        let name = listener.local_name();
        let servers = FederatedReference::start(profile, mistake, name, listener)?;
        Ok(Self { clients: Embedded::serving(servers.server())?, servers })
    }

    /// The address of the client-server API.
    pub fn client_url(&self) -> String {
        self.clients.url()
    }

    /// The address of the server-server API.
    pub fn server_url(&self) -> &str {
        self.servers.url()
    }
}
