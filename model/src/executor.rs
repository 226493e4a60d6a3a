//! Exploring: how a state space is represented (its [`Encoding`]), and who walks it (the
//! [`Executor`]).
//!
//! Neither changes the result: counts and verdicts are the same under every combination, and tests
//! compare them.
//!
//! | encoding | a state is | walked by |
//! |---|---|---|
//! | [`Encoding::Plain`] | a value of the model; every action is decided and judged in every state | stateright or timely |
//! | [`Encoding::DenseTables`] | a number; actions and verdicts are looked up in tables ([`crate::dense`]) | timely |
//! | [`Encoding::ProductOfRooms`] | a number for each room; the rooms are explored one after the other, and their product is counted | neither: a loop of its own |
//! | [`Encoding::GuestViews`] | what one guest sees of one room; it stands for any number of guests and rooms ([`crate::dense::judge_every_view`]) | neither: a loop of its own |

pub mod stateright;
pub mod timely;

use std::sync::Arc;

use crate::state::Scope;
use crate::stop::Stop;
use crate::transition_system::Exploration;
use guest_access_rules::vocabulary::spelled;

use timely::{Cluster, ClusterError, Explore};

spelled! {
    /// How a state space is represented.
    Encoding {
        /// Each state is a value of the model.
        Plain = "plain",
        /// Each state is a number, whose successors are looked up in tables.
        DenseTables = "dense_tables",
        /// The rooms are explored one after the other, and their product is counted.
        ProductOfRooms = "product_of_rooms",
        /// Each state is the view that one guest has of one room, for any number of guests and rooms.
        GuestViews = "guest_views",
    }
}

spelled! {
    /// Who walks the state space.
    Executor {
        /// stateright: breadth-first on several threads.
        Stateright = "stateright",
        /// Timely dataflow: breadth-first by rounds, on several threads or machines.
        Timely = "timely",
    }
}

/// The result of an exploration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutorReport {
    /// The counts and the verdicts.
    pub exploration: Exploration,
    /// How the state space was represented.
    pub encoding: Encoding,
}

/// How far an executor has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchProgress {
    /// How many states were visited.
    pub states: usize,
    /// How many were reached and are still to be visited, where the executor can tell.
    pub waiting: Option<usize>,
    /// How many states there are at most, where the executor can tell.
    pub at_most: Option<usize>,
    /// How many bytes the visited states take, where that is known beforehand.
    pub foreseen_bytes: Option<u64>,
}

impl SearchProgress {
    /// This number of visited states, and nothing else is known.
    pub const fn states(states: usize) -> Self {
        Self { states, waiting: None, at_most: None, foreseen_bytes: None }
    }
}

/// The workers of an exploration.
#[derive(Debug, Clone)]
pub struct Workers {
    /// The number of threads of this process.
    pub threads: usize,
    /// The other processes, if any; each has as many threads.
    pub cluster: Option<Cluster>,
}

impl Workers {
    /// This number of threads, and no other process.
    pub const fn threads(threads: usize) -> Self {
        Self { threads, cluster: None }
    }
}

/// Why an executor gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// No threads could be started.
    #[error("the workers cannot be started: {0}")]
    Threads(String),
    /// The processes could not be connected.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The visited states do not fit into memory.
    #[error(
        "the visited states need {} MB of memory, and the machine has {} MB left; explore less, or \
         on more machines",
        needs >> 20, available >> 20
    )]
    Memory {
        /// The bytes that are needed.
        needs: u64,
        /// The available bytes.
        available: u64,
    },
    /// A worker broke down.
    #[error("a worker, or another process, broke off; nothing is known of what it was to explore")]
    Lost,
}

impl ExecutorError {
    /// Whether the input is at fault, and not the run.
    pub const fn is_wrong_input(&self) -> bool {
        use ClusterError::{NoAddress, NoProcess, TooLarge, Unreadable};
        matches!(
            self,
            Self::Cluster(
                NoAddress { .. } | NoProcess { .. } | TooLarge { .. } | Unreadable { .. }
            )
        )
    }
}

impl Executor {
    /// The default: stateright for the smallest scope, where tables do not pay; timely for others.
    pub fn default_for(scope: Scope) -> Self {
        if scope.guests * scope.rooms == 1 { Self::Stateright } else { Self::Timely }
    }

    /// Explores `model` with these workers, until every reachable state is visited or `stop` says so.
    /// Calls `progress` now and then.
    ///
    /// # Errors
    /// If a worker breaks down, or the memory does not suffice: then nothing is known.
    pub fn explore<S: Explore>(
        self,
        model: &Arc<S>,
        workers: &Workers,
        stop: &Stop,
        progress: impl Fn(SearchProgress),
    ) -> Result<ExecutorReport, ExecutorError> {
        match self {
            Self::Stateright => {
                let exploration = stateright::explore(model, workers.threads, stop, progress);
                Ok(ExecutorReport { exploration, encoding: Encoding::Plain })
            }
            Self::Timely => model.explore(workers, stop, progress),
        }
    }
}
