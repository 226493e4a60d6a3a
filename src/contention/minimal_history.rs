//! What is left of a partition without an order once everything unnecessary is left out.

use std::collections::BTreeSet;

use super::partition::{FinalState, Partition};
use super::specification::PartitionCall;

/// What is left of a part.
#[derive(Debug, Clone)]
pub(super) struct MinimalHistory {
    /// The calls.
    pub(super) calls: Vec<PartitionCall>,
    /// How it ended, if that is what no order explains.
    pub(super) end: Option<FinalState>,
    /// The call whose answer no order explains, by its number in the round; `None` if it is how the
    /// round ended.
    pub(super) unexplained: Option<usize>,
    /// Calls that explain nothing, whenever they happened, and whether they did.
    pub(super) anytime: Vec<PartitionCall>,
}

impl MinimalHistory {
    /// What holds both, of the same part: it has no order wherever one of them has none. A call that was
    /// answered by the time of the later one is answered in both: the other may rest on its having
    /// changed nothing.
    pub(super) fn and(self, other: &Self, part: &Partition) -> Self {
        let now = self.time(part).max(other.time(part));
        let numbers =
            |asked: &[PartitionCall]| asked.iter().map(|one| one.number).collect::<BTreeSet<_>>();
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
            _ => PartitionCall { answer: None, ..call.clone() },
        });
        let mut anytime = self.anytime;
        anytime.retain(|call| in_both.contains(&call.number));
        let unexplained =
            if now == other.time(part) { other.unexplained } else { self.unexplained };
        Self { calls: calls.collect(), end: self.end.or(other.end), unexplained, anytime }
    }

    /// When the last answer in it was given; the latest time there is, if it is about how the round
    /// ended.
    fn time(&self, part: &Partition) -> u64 {
        let last = part.calls.iter().find(|call| Some(call.number) == self.unexplained);
        last.and_then(|call| call.answer.as_ref()).map_or(u64::MAX, |(answered, _)| *answered)
    }
}
