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

use super::differing::{caller, case, circumstances, direction, side};
use super::{Direction, Leader, Side};

/// A comparison under way.
pub(super) struct Comparing<'a> {
    pub(super) from: &'a Profile,
    pub(super) to: &'a Profile,
    pub(super) actions: &'a [Action],
    pub(super) threads: usize,
    pub(super) found: BTreeMap<Kind, Found>,
    pub(super) contexts: usize,
    pub(super) complete: bool,
    /// Whether the search ends with the first state in which a call differs.
    pub(super) only_first: bool,
}

impl<'a> Comparing<'a> {
    /// The comparison of two profiles by these actions, before the first look.
    pub(super) fn new(
        from: &'a Profile,
        to: &'a Profile,
        actions: &'a [Action],
        threads: usize,
    ) -> Self {
        let (found, contexts) = (BTreeMap::new(), 0);
        Self { from, to, actions, threads, found, contexts, complete: true, only_first: false }
    }

    /// Compares both in every state that `leader` reaches. Counts only states that `known` did not visit.
    pub(super) fn look(
        &mut self,
        leader: Leader,
        known: Option<&Search<State, Action>>,
        stop: &Stop,
    ) -> Search<State, Action> {
        let profile = leader.of(self.from, self.to);
        let mut search = Search::new([self.normal_form(&initial(profile))]);
        let mut answers = VecDeque::new();
        while let Some(number) = search.next_state() {
            if stop.now() || stop.most_states.is_some_and(|most| number >= most) {
                self.complete = false;
                break;
            }
            let state = search.states()[number];
            let is_new = known.is_none_or(|known| !known.has_looked_at(&state));
            if answers.is_empty() {
                answers = self.ask_at_once(leader, &search.states()[number..]);
            }
            let Some(Answers { compared, differing, leads }) = answers.pop_front() else { break };
            self.contexts += if is_new { compared } else { 0 };
            for (action, direction, sides) in differing {
                let never_set = NeverSet::default();
                let difference = Differing { direction, sides, state: &state, action, never_set };
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

    /// Compares both in the first of these states, on all threads. The results have the order of the
    /// states, so they do not depend on the threads.
    fn ask_at_once(&self, leader: Leader, states: &[State]) -> VecDeque<Answers<'a>> {
        if self.only_first {
            return states.first().map(|state| self.ask(leader, state)).into_iter().collect();
        }
        let states = &states[..states.len().min(AT_ONCE)];
        each(states, self.threads, |state| self.ask(leader, state)).into()
    }

    /// Compares both on every action in this state.
    fn ask(&self, leader: Leader, state: &State) -> Answers<'a> {
        let mut answers = Answers::default();
        for action in self.actions {
            let sides = (outcome(self.from, state, action), outcome(self.to, state, action));
            if let (Some(one), Some(other)) = &sides {
                answers.compared += 1;
                if let Some(direction) = direction(one, other) {
                    answers.differing.push((action, direction, (side(one), side(other))));
                }
            }
            let led = leader.of(sides.0, sides.1).filter(|led| led.next != *state);
            answers.leads.extend(led.map(|led| (action, self.normal_form(&led.next))));
        }
        answers
    }

    /// The normal form for both profiles: if the two normal forms differ, the state itself.
    fn normal_form(&self, state: &State) -> State {
        let (one, other) = (normal_form(self.from, state), normal_form(self.to, state));
        if one == other { one } else { *state }
    }

    /// Notes a difference, which counts if `is_new`.
    pub(super) fn note(
        &mut self,
        differing: &Differing<'_>,
        leader: Leader,
        is_new: bool,
        trace: impl FnOnce() -> Vec<Action>,
    ) {
        let Differing { direction, sides, state, action, never_set } = *differing;
        let kind = Kind {
            endpoint: action.operation.endpoint(),
            caller: caller(state, action),
            direction,
        };
        let found = self.found.entry(kind).or_insert_with(|| Found::new(sides, leader));
        if found.asked_last != Some(leader) {
            // The first witness of a breadth-first search is a shortest one.
            found.asked_last = Some(leader);
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
const AT_ONCE: usize = 4096;

/// The comparison of one state.
#[derive(Default)]
struct Answers<'a> {
    /// How many actions can happen under both.
    compared: usize,
    /// The actions that they decide differently.
    differing: Vec<(&'a Action, Direction, (Side, Side))>,
    /// To which other states the steps lead, where the teller decides.
    leads: Vec<(&'a Action, State)>,
}

/// An action that the two decide differently.
#[derive(Clone, Copy)]
pub(super) struct Differing<'a> {
    pub(super) direction: Direction,
    pub(super) sides: (Side, Side),
    pub(super) state: &'a State,
    pub(super) action: &'a Action,
    /// The settings of the room of the action that were never set, where that makes a difference.
    pub(super) never_set: NeverSet,
}

/// The key of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) endpoint: Option<EndpointId>,
    pub(super) caller: &'static str,
    pub(super) direction: Direction,
}

pub(super) struct Found {
    pub(super) witness: Vec<Action>,
    pub(super) leader: Leader,
    pub(super) sides: (Side, Side),
    /// The leader of the last search that found it.
    asked_last: Option<Leader>,
    pub(super) contexts: usize,
    pub(super) cases: BTreeSet<&'static str>,
    pub(super) when: Option<BTreeSet<String>>,
}

impl Found {
    fn new(sides: (Side, Side), leader: Leader) -> Self {
        Self {
            witness: Vec::new(),
            leader,
            sides,
            asked_last: None,
            contexts: 0,
            cases: BTreeSet::new(),
            when: None,
        }
    }

    /// Keeps the better of two witnesses: the shorter one; else the first in order, so that the witness
    /// does not depend on which revision comes first; else the one under the revision that allows more.
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
