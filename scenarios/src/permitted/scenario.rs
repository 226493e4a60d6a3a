//! The permitted outcomes of a scenario's steps, and the judge of a scenario.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Match, OpenOptions, OptionNumber, SequenceJudge, StepMatches, TakenOption};
use crate::scenario::{Expect, ObservedStep, ScenarioStep, Verdict};

/// The expected outcome of a step by another reading of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Permitted")]
pub struct PermittedOutcome {
    /// The option or the pair of options that a homeserver with this outcome takes.
    #[schemars(length(min = 1, max = 2))]
    pub options: Vec<TakenOption>,
    /// The expected outcome. If left out, the step is impossible by this reading. Then the step and all later
    /// steps do not judge a homeserver with this reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

/// The judgement of one step of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScenarioJudgement {
    /// The default expects the outcome of the step, and of every step before.
    AsExpected,
    /// The step is permitted: these options explain its outcome, and that of every step before.
    AsPermitted(Vec<TakenOption>),
    /// No permitted options explain the outcome. The texts say how the outcome differs from the default.
    Differs(Vec<String>),
}

/// Judges a homeserver that takes the steps of a scenario, step by step.
#[derive(Debug, Clone)]
pub struct ScenarioJudge<'a> {
    steps: &'a [ScenarioStep],
    otherwise: &'a [Vec<PermittedOutcome>],
    judge: SequenceJudge,
}

impl<'a> ScenarioJudge<'a> {
    /// A judge of these steps. `otherwise` lists the other permitted outcomes of each step.
    pub fn new(steps: &'a [ScenarioStep], otherwise: &'a [Vec<PermittedOutcome>]) -> Self {
        let options = options_of([otherwise]);
        Self { steps, otherwise, judge: SequenceJudge::new(options) }
    }

    /// Judges the observed outcome of the step with this number.
    pub fn step(&mut self, number: usize, observed: &ObservedStep<'_>) -> ScenarioJudgement {
        let Some(expect) = self.steps[number].expect.as_ref() else {
            return ScenarioJudgement::AsExpected;
        };
        let matches = matches_of(self.judge.options(), expect, &self.otherwise[number], observed);
        match self.judge.step(matches).cloned() {
            None => {
                let verdict = Verdict::of(&observed.outcome.observation.decision);
                ScenarioJudgement::Differs(observed.differences(expect, verdict))
            }
            Some(taken) if taken.is_default() => ScenarioJudgement::AsExpected,
            Some(taken) => ScenarioJudgement::AsPermitted(taken.named(self.judge.options())),
        }
    }
}

/// The options that these scenarios list.
pub fn options_of<'a>(
    scenarios: impl IntoIterator<Item = &'a [Vec<PermittedOutcome>]>,
) -> OpenOptions {
    let listed = scenarios.into_iter().flatten().flatten();
    OpenOptions::new(listed.flat_map(|permitted| permitted.options.iter().cloned()))
}

/// An observation of a step, compared with all that is permitted of the step.
///
/// # Panics
/// If an option is listed that is not among `options`.
pub fn matches_of(
    options: &OpenOptions,
    expect: &Expect,
    otherwise: &[PermittedOutcome],
    observed: &ObservedStep<'_>,
) -> StepMatches {
    let verdict = Verdict::of(&observed.outcome.observation.decision);
    let meets = |expect: &Expect| observed.differences(expect, verdict).is_empty();
    let mut matches = StepMatches::by_default(meets(expect));
    for PermittedOutcome { options: taken, expect } in otherwise {
        let found = match expect {
            None => Match::Ends,
            Some(expect) if meets(expect) => Match::Meets,
            Some(_) => Match::Differs,
        };
        let number =
            |option| -> OptionNumber { options.number(option).expect("every option is numbered") };
        match taken.as_slice() {
            [one] => matches.list(number(one), found),
            [one, other] => matches.list_pair(number(one), number(other), found),
            _ => {}
        }
    }
    matches
}
