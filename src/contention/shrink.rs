//! Shrinking: from a partition without a linearization to a minimal history without one.
//!
//! Each step removes something whose removal can only create linearizations. So if the minimal history
//! has no linearization, the partition has none either.
//!
//! 1. *Cut the history after the first answer that no order explains.* A linearization of a history
//!    contains a linearization of each of its prefixes in time. Every call in flight at the cut may have
//!    taken effect or not. The final state goes with the calls after the cut.
//! 2. *Remove answers that changed nothing.* The other answers are explained without them.
//! 3. *Free a call from its time.* Let the call take effect at any time, any number of times, with any
//!    answer. Every order that was permitted stays permitted. If there is still no linearization, the
//!    call has no part in the violation.
//!
//! Steps 2 and 3 try each call once, from the last call to the first.

use super::linearization::{LinearizationSearch, SearchResult};
use super::minimal_history::MinimalHistory;
use super::partition::{FinalState, Partition};
use super::specification::{PartitionCall, Readings, SpecificationByReadings};

/// Shrinks a partition that has no linearization by these readings.
pub(super) fn shrink(
    specification: &SpecificationByReadings,
    partition: &Partition,
    readings: &Readings,
) -> Option<MinimalHistory> {
    let fails = |calls: &[PartitionCall], anytime: &[PartitionCall], end: Option<&FinalState>| {
        let search = LinearizationSearch { specification, readings, calls, anytime, end };
        matches!(search.run(), SearchResult::NoOrder)
    };
    let (mut calls, mut end, mut unexplained) = (partition.calls.clone(), partition.end, None);
    if fails(&calls, &[], None) {
        end = None;
        (calls, unexplained) = shortest_violating_prefix(&calls, |calls| fails(calls, &[], None))?;
    }
    let mut anytime: Vec<PartitionCall> = Vec::new();
    // The latest calls matter least to how the violation began.
    let mut position = calls.len();
    while position > 0 {
        position -= 1;
        if Some(calls[position].number) == unexplained {
            continue;
        }
        let mut fewer = calls.clone();
        let removed = fewer.remove(position);
        if is_read_only(&removed) {
            if fails(&fewer, &anytime, end.as_ref()) {
                calls = fewer;
            }
            continue;
        }
        // The event of the partition is sent once, so its call cannot happen any number of times.
        if removed.operation.tags {
            continue;
        }
        // No single call leads to a final state. The calls that raced stay, for the reader to see.
        let raced = fewer.iter().any(|other| !is_read_only(other) && overlap(&removed, other));
        if end.is_some() && raced {
            continue;
        }
        let mut more = anytime.clone();
        more.push(PartitionCall { answer: None, ..removed });
        if fails(&fewer, &more, end.as_ref()) {
            (calls, anytime) = (fewer, more);
        }
    }
    let is_violation = fails(&calls, &anytime, end.as_ref());
    is_violation.then_some(MinimalHistory { calls, end, unexplained, anytime })
}

fn is_read_only(call: &PartitionCall) -> bool {
    call.operation.is_read_only(call.observation())
}

fn overlap(one: &PartitionCall, other: &PartitionCall) -> bool {
    let end = |call: &PartitionCall| call.answer.as_ref().map_or(u64::MAX, |(end, _)| *end);
    one.start <= end(other) && other.start <= end(one)
}

/// The shortest prefix in time that has no linearization, and the call whose answer ends the prefix.
fn shortest_violating_prefix(
    calls: &[PartitionCall],
    fails: impl Fn(&[PartitionCall]) -> bool,
) -> Option<(Vec<PartitionCall>, Option<usize>)> {
    let mut answers: Vec<_> =
        calls.iter().filter_map(|call| Some((call.answer.as_ref()?.0, call.number))).collect();
    answers.sort_unstable();
    // Every prefix of a linearizable prefix is linearizable, so a binary search finds the border.
    let (mut linearizable, mut violating) = (0, answers.len());
    while violating - linearizable > 1 {
        let middle = usize::midpoint(linearizable, violating);
        if fails(&prefix_until(calls, &answers[..middle])) {
            violating = middle;
        } else {
            linearizable = middle;
        }
    }
    let shortest = prefix_until(calls, &answers[..violating]);
    fails(&shortest).then(|| (shortest, answers[..violating].last().map(|(_, number)| *number)))
}

/// The calls that had started when the last of these answers came, with these answers only.
fn prefix_until(calls: &[PartitionCall], answered: &[(u64, usize)]) -> Vec<PartitionCall> {
    let Some((now, _)) = answered.last() else { return Vec::new() };
    let begun = calls.iter().filter(|call| call.start <= *now).cloned();
    let so_far = begun.map(|call| {
        let is_answered = answered.iter().any(|(_, number)| *number == call.number);
        if is_answered { call } else { PartitionCall { answer: None, ..call } }
    });
    so_far.filter(|call| call.answer.is_some() || !is_read_only(call)).collect()
}
