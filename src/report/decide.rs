//! What `decide` found: what the rules say to each step of a scenario, and why.

use std::fmt::{self, Display, Formatter};

use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::ErrCode;
use serde::Serialize;

use crate::scenario::{
    Decided, Expect, LABEL, ObservedStep, Otherwise, Scenario, ScenarioError, ScenarioStep,
    Verdict, sentence_with,
};

use super::story::{came_of, reason};
use super::{Run, paint, style};

/// What the rules say to a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Decisions {
    /// The revision.
    pub rules: String,
    /// The scenario.
    pub scenario: String,
    /// What the scenario shows.
    pub about: String,
    /// Whether every step comes out as the scenario expects.
    pub as_expected: bool,
    /// The steps.
    pub steps: Vec<DecidedStep>,
    /// How the report came to be.
    pub run: Run,
}

/// What the rules say to one step.
#[derive(Debug, Clone, Serialize)]
pub struct DecidedStep {
    /// The step, as the scenario tells it.
    #[serde(flatten)]
    pub told: ScenarioStep,
    /// Allow, deny or open.
    pub verdict: Verdict,
    /// The HTTP status, by the default readings.
    pub status: u16,
    /// The error code, by the default readings.
    pub errcode: Option<ErrCode>,
    /// The clauses on which the decision rests.
    pub clauses: Vec<&'static str>,
    /// The readings on which it rests: those that leave it, or what comes with it, open.
    pub readings: Vec<String>,
    /// Why, as a sentence's end.
    pub because: &'static str,
    /// What comes of it, as an expectation of it.
    pub observed: Expect,
    /// What comes of it where the text is read otherwise.
    pub otherwise: Vec<OtherwiseDecided>,
    /// In what it came out otherwise than expected.
    pub differences: Vec<String>,
    /// What people are told.
    #[serde(skip)]
    lines: Vec<String>,
}

/// What comes of a step where the text is read otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct OtherwiseDecided {
    /// The decision point, or the endpoint.
    pub point: String,
    /// The option taken in place of the default.
    pub option: String,
    /// The reading.
    pub reading: Option<String>,
    /// What comes of it.
    pub observed: Expect,
}

impl Decisions {
    /// What `rules` say to `scenario`.
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
            .map(|(told, decided)| DecidedStep::new(told, decided, label, rules))
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

impl DecidedStep {
    fn new(told: &ScenarioStep, decided: &Decided, label: Option<&str>, rules: &Rules) -> Self {
        let observed = decided.observed(&told.action, label);
        let decision = decided.outcome.observation.decision;
        let expect = told.expect.as_ref();
        let otherwise = |other: &Otherwise| {
            let Otherwise { point, option, reading, outcome } = other;
            let observed = ObservedStep { outcome, ..observed }.expect();
            let (point, option, reading) = (point.clone(), option.clone(), reading.clone());
            (OtherwiseDecided { point, option, reading, observed }, outcome.observation.decision)
        };
        let otherwise: Vec<_> = decided.otherwise.iter().map(otherwise).collect();
        let mut readings: Vec<_> =
            otherwise.iter().filter_map(|(other, _)| other.reading.clone()).collect();
        // `A7` comes before `A21`.
        readings.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        readings.dedup();
        let told_of = |(other, decision): &(OtherwiseDecided, _)| {
            let reading = other.reading.as_ref().map_or(String::new(), |id| format!("{id}: "));
            let came_of = came_of(decision, &other.observed);
            format!("{reading}`{}` may also be `{}`: {came_of}", other.point, other.option)
        };
        let usual = came_of(&decision, &observed.expect());
        let verdict = match decided.verdict {
            Verdict::Open => format!("{}, here {usual}", paint(style::DOUBTFUL, "open")),
            _ => usual,
        };
        let mut lines = vec![
            format!("{}: {verdict}", sentence_with(&told.action, label.unwrap_or(LABEL))),
            format!("because {}", reason(rules, &decision)),
        ];
        lines.extend(otherwise.iter().map(told_of));
        Self {
            verdict: decided.verdict,
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
            told: told.clone(),
            lines,
        }
    }
}

impl Display for Decisions {
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
        let expected = self.steps.iter().filter(|step| step.told.expect.is_some()).count();
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
