//! Engines: what visits every reachable state of a space and gathers what the guarantees say.

pub mod stateright;
pub mod timely;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::guarantee::Verdicts;
use crate::state::Scope;
use crate::stop::Stop;
use crate::vocabulary::spelled;

use timely::Explore;

spelled! {
    /// Who explores.
    Engine {
        /// stateright: breadth-first on several threads.
        Stateright = "stateright",
        /// Timely dataflow: breadth-first by rounds, on several threads or machines.
        Timely = "timely",
    }
}

/// What an engine found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exploration {
    /// Whether every reachable state was visited.
    pub complete: bool,
    /// How many states were visited.
    pub states: usize,
    /// How many steps that change the state can be taken in them.
    pub transitions: usize,
    /// The most steps that it takes to reach a state, where the engine can tell.
    pub depth: Option<usize>,
    /// What the guarantees say of every step that can be taken in them.
    pub verdicts: Verdicts,
}

/// How far an engine has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How many states were visited.
    pub states: usize,
    /// How many were reached and are still to be visited, where the engine can tell.
    pub waiting: Option<usize>,
    /// How many states there are at most, where the engine can tell.
    pub at_most: Option<usize>,
}

/// Why an engine gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There are no threads to be had.
    #[error("the workers cannot be started: {0}")]
    Threads(String),
    /// A worker is gone.
    #[error("a worker, or another process, broke off; nothing is known of what it was to explore")]
    Lost,
}

impl Exploration {
    /// What is found of nothing.
    pub const fn of_nothing() -> Self {
        Self { complete: true, states: 0, transitions: 0, depth: None, verdicts: Verdicts::NONE }
    }

    /// What is found of both parts of a space.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.complete &= other.complete;
        self.states += other.states;
        self.transitions += other.transitions;
        self.depth = self.depth.max(other.depth);
        self.verdicts.add(other.verdicts);
        self
    }
}

impl Engine {
    /// Who explores if nobody says who: what is small is explored by what everyone knows.
    pub fn usual(scope: Scope) -> Self {
        if scope.guests * scope.rooms == 1 { Self::Stateright } else { Self::Timely }
    }

    /// Explores `space` on this many threads, until it is done or `stop` says so. `progress` is told
    /// now and then how far it has come.
    ///
    /// # Errors
    /// If a worker breaks down: then nothing is known.
    pub fn explore<S: Explore>(
        self,
        space: &Arc<S>,
        threads: usize,
        stop: &Stop,
        progress: impl Fn(Seen),
    ) -> Result<Exploration, EngineError> {
        match self {
            Self::Stateright => Ok(stateright::explore(space, threads, stop, progress)),
            Self::Timely => space.explore(threads, stop, progress),
        }
    }
}
