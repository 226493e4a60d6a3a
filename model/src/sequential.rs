//! The sequential model: one homeserver, one call at a time, every history.

mod new_room;
mod successors;

use crate::action::Action;
use crate::actions::actions;
use crate::canonical_form::{canonical_form, normal_form};
use crate::decide::{initial, outcome};
use crate::guarantee::{NeverSet, Transition, Verdicts, actions_of_declared};
use crate::state::{Scope, State};
use crate::transition_system::{Successors, TransitionSystem};
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::profile::Profile;

pub use new_room::NewRoom;
pub(crate) use successors::JudgedAction;
use successors::{Cache, ModelActions};

/// A homeserver with a profile, judged by the guarantees under the rules of a revision.
#[derive(Debug)]
pub struct Sequential {
    /// The profile of the homeserver.
    system: Profile,
    /// The default profile of the revision.
    rules: Profile,
    scope: Scope,
    actions: ModelActions,
    cache: Cache,
}

impl Sequential {
    /// The model at `scope` of a homeserver with the profile `system`, under a revision whose default
    /// profile is `rules`.
    pub fn new(scope: Scope, system: Profile, rules: Profile) -> Self {
        let mut actions = actions(scope, &[&system, &rules]);
        let of_declared = actions_of_declared(scope).into_iter();
        let new: Vec<_> = of_declared.filter(|action| !actions.contains(action)).collect();
        actions.extend(new);
        let actions = ModelActions::new(scope, actions);
        Self { system, rules, scope, actions, cache: Cache::default() }
    }

    /// The profile of the homeserver.
    pub fn system(&self) -> &Profile {
        &self.system
    }

    /// The default profile of the revision.
    pub fn rules(&self) -> &Profile {
        &self.rules
    }

    /// How many guests and rooms there are.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The initial state.
    pub fn initial(&self) -> State {
        initial(&self.system)
    }

    /// Every action, with the guarantees whose premise it can meet.
    pub(crate) fn all_actions(&self) -> impl Iterator<Item = &JudgedAction> {
        self.actions.all()
    }

    /// The next state and the verdicts of these guarantees, if the action can happen.
    pub(crate) fn apply(
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
            never_set: NeverSet::default(),
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
        for (action, guarantees) in self.actions.all() {
            if let Some((next, verdicts)) = self.apply(state, action, *guarantees) {
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
