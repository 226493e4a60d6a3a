//! Timely dataflow as the engine: breadth-first by rounds, on all cores, or on several machines.
//!
//! Every state belongs to one worker, which alone knows whether it was visited; what a worker reaches
//! of another's goes to that one. A round is a timestamp: what is reached in one is visited in the
//! next, once nobody can reach more. So the rounds, and all that is counted, are the same whatever the
//! number of workers. Visited states are kept exactly: no two states are ever taken for one.

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

use super::{Encoding, ExecutorError, Explored, Seen, Workers};

/// What the engine visits: states by codes, each of which stands for one state.
pub trait Coded: Send + Sync + 'static {
    /// A state's code.
    type Code: ExchangeData;
    /// The codes that one worker has visited.
    type Visited: 'static;

    /// The codes of the states in which everything begins.
    fn initial_states(&self) -> Vec<Self::Code>;

    /// How many states there are at most, if that is known.
    fn at_most(&self) -> Option<usize> {
        None
    }

    /// How many bytes the visited states of `here` of all workers take, if that is known.
    fn bytes(&self, here: usize, workers: usize) -> Option<u64> {
        let _ = (here, workers);
        None
    }

    /// A number that says whose state this is: that of the worker to which it is congruent.
    fn owner(&self, code: &Self::Code) -> u64;

    /// Nothing visited yet, for one of so many workers.
    fn nothing_visited(&self, workers: usize) -> Self::Visited;

    /// Notes that the code is visited; whether that is new.
    fn visit(&self, visited: &mut Self::Visited, code: &Self::Code) -> bool;

    /// Reaches what the state leads to (each at least once), and says what the guarantees say of every
    /// step that can be taken in it, and how many of these change the state.
    fn visit_successors(
        &self,
        code: &Self::Code,
        reach: &mut impl FnMut(Self::Code),
    ) -> (Verdicts, usize);
}

/// A transition system that timely explores. The encoding is plain, unless the system knows a faster
/// one.
pub trait Explore: TransitionSystem + Sized {
    /// Visits every state with these workers, until it is done or `stop` says so.
    ///
    /// # Errors
    /// If a worker breaks down, or there is no room for the states: then nothing is known.
    fn explore(
        self: &Arc<Self>,
        workers: &Workers,
        stop: &Stop,
        progress: impl Fn(Seen),
    ) -> Result<Explored, ExecutorError> {
        let exploration = explore(Plain(Arc::clone(self)), workers, stop, progress)?;
        Ok(Explored { exploration, encoding: Encoding::Plain })
    }
}

/// How many states a worker visits before it looks at what others have reached of its own.
const AT_ONCE: usize = 1024;
/// How long a worker with nothing to do waits before it looks whether the others are still there.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long it is between two looks at how far the workers have come.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// What the workers of this process have in common.
struct Common<C> {
    coded: C,
    stop: Stop,
    /// For whoever looks on, and for the limit of states.
    states: AtomicUsize,
    waiting: AtomicUsize,
    /// A worker, or the connection to another process, broke down.
    lost: Arc<AtomicBool>,
}

/// Visits every state with these workers, until it is done or `stop` says so.
///
/// # Errors
/// If a worker breaks down, or there is no room for the states: then nothing is known.
pub fn explore<C: Coded>(
    coded: C,
    workers: &Workers,
    stop: &Stop,
    progress: impl Fn(Seen),
) -> Result<Exploration, ExecutorError> {
    let Workers { threads, cluster } = workers;
    let processes = cluster.as_ref().map_or(1, Cluster::processes);
    let foreseen = coded.bytes(*threads, threads * processes);
    if let (Some(needs), Some(left)) = (foreseen, memory::left())
        && needs > left
    {
        return Err(ExecutorError::Memory { needs, left });
    }
    let lost = Arc::new(AtomicBool::new(false));
    let (builders, others) = match cluster {
        Some(cluster) => cluster.connect(*threads, &lost, stop)?,
        None => {
            CommunicationConfig::Process(*threads).try_build().map_err(ExecutorError::Threads)?
        }
    };
    let common = Arc::new(Common {
        coded,
        stop: stop.clone(),
        states: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        lost: Arc::clone(&lost),
    });
    let shared = Arc::clone(&common);
    let work = move |worker: &mut Worker| {
        let worked = catch_unwind(AssertUnwindSafe(|| explore_with(worker, &shared)));
        if worked.is_err() {
            shared.lost.store(true, Ordering::Relaxed);
        }
        // What is left of a dataflow that broke down would be waited for.
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow);
        }
        worked.ok().flatten()
    };
    let guards = ::timely::execute::execute_from(builders, others, WorkerConfig::default(), work)
        .map_err(ExecutorError::Threads)?;
    while !guards.guards().iter().all(std::thread::JoinHandle::is_finished) {
        std::thread::sleep(BETWEEN_LOOKS);
        let states = common.states.load(Ordering::Relaxed);
        let waiting = Some(common.waiting.load(Ordering::Relaxed));
        let at_most = common.coded.at_most();
        progress(Seen { states, waiting, at_most, foreseen_bytes: foreseen });
    }
    if lost.load(Ordering::Relaxed) {
        // Dropped, they would wait for threads that wait for the one that is lost.
        std::mem::forget(guards);
        return Err(ExecutorError::Lost);
    }
    let found = guards.join().into_iter().next();
    found.and_then(Result::ok).flatten().ok_or(ExecutorError::Lost)
}

/// One worker's part of an exploration, and then what all of them found. `None` if one broke down.
fn explore_with<C: Coded>(worker: &mut Worker, common: &Arc<Common<C>>) -> Option<Exploration> {
    let own = visit_all(worker, common)?;
    let (sender, all) = std::sync::mpsc::channel();
    let done = worker.dataflow::<u32, _, _>(|scope| {
        let found = Some(own).to_stream(scope).container::<Vec<_>>().broadcast();
        let told = found.inspect(move |part: &Exploration| {
            // Nobody has gone who would have to hear it.
            let _ = sender.send(*part);
        });
        told.probe().0
    });
    wait(worker, common, || done.done())?;
    all.into_iter().reduce(Exploration::and)
}

/// Goes on until it is done; `None` if a worker broke down.
fn wait<C>(worker: &mut Worker, common: &Common<C>, done: impl Fn() -> bool) -> Option<()> {
    while !done() {
        if common.lost.load(Ordering::Relaxed) {
            return None;
        }
        worker.step_or_park(Some(PATIENCE));
    }
    Some(())
}

fn visit_all<C: Coded>(worker: &mut Worker, common: &Arc<Common<C>>) -> Option<Exploration> {
    let (sender, own) = std::sync::mpsc::channel();
    let done = worker.dataflow::<u32, _, _>(|scope| {
        let owner = Arc::clone(common);
        let to_owner = Exchange::new(move |code: &C::Code| owner.coded.owner(code));
        let (handle, reached) = scope.feedback::<Vec<C::Code>>(1);
        let sent = reached.unary_frontier(to_owner, "visit", |first, info| {
            let again = scope.activator_for(info.address);
            let mut part = Part::new(Arc::clone(common), scope.index(), scope.peers());
            let mut now = Some(first);
            // The rounds to come of which something is known, with the right to send in them. There
            // can be two: who has begun the next sends for the one after it.
            let mut to_come: BTreeMap<u32, (Capability<u32>, Vec<C::Code>)> = BTreeMap::new();
            move |(input, frontier), output| {
                input.for_each_stamp(|at, codes| {
                    let Some(round) = at.retain_least(output.output_index()) else { return };
                    let number = *round.time();
                    let (_, reached) = to_come.entry(number).or_insert((round, Vec::new()));
                    for code in codes.flat_map(|codes| codes.drain(..)) {
                        part.visit(code, reached);
                    }
                });
                // A round begins when nothing can be added to it.
                if now.is_none()
                    && let Some(next) = to_come.first_entry()
                    && !frontier.less_equal(next.key())
                {
                    let (round, reached) = next.remove();
                    part.current = reached;
                    now = Some(round);
                }
                let Some(round) = &now else { return };
                let number = *round.time();
                let mut session = output.session(round);
                if part.expand_some(number, |code| session.give(code)) {
                    again.activate();
                    return;
                }
                drop(session);
                if !part.next.is_empty() {
                    let next = number + 1;
                    let (_, reached) =
                        to_come.entry(next).or_insert((round.delayed(&next), Vec::new()));
                    reached.append(&mut part.next);
                    again.activate();
                }
                now = None;
                let _ = sender.send(part.found);
            }
        });
        let (done, sent) = sent.probe();
        sent.connect_loop(handle);
        done
    });
    wait(worker, common, || done.done())?;
    // The last that it sent is what it found in all its rounds.
    own.into_iter().last()
}

/// One worker's part: its own states.
struct Part<C: Coded> {
    common: Arc<Common<C>>,
    worker: u64,
    workers: u64,
    visited: C::Visited,
    /// Those still to be expanded in this round.
    current: Vec<C::Code>,
    /// Those that were reached in this round, for the next.
    next: Vec<C::Code>,
    found: Exploration,
}

impl<C: Coded> Part<C> {
    fn new(common: Arc<Common<C>>, worker: usize, workers: usize) -> Self {
        let visited = common.coded.nothing_visited(workers);
        let mut part = Self {
            common,
            worker: worker as u64,
            workers: workers as u64,
            visited,
            current: Vec::new(),
            next: Vec::new(),
            found: Exploration::of_nothing(),
        };
        let mut first = part.common.coded.initial_states();
        first.retain(|code| part.is_own(code));
        for code in first {
            if part.common.coded.visit(&mut part.visited, &code) {
                part.current.push(code);
            }
        }
        part
    }

    fn is_own(&self, code: &C::Code) -> bool {
        self.workers == 1 || self.common.coded.owner(code) % self.workers == self.worker
    }

    /// Adds an own state to those reached, if it was not before.
    fn visit(&mut self, code: C::Code, reached: &mut Vec<C::Code>) {
        if self.common.coded.visit(&mut self.visited, &code) {
            reached.push(code);
        }
    }

    /// Expands some of this round's states, and sends away what is not its own; whether more are left.
    fn expand_some(&mut self, round: u32, mut send: impl FnMut(C::Code)) -> bool {
        let common = Arc::clone(&self.common);
        let most_states = common.stop.most_states.unwrap_or(usize::MAX);
        let states = common.states.load(Ordering::Relaxed);
        if !self.current.is_empty() && (common.stop.now() || states >= most_states) {
            self.current.clear();
            self.next.clear();
            self.found.complete = false;
            return false;
        }
        let some = AT_ONCE.min(self.current.len()).min(most_states - states);
        for code in self.current.split_off(self.current.len() - some) {
            let (verdicts, transitions) = common.coded.visit_successors(&code, &mut |next| {
                if !self.is_own(&next) {
                    send(next);
                } else if common.coded.visit(&mut self.visited, &next) {
                    self.next.push(next);
                }
            });
            self.found.verdicts.add(verdicts);
            self.found.transitions += transitions;
            self.found.depth = Some(round as usize);
        }
        self.found.states += some;
        common.states.fetch_add(some, Ordering::Relaxed);
        common.waiting.store(self.current.len() + self.next.len(), Ordering::Relaxed);
        !self.current.is_empty()
    }
}
