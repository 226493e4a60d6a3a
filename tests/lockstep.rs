//! The reference in lockstep with the model: every abstract state, every interleaving to a bounded
//! depth, and long random histories.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use guest_access::subject::reference::ReferenceSubject;
use guest_access_model::action::Action;
use guest_access_model::actions::actions;
use guest_access_model::decide::{initial, outcome};
use guest_access_model::lockstep::{Difference, compare, explore};
use guest_access_model::state::{Scope, State};
use guest_access_model::stop::Stop;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::defects;
use proptest::prelude::*;
use stateright::{Checker, Model, Property};

const ONE: Scope = Scope { guests: 1, rooms: 1 };

fn agree(profile: &Profile, scope: Scope, stop: &Stop) -> usize {
    let subject = ReferenceSubject::new(profile.clone(), scope);
    let found = explore(profile, scope, subject, stop);
    assert!(found.mismatch.is_none(), "{:#?}", found.mismatch);
    found.states
}

#[test]
fn the_reference_agrees_in_every_state_of_the_rules_in_force() {
    let profile = Rules::find("latest").unwrap().profile();
    assert_eq!(agree(&profile, ONE, &Stop::default()), 20_808);
}

#[test]
fn the_reference_agrees_under_every_revision() {
    for rules in Rules::published() {
        agree(&rules.profile(), ONE, &Stop::default().at_states(2_000));
    }
}

#[test]
fn the_reference_agrees_with_a_second_guest_and_with_a_second_room() {
    let profile = Rules::find("latest").unwrap().profile();
    for scope in [Scope { guests: 2, rooms: 1 }, Scope { guests: 1, rooms: 2 }] {
        agree(&profile, scope, &Stop::default().at_states(1_500));
    }
}

#[test]
fn a_mistake_is_the_same_mistake_on_both_sides() {
    for revision in ["latest", "r0.0.0", "draft-2015-11-05"] {
        for defect in defects(&Rules::find(revision).unwrap()) {
            agree(&defect.profile, ONE, &Stop::default().at_states(120));
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
                agree(&profile, ONE, &Stop::default().at_states(200));
            }
        }
    }
}

/// The model and the reference side by side, after a history of steps: every history is a state of
/// its own, so that nothing about the reference is taken for granted.
#[derive(Clone)]
struct Pair {
    history: Vec<Action>,
    state: State,
    subject: Arc<ReferenceSubject>,
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.history.hash(hasher);
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.history == other.history
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.history.fmt(f)
    }
}

struct SideBySide {
    profile: Profile,
    steps: Vec<Action>,
}

impl SideBySide {
    fn differ(&self, pair: &Pair) -> Option<(Action, Difference)> {
        self.steps.iter().find_map(|step| {
            let mut subject = (*pair.subject).clone();
            match compare(&self.profile, &pair.state, &mut subject, step) {
                Some(Err(difference)) => Some((*step, difference)),
                _ => None,
            }
        })
    }
}

impl Model for SideBySide {
    type State = Pair;
    type Action = Action;

    fn init_states(&self) -> Vec<Pair> {
        let subject = Arc::new(ReferenceSubject::new(self.profile.clone(), ONE));
        vec![Pair { history: Vec::new(), state: initial(&self.profile), subject }]
    }

    fn actions(&self, pair: &Pair, actions: &mut Vec<Action>) {
        let changes = |step: &&Action| {
            outcome(&self.profile, &pair.state, step).is_some_and(|o| o.next != pair.state)
        };
        actions.extend(self.steps.iter().filter(changes));
    }

    fn next_state(&self, pair: &Pair, step: Action) -> Option<Pair> {
        let mut subject = (*pair.subject).clone();
        let state = compare(&self.profile, &pair.state, &mut subject, &step)?.ok()?;
        let history = pair.history.iter().copied().chain([step]).collect();
        Some(Pair { history, state, subject: Arc::new(subject) })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("agreement", |model: &Self, pair: &Pair| model.differ(pair).is_none()),
            Property::sometimes("a guest is joined", |_, pair: &Pair| {
                pair.state.rooms[0].members[0] == guest_access_rules::vocabulary::Membership::Join
            }),
        ]
    }
}

#[test]
fn every_interleaving_of_three_steps_agrees() {
    let profile = Rules::find("latest").unwrap().profile();
    let steps = actions(ONE, &[&profile]);
    let model = SideBySide { profile, steps };
    let checker = model.checker().threads(2).target_max_depth(5).spawn_bfs().join();
    checker.assert_no_discovery("agreement");
    checker.assert_any_discovery("a guest is joined");
    // Those of four steps are compared as they are reached, and not asked any further.
    assert_eq!(checker.unique_state_count(), 32_723);
}

fn takes(profile: &Profile, scope: Scope, walk: &[u16]) -> Result<(usize, usize), TestCaseError> {
    let steps = actions(scope, &[profile]);
    let mut subject = ReferenceSubject::new(profile.clone(), scope);
    let mut state = initial(profile);
    let (mut taken, mut changed) = (0, 0);
    for number in walk {
        let step = &steps[usize::from(*number) % steps.len()];
        match compare(profile, &state, &mut subject, step) {
            None => {}
            Some(Err(difference)) => {
                return Err(TestCaseError::fail(format!("{step:?} in {state:?}: {difference:#?}")));
            }
            Some(Ok(next)) => {
                taken += 1;
                changed += usize::from(next != state);
                state = next;
            }
        }
    }
    Ok((taken, changed))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn long_random_histories_agree(
        walk in proptest::collection::vec(any::<u16>(), 3_000),
        revision in 0_usize..11,
    ) {
        let profile = Rules::published()[revision].profile();
        let (taken, changed) = takes(&profile, Scope { guests: 2, rooms: 2 }, &walk)?;
        prop_assert!(taken > 1_000 && changed > 100, "{taken} taken, {changed} changed");
    }
}
