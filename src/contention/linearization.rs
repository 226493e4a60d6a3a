//! The search for a linearization: one order of all calls that explains all answers (M. Herlihy and
//! J. Wing, *Linearizability: a correctness condition for concurrent objects*, 1990).
//!
//! The search extends *prefixes*. A prefix is the set of the calls that the order already has, and the
//! state that these calls lead to.
//!
//! 1. Start with the empty prefix, in the initial state of the specification.
//! 2. Take an unexplored prefix. If it has every answered call, and its state is the final state that
//!    was observed, then the prefix is a linearization: stop.
//! 3. Find the *candidates*: the calls that no other remaining call precedes in time.
//! 4. Extend the prefix by each candidate whose recorded answer is the answer of the specification
//!    (J. Wing and C. Gong, *Testing and verifying concurrent objects*, 1993).
//! 5. If a candidate changes no state and explains its answer here, extend the prefix by this
//!    candidate only. Every order that has the candidate later stays an order with the candidate here.
//! 6. Drop every prefix that was found before (G. Lowe, *Testing for linearizability*, 2017), and go
//!    on with step 2.
//! 7. If no prefix is left, there is no linearization. The longest prefixes are the *dead ends*.
//!
//! # What the search shares with the concurrent model
//! `guest_access_model::concurrent` also judges linearizability, in its file `explained.rs`. Both call
//! the same sequential rules (`guest_access_model::decide::outcome`), and both keep a state together
//! with the calls that an order already has. They share no code of the search:
//!
//! | | this search | `explained.rs` of the model |
//! |---|---|---|
//! | input | a finished history | a history that still grows, one stage at a time |
//! | strategy | depth first, until one linearization is found | all explanations, at every answer |
//! | when a call takes its place | whenever it is a candidate | only when an answer needs it |
//! | kept of a prefix | the set of its calls, as bits, and the state | the state, and the answers of the calls in flight |
//! | answers | compared with what HTTP showed; the error code may be unknown | equal status, error code and content |
//! | readings of the text | any that the text permits | one profile |
//! | result | a linearization, or dead ends for the report | a verdict for two guarantees |
//!
//! # Why no crate
//! The `LinearizabilityTester` of stateright keeps no set of explored prefixes, and takes exponential
//! time in the number of overlapping calls. `todc-utils` keeps such a set, but was last released in
//! 2023. Both answer yes or no only, and the report needs the dead ends.

use std::collections::{BTreeSet, HashSet};

use super::minimal_history::MinimalHistory;
use super::partition::{FinalState, Partition};
use super::specification::{
    PartitionCall, Readings, RoundState, SequentialSpecification, is_read_only,
};

/// A search for a linearization of some calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearizationSearch<'a> {
    pub(super) specification: &'a SequentialSpecification,
    /// The readings other than ours that the homeserver is assumed to follow.
    pub(super) readings: &'a Readings,
    /// The calls, by their start.
    pub(super) calls: &'a [PartitionCall],
    /// Calls that may take effect at any time, any number of times, with any answer.
    pub(super) anytime: &'a [PartitionCall],
    /// The final state that a linearization has to lead to, if one was observed.
    pub(super) end: Option<&'a FinalState>,
}

/// The result of a search.
#[derive(Debug, Clone)]
pub(super) enum SearchResult {
    /// A linearization exists.
    Order,
    /// No linearization exists. Some of the longest prefixes are listed.
    NoOrder(Vec<DeadEnd>),
    /// The search stopped at its limit.
    Undecided,
}

/// A longest prefix: no candidate extends it to one more answer.
#[derive(Debug, Clone)]
pub(super) struct DeadEnd {
    /// The calls of the prefix in their order, as positions among the calls.
    pub(super) order: Vec<usize>,
    /// The state that these calls lead to.
    pub(super) state: RoundState,
    /// The readings other than ours that were assumed.
    pub(super) readings: Readings,
}

/// The number of prefixes after which a search stops. The limit counts prefixes and not seconds, so
/// the same recording always has the same verdict.
const MAX_PREFIXES: usize = 400_000;
/// The number of dead ends that a search returns at most.
const MAX_DEAD_ENDS: usize = 12;

/// A set of calls: one bit for each.
type CallSet = Box<[u64]>;

/// The beginning of an order of the calls.
struct Prefix {
    /// The prefix that this one extends.
    parent: Option<usize>,
    /// The last call, as a position among the calls; `None` for a call that may come at any time.
    last_call: Option<usize>,
    calls: CallSet,
    state: RoundState,
    /// The number of answered calls in the prefix.
    answered: usize,
}

impl<'a> LinearizationSearch<'a> {
    /// A search for a linearization of a partition.
    pub(super) fn of_partition(
        specification: &'a SequentialSpecification,
        readings: &'a Readings,
        partition: &'a Partition,
    ) -> Self {
        let (calls, end) = (&partition.calls[..], partition.end.as_ref());
        Self { specification, readings, calls, anytime: &[], end }
    }

    /// A search for a linearization of a minimal history.
    pub(super) fn of_minimal_history(
        specification: &'a SequentialSpecification,
        readings: &'a Readings,
        minimal: &'a MinimalHistory,
    ) -> Self {
        let MinimalHistory { calls, anytime, end, .. } = minimal;
        Self { specification, readings, calls, anytime, end: end.as_ref() }
    }

    pub(super) fn run(&self) -> SearchResult {
        self.explore().0
    }

    /// The assumed readings with one more reading that changes an answer on some explored prefix.
    ///
    /// With `only_unexplained`, only the answers count that the assumed readings do not explain where
    /// their call is a candidate.
    pub(super) fn readings_that_matter(&self, only_unexplained: bool) -> BTreeSet<Readings> {
        let mut found = BTreeSet::new();
        let anytime = self.distinct_anytime_calls();
        for prefix in self.explore().1 {
            let next = candidates(self.calls, &prefix.calls).map(|call| &self.calls[call]);
            let counts = |call: &&PartitionCall| {
                let explained =
                    || self.specification.step(call, &prefix.state, self.readings).is_some();
                !only_unexplained || call.answer.is_some() && !explained()
            };
            for call in next.chain(anytime.iter().copied()).filter(counts) {
                let more =
                    self.specification.readings_that_matter(call, &prefix.state, self.readings);
                found.extend(more.iter().cloned());
            }
        }
        found
    }

    /// Searches for a linearization; returns the result and all explored prefixes.
    fn explore(&self) -> (SearchResult, Vec<Prefix>) {
        let answered = self.calls.iter().filter(|call| call.answer.is_some()).count();
        let anytime = self.distinct_anytime_calls();
        let empty = Prefix {
            parent: None,
            last_call: None,
            calls: vec![0; self.calls.len().div_ceil(64)].into(),
            state: self.specification.init(),
            answered: 0,
        };
        let mut known = HashSet::from([(empty.calls.clone(), empty.state)]);
        let mut prefixes = vec![empty];
        let mut unexplored = vec![0];
        let mut longest: Vec<usize> = vec![0];
        while let Some(number) = unexplored.pop() {
            let prefix = &prefixes[number];
            if prefix.answered == answered && self.end.is_none_or(|end| end.fits(&prefix.state)) {
                return (SearchResult::Order, prefixes);
            }
            if prefix.answered > prefixes[longest[0]].answered {
                longest.clear();
            }
            if longest.is_empty() || prefix.answered == prefixes[longest[0]].answered {
                longest.push(number);
            }
            // The stack returns its last element first: push the first candidate last.
            for next in self.extensions(prefix, number, &anytime).into_iter().rev() {
                if known.insert((next.calls.clone(), next.state)) {
                    unexplored.push(prefixes.len());
                    prefixes.push(next);
                }
            }
            if prefixes.len() > MAX_PREFIXES {
                return (SearchResult::Undecided, prefixes);
            }
        }
        let mut dead_ends: Vec<DeadEnd> = Vec::new();
        for number in longest {
            let state = prefixes[number].state;
            if dead_ends.len() < MAX_DEAD_ENDS && dead_ends.iter().all(|one| one.state != state) {
                let readings = self.readings.clone();
                dead_ends.push(DeadEnd { order: order(&prefixes, number), state, readings });
            }
        }
        (SearchResult::NoOrder(dead_ends), prefixes)
    }

    /// The calls that may come at any time, without calls that are equal to an earlier one.
    fn distinct_anytime_calls(&self) -> Vec<&'a PartitionCall> {
        let mut distinct: Vec<&PartitionCall> = Vec::new();
        for call in self.anytime {
            if !distinct.iter().any(|other| call.is_like(other)) {
                distinct.push(call);
            }
        }
        distinct
    }

    /// Extends a prefix by each candidate and by each call that may come at any time.
    fn extensions(
        &self,
        prefix: &Prefix,
        number: usize,
        anytime: &[&PartitionCall],
    ) -> Vec<Prefix> {
        let step = |call| self.specification.step(call, &prefix.state, self.readings);
        let mut extensions = Vec::new();
        for candidate in candidates(self.calls, &prefix.calls) {
            let call = &self.calls[candidate];
            let Some(state) = step(call) else { continue };
            let changes_nothing = state == prefix.state;
            if call.answer.is_none() && changes_nothing {
                continue;
            }
            let mut calls = prefix.calls.clone();
            calls[candidate / 64] |= 1 << (candidate % 64);
            let extension = Prefix {
                parent: Some(number),
                last_call: Some(candidate),
                calls,
                state,
                answered: prefix.answered + usize::from(call.answer.is_some()),
            };
            if changes_nothing && is_read_only(call) {
                return vec![extension];
            }
            extensions.push(extension);
        }
        for call in anytime {
            if let Some(state) = step(call) {
                let (calls, answered) = (prefix.calls.clone(), prefix.answered);
                let parent = Some(number);
                extensions.push(Prefix { parent, last_call: None, calls, state, answered });
            }
        }
        extensions
    }
}

/// The calls that can come next: the remaining calls that started before any remaining call was
/// answered.
pub(super) fn candidates(calls: &[PartitionCall], taken: &[u64]) -> impl Iterator<Item = usize> {
    let is_left = move |call: &usize| taken[call / 64] & 1 << (call % 64) == 0;
    let left = move || (0..calls.len()).filter(is_left);
    let answered = left().filter_map(|call| Some(calls[call].answer.as_ref()?.0)).min();
    left()
        .take_while(move |call| answered.is_none_or(|answered| calls[*call].start <= answered))
        .filter(|call| calls[*call].answer.is_some() || !is_read_only(&calls[*call]))
}

/// The calls of a prefix, in their order.
fn order(prefixes: &[Prefix], number: usize) -> Vec<usize> {
    let parents =
        std::iter::successors(Some(&prefixes[number]), |one| Some(&prefixes[one.parent?]));
    let mut order: Vec<usize> = parents.filter_map(|one| one.last_call).collect();
    order.reverse();
    order
}
