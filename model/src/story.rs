//! Stories: shortest ways to a step that something asks for.
//!
//! stateright keeps the last counterexample that it meets, and which one that is depends on the
//! threads; a story is searched by rounds on one thread, so it is shortest and always the same.

use std::collections::HashMap;
use std::hash::Hash;

use crate::action::Action;
use crate::decide::{initial, outcome};
use crate::space::Space;
use crate::state::State;
use crate::stop::Stop;
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::profile::Profile;

/// The shortest stories in which these guarantees are broken, in the order of the guarantees:
/// `None` for one that is never broken, or of which nothing was found before `stop`.
pub fn broken<S: Space>(
    space: &S,
    guarantees: GuaranteeSet,
    stop: &Stop,
) -> Vec<Option<Vec<S::Action>>> {
    let mut search = Search::new(space.beginnings());
    let mut wanted = guarantees;
    let mut found: HashMap<_, Vec<S::Action>> = HashMap::new();
    let most_states = stop.most_states.unwrap_or(usize::MAX);
    while let Some(number) = search.next_state() {
        if wanted.is_empty() || number >= most_states || stop.now() {
            break;
        }
        let state = search.states[number].clone();
        let mut reached = Vec::new();
        space.expand(&state, &mut |action, next, verdicts| {
            for guarantee in verdicts.broken.intersection(wanted).iter() {
                found.entry(guarantee).or_insert_with(|| search.story(number, action.clone()));
                wanted.remove(guarantee);
            }
            reached.push((action, space.forget(next)));
        });
        for (action, next) in reached {
            search.reach(number, action, next);
        }
    }
    guarantees.iter().map(|guarantee| found.remove(&guarantee)).collect()
}

/// States that some steps lead to, each with a shortest story to it.
pub struct Reached(Search<State, Action>);

/// The states that `actions` lead to where `profile` decides, in the order in which they are reached,
/// and no more than `most` of them.
pub fn reach(profile: &Profile, actions: &[Action], most: usize) -> Reached {
    let mut search = Search::new([initial(profile)]);
    while let Some(number) = search.next_state() {
        let state = search.states[number];
        for action in actions {
            if search.states.len() >= most {
                return Reached(search);
            }
            if let Some(outcome) = outcome(profile, &state, action) {
                search.reach(number, *action, outcome.next);
            }
        }
    }
    Reached(search)
}

impl Reached {
    /// The states, the nearest first.
    pub fn states(&self) -> &[State] {
        &self.0.states
    }

    /// The steps to the state with this number.
    pub fn story_to(&self, number: usize) -> Vec<Action> {
        self.0.story_to(number)
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

    /// The steps to the state with this number, and then `last`.
    pub(crate) fn story(&self, number: usize, last: T) -> Vec<T> {
        let mut actions = self.story_to(number);
        actions.push(last);
        actions
    }

    /// The steps to the state with this number.
    fn story_to(&self, mut number: usize) -> Vec<T> {
        let mut actions = Vec::new();
        while let Some((from, action)) = &self.came_from[number] {
            actions.push(action.clone());
            number = *from;
        }
        actions.reverse();
        actions
    }
}
