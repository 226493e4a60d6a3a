//! The replay of a trace: the answer and the changes of each action.

use crate::action::Observation;
use crate::state::State;
use crate::transition_system::TransitionSystem;

use super::{Concurrent, ConcurrentAction};

/// One step of a replayed trace.
#[derive(Debug, Clone)]
pub struct ConcurrentTraceStep {
    /// The action.
    pub action: ConcurrentAction,
    /// The number of the call among all calls of the trace, by their start.
    pub call: usize,
    /// The state of the homeserver before the action.
    pub before: State,
    /// The state of the homeserver after the action.
    pub after: State,
    /// The answer, if the action answers the call.
    pub observation: Option<Observation>,
}

impl Concurrent {
    /// Replays these actions from the initial state; `None` if an action is not possible.
    pub fn replay(&self, actions: &[ConcurrentAction]) -> Option<Vec<ConcurrentTraceStep>> {
        let mut current = self.initial_states().pop()?;
        let (mut in_flight, mut calls) = (Vec::new(), 0);
        let steps = actions.iter().map(|action| {
            let after = self.take(&current, action)?;
            let number = action.stage.map_or(in_flight.len(), |(number, _)| number);
            if number == in_flight.len() {
                in_flight.push(calls);
                calls += 1;
            }
            let call = *in_flight.get(number)?;
            if after.observation.is_some() {
                in_flight.remove(number);
            }
            let before = std::mem::replace(&mut current, after.current).server;
            let after_it = current.server;
            Some(ConcurrentTraceStep {
                action: *action,
                call,
                before,
                after: after_it,
                observation: after.observation,
            })
        });
        steps.collect()
    }
}
