//! A server in the background of another program.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use guest_access_rules::profile::Profile;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Server, runtime, serve};

/// A server that answers on a free port of this machine, from a thread of its own, until it is
/// dropped.
#[derive(Debug)]
pub struct Embedded {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Starts a server that keeps to `profile`; it answers when this returns.
    ///
    /// # Errors
    /// If there is no free port, or no thread to be had.
    pub fn start(profile: impl Into<Arc<Profile>>) -> io::Result<Self> {
        Self::serving(Server::new(profile))
    }

    /// Starts to serve `server`; it answers when this returns.
    ///
    /// # Errors
    /// If there is no free port, or no thread to be had.
    pub fn serving(server: Server) -> io::Result<Self> {
        let runtime = runtime()?;
        // Bound by the system's means: whoever starts it may be waiting for something else on this thread.
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("reference homeserver".to_owned()).spawn(
            move || {
                // Whether it is told to end or the other side is gone is all the same.
                let ended = async {
                    let _ = ended.await;
                };
                // The listener is this thread's own; where it fails, the caller's next request does.
                let _ = runtime.block_on(async {
                    serve(TcpListener::from_std(listener)?, server, ended).await
                });
            },
        )?;
        Ok(Self { address, end: Some(end), thread: Some(thread) })
    }

    /// Where it answers, without a slash at the end: `http://127.0.0.1:4711`.
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
