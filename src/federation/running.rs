//! A server in the background.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use ruma::OwnedServerName;
use tokio::sync::oneshot;

use super::client::FederationClient;
use super::homeserver::SharedHomeserver;
use super::service::router;
use super::tls::{TlsListener, configuration};

/// A port that is taken, before the server has its name: the name often contains the port.
#[derive(Debug)]
pub struct FederationListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl FederationListener {
    /// Takes a port; the port 0 stands for any that is free.
    ///
    /// # Errors
    /// If the address is taken or not of this machine.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { address: listener.local_addr()?, listener })
    }

    /// The address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of a server at this port, as other servers on this machine find it: `localhost:8702`.
    ///
    /// # Panics
    /// Never: a host and a port are a server name.
    pub fn local_name(&self) -> OwnedServerName {
        let name = format!("localhost:{}", self.address.port());
        OwnedServerName::try_from(name).expect("a host and a port are a server name")
    }
}

/// A server that answers other servers, in a thread of its own. Dropping the value ends the server.
#[derive(Debug)]
pub struct RunningServer {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RunningServer {
    /// Starts a server. The server takes requests when `start` returns.
    ///
    /// # Errors
    /// If the certificate cannot be made, or the system gives no thread.
    pub fn start(
        listener: FederationListener,
        homeserver: SharedHomeserver,
        client: FederationClient,
    ) -> io::Result<Self> {
        Self::start_with(listener, homeserver, client, std::future::pending())
    }

    /// Starts a server, and `beside`, which ends with the server.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub fn start_with(
        listener: FederationListener,
        homeserver: SharedHomeserver,
        client: FederationClient,
        beside: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let host = homeserver.lock().name().host().to_owned();
        let config = configuration(&host)?;
        let (end, ended) = oneshot::channel::<()>();
        let thread =
            std::thread::Builder::new().name("federation".to_owned()).spawn(move || {
                // If the listener fails, the next request to the server fails and shows the error.
                let _: io::Result<()> = runtime.block_on(async {
                    let listener = tokio::net::TcpListener::from_std(listener.listener)?;
                    let listener = TlsListener::new(listener, config)?;
                    let serving = axum::serve(listener, router(homeserver, client));
                    // A dropped sender ends the server as well as a message does.
                    tokio::select! {
                        result = serving.into_future() => result,
                        () = beside => Ok(()),
                        _ = ended => Ok(()),
                    }
                });
            })?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
