//! The plain encoding: each state is its own code.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::guarantee::Verdicts;
use crate::transition_system::TransitionSystem;

use super::StateEncoding;

/// A transition system in the plain encoding: a worker keeps the visited states themselves.
pub struct Plain<S>(pub Arc<S>);

impl<S: TransitionSystem> StateEncoding for Plain<S> {
    type Code = S::State;
    type Visited = HashSet<S::State>;

    fn initial_states(&self) -> Vec<S::State> {
        self.0.initial_states()
    }

    fn owner(&self, state: &S::State) -> u64 {
        // The same in every process.
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        hasher.finish()
    }

    fn nothing_visited(&self, _: usize) -> HashSet<S::State> {
        HashSet::new()
    }

    fn visit(&self, visited: &mut HashSet<S::State>, state: &S::State) -> bool {
        !visited.contains(state) && visited.insert(state.clone())
    }

    fn visit_successors(
        &self,
        state: &S::State,
        reach: &mut impl FnMut(S::State),
    ) -> (Verdicts, usize) {
        let successors = self.0.successors(state);
        for taken in successors.distinct {
            reach(taken.next);
        }
        (successors.verdicts, successors.transitions)
    }
}
