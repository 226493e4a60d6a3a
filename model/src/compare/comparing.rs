//! The search for differences: both are asked in every state to which either comes.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::{initial, outcome};
use crate::endpoint::EndpointId;
use crate::profile::Profile;
use crate::reduce::forget;
use crate::state::State;
use crate::step::Step;
use crate::stop::Stop;
use crate::story::Search;

use super::differing::{caller, case, circumstances, direction, side};
use super::{Direction, Side, Teller};

/// A comparison under way.
pub(super) struct Comparing<'a> {
    pub(super) from: &'a Profile,
    pub(super) to: &'a Profile,
    pub(super) steps: &'a [Step],
    pub(super) found: BTreeMap<Kind, Found>,
    pub(super) contexts: usize,
    pub(super) complete: bool,
}

impl Comparing<'_> {
    /// Asks both in every state to which `teller` comes; counted is what `known` has not looked at.
    pub(super) fn look(
        &mut self,
        teller: Teller,
        known: Option<&Search<State, Step>>,
        stop: &Stop,
    ) -> Search<State, Step> {
        let leader = teller.of(self.from, self.to);
        let mut search = Search::new([self.forget(&initial(leader))]);
        while let Some(number) = search.next_state() {
            if stop.now() || stop.most_states.is_some_and(|most| number >= most) {
                self.complete = false;
                break;
            }
            let state = search.states[number];
            let is_new = known.is_none_or(|known| !known.has_looked_at(&state));
            for step in self.steps {
                let sides = (outcome(self.from, &state, step), outcome(self.to, &state, step));
                if let (Some(one), Some(other)) = sides {
                    self.contexts += usize::from(is_new);
                    if let Some(direction) = direction(&one, &other) {
                        let sides = (side(&one), side(&other));
                        let difference = Differing { direction, sides, state: &state, step };
                        let story = || search.story(number, *step);
                        self.note(&difference, teller, is_new, story);
                    }
                }
                if let Some(led) = teller.of(sides.0, sides.1) {
                    search.reach(number, *step, self.forget(&led.next));
                }
            }
        }
        search
    }

    /// What a rule of one makes of the state, the other must be asked about too: nothing is
    /// forgotten that either asks for.
    fn forget(&self, state: &State) -> State {
        let (one, other) = (forget(self.from, state), forget(self.to, state));
        if one == other { one } else { *state }
    }

    fn note(
        &mut self,
        differing: &Differing<'_>,
        teller: Teller,
        is_new: bool,
        story: impl FnOnce() -> Vec<Step>,
    ) {
        let Differing { direction, sides, state, step } = *differing;
        let kind = Kind { endpoint: step.act.endpoint(), caller: caller(state, step), direction };
        let found = self.found.entry(kind).or_insert_with(|| Found::new(sides, teller));
        if found.asked_last != Some(teller) {
            // The first that a search comes to is a shortest.
            found.asked_last = Some(teller);
            found.offer(teller, direction, sides, story());
        }
        if is_new {
            found.contexts += 1;
            found.cases.extend(case(step.act));
            found.narrow(state, step);
        }
    }
}

/// A step that the two decide otherwise.
#[derive(Clone, Copy)]
struct Differing<'a> {
    direction: Direction,
    sides: (Side, Side),
    state: &'a State,
    step: &'a Step,
}

/// What is one difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) endpoint: Option<EndpointId>,
    pub(super) caller: &'static str,
    pub(super) direction: Direction,
}

pub(super) struct Found {
    pub(super) witness: Vec<Step>,
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
        story: Vec<Step>,
    ) {
        let best = if direction == Direction::Closes { Teller::From } else { Teller::To };
        let rank = |story: &Vec<Step>, teller| (story.len(), story.clone(), teller != best);
        if self.witness.is_empty() || rank(&story, teller) < rank(&self.witness, self.teller) {
            (self.witness, self.teller, self.sides) = (story, teller, sides);
        }
    }

    /// Keeps what is the same in every state in which a call is decided so.
    fn narrow(&mut self, state: &State, step: &Step) {
        let here = circumstances(state, step);
        self.when = Some(match self.when.take() {
            None => here,
            Some(when) => when.intersection(&here).cloned().collect(),
        });
    }
}
