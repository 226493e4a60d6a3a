//! Histories chosen at random: what the vectors do not think of.

use fastrand::Rng;
use guest_access_model::action::{Action, Actor, Operation};
use guest_access_model::actions::actions;
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{Scope, State};
use guest_access_rules::profile::Profile;

use super::scenario_run::PlannedScenario;

/// How many guests and rooms there are in a history.
const SCOPE: Scope = Scope { guests: 2, rooms: 2 };
/// How many steps a history has.
const LENGTH: usize = 40;
/// Of so many steps, one leads somewhere else; the others look at what is there.
const LOOKS: u32 = 3;

/// Histories of steps that can happen by the rules, without end: the same for the same seed.
pub(super) fn histories(
    profile: &Profile,
    seed: u64,
) -> impl Iterator<Item = PlannedScenario> + use<> {
    let profile = profile.clone();
    let steps: Vec<_> = actions(SCOPE, &[&profile]).into_iter().filter(can_be_taken).collect();
    (0_u64..).map(move |number| {
        let mut rng = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let id = format!("random-{seed}-{number}");
        PlannedScenario { id, steps: history(&profile, &steps, &mut rng) }
    })
}

fn history(profile: &Profile, steps: &[Action], rng: &mut Rng) -> Vec<Action> {
    let mut state = initial(profile);
    let mut history = Vec::with_capacity(LENGTH);
    while history.len() < LENGTH {
        let leads = rng.u32(0..LOOKS) == 0;
        let Some((step, next)) = one_of(profile, &state, steps, leads, rng) else { break };
        history.push(step);
        state = next;
    }
    history
}

/// A step that can happen, chosen at random, and where it leads.
fn one_of(
    profile: &Profile,
    state: &State,
    steps: &[Action],
    leads: bool,
    rng: &mut Rng,
) -> Option<(Action, State)> {
    let possible = |step: &Action| {
        let next = outcome(profile, state, step)?.next;
        ((next != *state) == leads).then_some((*step, next))
    };
    let possible: Vec<_> = steps.iter().filter_map(possible).collect();
    // What ends an account ends most of what could still be seen of it: seldom, then.
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

/// Whether a step can be taken over HTTP, and says anything there.
fn can_be_taken(step: &Action) -> bool {
    step.by != Actor::Server
}

#[cfg(test)]
mod tests {
    use guest_access_rules::rules::Rules;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_histories_of_steps_that_can_happen() {
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
