//! Which stories are told: the vectors of the rules.

use glob::Pattern;
use guest_access_rules::rules::Rules;

use crate::vectors::{Vector, vectors};

use super::story::Story;

/// The vectors of `rules` as stories: those whose id one of the patterns matches, if there are any
/// patterns.
pub fn stories(rules: &Rules, only: &[Pattern]) -> Vec<Story> {
    let is_asked_for = |id: &str| only.is_empty() || only.iter().any(|pattern| pattern.matches(id));
    let stories = vectors(rules).into_iter().map(Story::from);
    stories.filter(|story| is_asked_for(&story.id)).collect()
}

impl From<Vector> for Story {
    fn from(Vector { scenario, .. }: Vector) -> Self {
        Self { id: scenario.id, steps: scenario.steps.iter().map(|told| told.action).collect() }
    }
}
