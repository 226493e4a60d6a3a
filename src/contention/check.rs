//! The check of a recording: for every partition of every round, whether one order of the calls explains
//! all answers.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::Actor;
use guest_access_model::linearizability::PartitionedSpecification;
use guest_access_model::stop::Stop;
use guest_access_rules::rules::Rules;

use crate::diff::ReadingTaken;

use super::Recording;
use super::consistency::{
    Consistency, ConsistencyCheck, ExplainedPartition, Inconsistency, LimitedSearch,
    UndecidedPartition,
};
use super::explain::{PartitionExplanation, explain, explain_by_known_readings};
use super::partition::{FinalState, Partition};
use super::recording::{Round, RoundEnd};
use super::specification::{Readings, RoundSpecification, SpecificationByReadings};
use super::violation::{Violation, violation};

/// The result of the check of a recording.
#[derive(Debug, Clone)]
pub struct CheckResult {
    /// The number of calls.
    pub calls: usize,
    /// The number of calls without an answer.
    pub unanswered: usize,
    /// The number of pairs of calls of one round that overlapped.
    pub overlapping: usize,
    /// The number of rounds.
    pub rounds: usize,
    /// The number of partitions.
    pub partitions: usize,
    /// The violations, the worst first; of equal violations one, with their number.
    pub violations: Vec<Violation>,
    /// The number of further partitions that no known reading explains, and that were not examined.
    pub unshown: usize,
    /// The questions that the homeserver answers in two ways.
    pub inconsistent: Vec<Inconsistency>,
    /// The readings other than ours that some answers need, without those of the questions that the
    /// homeserver answers in two ways.
    pub readings: Vec<NeededReading>,
    /// The partitions whose search stopped at a limit.
    pub undecided: Vec<UndecidedPartition>,
}

/// A reading other than ours that some answers need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededReading {
    /// The reading.
    pub taken: ReadingTaken,
    /// The number of partitions that need the reading.
    pub partitions: usize,
}

/// The number of unexplained answers of a partition that the check sets aside at most, to find further
/// violations.
const MAX_SET_ASIDE: usize = 6;

/// The readings other than ours that partitions needed so far.
#[derive(Debug, Default)]
struct ReadingUsage {
    /// The combinations of readings that explained some partition, the smallest first. A homeserver
    /// that follows a reading once is likely to follow the reading again.
    combinations: Vec<Readings>,
    /// The number of partitions that need each reading.
    partitions: BTreeMap<usize, usize>,
}

/// The number of violations that are examined. Shrinking takes many searches, and a further violation
/// teaches little.
const MAX_VIOLATIONS: usize = 24;

/// Checks recordings against one revision of the rules.
#[derive(Debug)]
pub struct Checker {
    rules: Rules,
    specification: SpecificationByReadings,
}

impl Checker {
    /// Returns a checker for homeservers that are to follow `rules`.
    pub fn new(rules: &Rules) -> Self {
        Self { rules: rules.clone(), specification: SpecificationByReadings::new(rules) }
    }

    /// The same checker, which stops as `stop` says. The partitions that are not checked by then are
    /// undecided.
    #[must_use]
    pub fn until(mut self, stop: Stop) -> Self {
        self.specification.stop = stop;
        self
    }

    /// Whether every partition of a round has a linearization.
    #[cfg(test)]
    pub(super) fn explains(&self, round: &Round) -> bool {
        RoundSpecification::partition(round).iter().all(|partition| self.has_order(partition))
    }

    /// Returns a test of final states of a round: whether some linearization of each partition leads to a
    /// given final state. A partition whose answers have no linearization permits every final state.
    pub fn final_state_test(&self, round: &Round) -> impl Fn(RoundEnd) -> bool {
        let answers = Round { end: None, ..round.clone() };
        let relevant =
            RoundSpecification::partition(&answers).into_iter().filter(|one| one.event.is_none());
        let linearizable: Vec<Partition> = relevant.filter(|one| self.has_order(one)).collect();
        move |end| {
            linearizable.iter().all(|one| {
                let end = Some(FinalState::of(&end, one.user));
                self.has_order(&Partition { end, ..one.clone() })
            })
        }
    }

    /// Checks a recording, and calls `progress` with the number of checked rounds after each round.
    pub fn check(&self, recording: &Recording, progress: impl Fn(usize)) -> CheckResult {
        let rounds = &recording.rounds;
        let calls = || rounds.iter().flat_map(|round| &round.calls);
        let mut checked = CheckResult {
            calls: calls().count(),
            unanswered: calls().filter(|call| call.answer.is_none()).count(),
            overlapping: rounds.iter().map(overlapping_calls).sum(),
            rounds: rounds.len(),
            partitions: 0,
            violations: Vec::new(),
            unshown: 0,
            inconsistent: Vec::new(),
            readings: Vec::new(),
            undecided: Vec::new(),
        };
        let mut usage = ReadingUsage::default();
        let mut explained: Vec<ExplainedPartition> = Vec::new();
        for (number, round) in (1..).zip(rounds) {
            let mut user: Option<Actor> = None;
            let mut set_aside: BTreeSet<Option<usize>> = BTreeSet::new();
            for (position, partition) in
                RoundSpecification::partition(round).into_iter().enumerate()
            {
                // No order explains with an event what no order explains without one.
                if user.replace(partition.user) != Some(partition.user) {
                    set_aside.clear();
                }
                checked.partitions += 1;
                let readings = self.check_partition(
                    round,
                    partition,
                    &mut set_aside,
                    &mut checked,
                    &mut usage,
                );
                explained.extend(readings.map(|readings| {
                    let set_aside = set_aside.clone();
                    ExplainedPartition { round: number - 1, position, set_aside, readings }
                }));
            }
            progress(number);
        }
        self.check_consistency(rounds, &explained, &mut checked, &mut usage);
        let all = &self.specification.variants.all;
        let needed = usage.partitions.into_iter().map(|(variant, partitions)| NeededReading {
            taken: ReadingTaken::of(&all[variant]),
            partitions,
        });
        // A homeserver takes one option for the whole run: of two options, neither is permitted.
        let is_refuted = |needed: &NeededReading| {
            let mut refuted = checked.inconsistent.iter();
            refuted.any(|one| one.conflict.decision_point == needed.taken.decision_point)
        };
        checked.readings = needed.filter(|needed| !is_refuted(needed)).collect();
        checked.violations = group_violations(checked.violations);
        checked
    }

    fn has_order(&self, partition: &Partition) -> bool {
        matches!(explain(&self.specification, partition, &[]), PartitionExplanation::Order(_))
    }

    /// Checks whether one assignment explains all explained partitions.
    fn check_consistency(
        &self,
        rounds: &[Round],
        explained: &[ExplainedPartition],
        checked: &mut CheckResult,
        usage: &mut ReadingUsage,
    ) {
        let (rules, specification) = (&self.rules, &self.specification);
        let check = ConsistencyCheck { rules, specification, rounds, explained };
        match check.run() {
            Consistency::Assignment(assignment) => {
                let is_taken = |reading: &usize| assignment.contains(reading);
                if !usage.partitions.keys().all(is_taken) {
                    usage.partitions = check.usage(&assignment);
                }
            }
            Consistency::Inconsistent(found) => checked.inconsistent = found,
            Consistency::Undecided(number) => {
                checked.undecided.extend(check.undecided_partition(number));
            }
        }
    }

    /// Checks a partition, and returns the readings that the partition needs; `None` if the partition has
    /// no verdict.
    ///
    /// The check sets an unexplained answer aside and goes on. A linearization with an answer is a
    /// linearization without the answer, so setting aside creates no violation.
    fn check_partition(
        &self,
        round: &Round,
        mut partition: Partition,
        set_aside: &mut BTreeSet<Option<usize>>,
        checked: &mut CheckResult,
        usage: &mut ReadingUsage,
    ) -> Option<Readings> {
        for _ in 0..=MAX_SET_ASIDE {
            partition = partition.without_answers(set_aside);
            let explanation = if self.specification.stop.now() {
                PartitionExplanation::Undecided
            } else if checked.violations.len() < MAX_VIOLATIONS {
                explain(&self.specification, &partition, &usage.combinations)
            } else if let Some(known) =
                explain_by_known_readings(&self.specification, &partition, &usage.combinations)
            {
                known
            } else {
                checked.unshown += 1;
                return None;
            };
            match explanation {
                PartitionExplanation::Order(readings) => {
                    for reading in readings.iter() {
                        *usage.partitions.entry(*reading).or_default() += 1;
                    }
                    if !readings.is_empty() && !usage.combinations.contains(&readings) {
                        usage.combinations.push(readings.clone());
                        usage.combinations.sort_by_key(|readings| readings.len());
                    }
                    return Some(readings);
                }
                PartitionExplanation::Undecided => {
                    checked.undecided.push(UndecidedPartition::of(
                        round,
                        &partition,
                        LimitedSearch::Linearization,
                    ));
                    return None;
                }
                PartitionExplanation::NoOrder(minimal, dead_ends) => {
                    set_aside.insert(minimal.unexplained);
                    let rules = (&self.rules, &self.specification);
                    let found = violation(rules, round, &partition, &minimal, &dead_ends);
                    checked.violations.push(found);
                }
            }
        }
        None
    }
}

/// The number of pairs of calls that overlapped.
fn overlapping_calls(round: &Round) -> usize {
    let calls = &round.calls;
    let later = |number: usize| calls.iter().skip(number + 1);
    let pairs = (0..calls.len()).flat_map(|one| later(one).map(move |other| (one, other)));
    pairs.filter(|(one, other)| !calls[*one].precedes(other)).count()
}

/// Joins equal violations to the shortest of them.
fn group_violations(violations: Vec<Violation>) -> Vec<Violation> {
    let mut groups: BTreeMap<_, Violation> = BTreeMap::new();
    for violation in violations {
        match groups.entry(violation.signature()) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(violation);
            }
            std::collections::btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                let count = known.count + violation.count;
                if violation.calls.len() < known.calls.len() {
                    *known = violation;
                }
                known.count = count;
            }
        }
    }
    groups.into_values().collect()
}
