//! The scenario format: a scenario that is written and read again is the same.

use guest_access_model::action::{
    Action, Actor, Credential, Key, Message, Operation, ProfileKey, Says, Setting, Upgrade,
};
use guest_access_model::actions::{actions, has_its_own_operation};
use guest_access_model::state::{MAX_GUESTS, MAX_ROOMS, Scope};
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};
use guest_access_scenarios::scenario::{Scenario, ScenarioStep, schema};
use proptest::prelude::*;
use proptest::sample::select;

/// A scenario of this action, after a step that labels an event, if the action needs one.
fn scenario_of(step: Action) -> Scenario {
    let scenario_step = |step: Action| ScenarioStep {
        action: step,
        event: step.tag.then(|| "e1".to_owned()),
        expect: None,
    };
    let labels = Action::new(Actor::Moderator, Operation::SendState).at(0).tagged();
    let before = (step.operation == Operation::ReadThroughOtherRoom).then_some(labels);
    Scenario {
        id: "one-step".to_owned(),
        rules: "latest".to_owned(),
        about: String::new(),
        clauses: vec!["GA-1".to_owned()],
        steps: before.into_iter().chain([step]).map(scenario_step).collect(),
        interleaving: Vec::new(),
    }
}

fn survives(step: Action) {
    let scenario = scenario_of(step);
    let text = serde_json::to_string_pretty(&scenario).unwrap();
    let read = Scenario::parse("a.json", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read, scenario, "{text}");
}

#[test]
fn every_step_of_the_model_is_written_without_loss() {
    let scope = Scope { guests: MAX_GUESTS, rooms: MAX_ROOMS };
    for rules in [Rules::find("draft-2015-11-05"), Rules::find("latest")] {
        for step in actions(scope, &[&rules.unwrap().profile()]) {
            survives(step);
        }
    }
}

fn guest() -> impl Strategy<Value = u8> {
    0..u8::try_from(MAX_GUESTS).unwrap()
}

fn any_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

fn says<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Says<T>> {
    let values = all.iter().copied().map(Says::Value);
    select(values.chain([Says::Unknown, Says::Malformed]).collect::<Vec<_>>())
}

/// An operation, and its actor if the operation determines the actor.
fn operation() -> impl Strategy<Value = (Operation, Option<Actor>)> {
    let endpoints: Vec<_> = EndpointId::all().filter(|e| !has_its_own_operation(*e)).collect();
    let of_another = (guest(), guest()).prop_filter("two guests", |(of, with)| of != with);
    let ways = || any_of(&[MembershipEndpoint::Own, MembershipEndpoint::StateEvent]);
    prop_oneof![
        (guest(), any::<bool>())
            .prop_map(|(g, named)| (Operation::Register { named }, Some(Actor::Guest(g)))),
        guest().prop_map(|g| (Operation::RegisterOver(g), Some(Actor::Nobody))),
        guest().prop_map(|g| (Operation::Upgrade(Upgrade::Own(g)), Some(Actor::Guest(g)))),
        guest().prop_map(|g| (Operation::Upgrade(Upgrade::OtherName(g)), Some(Actor::Guest(g)))),
        guest().prop_map(|g| (Operation::Upgrade(Upgrade::MadeUpToken(g)), Some(Actor::Nobody))),
        of_another.prop_map(|(of, with)| {
            (Operation::Upgrade(Upgrade::OthersToken { of, with }), Some(Actor::Guest(with)))
        }),
        Just((Operation::LogOut, None)),
        Just((Operation::Deactivate, None)),
        guest().prop_map(|g| (Operation::EndToken(g), Some(Actor::Server))),
        Just((Operation::Restart, Some(Actor::Server))),
        (any_of(ProfileKey::ALL), any::<bool>())
            .prop_map(|(key, own)| (Operation::SetProfile { key, own }, None)),
        Just((Operation::WhoAmI, None)),
        (says(HistoryVisibility::ALL), any_of(Key::ALL))
            .prop_map(|(says, key)| (Operation::SetVisibility(says, key), None)),
        (says(GuestAccess::ALL), any_of(Key::ALL))
            .prop_map(|(says, key)| (Operation::SetGuestAccess(says, key), None)),
        any_of(Setting::ALL).prop_map(|setting| (Operation::RedactSetting(setting), None)),
        any_of(JoinRule::ALL).prop_map(|rule| (Operation::SetJoinRule(rule), None)),
        any_of(Message::ALL).prop_map(|message| (Operation::Send(message), None)),
        Just((Operation::SendState, None)),
        guest().prop_map(|g| (Operation::Invite(g), None)),
        guest().prop_map(|g| (Operation::Kick(g), None)),
        guest().prop_map(|g| (Operation::Ban(g), None)),
        guest().prop_map(|g| (Operation::Unban(g), None)),
        any_of(MembershipEndpoint::ALL).prop_map(|way| (Operation::Join(way), None)),
        ways().prop_map(|way| (Operation::Leave(way), None)),
        ways().prop_map(|way| (Operation::Knock(way), None)),
        select(endpoints).prop_map(|endpoint| match endpoint.get().gives {
            Some(_) => (Operation::Read(endpoint), None),
            None => (Operation::Call(endpoint), None),
        }),
        Just((Operation::ReadThroughOtherRoom, None)),
    ]
}

fn step() -> impl Strategy<Value = Action> {
    let actors = prop_oneof![
        Just(Actor::Moderator),
        Just(Actor::User),
        Just(Actor::Nobody),
        guest().prop_map(Actor::Guest),
    ];
    (operation(), actors, any_of(Credential::ALL), 0..4_u8, any::<bool>()).prop_map(
        |((operation, who), actor, with, place, tag)| {
            let step = Action::new(who.unwrap_or(actor), operation);
            let has_token_of_its_own_choice = who.is_none() && matches!(actor, Actor::Guest(_));
            let step = if has_token_of_its_own_choice { step.with(with) } else { step };
            let placed = match place {
                0 if operation == Operation::ReadThroughOtherRoom => step.at(1),
                0 => step.at(0),
                1 => step.at(1),
                2 => step.elsewhere(),
                _ => step,
            };
            match operation {
                Operation::Read(_) | Operation::Call(_) => placed,
                Operation::Register { .. }
                | Operation::RegisterOver(_)
                | Operation::Upgrade(_)
                | Operation::LogOut
                | Operation::Deactivate
                | Operation::EndToken(_)
                | Operation::Restart
                | Operation::SetProfile { .. } => step,
                Operation::ReadThroughOtherRoom | Operation::WhoAmI => {
                    if operation == Operation::WhoAmI { step } else { step.at(1) }
                }
                _ if placed.room().is_none() && placed == step => step.at(0),
                _ if tag && operation.sends().is_some() && placed.room() == Some(0) => {
                    placed.tagged()
                }
                _ => placed,
            }
        },
    )
}

proptest! {
    #[test]
    fn any_step_is_written_without_loss(step in step()) {
        survives(step);
    }
}

#[test]
fn the_published_schema_is_the_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/scenario.json");
    let schema = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(published == schema, "run the tests with UPDATE_SCHEMA=1 and look at what changed");
}

#[test]
fn every_endpoint_with_a_step_of_its_own_says_by_which_verb() {
    for endpoint in EndpointId::all().filter(|e| has_its_own_operation(*e) && *e != KNOWN.whoami) {
        let text = format!(
            r#"{{"id":"","rules":"latest","about":"","clauses":[],"steps":[{{"as":"guest1","do":"{endpoint}"}}]}}"#
        );
        let error = Scenario::parse("a.json", &text).unwrap_err().to_string();
        assert!(error.contains("has verbs of its own"), "{error}");
    }
}

#[test]
fn a_trace_expects_what_the_rules_decide() {
    let guest = Actor::Guest(0);
    let messages = EndpointId::find("GET /rooms/{roomId}/messages").unwrap();
    let can_join = Says::Value(GuestAccess::CanJoin);
    let trace = [
        Action::new(guest, Operation::Register { named: false }),
        Action::new(Actor::Moderator, Operation::Send(Message::Message)).at(0).tagged(),
        Action::new(guest, Operation::Read(messages)).at(0),
        Action::new(Actor::Moderator, Operation::SetGuestAccess(can_join, Key::Empty)).at(0),
        Action::new(guest, Operation::Join(MembershipEndpoint::Own)).at(0),
        Action::new(guest, Operation::Read(messages)).at(0),
    ];
    let rules = Rules::find("latest").unwrap();
    let scenario =
        Scenario::from_trace("a-guest-logs-out", &rules, "About.", vec![], &trace).unwrap();
    insta::assert_json_snapshot!(scenario);
}

#[test]
fn a_trace_that_cannot_happen_is_refused() {
    let trace = [Action::new(Actor::Guest(0), Operation::LogOut)];
    let rules = Rules::find("latest").unwrap();
    let error = Scenario::from_trace("a-guest-logs-out", &rules, "", vec![], &trace).unwrap_err();
    insta::assert_snapshot!(error, @"scenario `a-guest-logs-out`: step 1, `guest1 logs out`, cannot happen: guest1 is not registered; begin with `guest1` doing `register as guest`");
}
