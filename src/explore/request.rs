//! The requests of the page.

use guest_access_model::action::Action;
use guest_access_model::state::{MAX_GUESTS, MAX_ROOMS};
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::ScenarioText;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ExploreError;

/// The most steps of a trace.
const MOST_STEPS: usize = 200;

/// A trace, and the rules that decide it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    /// The names of one or two rules.
    pub rules: Vec<String>,
    /// The number of guests.
    pub guests: usize,
    /// The number of rooms.
    pub rooms: usize,
    /// The steps, as a scenario has them.
    pub steps: Vec<Value>,
}

/// A trace that is saved as a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRequest {
    /// The trace.
    pub trace: TraceRequest,
    /// The index of the step whose event the scenario follows, if it follows one.
    pub follow: Option<usize>,
}

impl TraceRequest {
    /// The actions of the steps. Each step is one of the rules' at least.
    pub(super) fn actions(&self, rules: &[(&str, &Rules)]) -> Result<Vec<Action>, ExploreError> {
        if self.steps.len() > MOST_STEPS {
            return Err(ExploreError::TooLong { count: self.steps.len(), most: MOST_STEPS });
        }
        if !(1..=MAX_GUESTS).contains(&self.guests) || !(1..=MAX_ROOMS).contains(&self.rooms) {
            return Err(ExploreError::Scope { guests: MAX_GUESTS, rooms: MAX_ROOMS });
        }
        self.steps.iter().map(|step| action(step, rules)).collect()
    }
}

/// The action of a step. The second of two rules may declare an endpoint that the first do not know.
fn action(step: &Value, rules: &[(&str, &Rules)]) -> Result<Action, ExploreError> {
    let scenario =
        json!({ "id": "explore", "rules": "", "about": "", "clauses": [], "steps": [step] });
    let text = ScenarioText::parse("the trace", &scenario.to_string())?;
    let mut read = rules.iter().map(|(_, rules)| text.read_by(rules));
    let found = read.find(Result::is_ok).or_else(|| Some(text.read_by(rules.first()?.1)));
    let (scenario, _) = found.ok_or(ExploreError::RulesCount { count: 0 })??;
    Ok(Action { tag: false, ..scenario.steps[0].action })
}
