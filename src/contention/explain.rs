//! Explaining a partition: by our readings of the rules, or by other readings that the text permits.
//!
//! A homeserver may read the text otherwise than we do, and then follows its reading at every call.
//! There are too many combinations of readings to try each on a whole partition. A minimal history
//! shows which combinations to try: a combination that explains the partition also explains its minimal
//! history, which has only a few calls.
//!
//! 1. Search for a linearization by our readings, then by the readings that other partitions needed.
//! 2. If there is none, shrink the partition to a minimal history.
//! 3. Find each further reading that explains the minimal history; if no single one does, each pair.
//! 4. Try each of these combinations on the whole partition. A combination without a linearization
//!    yields a minimal history of its own: go on with step 3.
//! 5. If no combination is left, the partition has no linearization by any readings. The minimal
//!    histories together show the violation.

use std::collections::{BTreeSet, VecDeque};

use super::linearization::{DeadEnd, LinearizationSearch, SearchResult};
use super::minimal_history::MinimalHistory;
use super::partition::Partition;
use super::shrink::shrink;
use super::specification::{Readings, SpecificationByReadings};

/// What explains a partition.
#[derive(Debug, Clone)]
pub(super) enum PartitionExplanation {
    /// An order of the calls, by these readings other than ours. Each of the readings is necessary.
    Order(Readings),
    /// No order by any readings: the calls that show the violation, and the dead ends of the search.
    NoOrder(MinimalHistory, Vec<DeadEnd>),
    /// A limit ended the search.
    Undecided,
}

/// When pairs of further readings are tried on a minimal history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// Only if no single reading explains the minimal history.
    IfNeeded,
    /// In any case.
    Always,
}

/// The number of combinations of readings that are tried on a partition at most.
const MAX_COMBINATIONS: usize = 64;
/// The number of combinations whose dead ends are reported at most.
const MAX_REPORTED: usize = 4;

/// Explains a partition by our readings, or by one of the `known` combinations that other partitions
/// needed; `None` if none of these explains the partition.
pub(super) fn explain_by_known_readings(
    specification: &SpecificationByReadings,
    partition: &Partition,
    known: &[Readings],
) -> Option<PartitionExplanation> {
    let search = |readings: &Readings| {
        LinearizationSearch::of_partition(specification, readings, partition).run()
    };
    let default_readings = Readings::from([]);
    match search(&default_readings) {
        SearchResult::Order => return Some(PartitionExplanation::Order(default_readings)),
        SearchResult::Undecided => return Some(PartitionExplanation::Undecided),
        SearchResult::NoOrder => {}
    }
    let found = known.iter().find(|readings| matches!(search(readings), SearchResult::Order));
    found.map(|readings| {
        PartitionExplanation::Order(necessary_readings(specification, partition, readings))
    })
}

/// Explains a partition by our readings, by the `known` combinations, or by any other combination.
pub(super) fn explain(
    specification: &SpecificationByReadings,
    partition: &Partition,
    known: &[Readings],
) -> PartitionExplanation {
    if let Some(explanation) = explain_by_known_readings(specification, partition, known) {
        return explanation;
    }
    let search = |readings: &Readings, minimal: &MinimalHistory| {
        LinearizationSearch::of_minimal_history(specification, readings, minimal).run()
    };
    let default_readings = Readings::from([]);
    let mut queue = VecDeque::from([default_readings.clone()]);
    let mut queued = BTreeSet::from([default_readings]);
    let mut tried: Vec<Readings> = Vec::new();
    let mut histories: Vec<MinimalHistory> = Vec::new();
    while let Some(readings) = queue.pop_front() {
        let refutes =
            |minimal: &MinimalHistory| matches!(search(&readings, minimal), SearchResult::NoOrder);
        let number = match histories.iter().position(refutes) {
            Some(number) => number,
            None => {
                // The search by our readings has failed already.
                if !readings.is_empty() {
                    let search =
                        LinearizationSearch::of_partition(specification, &readings, partition);
                    match search.run() {
                        SearchResult::Order => return PartitionExplanation::Order(readings),
                        SearchResult::Undecided => return PartitionExplanation::Undecided,
                        SearchResult::NoOrder => {}
                    }
                }
                let Some(minimal) = shrink(specification, partition, &readings) else {
                    return PartitionExplanation::Undecided;
                };
                histories.push(minimal);
                histories.len() - 1
            }
        };
        let minimal = &histories[number];
        for more in explaining_readings(specification, &readings, minimal, Pairs::IfNeeded) {
            if queued.insert(more.clone()) {
                queue.push_back(more);
            }
        }
        tried.push(readings);
        if tried.len() == MAX_COMBINATIONS || specification.stop.now() {
            return PartitionExplanation::Undecided;
        }
    }
    let Some(minimal) = histories.into_iter().reduce(|one, other| one.join(&other, partition))
    else {
        return PartitionExplanation::Undecided;
    };
    let dead_ends = tried.iter().take(MAX_REPORTED).flat_map(|readings| {
        LinearizationSearch::of_minimal_history(specification, readings, &minimal).dead_ends()
    });
    let dead_ends = dead_ends.collect();
    PartitionExplanation::NoOrder(minimal, dead_ends)
}

/// The readings without which these readings no longer explain the partition.
pub(super) fn necessary_readings(
    specification: &SpecificationByReadings,
    partition: &Partition,
    readings: &Readings,
) -> Readings {
    readings.iter().fold(Readings::clone(readings), |kept, reading| {
        let fewer: Readings = kept.iter().copied().filter(|other| other != reading).collect();
        let result = LinearizationSearch::of_partition(specification, &fewer, partition).run();
        if matches!(result, SearchResult::Order) { fewer } else { kept }
    })
}

/// These readings with one more that explain the minimal history; with two more if no single one
/// suffices.
pub(super) fn explaining_readings(
    specification: &SpecificationByReadings,
    readings: &Readings,
    minimal: &MinimalHistory,
    pairs: Pairs,
) -> Vec<Readings> {
    let matter = |readings: &Readings, only_unexplained| {
        LinearizationSearch::of_minimal_history(specification, readings, minimal)
            .readings_that_matter(only_unexplained)
    };
    let explains = |readings: &Readings| {
        let search = LinearizationSearch::of_minimal_history(specification, readings, minimal);
        !matches!(search.run(), SearchResult::NoOrder)
    };
    let one_more = matter(readings, false);
    let mut explaining: Vec<_> = one_more.iter().filter(|one| explains(one)).cloned().collect();
    if explaining.is_empty() || pairs == Pairs::Always {
        // The second reading has to change an answer that the first one leaves unexplained.
        let two_more: BTreeSet<_> = one_more.iter().flat_map(|first| matter(first, true)).collect();
        explaining.extend(two_more.into_iter().filter(explains));
    }
    explaining
}
