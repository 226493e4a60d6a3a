//! The sequential model: one homeserver, one call at a time, every history.

mod successors;

use crate::action::Action;
use crate::actions::actions;
use crate::canonical_form::{canonical_form, normal_form};
use crate::decide::{initial, outcome};
use crate::guarantee::{Transition, Verdicts};
use crate::state::{Scope, State};
use crate::transition_system::{Successors, TransitionSystem};
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::profile::Profile;

pub(crate) use successors::Judged;
use successors::{Known, Tried};

/// A homeserver with a profile, held against what a revision promises.
#[derive(Debug)]
pub struct Sequential {
    /// What the homeserver does.
    system: Profile,
    /// What the revision says.
    rules: Profile,
    scope: Scope,
    tried: Tried,
    known: Known,
}

impl Sequential {
    /// The model at `scope` of a homeserver that does what `system` says, held against the promises
    /// of a revision whose default profile is `rules`.
    pub fn new(scope: Scope, system: Profile, rules: Profile) -> Self {
        let tried = Tried::new(scope, actions(scope, &[&system, &rules]));
        Self { system, rules, scope, tried, known: Known::default() }
    }

    /// What the homeserver does.
    pub fn system(&self) -> &Profile {
        &self.system
    }

    /// What the revision says.
    pub fn rules(&self) -> &Profile {
        &self.rules
    }

    /// How many guests and rooms there are.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The state in which everything begins.
    pub fn initial(&self) -> State {
        initial(&self.system)
    }

    fn take(
        &self,
        state: &State,
        action: &Action,
        guarantees: GuaranteeSet,
    ) -> Option<(State, Verdicts)> {
        let outcome = outcome(&self.system, state, action)?;
        let mut verdicts = Verdicts::default();
        let transition = Transition {
            rules: &self.rules,
            system: &self.system,
            before: state,
            action,
            observation: &outcome.observation,
            after: &outcome.next,
        };
        verdicts.judge(guarantees, &transition);
        Some((outcome.next, verdicts))
    }
}

impl TransitionSystem for Sequential {
    type State = State;
    type Action = Action;

    fn initial_states(&self) -> Vec<State> {
        vec![self.initial()]
    }

    fn visit_successors(&self, state: &State, visit: &mut dyn FnMut(Action, State, Verdicts)) {
        for (action, guarantees) in self.tried.all() {
            if let Some((next, verdicts)) = self.take(state, action, *guarantees) {
                visit(*action, next, verdicts);
            }
        }
    }

    fn normal_form(&self, state: State) -> State {
        normal_form(&self.system, &state)
    }

    fn canonical_form(&self, state: State) -> State {
        canonical_form(&self.system, self.scope, &state)
    }

    fn successors(&self, state: &State) -> Successors<State, Action> {
        self.expansion_by_rooms(state)
    }
}
