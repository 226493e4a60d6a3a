//! A judged step of a run.

use crate::subject::server::NotRunReason;

use super::answer::Answer;
use super::prediction::Prediction;
use super::scenario::FederatedScenario;

/// One judged step: what was predicted, and what was observed.
pub(super) struct JudgedStep<'a> {
    pub(super) scenario: &'static FederatedScenario,
    /// The number of the step, from 1.
    pub(super) step: usize,
    /// The number of the step among the judged ones, from 0.
    pub(super) number: usize,
    pub(super) prediction: Prediction,
    pub(super) observed: &'a Result<Answer, NotRunReason>,
}
