//! A space of states: what an engine explores and a story is searched in, whatever the model is.
//!
//! A model says where it begins and what can be done in a state, each step judged by the guarantees.
//! All else (every reachable state visited once, the verdicts gathered, the shortest story to what
//! breaks) is the same for all models, and is written once, on this trait.

use std::fmt::Debug;
use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::guarantee::Verdicts;

/// The states of a model, and the steps between them, judged.
///
/// Everything is a function of the state: an engine may ask in any order, on any thread, in any
/// process, and as often as it likes.
pub trait Space: Send + Sync + 'static {
    /// A state. Equal states lead to equal states by equal steps, with equal verdicts. (It is
    /// serialised on its way from one process to another, and nowhere else.)
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
    /// What leads from one state to another.
    type Action: Clone + Eq + Debug + Send + Sync + 'static;

    /// The states in which everything begins.
    fn beginnings(&self) -> Vec<Self::State>;

    /// Every step that can be taken in `state`, in a fixed order, judged, with the state that it
    /// leads to. A step that changes nothing leads to `state` itself.
    fn expand(
        &self,
        state: &Self::State,
        visit: &mut dyn FnMut(Self::Action, Self::State, Verdicts),
    );

    /// The state without what nothing will ask for again, and with every name in its place: what a
    /// story goes on from.
    fn forget(&self, state: Self::State) -> Self::State {
        state
    }

    /// The one state that is explored for all those that nothing tells apart, be it that they differ
    /// in what is forgotten, or that exchanging names makes one of the other. No story passes through
    /// it: that would rename its people on the way.
    fn representative(&self, state: Self::State) -> Self::State {
        self.forget(state)
    }

    /// What `state` leads to. A model in which much of that is alike in many states may work it out
    /// in another way than step by step.
    fn expansion(&self, state: &Self::State) -> Expansion<Self::State, Self::Action> {
        Expansion::step_by_step(self, state)
    }
}

/// A step that changes the state, with what it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move<S, T> {
    /// The step.
    pub action: T,
    /// What it leads to, as its representative.
    pub next: S,
}

/// What a state leads to.
#[derive(Debug, Clone)]
pub struct Expansion<S, T> {
    /// What the guarantees say of every step that can be taken.
    pub verdicts: Verdicts,
    /// One step to each state that can be reached, the first that leads there.
    pub moves: Vec<Move<S, T>>,
    /// How many steps change the state.
    pub transitions: usize,
}

impl<S, T> Default for Expansion<S, T> {
    fn default() -> Self {
        Self { verdicts: Verdicts::default(), moves: Vec::new(), transitions: 0 }
    }
}

impl<S: Eq, T> Expansion<S, T> {
    /// What `state` leads to, worked out step by step.
    pub fn step_by_step<P>(space: &P, state: &S) -> Self
    where
        P: Space<State = S, Action = T> + ?Sized,
    {
        let mut expansion = Self::default();
        space.expand(state, &mut |action, next, verdicts| {
            let changed = (next != *state).then(|| space.representative(next));
            expansion.add(action, changed, verdicts);
        });
        expansion
    }

    /// Adds a step, and what it leads to if it changes the state.
    pub fn add(&mut self, action: T, changed: Option<S>, verdicts: Verdicts) {
        self.verdicts.add(verdicts);
        if let Some(next) = changed {
            self.transitions += 1;
            if !self.moves.iter().any(|known| known.next == next) {
                self.moves.push(Move { action, next });
            }
        }
    }
}

/// What an exploration of a space found.
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
