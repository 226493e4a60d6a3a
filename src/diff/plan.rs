//! Which stories are told.

use glob::Pattern;
use guest_access_model::rules::Rules;

use super::history::histories;
use super::story::Story;

/// The stories to tell under `rules`: those whose id one of the patterns matches, if there are any.
pub fn stories(rules: &Rules, only: &[Pattern]) -> Vec<Story> {
    let all = histories(&rules.profile(), 0).take(12);
    let asked =
        |story: &Story| only.is_empty() || only.iter().any(|pattern| pattern.matches(&story.id));
    all.filter(asked).collect()
}
