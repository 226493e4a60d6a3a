//! The search for differences.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::action::Action;
use crate::canonical_form::normal_form;
use crate::decide::{initial, outcome};
use crate::guarantee::NeverSet;
use crate::shortest_trace::Search;
use crate::state::State;
use crate::stop::Stop;
use crate::threads::each;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;

use super::classification::{caller, case, circumstances, direction, side};
use super::{Direction, Leader, Side};

/// The search for every difference between two profiles.
pub(super) struct DifferenceSearch<'a> {
    pub(super) from: &'a Profile,
    pub(super) to: &'a Profile,
    pub(super) actions: &'a [Action],
    pub(super) threads: usize,
    pub(super) found: BTreeMap<DifferenceKind, FoundDifference>,
    pub(super) contexts: usize,
    pub(super) complete: bool,
    /// Whether the search ends with the first state in which a call differs.
    pub(super) only_first: bool,
}

impl<'a> DifferenceSearch<'a> {
    /// The search for differences by these actions, before it visits a state.
    pub(super) fn new(
        from: &'a Profile,
        to: &'a Profile,
        actions: &'a [Action],
        threads: usize,
    ) -> Self {
        let (found, contexts) = (BTreeMap::new(), 0);
        Self { from, to, actions, threads, found, contexts, complete: true, only_first: false }
    }

    /// Compares both profiles in every state that `leader` reaches. A state that `known` visited does not count
    /// again.
    pub(super) fn search_led_by(
        &mut self,
        leader: Leader,
        known: Option<&Search<State, Action>>,
        stop: &Stop,
    ) -> Search<State, Action> {
        let profile = leader.of(self.from, self.to);
        let mut search = Search::new([self.normal_form(&initial(profile))]);
        let mut comparisons = VecDeque::new();
        while let Some(number) = search.next_state() {
            if stop.now() || stop.most_states.is_some_and(|most| number >= most) {
                self.complete = false;
                break;
            }
            let state = search.states()[number];
            let is_new = known.is_none_or(|known| !known.has_looked_at(&state));
            if comparisons.is_empty() {
                comparisons = self.compare_in_batch(leader, &search.states()[number..]);
            }
            let Some(StateComparison { compared, differing, leads }) = comparisons.pop_front()
            else {
                break;
            };
            self.contexts += if is_new { compared } else { 0 };
            for (action, direction, sides) in differing {
                let never_set = NeverSet::default();
                let difference =
                    DifferentDecision { direction, sides, state: &state, action, never_set };
                self.note(&difference, leader, is_new, || search.trace(number, *action));
            }
            if self.only_first && !self.found.is_empty() {
                break;
            }
            for (action, next) in leads {
                search.reach(number, *action, next);
            }
        }
        search
    }

    /// Compares both profiles in the first of these states, on all threads. The results have the order of
    /// the states, so they do not depend on the threads.
    fn compare_in_batch(&self, leader: Leader, states: &[State]) -> VecDeque<StateComparison<'a>> {
        if self.only_first {
            return states
                .first()
                .map(|state| self.compare_in(leader, state))
                .into_iter()
                .collect();
        }
        let states = &states[..states.len().min(BATCH)];
        each(states, self.threads, |state| self.compare_in(leader, state)).into()
    }

    /// Compares the decisions of both profiles on every action in this state.
    fn compare_in(&self, leader: Leader, state: &State) -> StateComparison<'a> {
        let mut comparison = StateComparison::default();
        for action in self.actions {
            let sides = (outcome(self.from, state, action), outcome(self.to, state, action));
            if let (Some(one), Some(other)) = &sides {
                comparison.compared += 1;
                if let Some(direction) = direction(one, other) {
                    comparison.differing.push((action, direction, (side(one), side(other))));
                }
            }
            let next = leader.of(sides.0, sides.1).map(|outcome| outcome.next);
            let next = next.filter(|next| next != state);
            comparison.leads.extend(next.map(|next| (action, self.normal_form(&next))));
        }
        comparison
    }

    /// The normal form for both profiles: if the two normal forms differ, the state itself.
    fn normal_form(&self, state: &State) -> State {
        let (one, other) = (normal_form(self.from, state), normal_form(self.to, state));
        if one == other { one } else { *state }
    }

    /// Notes a difference. `is_new` says whether the difference counts.
    pub(super) fn note(
        &mut self,
        differing: &DifferentDecision<'_>,
        leader: Leader,
        is_new: bool,
        trace: impl FnOnce() -> Vec<Action>,
    ) {
        let DifferentDecision { direction, sides, state, action, never_set } = *differing;
        let kind = DifferenceKind {
            endpoint: action.operation.endpoint(),
            caller: caller(state, action),
            direction,
        };
        let found = self.found.entry(kind).or_insert_with(|| FoundDifference::new(sides, leader));
        if found.last_leader != Some(leader) {
            // The first witness of a breadth-first search is a shortest one.
            found.last_leader = Some(leader);
            found.offer(leader, direction, sides, trace());
        }
        if is_new {
            found.contexts += 1;
            found.cases.extend(case(action.operation));
            found.narrow(circumstances(state, action, never_set));
        }
    }
}

/// How many states are compared at once.
const BATCH: usize = 4096;

/// The comparison of one state.
#[derive(Default)]
struct StateComparison<'a> {
    /// How many actions can happen under both profiles.
    compared: usize,
    /// The actions that the two profiles decide differently.
    differing: Vec<(&'a Action, Direction, (Side, Side))>,
    /// The other states to which the actions lead under the leader.
    leads: Vec<(&'a Action, State)>,
}

/// An action that the two profiles decide differently.
#[derive(Clone, Copy)]
pub(super) struct DifferentDecision<'a> {
    pub(super) direction: Direction,
    pub(super) sides: (Side, Side),
    pub(super) state: &'a State,
    pub(super) action: &'a Action,
    /// The settings of the room of the action that were never set, where that makes a difference.
    pub(super) never_set: NeverSet,
}

/// The key of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DifferenceKind {
    pub(super) endpoint: Option<EndpointId>,
    pub(super) caller: &'static str,
    pub(super) direction: Direction,
}

/// A difference, as far as the search knows it.
pub(super) struct FoundDifference {
    pub(super) witness: Vec<Action>,
    pub(super) leader: Leader,
    pub(super) sides: (Side, Side),
    /// The leader of the last search that found the difference.
    last_leader: Option<Leader>,
    pub(super) contexts: usize,
    pub(super) cases: BTreeSet<&'static str>,
    pub(super) when: Option<BTreeSet<String>>,
}

impl FoundDifference {
    fn new(sides: (Side, Side), leader: Leader) -> Self {
        Self {
            witness: Vec::new(),
            leader,
            sides,
            last_leader: None,
            contexts: 0,
            cases: BTreeSet::new(),
            when: None,
        }
    }

    /// Keeps the better of two witnesses: the shorter one, else the first in order, else the one under
    /// the revision that allows more. So the witness does not depend on which revision comes first.
    fn offer(
        &mut self,
        leader: Leader,
        direction: Direction,
        sides: (Side, Side),
        trace: Vec<Action>,
    ) {
        let best = if direction == Direction::Closes { Leader::From } else { Leader::To };
        let rank = |trace: &Vec<Action>, leader| (trace.len(), trace.clone(), leader != best);
        if self.witness.is_empty() || rank(&trace, leader) < rank(&self.witness, self.leader) {
            (self.witness, self.leader, self.sides) = (trace, leader, sides);
        }
    }

    /// Keeps the properties that all states with this difference share.
    fn narrow(&mut self, here: BTreeSet<String>) {
        self.when = Some(match self.when.take() {
            None => here,
            Some(when) => when.intersection(&here).cloned().collect(),
        });
    }
}
