//! The search for a linearization of the calls of one partition, by some readings of the text.
//!
//! [`guest_access_model::linearizability`] has the search itself, in numbered steps.

use std::collections::BTreeSet;

use guest_access_model::linearizability::{self, HistorySearch, candidates, distinct};

use super::minimal_history::MinimalHistory;
use super::partition::{FinalState, Partition};
use super::specification::{
    PartitionCall, PartitionOperation, Readings, RoundSpecification, RoundState,
    SpecificationByReadings,
};

/// A search for a linearization of some calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearizationSearch<'a> {
    pub(super) specification: &'a SpecificationByReadings,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SearchResult {
    /// A linearization exists.
    Order,
    /// No linearization exists.
    NoOrder,
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

impl<'a> LinearizationSearch<'a> {
    /// A search for a linearization of a partition.
    pub(super) fn of_partition(
        specification: &'a SpecificationByReadings,
        readings: &'a Readings,
        partition: &'a Partition,
    ) -> Self {
        let (calls, end) = (&partition.calls[..], partition.end.as_ref());
        Self { specification, readings, calls, anytime: &[], end }
    }

    /// A search for a linearization of a minimal history.
    pub(super) fn of_minimal_history(
        specification: &'a SpecificationByReadings,
        readings: &'a Readings,
        minimal: &'a MinimalHistory,
    ) -> Self {
        let MinimalHistory { calls, anytime, end, .. } = minimal;
        Self { specification, readings, calls, anytime, end: end.as_ref() }
    }

    pub(super) fn run(&self) -> SearchResult {
        match self.with_search(|search| search.is_linearizable()) {
            Some(true) => SearchResult::Order,
            Some(false) => SearchResult::NoOrder,
            None => SearchResult::Undecided,
        }
    }

    /// Some of the longest prefixes; none if there is a linearization, or if the search stopped.
    pub(super) fn dead_ends(&self) -> Vec<DeadEnd> {
        let linearizability::SearchResult::None(dead_ends) = self.explore().result else {
            return Vec::new();
        };
        let dead_ends = dead_ends.into_iter();
        let readings = || self.readings.clone();
        dead_ends
            .map(|one| DeadEnd { order: one.order, state: one.state, readings: readings() })
            .collect()
    }

    /// The assumed readings with one more reading that changes an answer on some explored prefix.
    ///
    /// With `only_unexplained`, only the answers count that the assumed readings do not explain where
    /// their call is a candidate.
    pub(super) fn readings_that_matter(&self, only_unexplained: bool) -> BTreeSet<Readings> {
        let mut found = BTreeSet::new();
        let (specification, readings) = (self.specification, self.readings);
        let anytime = self.distinct_anytime_operations();
        let mut add = |operation: &PartitionOperation, state: &RoundState| {
            let more = specification.readings_that_matter(operation, state, readings);
            found.extend(more.iter().cloned());
        };
        for (taken, state) in self.explore().prefixes() {
            for call in candidates(&specification.by(readings), self.calls, taken) {
                let call = &self.calls[call];
                let is_unexplained =
                    || call.answer.is_some() && specification.step(call, state, readings).is_none();
                if !only_unexplained || is_unexplained() {
                    add(&call.operation, state);
                }
            }
            if !only_unexplained {
                for operation in &anytime {
                    add(operation, state);
                }
            }
        }
        found
    }

    /// Searches for a linearization; returns the result and all explored prefixes.
    fn explore(&self) -> linearizability::SearchOutcome<RoundState> {
        self.with_search(|search| search.explore())
    }

    fn with_search<T>(
        &self,
        run: impl FnOnce(HistorySearch<'_, RoundSpecification<'_>>) -> T,
    ) -> T {
        let specification: RoundSpecification<'_> = self.specification.by(self.readings);
        let anytime = self.distinct_anytime_operations();
        let end = self.end.map(|end| move |state: &RoundState| end.fits(state));
        run(HistorySearch {
            anytime: &anytime,
            stop: Some(&self.specification.stop),
            is_final: end.as_ref().map(|end| end as &dyn Fn(&RoundState) -> bool),
            ..HistorySearch::of(&specification, self.calls)
        })
    }

    /// The operations that may come at any time, without those that are equal to an earlier one.
    fn distinct_anytime_operations(&self) -> Vec<&'a PartitionOperation> {
        let operations: Vec<_> = self.anytime.iter().map(|call| (&call.operation, None)).collect();
        let distinct = distinct(&self.specification.by(self.readings), &operations);
        distinct.into_iter().map(|(operation, _)| operation).collect()
    }
}
