//! Weaving: one long way through the states, on which everything is asked that was not asked before.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use guest_access_model::action::{Action, Actor, Operation};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::shortest_trace::Search;
use guest_access_model::state::{Account, MAX_GUESTS, ReaderRelation, State};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::Membership;

use super::classes::{Origins, classes};
use super::client_actions::{ends_a_session, is_about_no_guest};
use super::coverage_goal::{CoverageGoal, setting};

/// The most steps that change the state in one vector: a divergence early in a long one leaves the
/// rest of it without a meaning.
const LONGEST: usize = 48;
/// How far ahead the next thing to cover is looked for.
const HORIZON: usize = 6;
/// How many states are looked at for it.
const STATES_AHEAD: usize = 4_000;

/// What there is to cover, and what is covered already.
pub(super) struct PathPlanner<'a> {
    profile: &'a Profile,
    /// The steps that no guest takes and that are done to none.
    of_nobody: Vec<Action>,
    /// The steps of the first guest, which stand for those of the others.
    of_guest: Vec<Action>,
    numbers: HashMap<CoverageGoal, usize>,
    covered: Vec<bool>,
    /// How much each goal counts for, where to go next is chosen.
    weights: Vec<usize>,
    /// What can be asked and done in a state, as one guest sees it.
    views: RefCell<HashMap<View, Rc<Seen>>>,
}

/// A state as the guest with a number sees it, who is the first in it; or as nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct View {
    state: State,
    origins: Origins,
    guest: bool,
}

/// What can be asked and done in a view, with the numbers of the classes into which it falls.
struct Seen {
    queries: Vec<(Action, Vec<usize>)>,
    changes: Vec<(Action, Vec<usize>)>,
}

/// A way under way.
#[derive(Debug, Clone)]
struct Path {
    state: State,
    origins: Origins,
    steps: Vec<Action>,
    changes: usize,
    guests: u8,
}

impl<'a> PathPlanner<'a> {
    /// A loom for these goals, where a vector is made of `steps`, those of one guest in one room.
    pub(super) fn new(
        profile: &'a Profile,
        steps: &[Action],
        goals: &BTreeMap<CoverageGoal, Vec<Action>>,
    ) -> Self {
        let (of_nobody, of_guest) = steps.iter().partition(|step| is_about_no_guest(step));
        let numbers = goals.keys().cloned().zip(0..).collect();
        let covered = vec![false; goals.len()];
        let weights = vec![1; goals.len()];
        Self { profile, of_nobody, of_guest, numbers, covered, weights, views: RefCell::default() }
    }

    /// Lets each goal count for this much from now on, when it is chosen where to go next.
    pub(super) fn weigh(&mut self, weight: impl Fn(&CoverageGoal) -> usize) {
        for (goal, number) in &self.numbers {
            self.weights[*number] = weight(goal);
        }
    }

    /// How much is covered.
    pub(super) fn covered(&self) -> usize {
        self.covered.iter().filter(|covered| **covered).count()
    }

    /// What the goals among these that are not covered count for.
    fn worth(&self, goals: impl IntoIterator<Item = usize>) -> usize {
        let new = goals.into_iter().filter(|goal| !self.covered[*goal]);
        new.map(|goal| self.weights[goal]).sum()
    }

    /// Whether the goal with this number is covered.
    pub(super) fn is_covered(&self, number: usize) -> bool {
        self.covered[number]
    }

    /// A way that begins with these steps, goes on as long as it leads to something that counts, and
    /// asks all that is new wherever it comes.
    pub(super) fn path_planner(&mut self, begin: &[Action], guests: u8) -> Vec<Action> {
        let state = initial(self.profile);
        let mut path =
            Path { state, origins: Origins::default(), steps: vec![], changes: 0, guests };
        for step in begin {
            self.ask(&mut path);
            self.take(&mut path, step);
        }
        self.ask(&mut path);
        while path.changes < LONGEST && self.may_lead_further(&path.state) {
            let Some(steps) = self.next_steps(&path).or_else(|| self.way_ahead(&path)) else {
                break;
            };
            for step in steps {
                self.take(&mut path, &step);
                self.ask(&mut path);
            }
        }
        self.ask_last(&mut path);
        self.put_away();
        path.steps
    }

    /// Whether anything that counts is left which the state does not rule out: of an event other than
    /// the one that is tagged, seen as no guest stands to it, nothing can be asked any more.
    fn may_lead_further(&self, state: &State) -> bool {
        let left = self.numbers.iter().filter(|(_, number)| !self.covered[**number]);
        let mut left = left.filter(|(_, number)| self.weights[**number] > 0);
        left.any(|(goal, _)| match (goal, &state.tagged) {
            (CoverageGoal::EventClass(given), Some(tagged)) => {
                let of_the_event =
                    given.kind == tagged.kind && given.visibility == (tagged.before, tagged.after);
                let mut relations = tagged.relations.iter();
                of_the_event
                    && relations.any(|relation| {
                        given.standing == (relation.before, relation.after)
                            && (given.joined_later || !relation.joined_later)
                    })
            }
            _ => true,
        })
    }

    /// Puts the calls away of which everything is covered, so that no state is asked for them again.
    fn put_away(&mut self) {
        let open = self.numbers.iter().filter(|(_, number)| !self.covered[**number]);
        let open: HashSet<Operation> = open
            .filter_map(|(goal, _)| match goal {
                CoverageGoal::DecisionClass(decision) => Some(decision.operation),
                _ => None,
            })
            .collect();
        let has_more = |step: &Action| {
            !matches!(step.operation, Operation::Call(_)) || open.contains(&step.operation)
        };
        self.of_nobody.retain(has_more);
        self.of_guest.retain(has_more);
    }

    /// Takes a step, and what it covers is covered.
    fn take(&mut self, path: &mut Path, step: &Action) {
        let Some(outcome) = outcome(self.profile, &path.state, step) else { return };
        for goal in classes(self.profile, &path.state, &path.origins, step, &outcome) {
            if let Some(number) = self.numbers.get(&goal) {
                self.covered[*number] = true;
            }
        }
        path.origins = path.origins.after(&path.state, step, &outcome.next);
        path.changes += usize::from(outcome.next != path.state);
        path.state = outcome.next;
        path.steps.push(*step);
    }

    /// Asks all that is new here.
    fn ask(&mut self, path: &mut Path) {
        self.ask_if(path, |step| !ends_a_session(step));
    }

    /// Lets each guest ask the one thing after which it may not be able to ask anything.
    fn ask_last(&mut self, path: &mut Path) {
        for guest in 0..path.guests {
            let mut is_first = true;
            self.ask_if(path, |step| {
                let asks = step.by == Actor::Guest(guest) && ends_a_session(step);
                asks && std::mem::take(&mut is_first)
            });
        }
    }

    fn ask_if(&mut self, path: &mut Path, mut may_ask: impl FnMut(&Action) -> bool) {
        for viewer in viewers(path.guests) {
            let seen = self.seen(view(&path.state, &path.origins, viewer));
            for (step, goals) in &seen.queries {
                if goals.iter().any(|goal| !self.covered[*goal]) {
                    let step = viewer.map_or(*step, |guest| step.with_guests(|_| guest));
                    if may_ask(&step) {
                        for goal in goals {
                            self.covered[*goal] = true;
                        }
                        path.steps.push(step);
                    }
                }
            }
        }
    }

    /// The next one or two steps that change the state: those after which the most is new for their
    /// number.
    fn next_steps(&self, path: &Path) -> Option<Vec<Action>> {
        let mut best: (usize, Vec<Action>) = (0, Vec::new());
        for (first, worth, state, origins) in self.changes(&path.state, &path.origins, path.guests)
        {
            let worth = worth + self.gain(&state, &origins, path.guests);
            // Twice the worth of one step, to be held against that of two.
            if 2 * worth > best.0 {
                best = (2 * worth, vec![first]);
            }
            for (second, more, state, origins) in self.changes(&state, &origins, path.guests) {
                let worth = worth + more + self.gain(&state, &origins, path.guests);
                if worth > best.0 {
                    best = (worth, vec![first, second]);
                }
            }
        }
        (!best.1.is_empty()).then_some(best.1)
    }

    /// The shortest way to something that counts, as one of the guests sees it.
    fn way_ahead(&self, path: &Path) -> Option<Vec<Action>> {
        let ahead = (0..path.guests).filter_map(|guest| {
            let steps = self.ahead(view(&path.state, &path.origins, Some(guest)))?;
            Some(steps.iter().map(|step| step.with_guests(|_| guest)).collect::<Vec<_>>())
        });
        ahead.min_by_key(Vec::len)
    }

    fn ahead(&self, from: View) -> Option<Vec<Action>> {
        let mut search = Search::new([from]);
        for _ in 0..HORIZON {
            for number in search.next_round(usize::MAX) {
                let view = search.states()[number];
                let (own, nobodys) = (self.seen(view), self.seen(as_nobody(&view)));
                for (step, goals) in own.changes.iter().chain(&nobodys.changes) {
                    let Some(outcome) = outcome(self.profile, &view.state, step) else { continue };
                    let origins = view.origins.after(&view.state, step, &outcome.next);
                    let next = View { state: outcome.next, origins, guest: true };
                    let is_new = !search.has_reached(&next);
                    let mut worth = self.worth(goals.iter().copied());
                    if is_new {
                        let seen = self.seen(next);
                        worth +=
                            self.worth(seen.queries.iter().flat_map(|(_, goals)| goals).copied());
                    }
                    if worth > 0 {
                        return Some(search.trace(number, *step));
                    }
                    if search.states().len() < STATES_AHEAD {
                        search.reach(number, *step, next);
                    }
                }
            }
        }
        None
    }

    /// The steps that change the state, with what counts of the classes they fall into themselves.
    fn changes(
        &self,
        state: &State,
        origins: &Origins,
        guests: u8,
    ) -> Vec<(Action, usize, State, Origins)> {
        let mut changes = Vec::new();
        for viewer in viewers(guests) {
            let seen = self.seen(view(state, origins, viewer));
            for (step, goals) in &seen.changes {
                let step = viewer.map_or(*step, |guest| step.with_guests(|_| guest));
                let Some(outcome) = outcome(self.profile, state, &step) else { continue };
                let gain = if setting(step.operation).is_some() {
                    // What a setting does is seen by all the guests together.
                    let goals = classes(self.profile, state, origins, &step, &outcome);
                    let goals = goals.iter().filter_map(|goal| self.numbers.get(goal));
                    self.worth(goals.copied())
                } else {
                    self.worth(goals.iter().copied())
                };
                let origins = origins.after(state, &step, &outcome.next);
                changes.push((step, gain, outcome.next, origins));
            }
        }
        changes
    }

    /// How many new classes can be asked about in a state.
    fn gain(&self, state: &State, origins: &Origins, guests: u8) -> usize {
        let mut seen_already: Vec<View> = Vec::with_capacity(MAX_GUESTS + 1);
        let mut gain = 0;
        for viewer in viewers(guests) {
            let view = view(state, origins, viewer);
            if seen_already.contains(&view) {
                continue;
            }
            seen_already.push(view);
            let seen = self.seen(view);
            let goals = seen.queries.iter().flat_map(|(_, goals)| goals);
            gain += self.worth(goals.copied());
        }
        gain
    }

    fn seen(&self, view: View) -> Rc<Seen> {
        if let Some(seen) = self.views.borrow().get(&view) {
            return Rc::clone(seen);
        }
        let steps = if view.guest { &self.of_guest } else { &self.of_nobody };
        let mut seen = Seen { queries: Vec::new(), changes: Vec::new() };
        for step in steps.iter().filter(|step| !step.tag) {
            let Some(outcome) = outcome(self.profile, &view.state, step) else { continue };
            let goals = classes(self.profile, &view.state, &view.origins, step, &outcome);
            let goals: Vec<usize> =
                goals.iter().filter_map(|goal| self.numbers.get(goal)).copied().collect();
            if outcome.next != view.state {
                seen.changes.push((*step, goals));
            } else if !goals.is_empty() {
                seen.queries.push((*step, goals));
            }
        }
        let seen = Rc::new(seen);
        self.views.borrow_mut().insert(view, Rc::clone(&seen));
        seen
    }
}

/// Who looks at a state: each guest, and nobody.
fn viewers(guests: u8) -> impl Iterator<Item = Option<u8>> {
    (0..guests).map(Some).chain([None])
}

/// The view without the guest.
fn as_nobody(of: &View) -> View {
    view(&of.state, &of.origins, None)
}

/// The state as one guest sees it, or nobody.
fn view(state: &State, origins: &Origins, guest: Option<u8>) -> View {
    let mut seen = *state;
    seen.accounts = [Account::Absent; MAX_GUESTS];
    let mut its_ways = Origins::default();
    for room in &mut seen.rooms {
        room.members = [Membership::Never; MAX_GUESTS];
    }
    if let Some(tagged) = &mut seen.tagged {
        tagged.relations = [ReaderRelation::STRANGER; MAX_GUESTS];
    }
    if let Some(guest) = guest.map(usize::from) {
        seen.accounts[0] = state.accounts[guest];
        its_ways.0[0] = origins.0[guest];
        for (seen, room) in seen.rooms.iter_mut().zip(&state.rooms) {
            seen.members[0] = room.members[guest];
        }
        if let (Some(seen), Some(tagged)) = (&mut seen.tagged, &state.tagged) {
            seen.relations[0] = tagged.relations[guest];
        }
    }
    View { state: seen, origins: its_ways, guest: guest.is_some() }
}
