//! What the check of a recording found: which calls no order explains, and why none does.

mod html;
mod text;
mod timeline;

use std::time::Duration;

use guest_access_rules::rules::Rules;
use serde::Serialize;

use crate::contention::{Call, CheckResult, RecordingHeader, Violation};
use crate::diff::ReadingTaken;
use crate::permitted::DivergenceKind;

use super::Run;

pub use html::html;

/// What the check of a recording found.
#[derive(Debug, Clone, Serialize)]
pub struct ContentionReport {
    /// The homeserver that was recorded.
    pub server: ServerReport,
    /// The rules.
    pub rules: String,
    /// How many rounds there are.
    pub rounds: usize,
    /// How many calls.
    pub calls: usize,
    /// How many of them have no answer.
    pub unanswered: usize,
    /// How many pairs of calls overlapped.
    pub overlapping: usize,
    /// How many parts were checked, each by itself.
    pub parts: usize,
    /// How long it took in all.
    pub seconds: f64,
    /// Of this, how long the check took.
    pub checking_seconds: f64,
    /// Whether every part has a verdict, and all was recorded that was to be.
    pub complete: bool,
    /// Why the homeserver was called no further, if it was not.
    pub broken_off: Option<String>,
    /// Whether answers that only another reading than ours permits are failures.
    pub strict: bool,
    /// What no order explains, races first and the worst of them first.
    pub violations: Vec<ViolationReport>,
    /// How many more parts have no order by the readings that were found, and were not looked into.
    pub unshown: usize,
    /// The readings other than ours that some answers take.
    pub readings: Vec<ReadingReport>,
    /// The parts in which not all orders could be tried.
    pub undecided: Vec<PartitionReport>,
    /// How the report came to be.
    pub run: Run,
}

/// A homeserver.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// Its address, if it was asked in this run.
    pub url: Option<String>,
    /// What it calls itself, if it says so.
    pub name: Option<String>,
    /// Its version, if it says so.
    pub version: Option<String>,
}

/// Something that no order explains.
#[derive(Debug, Clone, Serialize)]
pub struct ViolationReport {
    /// How bad it is.
    pub kind: DivergenceKind,
    /// Whether any of its calls overlapped another that could matter; otherwise the homeserver does otherwise than the rules one call
    /// after the other.
    pub race: bool,
    /// How often the like of it was found.
    pub count: usize,
    /// The round in which it was.
    pub round: u32,
    /// Whose calls it is about.
    pub of: String,
    /// The event that it is about.
    pub event: Option<String>,
    /// What was done, in words.
    pub what: String,
    /// What was answered, or how the round ended.
    pub observed: String,
    /// What the rules say instead, order by order.
    pub expected: Vec<ExpectedReport>,
    /// The clauses that say so.
    pub clauses: Vec<String>,
    /// The calls that show it, as they were recorded; those in flight at the end have no answer.
    pub calls: Vec<Call>,
    /// Which of them, from 1, no order explains; null if it is how the round ended.
    pub unexplained: Option<usize>,
    /// Calls that explain nothing, whenever they happened, and whether they did, in words.
    pub anytime: Vec<String>,
}

/// What the rules say at the end of one order.
#[derive(Debug, Clone, Serialize)]
pub struct ExpectedReport {
    /// The order, as numbers of the calls from 1.
    pub order: Vec<usize>,
    /// Which call cannot come next; null if it is how the round ended.
    pub next: Option<usize>,
    /// What it would be answered, or how the round would end.
    pub says: String,
    /// Why.
    pub because: String,
}

/// A reading other than ours that some answers take.
#[derive(Debug, Clone, Serialize)]
pub struct ReadingReport {
    /// The reading.
    #[serde(flatten)]
    pub taken: ReadingTaken,
    /// How many parts need it.
    pub parts: usize,
}

/// A part of a round.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionReport {
    /// The round.
    pub round: u32,
    /// Whose calls it is about.
    pub of: String,
    /// The event that it is about.
    pub event: Option<String>,
}

/// How the recording came to be, as far as the report tells.
#[derive(Debug)]
pub struct Effort {
    /// The address of the homeserver, if it was asked in this run.
    pub url: Option<String>,
    /// How long it took in all.
    pub took: Duration,
    /// Of this, how long the check took.
    pub checking: Duration,
    /// Why the homeserver was called no further, if it was not.
    pub broken_off: Option<String>,
}

impl ContentionReport {
    /// The report of what was found in a recording that is about this.
    pub fn new(
        rules: &Rules,
        about: &RecordingHeader,
        checked: CheckResult,
        effort: Effort,
        strict: bool,
        run: Run,
    ) -> Self {
        let CheckResult { calls, unanswered, overlapping, rounds, parts, .. } = checked;
        let software = about.server.as_ref();
        let readings = checked.readings.into_iter().map(|reading| ReadingReport {
            taken: ReadingTaken {
                reading: reading.reading,
                decision_point: reading.decision_point,
                option: reading.option,
            },
            parts: reading.parts,
        });
        let undecided = checked.undecided.into_iter();
        let undecided: Vec<_> = undecided
            .map(|part| PartitionReport { round: part.round, of: part.of, event: part.event })
            .collect();
        Self {
            server: ServerReport {
                url: effort.url,
                name: software.map(|software| software.name.clone()),
                version: software.map(|software| software.version.clone()),
            },
            rules: rules.id.clone(),
            rounds,
            calls,
            unanswered,
            overlapping,
            parts,
            seconds: effort.took.as_secs_f64(),
            checking_seconds: effort.checking.as_secs_f64(),
            complete: undecided.is_empty() && effort.broken_off.is_none(),
            broken_off: effort.broken_off,
            strict,
            unshown: checked.unshown,
            violations: checked.violations.into_iter().map(ViolationReport::of).collect(),
            readings: readings.collect(),
            undecided,
            run,
        }
    }

    /// Whether there is a failure.
    pub fn fails(&self) -> bool {
        !self.violations.is_empty() || self.strict && !self.readings.is_empty()
    }

    /// The homeserver, as it is to be called.
    fn server_told(&self) -> String {
        let ServerReport { url, name, version } = &self.server;
        match (name, version, url) {
            (Some(name), Some(version), _) => format!("{name} {version}"),
            (_, _, Some(url)) => url.clone(),
            _ => "A homeserver".to_owned(),
        }
    }

    fn title(&self) -> String {
        format!("{} under contention, held against {}", self.server_told(), self.rules)
    }
}

impl ViolationReport {
    fn of(violation: Violation) -> Self {
        let from_one = |place: usize| place + 1;
        let expected = violation.expected.into_iter().map(|one| ExpectedReport {
            order: one.order.into_iter().map(from_one).collect(),
            next: one.next.map(from_one),
            says: one.says,
            because: one.because,
        });
        Self {
            kind: violation.kind,
            race: violation.race,
            count: violation.count,
            round: violation.round,
            of: violation.of,
            event: violation.event,
            what: violation.what,
            observed: violation.observed,
            expected: expected.collect(),
            clauses: violation.clauses,
            calls: violation.calls,
            unexplained: violation.unexplained.map(from_one),
            anytime: violation.anytime,
        }
    }

    /// What kind of thing it is, in a word.
    const fn sort(&self) -> &'static str {
        if self.race { "race" } else { "sequence" }
    }
}

impl ExpectedReport {
    /// What the rules say, as a sentence.
    fn told(&self) -> String {
        let order: Vec<_> = self.order.iter().map(ToString::to_string).collect();
        let after = if order.is_empty() {
            "at first".to_owned()
        } else {
            format!("after {}", order.join(", "))
        };
        match self.next {
            Some(next) => {
                format!("{after}, call {next} would be answered {}: {}", self.says, self.because)
            }
            None => format!("{after}, {}", self.says),
        }
    }
}
