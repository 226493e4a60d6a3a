//! Random histories, for behaviour that no vector covers.

use fastrand::Rng;
use guest_access_model::action::{Action, Actor, Operation};
use guest_access_model::actions::actions;
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{Scope, State};
use guest_access_rules::profile::Profile;

use super::further::read_classes;
use super::scenario_run::{ContentPlan, PlannedScenario};

/// The scope of a history.
const SCOPE: Scope = Scope { guests: 2, rooms: 2 };
/// The number of steps of a history.
const LENGTH: usize = 40;
/// On average, one step in this many changes the state. The other steps only observe the state.
const STEPS_PER_CHANGE: u32 = 3;

/// An endless sequence of histories of possible steps. The same seed gives the same histories.
pub(super) fn histories(
    profile: &Profile,
    seed: u64,
) -> impl Iterator<Item = PlannedScenario> + use<> {
    let profile = profile.clone();
    let steps: Vec<_> = actions(SCOPE, &[&profile]).into_iter().filter(can_be_taken).collect();
    (0_u64..).map(move |number| {
        let mut rng = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let id = format!("random-{seed}-{number}");
        let steps = history(&profile, &steps, &mut rng);
        PlannedScenario {
            id,
            content: ContentPlan::Compared(read_classes(&profile, &steps)),
            steps,
            is_trial: false,
        }
    })
}

fn history(profile: &Profile, steps: &[Action], rng: &mut Rng) -> Vec<Action> {
    let mut state = initial(profile);
    let mut history = Vec::with_capacity(LENGTH);
    while history.len() < LENGTH {
        let changes = rng.u32(0..STEPS_PER_CHANGE) == 0;
        let Some((step, next)) = one_of(profile, &state, steps, changes, rng) else { break };
        history.push(step);
        state = next;
    }
    history
}

/// A random possible step and the state after the step. If `changes`, the step changes the state;
/// otherwise it does not.
fn one_of(
    profile: &Profile,
    state: &State,
    steps: &[Action],
    changes: bool,
    rng: &mut Rng,
) -> Option<(Action, State)> {
    let possible = |step: &Action| {
        let next = outcome(profile, state, step)?.next;
        ((next != *state) == changes).then_some((*step, next))
    };
    let possible: Vec<_> = steps.iter().filter_map(possible).collect();
    // A step that ends an account or a room leaves little to observe afterwards, so it is chosen rarely.
    let ends = |step: &Action| {
        matches!(step.operation, Operation::LogOut | Operation::Deactivate | Operation::Upgrade(_))
    };
    let chosen = *rng.choice(&possible)?;
    if ends(&chosen.0) && rng.u32(0..4) != 0 {
        rng.choice(&possible).copied()
    } else {
        Some(chosen)
    }
}

/// Whether a client can take the step over HTTP.
fn can_be_taken(step: &Action) -> bool {
    step.by != Actor::Server
}

#[cfg(test)]
mod tests {
    use guest_access_rules::rules::Rules;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_histories_of_possible_steps() {
        let profile = Rules::find("latest").unwrap().profile();
        let some: Vec<_> = histories(&profile, 7).take(5).collect();
        assert_eq!(some, histories(&profile, 7).take(5).collect::<Vec<_>>());
        assert_ne!(some[0].steps, some[1].steps);
        for scenario in &some {
            assert_eq!(scenario.steps.len(), LENGTH);
            let mut state = initial(&profile);
            for step in &scenario.steps {
                state = outcome(&profile, &state, step).unwrap().next;
            }
        }
    }
}
