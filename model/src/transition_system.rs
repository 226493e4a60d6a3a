//! A transition system: the states of a model, and the actions that lead from one to another.
//!
//! A model gives its initial states and the successors of each state, with the verdicts of the
//! guarantees on each action. Everything else is written once, on this trait: visiting every
//! reachable state once, gathering the verdicts, and searching for a shortest counterexample.

use std::fmt::Debug;
use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::guarantee::Verdicts;

/// The states of a model, and the actions between them, with the verdicts of the guarantees.
///
/// Every method is a function of the state. So an executor may call it in any order, on any thread, in
/// any process, any number of times.
pub trait TransitionSystem: Send + Sync + 'static {
    /// A state. Equal states have equal successors by equal actions, with equal verdicts. (A state
    /// is serialised only on its way from one process to another.)
    type State: Clone
        + Eq
        + Ord
        + Hash
        + Debug
        + Send
        + Sync
        + Serialize
        + DeserializeOwned
        + 'static;
    /// An action: what leads from one state to another.
    type Action: Clone + Eq + Debug + Send + Sync + 'static;

    /// The initial states.
    fn initial_states(&self) -> Vec<Self::State>;

    /// Visits every action that can happen in `state`, in a fixed order, with the state that the
    /// action leads to and the verdicts on it. An action that changes nothing leads to `state`.
    fn visit_successors(
        &self,
        state: &Self::State,
        visit: &mut dyn FnMut(Self::Action, Self::State, Verdicts),
    );

    /// The state without what no later action and no guarantee reads. A trace continues from it:
    /// every name keeps its meaning.
    fn normal_form(&self, state: Self::State) -> Self::State {
        state
    }

    /// The one state that is explored for all states that no action and no guarantee tells apart:
    /// their normal forms are equal up to symmetry. A trace never passes through it, because the
    /// exchange of names would rename the actors on the way.
    fn canonical_form(&self, state: Self::State) -> Self::State {
        self.normal_form(state)
    }

    /// The successors of `state`. A model in which many states share most of theirs may compute
    /// them in another way than action by action.
    fn successors(&self, state: &Self::State) -> Successors<Self::State, Self::Action> {
        Successors::of_each_action(self, state)
    }
}

/// An action that changes the state, and the state that it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor<S, T> {
    /// The action.
    pub action: T,
    /// The canonical form of the state that the action leads to.
    pub next: S,
}

/// The successors of a state.
#[derive(Debug, Clone)]
pub struct Successors<S, T> {
    /// The verdicts on every action that can happen.
    pub verdicts: Verdicts,
    /// One successor for each distinct state, by the first action that leads there.
    pub distinct: Vec<Successor<S, T>>,
    /// How many actions change the state.
    pub transitions: usize,
}

impl<S, T> Default for Successors<S, T> {
    fn default() -> Self {
        Self { verdicts: Verdicts::default(), distinct: Vec::new(), transitions: 0 }
    }
}

impl<S: Eq, T> Successors<S, T> {
    /// The successors of `state`, computed action by action.
    pub fn of_each_action<P>(system: &P, state: &S) -> Self
    where
        P: TransitionSystem<State = S, Action = T> + ?Sized,
    {
        let mut successors = Self::default();
        system.visit_successors(state, &mut |action, next, verdicts| {
            let changed = (next != *state).then(|| system.canonical_form(next));
            successors.add(action, changed, verdicts);
        });
        successors
    }

    /// Adds an action, with the state that it leads to if it changes the state.
    pub fn add(&mut self, action: T, changed: Option<S>, verdicts: Verdicts) {
        self.verdicts.add(verdicts);
        if let Some(next) = changed {
            self.transitions += 1;
            if !self.distinct.iter().any(|known| known.next == next) {
                self.distinct.push(Successor { action, next });
            }
        }
    }
}

/// The result of exploring a transition system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exploration {
    /// Whether every reachable state was visited.
    pub complete: bool,
    /// How many states were visited.
    pub states: usize,
    /// How many actions change a state, summed over the states.
    pub transitions: usize,
    /// The length of the longest of the shortest traces to a state, where the executor can tell.
    pub depth: Option<usize>,
    /// The verdicts on every action that can happen in them.
    pub verdicts: Verdicts,
}

impl Exploration {
    /// The result for no states at all.
    pub const fn of_nothing() -> Self {
        Self { complete: true, states: 0, transitions: 0, depth: None, verdicts: Verdicts::NONE }
    }

    /// The result for the two parts of a state space together.
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
