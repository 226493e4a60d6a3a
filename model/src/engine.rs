//! Engines: what visits every reachable state of a space and gathers what the guarantees say.

pub mod stateright;

use crate::guarantee::Verdicts;

/// What an engine found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
