//! What is expected of each step of a vector: by the default readings, and by all others that the
//! rules permit.

use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::{Scope, State};
use guest_access_rules::decision_point::PointId;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{self, Variant};

use super::client_actions::may_change_memberships;
use super::observable::is_observable;
use crate::permitted::{Judge, Judgement, Permitted, TakenOption};
use crate::scenario::{Expect, LABEL, ObservedStep, Scenario, ScenarioStep};

/// All that the rules permit: the default profile; every other that differs from it in one option
/// that is left open, or that they do not speak of; and in two that are left open.
pub(super) struct PermittedProfiles {
    profile: Profile,
    ones: Vec<(TakenOption, Profile)>,
    /// Pairs, by the places of the two.
    twos: Vec<(usize, usize, Profile)>,
}

impl PermittedProfiles {
    pub(super) fn new(rules: &Rules) -> Self {
        let profile = rules.profile();
        let open: Vec<TakenOption> = variant::open(rules).iter().map(taken).collect();
        let mut ones: Vec<_> =
            variant::permitted(rules).into_iter().map(|one| (taken(&one), one.profile)).collect();
        // The order in which a pair's options are asked is that of their names.
        ones.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut twos = Vec::new();
        for (place, (one, of_one)) in ones.iter().enumerate() {
            for (other_place, (other, of_other)) in ones.iter().enumerate().skip(place + 1) {
                let is_open = open.contains(one) && open.contains(other);
                if is_open && one.point != other.point {
                    twos.push((place, other_place, both(&profile, of_one, of_other)));
                }
            }
        }
        Self { profile, ones, twos }
    }

    /// Writes into the scenario what the default readings expect of each step, and gives what others
    /// expect of it beside.
    pub(super) fn expect(&self, scenario: &mut Scenario, scope: Scope) -> Vec<Vec<Permitted>> {
        let mut before = initial(&self.profile);
        let mut usual = Vec::with_capacity(scenario.steps.len());
        for step in &mut scenario.steps {
            let outcome = outcome(&self.profile, &before, &step.action)
                .expect("the steps were taken when the scenario was made");
            step.expect = Some(expected(step, &before, &outcome, scope));
            usual.push((before, outcome));
            before = outcome.next;
        }
        let follow = |profile| follow(profile, scenario, &usual, scope);
        let by_one: Vec<_> = self.ones.iter().map(|(_, profile)| follow(profile)).collect();
        let mut otherwise = vec![Vec::new(); scenario.steps.len()];
        for ((option, _), found) in self.ones.iter().zip(&by_one) {
            for (permits, other) in otherwise.iter_mut().zip(found) {
                permits.extend(other.listed(vec![option.clone()], None));
            }
        }
        for (one, other, profile) in &self.twos {
            let (by_one, by_other) = (&by_one[*one], &by_one[*other]);
            let options = || vec![self.ones[*one].0.clone(), self.ones[*other].0.clone()];
            for (number, found) in follow(profile).into_iter().enumerate() {
                let step = [&by_one[number], &by_other[number]];
                if step.contains(&&Otherwise::CannotHappen) || found == Otherwise::Ended {
                    break;
                }
                let usual = step.into_iter().find(|step| **step != Otherwise::AsUsual);
                if *usual.unwrap_or(&Otherwise::AsUsual) != found {
                    let usual = scenario.steps[number].expect.as_ref();
                    otherwise[number].extend(found.listed(options(), usual));
                }
            }
        }
        otherwise
    }
}

/// What a server that takes other options does with a step.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Otherwise {
    /// What ours does.
    AsUsual,
    /// This.
    Expects(Box<Expect>),
    /// The step cannot be taken.
    CannotHappen,
    /// A step before it could not be taken.
    Ended,
}

impl Otherwise {
    /// How it is listed, where these options are taken; as usual, it is not, unless two options that
    /// expect something else each come to `usual` together.
    fn listed(&self, options: Vec<TakenOption>, usual: Option<&Expect>) -> Option<Permitted> {
        let expect = match self {
            Self::AsUsual => Some(usual?.clone()),
            Self::Expects(expect) => Some((**expect).clone()),
            Self::CannotHappen => None,
            Self::Ended => return None,
        };
        Some(Permitted { options, expect })
    }
}

/// Follows a server with this profile through the scenario.
fn follow(
    profile: &Profile,
    scenario: &Scenario,
    usual: &[(State, Outcome)],
    scope: Scope,
) -> Vec<Otherwise> {
    let mut state = Some(initial(profile));
    let step = |(step, (before, right)): (&ScenarioStep, &(State, Outcome))| {
        let Some(here) = state else { return Otherwise::Ended };
        let Some(outcome) = outcome(profile, &here, &step.action) else {
            state = None;
            return Otherwise::CannotHappen;
        };
        state = Some(outcome.next);
        if is_observable(right, &outcome, before.tagged.is_some()) {
            Otherwise::Expects(Box::new(expected(step, &here, &outcome, scope)))
        } else {
            Otherwise::AsUsual
        }
    };
    scenario.steps.iter().zip(usual).map(step).collect()
}

/// Whether a server with this profile does something that nothing permitted explains.
pub(super) fn fails(profile: &Profile, scenario: &Scenario, otherwise: &[Vec<Permitted>]) -> bool {
    let mut judge = Judge::new(&scenario.steps, otherwise);
    let mut before = initial(profile);
    for (number, step) in scenario.steps.iter().enumerate() {
        let Some(outcome) = outcome(profile, &before, &step.action) else { return false };
        let observed = ObservedStep {
            action: &step.action,
            before: &before,
            outcome: &outcome,
            label: Some(LABEL),
        };
        if matches!(judge.step(number, &observed), Judgement::Differs(_)) {
            return true;
        }
        before = outcome.next;
    }
    false
}

/// What is expected of a step; where it could change a membership, of all of them.
fn expected(step: &ScenarioStep, before: &State, outcome: &Outcome, scope: Scope) -> Expect {
    let observed = ObservedStep { action: &step.action, before, outcome, label: Some(LABEL) };
    let mut expect = observed.expect();
    if may_change_memberships(&step.action) {
        expect.membership = observed.memberships(scope);
    }
    expect
}

fn taken(variant: &Variant) -> TakenOption {
    TakenOption {
        point: variant.point_id(),
        option: variant.option(),
        reading: variant.reading().map(str::to_owned),
    }
}

/// The profile that takes the options of both.
fn both(default: &Profile, one: &Profile, other: &Profile) -> Profile {
    let mut profile = one.clone();
    for point in PointId::all() {
        let option = other.choices.get(point);
        if option != default.choices.get(point) {
            assert!(profile.choices.set(point, option), "the option is the point's own");
        }
    }
    for endpoint in EndpointId::all() {
        let access = other.access(endpoint);
        if access != default.access(endpoint) {
            profile.set_access(endpoint, access);
        }
    }
    profile
}
