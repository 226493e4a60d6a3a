//! Any space, its states being their own codes.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::guarantee::Verdicts;
use crate::space::Space;

use super::Coded;

/// A space as it is: a worker keeps its visited states themselves.
pub struct Plain<S>(pub Arc<S>);

impl<S: Space> Coded for Plain<S> {
    type Code = S::State;
    type Visited = HashSet<S::State>;

    fn beginnings(&self) -> Vec<S::State> {
        self.0.beginnings()
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

    fn expand(&self, state: &S::State, reach: &mut impl FnMut(S::State)) -> (Verdicts, usize) {
        let expansion = self.0.expansion(state);
        for taken in expansion.moves {
            reach(taken.next);
        }
        (expansion.verdicts, expansion.transitions)
    }
}
