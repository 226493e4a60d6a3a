//! The replay of a trace.

use crate::action::Observation;
use crate::state::State;
use crate::transition_system::TransitionSystem;

use super::actions::FederatedAction;
use super::{Federated, Servers};

/// One step of a replayed trace.
#[derive(Debug, Clone)]
pub struct FederatedTraceStep {
    /// The action.
    pub action: FederatedAction,
    /// All servers before the action.
    pub before: Servers,
    /// All servers after the action.
    pub after: Servers,
    /// The answer to a guest.
    pub observation: Option<Observation>,
}

impl FederatedTraceStep {
    /// The state of a server before and after.
    pub fn on(&self, server: usize) -> (&State, &State) {
        (&self.before.servers[server].state, &self.after.servers[server].state)
    }
}

impl Federated {
    /// Replays these actions from the initial state; `None` if an action is not possible.
    pub fn replay(&self, trace: &[FederatedAction]) -> Option<Vec<FederatedTraceStep>> {
        let mut servers = self.initial_states().pop()?;
        let steps = trace.iter().map(|action| {
            let outcome = self.take(&servers, action)?;
            let before = std::mem::replace(&mut servers, outcome.after);
            Some(FederatedTraceStep {
                action: *action,
                before,
                after: servers.clone(),
                observation: outcome.observation,
            })
        });
        steps.collect()
    }
}
