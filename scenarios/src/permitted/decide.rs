//! The decisions of the rules on the steps of a scenario, and the steps that are open.

use guest_access_model::action::{Action, Credential, Operation};
use guest_access_model::decide::Outcome;
use guest_access_model::state::State;
use guest_access_rules::endpoint::Auth;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{self, Variant};

use super::ActionRun;
use crate::scenario::{ObservedStep, Scenario, ScenarioError, ScenarioStep, Verdict};

/// A step of a scenario, decided.
#[derive(Debug, Clone)]
pub struct DecidedStep {
    /// The state before the step.
    pub before: State,
    /// The outcome of the step by the default readings.
    pub outcome: Outcome,
    /// Allow or deny. Open where an open variant, taken alone from the first step on, turns one into
    /// the other.
    pub verdict: Verdict,
    /// The outcome of the step under each open variant that a caller can distinguish from the default.
    pub otherwise: Vec<AlternativeOutcome>,
}

/// The outcome of a step under one other option.
#[derive(Debug, Clone)]
pub struct AlternativeOutcome {
    /// The decision point, or the endpoint.
    pub point: String,
    /// The option taken in place of the default.
    pub option: String,
    /// The reading, if the default rests on one.
    pub reading: Option<String>,
    /// The outcome of the step.
    pub outcome: Outcome,
}

impl Scenario {
    /// Decides each step by `rules`.
    ///
    /// 1. Take the steps by the default profile.
    /// 2. For each [open](variant::open) variant, take the steps by its profile, as far as they are
    ///    possible.
    /// 3. If a caller can distinguish the outcome from that of the default, list the outcome. If one of
    ///    the two is allowed and the other is denied, the step is open.
    ///
    /// # Errors
    /// If a step cannot happen under the rules' default profile.
    pub fn decide(&self, rules: &Rules) -> Result<Vec<DecidedStep>, ScenarioError> {
        let (default, mut decided) = self.decide_by_default(rules)?;
        for alternative in variant::open(rules) {
            let outcomes = default.by(&alternative.profile).into_iter();
            for ((_, outcome), step) in outcomes.zip(&mut decided) {
                step.consider(&alternative, outcome);
            }
        }
        Ok(decided)
    }

    /// How the outcome of each step under `rules` differs from what the scenario expects, in words. Empty
    /// for a step whose outcome is as expected.
    ///
    /// # Errors
    /// If a step cannot happen under the rules' default profile.
    pub fn differences(&self, rules: &Rules) -> Result<Vec<Vec<String>>, ScenarioError> {
        let expects_open = |step: &ScenarioStep| {
            step.expect.as_ref().is_some_and(|expect| expect.verdict == Verdict::Open)
        };
        // Only an expectation of `open` depends on the open variants, and they take most of the time.
        let decided = if self.steps.iter().any(expects_open) {
            self.decide(rules)?
        } else {
            self.decide_by_default(rules)?.1
        };
        let label = self.label();
        let differences = self.steps.iter().zip(&decided).map(|(step, decided)| {
            let expect = step.expect.as_ref()?;
            Some(decided.observed(&step.action, label).differences(expect, decided.verdict))
        });
        Ok(differences.map(Option::unwrap_or_default).collect())
    }

    /// Decides each step by the default profile alone.
    fn decide_by_default(
        &self,
        rules: &Rules,
    ) -> Result<(ActionRun, Vec<DecidedStep>), ScenarioError> {
        self.replay(&rules.profile())?;
        let default = ActionRun::of(&rules.profile(), self.actions());
        let decided = default.steps().iter().map(|(before, outcome)| {
            let verdict = Verdict::of(&outcome.observation.decision);
            DecidedStep { before: *before, outcome: *outcome, verdict, otherwise: Vec::new() }
        });
        let decided = decided.collect();
        Ok((default, decided))
    }
}

impl DecidedStep {
    fn consider(&mut self, alternative: &Variant, outcome: Outcome) {
        let (default, other) = (&self.outcome.observation, &outcome.observation);
        if default.decision.is_like(&other.decision) && default.answer == other.answer {
            return;
        }
        if default.decision.allows() != other.decision.allows() {
            self.verdict = Verdict::Open;
        }
        let (point, option) = (alternative.point(), alternative.option());
        let reading = alternative.reading().map(str::to_owned);
        self.otherwise.push(AlternativeOutcome { point, option, reading, outcome });
    }

    /// Whether no rule says how the call ends. The call is of an endpoint that the model looks at only for
    /// guests: for another caller, the rules of guest access demand nothing, and other rules of the
    /// specification decide.
    pub fn is_beyond_the_rules(&self, action: &Action) -> bool {
        let Operation::Call(endpoint) = action.operation else { return false };
        let guest = action.by.guest().map(usize::from);
        let is_guest = guest.is_some_and(|guest| self.before.accounts[guest].is_guest());
        endpoint.get().auth == Auth::User
            && action.with == Credential::Own
            && !is_guest
            && self.outcome.observation.decision.allows()
    }

    /// The step as it is observed by the default readings.
    pub fn observed<'a>(&'a self, action: &'a Action, label: Option<&'a str>) -> ObservedStep<'a> {
        ObservedStep { action, before: &self.before, outcome: &self.outcome, label }
    }
}
