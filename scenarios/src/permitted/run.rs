//! The judgement of a whole run: the one assignment that the homeserver takes, and the steps that the
//! assignment does not explain.
//!
//! # How the assignment is found
//! 1. Begin with the default.
//! 2. Change one thing of the assignment. Either take another option or the default at one decision
//!    point. Or take both options of a pair that explains an unexplained step.
//! 3. Choose the change that explains the most steps. If several do, choose the change with the
//!    smallest assignment ([`Assignment`] defines the order).
//! 4. Repeat this as long as the change explains more steps, or as many with a smaller assignment.
//! 5. If a step is left that some option, pair or the default explains, look for an assignment that
//!    explains every such step at once. If one is found, take the smallest.
//!
//! A step that nothing explains counts for no assignment. It does not count even for an assignment
//! under which the step is impossible.
//!
//! # What that guarantees
//! - No step of a homeserver with one assignment is called inconsistent, unless step 5 ends early. Step
//!   5 ends after [`MOST_TRIED`] assignments.
//! - No change of one decision point explains more of the steps that something explains.
//! - Where each step lists options of one decision point alone, no assignment explains more.
//!
//! Otherwise another assignment may explain more steps. The tests compare with every assignment.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::explanation::smallest;
use super::{Assignment, Match, OpenOptions, OptionNumber, StepMatches};

/// How many assignments step 5 tries.
pub const MOST_TRIED: usize = 1_024;

/// A run, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunJudgement {
    /// The one assignment that the homeserver is taken to follow.
    pub assignment: Assignment,
    /// The judgement of each step of each sequence.
    pub steps: Vec<Vec<StepJudgement>>,
}

/// The judgement of one step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepJudgement {
    /// The default expects the outcome, and so does the assignment.
    AsDefault,
    /// The assignment expects the outcome, because of these options.
    AsAssigned(Vec<OptionNumber>),
    /// The outcome is permitted, but not by the assignment: at these questions, the homeserver takes
    /// another option than in the rest of the run.
    Inconsistent(Vec<Conflict>),
    /// No permitted options explain the outcome.
    Unexplained,
}

/// A question at which a homeserver takes two options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The option that the assignment takes at the decision point; `None` for the default.
    pub in_run: Option<OptionNumber>,
    /// The option that explains the step; `None` for the default.
    pub here: Option<OptionNumber>,
}

impl Conflict {
    /// The decision point.
    pub fn point<'a>(&self, options: &'a OpenOptions) -> &'a str {
        let option = self.here.or(self.in_run);
        option.map_or("", |option| &options.get(option).point)
    }
}

/// Judges a run: finds the one assignment, and judges each step by it.
pub fn judge_run(options: &OpenOptions, sequences: &[Vec<StepMatches>]) -> RunJudgement {
    let explainable: Vec<_> = sequences.iter().map(|steps| explainable(steps)).collect();
    let mut search = RunSearch::new(options, &explainable);
    search.climb();
    let assignment = search.all_at_once().unwrap_or(search.assignment);
    judge_run_by(options, sequences, assignment)
}

/// Judges each step of a run by a known assignment.
pub fn judge_run_by(
    options: &OpenOptions,
    sequences: &[Vec<StepMatches>],
    assignment: Assignment,
) -> RunJudgement {
    let steps = classify_steps(options, sequences, &assignment);
    RunJudgement { assignment, steps }
}

struct RunSearch<'a> {
    options: &'a OpenOptions,
    /// The steps of each sequence that something explains.
    sequences: &'a [Vec<&'a StepMatches>],
    /// For each option, the sequences in which it is listed.
    listed_in: Vec<Vec<usize>>,
    assignment: Assignment,
    /// How many steps of each sequence the assignment explains.
    explained: Vec<usize>,
}

impl<'a> RunSearch<'a> {
    fn new(options: &'a OpenOptions, sequences: &'a [Vec<&'a StepMatches>]) -> Self {
        let lists = |steps: &[&StepMatches], option| {
            let mut listed = steps.iter().flat_map(|step| step.listed());
            listed.any(|(options, _)| options.contains(&option))
        };
        let listed_in = options.numbers().map(|option| {
            let numbered = sequences.iter().enumerate();
            numbered.filter(|(_, steps)| lists(steps, option)).map(|(number, _)| number).collect()
        });
        let assignment = Assignment::DEFAULT;
        let explained = sequences.iter().map(|steps| count_explained(steps, &assignment)).collect();
        Self { options, sequences, listed_in: listed_in.collect(), assignment, explained }
    }

    /// Steps 1 to 4.
    fn climb(&mut self) {
        loop {
            let before: usize = self.explained.iter().sum();
            let best = self.changes().into_iter().map(|changed| {
                let explained = self.explained_by(&changed);
                (Reverse(explained.iter().sum::<usize>()), changed, explained)
            });
            let best = best.min_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
            let Some((Reverse(after), changed, explained)) = best else { return };
            if after < before || after == before && changed >= self.assignment {
                return;
            }
            (self.assignment, self.explained) = (changed, explained);
        }
    }

    /// The assignments to which step 2 leads.
    fn changes(&self) -> Vec<Assignment> {
        let now = &self.assignment;
        let dropped = now.options().iter().map(|option| now.without(*option));
        let others = self.options.numbers().filter(|option| !now.takes(*option));
        let mut changes: Vec<_> =
            dropped.chain(others.map(|option| now.with(option, self.options))).collect();
        for steps in self.sequences {
            let unexplained = steps.iter().filter(|step| step.by(now) == Match::Differs);
            for pair in unexplained.flat_map(|step| step.met()).filter(|met| met.len() == 2) {
                let changed = pair.iter().fold(now.clone(), |a, o| a.with(*o, self.options));
                changes.push(changed);
            }
        }
        changes.sort();
        changes.dedup();
        changes
    }

    /// How many steps of each sequence an assignment explains.
    fn explained_by(&self, changed: &Assignment) -> Vec<usize> {
        let mut counts = self.explained.clone();
        let now = &self.assignment;
        let dropped = now.options().iter().filter(|option| !changed.takes(**option));
        let added = changed.options().iter().filter(|option| !now.takes(**option));
        let affected = dropped.chain(added).flat_map(|option| {
            let place = self.options.numbers().position(|number| number == *option);
            place.map_or(&[][..], |place| &self.listed_in[place])
        });
        for number in affected {
            counts[*number] = count_explained(&self.sequences[*number], changed);
        }
        counts
    }

    /// Step 5.
    fn all_at_once(&self) -> Option<Assignment> {
        let steps: usize = self.sequences.iter().map(Vec::len).sum();
        if self.explained.iter().sum::<usize>() == steps {
            return None;
        }
        smallest(self.options, self.sequences, MOST_TRIED)
    }
}

/// How many steps of a sequence an assignment explains.
fn count_explained(steps: &[&StepMatches], assignment: &Assignment) -> usize {
    let mut count = 0;
    for (place, step) in steps.iter().enumerate() {
        match step.by(assignment) {
            Match::Meets => count += 1,
            Match::Differs => {}
            Match::Ends => return count + steps.len() - place,
        }
    }
    count
}

/// The steps of a sequence that the default, an option or a pair explains.
fn explainable(steps: &[StepMatches]) -> Vec<&StepMatches> {
    steps.iter().filter(|step| step.is_explainable()).collect()
}

/// The judgement of each step of a run by an assignment.
///
/// 1. Classify the steps that the assignment explains.
/// 2. For each other step, find the fewest questions that the homeserver answers otherwise here.
/// 3. Where several answers are as few, take those that explain the most steps of the run; of these
///    the first in order.
fn classify_steps(
    options: &OpenOptions,
    sequences: &[Vec<StepMatches>],
    assignment: &Assignment,
) -> Vec<Vec<StepJudgement>> {
    let mut explained: BTreeMap<Vec<Conflict>, usize> = BTreeMap::new();
    let mut conflicts = BTreeMap::new();
    for (number, steps) in sequences.iter().enumerate() {
        for (place, step) in steps.iter().enumerate() {
            if step.by(assignment) == Match::Differs {
                let fewest = fewest_conflicts(options, step, assignment);
                for conflicts in &fewest {
                    *explained.entry(conflicts.clone()).or_default() += 1;
                }
                conflicts.insert((number, place), fewest);
            }
        }
    }
    let classify = |(number, steps): (usize, &Vec<StepMatches>)| {
        let mut ended: Option<Vec<OptionNumber>> = None;
        let steps = steps.iter().enumerate().map(|(place, step)| {
            if let Some(by) = &ended {
                return StepJudgement::AsAssigned(by.clone());
            }
            match step.deciding(assignment) {
                (by, Match::Ends) => {
                    ended = Some(by.clone());
                    StepJudgement::AsAssigned(by)
                }
                (_, Match::Meets) if step.meets_default() => StepJudgement::AsDefault,
                (by, Match::Meets) => StepJudgement::AsAssigned(by),
                (_, Match::Differs) => {
                    let fewest = conflicts.get(&(number, place)).into_iter().flatten();
                    let best = fewest.min_by_key(|by| (Reverse(explained[*by]), *by));
                    best.map_or(StepJudgement::Unexplained, |by| {
                        StepJudgement::Inconsistent(by.clone())
                    })
                }
            }
        });
        steps.collect()
    };
    sequences.iter().enumerate().map(classify).collect()
}

/// The smallest sets of questions that a homeserver must answer otherwise, so that a step becomes
/// explained. Empty if nothing explains the step.
fn fewest_conflicts(
    options: &OpenOptions,
    step: &StepMatches,
    assignment: &Assignment,
) -> BTreeSet<Vec<Conflict>> {
    let default = step.meets_default().then(Vec::new);
    let explaining = default.into_iter().chain(step.met());
    let conflicts = explaining.filter_map(|explaining| {
        let mut here = explaining.iter().fold(assignment.clone(), |a, o| a.with(*o, options));
        // Any other option that decides the step is set back to its default.
        loop {
            let (deciding, found) = step.deciding(&here);
            if found == Match::Meets {
                return Some(conflicts(options, assignment, &here));
            }
            let foreign = deciding.into_iter().find(|option| !explaining.contains(option))?;
            here = here.without(foreign);
        }
    });
    let mut conflicts: BTreeSet<_> = conflicts.collect();
    let fewest = conflicts.iter().map(Vec::len).min();
    conflicts.retain(|conflicts| Some(conflicts.len()) == fewest);
    conflicts
}

/// The questions to which two assignments give other answers.
fn conflicts(options: &OpenOptions, in_run: &Assignment, here: &Assignment) -> Vec<Conflict> {
    let otherwise = here.options().iter().filter(|option| !in_run.takes(**option));
    let taken =
        otherwise.map(|o| Conflict { in_run: in_run.at_point_of(*o, options), here: Some(*o) });
    let dropped = in_run.options().iter().filter(|o| here.at_point_of(**o, options).is_none());
    taken.chain(dropped.map(|o| Conflict { in_run: Some(*o), here: None })).collect()
}
