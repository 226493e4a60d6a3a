//! Engines: what visits every reachable state of a space and gathers what the guarantees say.

pub mod stateright;
pub mod timely;

use std::sync::Arc;

use crate::state::Scope;
use crate::stop::Stop;
use crate::transition_system::Exploration;
use guest_access_rules::vocabulary::spelled;

use timely::{Cluster, ClusterError, Explore};

spelled! {
    /// Who explores.
    Engine {
        /// stateright: breadth-first on several threads.
        Stateright = "stateright",
        /// Timely dataflow: breadth-first by rounds, on several threads or machines.
        Timely = "timely",
    }
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
    /// How many bytes the visited states take, where that is known beforehand.
    pub foreseen_bytes: Option<u64>,
}

impl Seen {
    /// So many states, and nothing more is known.
    pub const fn states(states: usize) -> Self {
        Self { states, waiting: None, at_most: None, foreseen_bytes: None }
    }
}

/// Who works.
#[derive(Debug, Clone)]
pub struct Workers {
    /// How many threads of this process.
    pub threads: usize,
    /// The other processes, if there are any; each has as many threads.
    pub cluster: Option<Cluster>,
}

impl Workers {
    /// So many threads, and no other process.
    pub const fn threads(threads: usize) -> Self {
        Self { threads, cluster: None }
    }
}

/// Why an engine gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There are no threads to be had.
    #[error("the workers cannot be started: {0}")]
    Threads(String),
    /// There is no cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// There is not enough memory.
    #[error(
        "the visited states need {} MB of memory, and the machine has {} MB left; explore less, or \
         on more machines",
        needs >> 20, left >> 20
    )]
    Memory {
        /// How many bytes are needed.
        needs: u64,
        /// How many there are.
        left: u64,
    },
    /// A worker is gone.
    #[error("a worker, or another process, broke off; nothing is known of what it was to explore")]
    Lost,
}

impl EngineError {
    /// Whether what was asked for is at fault, and not what became of it.
    pub const fn is_wrong_input(&self) -> bool {
        use ClusterError::{NoAddress, NoProcess, Unreadable};
        matches!(self, Self::Cluster(NoAddress { .. } | NoProcess { .. } | Unreadable { .. }))
    }
}

impl Engine {
    /// Who explores if nobody says who: what is small is explored by what everyone knows.
    pub fn usual(scope: Scope) -> Self {
        if scope.guests * scope.rooms == 1 { Self::Stateright } else { Self::Timely }
    }

    /// Explores `space` with these workers, until it is done or `stop` says so. `progress` is told
    /// now and then how far it has come.
    ///
    /// # Errors
    /// If a worker breaks down, or there is no room for the states: then nothing is known.
    pub fn explore<S: Explore>(
        self,
        space: &Arc<S>,
        workers: &Workers,
        stop: &Stop,
        progress: impl Fn(Seen),
    ) -> Result<Exploration, EngineError> {
        match self {
            Self::Stateright => Ok(stateright::explore(space, workers.threads, stop, progress)),
            Self::Timely => space.explore(workers, stop, progress),
        }
    }
}
