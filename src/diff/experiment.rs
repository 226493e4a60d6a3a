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

use guest_access_model::action::{Action, Actor};
use guest_access_model::actions::actions;
use guest_access_model::decide::{Outcome, outcome};
use guest_access_model::shortest_trace::reachable_states;
use guest_access_model::state::{Scope, State};
use guest_access_rules::profile::Profile;
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
/// `None` if there is none among the first states.
pub(super) fn deciding_trace(
    variants: &Variants,
    cause: &[usize],
    rival: &[usize],
) -> Option<Vec<Action>> {
    let (cause, rival) = (variants.profile(cause), variants.profile(rival));
    let reached = reachable_states(&cause, &plain_steps(&cause, SCOPE), MOST_STATES);
    let mut all = actions(SCOPE, &[&cause, &rival]);
    // No client can ask for what the homeserver does by itself.
    all.retain(|action| action.by != Actor::Server);
    let found = reached.states().iter().enumerate().find_map(|(number, state)| {
        let action = all.iter().find(|action| decides(&cause, &rival, state, action))?;
        Some((number, *action))
    });
    found.map(|(number, action)| reached.trace(number, action))
}

/// Whether two profiles predict different outcomes of an action that both can take.
fn decides(one: &Profile, other: &Profile, state: &State, action: &Action) -> bool {
    let [one, other] = [one, other].map(|profile| outcome(profile, state, action));
    let (Some(one), Some(other)) = (one, other) else { return false };
    let members = |outcome: &Outcome| outcome.next.rooms.map(|room| (room.members, room.user));
    let (seen, otherwise) = (one.observation, other.observation);
    !seen.decision.is_like(&otherwise.decision)
        || seen.answer != otherwise.answer
        || members(&one) != members(&other)
}
