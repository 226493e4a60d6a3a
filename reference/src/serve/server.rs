//! The state of the server, which all handlers share.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use guest_access_rules::profile::Profile;
use ruma::{MilliSecondsSinceUnixEpoch, UInt};
use tokio::sync::watch;

use super::concurrency_defect::ConcurrencyDefect;
use crate::reference::Reference;

/// The reference homeserver, shared by everything that serves requests. A clone is the same server.
#[derive(Debug, Clone)]
pub struct Server {
    reference: Arc<Mutex<Reference>>,
    /// Notifies the calls that wait for new events, whenever the reference changes.
    changes: Arc<watch::Sender<Status>>,
    concurrency_defect: Option<ConcurrencyDefect>,
    /// The profile that decides a stage of a call, in place of the profile of the reference.
    profile: Option<Arc<Profile>>,
    /// A token that a stage of a call takes as live, because an earlier stage looked the token up.
    live_token: Option<Arc<str>>,
    /// How far the clock of the server is ahead, in milliseconds.
    clock_ahead: i64,
    /// Draws the pauses between the stages of a call.
    random: Arc<Mutex<fastrand::Rng>>,
}

/// Whether a call may go on waiting for new events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Serving,
    Ending,
}

impl Server {
    /// A server that follows `profile`, with no account and no room.
    pub fn new(profile: impl Into<Arc<Profile>>) -> Self {
        Self::of(Reference::new(profile))
    }

    /// A server by this reference.
    pub fn of(reference: Reference) -> Self {
        Self {
            reference: Arc::new(Mutex::new(reference)),
            changes: Arc::new(watch::Sender::new(Status::Serving)),
            concurrency_defect: None,
            profile: None,
            live_token: None,
            clock_ahead: 0,
            random: Arc::new(Mutex::new(fastrand::Rng::with_seed(0))),
        }
    }

    /// The same server, whose clock is ahead by this many milliseconds, or behind.
    #[must_use]
    pub fn with_clock_ahead(self, clock_ahead: i64) -> Self {
        Self { clock_ahead, ..self }
    }

    /// The time that the clock of the server shows.
    fn time(&self) -> MilliSecondsSinceUnixEpoch {
        let now = i64::from(MilliSecondsSinceUnixEpoch::now().get());
        let shown = u64::try_from(now.saturating_add(self.clock_ahead)).unwrap_or_default();
        MilliSecondsSinceUnixEpoch(UInt::new_saturating(shown))
    }

    /// The same server with this concurrency defect, or with none.
    #[must_use]
    pub fn with_concurrency_defect(self, concurrency_defect: Option<ConcurrencyDefect>) -> Self {
        Self { concurrency_defect, ..self }
    }

    /// The concurrency defect that the server has.
    pub(super) fn concurrency_defect(&self) -> Option<ConcurrencyDefect> {
        self.concurrency_defect
    }

    /// The same server, whose calls are decided by the profile of the server with this change.
    pub(super) fn with_changed_profile(&self, change: impl FnOnce(&mut Profile)) -> Self {
        let mut profile = self.lock().profile().clone();
        change(&mut profile);
        Self { profile: Some(Arc::new(profile)), ..self.clone() }
    }

    /// The same server, whose calls take this token as live.
    pub(super) fn with_token_taken_as_live(self, live_token: Option<Arc<str>>) -> Self {
        Self { live_token, ..self }
    }

    /// Another server, with a copy of the present state of this one.
    pub(super) fn copy(&self) -> Self {
        let reference = self.lock().clone();
        Self { reference: Arc::new(Mutex::new(reference)), ..self.clone() }
    }

    /// Calls the reference, which takes one call at a time, and tells the reference the time first. If the
    /// reference changes, notifies the calls that wait for new events.
    pub(super) fn call<T>(&self, call: impl FnOnce(&mut Reference) -> T) -> T {
        let mut reference = self.lock();
        let before = reference.token();
        reference.set_time(self.time());
        reference.take_in_arrivals();
        let call = |reference: &mut Reference| match &self.live_token {
            Some(token) => reference.with_live_token(token, call),
            None => call(reference),
        };
        let answer = match &self.profile {
            Some(profile) => reference.with_profile(Arc::clone(profile), call),
            None => call(&mut reference),
        };
        if reference.token() != before {
            self.changes.send_modify(|_| ());
        }
        answer
    }

    /// Takes in the events that have arrived from other servers.
    pub fn take_in_arrivals(&self) {
        self.call(Reference::take_in_arrivals);
    }

    /// A receiver of a notification for each change of the reference, and for the end of the server.
    pub(super) fn subscribe(&self) -> watch::Receiver<Status> {
        self.changes.subscribe()
    }

    /// Ends all waiting.
    pub(super) fn end(&self) {
        self.changes.send_replace(Status::Ending);
    }

    /// A random number within `range`.
    pub(super) fn random(&self, range: RangeInclusive<u64>) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).u64(range)
    }

    /// The reference, even if an earlier call panicked.
    fn lock(&self) -> MutexGuard<'_, Reference> {
        self.reference.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
