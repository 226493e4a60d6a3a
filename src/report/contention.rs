//! The report of the check of a recording: the violations of linearizability.

mod html;
mod text;
mod timeline;

use std::collections::BTreeSet;
use std::time::Duration;

use guest_access_rules::rules::Rules;
use guest_access_scenarios::permitted::DivergenceKind;
use serde::Serialize;

use crate::contention::{
    CheckResult, Inconsistency, LimitedSearch, PartitionEvidence, RecordedCall, RecordingHeader,
    UndecidedPartition, Violation,
};
use crate::diff::{ReadingConflict, ReadingTaken};
use crate::subject::server::NotRunReason;

use super::diff::printable;
use super::{Run, count};

pub use html::html;

/// The report of the check of a recording.
#[derive(Debug, Clone, Serialize)]
pub struct ContentionReport {
    /// The recorded homeserver.
    pub server: ServerReport,
    /// The id of the rules.
    pub rules: String,
    /// The number of rounds.
    pub rounds: usize,
    /// The number of calls.
    pub calls: usize,
    /// The number of calls without an answer.
    pub unanswered: usize,
    /// The number of pairs of calls that overlapped.
    pub overlapping: usize,
    /// The number of partitions.
    pub parts: usize,
    /// The duration of recording and check.
    pub seconds: f64,
    /// The duration of the check.
    pub checking_seconds: f64,
    /// Whether every partition has a verdict, every call of this run has an answer, and the recording
    /// was not broken off.
    pub complete: bool,
    /// The number of calls of this run that have no answer because of a failure.
    pub failed_calls: usize,
    /// These failures, each once.
    pub failures: Vec<String>,
    /// Why the recording was broken off, if it was.
    pub broken_off: Option<String>,
    /// Whether an answer that only another reading than ours permits is a failure.
    pub strict: bool,
    /// The violations: races first, and the worst first.
    pub violations: Vec<ViolationReport>,
    /// The number of further partitions that no known reading explains, and that were not examined.
    pub unshown: usize,
    /// The questions that the homeserver answers in two ways.
    pub inconsistent: Vec<InconsistencyReport>,
    /// The readings other than ours that some answers need.
    pub readings: Vec<ReadingReport>,
    /// The partitions whose search stopped at a limit.
    pub undecided: Vec<UndecidedReport>,
    /// The command, the version and the time of the run.
    pub run: Run,
}

/// A question that the homeserver answers in two ways within the recording.
#[derive(Debug, Clone, Serialize)]
pub struct InconsistencyReport {
    /// The severity, which is `inconsistent`.
    pub kind: DivergenceKind,
    /// The question, and both options.
    #[serde(flatten)]
    pub conflict: ReadingConflict,
    /// The number of partitions that need the option `here`.
    pub parts: usize,
    /// A partition that only the option `in_run` explains.
    pub in_run_part: EvidenceReport,
    /// A partition that only the option `here` explains.
    pub here_part: EvidenceReport,
}

/// A partition that refutes one option.
#[derive(Debug, Clone, Serialize)]
pub struct EvidenceReport {
    /// The partition.
    #[serde(flatten)]
    pub part: PartitionReport,
    /// The calls that no order explains by the other option.
    pub calls: Vec<RecordedCall>,
    /// The number of the unexplained call, from 1; null if the final state is unexplained.
    pub unexplained: Option<usize>,
}

impl InconsistencyReport {
    fn of(found: Inconsistency) -> Self {
        Self {
            kind: DivergenceKind::Inconsistent,
            conflict: found.conflict,
            parts: found.partitions,
            in_run_part: EvidenceReport::of(found.in_run),
            here_part: EvidenceReport::of(found.here),
        }
    }
}

impl EvidenceReport {
    fn of(evidence: PartitionEvidence) -> Self {
        let PartitionEvidence { round, user, event, calls, unexplained } = evidence;
        let part = PartitionReport { round, of: user, event };
        Self { part, calls, unexplained: unexplained.map(|place| place + 1) }
    }
}

/// A homeserver.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// The address, if this run called the homeserver.
    pub url: Option<String>,
    /// The name of the software, if the homeserver tells the name.
    pub name: Option<String>,
    /// The version of the software, if the homeserver tells the version.
    pub version: Option<String>,
}

/// An answer or a final state that no order of the calls explains.
#[derive(Debug, Clone, Serialize)]
pub struct ViolationReport {
    /// The severity.
    pub kind: DivergenceKind,
    /// Whether calls overlapped. Without an overlap, the homeserver breaks the rules in a sequence of
    /// calls.
    pub race: bool,
    /// The number of equal violations.
    pub count: usize,
    /// The round.
    pub round: u32,
    /// The user of the partition.
    pub of: String,
    /// The event of the partition.
    pub event: Option<String>,
    /// The unexplained call, in words.
    pub what: String,
    /// The observed answer or final state.
    pub observed: String,
    /// The predictions of the rules, order by order.
    pub expected: Vec<ExpectedReport>,
    /// The clauses on which the predictions rest.
    pub clauses: Vec<String>,
    /// The recorded calls that show the violation. Calls in flight at the end have no answer.
    pub calls: Vec<RecordedCall>,
    /// The number of the unexplained call, from 1; null if the final state is unexplained.
    pub unexplained: Option<usize>,
    /// Calls that do not help to explain the answers, at whatever time they took effect, in words.
    pub anytime: Vec<String>,
}

/// The prediction of the rules after one order.
#[derive(Debug, Clone, Serialize)]
pub struct ExpectedReport {
    /// The order, as numbers of the calls from 1.
    pub order: Vec<usize>,
    /// The number of the call that cannot come next; null if the final state is unexplained.
    pub next: Option<usize>,
    /// The predicted answer or final state.
    pub says: String,
    /// The reason.
    pub because: String,
}

/// A reading other than ours that some answers need.
#[derive(Debug, Clone, Serialize)]
pub struct ReadingReport {
    /// The reading.
    #[serde(flatten)]
    pub taken: ReadingTaken,
    /// The number of partitions that need the reading.
    pub parts: usize,
}

/// A partition of a round.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionReport {
    /// The round.
    pub round: u32,
    /// The user of the partition.
    pub of: String,
    /// The event of the partition.
    pub event: Option<String>,
}

/// A partition whose search stopped at its limit.
#[derive(Debug, Clone, Serialize)]
pub struct UndecidedReport {
    /// The partition.
    #[serde(flatten)]
    pub part: PartitionReport,
    /// The search that stopped: `linearization` of this partition, or `assignment` of readings for all
    /// partitions.
    pub search: LimitedSearch,
}

/// The duration of recording and check, and the end of the recording.
#[derive(Debug)]
pub struct Effort {
    /// The address of the homeserver, if it was asked in this run.
    pub url: Option<String>,
    /// The duration of recording and check.
    pub took: Duration,
    /// The duration of the check.
    pub checking: Duration,
    /// Why the recording was broken off, if it was.
    pub broken_off: Option<String>,
    /// The failures that kept calls of this run from having an answer, one for each call.
    pub failures: Vec<NotRunReason>,
}

impl ContentionReport {
    /// Builds the report from the result of a check.
    pub fn new(
        rules: &Rules,
        about: &RecordingHeader,
        checked: CheckResult,
        effort: Effort,
        strict: bool,
        run: Run,
    ) -> Self {
        let CheckResult { calls, unanswered, overlapping, rounds, partitions, .. } = checked;
        let software = about.server.as_ref();
        let readings = checked
            .readings
            .into_iter()
            .map(|reading| ReadingReport { taken: reading.taken, parts: reading.partitions });
        let failures = effort.failures.iter().map(|failure| printable(&failure.because));
        let failures: BTreeSet<_> = failures.collect();
        let undecided = checked.undecided.into_iter();
        let undecided: Vec<_> = undecided
            .map(|UndecidedPartition { search, round, user, event }| UndecidedReport {
                part: PartitionReport { round, of: user, event },
                search,
            })
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
            parts: partitions,
            seconds: effort.took.as_secs_f64(),
            checking_seconds: effort.checking.as_secs_f64(),
            complete: undecided.is_empty()
                && effort.broken_off.is_none()
                && effort.failures.is_empty(),
            failed_calls: effort.failures.len(),
            failures: failures.into_iter().collect(),
            broken_off: effort.broken_off.as_deref().map(printable),
            strict,
            unshown: checked.unshown,
            violations: checked.violations.into_iter().map(ViolationReport::of).collect(),
            inconsistent: checked.inconsistent.into_iter().map(InconsistencyReport::of).collect(),
            readings: readings.collect(),
            undecided,
            run,
        }
    }

    /// Whether one assignment gives every partition an order.
    const fn has_orders(&self) -> bool {
        self.violations.is_empty() && self.inconsistent.is_empty() && self.undecided.is_empty()
    }

    /// Whether the check failed.
    pub fn fails(&self) -> bool {
        !self.violations.is_empty()
            || !self.inconsistent.is_empty()
            || self.strict && !self.readings.is_empty()
    }

    /// The number of calls without an answer because of a failure, and the first failure. `None`
    /// without a failure.
    fn failed_in_words(&self) -> Option<String> {
        let first = self.failures.first()?;
        let calls = count(self.failed_calls, "call");
        Some(format!("{calls} without an answer that can be checked, the first reason: {first}"))
    }

    /// The name of the homeserver for a title.
    fn server_name(&self) -> String {
        let ServerReport { url, name, version } = &self.server;
        match (name, version, url) {
            (Some(name), Some(version), _) => format!("{name} {version}"),
            (_, _, Some(url)) => url.clone(),
            _ => "A homeserver".to_owned(),
        }
    }

    fn title(&self) -> String {
        format!("{} under contention, held against {}", self.server_name(), self.rules)
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
            of: violation.user,
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

    /// The sort of the violation, in one word.
    const fn sort(&self) -> &'static str {
        if self.race { "race" } else { "sequence" }
    }
}

impl ExpectedReport {
    /// The prediction, as a sentence.
    fn sentence(&self) -> String {
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
