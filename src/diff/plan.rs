//! Which scenarios are run: the vectors of the rules.

use glob::Pattern;
use guest_access_rules::rules::Rules;

use crate::vectors::{Vector, vectors};

use super::scenario_run::PlannedScenario;

/// The vectors of `rules` to run. With patterns, only the vectors whose id matches one of them.
pub fn plan(rules: &Rules, only: &[Pattern]) -> Vec<PlannedScenario> {
    let is_asked_for = |id: &str| only.is_empty() || only.iter().any(|pattern| pattern.matches(id));
    let scenarios = vectors(rules).into_iter().map(PlannedScenario::from);
    scenarios.filter(|scenario| is_asked_for(&scenario.id)).collect()
}

impl From<Vector> for PlannedScenario {
    fn from(Vector { scenario, .. }: Vector) -> Self {
        Self { id: scenario.id, steps: scenario.steps.iter().map(|step| step.action).collect() }
    }
}
