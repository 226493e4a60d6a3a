//! One scenario on a homeserver: what was planned, what was observed, and what differs.

use std::collections::BTreeSet;
use std::sync::Arc;

use guest_access_model::action::Action;
use guest_access_model::decide::Outcome;
use guest_access_model::state::State;
use guest_access_rules::endpoint::EndpointId;
use guest_access_scenarios::scenario::sentence;

use crate::subject::server::{FurtherRead, NotRunReason, ServerError, SessionRecording};

use super::content::ContentCoverage;
use super::judge::StepRecord;
use super::read_class::ReadClass;
use super::renaming::Renaming;
use super::result::NotRun;

/// A scenario to run: steps that are possible under the rules, from the initial state on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedScenario {
    /// The id.
    pub id: String,
    /// The steps.
    pub steps: Vec<Action>,
    /// What is compared besides the decisions.
    pub content: ContentPlan,
    /// Whether only the last step is in question: the other steps lead to it.
    pub is_trial: bool,
}

/// Whether the answers to a scenario are compared event by event, and in which other ways its reads ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentPlan {
    /// Only the decisions are compared.
    Skipped,
    /// The answers are compared. The first read of each of these classes also asks in another way.
    Compared(BTreeSet<ReadClass>),
    /// The answers are compared, and every read also asks in all other ways.
    Whole,
}

impl ContentPlan {
    /// The ways in which a read also asks whose further calls have these classes.
    pub(super) fn further(&self, classes: &[ReadClass]) -> BTreeSet<FurtherRead> {
        let is_planned = |class: &&ReadClass| match self {
            Self::Skipped => false,
            Self::Compared(planned) => planned.contains(*class),
            Self::Whole => true,
        };
        classes.iter().filter(is_planned).map(|class| class.read).collect()
    }

    /// The further call of this class was made.
    pub(super) fn was_made(&mut self, class: ReadClass) {
        if let Self::Compared(planned) = self {
            planned.remove(&class);
        }
    }
}

/// The result of a scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct ScenarioRun {
    pub(super) segments: Vec<Segment>,
    /// The number of steps that were judged.
    pub(super) decisions: usize,
    pub(super) not_run: Vec<NotRun>,
    /// The sections of the answers that were compared.
    pub(super) coverage: ContentCoverage,
    /// The error that ended the scenario early, if one did.
    pub(super) broken: Option<ServerError>,
}

impl ScenarioRun {
    /// A step was not compared, or not with all its effects, and `dependent` steps with it.
    pub(super) fn step_not_run(
        &mut self,
        scenario: &PlannedScenario,
        step: &Action,
        dependent: usize,
        reason: &NotRunReason,
    ) {
        self.add_not_run(scenario, Some(step), dependent, 1 + dependent, reason);
    }

    /// Steps that depend on a step were not run. The step itself was compared, or was counted before.
    pub(super) fn dependent_not_run(
        &mut self,
        scenario: &PlannedScenario,
        step: &Action,
        dependent: usize,
        reason: &NotRunReason,
    ) {
        self.add_not_run(scenario, Some(step), dependent, dependent, reason);
    }

    /// The remaining steps of a scenario were not run.
    pub(super) fn rest_not_run(
        &mut self,
        scenario: &PlannedScenario,
        steps: usize,
        reason: &NotRunReason,
    ) {
        self.add_not_run(scenario, None, steps, steps, reason);
    }

    fn add_not_run(
        &mut self,
        scenario: &PlannedScenario,
        step: Option<&Action>,
        with_it: usize,
        decisions: usize,
        NotRunReason { kind, because }: &NotRunReason,
    ) {
        self.not_run.push(NotRun {
            scenario: scenario.id.clone(),
            step: step.map(|step| sentence(&Renaming::of(step).step(step))),
            endpoint: step.and_then(|step| Some(step.operation.endpoint()?.get().id.clone())),
            with_it,
            kind: *kind,
            failure: kind.is_failure(),
            because: because.clone(),
            count: 1,
            decisions,
        });
    }
}

/// A part of a scenario that was run from the initial state on.
///
/// A divergence may leave the homeserver in another state than the rules. Then the rest of the scenario
/// is run in a new segment: in other rooms, by other guests.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// The id of the scenario.
    pub(super) scenario: String,
    /// The state before the first step.
    pub(super) initial: State,
    pub(super) log: Vec<StepRecord>,
    /// The steps that differ, in their order.
    pub(super) differences: Vec<Difference>,
    /// The number of steps at the start that only repeat the way to the other steps.
    pub(super) known: usize,
    /// The classes of the further calls that were made.
    pub(super) further: BTreeSet<ReadClass>,
    /// The exchanges, if there is a difference.
    pub(super) recording: Option<Arc<SessionRecording>>,
    /// The number of steps that became impossible, because the homeserver refused an earlier step.
    pub(super) lost: usize,
}

impl Segment {
    /// The state before the step with this number.
    pub(super) fn before(&self, at: usize) -> Option<State> {
        let Some(previous) = at.checked_sub(1) else { return Some(self.initial) };
        self.log.get(previous).map(|record| record.after)
    }

    /// The difference at the step with this number, if there is one.
    pub(super) fn difference_at(&self, at: usize) -> Option<&Difference> {
        self.differences.iter().find(|difference| difference.at == at)
    }

    /// The endpoint that the step of a difference called.
    pub(super) fn called(&self, difference: usize) -> Option<EndpointId> {
        self.log[self.differences[difference].at].step.operation.endpoint()
    }
}

/// A difference, by the number of its segment and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DifferenceId {
    pub(super) segment: usize,
    pub(super) number: usize,
}

/// A step whose outcome differs from the default profile, or from the options that the homeserver takes
/// in the rest of the run.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    /// The number of the step in the log.
    pub(super) at: usize,
    /// The state before the step.
    pub(super) before: State,
    /// The outcome by the default profile.
    pub(super) expected: Outcome,
    /// The alternative sets of variants that permit the observed outcome; empty if no set does.
    pub(super) variants: Vec<Vec<usize>>,
    /// The index of the explanation, if one was found.
    pub(super) cause: Option<usize>,
    /// How the step contradicts the rest of the run, if the step alone is permitted.
    pub(super) inconsistency: Option<StepInconsistency>,
}

impl Difference {
    /// The expected outcome: by the options that the run takes if the difference is an inconsistency, and
    /// by the default profile otherwise.
    pub(super) fn expected_in_run(&self) -> &Outcome {
        self.inconsistency.as_ref().map_or(&self.expected, |found| &found.expected)
    }
}

/// How a step contradicts the rest of the run.
#[derive(Debug, Clone)]
pub(super) struct StepInconsistency {
    /// The outcome by the options that the run takes.
    pub(super) expected: Outcome,
    /// The questions at which the homeserver takes another option here.
    pub(super) switches: Vec<ReadingSwitch>,
    /// The permitted variants that the run takes, for callers of this class.
    pub(super) assignment: Vec<usize>,
}

/// A question at which a homeserver takes two options, as indices of permitted variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReadingSwitch {
    /// The option that the run takes; `None` for the default.
    pub(super) in_run: Option<usize>,
    /// The option that explains the step; `None` for the default.
    pub(super) here: Option<usize>,
}
