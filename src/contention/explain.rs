//! Whether one order explains a part, by our readings of the rules or by others that the text permits.
//!
//! A homeserver may read the text otherwise than we do, and then reads it so at every call. To try every
//! combination of readings on a whole part would take as long as there are combinations, so what has no
//! order says which are worth a trial: of a part that has none by some readings, the least that shows it
//! is a handful of calls, and what explains the part explains these. Only readings that do are tried on
//! the whole, one more at a time, and two where no one is enough.

use std::collections::{BTreeSet, VecDeque};

use super::linearization::{DeadEnd, LinearizationSearch, SearchResult};
use super::minimal_history::MinimalHistory;
use super::partition::Partition;
use super::shrink::shrink;
use super::specification::{Readings, SequentialSpecification};

/// What was found out about a part.
#[derive(Debug, Clone)]
pub(super) enum Explanation {
    /// An order explains it, by these readings other than ours, and not without any of them.
    Order(Readings),
    /// No order explains it, by no readings; the calls that show it, and how far any order goes.
    NoOrder(MinimalHistory, Vec<DeadEnd>),
    /// There is more to be tried than is.
    Undecided,
}

/// How many combinations of readings are tried on a part.
const MOST_TRIED: usize = 64;
/// By how many of them it is told how far an order goes.
const MOST_TOLD: usize = 4;

/// Looks for an order of a part by our readings, and by those `taken` by other parts; `None` if there is
/// none by these.
pub(super) fn by_known(
    rules: &SequentialSpecification,
    part: &Partition,
    taken: &[Readings],
) -> Option<Explanation> {
    let search = |readings: &Readings| LinearizationSearch::of_part(rules, readings, part).run();
    let ours = Readings::from([]);
    match search(&ours) {
        SearchResult::Order => return Some(Explanation::Order(ours)),
        SearchResult::Undecided => return Some(Explanation::Undecided),
        SearchResult::NoOrder(_) => {}
    }
    let known = taken.iter().find(|by| matches!(search(by), SearchResult::Order));
    known.map(|by| Explanation::Order(needed(rules, part, by)))
}

/// Looks for an order of a part, by our readings, by those `taken` by other parts, and by any.
pub(super) fn explain(
    rules: &SequentialSpecification,
    part: &Partition,
    taken: &[Readings],
) -> Explanation {
    if let Some(explained) = by_known(rules, part, taken) {
        return explained;
    }
    let ours = Readings::from([]);
    let mut queue = VecDeque::from([ours.clone()]);
    let mut queued = BTreeSet::from([ours]);
    let mut tried: Vec<Readings> = Vec::new();
    let mut shown: Vec<MinimalHistory> = Vec::new();
    while let Some(readings) = queue.pop_front() {
        let is_shown = |least: &&MinimalHistory| {
            matches!(found(rules, &readings, least), SearchResult::NoOrder(_))
        };
        let known = shown.iter().position(|least| is_shown(&least));
        let known = match known {
            Some(known) => known,
            None => {
                // By ours there is none.
                if !readings.is_empty() {
                    match LinearizationSearch::of_part(rules, &readings, part).run() {
                        SearchResult::Order => return Explanation::Order(readings),
                        SearchResult::Undecided => return Explanation::Undecided,
                        SearchResult::NoOrder(_) => {}
                    }
                }
                let Some(least) = shrink(rules, part, &readings) else {
                    return Explanation::Undecided;
                };
                shown.push(least);
                shown.len() - 1
            }
        };
        for more in that_explain(rules, &readings, &shown[known]) {
            if queued.insert(more.clone()) {
                queue.push_back(more);
            }
        }
        tried.push(readings);
        if tried.len() == MOST_TRIED {
            return Explanation::Undecided;
        }
    }
    let Some(least) = shown.into_iter().reduce(|one, other| one.and(&other, part)) else {
        return Explanation::Undecided;
    };
    let stuck =
        tried.iter().take(MOST_TOLD).filter_map(|readings| match found(rules, readings, &least) {
            SearchResult::NoOrder(stuck) => Some(stuck),
            SearchResult::Order | SearchResult::Undecided => None,
        });
    let stuck = stuck.flatten().collect();
    Explanation::NoOrder(least, stuck)
}

/// Of readings by which a part has an order, those without which it has none.
fn needed(rules: &SequentialSpecification, part: &Partition, by: &Readings) -> Readings {
    by.iter().fold(Readings::clone(by), |by, reading| {
        let fewer: Readings = by.iter().copied().filter(|other| other != reading).collect();
        let found = LinearizationSearch::of_part(rules, &fewer, part).run();
        if matches!(found, SearchResult::Order) { fewer } else { by }
    })
}

fn found(
    rules: &SequentialSpecification,
    readings: &Readings,
    least: &MinimalHistory,
) -> SearchResult {
    LinearizationSearch::of_least(rules, readings, least).run()
}

/// These readings with one more, or two if no one is enough, that explain what has no order by these.
fn that_explain(
    rules: &SequentialSpecification,
    readings: &Readings,
    least: &MinimalHistory,
) -> Vec<Readings> {
    let explains =
        |readings: &Readings| !matches!(found(rules, readings, least), SearchResult::NoOrder(_));
    let one_more = LinearizationSearch::of_least(rules, readings, least).bearing(false);
    let mut explaining: Vec<_> = one_more.iter().filter(|one| explains(one)).cloned().collect();
    if explaining.is_empty() {
        // What makes a difference only where the first was taken, does so at a call that is in the way.
        let second = |first| LinearizationSearch::of_least(rules, first, least).bearing(true);
        let two_more: BTreeSet<_> = one_more.iter().flat_map(second).collect();
        explaining = two_more.into_iter().filter(explains).collect();
    }
    explaining
}
