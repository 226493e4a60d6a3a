//! The search for a linearization of a finished history.
//!
//! The search extends *prefixes*. A prefix is the set of the calls that the order already has, and the
//! state that these calls lead to.
//!
//! 1. Start with the empty prefix, in the initial state of the specification.
//! 2. Take an unexplored prefix. If it has every answered call, and its state is a final state, then the
//!    prefix is a linearization: stop.
//! 3. Find the *candidates*: the calls that no other remaining call precedes in time.
//! 4. Extend the prefix by each candidate whose observed answer is the answer of the specification
//!    (J. Wing and C. Gong, *Testing and verifying concurrent objects*, 1993).
//! 5. If a candidate is read-only and explains its answer here, extend the prefix by this candidate only.
//!    Every order that has the candidate later stays an order with the candidate here.
//! 6. Of two calls *a* and *b* with the same operation and the same observed answer, try only *a*
//!    before *b*. Do so if every call that must precede *a* must precede *b*, and every call that must
//!    follow *b* must follow *a*. In a linearization with *b* first, the two calls can change places.
//! 7. Drop every prefix that was found before (G. Lowe, *Testing for linearizability*, 2017), and go on
//!    with step 2.
//! 8. If no prefix is left, there is no linearization. The longest prefixes are the *dead ends*.
//!
//! A first wrong choice may cost a search more prefixes than it may find, while another order of the
//! candidates leads to a linearization at once. So short searches with shuffled candidates come before a long
//! one (C. Gomes, B. Selman and H. Kautz, *Boosting combinatorial search through randomization*, 1998).

use std::collections::HashSet;
use std::mem::size_of;

use crate::stop::Stop;

use super::refutation::is_refuted;
use super::{CallOf, FinalCondition, SequentialSpecification};

/// The number of prefixes after which a search stops by default. The limit counts prefixes and not
/// seconds, so the same history always has the same verdict.
pub const MAX_PREFIXES: usize = 400_000;
/// The memory in bytes after which a search stops: a prefix of a long history takes more memory than a
/// prefix of a short one.
const MAX_BYTES: usize = 256 << 20;
/// The number of prefixes of the short search: the proof that ignores the order takes as long.
const PREFIXES_BEFORE_REFUTATION: usize = 2_048;
/// The number of short searches with shuffled candidates.
const SHUFFLED_SEARCHES: u64 = 32;
/// The number of prefixes of each of them.
const PREFIXES_OF_SHUFFLED_SEARCH: usize = 8_192;
/// The number of prefixes after which a search asks its [`Stop`] again.
const PREFIXES_BETWEEN_STOPS: usize = 256;
/// The number of dead ends that a search returns at most.
pub const MAX_DEAD_ENDS: usize = 12;

/// A search for a linearization of a finished history.
pub struct HistorySearch<'a, S: SequentialSpecification> {
    /// The specification.
    pub specification: &'a S,
    /// The calls, by their start.
    pub calls: &'a [CallOf<S>],
    /// Operations that may take place at any time, any number of times, with any answer.
    pub anytime: &'a [&'a S::Operation],
    /// Whether a linearization may lead to a state; every state is a final state without this condition.
    pub is_final: Option<FinalCondition<'a, S::State>>,
    /// The number of prefixes after which the search stops.
    pub max_prefixes: usize,
    /// When the search stops before its limit; never, without a condition.
    pub stop: Option<&'a Stop>,
    /// The seed by which the candidates of each prefix are shuffled; without one, they stay in the order of
    /// their start.
    pub shuffled_by: Option<u64>,
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchResult<State> {
    /// A linearization: the calls in their order, as positions among the calls. Calls without an answer
    /// that did not take place are left out.
    Linearization(Vec<usize>),
    /// No linearization exists. Some of the longest prefixes are listed.
    None(Vec<DeadEnd<State>>),
    /// The search stopped at its limit, or was stopped.
    Undecided,
}

/// A longest prefix: no candidate extends it to one more answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadEnd<State> {
    /// The calls of the prefix in their order, as positions among the calls.
    pub order: Vec<usize>,
    /// The state that these calls lead to.
    pub state: State,
}

/// A set of calls, as positions among the calls: one bit for each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallSet(Box<[u64]>);

/// The result of a search, and the prefixes that it found.
#[derive(Debug)]
pub struct SearchOutcome<State> {
    /// The result.
    pub result: SearchResult<State>,
    prefixes: Vec<Prefix<State>>,
}

/// The beginning of an order of the calls.
#[derive(Debug)]
struct Prefix<State> {
    /// The prefix that this one extends.
    parent: Option<usize>,
    /// The last call, as a position among the calls; `None` for an operation that may come at any time.
    last_call: Option<usize>,
    calls: CallSet,
    state: State,
    /// The number of answered calls in the prefix.
    answered: usize,
}

impl CallSet {
    /// The empty set among so many calls.
    pub fn empty(calls: usize) -> Self {
        Self(vec![0; calls.div_ceil(64)].into())
    }

    /// Whether the set has a call.
    pub fn contains(&self, call: usize) -> bool {
        self.0[call / 64] & 1 << (call % 64) != 0
    }

    /// Adds a call.
    pub fn insert(&mut self, call: usize) {
        self.0[call / 64] |= 1 << (call % 64);
    }
}

impl<State> SearchOutcome<State> {
    /// The set of calls of each prefix that the search found, and the state that these calls lead to.
    pub fn prefixes(&self) -> impl Iterator<Item = (&CallSet, &State)> {
        self.prefixes.iter().map(|prefix| (&prefix.calls, &prefix.state))
    }
}

impl<'a, S: SequentialSpecification> HistorySearch<'a, S> {
    /// A search for a linearization of these calls, which are sorted by their start.
    pub const fn of(specification: &'a S, calls: &'a [CallOf<S>]) -> Self {
        Self {
            specification,
            calls,
            anytime: &[],
            is_final: None,
            max_prefixes: MAX_PREFIXES,
            stop: None,
            shuffled_by: None,
        }
    }

    /// Searches for a linearization.
    pub fn run(&self) -> SearchResult<S::State> {
        self.explore().result
    }

    /// Whether the history has a linearization; `None` if the search stopped at its limit, or was stopped.
    ///
    /// A short search comes first, then the proof that ignores the order of the calls, then the searches with
    /// shuffled candidates, then the whole search.
    pub fn is_linearizable(&self) -> Option<bool> {
        let decided = |result| match result {
            SearchResult::Linearization(_) => Some(true),
            SearchResult::None(_) => Some(false),
            SearchResult::Undecided => None,
        };
        let short = self.max_prefixes.min(PREFIXES_BEFORE_REFUTATION);
        let shuffled = self.max_prefixes.min(PREFIXES_OF_SHUFFLED_SEARCH);
        let shuffled = |seed| Self { max_prefixes: shuffled, shuffled_by: Some(seed), ..*self };
        decided(Self { max_prefixes: short, ..*self }.run())
            .or_else(|| self.is_refuted().then_some(false))
            .or_else(|| (0..SHUFFLED_SEARCHES).find_map(|seed| decided(shuffled(seed).run())))
            .or_else(|| decided(self.run()))
    }

    /// Whether no order of the calls is a linearization, by the proof that ignores the order.
    pub(super) fn is_refuted(&self) -> bool {
        let calls = self.calls.iter().map(|call| (&call.operation, call.observation()));
        let anytime = self.anytime.iter().map(|operation| (*operation, None));
        let operations: Vec<_> = calls.chain(anytime).collect();
        is_refuted(self.specification, &operations, self.is_final)
    }

    /// Searches for a linearization; returns the result and all prefixes that the search found.
    pub fn explore(&self) -> SearchOutcome<S::State> {
        let answered = self.calls.iter().filter(|call| call.answer.is_some()).count();
        let empty = Prefix {
            parent: None,
            last_call: None,
            calls: CallSet::empty(self.calls.len()),
            state: self.specification.init(),
            answered: 0,
        };
        let bytes = 2 * (size_of::<Prefix<S::State>>() + self.calls.len().div_ceil(8));
        let most = self.max_prefixes.min(MAX_BYTES / bytes);
        let predecessors = self.predecessors();
        let mut known = HashSet::from([(empty.calls.clone(), empty.state.clone())]);
        let mut prefixes = vec![empty];
        let mut unexplored = vec![0];
        let mut explored = 0_usize;
        let mut longest: Vec<usize> = vec![0];
        let mut shuffling = self.shuffled_by.map(fastrand::Rng::with_seed);
        while let Some(number) = unexplored.pop() {
            let prefix = &prefixes[number];
            if prefix.answered == answered && self.is_final.is_none_or(|is| is(&prefix.state)) {
                let result = SearchResult::Linearization(order(&prefixes, number));
                return SearchOutcome { result, prefixes };
            }
            if prefix.answered > prefixes[longest[0]].answered {
                longest.clear();
            }
            if longest.is_empty() || prefix.answered == prefixes[longest[0]].answered {
                longest.push(number);
            }
            // The stack returns its last element first: push the first candidate last.
            let mut extensions = self.extensions(prefix, number, &predecessors);
            if let Some(rng) = &mut shuffling {
                rng.shuffle(&mut extensions);
            }
            for next in extensions.into_iter().rev() {
                if known.insert((next.calls.clone(), next.state.clone())) {
                    unexplored.push(prefixes.len());
                    prefixes.push(next);
                }
            }
            explored += 1;
            let is_stopped = || {
                explored.is_multiple_of(PREFIXES_BETWEEN_STOPS) && self.stop.is_some_and(Stop::now)
            };
            if prefixes.len() > most || is_stopped() {
                return SearchOutcome { result: SearchResult::Undecided, prefixes };
            }
        }
        let mut dead_ends: Vec<DeadEnd<S::State>> = Vec::new();
        for number in longest {
            let state = &prefixes[number].state;
            if dead_ends.len() < MAX_DEAD_ENDS && dead_ends.iter().all(|one| one.state != *state) {
                dead_ends.push(DeadEnd { order: order(&prefixes, number), state: state.clone() });
            }
        }
        SearchOutcome { result: SearchResult::None(dead_ends), prefixes }
    }

    /// For each call the last call that step 6 puts before it.
    ///
    /// The calls are sorted by their start. So every call that has to come before the earlier of two
    /// calls has to come before the later one. In two cases, every call that has to come after the
    /// later one has to come after the earlier one. Either the earlier one was answered first, or no
    /// call starts between the answers.
    fn predecessors(&self) -> Vec<Option<usize>> {
        let answered = |call: &CallOf<S>| call.answer.as_ref().map_or(u64::MAX, |(end, _)| *end);
        let is_between = |from: u64, to: u64| {
            let later = self.calls.partition_point(|call| call.start <= from);
            self.calls.get(later).is_some_and(|call| call.start <= to)
        };
        let is_alike = |one: &CallOf<S>, other: &CallOf<S>| {
            self.specification.is_alike(
                (&one.operation, one.observation()),
                (&other.operation, other.observation()),
            )
        };
        let before = |(place, call): (usize, &CallOf<S>)| {
            (0..place).rev().find(|earlier| {
                let earlier = &self.calls[*earlier];
                is_alike(earlier, call)
                    && (answered(earlier) <= answered(call)
                        || !is_between(answered(call), answered(earlier)))
            })
        };
        self.calls.iter().enumerate().map(before).collect()
    }

    /// Extends a prefix by each candidate and by each operation that may come at any time.
    fn extensions(
        &self,
        prefix: &Prefix<S::State>,
        number: usize,
        predecessors: &[Option<usize>],
    ) -> Vec<Prefix<S::State>> {
        let mut extensions = Vec::new();
        for candidate in candidates(self.specification, self.calls, &prefix.calls) {
            if predecessors[candidate].is_some_and(|before| !prefix.calls.contains(before)) {
                continue;
            }
            let call = &self.calls[candidate];
            let step = self.specification.step(&prefix.state, &call.operation);
            let Some((state, answer)) = step else { continue };
            let observation = call.observation();
            if observation.is_some_and(|seen| !self.specification.fits(&answer, seen)) {
                continue;
            }
            let changes_nothing = state == prefix.state;
            if observation.is_none() && changes_nothing {
                continue;
            }
            let mut calls = prefix.calls.clone();
            calls.insert(candidate);
            let extension = Prefix {
                parent: Some(number),
                last_call: Some(candidate),
                calls,
                state,
                answered: prefix.answered + usize::from(observation.is_some()),
            };
            if changes_nothing && self.specification.is_read_only(&call.operation, observation) {
                return vec![extension];
            }
            extensions.push(extension);
        }
        for operation in self.anytime {
            if let Some((state, _)) = self.specification.step(&prefix.state, operation) {
                let (calls, answered) = (prefix.calls.clone(), prefix.answered);
                let parent = Some(number);
                extensions.push(Prefix { parent, last_call: None, calls, state, answered });
            }
        }
        extensions
    }
}

/// The calls that can come next after the calls `taken`: the remaining calls that started before any
/// remaining call was answered. The calls are sorted by their start.
pub fn candidates<S: SequentialSpecification>(
    specification: &S,
    calls: &[CallOf<S>],
    taken: &CallSet,
) -> impl Iterator<Item = usize> {
    let remaining = move || (0..calls.len()).filter(move |call| !taken.contains(*call));
    let answered = remaining().filter_map(|call| Some(calls[call].answer.as_ref()?.0)).min();
    remaining()
        .take_while(move |call| answered.is_none_or(|answered| calls[*call].start <= answered))
        .filter(move |call| {
            let call = &calls[*call];
            call.answer.is_some() || !specification.is_read_only(&call.operation, None)
        })
}

/// The calls of a prefix, in their order.
fn order<State>(prefixes: &[Prefix<State>], number: usize) -> Vec<usize> {
    let parents =
        std::iter::successors(Some(&prefixes[number]), |one| Some(&prefixes[one.parent?]));
    let mut order: Vec<usize> = parents.filter_map(|one| one.last_call).collect();
    order.reverse();
    order
}
