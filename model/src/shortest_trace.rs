//! Shortest traces: the fewest actions that lead to a state, or that violate a guarantee.
//!
//! stateright keeps the last counterexample that it meets. Which counterexample is the last depends on
//! the threads. The searches here are breadth-first on one thread, so a trace is always a shortest one,
//! and always the same one.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

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
    model: &S,
    guarantees: GuaranteeSet,
    stop: &Stop,
) -> Vec<Option<Vec<S::Action>>> {
    let mut search = Search::new(model.initial_states());
    let mut wanted = guarantees;
    let mut found: HashMap<_, Vec<S::Action>> = HashMap::new();
    let most_states = stop.most_states.unwrap_or(usize::MAX);
    while let Some(number) = search.next_state() {
        if wanted.is_empty() || number >= most_states || stop.now() {
            break;
        }
        let state = search.states[number].clone();
        let mut reached = Vec::new();
        model.visit_successors(&state, &mut |action, next, verdicts| {
            for guarantee in verdicts.violated.intersection(wanted).iter() {
                found.entry(guarantee).or_insert_with(|| search.trace(number, action.clone()));
                wanted.remove(guarantee);
            }
            reached.push((action, model.normal_form(next)));
        });
        for (action, next) in reached {
            search.reach(number, action, next);
        }
    }
    guarantees.iter().map(|guarantee| found.remove(&guarantee)).collect()
}

/// The states that `actions` lead to where `profile` decides, the nearest first, and no more than
/// `most` of them.
pub fn reachable_states(
    profile: &Profile,
    actions: &[Action],
    most: usize,
) -> Search<State, Action> {
    let mut search = Search::new([initial(profile)]);
    while let Some(number) = search.next_state() {
        let state = search.states[number];
        for action in actions {
            if search.states.len() >= most {
                return search;
            }
            if let Some(outcome) = outcome(profile, &state, action) {
                search.reach(number, *action, outcome.next);
            }
        }
    }
    search
}

/// A breadth-first search that remembers a shortest trace to each state.
///
/// 1. The search begins with the initial states, which have the first numbers.
/// 2. The caller takes the next state (or the next round of them), and reports with [`reach`] each
///    state that an action leads to. A new state gets the next number.
/// 3. States are taken in the order of their numbers, so the first action that reaches a state ends
///    a shortest trace to it.
///
/// Two states are the same if their keys are equal. The key is the state itself, unless the caller
/// gives another one with [`reach_with_key`]. For example, the key is the normal form, and traces
/// continue from the state itself.
///
/// ```
/// use guest_access_model::shortest_trace::Search;
///
/// // The shortest way from 1 to 10 by doubling and adding one.
/// let mut search = Search::new([1]);
/// let trace = 'search: loop {
///     let number = search.next_state().expect("10 is reachable");
///     let from = search.states()[number];
///     for (action, next) in [("double", 2 * from), ("add one", from + 1)] {
///         if next == 10 {
///             break 'search search.trace(number, action);
///         }
///         search.reach(number, action, next);
///     }
/// };
/// assert_eq!(trace, ["double", "double", "add one", "double"]);
/// ```
///
/// [`reach`]: Self::reach
/// [`reach_with_key`]: Self::reach_with_key
#[derive(Debug)]
pub struct Search<S, A, K = S> {
    /// The states, by their numbers.
    states: Vec<S>,
    /// For each state that is not initial: the number of the state before it, and the action.
    came_from: Vec<Option<(usize, A)>>,
    numbers: HashMap<K, usize>,
    next: usize,
}

impl<S: Clone + Eq + Hash, A: Clone> Search<S, A> {
    /// A search from these states, each its own key.
    pub fn new(initial: impl IntoIterator<Item = S>) -> Self {
        Self::with_keys(initial.into_iter().map(|state| (state.clone(), state)))
    }

    /// Reports that `action` leads from the state with this number to `next`. Returns whether `next`
    /// is new.
    pub fn reach(&mut self, from: usize, action: A, next: S) -> bool {
        self.insert(Some((from, action)), next.clone(), next)
    }
}

impl<S, A: Clone, K: Eq + Hash> Search<S, A, K> {
    /// A search from these states, each with its key.
    pub fn with_keys(initial: impl IntoIterator<Item = (S, K)>) -> Self {
        let mut search =
            Self { states: Vec::new(), came_from: Vec::new(), numbers: HashMap::new(), next: 0 };
        for (state, key) in initial {
            search.insert(None, state, key);
        }
        search
    }

    /// Reports that `action` leads from the state with this number to `next`, whose key is `key`.
    /// Returns whether `next` is new.
    pub fn reach_with_key(&mut self, from: usize, action: A, next: S, key: K) -> bool {
        self.insert(Some((from, action)), next, key)
    }

    fn insert(&mut self, came_from: Option<(usize, A)>, state: S, key: K) -> bool {
        let number = self.states.len();
        let is_new = *self.numbers.entry(key).or_insert(number) == number;
        if is_new {
            self.states.push(state);
            self.came_from.push(came_from);
        }
        is_new
    }

    /// The states that were reached, by their numbers.
    pub fn states(&self) -> &[S] {
        &self.states
    }

    /// The number of the next state to look at.
    pub fn next_state(&mut self) -> Option<usize> {
        let number = self.next;
        self.next += 1;
        (number < self.states.len()).then_some(number)
    }

    /// The numbers of the next states to look at, and no more than `most` of them. Empty when the
    /// search has ended.
    pub fn next_round(&mut self, most: usize) -> Range<usize> {
        let round = self.next..self.states.len().min(self.next.saturating_add(most));
        self.next = round.end;
        round
    }

    /// Whether the state with this key was reached.
    pub fn has_reached(&self, key: &K) -> bool {
        self.numbers.contains_key(key)
    }

    /// Whether a search that has ended has looked at the state with this key. The search ended at
    /// the last number that [`Self::next_state`] gave: the caller did not look at that state.
    pub fn has_looked_at(&self, key: &K) -> bool {
        self.numbers.get(key).is_some_and(|number| number + 1 < self.next)
    }

    /// A shortest trace to the state with this number, and then `last`.
    pub fn trace(&self, number: usize, last: A) -> Vec<A> {
        let mut trace = self.trace_to(number);
        trace.push(last);
        trace
    }

    /// A shortest trace to the state with this number.
    pub fn trace_to(&self, mut number: usize) -> Vec<A> {
        let mut actions = Vec::new();
        while let Some((from, action)) = &self.came_from[number] {
            actions.push(action.clone());
            number = *from;
        }
        actions.reverse();
        actions
    }
}
