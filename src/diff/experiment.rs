//! Experiments: scenarios that tell a mistake from its rivals.
//!
//! A *rival* of a cause explains the same differences and contradicts no step of the run. So the run does not
//! show which of the two is the cause.
//!
//! 1. For each rival, find the shortest trace of the model to a step of which the two predict different
//!    outcomes.
//! 2. Take these steps on the homeserver, like those of any other scenario.
//! 3. Search for the causes again, among all steps, and begin anew, if a cause still has a rival.
//!
//! A cause that still has a rival afterwards is a *possible* cause.

use std::collections::BTreeSet;

use guest_access_model::action::{Action, Actor};
use guest_access_model::actions::actions;
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::shortest_trace::Search;
use guest_access_model::state::Scope;
use guest_access_rules::variant::Variants;

use super::cause::VariantExplanation;
use super::scenario_run::{ContentPlan, PlannedScenario};
use super::shrink::plain_steps;

/// The most experiments of one round. Each costs the homeserver a scenario.
const MOST_EXPERIMENTS: usize = 8;
/// The most rounds: the causes that are found after one may have other rivals.
pub(super) const ROUNDS: usize = 3;
/// The guests and the rooms of an experiment.
const SCOPE: Scope = Scope { guests: 2, rooms: 1 };
/// The greatest number of states in which a deciding step is searched for.
const MOST_STATES: usize = 2_000;

/// The experiments of this round that tell these causes from their rivals.
pub(super) fn experiments(
    round: usize,
    variants: &Variants,
    explanations: &[VariantExplanation],
) -> Vec<PlannedScenario> {
    let pairs = explanations.iter().flat_map(|explanation| {
        explanation.rivals.iter().map(|rival| (&*explanation.variants, &**rival))
    });
    let mut traces: Vec<Vec<Action>> = Vec::new();
    for (cause, rival) in pairs {
        let trace = deciding_trace(variants, cause, rival);
        traces.extend(trace.filter(|trace| !traces.contains(trace)));
    }
    traces.sort_by_key(Vec::len);
    let numbered = (1..).zip(traces.into_iter().take(MOST_EXPERIMENTS));
    let scenario = |(number, steps)| PlannedScenario {
        id: format!("experiment-{round}-{number}"),
        steps,
        content: ContentPlan::Skipped,
        is_trial: false,
    };
    numbered.map(scenario).collect()
}

/// The shortest trace to a step of which these variants and those of the rival predict different outcomes;
/// `None` if there is none among the first states. Each takes the trace from its own initial state.
pub(super) fn deciding_trace(
    variants: &Variants,
    cause: &[usize],
    rival: &[usize],
) -> Option<Vec<Action>> {
    let (cause, rival) = (variants.profile(cause), variants.profile(rival));
    let plain: BTreeSet<Action> = plain_steps(&cause, SCOPE).into_iter().collect();
    let mut all = actions(SCOPE, &[&cause, &rival]);
    // No client can ask for what the homeserver does by itself.
    all.retain(|action| action.by != Actor::Server);
    let mut search = Search::new([(initial(&cause), initial(&rival))]);
    while let Some(number) = search.next_state() {
        let (here, there) = search.states()[number];
        for action in &all {
            let (one, other) = (outcome(&cause, &here, action), outcome(&rival, &there, action));
            let (Some(one), Some(other)) = (one, other) else { continue };
            if differ(&one, &other) {
                return Some(search.trace(number, *action));
            }
            if search.states().len() < MOST_STATES && plain.contains(action) {
                search.reach(number, *action, (one.next, other.next));
            }
        }
    }
    None
}

/// Whether a client can tell two outcomes of an action apart.
fn differ(one: &Outcome, other: &Outcome) -> bool {
    let members = |outcome: &Outcome| outcome.next.rooms.map(|room| (room.members, room.user));
    let (seen, otherwise) = (one.observation, other.observation);
    !seen.decision.is_like(&otherwise.decision)
        || seen.answer != otherwise.answer
        || members(one) != members(other)
}
