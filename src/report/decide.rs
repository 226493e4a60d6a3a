//! The report of `decide`: the decision on each step of a scenario, with its reason.

use std::fmt::{self, Display, Formatter};

use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::ErrCode;
use guest_access_scenarios::permitted::{AlternativeOutcome, DecidedStep};
use guest_access_scenarios::scenario::{
    Expect, LABEL, ObservedStep, Scenario, ScenarioError, ScenarioStep, Verdict, sentence_with,
};
use serde::Serialize;

use super::steps_in_words::{outcome_in_words, reason};
use super::{Run, paint, style};

/// The decisions of the rules on a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct DecideReport {
    /// The revision.
    pub rules: String,
    /// The scenario.
    pub scenario: String,
    /// The explanation of the scenario.
    pub about: String,
    /// Whether every step has the outcome that the scenario expects.
    pub as_expected: bool,
    /// The steps.
    pub steps: Vec<StepReport>,
    /// The run that made the report.
    pub run: Run,
}

/// What the rules decide about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedVerdict {
    /// The step is allowed.
    Allow,
    /// The step is denied.
    Deny,
    /// The text permits both.
    Open,
    /// The rules of guest access demand nothing, and other rules of the specification decide.
    NotDecided,
}

impl DecidedVerdict {
    fn of(step: &ScenarioStep, decided: &DecidedStep) -> Self {
        match decided.verdict {
            _ if decided.is_beyond_the_rules(&step.action) => Self::NotDecided,
            Verdict::Allow => Self::Allow,
            Verdict::Deny => Self::Deny,
            Verdict::Open => Self::Open,
        }
    }
}

/// The decision of the rules on one step.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// The step of the scenario.
    #[serde(flatten)]
    pub step: ScenarioStep,
    /// What the rules decide about the step.
    pub verdict: DecidedVerdict,
    /// The HTTP status, by the default readings.
    pub status: u16,
    /// The error code, by the default readings.
    pub errcode: Option<ErrCode>,
    /// The clauses on which the decision rests.
    pub clauses: Vec<&'static str>,
    /// The readings that leave the decision, or its error or answer, open.
    pub readings: Vec<String>,
    /// The reason, as the end of a sentence.
    pub because: &'static str,
    /// The outcome of the step, in the form of an expectation.
    pub observed: Expect,
    /// The outcome of the step for each other option of an open question.
    pub otherwise: Vec<AlternativeReport>,
    /// The differences between the outcome and the expectation of the scenario.
    pub differences: Vec<String>,
    /// The lines of the text report.
    #[serde(skip)]
    lines: Vec<String>,
}

/// The outcome of a step for one other option of an open question.
#[derive(Debug, Clone, Serialize)]
pub struct AlternativeReport {
    /// The decision point, or the endpoint.
    pub point: String,
    /// The option taken in place of the default.
    pub option: String,
    /// The reading.
    pub reading: Option<String>,
    /// The outcome, in the form of an expectation.
    pub observed: Expect,
}

impl DecideReport {
    /// Decides `scenario` by `rules`.
    ///
    /// # Errors
    /// If a step cannot happen.
    pub fn new(scenario: &Scenario, rules: &Rules, run: Run) -> Result<Self, ScenarioError> {
        let label = scenario.label();
        let decided = scenario.decide(rules)?;
        let steps: Vec<_> = scenario
            .steps
            .iter()
            .zip(&decided)
            .map(|(step, decided)| StepReport::new(step, decided, label, rules))
            .collect();
        Ok(Self {
            rules: rules.id.clone(),
            scenario: scenario.id.clone(),
            about: scenario.about.clone(),
            as_expected: steps.iter().all(|step| step.differences.is_empty()),
            steps,
            run,
        })
    }
}

impl StepReport {
    fn new(step: &ScenarioStep, decided: &DecidedStep, label: Option<&str>, rules: &Rules) -> Self {
        let observed = decided.observed(&step.action, label);
        let decision = decided.outcome.observation.decision;
        let expect = step.expect.as_ref();
        let otherwise = |other: &AlternativeOutcome| {
            let AlternativeOutcome { point, option, reading, outcome } = other;
            let observed = ObservedStep { outcome, ..observed }.expect();
            let (point, option, reading) = (point.clone(), option.clone(), reading.clone());
            (AlternativeReport { point, option, reading, observed }, outcome.observation.decision)
        };
        let otherwise: Vec<_> = decided.otherwise.iter().map(otherwise).collect();
        let mut readings: Vec<_> =
            otherwise.iter().filter_map(|(other, _)| other.reading.clone()).collect();
        // `A7` comes before `A21`.
        readings.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        readings.dedup();
        let in_words = |(other, decision): &(AlternativeReport, _)| {
            let reading = other.reading.as_ref().map_or(String::new(), |id| format!("{id}: "));
            let outcome = outcome_in_words(decision, &other.observed);
            format!("{reading}`{}` may also be `{}`: {outcome}", other.point, other.option)
        };
        let usual = outcome_in_words(&decision, &observed.expect());
        let verdict = DecidedVerdict::of(step, decided);
        let in_short = match verdict {
            DecidedVerdict::Open => format!("{}, here {usual}", paint(style::DOUBTFUL, "open")),
            DecidedVerdict::NotDecided => paint(style::DOUBTFUL, "not decided"),
            DecidedVerdict::Allow | DecidedVerdict::Deny => usual,
        };
        let mut lines = vec![
            format!("{}: {in_short}", sentence_with(&step.action, label.unwrap_or(LABEL))),
            format!("because {}", reason(rules, &decision)),
        ];
        lines.extend(otherwise.iter().map(in_words));
        Self {
            verdict,
            status: decision.status,
            errcode: decision.errcode,
            clauses: rules.in_force(decision.clauses),
            readings,
            because: decision.because,
            observed: observed.expect(),
            otherwise: otherwise.into_iter().map(|(other, _)| other).collect(),
            differences: expect
                .map(|expect| observed.differences(expect, decided.verdict))
                .unwrap_or_default(),
            step: step.clone(),
            lines,
        }
    }
}

impl Display for DecideReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let title = format!("{} under {}", self.scenario, self.rules);
        writeln!(f, "{}", paint(style::HEADING, title))?;
        if !self.about.is_empty() {
            writeln!(f, "{}", self.about)?;
        }
        writeln!(f)?;
        for (number, step) in (1..).zip(&self.steps) {
            let mut lines = step.lines.iter();
            if let Some(first) = lines.next() {
                writeln!(f, "{number}. {first}")?;
            }
            lines.try_for_each(|line| writeln!(f, "   {line}"))?;
            for difference in &step.differences {
                writeln!(f, "   {}", paint(style::BAD, difference))?;
            }
        }
        let expected = self.steps.iter().filter(|step| step.step.expect.is_some()).count();
        let otherwise = self.steps.iter().filter(|step| !step.differences.is_empty()).count();
        match (expected, otherwise) {
            (0, _) => Ok(()),
            (_, 0) => writeln!(f, "\n{}", paint(style::GOOD, "all as the scenario expects")),
            (expected, otherwise) => {
                let text =
                    format!("{otherwise} of {expected} steps came out otherwise than expected");
                writeln!(f, "\n{}", paint(style::BAD, text))
            }
        }
    }
}
