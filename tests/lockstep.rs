//! The reference in lockstep with the model: every abstract state, every interleaving to a bounded
//! depth, and long random traces. Every exploration pins the number of its states.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use guest_access::subject::reference::ReferenceSubject;
use guest_access_model::action::Action;
use guest_access_model::actions::actions;
use guest_access_model::decide::{initial, outcome};
use guest_access_model::lockstep::{Disagreement, compare, explore};
use guest_access_model::state::{Scope, State};
use guest_access_model::stop::Stop;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::defects;
use proptest::prelude::*;
use stateright::{Checker, Model, Property};

const ONE: Scope = Scope { guests: 1, rooms: 1 };

/// Asserts that the reference and the model agree under `profile`. Returns how many abstract states
/// were visited.
fn agree(profile: &Profile, scope: Scope, stop: &Stop) -> usize {
    let subject = ReferenceSubject::new(profile.clone(), scope);
    let found = explore(profile, scope, subject, 2, stop);
    assert!(found.mismatch.is_none(), "{:#?}", found.mismatch);
    found.states
}

#[test]
fn the_reference_agrees_in_every_state_of_the_rules_in_force() {
    let profile = Rules::find("latest").unwrap().profile();
    assert_eq!(agree(&profile, ONE, &Stop::default()), 20_808);
}

#[test]
fn the_number_of_threads_does_not_change_what_is_compared() {
    let rules = Rules::find("latest").unwrap();
    let of = |defect: &str, threads| {
        let system = guest_access_rules::variant::find(&rules, defect).unwrap().profile;
        let stop = Stop::default().at_states(1_000);
        let found =
            explore(&rules.profile(), ONE, ReferenceSubject::new(system, ONE), threads, &stop);
        (found.states, found.actions, found.mismatch.map(|mismatch| mismatch.trace))
    };
    for defect in ["join.gate=none", "visibility.evaluated_at=now", "send.membership=not_required"]
    {
        let alone = of(defect, 1);
        assert!(alone.2.is_some(), "{defect}");
        assert_eq!(alone, of(defect, 3), "{defect}");
    }
}

#[test]
fn the_reference_agrees_under_every_revision() {
    for rules in Rules::published() {
        let states = agree(&rules.profile(), ONE, &Stop::default().at_states(2_000));
        assert_eq!(states, 2_000, "{}", rules.id);
    }
}

#[test]
fn the_reference_agrees_with_two_guests_and_with_two_rooms() {
    let profile = Rules::find("latest").unwrap().profile();
    for scope in [Scope { guests: 2, rooms: 1 }, Scope { guests: 1, rooms: 2 }] {
        assert_eq!(agree(&profile, scope, &Stop::default().at_states(1_500)), 1_500);
    }
}

#[test]
fn a_mistake_is_the_same_mistake_on_both_sides() {
    for revision in ["latest", "r0.0.0", "draft-2015-11-05"] {
        for defect in defects(&Rules::find(revision).unwrap()) {
            let states = agree(&defect.profile, ONE, &Stop::default().at_states(120));
            assert_eq!(states, 120, "{revision}: {}", defect.id);
        }
    }
}

#[test]
fn a_permitted_alternative_is_the_same_on_both_sides() {
    use guest_access_rules::decision_point::PointId;
    for rules in Rules::published() {
        for point in PointId::all() {
            for option in rules.point(point).standing.alternatives() {
                let mut profile = rules.profile();
                assert!(profile.choices.set(point, option));
                let states = agree(&profile, ONE, &Stop::default().at_states(200));
                assert_eq!(states, 200, "{}: {option}", rules.id);
            }
        }
    }
}

#[test]
fn options_about_the_past_of_a_reader_agree_together() {
    use guest_access_rules::decision_point::PointId;
    let mut profile = Rules::find("latest").unwrap().profile();
    for (point, option) in [
        ("leave.forgets", "forgets"),
        ("room.turned_away", "as_stranger"),
        ("context.unseen", "forbidden_if_there"),
        ("leave.again", "who_left_answered"),
    ] {
        assert!(profile.choices.set(PointId::find(point).unwrap(), option), "{point}");
    }
    assert_eq!(agree(&profile, ONE, &Stop::default().at_states(4_000)), 4_000);
}

/// The model and the reference after a trace. Each trace is a state of its own, so the test assumes
/// nothing about which traces lead the reference to the same state.
#[derive(Clone)]
struct AfterTrace {
    trace: Vec<Action>,
    state: State,
    subject: Arc<ReferenceSubject>,
}

impl Hash for AfterTrace {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.trace.hash(hasher);
    }
}

impl PartialEq for AfterTrace {
    fn eq(&self, other: &Self) -> bool {
        self.trace == other.trace
    }
}

impl std::fmt::Debug for AfterTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.trace.fmt(f)
    }
}

struct EveryInterleaving {
    profile: Profile,
    actions: Vec<Action>,
}

impl EveryInterleaving {
    fn differ(&self, after: &AfterTrace) -> Option<(Action, Disagreement)> {
        self.actions.iter().find_map(|action| {
            let mut subject = (*after.subject).clone();
            match compare(&self.profile, &after.state, &mut subject, action) {
                Some(Err(difference)) => Some((*action, difference)),
                _ => None,
            }
        })
    }
}

impl Model for EveryInterleaving {
    type State = AfterTrace;
    type Action = Action;

    fn init_states(&self) -> Vec<AfterTrace> {
        let subject = Arc::new(ReferenceSubject::new(self.profile.clone(), ONE));
        vec![AfterTrace { trace: Vec::new(), state: initial(&self.profile), subject }]
    }

    fn actions(&self, after: &AfterTrace, possible: &mut Vec<Action>) {
        let changes = |action: &&Action| {
            outcome(&self.profile, &after.state, action).is_some_and(|o| o.next != after.state)
        };
        possible.extend(self.actions.iter().filter(changes));
    }

    fn next_state(&self, after: &AfterTrace, action: Action) -> Option<AfterTrace> {
        let mut subject = (*after.subject).clone();
        let state = compare(&self.profile, &after.state, &mut subject, &action)?.ok()?;
        let trace = after.trace.iter().copied().chain([action]).collect();
        Some(AfterTrace { trace, state, subject: Arc::new(subject) })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("agreement", |model: &Self, after: &AfterTrace| {
                model.differ(after).is_none()
            }),
            Property::sometimes("a guest is joined", |_, after: &AfterTrace| {
                after.state.rooms[0].members[0] == guest_access_rules::vocabulary::Membership::Join
            }),
        ]
    }
}

#[test]
fn every_interleaving_of_three_actions_agrees() {
    let profile = Rules::find("latest").unwrap().profile();
    let actions = actions(ONE, &[&profile]);
    let model = EveryInterleaving { profile, actions };
    let checker = model.checker().threads(2).target_max_depth(5).spawn_bfs().join();
    checker.assert_no_discovery("agreement");
    checker.assert_any_discovery("a guest is joined");
    // States after four actions are compared when they are reached, and no action is tried in them.
    assert_eq!(checker.unique_state_count(), 32_723);
}

fn compare_along(
    profile: &Profile,
    scope: Scope,
    walk: &[u16],
) -> Result<(usize, usize), TestCaseError> {
    let actions = actions(scope, &[profile]);
    let mut subject = ReferenceSubject::new(profile.clone(), scope);
    let mut state = initial(profile);
    let (mut applied, mut changed) = (0, 0);
    for number in walk {
        let action = &actions[usize::from(*number) % actions.len()];
        match compare(profile, &state, &mut subject, action) {
            None => {}
            Some(Err(difference)) => {
                return Err(TestCaseError::fail(format!(
                    "{action:?} in {state:?}: {difference:#?}"
                )));
            }
            Some(Ok(next)) => {
                applied += 1;
                changed += usize::from(next != state);
                state = next;
            }
        }
    }
    Ok((applied, changed))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn long_random_traces_agree(
        walk in proptest::collection::vec(any::<u16>(), 3_000),
        revision in 0_usize..12,
    ) {
        let profile = Rules::published()[revision].profile();
        let (applied, changed) = compare_along(&profile, Scope { guests: 2, rooms: 2 }, &walk)?;
        prop_assert!(applied > 1_000 && changed > 100, "{applied} taken, {changed} changed");
    }
}
