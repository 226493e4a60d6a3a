//! The least of a part that still has no order.
//!
//! Only that is left out without which an order would still be one. If the whole had an order, so
//! would what is left: so that what is left has none shows that the whole has none.
//! - *What came later.* An order of a history is one of any beginning of it in time: of the calls that
//!   are in flight where it is cut, each may have happened or not. How the round ended goes with it.
//! - *Answers that changed nothing.* The others are explained without them.
//! - *When, and whether.* A call that is thought to have happened at any time, any number of times,
//!   whatever was answered, permits every order that it permitted before. If there is still none, it has
//!   no part in that there is none.

use super::linearization::{LinearizationSearch, SearchResult};
use super::minimal_history::MinimalHistory;
use super::partition::{FinalState, Partition};
use super::specification::{PartitionCall, Readings, SequentialSpecification, is_read_only};

/// The least of a part that has no order by these readings.
pub(super) fn shrink(
    rules: &SequentialSpecification,
    part: &Partition,
    readings: &Readings,
) -> Option<MinimalHistory> {
    let fails = |calls: &[PartitionCall], anytime: &[PartitionCall], end: Option<&FinalState>| {
        matches!(
            LinearizationSearch { rules, readings, calls, anytime, end }.run(),
            SearchResult::NoOrder(_)
        )
    };
    let (mut calls, mut end, mut unexplained) = (part.calls.clone(), part.end, None);
    if fails(&calls, &[], None) {
        end = None;
        (calls, unexplained) = beginning(&calls, |calls| fails(calls, &[], None))?;
    }
    let mut anytime: Vec<PartitionCall> = Vec::new();
    // From the last call to the first: the latest are those that matter least to how it began.
    let mut at = calls.len();
    while at > 0 {
        at -= 1;
        if Some(calls[at].number) == unexplained {
            continue;
        }
        let mut fewer = calls.clone();
        let one = fewer.remove(at);
        if is_read_only(&one) {
            if fails(&fewer, &anytime, end.as_ref()) {
                calls = fewer;
            }
            continue;
        }
        // The event that it is about is sent once.
        if one.tags {
            continue;
        }
        // No single call leads to how a round ended; those that overlapped are what there is to show.
        let raced = fewer.iter().any(|other| !is_read_only(other) && overlap(&one, other));
        if end.is_some() && raced {
            continue;
        }
        let mut more = anytime.clone();
        more.push(PartitionCall { answer: None, ..one });
        if fails(&fewer, &more, end.as_ref()) {
            (calls, anytime) = (fewer, more);
        }
    }
    fails(&calls, &anytime, end.as_ref()).then_some(MinimalHistory {
        calls,
        end,
        unexplained,
        anytime,
    })
}

fn overlap(one: &PartitionCall, other: &PartitionCall) -> bool {
    let end = |asked: &PartitionCall| asked.answer.as_ref().map_or(u64::MAX, |(end, _)| *end);
    one.start <= end(other) && other.start <= end(one)
}

/// The shortest beginning that has no order, and the call with whose answer it ends.
fn beginning(
    calls: &[PartitionCall],
    fails: impl Fn(&[PartitionCall]) -> bool,
) -> Option<(Vec<PartitionCall>, Option<usize>)> {
    let mut answers: Vec<_> =
        calls.iter().filter_map(|call| Some((call.answer.as_ref()?.0, call.number))).collect();
    answers.sort_unstable();
    // What has an order has one of each beginning, so the beginnings without one come last.
    let (mut with, mut without) = (0, answers.len());
    while without - with > 1 {
        let middle = usize::midpoint(with, without);
        if fails(&until(calls, &answers[..middle])) { without = middle } else { with = middle }
    }
    let shortest = until(calls, &answers[..without]);
    fails(&shortest).then(|| (shortest, answers[..without].last().map(|(_, number)| *number)))
}

/// The calls as they were when these were answered.
fn until(calls: &[PartitionCall], answered: &[(u64, usize)]) -> Vec<PartitionCall> {
    let Some((now, _)) = answered.last() else { return Vec::new() };
    let begun = calls.iter().filter(|call| call.start <= *now).cloned();
    let so_far = begun.map(|call| {
        let is_answered = answered.iter().any(|(_, number)| *number == call.number);
        if is_answered { call } else { PartitionCall { answer: None, ..call } }
    });
    so_far.filter(|call| call.answer.is_some() || !is_read_only(call)).collect()
}
