//! The trace under one of the rules.

use std::collections::BTreeMap;

use guest_access_model::action::Action;
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{Scope, State};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::{
    Scenario, expectation_in_words, guest_name, room_name, sentence,
};
use serde::Serialize;

use crate::report::Run;
use crate::report::decide::{DecideReport, StepReport};

use super::ExploreError;
use super::timeline::{self, EventReport};

/// The trace under one of the rules.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// The name of the rules.
    pub rules: String,
    /// The steps.
    pub steps: Vec<StepAnswer>,
    /// The account of each guest after the last step, by the name of the guest.
    pub accounts: BTreeMap<String, &'static str>,
    /// The rooms after the last step.
    pub rooms: Vec<RoomReport>,
    /// The events of the trace, in order.
    pub events: Vec<EventReport>,
    /// The state after the last step.
    #[serde(skip)]
    pub(super) state: State,
}

/// A step of the trace, and what the rules decide about it.
#[derive(Debug, Clone, Serialize)]
pub struct StepAnswer {
    /// The step in words.
    pub sentence: String,
    /// The outcome in words: the decision, and what the caller observes beside it.
    pub outcome: String,
    /// The decision with its reason. `None` if the step cannot happen under these rules.
    pub decided: Option<StepReport>,
    /// The steps whose events the step gives, by index, if the step reads.
    pub gives: Vec<usize>,
    /// The earlier steps whose events the step does not give, by index, if the step reads.
    pub withholds: Vec<usize>,
}

/// A room after the last step.
#[derive(Debug, Clone, Serialize)]
pub struct RoomReport {
    /// The name of the room.
    pub room: String,
    /// The history visibility; `unreadable` if reading the setting fails.
    pub history_visibility: &'static str,
    /// The guest access.
    pub guest_access: &'static str,
    /// The join rule.
    pub join_rule: &'static str,
    /// The membership of each guest and of the user, by name.
    pub members: BTreeMap<String, &'static str>,
}

impl Side {
    /// The trace of these actions under `rules`. An action that cannot happen changes nothing.
    pub(super) fn new(
        name: &str,
        rules: &Rules,
        actions: &[Action],
        scope: Scope,
    ) -> Result<Self, ExploreError> {
        let profile = rules.profile();
        let happens = walk(&profile, actions);
        let state = happens.last().map_or_else(|| initial(&profile), |(_, state)| *state);
        let taken: Vec<_> =
            actions.iter().zip(&happens).filter(|(_, (is, _))| *is).map(|(a, _)| *a).collect();
        let mut decided = decide(rules, &taken)?.into_iter();
        let (events, given) = timeline::follow(rules, actions, &happens, scope);
        let steps = (0..).zip(actions).zip(&happens).map(|((index, action), (happens, _))| {
            let decided = if *happens { decided.next() } else { None };
            let of = |gives: bool| {
                let events = given.iter().filter(|of| of.read == index && of.given == gives);
                events.map(|of| of.event).collect()
            };
            StepAnswer {
                sentence: sentence(action),
                outcome: decided.as_ref().map_or_else(
                    || "cannot happen here".to_owned(),
                    |of| expectation_in_words(&of.observed),
                ),
                decided,
                gives: of(true),
                withholds: of(false),
            }
        });
        let accounts = scope.guests().map(|guest| {
            let account = state.accounts[usize::from(guest)].as_str();
            (guest_name(guest.into()), account)
        });
        Ok(Self {
            rules: name.to_owned(),
            steps: steps.collect(),
            accounts: accounts.collect(),
            rooms: scope.rooms().map(|room| RoomReport::new(&state, room.into(), scope)).collect(),
            events,
            state,
        })
    }
}

/// For each action whether it can happen, and the state after it.
fn walk(profile: &Profile, actions: &[Action]) -> Vec<(bool, State)> {
    let mut state = initial(profile);
    let step = |action: &Action| {
        let outcome = outcome(profile, &state, action);
        state = outcome.map_or(state, |outcome| outcome.next);
        (outcome.is_some(), state)
    };
    actions.iter().map(step).collect()
}

/// The actions that can happen one after the other. The event of the action with the index `followed`
/// is tagged, if it can be.
pub(super) fn happening(
    profile: &Profile,
    actions: &[Action],
    followed: Option<usize>,
) -> Vec<Action> {
    let mut state = initial(profile);
    let mut taken = Vec::new();
    for (index, action) in actions.iter().enumerate() {
        let tagged = (followed == Some(index)).then(|| action.tagged());
        let mut candidates = tagged.into_iter().chain([*action]);
        let next = candidates.find_map(|action| Some((action, outcome(profile, &state, &action)?)));
        if let Some((action, outcome)) = next {
            taken.push(action);
            state = outcome.next;
        }
    }
    taken
}

/// The decision on each of these actions, all of which can happen.
fn decide(rules: &Rules, taken: &[Action]) -> Result<Vec<StepReport>, ExploreError> {
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let mut scenario = Scenario::from_trace("explored", rules, "", Vec::new(), taken)?;
    scenario.steps.iter_mut().for_each(|step| step.expect = None);
    Ok(DecideReport::new(&scenario, rules, Run::of([rules]))?.steps)
}

impl RoomReport {
    fn new(state: &State, number: usize, scope: Scope) -> Self {
        let room = &state.rooms[number];
        let guests = scope.guests().map(|guest| {
            let membership = room.members[usize::from(guest)].as_str();
            (guest_name(guest.into()), membership)
        });
        Self {
            room: room_name(number),
            history_visibility: room.visibility.map_or("unreadable", |value| value.as_str()),
            guest_access: room.guest_access.as_str(),
            join_rule: room.join_rule.as_str(),
            members: guests.chain([("user".to_owned(), room.user.as_str())]).collect(),
        }
    }
}
