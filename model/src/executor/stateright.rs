//! stateright as the executor: breadth-first to a fixpoint, on several threads.
//!
//! An action that does not change the state is judged in every state in which it can happen, and leads
//! to no other state.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::stateright::{Checker, Model, Property};

use crate::guarantee::Verdicts;
use crate::stop::Stop;
use crate::transition_system::{Exploration, Successor, Successors, TransitionSystem};
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};

use super::SearchProgress;

/// Explores `model` on this number of threads, until every state is visited or `stop` says so. Calls
/// `progress` now and then.
pub fn explore<S: TransitionSystem>(
    model: &Arc<S>,
    threads: usize,
    stop: &Stop,
    progress: impl Fn(SearchProgress),
) -> Exploration {
    let checker = Run::new(Arc::clone(model), stop.clone()).checker().threads(threads).spawn_bfs();
    while !checker.is_done() {
        std::thread::sleep(Duration::from_millis(20));
        progress(SearchProgress::states(checker.unique_state_count()));
    }
    let checker = checker.join();
    let run = checker.model();
    Exploration {
        complete: !run.cut.load(Ordering::Relaxed),
        states: run.states.load(Ordering::Relaxed),
        transitions: run.transitions.load(Ordering::Relaxed),
        // Several threads can reach a state by a longer trace first.
        depth: (threads == 1).then(|| checker.max_depth() - 1),
        // The discoveries of stateright would compute the states on each path once more.
        verdicts: run.reported(),
    }
}

/// One exploration: when to end it, and its counts.
struct Run<S> {
    model: Arc<S>,
    stop: Stop,
    /// Each guarantee is reported to stateright once: a report costs time for every state.
    reported_violated: AtomicU64,
    reported_exercised: AtomicU64,
    states: AtomicUsize,
    transitions: AtomicUsize,
    cut: AtomicBool,
}

impl<S: TransitionSystem> Run<S> {
    fn new(model: Arc<S>, stop: Stop) -> Self {
        Self {
            model,
            stop,
            reported_violated: AtomicU64::default(),
            reported_exercised: AtomicU64::default(),
            states: AtomicUsize::default(),
            transitions: AtomicUsize::default(),
            cut: AtomicBool::default(),
        }
    }

    /// The verdicts that were reported to stateright.
    fn reported(&self) -> Verdicts {
        let set = |reported: &AtomicU64| {
            let reported = reported.load(Ordering::Relaxed);
            (0..u64::BITS as usize)
                .filter(|number| reported & 1 << number != 0)
                .filter_map(GuaranteeId::of_index)
                .collect()
        };
        Verdicts {
            exercised: set(&self.reported_exercised),
            violated: set(&self.reported_violated),
        }
    }
}

/// Whether to report the guarantee with this number to stateright: it is in the set, and was not
/// reported before.
fn reports(reported: &AtomicU64, number: usize, set: &dyn Fn() -> GuaranteeSet) -> bool {
    if reported.load(Ordering::Relaxed) & 1 << number != 0 {
        return false;
    }
    let is_in = GuaranteeId::of_index(number).is_some_and(|g| set().contains(g));
    if is_in {
        reported.fetch_or(1 << number, Ordering::Relaxed);
    }
    is_in
}

/// A state, with its successors once they are computed.
struct Node<S: TransitionSystem> {
    state: S::State,
    successors: OnceLock<Box<Successors<S::State, S::Action>>>,
}

impl<S: TransitionSystem> Node<S> {
    fn new(state: S::State) -> Self {
        Self { state, successors: OnceLock::new() }
    }

    fn verdicts(&self, model: &S) -> Verdicts {
        self.successors(model).verdicts
    }

    fn successors(&self, model: &S) -> &Successors<S::State, S::Action> {
        self.successors.get_or_init(|| Box::new(model.successors(&self.state)))
    }
}

// A derive would require the same traits of the transition system.
impl<S: TransitionSystem> Clone for Node<S> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), successors: self.successors.clone() }
    }
}

impl<S: TransitionSystem> std::fmt::Debug for Node<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state.fmt(f)
    }
}

impl<S: TransitionSystem> PartialEq for Node<S> {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl<S: TransitionSystem> Eq for Node<S> {}

impl<S: TransitionSystem> Hash for Node<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
    }
}

impl<S: TransitionSystem> Model for Run<S> {
    type State = Node<S>;
    type Action = Successor<S::State, S::Action>;

    fn init_states(&self) -> Vec<Node<S>> {
        self.model.initial_states().into_iter().map(Node::new).collect()
    }

    fn actions(&self, node: &Node<S>, distinct: &mut Vec<Self::Action>) {
        let most_states = self.stop.most_states.unwrap_or(usize::MAX);
        if self.stop.now() || self.states.load(Ordering::Relaxed) >= most_states {
            self.cut.store(true, Ordering::Relaxed);
            return;
        }
        let successors = node.successors(&self.model);
        self.states.fetch_add(1, Ordering::Relaxed);
        self.transitions.fetch_add(successors.transitions, Ordering::Relaxed);
        distinct.extend_from_slice(&successors.distinct);
    }

    fn next_state(&self, _: &Node<S>, taken: Self::Action) -> Option<Node<S>> {
        Some(Node::new(taken.next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

/// The properties for stateright: one pair for each guarantee. A property is a plain function with a
/// static name.
fn properties<S: TransitionSystem>() -> Vec<Property<Run<S>>> {
    fn always<S: TransitionSystem, const N: usize>(run: &Run<S>, node: &Node<S>) -> bool {
        !reports(&run.reported_violated, N, &|| node.verdicts(&run.model).violated)
    }
    fn sometimes<S: TransitionSystem, const N: usize>(run: &Run<S>, node: &Node<S>) -> bool {
        reports(&run.reported_exercised, N, &|| node.verdicts(&run.model).exercised)
    }
    type Condition<S> = fn(&Run<S>, &Node<S>) -> bool;
    macro_rules! pairs {
        ($($n:literal)*) => {
            [$((always::<S, $n> as Condition<S>, sometimes::<S, $n> as Condition<S>)),*]
        };
    }
    let pairs = pairs!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    GuaranteeId::all()
        .chain(GuaranteeSet::declared().iter())
        .zip(pairs)
        .flat_map(|(guarantee, (always, sometimes))| {
            [
                Property::always(guarantee.get().id, always),
                Property::sometimes(guarantee.name_of_premise(), sometimes),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::Sequential;

    #[test]
    fn every_guarantee_has_its_pair_of_properties() {
        let names: Vec<_> =
            properties::<Sequential>().iter().map(|property| property.name).collect();
        let known = || GuaranteeId::all().chain(GuaranteeSet::declared().iter());
        assert_eq!(names.len(), 2 * known().count());
        assert!(known().all(|guarantee| names.contains(&guarantee.get().id)));
        // stateright takes properties of one name for one property.
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
