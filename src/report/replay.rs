//! What became of the divergences of a saved report.

use std::fmt::{self, Display, Formatter};

use guest_access_rules::rules::Rules;
use serde::Serialize;

use crate::diff::{self, ReplayResult, SavedDivergence, SavedReport, Waited};
use crate::scenario::{LABEL, Scenario, sentence_with};
use crate::subject::server::Server;

use super::diff::ServerReport;
use super::{Run, count, paint, style};

/// What became of the divergences of a saved report.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayReport {
    /// The report that was run again.
    pub replayed: String,
    /// The homeserver.
    pub server: ServerReport,
    /// The rules.
    pub rules: String,
    /// How many calls were made.
    pub requests: usize,
    /// How long it took.
    pub seconds: f64,
    /// Why the homeserver was asked no further, if it was not.
    pub broken_off: Option<String>,
    /// Whether divergences that a reading permits are failures.
    pub strict: bool,
    /// How many divergences are fixed.
    pub fixed: usize,
    /// How many are still there.
    pub still_there: usize,
    /// How many could not be run.
    pub could_not_run: usize,
    /// What became of each.
    pub divergences: Vec<ReplayedDivergence>,
    /// How the report came to be.
    pub run: Run,
}

/// What became of one divergence.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayedDivergence {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub outcome: ReplayOutcome,
    /// The step that showed it, in words.
    pub step: String,
    /// What the rules said in the report.
    pub expected: String,
    /// What the homeserver did in the report.
    pub observed: String,
    /// What it does now; null if it could not be run.
    pub now: Option<String>,
    /// Whether a reading of the rules permits what it does now; null if it could not be run.
    pub permitted: Option<bool>,
    /// Why it could not be run, if it could not.
    pub because: Option<String>,
    /// The scenario.
    pub scenario: Scenario,
}

/// What became of a divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOutcome {
    /// The homeserver does as the rules say.
    Fixed,
    /// It still does otherwise.
    StillThere,
    /// Nobody knows.
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
    /// The report of what came of running `saved`, which stands in the file `name`, again.
    pub fn new(
        name: String,
        rules: &Rules,
        saved: SavedReport,
        server: &Server,
        (replayed, waited): (ReplayResult, Waited),
        strict: bool,
        run: Run,
    ) -> Self {
        let divergences = saved.divergences.into_iter().zip(replayed.outcomes);
        let divergences: Vec<_> =
            divergences.map(|(saved, outcome)| ReplayedDivergence::new(saved, outcome)).collect();
        let (software, version) = server.software.clone().unzip();
        let number = |outcome| divergences.iter().filter(|d| d.outcome == outcome).count();
        Self {
            replayed: name,
            server: ServerReport { url: server.client().url().to_owned(), name: software, version },
            rules: rules.id.clone(),
            requests: server.client().calls(),
            seconds: super::diff::rounded(waited.took.as_secs_f64()),
            broken_off: replayed.broken_off.map(|error| error.to_string()),
            strict,
            fixed: number(ReplayOutcome::Fixed),
            still_there: number(ReplayOutcome::StillThere),
            could_not_run: number(ReplayOutcome::CouldNotRun),
            divergences,
            run,
        }
    }

    /// Whether a divergence is still there that fails.
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
                (ReplayOutcome::Fixed, Some(now), Some(true), None)
            }
            diff::ReplayOutcome::StillThere { now, permitted } => {
                (ReplayOutcome::StillThere, Some(now), Some(permitted), None)
            }
            diff::ReplayOutcome::CouldNotRun { because } => {
                (ReplayOutcome::CouldNotRun, None, None, Some(because))
            }
        };
        let SavedDivergence { id, expected, observed, scenario, .. } = saved;
        let label = scenario.label().unwrap_or(LABEL);
        let step = scenario.steps.last().map(|told| sentence_with(&told.action, label));
        let step = step.unwrap_or_default();
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
        let told = counts.into_iter().filter(|(number, _)| *number > 0);
        let told: Vec<_> =
            told.map(|(number, outcome)| outcome.painted(&format!("{number} "))).collect();
        writeln!(f, "\n{}", told.join(", "))?;
        if let Some(why) = &self.broken_off {
            writeln!(f, "{}", paint(style::BAD, format!("broken off: {why}")))?;
        }
        self.divergences.iter().try_for_each(|divergence| write!(f, "{divergence}"))
    }
}

impl ReplayOutcome {
    fn painted(self, before: &str) -> String {
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
        let outcome = self.outcome.painted("");
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
