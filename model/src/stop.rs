//! Stopping early: a time limit, an interrupt, a limit of states.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// When to end a search that is not complete.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// The time limit.
    deadline: Option<Instant>,
    /// The most states to explore.
    pub most_states: Option<usize>,
    /// Set by Ctrl-C.
    interrupt: Arc<AtomicBool>,
}

impl Stop {
    /// Never, unless `interrupt` is set.
    pub fn new(interrupt: Arc<AtomicBool>) -> Self {
        Self { interrupt, ..Self::default() }
    }

    /// The same, with a time limit from now on.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(time), ..self }
    }

    /// The same, with a limit of states.
    #[must_use]
    pub fn at_states(self, most_states: usize) -> Self {
        Self { most_states: Some(most_states), ..self }
    }

    /// Whether the search has to end now.
    pub fn now(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
