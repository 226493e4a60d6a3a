//! What is expected of each step of a vector: by the default readings, and by all others that the
//! rules permit.

use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::profile::Profile;
use guest_access_model::rules::Rules;
use guest_access_model::state::{Scope, State};

use super::askable::could_move_members;
use super::others::differ;
use crate::scenario::{
    Alternative, Expect, LABEL, Observed, Permitted, Scenario, TakenOption, Told, permitted,
};

/// All that the rules permit: the default profile, and every other that differs from it in one option
/// that is left open, or in two.
///
/// Two options together can permit what neither does: a call denied by one reading with an error code
/// chosen by another. Three of them have not been found to.
pub(super) struct Permits {
    profile: Profile,
    alternatives: Vec<(Vec<TakenOption>, Profile)>,
}

impl Permits {
    pub(super) fn new(rules: &Rules) -> Self {
        let profile = rules.profile();
        let ones = permitted(rules);
        let twos = ones.iter().enumerate().flat_map(|(number, one)| {
            let others = ones[number + 1..].iter().filter(|other| other.point != one.point);
            others.map(|other| (vec![taken(one), taken(other)], both(&profile, one, other)))
        });
        let twos: Vec<_> = twos.collect();
        let ones = ones.iter().map(|one| (vec![taken(one)], one.profile.clone()));
        let alternatives = ones.chain(twos).collect();
        Self { profile, alternatives }
    }

    /// Writes into the scenario what the default readings expect of each step, and gives what others
    /// expect of it beside.
    pub(super) fn expect(&self, scenario: &mut Scenario, scope: Scope) -> Vec<Vec<Permitted>> {
        let mut before = initial(&self.profile);
        let mut usual = Vec::with_capacity(scenario.steps.len());
        for told in &mut scenario.steps {
            let outcome = outcome(&self.profile, &before, &told.step)
                .expect("the steps were taken when the scenario was made");
            told.expect = Some(expected(told, &before, &outcome, scope));
            usual.push((before, outcome));
            before = outcome.next;
        }
        let mut otherwise = vec![Vec::new(); scenario.steps.len()];
        for (options, profile) in &self.alternatives {
            follow(options, profile, scenario, &usual, scope, &mut otherwise);
        }
        otherwise
    }
}

/// Follows a server that takes these options through the scenario, and notes where it may do
/// otherwise.
fn follow(
    options: &[TakenOption],
    profile: &Profile,
    scenario: &Scenario,
    usual: &[(State, Outcome)],
    scope: Scope,
    otherwise: &mut [Vec<Permitted>],
) {
    let mut state = initial(profile);
    for ((told, (before, right)), permits) in scenario.steps.iter().zip(usual).zip(otherwise) {
        let mut note = |expect: Option<Expect>| {
            let is_known = permits.iter().any(|permit: &Permitted| permit.expect == expect);
            if !is_known && expect != told.expect {
                permits.push(Permitted { options: options.to_vec(), expect });
            }
        };
        let Some(outcome) = outcome(profile, &state, &told.step) else {
            note(None);
            return;
        };
        if differ(right, &outcome, before.tagged.is_some()) {
            note(Some(expected(told, &state, &outcome, scope)));
        }
        state = outcome.next;
    }
}

/// What is expected of a step; where it could change a membership, of all of them.
fn expected(told: &Told, before: &State, outcome: &Outcome, scope: Scope) -> Expect {
    let observed = Observed { step: &told.step, before, outcome, label: Some(LABEL) };
    let mut expect = observed.expect();
    if could_move_members(&told.step) {
        expect.membership = observed.memberships(scope);
    }
    expect
}

fn taken(alternative: &Alternative) -> TakenOption {
    let Alternative { option, reading, .. } = alternative.clone();
    TakenOption { point: alternative.point_id(), option, reading }
}

/// The profile that takes the options of both.
fn both(default: &Profile, one: &Alternative, other: &Alternative) -> Profile {
    use guest_access_model::decision_point::PointId;
    use guest_access_model::endpoint::EndpointId;
    let mut profile = one.profile.clone();
    for point in PointId::all() {
        let option = other.profile.choices.get(point);
        if option != default.choices.get(point) {
            assert!(profile.choices.set(point, option), "the option is the point's own");
        }
    }
    for endpoint in EndpointId::all() {
        let access = other.profile.access(endpoint);
        if access != default.access(endpoint) {
            profile.set_access(endpoint, access);
        }
    }
    profile
}
