//! One assignment of readings for a whole recording.
//!
//! A homeserver takes one option at each open question, for the whole run
//! ([`permitted`](guest_access_scenarios::permitted)). The check of a partition finds the readings that this partition
//! needs. The consistency check finds one assignment that explains every partition:
//!
//! 1. Unite the readings that the partitions need. If no two of them exclude each other, and every
//!    partition has a linearization by the union, then the union is the assignment.
//! 2. Else begin with the default. Take the smallest assignment that was not tried yet.
//! 3. If every partition has a linearization by this assignment, then the assignment is found.
//! 4. Else shrink a partition without a linearization to a minimal history. Extend the assignment by each
//!    reading, and by each pair of readings, that explains the minimal history. Go on with step 2.
//! 5. If no assignment is left to try, the homeserver is *inconsistent*.
//!
//! The evidence that a homeserver is inconsistent:
//!
//! 6. Compare each partition with the default and with the needed readings ([`StepMatches`]).
//!    [`judge_run`] returns the assignment that explains the most partitions.
//! 7. For each partition without a linearization by this assignment, find the fewest questions for
//!    which the partition needs another answer.
//! 8. Find another partition, which has a linearization by the assignment, and none by the other answers.
//!    The two partitions are the evidence. If there is no such partition, the other answers explain more
//!    partitions: take them for the assignment, and go on with step 7.
//!
//! An answer that the check of its partition set aside stays set aside. A search that stops at its limit
//! refutes nothing. So a limit makes the recording *undecided*, and never *inconsistent*.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::linearizability::PartitionedSpecification;
use guest_access_rules::rules::Rules;
use guest_access_scenarios::permitted::{Match, OpenOptions, StepMatches, TakenOption, judge_run};
use guest_access_scenarios::scenario::actor_name;
use serde::Serialize;

use crate::diff::ReadingConflict;

use super::explain::{Pairs, explaining_readings, necessary_readings};
use super::linearization::{LinearizationSearch, SearchResult};
use super::minimal_history::MinimalHistory;
use super::partition::Partition;
use super::recording::{RecordedCall, Round};
use super::shrink::shrink;
use super::specification::{Readings, RoundSpecification, SpecificationByReadings};
use super::violation::reported_call;

/// A question that a homeserver answers in two ways within one recording. Each partition by itself is
/// permitted.
#[derive(Debug, Clone)]
pub struct Inconsistency {
    /// The question, and both options.
    pub conflict: ReadingConflict,
    /// The number of partitions that need the option `here`.
    pub partitions: usize,
    /// A partition that has a linearization by the option of the run, and none by the option `here`.
    pub in_run: PartitionEvidence,
    /// A partition that has a linearization by the option `here`, and none by the option of the run.
    pub here: PartitionEvidence,
}

/// A partition that refutes one option of a question.
#[derive(Debug, Clone)]
pub struct PartitionEvidence {
    /// The round.
    pub round: u32,
    /// The user of the partition.
    pub user: String,
    /// The event of the partition.
    pub event: Option<String>,
    /// The calls that have no linearization by the refuted option.
    pub calls: Vec<RecordedCall>,
    /// The position among these calls of the unexplained call; none if the final state is unexplained.
    pub unexplained: Option<usize>,
}

/// A search that stopped at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitedSearch {
    /// The search for a linearization of one partition: nobody knows whether the partition has one.
    Linearization,
    /// The search for one assignment of readings: each partition has a linearization, and nobody knows
    /// whether one assignment explains all of them.
    Assignment,
}

/// A partition whose search stopped at a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndecidedPartition {
    /// The search.
    pub search: LimitedSearch,
    /// The round.
    pub round: u32,
    /// The user of the partition.
    pub user: String,
    /// The event of the partition.
    pub event: Option<String>,
}

impl UndecidedPartition {
    /// The partition of a round as an undecided one.
    pub(super) fn of(round: &Round, partition: &Partition, search: LimitedSearch) -> Self {
        let (user, event) = (actor_name(partition.user), partition.event.clone());
        Self { search, round: round.number, user, event }
    }
}

/// A partition with a linearization by some readings.
#[derive(Debug, Clone)]
pub(super) struct ExplainedPartition {
    /// The position of the round in the recording.
    pub(super) round: usize,
    /// The position of the partition in the round.
    pub(super) position: usize,
    /// The answers that were set aside, by the number of the call; `None` is the final state.
    pub(super) set_aside: BTreeSet<Option<usize>>,
    /// The readings other than ours that the partition needs.
    pub(super) readings: Readings,
}

/// Whether one assignment explains every partition.
#[derive(Debug, Clone)]
pub(super) enum Consistency {
    /// This assignment explains every partition.
    Assignment(Readings),
    /// No assignment explains every partition.
    Inconsistent(Vec<Inconsistency>),
    /// A search stopped at its limit: the search for an assignment, or the search for a linearization
    /// of a partition. The number is the position of the partition among the explained ones.
    Undecided(usize),
}

/// The number of assignments that are tried at most.
const MAX_ASSIGNMENTS: usize = 256;

/// The partitions of a recording, and the readings that each of them needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConsistencyCheck<'a> {
    pub(super) rules: &'a Rules,
    pub(super) specification: &'a SpecificationByReadings,
    pub(super) rounds: &'a [Round],
    /// The explained partitions, in the order of the recording.
    pub(super) explained: &'a [ExplainedPartition],
}

/// What an assignment explains.
enum AssignmentTrial {
    Explains,
    /// A search stopped at its limit, and none refutes the assignment.
    Undecided(usize),
    /// A partition has no linearization by the assignment.
    Refuted(usize, Partition),
}

/// A question that a partition needs answered otherwise than the run: the variants taken in the run and by
/// the partition; `None` is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Switch {
    in_run: Option<usize>,
    here: Option<usize>,
}

impl Partition {
    /// The partition without the answers, and without the final state, that are set aside.
    pub(super) fn without_answers(mut self, set_aside: &BTreeSet<Option<usize>>) -> Self {
        for call in &mut self.calls {
            if set_aside.contains(&Some(call.number)) {
                call.answer = None;
            }
        }
        if set_aside.contains(&None) {
            self.end = None;
        }
        self
    }
}

impl ConsistencyCheck<'_> {
    /// Steps 1 to 5.
    pub(super) fn run(&self) -> Consistency {
        let union = self.needed_readings();
        let mut undecided = None;
        if self.is_consistent(&union) {
            match self.trial(&union) {
                AssignmentTrial::Explains => return Consistency::Assignment(union),
                AssignmentTrial::Undecided(partition) => undecided = Some(partition),
                AssignmentTrial::Refuted(..) => {}
            }
        }
        let mut queue = BTreeSet::from([(0, Readings::from([]))]);
        let mut known = queue.clone();
        let mut histories: Vec<MinimalHistory> = Vec::new();
        let mut tried = 0;
        let mut last_refuted = 0;
        while let Some((_, readings)) = queue.pop_first() {
            if tried == MAX_ASSIGNMENTS || self.specification.stop.now() {
                return Consistency::Undecided(last_refuted);
            }
            tried += 1;
            let refutes = |minimal: &MinimalHistory| {
                let search =
                    LinearizationSearch::of_minimal_history(self.specification, &readings, minimal);
                matches!(search.run(), SearchResult::NoOrder)
            };
            let number = match histories.iter().position(refutes) {
                Some(number) => number,
                None => match self.trial(&readings) {
                    AssignmentTrial::Explains => return Consistency::Assignment(readings),
                    AssignmentTrial::Undecided(partition) => {
                        undecided.get_or_insert(partition);
                        continue;
                    }
                    AssignmentTrial::Refuted(number, partition) => {
                        last_refuted = number;
                        let minimal = shrink(self.specification, &partition, &readings);
                        let Some(minimal) = minimal else {
                            undecided.get_or_insert(number);
                            continue;
                        };
                        histories.push(minimal);
                        histories.len() - 1
                    }
                },
            };
            let minimal = &histories[number];
            for more in explaining_readings(self.specification, &readings, minimal, Pairs::Always) {
                let more = (more.len(), more);
                if known.insert(more.clone()) {
                    queue.insert(more);
                }
            }
        }
        match undecided {
            Some(partition) => Consistency::Undecided(partition),
            // The last search may have been stopped before it found every reading.
            None if self.specification.stop.now() => Consistency::Undecided(last_refuted),
            None => self
                .inconsistencies()
                .map_or(Consistency::Undecided(last_refuted), Consistency::Inconsistent),
        }
    }

    /// The readings that some partition needs.
    fn needed_readings(&self) -> Readings {
        let needed = self.explained.iter().flat_map(|one| one.readings.iter().copied());
        needed.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether no two of these readings answer one question.
    fn is_consistent(&self, readings: &Readings) -> bool {
        let variants = &self.specification.variants;
        let mut pairs = readings.iter().enumerate().flat_map(|(place, one)| {
            readings.iter().skip(place + 1).map(move |other| (*one, *other))
        });
        !pairs.any(|(one, other)| variants.exclude_each_other(one, other))
    }

    /// The explained partitions, in order.
    fn partitions(&self) -> impl Iterator<Item = Partition> {
        let of_rounds = self.explained.chunk_by(|one, other| one.round == other.round);
        of_rounds.flat_map(|of_round| {
            let partitions = RoundSpecification::partition(&self.rounds[of_round[0].round]);
            let explained = of_round
                .iter()
                .map(|one| partitions[one.position].clone().without_answers(&one.set_aside));
            explained.collect::<Vec<_>>()
        })
    }

    /// The explained partition with this number.
    fn partition(&self, number: usize) -> Option<Partition> {
        let explained = self.explained.get(number)?;
        let partitions = RoundSpecification::partition(&self.rounds[explained.round]);
        let partition = partitions.into_iter().nth(explained.position)?;
        Some(partition.without_answers(&explained.set_aside))
    }

    /// Searches for a linearization of a partition by an assignment.
    fn search(&self, number: usize, partition: &Partition, readings: &Readings) -> SearchResult {
        if self.explained[number].readings == *readings {
            return SearchResult::Order;
        }
        LinearizationSearch::of_partition(self.specification, readings, partition).run()
    }

    /// Searches for a linearization of each partition by an assignment, until a partition has none.
    fn trial(&self, readings: &Readings) -> AssignmentTrial {
        // Most recordings need no reading at all: then no round is partitioned again.
        if self.explained.iter().all(|one| one.readings == *readings) {
            return AssignmentTrial::Explains;
        }
        let mut trial = AssignmentTrial::Explains;
        for (number, partition) in self.partitions().enumerate() {
            match (self.search(number, &partition, readings), &trial) {
                (SearchResult::NoOrder, _) => return AssignmentTrial::Refuted(number, partition),
                (SearchResult::Undecided, AssignmentTrial::Explains) => {
                    trial = AssignmentTrial::Undecided(number);
                }
                (SearchResult::Order | SearchResult::Undecided, _) => {}
            }
        }
        trial
    }

    /// Steps 6 to 8; `None` if limits left no evidence.
    fn inconsistencies(&self) -> Option<Vec<Inconsistency>> {
        let mut in_run = self.assignment_of_most_partitions();
        let mut results = self.results(&in_run);
        'assignment: loop {
            let mut needs: BTreeMap<Vec<Switch>, Vec<usize>> = BTreeMap::new();
            for (number, partition) in self.partitions().enumerate() {
                if matches!(results[number], SearchResult::NoOrder) {
                    let switches = self.fewest_switches(number, &partition, &in_run);
                    needs.entry(switches).or_default().push(number);
                }
            }
            let mut found = Vec::new();
            for (switches, partitions) in needs {
                let here = with_switches(&in_run, &switches);
                let results_here = self.results(&here);
                let is_order = |result: &SearchResult| matches!(result, SearchResult::Order);
                let opposite = results.iter().zip(&results_here).position(|(in_run, here)| {
                    is_order(in_run) && matches!(here, SearchResult::NoOrder)
                });
                let Some(opposite) = opposite else {
                    let count = |results: &[SearchResult]| {
                        results.iter().filter(|result| is_order(result)).count()
                    };
                    if count(&results_here) > count(&results) {
                        (in_run, results) = (here, results_here);
                        continue 'assignment;
                    }
                    continue;
                };
                let evidence =
                    (self.evidence(opposite, &here)?, self.evidence(partitions[0], &in_run)?);
                found.extend(switches.iter().map(|switch| Inconsistency {
                    conflict: ReadingConflict::between(
                        self.rules,
                        &self.specification.variants,
                        switch.in_run,
                        switch.here,
                    ),
                    partitions: partitions.len(),
                    in_run: evidence.0.clone(),
                    here: evidence.1.clone(),
                }));
            }
            return (!found.is_empty()).then_some(found);
        }
    }

    /// Step 6: the assignment that explains the most partitions.
    fn assignment_of_most_partitions(&self) -> Readings {
        let needed = self.needed_readings();
        let variants = &self.specification.variants.all;
        let option = |variant: usize| TakenOption::of(&variants[variant]);
        let options = OpenOptions::new(needed.iter().map(|variant| option(*variant)));
        let numbered = needed.iter().filter_map(|variant| {
            options.number(&option(*variant)).map(|number| (*variant, number))
        });
        let numbered: BTreeMap<_, _> = numbered.collect();
        let matches = self.partitions().enumerate().map(|(place, partition)| {
            let own = &self.explained[place].readings;
            let mut matches = StepMatches::by_default(own.is_empty());
            for (variant, option) in &numbered {
                let result = self.search(place, &partition, &Readings::from([*variant]));
                let is_refuted = matches!(result, SearchResult::NoOrder);
                matches.list(*option, if is_refuted { Match::Differs } else { Match::Meets });
            }
            if let [one, other] = **own {
                matches.list_pair(numbered[&one], numbered[&other], Match::Meets);
            }
            vec![matches]
        });
        let judged = judge_run(&options, &matches.collect::<Vec<_>>());
        let takes = |variant: &usize| judged.assignment.takes(numbered[variant]);
        needed.iter().copied().filter(takes).collect()
    }

    /// How many partitions need each reading of an assignment that explains every partition.
    pub(super) fn usage(&self, assignment: &Readings) -> BTreeMap<usize, usize> {
        let mut usage = BTreeMap::new();
        for partition in self.partitions() {
            for reading in necessary_readings(self.specification, &partition, assignment).iter() {
                *usage.entry(*reading).or_default() += 1;
            }
        }
        usage
    }

    /// The partition with this number, as an undecided one.
    pub(super) fn undecided_partition(&self, number: usize) -> Option<UndecidedPartition> {
        let partition = self.partition(number)?;
        Some(UndecidedPartition::of(
            &self.rounds[self.explained[number].round],
            &partition,
            LimitedSearch::Assignment,
        ))
    }

    fn results(&self, readings: &Readings) -> Vec<SearchResult> {
        let partitions = self.partitions().enumerate();
        partitions.map(|(number, partition)| self.search(number, &partition, readings)).collect()
    }

    /// Step 7: the smallest set of questions for which the partition needs another answer than `in_run`
    /// gives.
    fn fewest_switches(
        &self,
        number: usize,
        partition: &Partition,
        in_run: &Readings,
    ) -> Vec<Switch> {
        let variants = &self.specification.variants;
        let own = &self.explained[number].readings;
        let instead_of = |variant: usize, taken: &Readings| {
            taken.iter().copied().find(|other| variants.exclude_each_other(variant, *other))
        };
        let added = own.iter().filter(|here| !in_run.contains(here));
        let added =
            added.map(|here| Switch { in_run: instead_of(*here, in_run), here: Some(*here) });
        let dropped = in_run.iter().filter(|taken| instead_of(**taken, own).is_none());
        let dropped = dropped.map(|taken| Switch { in_run: Some(*taken), here: None });
        let mut switches: Vec<Switch> = added.chain(dropped).collect();
        for switch in switches.clone() {
            let fewer: Vec<Switch> =
                switches.iter().copied().filter(|other| *other != switch).collect();
            let readings = with_switches(in_run, &fewer);
            if matches!(self.search(number, partition, &readings), SearchResult::Order) {
                switches = fewer;
            }
        }
        switches
    }

    /// The calls of a partition that refute an assignment.
    fn evidence(&self, number: usize, refuted: &Readings) -> Option<PartitionEvidence> {
        let partition = self.partition(number)?;
        let MinimalHistory { calls, unexplained, .. } =
            shrink(self.specification, &partition, refuted)?;
        let round = &self.rounds[self.explained[number].round];
        Some(PartitionEvidence {
            round: round.number,
            user: actor_name(partition.user),
            event: partition.event,
            unexplained: calls.iter().position(|call| Some(call.number) == unexplained),
            calls: calls.iter().map(|call| reported_call(round, call)).collect(),
        })
    }
}

/// The assignment with another answer to each of these questions.
fn with_switches(in_run: &Readings, switches: &[Switch]) -> Readings {
    let is_dropped = |variant: &usize| switches.iter().any(|one| one.in_run == Some(*variant));
    let kept = in_run.iter().copied().filter(|variant| !is_dropped(variant));
    let mut readings: Vec<usize> = kept.chain(switches.iter().filter_map(|one| one.here)).collect();
    readings.sort_unstable();
    readings.into()
}
