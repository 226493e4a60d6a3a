//! Stopping early: a time limit, an interrupt, a limit of states.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// When a search is to end before it is done.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// When the time is up.
    deadline: Option<Instant>,
    /// The most states to explore, as far as an engine can count them.
    pub most_states: Option<usize>,
    /// Raised from outside: Ctrl-C.
    interrupt: Arc<AtomicBool>,
}

impl Stop {
    /// Never, unless `interrupt` is raised.
    pub fn new(interrupt: Arc<AtomicBool>) -> Self {
        Self { interrupt, ..Self::default() }
    }

    /// The same, and after this time from now.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(time), ..self }
    }

    /// The same, and at this many states.
    #[must_use]
    pub fn at_states(self, most_states: usize) -> Self {
        Self { most_states: Some(most_states), ..self }
    }

    /// Whether it is time to end.
    pub fn now(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
