//! A story told again.

use crate::action::Observation;
use crate::state::State;
use crate::transition_system::TransitionSystem;

use super::actions::FederatedAction;
use super::{Federated, Servers};

/// Something that happens in a story.
#[derive(Debug, Clone)]
pub struct FederatedTraceStep {
    /// What.
    pub happens: FederatedAction,
    /// All servers before it.
    pub before: Servers,
    /// All servers after it.
    pub after: Servers,
    /// What a guest was answered.
    pub answered: Option<Observation>,
}

impl FederatedTraceStep {
    /// The state of a server before and after.
    pub fn on(&self, server: usize) -> (&State, &State) {
        (&self.before.servers[server].state, &self.after.servers[server].state)
    }
}

impl Federated {
    /// The story in which this happens, from the beginning; `None` if it cannot happen.
    pub fn replay(&self, story: &[FederatedAction]) -> Option<Vec<FederatedTraceStep>> {
        let mut servers = self.initial_states().pop()?;
        let told = story.iter().map(|happens| {
            let taken = self.take(&servers, happens)?;
            let before = std::mem::replace(&mut servers, taken.after);
            Some(FederatedTraceStep {
                happens: *happens,
                before,
                after: servers.clone(),
                answered: taken.answered,
            })
        });
        told.collect()
    }
}
