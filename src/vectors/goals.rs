//! Every class that can be reached, each with a shortest way to it.

use std::collections::{BTreeMap, HashMap, HashSet};

use guest_access_model::decide::{initial, outcome};
use guest_access_model::profile::Profile;
use guest_access_model::state::{Account, MAX_GUESTS, State};
use guest_access_model::step::{Act, Place, Step};

use super::classes::{Ways, classes};
use super::item::Item;

/// The classes that can be reached with one guest in one room, each with the steps to it.
///
/// Without a tagged event every class is looked for; with one, only what is given of it, since the
/// rest does not depend on it.
pub(super) fn goals(profile: &Profile, steps: &[Step]) -> BTreeMap<Item, Vec<Step>> {
    let mut found: BTreeMap<Item, (usize, Step)> = BTreeMap::new();
    let mut search = Search::new(initial(profile));
    let mut asked: HashSet<[Account; MAX_GUESTS]> = HashSet::new();
    while let Some(number) = search.next() {
        let (state, ways) = search.nodes[number];
        let is_first_of_its_kind = state.tagged.is_none() && asked.insert(state.accounts);
        for step in steps {
            let depends_on_accounts_only =
                step.place == Place::Nowhere && matches!(step.act, Act::Call(_) | Act::WhoAmI);
            let moves = !matches!(step.act, Act::Call(_) | Act::Read(_) | Act::WhoAmI);
            let looks = match state.tagged {
                Some(_) => moves || matches!(step.act, Act::Read(_)),
                None => !depends_on_accounts_only || is_first_of_its_kind,
            };
            if !looks {
                continue;
            }
            let Some(outcome) = outcome(profile, &state, step) else { continue };
            for item in classes(profile, &state, &ways, step, &outcome) {
                if state.tagged.is_none() || matches!(item, Item::Given(_)) {
                    found.entry(item).or_insert((number, *step));
                }
            }
            if outcome.next != state {
                let ways = ways.after(&state, step, &outcome.next);
                search.reach(number, *step, outcome.next, ways);
            }
        }
    }
    found.into_iter().map(|(item, (number, last))| (item, search.story(number, last))).collect()
}

/// A breadth-first search over states and the ways to the memberships in them.
struct Search {
    nodes: Vec<(State, Ways)>,
    came_from: Vec<Option<(usize, Step)>>,
    known: HashMap<(State, Ways), usize>,
    next: usize,
}

impl Search {
    fn new(first: State) -> Self {
        let node = (first, Ways::default());
        let known = HashMap::from([(node, 0)]);
        Self { nodes: vec![node], came_from: vec![None], known, next: 0 }
    }

    fn next(&mut self) -> Option<usize> {
        let number = self.next;
        self.next += 1;
        (number < self.nodes.len()).then_some(number)
    }

    fn reach(&mut self, from: usize, step: Step, state: State, ways: Ways) {
        // Nothing asks for the ways once an event is tagged.
        let node = (state, if state.tagged.is_some() { Ways::default() } else { ways });
        self.known.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            self.came_from.push(Some((from, step)));
            self.nodes.len() - 1
        });
    }

    fn story(&self, mut number: usize, last: Step) -> Vec<Step> {
        let mut steps = vec![last];
        while let Some((from, step)) = self.came_from[number] {
            steps.push(step);
            number = from;
        }
        steps.reverse();
        steps
    }
}
