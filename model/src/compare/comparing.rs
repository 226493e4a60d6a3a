//! The search for differences: both are asked in every state to which either comes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::action::Action;
use crate::canonical_form::normal_form;
use crate::decide::{initial, outcome};
use crate::shortest_trace::Search;
use crate::state::State;
use crate::stop::Stop;
use crate::threads::each;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;

use super::differing::{caller, case, circumstances, direction, side};
use super::{Direction, Side, Teller};

/// A comparison under way.
pub(super) struct Comparing<'a> {
    pub(super) from: &'a Profile,
    pub(super) to: &'a Profile,
    pub(super) actions: &'a [Action],
    pub(super) threads: usize,
    pub(super) found: BTreeMap<Kind, Found>,
    pub(super) contexts: usize,
    pub(super) complete: bool,
}

impl<'a> Comparing<'a> {
    /// Asks both in every state to which `teller` comes; counted is what `known` has not looked at.
    pub(super) fn look(
        &mut self,
        teller: Teller,
        known: Option<&Search<State, Action>>,
        stop: &Stop,
    ) -> Search<State, Action> {
        let leader = teller.of(self.from, self.to);
        let mut search = Search::new([self.normal_form(&initial(leader))]);
        let mut answers = VecDeque::new();
        while let Some(number) = search.next_state() {
            if stop.now() || stop.most_states.is_some_and(|most| number >= most) {
                self.complete = false;
                break;
            }
            let state = search.states()[number];
            let is_new = known.is_none_or(|known| !known.has_looked_at(&state));
            if answers.is_empty() {
                answers = self.ask_at_once(teller, &search.states()[number..]);
            }
            let Some(Answers { compared, differing, leads }) = answers.pop_front() else { break };
            self.contexts += if is_new { compared } else { 0 };
            for (action, direction, sides) in differing {
                let difference = Differing { direction, sides, state: &state, action };
                self.note(&difference, teller, is_new, || search.trace(number, *action));
            }
            for (action, next) in leads {
                search.reach(number, *action, next);
            }
        }
        search
    }

    /// Asks both in the first of these states, on all threads; what they answer is in the order of the
    /// states, so that what is made of it does not depend on the threads.
    fn ask_at_once(&self, teller: Teller, states: &[State]) -> VecDeque<Answers<'a>> {
        let states = &states[..states.len().min(AT_ONCE)];
        each(states, self.threads, |state| self.ask(teller, state)).into()
    }

    /// Asks both what they make of every step in this state.
    fn ask(&self, teller: Teller, state: &State) -> Answers<'a> {
        let mut answers = Answers::default();
        for action in self.actions {
            let sides = (outcome(self.from, state, action), outcome(self.to, state, action));
            if let (Some(one), Some(other)) = &sides {
                answers.compared += 1;
                if let Some(direction) = direction(one, other) {
                    answers.differing.push((action, direction, (side(one), side(other))));
                }
            }
            let led = teller.of(sides.0, sides.1).filter(|led| led.next != *state);
            answers.leads.extend(led.map(|led| (action, self.normal_form(&led.next))));
        }
        answers
    }

    /// What a rule of one makes of the state, the other must be asked about too: nothing is
    /// forgotten that either asks for.
    fn normal_form(&self, state: &State) -> State {
        let (one, other) = (normal_form(self.from, state), normal_form(self.to, state));
        if one == other { one } else { *state }
    }

    fn note(
        &mut self,
        differing: &Differing<'_>,
        teller: Teller,
        is_new: bool,
        trace: impl FnOnce() -> Vec<Action>,
    ) {
        let Differing { direction, sides, state, action } = *differing;
        let kind = Kind {
            endpoint: action.operation.endpoint(),
            caller: caller(state, action),
            direction,
        };
        let found = self.found.entry(kind).or_insert_with(|| Found::new(sides, teller));
        if found.asked_last != Some(teller) {
            // The first that a search comes to is a shortest.
            found.asked_last = Some(teller);
            found.offer(teller, direction, sides, trace());
        }
        if is_new {
            found.contexts += 1;
            found.cases.extend(case(action.operation));
            found.narrow(state, action);
        }
    }
}

/// How many states are handed out at once.
const AT_ONCE: usize = 4096;

/// What the two answer in one state.
#[derive(Default)]
struct Answers<'a> {
    /// How many steps both can take.
    compared: usize,
    /// Those that they decide otherwise.
    differing: Vec<(&'a Action, Direction, (Side, Side))>,
    /// To which other states the steps lead, where the teller decides.
    leads: Vec<(&'a Action, State)>,
}

/// A step that the two decide otherwise.
#[derive(Clone, Copy)]
struct Differing<'a> {
    direction: Direction,
    sides: (Side, Side),
    state: &'a State,
    action: &'a Action,
}

/// What is one difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) endpoint: Option<EndpointId>,
    pub(super) caller: &'static str,
    pub(super) direction: Direction,
}

pub(super) struct Found {
    pub(super) witness: Vec<Action>,
    pub(super) teller: Teller,
    pub(super) sides: (Side, Side),
    /// Whose search came to it last.
    asked_last: Option<Teller>,
    pub(super) contexts: usize,
    pub(super) cases: BTreeSet<&'static str>,
    pub(super) when: Option<BTreeSet<String>>,
}

impl Found {
    fn new(sides: (Side, Side), teller: Teller) -> Self {
        Self {
            witness: Vec::new(),
            teller,
            sides,
            asked_last: None,
            contexts: 0,
            cases: BTreeSet::new(),
            when: None,
        }
    }

    /// Takes the story if it is better than the one at hand: shorter; or else, so that it is the
    /// same from either side, the first in order; or else told by who allows more.
    fn offer(
        &mut self,
        teller: Teller,
        direction: Direction,
        sides: (Side, Side),
        trace: Vec<Action>,
    ) {
        let best = if direction == Direction::Closes { Teller::From } else { Teller::To };
        let rank = |trace: &Vec<Action>, teller| (trace.len(), trace.clone(), teller != best);
        if self.witness.is_empty() || rank(&trace, teller) < rank(&self.witness, self.teller) {
            (self.witness, self.teller, self.sides) = (trace, teller, sides);
        }
    }

    /// Keeps what is the same in every state in which a call is decided so.
    fn narrow(&mut self, state: &State, action: &Action) {
        let here = circumstances(state, action);
        self.when = Some(match self.when.take() {
            None => here,
            Some(when) => when.intersection(&here).cloned().collect(),
        });
    }
}
