//! Judges one sequence of steps. A homeserver may take any one assignment for the whole sequence.

use super::explanation::smallest;
use super::{Assignment, Match, OpenOptions, StepMatches};

/// How many assignments are tried on one sequence.
const MOST_TRIED: usize = 4_096;

/// Judges a sequence of steps one by one.
///
/// A step is permitted if one assignment explains the step and all permitted steps before. A step
/// that is not permitted is left out of what later steps are judged by.
#[derive(Debug, Clone)]
pub struct SequenceJudge {
    options: OpenOptions,
    /// The permitted steps so far.
    steps: Vec<StepMatches>,
    /// The smallest assignment that explains these.
    assignment: Assignment,
    /// Whether the assignment came to a step that it cannot take.
    has_ended: bool,
}

impl SequenceJudge {
    /// A judge of a sequence in whose steps these options are listed.
    pub const fn new(options: OpenOptions) -> Self {
        Self { options, steps: Vec::new(), assignment: Assignment::DEFAULT, has_ended: false }
    }

    /// The options that the steps may list.
    pub const fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Judges the next step: the smallest assignment that explains it and all permitted steps
    /// before; `None` if the step is not permitted.
    pub fn step(&mut self, step: StepMatches) -> Option<&Assignment> {
        let found = if self.has_ended { Match::Ends } else { step.by(&self.assignment) };
        if found == Match::Differs {
            let steps = self.steps.iter().chain([&step]).collect();
            let assignment = smallest(&self.options, &[steps], MOST_TRIED)?;
            let mut all = self.steps.iter().chain([&step]);
            self.has_ended = all.any(|step| step.by(&assignment) == Match::Ends);
            self.assignment = assignment;
        } else {
            self.has_ended = found == Match::Ends;
        }
        self.steps.push(step);
        Some(&self.assignment)
    }
}
