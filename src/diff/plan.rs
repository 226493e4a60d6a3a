//! Which stories are told: the vectors of the rules.

use glob::Pattern;
use guest_access_model::rules::Rules;

use crate::vectors::vectors;

use super::story::Story;

/// The vectors of `rules` as stories: those whose id one of the patterns matches, if there are any
/// patterns.
pub fn stories(rules: &Rules, only: &[Pattern]) -> Vec<Story> {
    let is_asked_for = |id: &str| only.is_empty() || only.iter().any(|pattern| pattern.matches(id));
    let vectors = vectors(rules).into_iter().map(|vector| vector.scenario);
    let vectors = vectors.filter(|scenario| is_asked_for(&scenario.id));
    let story = |scenario: crate::scenario::Scenario| Story {
        id: scenario.id,
        steps: scenario.steps.iter().map(|told| told.step).collect(),
    };
    vectors.map(story).collect()
}
