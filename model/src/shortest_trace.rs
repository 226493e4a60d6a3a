//! Shortest traces: the fewest actions that lead to a state, or that violate a guarantee.
//!
//! stateright keeps the last counterexample that it meets, and which one that is depends on the
//! threads. The searches here are breadth-first on one thread, so a trace is always a shortest one,
//! and always the same one.

use std::collections::HashMap;
use std::hash::Hash;

use crate::action::Action;
use crate::decide::{initial, outcome};
use crate::state::State;
use crate::stop::Stop;
use crate::transition_system::TransitionSystem;
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::profile::Profile;

/// A shortest counterexample for each of these guarantees, in the order of the guarantees. `None`
/// stands for a guarantee that no trace violates, or for which none was found before `stop`.
pub fn counterexamples<S: TransitionSystem>(
    space: &S,
    guarantees: GuaranteeSet,
    stop: &Stop,
) -> Vec<Option<Vec<S::Action>>> {
    let mut search = Search::new(space.initial_states());
    let mut wanted = guarantees;
    let mut found: HashMap<_, Vec<S::Action>> = HashMap::new();
    let most_states = stop.most_states.unwrap_or(usize::MAX);
    while let Some(number) = search.next_state() {
        if wanted.is_empty() || number >= most_states || stop.now() {
            break;
        }
        let state = search.states[number].clone();
        let mut reached = Vec::new();
        space.visit_successors(&state, &mut |action, next, verdicts| {
            for guarantee in verdicts.violated.intersection(wanted).iter() {
                found.entry(guarantee).or_insert_with(|| search.trace(number, action.clone()));
                wanted.remove(guarantee);
            }
            reached.push((action, space.normal_form(next)));
        });
        for (action, next) in reached {
            search.reach(number, action, next);
        }
    }
    guarantees.iter().map(|guarantee| found.remove(&guarantee)).collect()
}

/// The states that some actions lead to, each with a shortest trace to it.
pub struct ReachableStates(Search<State, Action>);

/// The states that `actions` lead to where `profile` decides, in the order in which they are reached,
/// and no more than `most` of them.
pub fn reachable_states(profile: &Profile, actions: &[Action], most: usize) -> ReachableStates {
    let mut search = Search::new([initial(profile)]);
    while let Some(number) = search.next_state() {
        let state = search.states[number];
        for action in actions {
            if search.states.len() >= most {
                return ReachableStates(search);
            }
            if let Some(outcome) = outcome(profile, &state, action) {
                search.reach(number, *action, outcome.next);
            }
        }
    }
    ReachableStates(search)
}

impl ReachableStates {
    /// The states, the nearest first.
    pub fn states(&self) -> &[State] {
        &self.0.states
    }

    /// A shortest trace to the state with this number.
    pub fn trace_to(&self, number: usize) -> Vec<Action> {
        self.0.trace_to(number)
    }
}

/// A breadth-first search that remembers how it came to each state.
pub(crate) struct Search<S, T> {
    /// The states in the order in which they were reached.
    pub(crate) states: Vec<S>,
    /// For each state but the first: from which, and by which step.
    came_from: Vec<Option<(usize, T)>>,
    numbers: HashMap<S, usize>,
    next: usize,
}

impl<S: Clone + Eq + Hash, T: Clone> Search<S, T> {
    /// A search that begins in these states.
    pub(crate) fn new(firsts: impl IntoIterator<Item = S>) -> Self {
        let mut search =
            Self { states: Vec::new(), came_from: Vec::new(), numbers: HashMap::new(), next: 0 };
        for first in firsts {
            search.insert(None, first);
        }
        search
    }

    /// The next state to look at, in the order in which they were reached.
    pub(crate) fn next_state(&mut self) -> Option<usize> {
        let number = self.next;
        self.next += 1;
        (number < self.states.len()).then_some(number)
    }

    /// Whether a search that has ended has looked at this state. It ended at the last number that
    /// it gave: there was no such state, or it was not looked at any more.
    pub(crate) fn has_looked_at(&self, state: &S) -> bool {
        self.numbers.get(state).is_some_and(|number| number + 1 < self.next)
    }

    /// Records that `action` leads from the state with this number to `next`; whether that is new.
    pub(crate) fn reach(&mut self, from: usize, action: T, next: S) -> bool {
        self.insert(Some((from, action)), next)
    }

    fn insert(&mut self, came_from: Option<(usize, T)>, state: S) -> bool {
        let number = self.states.len();
        let is_new = *self.numbers.entry(state.clone()).or_insert(number) == number;
        if is_new {
            self.states.push(state);
            self.came_from.push(came_from);
        }
        is_new
    }

    /// The trace to the state with this number, and then `last`.
    pub(crate) fn trace(&self, number: usize, last: T) -> Vec<T> {
        let mut trace = self.trace_to(number);
        trace.push(last);
        trace
    }

    /// A shortest trace to the state with this number.
    fn trace_to(&self, mut number: usize) -> Vec<T> {
        let mut actions = Vec::new();
        while let Some((from, action)) = &self.came_from[number] {
            actions.push(action.clone());
            number = *from;
        }
        actions.reverse();
        actions
    }
}
