//! The reference homeserver over HTTP: the client-server API as far as guests, the runner and an
//! ordinary client need it, in memory.
//!
//! # The parts, in the order of a request
//! 1. `router`: which endpoint it is, by method and path. `routes` declares every endpoint that the
//!    reference has a method for, each on a line of its own; its paths, old and new, are those that
//!    ruma knows. Every other endpoint of the specification is asked for by
//!    [`Reference::call`](crate::reference::Reference::call): who may not call it is refused, and
//!    who may is told that there is nothing to it (404, `M_UNRECOGNIZED`).
//! 2. `token`: what the request shows of its caller.
//! 3. `answer`: the request as ruma reads it, what the reference says to it, and the response as
//!    ruma writes it, or the error. `long_poll` waits for something to happen before it answers,
//!    `interactive_auth` asks for a stage of authentication first.
//! 4. `lapse`: where the server is to be mistaken under contention, the call in stages.
//! 5. `cors`: the headers with which browsers let pages of other origins in.
//!
//! # How to use it
//! Make a [`Server`] of a profile and hand it to [`serve()`] with a listener, on a runtime of your
//! own; or start one in the background with [`Embedded::start`], which answers at
//! [`Embedded::url`] until it is dropped.

mod answer;
mod cors;
mod embedded;
mod interactive_auth;
mod lapse;
mod long_poll;
mod router;
mod routes;
mod token;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guest_access_rules::profile::Profile;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::reference::Reference;

pub use embedded::Embedded;
pub use lapse::Lapse;

/// The reference homeserver, shared by everything that serves requests. A clone is the same server.
#[derive(Debug, Clone)]
pub struct Server {
    reference: Arc<Mutex<Reference>>,
    /// Told whenever something happened.
    changes: Arc<watch::Sender<Status>>,
    /// The mistake that it makes when several calls are under way at once.
    lapse: Option<Lapse>,
    /// What decides, in place of its own profile, in a stage of such a mistake.
    profile: Option<Arc<Profile>>,
    /// A token that was looked up in an earlier stage, and is not again.
    looked_up: Option<Arc<str>>,
    /// How long such a mistake waits.
    pauses: Arc<Mutex<fastrand::Rng>>,
}

/// Whether there is any use in waiting for something to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Serving,
    Ending,
}

impl Server {
    /// A server that keeps to `profile`, with no account and no room.
    pub fn new(profile: impl Into<Arc<Profile>>) -> Self {
        Self {
            reference: Arc::new(Mutex::new(Reference::new(profile))),
            changes: Arc::new(watch::Sender::new(Status::Serving)),
            lapse: None,
            profile: None,
            looked_up: None,
            pauses: Arc::new(Mutex::new(fastrand::Rng::with_seed(0))),
        }
    }

    /// The same server, which makes this mistake when several calls are under way at once.
    #[must_use]
    pub fn with_lapse(self, lapse: Option<Lapse>) -> Self {
        Self { lapse, ..self }
    }

    /// Calls the reference, which takes one call at a time, and wakes who waits if something
    /// happened.
    fn call<T>(&self, call: impl FnOnce(&mut Reference) -> T) -> T {
        let mut reference = self.lock();
        let before = reference.token();
        let call = |reference: &mut Reference| match &self.looked_up {
            Some(token) => reference.with_live_token(token, call),
            None => call(reference),
        };
        let answer = match &self.profile {
            Some(profile) => reference.under(Arc::clone(profile), call),
            None => call(&mut reference),
        };
        if reference.token() != before {
            self.wake();
        }
        answer
    }

    /// Lets everyone who waits look again.
    fn wake(&self) {
        self.changes.send_modify(|_| ());
    }

    /// The reference, whatever became of the call before.
    fn lock(&self) -> MutexGuard<'_, Reference> {
        self.reference.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all waiting.
    fn end(&self) {
        self.changes.send_replace(Status::Ending);
    }
}

/// How long requests that are being answered may take when the server ends.
const GRACE: Duration = Duration::from_secs(1);

/// What a server runs on: it takes requests on several threads at once.
///
/// # Errors
/// If there are no threads to be had.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Serves `server` to whoever connects to `listener`, until `shutdown` is over. Who waits for
/// something to happen is answered then.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    server: Server,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut ending = server.changes.subscribe();
    let ended = async move {
        // An error says that there is no server any more.
        let _ = ending.wait_for(|status| *status == Status::Ending).await;
    };
    let app = router::router(server.clone());
    let serving = axum::serve(listener, app).with_graceful_shutdown(ended).into_future();
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result,
        () = shutdown => server.end(),
    }
    tokio::time::timeout(GRACE, serving).await.unwrap_or(Ok(()))
}
