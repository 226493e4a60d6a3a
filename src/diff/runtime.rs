//! Runs a future, and measures how long the thread waited for the network and for timers.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The duration of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunDuration {
    /// The whole duration.
    pub took: Duration,
    /// The part in which the thread could only wait: for the homeserver, or for a timer.
    pub waited: Duration,
}

#[derive(Default)]
struct ParkedTime {
    since: Option<Instant>,
    all: Duration,
}

/// Runs a future to its end on this thread.
///
/// # Errors
/// If the runtime for network calls cannot start.
pub fn wait_for<T>(future: impl Future<Output = T>) -> std::io::Result<(T, RunDuration)> {
    let parked: Arc<Mutex<ParkedTime>> = Arc::default();
    let lock = |parked: &Arc<Mutex<ParkedTime>>| Arc::clone(parked);
    let (parks, unparks) = (lock(&parked), lock(&parked));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || {
            parks.lock().unwrap_or_else(PoisonError::into_inner).since = Some(Instant::now());
        })
        .on_thread_unpark(move || {
            let mut parked = unparks.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(since) = parked.since.take() {
                parked.all += since.elapsed();
            }
        })
        .build()?;
    let began = Instant::now();
    let result = runtime.block_on(future);
    let took = began.elapsed();
    let waited = parked.lock().unwrap_or_else(PoisonError::into_inner).all;
    Ok((result, RunDuration { took, waited }))
}
