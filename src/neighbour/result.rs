//! The result of a run.

use guest_access_scenarios::permitted::DivergenceKind;

use crate::diff::ReadingTaken;
use crate::subject::server::{NotRunReason, ServerError};

use super::answer::Answer;
use super::scenario::FederatedScenario;

/// An answer that the default profile does not give.
#[derive(Debug, Clone)]
pub struct FederatedDivergence {
    /// The id. The same divergence has the same id in every run.
    pub id: String,
    /// The kind, which says how bad the divergence is.
    pub kind: DivergenceKind,
    /// The scenario.
    pub scenario: &'static FederatedScenario,
    /// The number of the step, from 1.
    pub step: usize,
    /// What the rules expect.
    pub expected: Answer,
    /// What was observed.
    pub observed: Answer,
    /// The reason of the rules, as the end of a sentence.
    pub because: &'static str,
    /// The clauses of the reason.
    pub clauses: Vec<&'static str>,
    /// The readings that permit what was observed; empty if none does.
    pub readings: Vec<ReadingTaken>,
    /// The index of the cause in [`FederatedResult::causes`], if one was found.
    pub cause: Option<usize>,
}

/// A mistake that explains divergences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedCause {
    /// The decision point.
    pub decision_point: String,
    /// The option.
    pub option: String,
    /// What the option means.
    pub means: String,
    /// The clauses that the option breaks.
    pub clauses: Vec<String>,
    /// The number of divergences that the cause explains.
    pub explains: usize,
}

/// A judged step that could not be run or judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedNotRun {
    /// The id of the scenario.
    pub scenario: &'static str,
    /// The number of the step, from 1.
    pub step: usize,
    /// The reason.
    pub reason: NotRunReason,
}

/// What came of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioResult {
    /// The scenario's id.
    pub scenario: &'static str,
    /// The number of judged steps.
    pub decisions: usize,
    /// The number of judged steps whose answer the rules leave open.
    pub open: usize,
    /// The number of steps that had to be judged and were not.
    pub not_run: usize,
}

/// The result of a run.
#[derive(Debug)]
pub struct FederatedResult {
    /// The scenarios, in the order of the list.
    pub scenarios: Vec<ScenarioResult>,
    /// The divergences, the worst first.
    pub divergences: Vec<FederatedDivergence>,
    /// The causes.
    pub causes: Vec<FederatedCause>,
    /// What was not judged.
    pub not_run: Vec<FederatedNotRun>,
    /// The error that ended the run early, if one did.
    pub broken_off: Option<ServerError>,
    /// Whether every scenario was run to its end.
    pub finished: bool,
}
