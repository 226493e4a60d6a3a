//! Every class that can be reached, each with a shortest trace to it.

use std::collections::{BTreeMap, HashSet};

use guest_access_model::action::{Action, Operation, Place};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::shortest_trace::Search;
use guest_access_model::state::{Account, MAX_GUESTS, State};
use guest_access_model::threads;
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{GuestAccess, JoinRule};

use super::classes::{Origins, classes, event_classes};
use super::coverage_goal::CoverageGoal;

/// The classes that can be reached with one guest in one room, each with a shortest trace to it.
///
/// Before an event is tagged, the search looks for every class. Afterwards it looks only for the
/// classes of events: no other class depends on the tagged event.
pub(super) fn goals(profile: &Profile, steps: &[Action]) -> BTreeMap<CoverageGoal, Vec<Action>> {
    let mut found: BTreeMap<CoverageGoal, (usize, Action)> = BTreeMap::new();
    let mut search = Search::new([(initial(profile), Origins::default())]);
    let mut tried_accounts: HashSet<[Account; MAX_GUESTS]> = HashSet::new();
    let mut read: HashSet<State> = HashSet::new();
    loop {
        let numbers = search.next_round(AT_ONCE);
        if numbers.is_empty() {
            break;
        }
        let round = search.states()[numbers.clone()].iter().map(|(state, origins)| {
            let tries = match state.tagged {
                Some(_) => Tries::Changes { reads: read.insert(as_read(state)) },
                None => Tries::Everything { about_accounts: tried_accounts.insert(state.accounts) },
            };
            (*state, *origins, tries)
        });
        let round: Vec<_> = round.collect();
        let possible = threads::each(&round, threads::available(), |(state, origins, tries)| {
            possible_steps(profile, steps, state, origins, *tries)
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

/// Which actions are tried in a state.
#[derive(Debug, Clone, Copy)]
enum Tries {
    /// Before an event is tagged: every action. `about_accounts`: also the calls that depend on the
    /// accounts alone, which are tried once for all states with these accounts.
    Everything { about_accounts: bool },
    /// Once an event is tagged: every change. `reads`: also the reads, which are tried once for all states
    /// that a read does not tell apart.
    Changes { reads: bool },
}

impl Tries {
    fn tries(self, step: &Action) -> bool {
        let asks =
            matches!(step.operation, Operation::Call(_) | Operation::Read(_) | Operation::WhoAmI);
        let depends_on_accounts_only = step.place == Place::Nowhere
            && matches!(step.operation, Operation::Call(_) | Operation::WhoAmI);
        match self {
            Self::Everything { about_accounts } => !depends_on_accounts_only || about_accounts,
            Self::Changes { reads } => {
                !asks || reads && matches!(step.operation, Operation::Read(_))
            }
        }
    }
}

/// One state for all that differ only in who may join. No read depends on that.
fn as_read(state: &State) -> State {
    let mut state = *state;
    for room in &mut state.rooms {
        (room.guest_access, room.join_rule) = (GuestAccess::Forbidden, JoinRule::Public);
    }
    state
}

/// Takes actions in a state.
fn possible_steps(
    profile: &Profile,
    steps: &[Action],
    state: &State,
    origins: &Origins,
    tries: Tries,
) -> Vec<PossibleStep> {
    let possible = steps.iter().filter(|step| tries.tries(step)).filter_map(|step| {
        let outcome = outcome(profile, state, step)?;
        let goals = match state.tagged {
            // Only a read covers a goal that depends on the tagged event.
            Some(_) if !matches!(step.operation, Operation::Read(_)) => Vec::new(),
            Some(_) => event_classes(profile, state, step, &outcome),
            None => classes(profile, state, origins, step, &outcome),
        };
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
