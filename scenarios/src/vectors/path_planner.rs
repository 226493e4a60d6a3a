//! Planning the actions of a vector: one long path through the states of the model, with a query
//! wherever a query covers a new goal.
//!
//! 1. Take the actions of the prefix. In each state, take every query that covers a new goal.
//! 2. Compare all next changes and all pairs of changes. Take the change or the pair after which
//!    queries can cover the most new goals per change.
//! 3. If no change or pair leads to a new goal, take the shortest path that leads to one, as far as
//!    [`HORIZON`] changes.
//! 4. After each change, take the queries as in step 1. Repeat this from step 2, up to [`LONGEST`]
//!    changes.
//! 5. At the end, let each guest make the call that ends its session.

use std::cell::{Cell, RefCell};
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

/// The greatest number of actions of one vector that change the state. A vector is not longer, because
/// its steps after a divergence may show nothing.
const LONGEST: usize = 48;
/// How many changes ahead the planner searches for a new goal.
const HORIZON: usize = 6;
/// The greatest number of states that this search visits.
const STATES_AHEAD: usize = 4_000;

/// The goals, and which of them are covered.
pub(super) struct PathPlanner<'a> {
    profile: &'a Profile,
    /// The actions that no guest takes and that name no guest.
    of_nobody: Vec<Action>,
    /// The actions of the first guest, which stand for those of every guest.
    of_guest: Vec<Action>,
    numbers: HashMap<CoverageGoal, usize>,
    covered: Vec<bool>,
    /// The weight of each goal in the choice of the next change.
    weights: Vec<usize>,
    /// How often a goal was covered, or the weights were set. A weight of goals is known until then.
    revision: usize,
    /// The queries and changes that are possible in a view.
    views: RefCell<HashMap<View, Rc<ViewSteps>>>,
}

/// The part of a state that one guest can observe, or that a caller without an account can observe. The
/// guest is the first guest of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct View {
    state: State,
    origins: Origins,
    guest: bool,
}

/// The queries and changes that are possible in a view, each with the numbers of its goals.
struct ViewSteps {
    queries: Vec<(Action, Vec<usize>)>,
    changes: Vec<(Action, Vec<usize>)>,
    /// The weight of the new goals of the queries, and the revision in which that was their weight.
    gain: Cell<(usize, usize)>,
}

/// A path so far.
#[derive(Debug, Clone)]
struct Path {
    state: State,
    origins: Origins,
    steps: Vec<Action>,
    changes: usize,
    guests: u8,
}

impl<'a> PathPlanner<'a> {
    /// A planner for these goals. Vectors consist of `steps`, the actions of one guest in one room.
    pub(super) fn new(
        profile: &'a Profile,
        steps: &[Action],
        goals: &BTreeMap<CoverageGoal, Vec<Action>>,
    ) -> Self {
        let (of_nobody, of_guest) = steps.iter().partition(|step| is_about_no_guest(step));
        let numbers = goals.keys().cloned().zip(0..).collect();
        let covered = vec![false; goals.len()];
        let weights = vec![1; goals.len()];
        let views = RefCell::default();
        Self { profile, of_nobody, of_guest, numbers, covered, weights, revision: 1, views }
    }

    /// Sets the weight of each goal.
    pub(super) fn weigh(&mut self, weight: impl Fn(&CoverageGoal) -> usize) {
        self.revision += 1;
        for (goal, number) in &self.numbers {
            self.weights[*number] = weight(goal);
        }
    }

    /// How many goals are covered.
    pub(super) fn covered(&self) -> usize {
        self.covered.iter().filter(|covered| **covered).count()
    }

    /// The weight of the goals that are not covered yet.
    fn weight_of(&self, goals: impl IntoIterator<Item = usize>) -> usize {
        let new = goals.into_iter().filter(|goal| !self.covered[*goal]);
        new.map(|goal| self.weights[goal]).sum()
    }

    /// Whether the goal with this number is covered.
    pub(super) fn is_covered(&self, number: usize) -> bool {
        self.covered[number]
    }

    /// Plans a path that begins with these actions, as the module describes.
    pub(super) fn plan(&mut self, begin: &[Action], guests: u8) -> Vec<Action> {
        let state = initial(self.profile);
        let mut path =
            Path { state, origins: Origins::default(), steps: vec![], changes: 0, guests };
        for step in begin {
            self.take_queries(&mut path);
            self.take(&mut path, step);
        }
        self.take_queries(&mut path);
        while path.changes < LONGEST && self.may_lead_further(&path.state) {
            let Some(steps) = self.next_steps(&path).or_else(|| self.shortest_path_to_goal(&path))
            else {
                break;
            };
            for step in steps {
                self.take(&mut path, &step);
                self.take_queries(&mut path);
            }
        }
        self.take_last_calls(&mut path);
        self.drop_covered_calls();
        path.steps
    }

    /// Whether a goal with a weight can still be covered from the state. Once an event is tagged, the
    /// goals of other events cannot, nor those of memberships that no guest had at the event.
    fn may_lead_further(&self, state: &State) -> bool {
        let goals = self.numbers.iter().filter(|(_, number)| !self.covered[**number]);
        let mut goals = goals.filter(|(_, number)| self.weights[**number] > 0);
        goals.any(|(goal, _)| match (goal, &state.tagged) {
            (CoverageGoal::EventClass(class), Some(tagged)) => {
                let of_the_event =
                    class.kind == tagged.kind && class.visibility == (tagged.before, tagged.after);
                let mut relations = tagged.relations.iter();
                of_the_event
                    && relations.any(|relation| {
                        class.standing == (relation.before, relation.after)
                            && (class.joined_later || !relation.joined_later)
                    })
            }
            _ => true,
        })
    }

    /// Drops the calls whose goals are covered, so that later paths do not try them.
    fn drop_covered_calls(&mut self) {
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

    /// Takes an action, and notes its goals as covered.
    fn take(&mut self, path: &mut Path, step: &Action) {
        let Some(outcome) = outcome(self.profile, &path.state, step) else { return };
        for goal in classes(self.profile, &path.state, &path.origins, step, &outcome) {
            if let Some(number) = self.numbers.get(&goal) {
                self.covered[*number] = true;
                self.revision += 1;
            }
        }
        path.origins = path.origins.after(&path.state, step, &outcome.next);
        path.changes += usize::from(outcome.next != path.state);
        path.state = outcome.next;
        path.steps.push(*step);
    }

    /// Takes every query that covers a new goal.
    fn take_queries(&mut self, path: &mut Path) {
        self.take_queries_if(path, |step| !ends_a_session(step));
    }

    /// Lets each guest make one call that may end its session.
    fn take_last_calls(&mut self, path: &mut Path) {
        for guest in 0..path.guests {
            let mut is_first = true;
            self.take_queries_if(path, |step| {
                let asks = step.by == Actor::Guest(guest) && ends_a_session(step);
                asks && std::mem::take(&mut is_first)
            });
        }
    }

    fn take_queries_if(&mut self, path: &mut Path, mut may_ask: impl FnMut(&Action) -> bool) {
        for viewer in viewers(path.guests) {
            let view_steps = self.view_steps(view(&path.state, &path.origins, viewer));
            for (step, goals) in &view_steps.queries {
                if goals.iter().any(|goal| !self.covered[*goal]) {
                    let step = viewer.map_or(*step, |guest| step.with_guests(|_| guest));
                    if may_ask(&step) {
                        for goal in goals {
                            self.covered[*goal] = true;
                        }
                        self.revision += 1;
                        path.steps.push(step);
                    }
                }
            }
        }
    }

    /// The next one or two changes: after these, queries can cover the most new goals per change.
    fn next_steps(&self, path: &Path) -> Option<Vec<Action>> {
        let mut best: (usize, Vec<Action>) = (0, Vec::new());
        for (first, weight, state, origins) in self.changes(&path.state, &path.origins, path.guests)
        {
            let weight = weight + self.gain(&state, &origins, path.guests);
            // The worth of one change counts twice, to compare with that of two.
            if 2 * weight > best.0 {
                best = (2 * weight, vec![first]);
            }
            for (second, more, state, origins) in self.changes(&state, &origins, path.guests) {
                let weight = weight + more + self.gain(&state, &origins, path.guests);
                if weight > best.0 {
                    best = (weight, vec![first, second]);
                }
            }
        }
        (!best.1.is_empty()).then_some(best.1)
    }

    /// The shortest path to a new goal, in the view of any guest.
    fn shortest_path_to_goal(&self, path: &Path) -> Option<Vec<Action>> {
        let ahead = (0..path.guests).filter_map(|guest| {
            let steps = self.path_to_goal(view(&path.state, &path.origins, Some(guest)))?;
            Some(steps.iter().map(|step| step.with_guests(|_| guest)).collect::<Vec<_>>())
        });
        ahead.min_by_key(Vec::len)
    }

    fn path_to_goal(&self, from: View) -> Option<Vec<Action>> {
        let mut search = Search::new([from]);
        for _ in 0..HORIZON {
            for number in search.next_round(usize::MAX) {
                let view = search.states()[number];
                let (own, of_nobody) = (self.view_steps(view), self.view_steps(as_nobody(&view)));
                for (step, goals) in own.changes.iter().chain(&of_nobody.changes) {
                    let Some(outcome) = outcome(self.profile, &view.state, step) else { continue };
                    let origins = view.origins.after(&view.state, step, &outcome.next);
                    let next = View { state: outcome.next, origins, guest: true };
                    let is_new = !search.has_reached(&next);
                    let mut weight = self.weight_of(goals.iter().copied());
                    if is_new {
                        weight += self.gain_of(next);
                    }
                    if weight > 0 {
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

    /// The actions that change the state, with the weight of their own new goals.
    fn changes(
        &self,
        state: &State,
        origins: &Origins,
        guests: u8,
    ) -> Vec<(Action, usize, State, Origins)> {
        let mut changes = Vec::new();
        for viewer in viewers(guests) {
            let view_steps = self.view_steps(view(state, origins, viewer));
            for (step, goals) in &view_steps.changes {
                let step = viewer.map_or(*step, |guest| step.with_guests(|_| guest));
                let Some(outcome) = outcome(self.profile, state, &step) else { continue };
                let gain = if setting(step.operation).is_some() {
                    // A setting concerns all guests, not only the one of the view.
                    let goals = classes(self.profile, state, origins, &step, &outcome);
                    let goals = goals.iter().filter_map(|goal| self.numbers.get(goal));
                    self.weight_of(goals.copied())
                } else {
                    self.weight_of(goals.iter().copied())
                };
                let origins = origins.after(state, &step, &outcome.next);
                changes.push((step, gain, outcome.next, origins));
            }
        }
        changes
    }

    /// The weight of the new goals that queries can cover in a state.
    fn gain(&self, state: &State, origins: &Origins, guests: u8) -> usize {
        let mut visited_views: Vec<View> = Vec::with_capacity(MAX_GUESTS + 1);
        let mut gain = 0;
        for viewer in viewers(guests) {
            let view = view(state, origins, viewer);
            if visited_views.contains(&view) {
                continue;
            }
            visited_views.push(view);
            gain += self.gain_of(view);
        }
        gain
    }

    /// The weight of the new goals that queries can cover in a view.
    fn gain_of(&self, view: View) -> usize {
        let view_steps = self.view_steps(view);
        let (gain, revision) = view_steps.gain.get();
        if revision == self.revision {
            return gain;
        }
        let goals = view_steps.queries.iter().flat_map(|(_, goals)| goals);
        let gain = self.weight_of(goals.copied());
        view_steps.gain.set((gain, self.revision));
        gain
    }

    fn view_steps(&self, view: View) -> Rc<ViewSteps> {
        if let Some(view_steps) = self.views.borrow().get(&view) {
            return Rc::clone(view_steps);
        }
        let steps = if view.guest { &self.of_guest } else { &self.of_nobody };
        let mut view_steps =
            ViewSteps { queries: Vec::new(), changes: Vec::new(), gain: Cell::default() };
        for step in steps.iter().filter(|step| !step.tag) {
            let Some(outcome) = outcome(self.profile, &view.state, step) else { continue };
            let goals = classes(self.profile, &view.state, &view.origins, step, &outcome);
            let goals: Vec<usize> =
                goals.iter().filter_map(|goal| self.numbers.get(goal)).copied().collect();
            if outcome.next != view.state {
                view_steps.changes.push((*step, goals));
            } else if !goals.is_empty() {
                view_steps.queries.push((*step, goals));
            }
        }
        let view_steps = Rc::new(view_steps);
        self.views.borrow_mut().insert(view, Rc::clone(&view_steps));
        view_steps
    }
}

/// The views of a state: of each guest, and of nobody.
fn viewers(guests: u8) -> impl Iterator<Item = Option<u8>> {
    (0..guests).map(Some).chain([None])
}

/// The view without the guest.
fn as_nobody(of: &View) -> View {
    view(&of.state, &of.origins, None)
}

/// The view of one guest on a state, or of nobody.
fn view(state: &State, origins: &Origins, guest: Option<u8>) -> View {
    let mut view_state = *state;
    view_state.accounts = [Account::Absent; MAX_GUESTS];
    let mut guest_origins = Origins::default();
    for room in &mut view_state.rooms {
        room.members = [Membership::Never; MAX_GUESTS];
    }
    if let Some(tagged) = &mut view_state.tagged {
        tagged.relations = [ReaderRelation::STRANGER; MAX_GUESTS];
    }
    if let Some(guest) = guest.map(usize::from) {
        view_state.accounts[0] = state.accounts[guest];
        guest_origins.0[0] = origins.0[guest];
        for (view_room, room) in view_state.rooms.iter_mut().zip(&state.rooms) {
            view_room.members[0] = room.members[guest];
        }
        if let (Some(view_tagged), Some(tagged)) = (&mut view_state.tagged, &state.tagged) {
            view_tagged.relations[0] = tagged.relations[guest];
        }
    }
    View { state: view_state, origins: guest_origins, guest: guest.is_some() }
}
