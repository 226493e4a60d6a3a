//! The report of `diff`: the divergences of a homeserver from the rules, and their causes.

mod baseline;
mod defect;
mod document;
mod findings;
mod html;
mod jsonl;
mod junit;
mod text;

use guest_access_rules::rules::Rules;
use guest_access_scenarios::permitted::DivergenceKind;
use guest_access_scenarios::scenario::Scenario;
use serde::Serialize;

use crate::diff::{
    Cause, DiffResult, Divergence, ID_SCHEME, MatrixCell, NotCompared, NotComparedReason,
    NotComparedTotal, NotRun, ReadingConflict, ReadingTaken, RunDuration, ScenarioSummary,
    SectionCoverage,
};
use crate::subject::server::Server;

use super::Run;

pub use baseline::{
    AbsentEntry, Baseline, BaselineEntry, BaselineError, BaselineReport, FoundDivergences,
    KnownReason,
};
pub use defect::{DefectReport, defects};
pub use document::markdown;
pub use findings::{github, sarif};
pub use html::html;
pub use jsonl::jsonl;
pub use junit::junit;

/// The divergences of a homeserver from the rules.
#[derive(Debug, Clone, Serialize)]
pub struct DiffReport {
    /// The homeserver.
    pub server: ServerReport,
    /// The id of the rules.
    pub rules: String,
    /// The newest release of the specification that the homeserver says it supports, if the rules are of a newer
    /// one.
    pub older_release: Option<String>,
    /// The number of HTTP calls.
    pub requests: usize,
    /// The number of steps that were judged.
    pub decisions: usize,
    /// The number of planned scenarios.
    pub scenarios: usize,
    /// The number of scenarios that ran, completely or in part.
    pub scenarios_run: usize,
    /// The duration of the run, in seconds.
    pub seconds: f64,
    /// The part of the duration spent waiting for the homeserver, in seconds.
    pub waiting_seconds: f64,
    /// The number of answers with status 429, which ask the client to wait.
    pub rate_limited: usize,
    /// Whether every planned scenario ran to its end.
    pub complete: bool,
    /// The error that ended the run early, if one did.
    pub broken_off: Option<String>,
    /// Whether divergences that another reading permits fail the run.
    pub strict: bool,
    /// The version of the scheme of the divergences' ids.
    pub ids: u32,
    /// The defects that the divergences are, the worst first. What is permitted is no defect.
    pub defects: Vec<DefectReport>,
    /// The divergences, the worst first.
    pub divergences: Vec<DivergenceReport>,
    /// The causes: options that explain the divergences.
    pub causes: Vec<Cause>,
    /// The number of divergences without a cause.
    pub unexplained: usize,
    /// The steps and scenarios that could not run.
    pub not_run: Vec<NotRun>,
    /// The number of decisions that were not compared, and why: for failures, and for permitted reasons.
    /// After a failure, the run has no verdict.
    pub not_compared: NotCompared,
    /// The scenarios that ran, with their results.
    pub ran: Vec<ScenarioSummary>,
    /// The matrix: classes of calls, with the expected and the observed answers.
    pub matrix: Vec<MatrixCell>,
    /// The sections of the answers that were compared event by event.
    pub coverage: Vec<SectionCoverage>,
    /// The result of the comparison with a baseline; null without a baseline.
    pub baseline: Option<BaselineReport>,
    /// The run that made the report.
    pub run: Run,
}

/// A homeserver.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// The base URL.
    pub url: String,
    /// The name of the software, if the homeserver gives a name.
    pub name: Option<String>,
    /// The version of the software, if the homeserver gives a version.
    pub version: Option<String>,
}

/// The most steps of a scenario that is called the smallest without a remark.
const LONG: usize = 15;

/// One divergence.
#[derive(Debug, Clone, Serialize)]
pub struct DivergenceReport {
    /// The id. The same divergence has the same id in every run.
    pub id: String,
    /// The kind, which says how bad the divergence is.
    pub kind: DivergenceKind,
    /// The decision point that explains the divergence, if one does.
    pub decision_point: Option<String>,
    /// The option that the homeserver seems to take at the decision point.
    pub option: Option<String>,
    /// The endpoint of the step, if the step calls one.
    pub endpoint: Option<String>,
    /// The step in words.
    pub step: String,
    /// The kind of the caller.
    pub by: &'static str,
    /// The outcome that the rules expect, in words.
    pub expected: String,
    /// The outcome at the homeserver, in words.
    pub observed: String,
    /// The reason of the rules, as the end of a sentence.
    pub because: &'static str,
    /// The clauses of the reason.
    pub clauses: Vec<String>,
    /// The readings that permit the observed outcome; empty if no reading does.
    pub readings: Vec<ReadingTaken>,
    /// The open questions at which the homeserver takes another option here than in the rest of the
    /// run; empty unless the kind is `inconsistent`.
    pub conflicts: Vec<ReadingConflict>,
    /// For each of `conflicts` a scenario of the same run, whose last step shows the option of the rest
    /// of the run.
    pub contrasts: Vec<Scenario>,
    /// Whether the rules permit the observed outcome.
    pub permitted: bool,
    /// The number of steps that showed the divergence.
    pub count: usize,
    /// The ids of the scenarios that showed the divergence.
    pub seen_in: Vec<String>,
    /// The smallest scenario found that shows the divergence, in its last step.
    pub scenario: Scenario,
    /// The number of the step of the scenario, from 1, that sent the event that the divergence is about. Null
    /// if the divergence is about the labelled event or about none, or if the step is not known.
    pub sent_by: Option<usize>,
    /// Whether the smallest scenario showed the divergence again when it ran alone.
    pub reproduced: bool,
    /// A shell script for curl and jq that shows the divergence, if one can be written.
    pub curl: Option<String>,
    /// The reason and the link in the baseline, if the baseline lists the divergence.
    pub known: Option<KnownReason>,
}

impl DiffReport {
    /// The report of a result.
    pub fn new(
        rules: &Rules,
        server: &Server,
        result: DiffResult,
        waited: RunDuration,
        strict: bool,
        run: Run,
    ) -> Self {
        let (name, version) = server.software.clone().unzip();
        let (name, version) = (name.as_deref().map(printable), version.as_deref().map(printable));
        let causes = &result.causes;
        let divergences = result.divergences.into_iter();
        let divergences: Vec<_> =
            divergences.map(|divergence| DivergenceReport::new(divergence, causes)).collect();
        Self {
            server: ServerReport { url: server.client().url().to_owned(), name, version },
            rules: rules.id.clone(),
            older_release: server.newest_before(&rules.id).as_deref().map(printable),
            requests: server.client().calls(),
            decisions: result.decisions,
            scenarios: result.scenarios,
            scenarios_run: result.run,
            seconds: round_seconds(waited.took.as_secs_f64()),
            waiting_seconds: round_seconds(waited.waited.as_secs_f64()),
            rate_limited: server.client().waits(),
            complete: result.finished,
            broken_off: result.broken_off.map(|error| printable(&error.to_string())),
            strict,
            ids: ID_SCHEME,
            unexplained: divergences.iter().filter(|d| d.is_unexplained()).count(),
            defects: defects(divergences.iter().filter(|d| strict || !d.permitted)),
            divergences,
            causes: result.causes,
            not_run: result.not_run.into_iter().map(printable_reason).collect(),
            not_compared: NotCompared {
                failed: printable_total(result.not_compared.failed),
                permitted: printable_total(result.not_compared.permitted),
            },
            ran: result
                .ran
                .into_iter()
                .map(|ran| ScenarioSummary {
                    not_run: ran.not_run.iter().map(|why| printable(why)).collect(),
                    ..ran
                })
                .collect(),
            matrix: result.matrix,
            coverage: result.coverage.into_iter().map(printable_section).collect(),
            baseline: None,
            run,
        }
    }

    /// Whether the divergence fails the run: it is neither permitted nor in the baseline.
    pub fn fails_by(&self, divergence: &DivergenceReport) -> bool {
        self.is_wrong(divergence) && divergence.known.is_none()
    }

    /// Whether the run fails: by a divergence, or by a stale entry of the baseline.
    pub fn fails(&self) -> bool {
        let is_stale = self.baseline.as_ref().is_some_and(|baseline| !baseline.stale.is_empty());
        is_stale || self.divergences.iter().any(|divergence| self.fails_by(divergence))
    }

    /// Whether the run has a verdict: it ran to its end, and no failure kept a decision from being
    /// compared.
    pub const fn is_whole(&self) -> bool {
        self.complete && self.decisions > 0 && self.not_compared.failed.is_empty()
    }

    /// Whether the rules forbid the divergence, in the baseline or not. A strict run forbids every
    /// divergence.
    fn is_wrong(&self, divergence: &DivergenceReport) -> bool {
        self.strict || !divergence.permitted
    }

    /// The divergence that stands for the defect of the divergence with this id: the first that has a script, or
    /// else the first. `None` if the divergence is of no defect.
    fn first_of_defect(&self, id: &str) -> Option<&str> {
        let defect = self.defects.iter().find(|one| one.divergences.iter().any(|of| of == id))?;
        let has_script =
            |id: &&String| self.divergences.iter().any(|one| one.id == **id && one.curl.is_some());
        let first = defect.divergences.iter().find(has_script).or(defect.divergences.first());
        first.map(String::as_str)
    }

    /// The name, the version and the URL of the homeserver, for titles.
    fn server_title(&self) -> String {
        match (&self.server.name, &self.server.version) {
            (Some(name), Some(version)) => format!("{name} {version} at {}", self.server.url),
            _ => self.server.url.clone(),
        }
    }
}

/// The greatest number of characters that a report quotes from a homeserver.
const LONGEST_QUOTATION: usize = 300;

/// A text from the homeserver, for a terminal or a page: without control characters, without characters
/// that change the direction of the text, and shortened.
pub(super) fn printable(text: &str) -> String {
    let is_harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2066}'..='\u{2069}')
    };
    let mut printable: String = text
        .chars()
        .take(LONGEST_QUOTATION)
        .map(|c| if is_harmful(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(LONGEST_QUOTATION).is_some() {
        printable.push('…');
    }
    printable
}

fn printable_reason(not_run: NotRun) -> NotRun {
    NotRun { because: printable(&not_run.because), ..not_run }
}

fn printable_section(coverage: SectionCoverage) -> SectionCoverage {
    SectionCoverage { section: printable(&coverage.section), ..coverage }
}

fn printable_total(total: NotComparedTotal) -> NotComparedTotal {
    let reasons = total.reasons.into_iter();
    let reasons =
        reasons.map(|reason| NotComparedReason { because: printable(&reason.because), ..reason });
    NotComparedTotal { reasons: reasons.collect(), ..total }
}

pub(super) fn round_seconds(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

impl DivergenceReport {
    /// What a reader has to know of the scenario, in sentences.
    pub(super) fn remarks(&self) -> impl Iterator<Item = String> {
        let event = self.sent_by.map(|number| format!("Step {number} sends the event."));
        let is_long = self.scenario.steps.len() > LONG;
        let remark = match (self.reproduced, is_long) {
            (false, _) => Some("The scenario alone did not show the divergence again."),
            (true, true) => Some(
                "A shorter scenario may show it: each attempt to leave steps out costs calls, and they ended here.",
            ),
            (true, false) => None,
        };
        event.into_iter().chain(remark.map(str::to_owned))
    }

    /// Whether no option explains the divergence.
    const fn is_unexplained(&self) -> bool {
        self.decision_point.is_none() && self.conflicts.is_empty()
    }

    fn new(divergence: Divergence, causes: &[Cause]) -> Self {
        let permitted = divergence.is_permitted();
        let cause = divergence.cause.and_then(|number| causes.get(number));
        Self {
            id: divergence.id,
            kind: divergence.kind,
            decision_point: cause.map(|cause| cause.decision_point.clone()),
            option: cause.map(|cause| cause.option.clone()),
            endpoint: divergence.endpoint.map(|endpoint| endpoint.to_string()),
            step: divergence.step,
            by: divergence.by,
            expected: printable(&divergence.expected),
            observed: printable(&divergence.observed),
            because: divergence.because,
            clauses: divergence.clauses,
            readings: divergence.readings,
            conflicts: divergence.conflicts,
            contrasts: divergence.contrasts.into_iter().map(with_printable_about).collect(),
            permitted,
            count: divergence.count,
            seen_in: divergence.seen_in,
            scenario: with_printable_about(divergence.scenario),
            sent_by: divergence.sent_by,
            reproduced: divergence.reproduced,
            curl: divergence.curl,
            known: None,
        }
    }
}

/// The scenario, with an explanation that a terminal can show.
fn with_printable_about(scenario: Scenario) -> Scenario {
    Scenario { about: printable(&scenario.about), ..scenario }
}
