//! Every class that can be reached, each with a shortest trace to it.

use std::collections::{BTreeMap, HashSet};

use guest_access_model::action::{Action, Operation, Place};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::shortest_trace::Search;
use guest_access_model::state::{Account, MAX_GUESTS, State};
use guest_access_model::threads;
use guest_access_rules::profile::Profile;

use super::classes::{Origins, classes};
use super::coverage_goal::CoverageGoal;

/// The classes that can be reached with one guest in one room, each with a shortest trace to it.
///
/// Before an event is tagged, the search looks for every class. Afterwards it looks only for the
/// classes of events: no other class depends on the tagged event.
pub(super) fn goals(profile: &Profile, steps: &[Action]) -> BTreeMap<CoverageGoal, Vec<Action>> {
    let mut found: BTreeMap<CoverageGoal, (usize, Action)> = BTreeMap::new();
    let mut search = Search::new([(initial(profile), Origins::default())]);
    let mut tried_accounts: HashSet<[Account; MAX_GUESTS]> = HashSet::new();
    loop {
        let numbers = search.next_round(AT_ONCE);
        if numbers.is_empty() {
            break;
        }
        let round = search.states()[numbers.clone()].iter().map(|(state, origins)| {
            let is_first_of_its_kind =
                state.tagged.is_none() && tried_accounts.insert(state.accounts);
            (*state, *origins, is_first_of_its_kind)
        });
        let round: Vec<_> = round.collect();
        let possible = threads::each(&round, threads::available(), |(state, origins, is_first)| {
            possible_steps(profile, steps, state, origins, *is_first)
        });
        for (number, possible) in numbers.zip(possible) {
            for PossibleStep { step, goals, next } in possible {
                for goal in goals {
                    found.entry(goal).or_insert((number, step));
                }
                if let Some(next) = next {
                    search.reach(number, step, next);
                }
            }
        }
    }
    found.into_iter().map(|(goal, (number, last))| (goal, search.trace(number, last))).collect()
}

/// How many states the threads take at once.
const AT_ONCE: usize = 4096;

/// An action, the goals that it covers, and the state after it if it changes the state.
struct PossibleStep {
    step: Action,
    goals: Vec<CoverageGoal>,
    next: Option<(State, Origins)>,
}

/// Takes each of these actions in a state.
fn possible_steps(
    profile: &Profile,
    steps: &[Action],
    state: &State,
    origins: &Origins,
    is_first_of_its_kind: bool,
) -> Vec<PossibleStep> {
    let is_relevant = |step: &&Action| {
        let depends_on_accounts_only = step.place == Place::Nowhere
            && matches!(step.operation, Operation::Call(_) | Operation::WhoAmI);
        let changes =
            !matches!(step.operation, Operation::Call(_) | Operation::Read(_) | Operation::WhoAmI);
        match state.tagged {
            Some(_) => changes || matches!(step.operation, Operation::Read(_)),
            None => !depends_on_accounts_only || is_first_of_its_kind,
        }
    };
    let possible = steps.iter().filter(is_relevant).filter_map(|step| {
        let outcome = outcome(profile, state, step)?;
        let mut goals = classes(profile, state, origins, step, &outcome);
        goals.retain(|goal| state.tagged.is_none() || matches!(goal, CoverageGoal::EventClass(_)));
        // Nothing asks for the origins once an event is tagged.
        let after = |next: &State| match next.tagged {
            Some(_) => Origins::default(),
            None => origins.after(state, step, next),
        };
        let next = (outcome.next != *state).then(|| (outcome.next, after(&outcome.next)));
        Some(PossibleStep { step: *step, goals, next })
    });
    possible.filter(|possible| !possible.goals.is_empty() || possible.next.is_some()).collect()
}
