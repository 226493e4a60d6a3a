//! Checking a recording: for every part of every round, whether one order of its calls explains all
//! that was answered.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::Actor;
use guest_access_rules::rules::Rules;

use crate::scenario::actor_name;

use super::Recording;
use super::explain::{Explanation, by_known, explain};
use super::partition::{FinalState, Partition, parts};
use super::recording::{Round, RoundEnd};
use super::specification::{Readings, SequentialSpecification};
use super::violation::{Violation, violation};

/// What the check of a recording found.
#[derive(Debug, Clone)]
pub struct CheckResult {
    /// How many calls there are.
    pub calls: usize,
    /// How many of them have no answer.
    pub unanswered: usize,
    /// How many pairs of calls of one round overlapped.
    pub overlapping: usize,
    /// How many rounds there are.
    pub rounds: usize,
    /// How many parts they were checked in.
    pub parts: usize,
    /// What no order explains, the worst first; the like of it once.
    pub violations: Vec<Violation>,
    /// How many more parts have no order by the readings that were found, and were not looked into.
    pub unshown: usize,
    /// The readings other than ours that some answers take, and how many parts need each.
    pub readings: Vec<NeededReading>,
    /// The parts in which not all orders could be tried.
    pub undecided: Vec<UndecidedPartition>,
}

/// A reading other than ours that some answers take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededReading {
    /// The decision point.
    pub decision_point: String,
    /// The option.
    pub option: String,
    /// The reading on which our own rests; none where the text is silent.
    pub reading: Option<String>,
    /// How many parts need it.
    pub parts: usize,
}

/// A part in which not all orders could be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndecidedPartition {
    /// The round.
    pub round: u32,
    /// Whose calls.
    pub of: String,
    /// The event that it is about.
    pub event: Option<String>,
}

/// The answers of a part that are set aside at the most, for what else there is to be found.
const MOST_SET_ASIDE: usize = 6;

/// The readings other than ours that parts take.
#[derive(Debug, Default)]
struct ReadingUsage {
    /// Those by which some part has an order, the fewest first: what a homeserver does once, it does
    /// again.
    readings: Vec<Readings>,
    /// How many parts need each.
    needed: BTreeMap<usize, usize>,
}

/// How many violations are looked into: to find the least of one takes many searches, and who has so many
/// of them learns little from one more.
const MOST_SHOWN: usize = 24;

/// What a homeserver did, held against one set of rules.
#[derive(Debug)]
pub struct Checker {
    rules: Rules,
    rulebook: SequentialSpecification,
}

impl Checker {
    /// A checker of what is to keep to `rules`.
    pub fn new(rules: &Rules) -> Self {
        Self { rules: rules.clone(), rulebook: SequentialSpecification::new(rules) }
    }

    /// Whether one order explains every part of a round.
    #[cfg(test)]
    pub(super) fn explains(&self, round: &Round) -> bool {
        parts(round).iter().all(|part| self.has_order(part))
    }

    /// Whether a round may have ended in some way: as far as one order explains its answers, whether one
    /// also leads there.
    pub fn ending_of(&self, round: &Round) -> impl Fn(RoundEnd) -> bool {
        let answers = Round { end: None, ..round.clone() };
        let explained = parts(&answers).into_iter().filter(|part| part.event.is_none());
        let explained = explained.filter(|part| self.has_order(part));
        let explained: Vec<Partition> = explained.collect();
        move |end| {
            explained.iter().all(|part| {
                let part = Partition { end: Some(FinalState::of(&end, part.of)), ..part.clone() };
                self.has_order(&part)
            })
        }
    }

    /// Checks a recording; `progress` is told of the rounds that are done.
    pub fn check(&self, recording: &Recording, progress: impl Fn(usize)) -> CheckResult {
        let rounds = &recording.rounds;
        let calls = || rounds.iter().flat_map(|round| &round.calls);
        let mut checked = CheckResult {
            calls: calls().count(),
            unanswered: calls().filter(|call| call.answer.is_none()).count(),
            overlapping: rounds.iter().map(overlapping).sum(),
            rounds: rounds.len(),
            parts: 0,
            violations: Vec::new(),
            unshown: 0,
            readings: Vec::new(),
            undecided: Vec::new(),
        };
        let mut taken = ReadingUsage::default();
        for (done, round) in (1..).zip(rounds) {
            let mut of: Option<Actor> = None;
            let mut set_aside: BTreeSet<Option<usize>> = BTreeSet::new();
            for part in parts(round) {
                // What no order explains without an event, none explains with one.
                if of.replace(part.of) != Some(part.of) {
                    set_aside.clear();
                }
                checked.parts += 1;
                self.part(round, part, &mut set_aside, &mut checked, &mut taken);
            }
            progress(done);
        }
        let all = &self.rulebook.variants.all;
        checked.readings = taken
            .needed
            .into_iter()
            .map(|(variant, parts)| NeededReading {
                decision_point: all[variant].point(),
                option: all[variant].option(),
                reading: all[variant].reading().map(str::to_owned),
                parts,
            })
            .collect();
        checked.violations = grouped(checked.violations);
        checked
    }

    fn has_order(&self, part: &Partition) -> bool {
        matches!(explain(&self.rulebook, part, &[]), Explanation::Order(_))
    }

    /// Checks a part. An answer that no order explains is set aside, which may hide nothing: what has an
    /// order with it has one without it.
    fn part(
        &self,
        round: &Round,
        mut part: Partition,
        set_aside: &mut BTreeSet<Option<usize>>,
        checked: &mut CheckResult,
        taken: &mut ReadingUsage,
    ) {
        for _ in 0..=MOST_SET_ASIDE {
            for call in &mut part.calls {
                if set_aside.contains(&Some(call.number)) {
                    call.answer = None;
                }
            }
            if set_aside.contains(&None) {
                part.end = None;
            }
            let undecided = || UndecidedPartition {
                round: round.number,
                of: actor_name(part.of),
                event: part.event.clone(),
            };
            let explained = if checked.violations.len() < MOST_SHOWN {
                explain(&self.rulebook, &part, &taken.readings)
            } else if let Some(known) = by_known(&self.rulebook, &part, &taken.readings) {
                known
            } else {
                checked.unshown += 1;
                return;
            };
            match explained {
                Explanation::Order(readings) => {
                    for reading in readings.iter() {
                        *taken.needed.entry(*reading).or_default() += 1;
                    }
                    if !readings.is_empty() && !taken.readings.contains(&readings) {
                        taken.readings.push(readings);
                        taken.readings.sort_by_key(|readings| readings.len());
                    }
                    return;
                }
                Explanation::Undecided => {
                    checked.undecided.push(undecided());
                    return;
                }
                Explanation::NoOrder(least, stuck) => {
                    set_aside.insert(least.unexplained);
                    let rules = (&self.rules, &self.rulebook);
                    let found = violation(rules, round, &part, &least, &stuck);
                    checked.violations.push(found);
                }
            }
        }
    }
}

/// How many pairs of calls overlapped.
fn overlapping(round: &Round) -> usize {
    let calls = &round.calls;
    let later = |number: usize| calls.iter().skip(number + 1);
    let pairs = (0..calls.len()).flat_map(|one| later(one).map(move |other| (one, other)));
    pairs.filter(|(one, other)| !calls[*one].precedes(other)).count()
}

/// The like of a violation once, as the shortest that shows it.
fn grouped(violations: Vec<Violation>) -> Vec<Violation> {
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
