//! The goals that a vector covers: the classes of its steps, the options that it distinguishes from the
//! default, and the clauses of its decisions, each with the way that it decides.
//!
//! A decision rests on a clause if the decision itself names the clause, or the rule of the endpoint,
//! or a decision point that matters here. A decision point matters if another option would have changed
//! the decision or the answer.

use std::collections::BTreeSet;

use guest_access_model::action::{Action, Actor, Answer};
use guest_access_model::decide::Outcome;
use guest_access_model::state::State;
use guest_access_rules::clause;
use guest_access_rules::profile::{Access, Profile};
use guest_access_rules::rules::Rules;

use super::Candidate;
use super::classes::{Origins, classes};
use super::coverage_goal::CoverageGoal;
use super::deviations::Deviation;
use super::observable::distinguishing_steps;

/// The rules, for counting what a vector covers of them.
pub(super) struct Coverage<'a> {
    pub(super) rules: &'a Rules,
    pub(super) profile: &'a Profile,
    pub(super) deviations: &'a [Deviation],
}

impl Coverage<'_> {
    /// The goals that a candidate covers.
    pub(super) fn of(&self, candidate: &Candidate) -> BTreeSet<CoverageGoal> {
        let followed = &candidate.followed;
        let mut origins = Origins::default();
        let mut covered = BTreeSet::new();
        let mut allowed = Vec::with_capacity(followed.steps().len());
        for (step, (state, outcome)) in followed.actions().iter().zip(followed.steps()) {
            covered.extend(classes(self.profile, state, &origins, step, outcome));
            let allows = allows(state, outcome);
            let named = outcome.observation.decision.clauses.iter().copied();
            covered.extend(self.clause_goals(named.chain(self.of_endpoint(step)), allows));
            allowed.push(allows);
            origins = origins.after(state, step, &outcome.next);
        }
        for other in self.deviations {
            let own = followed.by(&other.profile);
            let places = distinguishing_steps(followed.steps(), &own);
            if !places.is_empty() && other.is_beyond_the_permitted(&own, candidate) {
                covered.insert(other.goal());
            }
            for allows in places.iter().map(|place| allowed[*place]).collect::<BTreeSet<_>>() {
                covered.extend(self.clause_goals(other.clauses.iter().copied(), allows));
            }
        }
        covered
    }

    /// The clauses that put the step's endpoint on the guests' list.
    fn of_endpoint(&self, step: &Action) -> impl Iterator<Item = &'static str> {
        let endpoint = step.operation.endpoint().filter(|_| matches!(step.by, Actor::Guest(_)));
        let rule = endpoint.map(|endpoint| self.rules.endpoint(endpoint));
        let clauses = rule.filter(|rule| rule.access != Access::Refused).map(|rule| &rule.clauses);
        clauses.into_iter().flatten().filter_map(|id| clause::find(id)).map(|clause| clause.id)
    }

    /// The goals of these clauses, each decided this way. Clauses that are not in force have no goals.
    fn clause_goals(
        &self,
        ids: impl Iterator<Item = &'static str>,
        allows: bool,
    ) -> impl Iterator<Item = CoverageGoal> {
        let in_force = |id: &&str| clause::find(id).is_some_and(|c| self.rules.has_in_force(c));
        ids.filter(in_force).map(move |id| CoverageGoal::Clause { id, allows })
    }
}

/// Whether a step is allowed, and gives the event that it asks for.
fn allows(before: &State, outcome: &Outcome) -> bool {
    let withheld =
        before.tagged.is_some() && outcome.observation.answer == Answer::Gave { tagged: false };
    outcome.observation.decision.allows() && !withheld
}
