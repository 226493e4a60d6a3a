//! Looking for one order of all calls that explains all answers: linearizability (M. Herlihy and
//! J. Wing, *Linearizability: a correctness condition for concurrent objects*, 1990).
//!
//! The search is that of J. Wing and C. Gong (*Testing and verifying concurrent objects*, 1993): of the
//! calls that nothing still to come precedes, each is taken as the next. A way that was gone before is
//! not gone again, where a way is the set of the calls taken and the state that they lead to (G. Lowe,
//! *Testing for linearizability*, 2017). A call that never changes anything (a read, a refusal) and is
//! explained where it can come next is taken there at once: any order with it later is one with it there.
//!
//! It is our own since the crates that have one do not serve. stateright's `LinearizabilityTester` keeps
//! no set of what was tried, and is exponential in calls that overlap; `todc-utils`, which keeps one, was
//! last released in 2023; and both say yes or no, where a report has to say how far any order goes.

use std::collections::{BTreeSet, HashSet};

use super::minimal_history::MinimalHistory;
use super::partition::{FinalState, Partition};
use super::specification::{
    PartitionCall, Readings, RoundState, SequentialSpecification, is_read_only,
};

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearizationSearch<'a> {
    pub(super) rules: &'a SequentialSpecification,
    /// The readings other than ours by which the homeserver goes.
    pub(super) readings: &'a Readings,
    /// The calls, by when they began.
    pub(super) calls: &'a [PartitionCall],
    /// Calls that may come at any time, any number of times, whatever was answered.
    pub(super) anytime: &'a [PartitionCall],
    /// How it has to end.
    pub(super) end: Option<&'a FinalState>,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) enum SearchResult {
    /// That there is one.
    Order,
    /// That there is none: how far it goes at the most, a few ways.
    NoOrder(Vec<DeadEnd>),
    /// Nothing, in as many ways as were to be tried.
    Undecided,
}

/// A way that goes no further.
#[derive(Debug, Clone)]
pub(super) struct DeadEnd {
    /// The calls that were taken, by their places among the calls.
    pub(super) taken: Vec<usize>,
    /// Where they lead.
    pub(super) place: RoundState,
    /// By which readings other than ours.
    pub(super) readings: Readings,
}

/// How many ways are tried before it is given up. The same for every run, so that the same recording
/// has the same verdict.
const MOST_WAYS: usize = 400_000;
/// How many ways that go no further are told of.
const MOST_STUCK: usize = 12;

/// The calls that were taken: one bit for each.
type Set = Box<[u64]>;

/// A way, as far as it has gone.
struct Prefix {
    /// The way that it goes on from.
    from: Option<usize>,
    /// What was taken last: a place among the calls; `None` for a call that may come at any time.
    taken: Option<usize>,
    set: Set,
    place: RoundState,
    /// How many calls that were answered are in the set.
    answered: usize,
}

impl<'a> LinearizationSearch<'a> {
    /// For an order of a part.
    pub(super) fn of_part(
        rules: &'a SequentialSpecification,
        readings: &'a Readings,
        part: &'a Partition,
    ) -> Self {
        let (calls, end) = (&part.calls[..], part.end.as_ref());
        Self { rules, readings, calls, anytime: &[], end }
    }

    /// For an order of what is left of a part.
    pub(super) fn of_least(
        rules: &'a SequentialSpecification,
        readings: &'a Readings,
        least: &'a MinimalHistory,
    ) -> Self {
        let MinimalHistory { calls, anytime, end, .. } = least;
        Self { rules, readings, calls, anytime, end: end.as_ref() }
    }

    pub(super) fn run(&self) -> SearchResult {
        self.go().0
    }

    /// The readings with one more that make a difference on any way that is gone: to any call, or only
    /// to those that these do not explain where they can come next.
    pub(super) fn bearing(&self, only_unexplained: bool) -> BTreeSet<Readings> {
        let mut bearing = BTreeSet::new();
        let anytime = self.each_anytime();
        for way in self.go().1 {
            let next = candidates(self.calls, &way.set).map(|call| &self.calls[call]);
            let is_asked = |asked: &&PartitionCall| {
                let explained = || self.rules.fitting(asked, &way.place, self.readings).is_some();
                !only_unexplained || asked.answer.is_some() && !explained()
            };
            for asked in next.chain(anytime.iter().copied()).filter(is_asked) {
                let more = self.rules.bearing(asked, &way.place, self.readings);
                bearing.extend(more.iter().cloned());
            }
        }
        bearing
    }

    /// Looks for an order, and the ways that it went.
    fn go(&self) -> (SearchResult, Vec<Prefix>) {
        let answered = self.calls.iter().filter(|call| call.answer.is_some()).count();
        let anytime = self.each_anytime();
        let set: Set = vec![0; self.calls.len().div_ceil(64)].into();
        let first =
            Prefix { from: None, taken: None, set, place: self.rules.beginning(), answered: 0 };
        let mut tried = HashSet::from([(first.set.clone(), first.place)]);
        let mut ways = vec![first];
        let mut open = vec![0];
        let mut furthest: Vec<usize> = vec![0];
        while let Some(at) = open.pop() {
            let way = &ways[at];
            if way.answered == answered && self.end.is_none_or(|end| end.fits(&way.place)) {
                return (SearchResult::Order, ways);
            }
            if way.answered > ways[furthest[0]].answered {
                furthest.clear();
            }
            if furthest.is_empty() || way.answered == ways[furthest[0]].answered {
                furthest.push(at);
            }
            // What is taken first is tried first.
            for next in self.next(way, at, &anytime).into_iter().rev() {
                if tried.insert((next.set.clone(), next.place)) {
                    open.push(ways.len());
                    ways.push(next);
                }
            }
            if ways.len() > MOST_WAYS {
                return (SearchResult::Undecided, ways);
            }
        }
        let mut stuck: Vec<DeadEnd> = Vec::new();
        for at in furthest {
            let place = ways[at].place;
            if stuck.len() < MOST_STUCK && stuck.iter().all(|known| known.place != place) {
                let readings = self.readings.clone();
                stuck.push(DeadEnd { taken: taken(&ways, at), place, readings });
            }
        }
        (SearchResult::NoOrder(stuck), ways)
    }

    /// The calls that may come at any time; of those that come to the same, one.
    fn each_anytime(&self) -> Vec<&'a PartitionCall> {
        let mut each: Vec<&PartitionCall> = Vec::new();
        for one in self.anytime {
            if !each.iter().any(|other| one.is_like(other)) {
                each.push(one);
            }
        }
        each
    }

    /// How a way goes on, by each call that can come next, or any time.
    fn next(&self, way: &Prefix, at: usize, anytime: &[&PartitionCall]) -> Vec<Prefix> {
        let mut next = Vec::new();
        for call in candidates(self.calls, &way.set) {
            let asked = &self.calls[call];
            let Some(to) = self.rules.fitting(asked, &way.place, self.readings) else { continue };
            let stays = to == way.place;
            if asked.answer.is_none() && stays {
                continue;
            }
            let mut set = way.set.clone();
            set[call / 64] |= 1 << (call % 64);
            let one = Prefix {
                from: Some(at),
                taken: Some(call),
                set,
                place: to,
                answered: way.answered + usize::from(asked.answer.is_some()),
            };
            if stays && is_read_only(asked) {
                return vec![one];
            }
            next.push(one);
        }
        for asked in anytime {
            if let Some(place) = self.rules.fitting(asked, &way.place, self.readings) {
                let set = way.set.clone();
                next.push(Prefix {
                    from: Some(at),
                    taken: None,
                    set,
                    place,
                    answered: way.answered,
                });
            }
        }
        next
    }
}

/// The calls that can come next: those not taken that began before any other of these was answered.
pub(super) fn candidates(calls: &[PartitionCall], taken: &[u64]) -> impl Iterator<Item = usize> {
    let is_left = move |call: &usize| taken[call / 64] & 1 << (call % 64) == 0;
    let left = move || (0..calls.len()).filter(is_left);
    let answered = left().filter_map(|call| Some(calls[call].answer.as_ref()?.0)).min();
    left()
        .take_while(move |call| answered.is_none_or(|answered| calls[*call].start <= answered))
        .filter(|call| calls[*call].answer.is_some() || !is_read_only(&calls[*call]))
}

/// What was taken on a way, in order.
fn taken(ways: &[Prefix], at: usize) -> Vec<usize> {
    let ways = std::iter::successors(Some(&ways[at]), |one| Some(&ways[one.from?]));
    let mut taken: Vec<usize> = ways.filter_map(|one| one.taken).collect();
    taken.reverse();
    taken
}
