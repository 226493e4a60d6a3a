//! A server in the background of another program.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use guest_access_rules::profile::Profile;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::lifecycle::{runtime, serve};
use super::server::Server;

/// A server on a free port of this machine, in a thread of its own. Dropping the value ends the server.
#[derive(Debug)]
pub struct Embedded {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Starts a server that follows `profile`. The server takes requests when `start` returns.
    ///
    /// # Errors
    /// If no port is free, or the system gives no thread.
    pub fn start(profile: impl Into<Arc<Profile>>) -> io::Result<Self> {
        Self::serving(Server::new(profile))
    }

    /// Starts `server`. The server takes requests when `serving` returns.
    ///
    /// # Errors
    /// If no port is free, or the system gives no thread.
    pub fn serving(server: Server) -> io::Result<Self> {
        let runtime = runtime()?;
        // Bound without the runtime: the caller may be inside another runtime on this thread.
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("reference homeserver".to_owned()).spawn(
            move || {
                // A dropped sender ends the server as well as a message does.
                let ended = async {
                    let _ = ended.await;
                };
                // If the listener fails, the next request of the caller fails and shows the error.
                let _ = runtime.block_on(async {
                    serve(TcpListener::from_std(listener)?, server, ended).await
                });
            },
        )?;
        Ok(Self { address, end: Some(end), thread: Some(thread) })
    }

    /// The URL of the server, without a slash at the end: `http://127.0.0.1:4711`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
