//! A table of every decision of a profile.

use std::collections::HashMap;

use crate::action::{Action, Observation, Operation};
use crate::actions::{actions, endpoint_classes};
use crate::canonical_form::normal_form;
use crate::decide::outcome;
use crate::state::{Scope, State};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;

use super::guest_views::GuestViews;
use super::parts::{GuestState, RoomState, compose, split};

/// Every decision about one guest in one room, in every situation that can be reached.
///
/// Use it to compare many decisions with the rules: those of a homeserver's log, of a policy engine, of
/// a cache of permissions.
///
/// 1. Look up the number of the situation and the number of the action, by hashing.
/// 2. Look up the decision for the pair: one access to an array.
///
/// Other guests and other rooms do not matter.
///
/// ```
/// use guest_access_model::decide::initial;
/// use guest_access_model::dense::Decisions;
/// use guest_access_rules::rules::Rules;
/// use guest_access_model::action::{Action, Actor, Operation};
/// use guest_access_rules::vocabulary::MembershipEndpoint;
///
/// let rules = Rules::find("latest")?;
/// let decisions = Decisions::of(&rules.profile());
///
/// // Guest 0 asks to join room 0.
/// let join = Action::new(Actor::Guest(0), Operation::Join(MembershipEndpoint::Own)).at(0);
/// let join = decisions.action(&join).expect("an action of the model");
///
/// // Nobody has set guest access, and a guest has registered: the gate is closed.
/// let mut state = initial(&rules.profile());
/// state.accounts[0] = guest_access_model::state::Account::Guest;
/// let situation = decisions.situation(&state).expect("it can come up");
/// let observed = decisions.decide(situation, join).expect("the step can be taken");
/// assert_eq!(observed.decision.status, 403);
/// assert_eq!(observed.decision.clauses, ["GA-22", "CS-34"]);
/// # Ok::<(), guest_access_rules::rules::RulesError>(())
/// ```
#[derive(Debug)]
pub struct Decisions {
    situations: HashMap<(RoomState, GuestState), u32>,
    actions: HashMap<Action, u32>,
    /// For each endpoint, the representative of its class.
    stand_ins: HashMap<EndpointId, EndpointId>,
    /// By situation and action: the number of the observation, or [`CANNOT`].
    table: Vec<u16>,
    observations: Vec<Observation>,
    columns: usize,
    profile: Profile,
}

/// A situation of one guest in one room, by its number in one [`Decisions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Situation(u32);

/// An action by or about one guest, or by anybody else, by its number in one [`Decisions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionNumber(u32);

/// Stands in place of an observation where the action cannot happen.
const CANNOT: u16 = u16::MAX;

impl Decisions {
    /// Every decision of `profile`.
    ///
    /// # Panics
    /// Never: there are dozens of different observations, and thousands of situations.
    pub fn of(profile: &Profile) -> Self {
        let one = Scope { guests: 1, rooms: 1 };
        let all = actions(one, &[profile]);
        // A second guest adds events that the first can read: those of its membership.
        let guest_views = GuestViews::of(profile, profile, 2, true, 1)
            .unwrap_or_else(|| GuestViews::alone(profile));
        let guest_views = guest_views
            .guest_views
            .iter()
            .map(|view| (view.room_state, view.guest_state))
            .collect::<Vec<_>>();
        let mut observations: Vec<Observation> = Vec::new();
        let mut table = Vec::with_capacity(guest_views.len() * all.len());
        let mut situations = HashMap::new();
        for (number, (room_state, guest_state)) in (0..).zip(guest_views) {
            situations.insert((room_state, guest_state), number);
            let state = compose(profile, room_state, &[guest_state]);
            for action in &all {
                let Some(found) = outcome(profile, &state, action) else {
                    table.push(CANNOT);
                    continue;
                };
                let known = observations.iter().position(|known| *known == found.observation);
                let number = known.unwrap_or_else(|| {
                    observations.push(found.observation);
                    observations.len() - 1
                });
                table.push(u16::try_from(number).expect("there are some dozens"));
            }
        }
        let classes = endpoint_classes(&[profile]);
        let stand_ins = classes
            .iter()
            .flat_map(|class| class.iter().map(|endpoint| (*endpoint, class[0])))
            .collect();
        let columns = all.len();
        let actions = (0..).zip(all).map(|(number, action)| (action, number)).collect();
        Self {
            situations,
            actions,
            stand_ins,
            table,
            observations,
            columns,
            profile: profile.clone(),
        }
    }

    /// The situation of the first guest in the first room. `None` if it cannot be reached.
    pub fn situation(&self, state: &State) -> Option<Situation> {
        let (room_state, guest_states) = split(&normal_form(&self.profile, state), 1);
        self.situations.get(&(room_state, guest_states[0])).copied().map(Situation)
    }

    /// The number of an action that names the first guest or none, and the first room or none. `None` if
    /// the model has no such action. Every endpoint has its decisions here.
    pub fn action(&self, action: &Action) -> Option<ActionNumber> {
        let stand_in = |endpoint| self.stand_ins.get(&endpoint).copied().unwrap_or(endpoint);
        let operation = match action.operation {
            Operation::Call(endpoint) => Operation::Call(stand_in(endpoint)),
            Operation::Read(endpoint) => Operation::Read(stand_in(endpoint)),
            operation => operation,
        };
        self.actions.get(&Action { operation, ..*action }).copied().map(ActionNumber)
    }

    /// The decision on the action in this situation. `None` if the action cannot happen there.
    #[inline]
    pub fn decide(&self, situation: Situation, action: ActionNumber) -> Option<&Observation> {
        let place = situation.0 as usize * self.columns + action.0 as usize;
        self.observations.get(usize::from(self.table[place]))
    }

    /// The number of situations.
    pub fn situations(&self) -> usize {
        self.situations.len()
    }

    /// How many actions there are.
    pub fn actions(&self) -> usize {
        self.columns
    }

    /// A state for each situation, in no particular order.
    pub fn states(&self) -> impl Iterator<Item = State> {
        let states = self.situations.keys();
        states.map(|(room_state, guest_state)| compose(&self.profile, *room_state, &[*guest_state]))
    }

    /// Every action.
    pub fn every_action(&self) -> impl Iterator<Item = &Action> {
        self.actions.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guest_access_rules::rules::Rules;

    #[test]
    fn the_table_has_the_decision_of_the_rules_everywhere() {
        for rules in ["draft-2015-11-05", "r0.0.1", "latest"] {
            let profile = Rules::find(rules).unwrap().profile();
            let decisions = Decisions::of(&profile);
            let mut compared = 0;
            for state in decisions.states() {
                let situation = decisions.situation(&state).unwrap();
                for action in decisions.every_action() {
                    let looked_up = decisions.decide(situation, decisions.action(action).unwrap());
                    let decided = outcome(&profile, &state, action).map(|found| found.observation);
                    assert_eq!(looked_up.copied(), decided, "{rules}: {action:?}");
                    compared += usize::from(decided.is_some());
                }
            }
            assert!(compared > 400_000, "{rules}: {compared}");
        }
    }

    #[test]
    fn every_endpoint_has_its_decisions() {
        let profile = Rules::find("latest").unwrap().profile();
        let decisions = Decisions::of(&profile);
        for endpoint in EndpointId::all() {
            if !crate::actions::has_its_own_operation(endpoint) {
                let guest = crate::action::Actor::Guest(0);
                let call = Action::new(guest, Operation::Call(endpoint));
                let read = Action::new(guest, Operation::Read(endpoint));
                let found =
                    [call, read, read.at(0)].iter().find_map(|action| decisions.action(action));
                assert!(found.is_some(), "{:?}", endpoint.get());
            }
        }
    }
}
