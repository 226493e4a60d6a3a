//! Timely dataflow as the executor: breadth-first by rounds, on all cores or on several machines.
//!
//! - Every state belongs to one worker. Only this worker knows whether the state was visited. Other
//!   workers send the state to it when they reach it.
//! - A round is a timestamp of timely's. A state that is reached in one round is visited in the next, when
//!   no worker can reach more. So the rounds and the counts do not depend on the number of workers.
//! - Visited states are kept exactly: two states are never mistaken for one.

mod cluster;
mod dense;
mod plain;

pub use cluster::{Cluster, ClusterError};
pub use plain::Plain;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::Capability;
use ::timely::dataflow::operators::generic::Operator;
use ::timely::dataflow::operators::vec::Broadcast;
use ::timely::dataflow::operators::{ConnectLoop, Feedback, Inspect, Probe, ToStream};
use ::timely::worker::Worker;
use ::timely::{CommunicationConfig, ExchangeData, WorkerConfig};

use crate::guarantee::Verdicts;
use crate::memory;
use crate::stop::Stop;
use crate::transition_system::{Exploration, TransitionSystem};

use super::{Encoding, ExecutorError, ExecutorReport, SearchProgress, Workers};

/// An encoding of states: the executor visits codes, and each code stands for one state.
pub trait StateEncoding: Send + Sync + 'static {
    /// The code of a state.
    type Code: ExchangeData;
    /// The set of codes that one worker has visited.
    type Visited: 'static;

    /// The codes of the initial states.
    fn initial_states(&self) -> Vec<Self::Code>;

    /// An upper bound of the number of states, if known.
    fn at_most(&self) -> Option<usize> {
        None
    }

    /// The bytes that the visited states of `here` of the `workers` take, if known.
    fn bytes(&self, here: usize, workers: usize) -> Option<u64> {
        let _ = (here, workers);
        None
    }

    /// A number that is congruent to the number of the worker that owns the state.
    fn owner(&self, code: &Self::Code) -> u64;

    /// The empty set, for one of this number of workers.
    fn nothing_visited(&self, workers: usize) -> Self::Visited;

    /// Adds a code to the set. Returns whether it is new.
    fn visit(&self, visited: &mut Self::Visited, code: &Self::Code) -> bool;

    /// Calls `reach` with each successor, at least once. Returns the verdicts on every action that can
    /// happen in the state, and how many of these actions change the state.
    fn visit_successors(
        &self,
        code: &Self::Code,
        reach: &mut impl FnMut(Self::Code),
    ) -> (Verdicts, usize);
}

/// A transition system that timely explores. The encoding is plain, unless the system knows a faster
/// one.
pub trait Explore: TransitionSystem + Sized {
    /// Visits every reachable state with these workers, until all are visited or `stop` says so.
    ///
    /// # Errors
    /// If a worker breaks down, or there is no room for the states: then nothing is known.
    fn explore(
        self: &Arc<Self>,
        workers: &Workers,
        stop: &Stop,
        progress: impl Fn(SearchProgress),
    ) -> Result<ExecutorReport, ExecutorError> {
        let exploration = explore(Plain(Arc::clone(self)), workers, stop, progress)?;
        Ok(ExecutorReport { exploration, encoding: Encoding::Plain })
    }
}

/// How many states a worker visits before it receives those that others have reached.
const AT_ONCE: usize = 1024;
/// How long an idle worker waits before it checks whether the others still run.
const PATIENCE: Duration = Duration::from_millis(50);
/// The time between two reports of progress.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// What the workers of this process share.
struct Shared<C> {
    encoded: C,
    stop: Stop,
    /// The visited states, for progress and for the limit of states.
    states: AtomicUsize,
    waiting: AtomicUsize,
    /// Whether a worker, or the connection to another process, broke down.
    lost: Arc<AtomicBool>,
}

/// Visits every reachable state with these workers, until all are visited or `stop` says so.
///
/// # Errors
/// If a worker breaks down, or there is no room for the states: then nothing is known.
pub fn explore<C: StateEncoding>(
    encoded: C,
    workers: &Workers,
    stop: &Stop,
    progress: impl Fn(SearchProgress),
) -> Result<Exploration, ExecutorError> {
    let Workers { threads, cluster } = workers;
    let processes = cluster.as_ref().map_or(1, Cluster::processes);
    let foreseen = encoded.bytes(*threads, threads * processes);
    if let (Some(needs), Some(available)) = (foreseen, memory::available())
        && needs > available
    {
        return Err(ExecutorError::Memory { needs, available });
    }
    let lost = Arc::new(AtomicBool::new(false));
    let (builders, others) = match cluster {
        Some(cluster) => cluster.connect(*threads, &lost, stop)?,
        None => {
            CommunicationConfig::Process(*threads).try_build().map_err(ExecutorError::Threads)?
        }
    };
    let shared = Arc::new(Shared {
        encoded,
        stop: stop.clone(),
        states: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        lost: Arc::clone(&lost),
    });
    let of_workers = Arc::clone(&shared);
    let work = move |worker: &mut Worker| {
        let worked = catch_unwind(AssertUnwindSafe(|| explore_with(worker, &of_workers)));
        if worked.is_err() {
            of_workers.lost.store(true, Ordering::Relaxed);
        }
        // Timely would wait for a dataflow that broke down.
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow);
        }
        worked.ok().flatten()
    };
    let guards = ::timely::execute::execute_from(builders, others, WorkerConfig::default(), work)
        .map_err(ExecutorError::Threads)?;
    while !guards.guards().iter().all(std::thread::JoinHandle::is_finished) {
        std::thread::sleep(BETWEEN_LOOKS);
        let states = shared.states.load(Ordering::Relaxed);
        let waiting = Some(shared.waiting.load(Ordering::Relaxed));
        let at_most = shared.encoded.at_most();
        progress(SearchProgress { states, waiting, at_most, foreseen_bytes: foreseen });
    }
    if lost.load(Ordering::Relaxed) {
        // Dropping the guards would wait for threads that wait for the lost worker.
        std::mem::forget(guards);
        return Err(ExecutorError::Lost);
    }
    let found = guards.join().into_iter().next();
    found.and_then(Result::ok).flatten().ok_or(ExecutorError::Lost)
}

/// Explores the states that one worker owns, and returns the sum over all workers. `None` if one broke down.
fn explore_with<C: StateEncoding>(
    worker: &mut Worker,
    shared: &Arc<Shared<C>>,
) -> Option<Exploration> {
    let own = visit_all(worker, shared)?;
    let (sender, all) = std::sync::mpsc::channel();
    let probe = worker.dataflow::<u32, _, _>(|scope| {
        let found = Some(own).to_stream(scope).container::<Vec<_>>().broadcast();
        let inspected = found.inspect(move |part: &Exploration| {
            // The receiver still exists, so sending cannot fail.
            let _ = sender.send(*part);
        });
        inspected.probe().0
    });
    wait(worker, shared, || probe.done())?;
    all.into_iter().reduce(Exploration::and)
}

/// Runs the worker until `is_done`. `None` if a worker broke down.
fn wait<C>(worker: &mut Worker, shared: &Shared<C>, is_done: impl Fn() -> bool) -> Option<()> {
    while !is_done() {
        if shared.lost.load(Ordering::Relaxed) {
            return None;
        }
        worker.step_or_park(Some(PATIENCE));
    }
    Some(())
}

fn visit_all<C: StateEncoding>(
    worker: &mut Worker,
    shared: &Arc<Shared<C>>,
) -> Option<Exploration> {
    let (sender, own) = std::sync::mpsc::channel();
    let probe = worker.dataflow::<u32, _, _>(|scope| {
        let owner = Arc::clone(shared);
        let to_owner = Exchange::new(move |code: &C::Code| owner.encoded.owner(code));
        let (handle, reached) = scope.feedback::<Vec<C::Code>>(1);
        let sent = reached.unary_frontier(to_owner, "visit", |first, info| {
            let again = scope.activator_for(info.address);
            let mut owned_states =
                OwnedStates::new(Arc::clone(shared), scope.index(), scope.peers());
            let mut now = Some(first);
            // The coming rounds for which states were received, with the capability to send in them.
            // There can be two: a worker that has begun the next round sends for the one after it.
            let mut to_come: BTreeMap<u32, (Capability<u32>, Vec<C::Code>)> = BTreeMap::new();
            move |(input, frontier), output| {
                input.for_each_stamp(|at, codes| {
                    let Some(round) = at.retain_least(output.output_index()) else { return };
                    let number = *round.time();
                    let (_, reached) = to_come.entry(number).or_insert((round, Vec::new()));
                    for code in codes.flat_map(|codes| codes.drain(..)) {
                        owned_states.visit(code, reached);
                    }
                });
                // A round begins when no worker can add to it.
                if now.is_none()
                    && let Some(next) = to_come.first_entry()
                    && !frontier.less_equal(next.key())
                {
                    let (round, reached) = next.remove();
                    owned_states.current = reached;
                    now = Some(round);
                }
                let Some(round) = &now else { return };
                let number = *round.time();
                let mut session = output.session(round);
                if owned_states.visit_some(number, |code| session.give(code)) {
                    again.activate();
                    return;
                }
                drop(session);
                if !owned_states.next.is_empty() {
                    let next = number + 1;
                    let (_, reached) =
                        to_come.entry(next).or_insert((round.delayed(&next), Vec::new()));
                    reached.append(&mut owned_states.next);
                    again.activate();
                }
                now = None;
                let _ = sender.send(owned_states.found);
            }
        });
        let (probe, sent) = sent.probe();
        sent.connect_loop(handle);
        probe
    });
    wait(worker, shared, || probe.done())?;
    // The last message has the sum over all rounds.
    own.into_iter().last()
}

/// The states that one worker owns.
struct OwnedStates<C: StateEncoding> {
    shared: Arc<Shared<C>>,
    worker: u64,
    workers: u64,
    visited: C::Visited,
    /// The states to visit in this round.
    current: Vec<C::Code>,
    /// The states that were reached in this round, for the next.
    next: Vec<C::Code>,
    found: Exploration,
}

impl<C: StateEncoding> OwnedStates<C> {
    fn new(shared: Arc<Shared<C>>, worker: usize, workers: usize) -> Self {
        let visited = shared.encoded.nothing_visited(workers);
        let mut owned_states = Self {
            shared,
            worker: worker as u64,
            workers: workers as u64,
            visited,
            current: Vec::new(),
            next: Vec::new(),
            found: Exploration::of_nothing(),
        };
        let mut first = owned_states.shared.encoded.initial_states();
        first.retain(|code| owned_states.is_own(code));
        for code in first {
            if owned_states.shared.encoded.visit(&mut owned_states.visited, &code) {
                owned_states.current.push(code);
            }
        }
        owned_states
    }

    fn is_own(&self, code: &C::Code) -> bool {
        self.workers == 1 || self.shared.encoded.owner(code) % self.workers == self.worker
    }

    /// Adds an own state to the reached ones, if it is new.
    fn visit(&mut self, code: C::Code, reached: &mut Vec<C::Code>) {
        if self.shared.encoded.visit(&mut self.visited, &code) {
            reached.push(code);
        }
    }

    /// Visits some states of this round, and sends the successors of other owners away. Returns whether
    /// states are left.
    fn visit_some(&mut self, round: u32, mut send: impl FnMut(C::Code)) -> bool {
        let shared = Arc::clone(&self.shared);
        let most_states = shared.stop.most_states.unwrap_or(usize::MAX);
        let states = shared.states.load(Ordering::Relaxed);
        if !self.current.is_empty() && (shared.stop.now() || states >= most_states) {
            self.current.clear();
            self.next.clear();
            self.found.complete = false;
            return false;
        }
        let some = AT_ONCE.min(self.current.len()).min(most_states - states);
        for code in self.current.split_off(self.current.len() - some) {
            let (verdicts, transitions) = shared.encoded.visit_successors(&code, &mut |next| {
                if !self.is_own(&next) {
                    send(next);
                } else if shared.encoded.visit(&mut self.visited, &next) {
                    self.next.push(next);
                }
            });
            self.found.verdicts.add(verdicts);
            self.found.transitions += transitions;
            self.found.depth = Some(round as usize);
        }
        self.found.states += some;
        shared.states.fetch_add(some, Ordering::Relaxed);
        shared.waiting.store(self.current.len() + self.next.len(), Ordering::Relaxed);
        !self.current.is_empty()
    }
}
