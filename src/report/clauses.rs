//! Which clauses are in force.

use guest_access_rules::clause;
use guest_access_rules::rules::Rules;

/// Those of the clauses that are in force in a revision, or in a proposal that extends it. (A
/// decision names the clauses that it rests on in any revision.)
pub fn in_force<'a>(rules: &Rules, clauses: &[&'a str]) -> Vec<&'a str> {
    let is_in_force = |id: &str| clause::find(id).is_none_or(|clause| rules.has_in_force(clause));
    clauses.iter().copied().filter(|id| is_in_force(id)).collect()
}
