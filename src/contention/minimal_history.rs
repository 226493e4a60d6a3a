//! A minimal history: the calls of a partition without a linearization that suffice to show that there
//! is none.

use std::collections::BTreeSet;

use super::partition::{FinalState, Partition};
use super::specification::PartitionCall;

/// The part of a partition that still has no linearization after shrinking.
#[derive(Debug, Clone)]
pub(super) struct MinimalHistory {
    /// The calls.
    pub(super) calls: Vec<PartitionCall>,
    /// The final state, if no order explains the final state.
    pub(super) end: Option<FinalState>,
    /// The call whose answer no order explains, by its number in the round; `None` if no order
    /// explains the final state.
    pub(super) unexplained: Option<usize>,
    /// Calls that do not help to explain the answers, at whatever time they took effect, if they did.
    pub(super) anytime: Vec<PartitionCall>,
}

impl MinimalHistory {
    /// Joins two minimal histories of one partition. The result has no linearization wherever one of
    /// the two has none.
    ///
    /// The result keeps every answer up to the time of the later history, because the other history may
    /// rely on an answer to a call that changed nothing.
    pub(super) fn join(self, other: &Self, partition: &Partition) -> Self {
        let now = self.time(partition).max(other.time(partition));
        let numbers =
            |calls: &[PartitionCall]| calls.iter().map(|one| one.number).collect::<BTreeSet<_>>();
        let (one, another) = (numbers(&self.anytime), numbers(&other.anytime));
        // A call that explains nothing in one history may explain something in the other.
        let in_both: BTreeSet<_> = one.intersection(&another).copied().collect();
        let all: BTreeSet<_> = [one, another, numbers(&self.calls), numbers(&other.calls)]
            .into_iter()
            .flatten()
            .collect();
        let calls = partition.calls.iter().filter(|call| all.contains(&call.number));
        let calls = calls.filter(|call| !in_both.contains(&call.number));
        let calls = calls.map(|call| match call.answer {
            Some((answered, _)) if answered <= now => call.clone(),
            _ => PartitionCall { answer: None, ..call.clone() },
        });
        let mut anytime = self.anytime;
        anytime.retain(|call| in_both.contains(&call.number));
        let unexplained =
            if now == other.time(partition) { other.unexplained } else { self.unexplained };
        Self { calls: calls.collect(), end: self.end.or(other.end), unexplained, anytime }
    }

    /// The time of the answer that no order explains; the greatest time if no order explains the final
    /// state.
    fn time(&self, partition: &Partition) -> u64 {
        let last = partition.calls.iter().find(|call| Some(call.number) == self.unexplained);
        last.and_then(|call| call.answer.as_ref()).map_or(u64::MAX, |(answered, _)| *answered)
    }
}
