//! What a revision permits beside our readings of it, and what that means for a scenario's steps.

use guest_access_model::decide::{Outcome, initial};
use guest_access_model::state::State;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{self, Variant};

use super::{ObservedStep, Scenario, ScenarioError, Verdict};

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
        for alternative in variant::open(rules) {
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
    fn consider(&mut self, alternative: &Variant, outcome: Outcome) {
        let (usual, other) = (&self.outcome.observation, &outcome.observation);
        if usual.decision.is_like(&other.decision) && usual.answer == other.answer {
            return;
        }
        if usual.decision.allows() != other.decision.allows() {
            self.verdict = Verdict::Open;
        }
        let (point, option) = (alternative.point(), alternative.option());
        let reading = alternative.reading().map(str::to_owned);
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
