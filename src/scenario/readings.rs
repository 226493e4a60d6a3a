//! What a revision permits beside our readings of it, and what that means for a scenario's steps.

use guest_access_model::decide::{Outcome, initial};
use guest_access_model::state::State;
use guest_access_rules::decision_point::PointId;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::{Access, Conditions, Profile};
use guest_access_rules::rules::{Rules, Standing};

use super::{ObservedStep, Scenario, ScenarioError, Verdict};

/// The default profile of a revision, but for one option that the text permits as well.
#[derive(Debug, Clone)]
pub struct Alternative {
    /// The decision point, or the endpoint.
    pub point: String,
    /// The option.
    pub option: String,
    /// The reading on which the default rests, if it rests on one.
    pub reading: Option<String>,
    /// The profile.
    pub profile: Profile,
}

/// Every option that the text permits beside the default, each taken alone.
///
/// # Panics
/// Never: the options of a standing were checked when the rules were read.
pub fn alternatives(rules: &Rules) -> Vec<Alternative> {
    let default = rules.profile();
    let mut found = Vec::new();
    for (point, rule) in PointId::all().zip(&rules.points) {
        for option in rule.standing.alternatives() {
            let mut profile = default.clone();
            assert!(profile.choices.set(point, option), "a standing's options were checked");
            let (point, option) = (point.get().id.to_owned(), (*option).to_owned());
            found.push(Alternative { point, option, reading: rule.reading.clone(), profile });
        }
    }
    for (endpoint, rule) in EndpointId::all().zip(&rules.endpoints) {
        if let Some(reading) = &rule.may_be_open {
            let mut profile = default.clone();
            profile.set_access(endpoint, Access::Open(Conditions::NONE));
            let (point, option) = (endpoint.to_string(), "open".to_owned());
            found.push(Alternative { point, option, reading: Some(reading.clone()), profile });
        }
    }
    found
}

/// Every option that the text does not forbid beside the default, each taken alone: the
/// [`alternatives`], and whatever it is silent about.
///
/// # Panics
/// Never: the options are the points' own.
pub fn permitted(rules: &Rules) -> Vec<Alternative> {
    let default = rules.profile();
    let mut found = alternatives(rules);
    for (point, rule) in PointId::all().zip(&rules.points) {
        let Standing::Silent(taken) = rule.standing else { continue };
        for option in point.get().option_ids().filter(|option| *option != taken) {
            let mut profile = default.clone();
            assert!(profile.choices.set(point, option), "the option is the point's own");
            let (point, option) = (point.get().id.to_owned(), option.to_owned());
            found.push(Alternative { point, option, reading: None, profile });
        }
    }
    found
}

impl Alternative {
    /// The id of the decision point, as the defects name it.
    pub fn point_id(&self) -> String {
        let is_endpoint = EndpointId::find(&self.point).is_some();
        if is_endpoint { format!("endpoint.{}", self.point) } else { self.point.clone() }
    }
}

/// A step of a scenario, decided.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The state before the step.
    pub before: State,
    /// What comes of it by the default readings.
    pub outcome: Outcome,
    /// Allow or deny; open where an alternative, taken alone from the start, turns one into the other.
    pub verdict: Verdict,
    /// What comes of it by the alternatives that a caller could tell from the default.
    pub otherwise: Vec<Otherwise>,
}

/// What comes of a step where the text is read otherwise.
#[derive(Debug, Clone)]
pub struct Otherwise {
    /// The decision point, or the endpoint.
    pub point: String,
    /// The option taken in place of the default.
    pub option: String,
    /// The reading, if the default rests on one.
    pub reading: Option<String>,
    /// What comes of the step.
    pub outcome: Outcome,
}

impl Scenario {
    /// What `rules` say to each step, with all that they leave open.
    ///
    /// # Errors
    /// If a step cannot happen under the rules' default profile.
    pub fn decide(&self, rules: &Rules) -> Result<Vec<Decided>, ScenarioError> {
        let default = rules.profile();
        let mut before = initial(&default);
        let mut decided = Vec::with_capacity(self.steps.len());
        for outcome in self.replay(&default)? {
            let verdict = Verdict::of(&outcome.observation.decision);
            decided.push(Decided { before, outcome, verdict, otherwise: Vec::new() });
            before = outcome.next;
        }
        for alternative in alternatives(rules) {
            let mut state = initial(&alternative.profile);
            for (told, step) in self.steps.iter().zip(&mut decided) {
                // What cannot happen by this reading says no more of the steps that follow.
                let Some(outcome) =
                    guest_access_model::decide::outcome(&alternative.profile, &state, &told.action)
                else {
                    break;
                };
                state = outcome.next;
                step.consider(&alternative, outcome);
            }
        }
        Ok(decided)
    }
}

impl Decided {
    fn consider(&mut self, alternative: &Alternative, outcome: Outcome) {
        let (usual, other) = (&self.outcome.observation, &outcome.observation);
        if usual.decision.is_like(&other.decision) && usual.answer == other.answer {
            return;
        }
        if usual.decision.allows() != other.decision.allows() {
            self.verdict = Verdict::Open;
        }
        let Alternative { point, option, reading, .. } = alternative.clone();
        self.otherwise.push(Otherwise { point, option, reading, outcome });
    }

    /// The step as it was observed by the default readings.
    pub fn observed<'a>(
        &'a self,
        action: &'a guest_access_model::action::Action,
        label: Option<&'a str>,
    ) -> ObservedStep<'a> {
        ObservedStep { action, before: &self.before, outcome: &self.outcome, label }
    }
}
