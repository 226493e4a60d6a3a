//! What `diff` found: in what a homeserver differs from the rules, and why.

mod baseline;
mod html;
mod jsonl;
mod junit;
mod text;

use guest_access_rules::rules::Rules;
use serde::Serialize;

use crate::diff::{
    Cause, DiffResult, Divergence, ID_SCHEME, MatrixCell, NotRun, ReadingConflict, ReadingTaken,
    ScenarioSummary, Waited,
};
use crate::permitted::DivergenceKind;
use crate::scenario::Scenario;
use crate::subject::server::Server;

use super::Run;

pub use baseline::{Baseline, BaselineError, BaselineReport, Entry, Known, Missing};
pub use html::html;
pub use jsonl::jsonl;
pub use junit::junit;

/// In what a homeserver differs from the rules.
#[derive(Debug, Clone, Serialize)]
pub struct DiffReport {
    /// The homeserver.
    pub server: ServerReport,
    /// The rules.
    pub rules: String,
    /// How many calls were made.
    pub requests: usize,
    /// How many steps were judged.
    pub decisions: usize,
    /// How many scenarios there were to run.
    pub scenarios: usize,
    /// How many of them were run, if not whole, then in part.
    pub scenarios_run: usize,
    /// How long it took.
    pub seconds: f64,
    /// Of this, how long the homeserver was waited for.
    pub waiting_seconds: f64,
    /// How often the homeserver asked to be left alone for a while (429).
    pub rate_limited: usize,
    /// Whether everything was asked that was to be.
    pub complete: bool,
    /// Why the homeserver was asked no further, if it was not.
    pub broken_off: Option<String>,
    /// Whether divergences that a reading permits are failures.
    pub strict: bool,
    /// The version of the scheme by which the ids of divergences are made.
    pub ids: u32,
    /// What is otherwise, the worst first.
    pub divergences: Vec<DivergenceReport>,
    /// What explains it.
    pub causes: Vec<Cause>,
    /// How many divergences nothing explains.
    pub unexplained: usize,
    /// What could not be looked at.
    pub not_run: Vec<NotRun>,
    /// What came of each scenario.
    pub ran: Vec<ScenarioSummary>,
    /// What was asked, folded into classes, and what came of it.
    pub matrix: Vec<MatrixCell>,
    /// What became of the known differences; null if there is no list of them.
    pub baseline: Option<BaselineReport>,
    /// How the report came to be.
    pub run: Run,
}

/// A homeserver.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// Its address.
    pub url: String,
    /// What it calls itself, if it says so.
    pub name: Option<String>,
    /// Its version, if it says so.
    pub version: Option<String>,
}

/// One divergence.
#[derive(Debug, Clone, Serialize)]
pub struct DivergenceReport {
    /// Its id: the same whenever the same is found.
    pub id: String,
    /// How bad it is.
    pub kind: DivergenceKind,
    /// The decision point that explains it, if one does.
    pub decision_point: Option<String>,
    /// The option that the homeserver seems to take there.
    pub option: Option<String>,
    /// The endpoint.
    pub endpoint: Option<String>,
    /// The step in words.
    pub step: String,
    /// What its caller was.
    pub by: &'static str,
    /// What the rules say.
    pub expected: String,
    /// What the homeserver did.
    pub observed: String,
    /// Why the rules say so.
    pub because: &'static str,
    /// The clauses that say so.
    pub clauses: Vec<String>,
    /// The readings under which the homeserver is right; empty if none is.
    pub readings: Vec<ReadingTaken>,
    /// The questions that the homeserver answers otherwise here than in the rest of the run; empty
    /// unless the kind is `inconsistent`.
    pub conflicts: Vec<ReadingConflict>,
    /// Whether the rules permit it.
    pub permitted: bool,
    /// How often it was seen.
    pub count: usize,
    /// In which scenarios.
    pub seen_in: Vec<String>,
    /// The smallest scenario that is known to show it, by its last step.
    pub scenario: Scenario,
    /// Whether that scenario, run by itself, showed it again.
    pub reproduced: bool,
    /// A script that shows it, and needs nothing but curl and jq, if there is one.
    pub curl: Option<String>,
    /// What the baseline says of it, if it is listed there.
    pub known: Option<Known>,
}

impl DiffReport {
    /// The report of what was found.
    pub fn new(
        rules: &Rules,
        server: &Server,
        found: DiffResult,
        waited: Waited,
        strict: bool,
        run: Run,
    ) -> Self {
        let (name, version) = server.software.clone().unzip();
        let (name, version) = (name.as_deref().map(printable), version.as_deref().map(printable));
        let causes = &found.causes;
        let divergences = found.divergences.into_iter();
        let divergences: Vec<_> =
            divergences.map(|divergence| DivergenceReport::new(divergence, causes)).collect();
        Self {
            server: ServerReport { url: server.client().url().to_owned(), name, version },
            rules: rules.id.clone(),
            requests: server.client().calls(),
            decisions: found.decisions,
            scenarios: found.scenarios,
            scenarios_run: found.run,
            seconds: rounded(waited.took.as_secs_f64()),
            waiting_seconds: rounded(waited.waited.as_secs_f64()),
            rate_limited: server.client().waits(),
            complete: found.finished,
            broken_off: found.broken_off.map(|error| printable(&error.to_string())),
            strict,
            ids: ID_SCHEME,
            unexplained: divergences.iter().filter(|d| d.is_unexplained()).count(),
            divergences,
            causes: found.causes,
            not_run: found.not_run.into_iter().map(printably).collect(),
            ran: found
                .ran
                .into_iter()
                .map(|ran| ScenarioSummary {
                    not_run: ran.not_run.iter().map(|why| printable(why)).collect(),
                    ..ran
                })
                .collect(),
            matrix: found.matrix,
            baseline: None,
            run,
        }
    }

    /// Whether a divergence is one that fails: neither permitted, nor known.
    pub fn fails_by(&self, divergence: &DivergenceReport) -> bool {
        self.is_wrong(divergence) && divergence.known.is_none()
    }

    /// Whether anything fails: a divergence, or what the baseline lists and happens no more.
    pub fn fails(&self) -> bool {
        let is_stale = self.baseline.as_ref().is_some_and(|baseline| !baseline.stale.is_empty());
        is_stale || self.divergences.iter().any(|divergence| self.fails_by(divergence))
    }

    /// Whether a divergence is one that the rules do not permit, known or not; if they are taken
    /// strictly, any.
    fn is_wrong(&self, divergence: &DivergenceReport) -> bool {
        self.strict || !divergence.permitted
    }

    /// The homeserver, as a title tells it.
    fn server_told(&self) -> String {
        match (&self.server.name, &self.server.version) {
            (Some(name), Some(version)) => format!("{name} {version} at {}", self.server.url),
            _ => self.server.url.clone(),
        }
    }
}

/// The most characters that are told of what a homeserver said.
const LONGEST: usize = 300;

/// What a homeserver said, as a terminal and a page can show it: without control characters, and not
/// at any length.
fn printable(said: &str) -> String {
    let mut told: String = said
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if said.chars().nth(LONGEST).is_some() {
        told.push('…');
    }
    told
}

fn printably(not_run: NotRun) -> NotRun {
    NotRun { because: printable(&not_run.because), ..not_run }
}

pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

impl DivergenceReport {
    /// Whether no option explains it.
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
            expected: divergence.expected,
            observed: printable(&divergence.observed),
            because: divergence.because,
            clauses: divergence.clauses,
            readings: divergence.readings,
            conflicts: divergence.conflicts,
            permitted,
            count: divergence.count,
            seen_in: divergence.seen_in,
            scenario: Scenario {
                about: printable(&divergence.scenario.about),
                ..divergence.scenario
            },
            reproduced: divergence.reproduced,
            curl: divergence.curl,
            known: None,
        }
    }
}
