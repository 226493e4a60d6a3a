//! The report of `diff --replay`: which divergences of a saved report are fixed?

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::{LABEL, Scenario, sentence_with};
use serde::Serialize;

use crate::diff::{self, ReplayResult, RunDuration, SavedDivergence, SavedReport};
use crate::neighbour::{
    self, FederatedReplay, FederatedResult, SavedFederatedDivergence, SavedFederatedReport,
};
use crate::subject::server::{Server, ServerError};

use super::diff::{ServerReport, printable};
use super::{Run, count, paint, style};

/// The outcomes of the divergences of a saved report.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayReport {
    /// The name of the saved report.
    pub replayed: String,
    /// The homeserver.
    pub server: ServerReport,
    /// The id of the rules.
    pub rules: String,
    /// The number of HTTP calls.
    pub requests: usize,
    /// The duration of the run, in seconds.
    pub seconds: f64,
    /// The error that ended the run early, if one did.
    pub broken_off: Option<String>,
    /// Whether divergences that another reading permits fail the run.
    pub strict: bool,
    /// The number of divergences that are fixed.
    pub fixed: usize,
    /// The number of divergences that still occur.
    pub still_there: usize,
    /// The number of divergences that could not run.
    pub could_not_run: usize,
    /// The outcome of each divergence.
    pub divergences: Vec<ReplayedDivergence>,
    /// The run that made the report.
    pub run: Run,
}

/// The outcome of one divergence, with its details.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayedDivergence {
    /// The id of the divergence.
    pub id: String,
    /// The outcome of the replay.
    pub outcome: ReplayOutcome,
    /// The step that showed the divergence, in words.
    pub step: String,
    /// The expected outcome in the saved report, in words.
    pub expected: String,
    /// The observed outcome in the saved report, in words.
    pub observed: String,
    /// The observed outcome now, in words; null if the divergence could not run.
    pub now: Option<String>,
    /// Whether a reading permits the outcome now; null if the divergence could not run.
    pub permitted: Option<bool>,
    /// Why the divergence could not run, if it could not.
    pub because: Option<String>,
    /// The scenario.
    pub scenario: ReplayedScenario,
}

/// The scenario of a divergence.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum ReplayedScenario {
    /// A scenario on one homeserver.
    Alone(Scenario),
    /// The id of a federated scenario.
    Federated(&'static str),
}

/// The outcome of a divergence's replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOutcome {
    /// The homeserver now does what the rules expect.
    Fixed,
    /// The homeserver still diverges.
    StillThere,
    /// The replay could not judge the divergence.
    CouldNotRun,
}

impl ReplayOutcome {
    const fn words(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::StillThere => "still there",
            Self::CouldNotRun => "could not run",
        }
    }
}

impl ReplayReport {
    /// The report of a replay of `saved`, which was read from the file `name`.
    pub fn new(
        name: String,
        rules: &Rules,
        saved: SavedReport,
        server: &Server,
        (replayed, waited): (ReplayResult, RunDuration),
        strict: bool,
        run: Run,
    ) -> Self {
        let divergences = saved.divergences.into_iter().zip(replayed.outcomes);
        let divergences: Vec<_> =
            divergences.map(|(saved, outcome)| ReplayedDivergence::new(saved, outcome)).collect();
        let broken_off = replayed.broken_off.as_ref();
        Self::of(name, rules, server, divergences, broken_off, waited.took, strict, run)
    }

    /// The report of a replay of `saved`, a report of `diff --federated` that was read from the file `name`.
    pub fn federated(
        name: String,
        saved: SavedFederatedReport,
        server: &Server,
        (result, took): (&FederatedResult, Duration),
        strict: bool,
        run: Run,
    ) -> Self {
        let divergences = saved.divergences.into_iter();
        let divergences = divergences.map(|saved| ReplayedDivergence::federated(saved, result));
        let (divergences, broken_off) = (divergences.collect(), result.broken_off.as_ref());
        Self::of(name, &saved.rules, server, divergences, broken_off, took, strict, run)
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parts of a report")]
    fn of(
        name: String,
        rules: &Rules,
        server: &Server,
        divergences: Vec<ReplayedDivergence>,
        broken_off: Option<&ServerError>,
        took: Duration,
        strict: bool,
        run: Run,
    ) -> Self {
        let (software, version) = server.software.clone().unzip();
        let number = |outcome| divergences.iter().filter(|d| d.outcome == outcome).count();
        Self {
            replayed: name,
            server: ServerReport {
                url: server.client().url().to_owned(),
                name: software.as_deref().map(printable),
                version: version.as_deref().map(printable),
            },
            rules: rules.id.clone(),
            requests: server.client().calls(),
            seconds: super::diff::round_seconds(took.as_secs_f64()),
            broken_off: broken_off.map(|error| printable(&error.to_string())),
            strict,
            fixed: number(ReplayOutcome::Fixed),
            still_there: number(ReplayOutcome::StillThere),
            could_not_run: number(ReplayOutcome::CouldNotRun),
            divergences,
            run,
        }
    }

    /// Whether a divergence still occurs and fails the run.
    pub fn fails(&self) -> bool {
        let fails = |d: &ReplayedDivergence| self.strict || d.permitted != Some(true);
        let there = |d: &&ReplayedDivergence| d.outcome == ReplayOutcome::StillThere;
        self.divergences.iter().filter(there).any(fails)
    }
}

impl ReplayedDivergence {
    fn new(saved: SavedDivergence, outcome: diff::ReplayOutcome) -> Self {
        let (outcome, now, permitted, because) = match outcome {
            diff::ReplayOutcome::Fixed { now } => {
                (ReplayOutcome::Fixed, Some(printable(&now)), Some(true), None)
            }
            diff::ReplayOutcome::StillThere { now, permitted } => {
                (ReplayOutcome::StillThere, Some(printable(&now)), Some(permitted), None)
            }
            diff::ReplayOutcome::CouldNotRun { because } => {
                (ReplayOutcome::CouldNotRun, None, None, Some(printable(&because)))
            }
        };
        let SavedDivergence { id, expected, observed, scenario, .. } = saved;
        let label = scenario.label().unwrap_or(LABEL);
        let step = scenario.steps.last().map(|step| sentence_with(&step.action, label));
        let step = step.unwrap_or_default();
        let scenario = ReplayedScenario::Alone(scenario);
        Self { id, outcome, step, expected, observed, now, permitted, because, scenario }
    }

    fn federated(saved: SavedFederatedDivergence, result: &FederatedResult) -> Self {
        let (outcome, now, permitted, because) = match saved.replayed(result) {
            FederatedReplay::Fixed => {
                (ReplayOutcome::Fixed, Some(saved.expected.clone()), Some(true), None)
            }
            FederatedReplay::StillThere { now, permitted } => {
                (ReplayOutcome::StillThere, Some(printable(&now)), Some(permitted), None)
            }
            FederatedReplay::CouldNotRun { because } => {
                (ReplayOutcome::CouldNotRun, None, None, Some(printable(&because)))
            }
        };
        let SavedFederatedDivergence { id, scenario, step, expected, observed } = saved;
        let step = scenario.steps.get(step.saturating_sub(1)).map(neighbour::sentence);
        let step = step.unwrap_or_default();
        let scenario = ReplayedScenario::Federated(scenario.id);
        Self { id, outcome, step, expected, observed, now, permitted, because, scenario }
    }
}

impl Display for ReplayReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (report, server) = (&self.replayed, &self.server.url);
        let title = format!("{report}, run again on {server}, by {}", self.rules);
        writeln!(f, "{}", paint(style::HEADING, title))?;
        writeln!(
            f,
            "{}, {}, in {:.1} s",
            count(self.divergences.len(), "divergence"),
            count(self.requests, "call"),
            self.seconds
        )?;
        let counts = [
            (self.fixed, ReplayOutcome::Fixed),
            (self.still_there, ReplayOutcome::StillThere),
            (self.could_not_run, ReplayOutcome::CouldNotRun),
        ];
        let counts = counts.into_iter().filter(|(number, _)| *number > 0);
        let counts: Vec<_> = counts
            .map(|(number, outcome)| outcome.words_in_colour(&format!("{number} ")))
            .collect();
        writeln!(f, "\n{}", counts.join(", "))?;
        if let Some(why) = &self.broken_off {
            writeln!(f, "{}", paint(style::BAD, format!("broken off: {why}")))?;
        }
        self.divergences.iter().try_for_each(|divergence| write!(f, "{divergence}"))
    }
}

impl ReplayOutcome {
    fn words_in_colour(self, before: &str) -> String {
        let style = match self {
            Self::Fixed => style::GOOD,
            Self::StillThere => style::BAD,
            Self::CouldNotRun => style::DOUBTFUL,
        };
        paint(style, format!("{before}{}", self.words()))
    }
}

impl Display for ReplayedDivergence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let by_a_reading = match (self.outcome, self.permitted) {
            (ReplayOutcome::StillThere, Some(true)) => ", which a reading permits",
            _ => "",
        };
        let outcome = self.outcome.words_in_colour("");
        writeln!(f, "\n{}: {outcome}{by_a_reading}", self.id)?;
        writeln!(f, "  {}", self.step)?;
        writeln!(f, "  the rules:      {}", self.expected)?;
        writeln!(f, "  the homeserver: {}", self.observed)?;
        match &self.now {
            Some(now) if *now != self.observed => writeln!(f, "  and now:        {now}")?,
            _ => {}
        }
        match &self.because {
            Some(because) => writeln!(f, "  because {because}"),
            None => Ok(()),
        }
    }
}
