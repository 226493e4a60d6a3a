//! A story told again: what was answered at each of its moves, and what it changed.

use crate::action::Observation;
use crate::state::State;
use crate::transition_system::TransitionSystem;

use super::{Concurrent, ConcurrentAction};

/// One move of a story.
#[derive(Debug, Clone)]
pub struct ConcurrentTraceStep {
    /// The move.
    pub taken: ConcurrentAction,
    /// The number of its call among all calls of the story, in the order in which they began.
    pub call: usize,
    /// The state of the homeserver before it.
    pub before: State,
    /// The state of the homeserver after it.
    pub after: State,
    /// What the call was answered, if the move answers it.
    pub answered: Option<Observation>,
}

impl Concurrent {
    /// The story of these moves, from the beginning; `None` if it cannot happen.
    pub fn replay(&self, moves: &[ConcurrentAction]) -> Option<Vec<ConcurrentTraceStep>> {
        let mut current = self.initial_states().pop()?;
        let (mut in_flight, mut calls) = (Vec::new(), 0);
        let told = moves.iter().map(|taken| {
            let after = self.take(&current, taken)?;
            let number = taken.stage.map_or(in_flight.len(), |(number, _)| number);
            if number == in_flight.len() {
                in_flight.push(calls);
                calls += 1;
            }
            let call = *in_flight.get(number)?;
            if after.answered.is_some() {
                in_flight.remove(number);
            }
            let before = std::mem::replace(&mut current, after.current).server;
            let after_it = current.server;
            Some(ConcurrentTraceStep {
                taken: *taken,
                call,
                before,
                after: after_it,
                answered: after.answered,
            })
        });
        told.collect()
    }
}
