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

use std::collections::BTreeSet;

use super::order::{Found, Search};
use super::part::{Ended, Part};
use super::rules::{Asked, Readings, Rulebook, only_looks};

/// What is left of a part.
#[derive(Debug, Clone)]
pub(super) struct Least {
    /// The calls.
    pub(super) calls: Vec<Asked>,
    /// How it ended, if that is what no order explains.
    pub(super) end: Option<Ended>,
    /// The call whose answer no order explains, by its number in the round; `None` if it is how the
    /// round ended.
    pub(super) unexplained: Option<usize>,
    /// Calls that explain nothing, whenever they happened, and whether they did.
    pub(super) anytime: Vec<Asked>,
}

/// The least of a part that has no order by these readings.
pub(super) fn shrink(rules: &Rulebook, part: &Part, readings: &Readings) -> Option<Least> {
    let fails = |calls: &[Asked], anytime: &[Asked], end: Option<&Ended>| {
        matches!(Search { rules, readings, calls, anytime, end }.run(), Found::None(_))
    };
    let (mut calls, mut end, mut unexplained) = (part.calls.clone(), part.end, None);
    if fails(&calls, &[], None) {
        end = None;
        (calls, unexplained) = beginning(&calls, |calls| fails(calls, &[], None))?;
    }
    let mut anytime: Vec<Asked> = Vec::new();
    // From the last call to the first: the latest are those that matter least to how it began.
    let mut at = calls.len();
    while at > 0 {
        at -= 1;
        if Some(calls[at].number) == unexplained {
            continue;
        }
        let mut fewer = calls.clone();
        let one = fewer.remove(at);
        if only_looks(&one) {
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
        let raced = fewer.iter().any(|other| !only_looks(other) && overlap(&one, other));
        if end.is_some() && raced {
            continue;
        }
        let mut more = anytime.clone();
        more.push(Asked { answer: None, ..one });
        if fails(&fewer, &more, end.as_ref()) {
            (calls, anytime) = (fewer, more);
        }
    }
    fails(&calls, &anytime, end.as_ref()).then_some(Least { calls, end, unexplained, anytime })
}

impl Least {
    /// What holds both, of the same part: it has no order wherever one of them has none. A call that was
    /// answered by the time of the later one is answered in both: the other may rest on its having
    /// changed nothing.
    pub(super) fn and(self, other: &Self, part: &Part) -> Self {
        let now = self.time(part).max(other.time(part));
        let numbers = |asked: &[Asked]| asked.iter().map(|one| one.number).collect::<BTreeSet<_>>();
        let (one, another) = (numbers(&self.anytime), numbers(&other.anytime));
        // What explains nothing in one of them may explain something in the other.
        let in_both: BTreeSet<_> = one.intersection(&another).copied().collect();
        let all: BTreeSet<_> = [one, another, numbers(&self.calls), numbers(&other.calls)]
            .into_iter()
            .flatten()
            .collect();
        let calls = part.calls.iter().filter(|call| all.contains(&call.number));
        let calls = calls.filter(|call| !in_both.contains(&call.number));
        let calls = calls.map(|call| match call.answer {
            Some((answered, _)) if answered <= now => call.clone(),
            _ => Asked { answer: None, ..call.clone() },
        });
        let mut anytime = self.anytime;
        anytime.retain(|call| in_both.contains(&call.number));
        let unexplained =
            if now == other.time(part) { other.unexplained } else { self.unexplained };
        Self { calls: calls.collect(), end: self.end.or(other.end), unexplained, anytime }
    }

    /// When the last answer in it was given; the latest time there is, if it is about how the round
    /// ended.
    fn time(&self, part: &Part) -> u64 {
        let last = part.calls.iter().find(|call| Some(call.number) == self.unexplained);
        last.and_then(|call| call.answer.as_ref()).map_or(u64::MAX, |(answered, _)| *answered)
    }
}

fn overlap(one: &Asked, other: &Asked) -> bool {
    let end = |asked: &Asked| asked.answer.as_ref().map_or(u64::MAX, |(end, _)| *end);
    one.start <= end(other) && other.start <= end(one)
}

/// The shortest beginning that has no order, and the call with whose answer it ends.
fn beginning(
    calls: &[Asked],
    fails: impl Fn(&[Asked]) -> bool,
) -> Option<(Vec<Asked>, Option<usize>)> {
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
fn until(calls: &[Asked], answered: &[(u64, usize)]) -> Vec<Asked> {
    let Some((now, _)) = answered.last() else { return Vec::new() };
    let begun = calls.iter().filter(|call| call.start <= *now).cloned();
    let so_far = begun.map(|call| {
        let is_answered = answered.iter().any(|(_, number)| *number == call.number);
        if is_answered { call } else { Asked { answer: None, ..call } }
    });
    so_far.filter(|call| call.answer.is_some() || !only_looks(call)).collect()
}
