//! Every class that can be reached, each with a shortest way to it.

use std::collections::{BTreeMap, HashMap, HashSet};

use guest_access_model::action::{Action, Operation, Place};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{Account, MAX_GUESTS, State};
use guest_access_model::threads;
use guest_access_rules::profile::Profile;

use super::classes::{Origins, classes};
use super::coverage_goal::CoverageGoal;

/// The classes that can be reached with one guest in one room, each with the steps to it.
///
/// Without a tagged event every class is looked for; with one, only what is given of it, since the
/// rest does not depend on it.
pub(super) fn goals(profile: &Profile, steps: &[Action]) -> BTreeMap<CoverageGoal, Vec<Action>> {
    let mut found: BTreeMap<CoverageGoal, (usize, Action)> = BTreeMap::new();
    let mut search = Search::new(initial(profile));
    let mut asked: HashSet<[Account; MAX_GUESTS]> = HashSet::new();
    let mut first = 0;
    while first < search.nodes.len() {
        let round = search.nodes[first..].iter().take(AT_ONCE).map(|(state, origins)| {
            let is_first_of_its_kind = state.tagged.is_none() && asked.insert(state.accounts);
            (*state, *origins, is_first_of_its_kind)
        });
        let round: Vec<_> = round.collect();
        let looked = threads::each(&round, threads::available(), |(state, origins, is_first)| {
            look(profile, steps, state, origins, *is_first)
        });
        for (number, looked) in (first..).zip(looked) {
            for Looked { step, goals, next } in looked {
                for goal in goals {
                    found.entry(goal).or_insert((number, step));
                }
                if let Some((state, origins)) = next {
                    search.reach(number, step, state, origins);
                }
            }
        }
        first += round.len();
    }
    found.into_iter().map(|(goal, (number, last))| (goal, search.trace(number, last))).collect()
}

/// How many states are handed out at once.
const AT_ONCE: usize = 4096;

/// A step, the goals that it reaches, and where it leads if that is elsewhere.
struct Looked {
    step: Action,
    goals: Vec<CoverageGoal>,
    next: Option<(State, Origins)>,
}

/// What of these steps can be asked and done in a state.
fn look(
    profile: &Profile,
    steps: &[Action],
    state: &State,
    origins: &Origins,
    is_first_of_its_kind: bool,
) -> Vec<Looked> {
    let looks = |step: &&Action| {
        let depends_on_accounts_only = step.place == Place::Nowhere
            && matches!(step.operation, Operation::Call(_) | Operation::WhoAmI);
        let changes =
            !matches!(step.operation, Operation::Call(_) | Operation::Read(_) | Operation::WhoAmI);
        match state.tagged {
            Some(_) => changes || matches!(step.operation, Operation::Read(_)),
            None => !depends_on_accounts_only || is_first_of_its_kind,
        }
    };
    let looked = steps.iter().filter(looks).filter_map(|step| {
        let outcome = outcome(profile, state, step)?;
        let mut goals = classes(profile, state, origins, step, &outcome);
        goals.retain(|goal| state.tagged.is_none() || matches!(goal, CoverageGoal::EventClass(_)));
        let next = (outcome.next != *state)
            .then(|| (outcome.next, origins.after(state, step, &outcome.next)));
        Some(Looked { step: *step, goals, next })
    });
    looked.filter(|looked| !looked.goals.is_empty() || looked.next.is_some()).collect()
}

/// A breadth-first search over states and the ways to the memberships in them.
struct Search {
    nodes: Vec<(State, Origins)>,
    came_from: Vec<Option<(usize, Action)>>,
    known: HashMap<(State, Origins), usize>,
}

impl Search {
    fn new(first: State) -> Self {
        let node = (first, Origins::default());
        let known = HashMap::from([(node, 0)]);
        Self { nodes: vec![node], came_from: vec![None], known }
    }

    fn reach(&mut self, from: usize, step: Action, state: State, origins: Origins) {
        // Nothing asks for the ways once an event is tagged.
        let node = (state, if state.tagged.is_some() { Origins::default() } else { origins });
        self.known.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            self.came_from.push(Some((from, step)));
            self.nodes.len() - 1
        });
    }

    fn trace(&self, mut number: usize, last: Action) -> Vec<Action> {
        let mut steps = vec![last];
        while let Some((from, step)) = self.came_from[number] {
            steps.push(step);
            number = from;
        }
        steps.reverse();
        steps
    }
}
