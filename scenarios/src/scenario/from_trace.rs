//! A trace of the model as a scenario: each step expects what the rules decide.

use guest_access_model::action::Action;
use guest_access_model::decide::initial;
use guest_access_rules::rules::Rules;

use super::{LABEL, ObservedStep, Scenario, ScenarioError, ScenarioStep};

impl Scenario {
    /// The scenario of these actions. Each step expects what the default profile of `rules` decides.
    ///
    /// # Errors
    /// If a step cannot happen under these rules.
    pub fn from_trace(
        id: impl Into<String>,
        rules: &Rules,
        about: impl Into<String>,
        clauses: Vec<String>,
        steps: &[Action],
    ) -> Result<Self, ScenarioError> {
        let scenario_step = |step: &Action| ScenarioStep {
            action: *step,
            event: step.tag.then(|| LABEL.to_owned()),
            expect: None,
        };
        let mut scenario = Self {
            id: id.into(),
            rules: rules.id.clone(),
            about: about.into(),
            clauses,
            steps: steps.iter().map(scenario_step).collect(),
            interleaving: Vec::new(),
        };
        let profile = rules.profile();
        let outcomes = scenario.replay(&profile)?;
        let mut before = &initial(&profile);
        for (step, outcome) in scenario.steps.iter_mut().zip(&outcomes) {
            let observed =
                ObservedStep { action: &step.action, before, outcome, label: Some(LABEL) };
            step.expect = Some(observed.expect());
            before = &outcome.next;
        }
        Ok(scenario)
    }
}
