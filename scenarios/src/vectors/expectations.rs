//! What each step of a vector expects: by the default readings, and by every other option that the
//! rules permit.

use std::borrow::Cow;

use guest_access_model::action::Action;
use guest_access_model::decide::Outcome;
use guest_access_model::state::{Scope, State};
use guest_access_rules::decision_point::PointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;

use super::Candidate;
use super::client_actions::may_change_memberships;
use super::observable::is_observable;
use crate::permitted::{
    ActionRun, PermittedOutcome, ScenarioJudge, ScenarioJudgement, TakenOption,
};
use crate::scenario::{Expect, LABEL, ObservedStep, Scenario, ScenarioStep};

/// The profiles that the rules permit, as far as a vector lists them.
pub(super) struct PermittedProfiles {
    default: Profile,
    /// Every profile that differs from the default in one option, by the order of the options.
    singles: Vec<(TakenOption, Profile)>,
    /// Every profile that differs from the default in two options that readings of the text permit,
    /// with the places of the two options in `singles`.
    pairs: Vec<(usize, usize, Profile)>,
}

impl PermittedProfiles {
    pub(super) fn new(rules: &Rules) -> Self {
        let default = rules.profile();
        let by_reading: Vec<_> = variant::open(rules).iter().map(TakenOption::of).collect();
        let singles = variant::permitted(rules).into_iter();
        let mut singles: Vec<_> = singles.map(|one| (TakenOption::of(&one), one.profile)).collect();
        singles.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut pairs = Vec::new();
        for (place, (one, of_one)) in singles.iter().enumerate() {
            for (other_place, (other, of_other)) in singles.iter().enumerate().skip(place + 1) {
                let are_readings = by_reading.contains(one) && by_reading.contains(other);
                if are_readings && one.point != other.point {
                    pairs.push((place, other_place, both(&default, of_one, of_other)));
                }
            }
        }
        Self { default, singles, pairs }
    }

    /// What the default does at each of these actions.
    pub(super) fn follow_default(&self, actions: Vec<Action>) -> ActionRun {
        ActionRun::of(&self.default, actions)
    }

    /// Writes into the scenario what the default expects of each step, and lists what other options
    /// expect of it. `followed` is the default on the scenario's actions.
    ///
    /// 1. Take the outcomes of the default.
    /// 2. Follow each single option. If a client can observe a difference from the default, list the
    ///    expectation.
    /// 3. Follow each pair. If the outcome is not the one that
    ///    [`StepMatches`](crate::permitted::StepMatches) derives from the two single options, list the
    ///    expectation.
    pub(super) fn expect(
        &self,
        scenario: &mut Scenario,
        followed: &ActionRun,
        scope: Scope,
    ) -> Vec<Vec<PermittedOutcome>> {
        let default = followed.steps();
        assert_eq!(default.len(), scenario.steps.len(), "every step was taken when it was planned");
        for (step, (before, outcome)) in scenario.steps.iter_mut().zip(default) {
            step.expect = Some(expected(step, before, outcome, scope));
        }
        let compare = |run: &ActionRun| expectations(run.steps(), scenario, followed, scope);
        let runs = self.singles.iter().map(|(_, profile)| followed.run_by(profile));
        let of_single: Vec<_> = runs.map(|run| (compare(&run), run)).collect();
        let mut otherwise = vec![Vec::new(); scenario.steps.len()];
        for ((option, _), (found, _)) in self.singles.iter().zip(&of_single) {
            for (listed, expectation) in otherwise.iter_mut().zip(found) {
                listed.extend(expectation.listed(vec![option.clone()], None));
            }
        }
        for (one, other, profile) in &self.pairs {
            let [(by_one, run_of_one), (by_other, run_of_other)] =
                [&of_single[*one], &of_single[*other]];
            // Where one option decides as if the other were not taken, its run is the run of the pair.
            let of_pair = if run_of_one.first_decided_otherwise(profile).is_none() {
                Cow::Borrowed(by_one)
            } else if run_of_other.first_decided_otherwise(profile).is_none() {
                Cow::Borrowed(by_other)
            } else {
                Cow::Owned(compare(&run_of_one.run_by(profile)))
            };
            let options = || vec![self.singles[*one].0.clone(), self.singles[*other].0.clone()];
            for (number, found) in of_pair.iter().enumerate() {
                let singles = [&by_one[number], &by_other[number]];
                if singles.contains(&&Expectation::CannotHappen) || *found == Expectation::Ended {
                    break;
                }
                let first = singles.into_iter().find(|found| **found != Expectation::AsDefault);
                if first.unwrap_or(&Expectation::AsDefault) != found {
                    let default = scenario.steps[number].expect.as_ref();
                    otherwise[number].extend(found.listed(options(), default));
                }
            }
        }
        otherwise
    }
}

/// What a homeserver that takes other options does at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expectation {
    /// The same as the default, as far as a client can observe.
    AsDefault,
    /// This.
    Expects(Box<Expect>),
    /// The homeserver cannot come to the step.
    CannotHappen,
    /// The homeserver could not come to an earlier step.
    Ended,
}

impl Expectation {
    /// The entry of these options; none where the options do not have to be listed. Two options that
    /// each expect something else can come to the default together: then `default` is listed.
    fn listed(
        &self,
        options: Vec<TakenOption>,
        default: Option<&Expect>,
    ) -> Option<PermittedOutcome> {
        let expect = match self {
            Self::AsDefault => Some(default?.clone()),
            Self::Expects(expect) => Some((**expect).clone()),
            Self::CannotHappen => None,
            Self::Ended => return None,
        };
        Some(PermittedOutcome { options, expect })
    }
}

/// What a homeserver that does `other` expects of each step of the scenario.
fn expectations(
    other: &[(State, Outcome)],
    scenario: &Scenario,
    followed: &ActionRun,
    scope: Scope,
) -> Vec<Expectation> {
    let default = followed.steps();
    let compare = |(step, (before, outcome), (default_before, default)): (
        &ScenarioStep,
        &(State, Outcome),
        &(State, Outcome),
    )| {
        if is_observable(default, outcome, default_before.tagged.is_some()) {
            Expectation::Expects(Box::new(expected(step, before, outcome, scope)))
        } else {
            Expectation::AsDefault
        }
    };
    let steps = scenario.steps.iter().zip(other).zip(default);
    let mut found: Vec<_> = steps.map(|((step, one), two)| compare((step, one, two))).collect();
    if found.len() < default.len() {
        found.push(Expectation::CannotHappen);
    }
    found.resize(default.len(), Expectation::Ended);
    found
}

/// Whether a homeserver that does this at the steps of the candidate does something that nothing permitted
/// explains.
pub(super) fn fails(other: &[(State, Outcome)], candidate: &Candidate) -> bool {
    let Candidate { scenario, otherwise, .. } = candidate;
    let mut judge = ScenarioJudge::new(&scenario.steps, otherwise);
    let mut steps = scenario.steps.iter().zip(other).enumerate();
    steps.any(|(number, (step, (before, outcome)))| {
        let observed = ObservedStep { action: &step.action, before, outcome, label: Some(LABEL) };
        matches!(judge.step(number, &observed), ScenarioJudgement::Differs(_))
    })
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

/// The profile that takes the options of both.
fn both(default: &Profile, one: &Profile, other: &Profile) -> Profile {
    let mut profile = one.clone();
    for point in PointId::all() {
        let option = other.choices.get(point);
        if option != default.choices.get(point) {
            assert!(profile.choices.set(point, option), "the option is the point's own");
        }
    }
    for endpoint in other.every_endpoint() {
        let access = other.access(endpoint);
        if access != default.access(endpoint) {
            profile.set_access(endpoint, access);
        }
    }
    profile
}
