//! The report of `diff --federated`: what a homeserver does with its guests when other servers take part.

mod html;
mod junit;
mod text;

use std::time::Duration;

use guest_access_rules::rules::Rules;
use guest_access_scenarios::permitted::DivergenceKind;
use serde::Serialize;

use crate::diff::{ID_SCHEME, Query, ReadingTaken, ScenarioSummary};
use crate::neighbour::{
    FederatedCause, FederatedDivergence, FederatedResult, FederatedScenario, SCENARIOS, sentence,
};
use crate::subject::server::{NotRunKind, Server};

use super::Run;
use super::diff::{
    Baseline, BaselineEntry, BaselineReport, FoundDivergences, KnownReason, ServerReport,
    printable, round_seconds,
};

pub use html::html;
pub use junit::junit;

/// The caller of each step, in a baseline.
const BY: &str = "beside another homeserver";

/// What a homeserver does with its guests when other servers take part.
#[derive(Debug, Clone, Serialize)]
pub struct FederatedReport {
    /// The homeserver.
    pub server: ServerReport,
    /// The id of the rules.
    pub rules: String,
    /// The number of calls to the client-server API.
    pub requests: usize,
    /// The number of judged steps.
    pub decisions: usize,
    /// The number of planned scenarios.
    pub scenarios: usize,
    /// The number of scenarios of which a step was judged.
    pub scenarios_run: usize,
    /// The duration of the run, in seconds.
    pub seconds: f64,
    /// Whether every scenario ran to its end.
    pub complete: bool,
    /// The error that ended the run early, if one did.
    pub broken_off: Option<String>,
    /// Whether divergences that another reading permits fail the run.
    pub strict: bool,
    /// The defects of the reference, if the reference was the homeserver; else null.
    pub reference: Option<Vec<String>>,
    /// The version of the scheme of the divergences' ids.
    pub ids: u32,
    /// The divergences, the worst first.
    pub divergences: Vec<FederatedDivergenceReport>,
    /// The mistakes that explain divergences.
    pub causes: Vec<FederatedCauseReport>,
    /// The number of forbidden divergences without a cause.
    pub unexplained: usize,
    /// The steps that had to be judged and were not.
    pub not_run: Vec<FederatedNotRunReport>,
    /// The scenarios, with what was judged of each.
    pub ran: Vec<FederatedScenarioReport>,
    /// The result of the comparison with a baseline; null without a baseline.
    pub baseline: Option<BaselineReport>,
    /// The run that made the report.
    pub run: Run,
}

/// One divergence.
#[derive(Debug, Clone, Serialize)]
pub struct FederatedDivergenceReport {
    /// The id. The same divergence has the same id in every run.
    pub id: String,
    /// The kind, which says how bad the divergence is.
    pub kind: DivergenceKind,
    /// The decision point that explains the divergence, if one does.
    pub decision_point: Option<String>,
    /// The option that the homeserver seems to take at the decision point.
    pub option: Option<String>,
    /// The id of the scenario.
    pub scenario: &'static str,
    /// What the scenario shows.
    pub about: &'static str,
    /// The step, in words.
    pub step: String,
    /// The steps up to this one, in words.
    pub steps: Vec<String>,
    /// What the rules expect.
    pub expected: String,
    /// What was observed.
    pub observed: String,
    /// The reason of the rules, as the end of a sentence.
    pub because: &'static str,
    /// The clauses of the reason.
    pub clauses: Vec<&'static str>,
    /// The readings that permit what was observed; empty if none does.
    pub readings: Vec<ReadingTaken>,
    /// Whether the rules permit what was observed.
    pub permitted: bool,
    /// The reason and the link in the baseline, if the baseline lists the divergence.
    pub known: Option<KnownReason>,
}

/// A mistake that explains divergences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FederatedCauseReport {
    /// The decision point.
    pub decision_point: String,
    /// The option.
    pub option: String,
    /// What the option means.
    pub means: String,
    /// The clauses that the option breaks.
    pub clauses: Vec<String>,
    /// The number of divergences that the cause explains.
    pub explains: usize,
}

/// A step that had to be judged and was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FederatedNotRunReport {
    /// The id of the scenario.
    pub scenario: &'static str,
    /// The step, in words.
    pub step: String,
    /// The kind of the reason.
    pub kind: NotRunKind,
    /// Whether the kind is a failure. Otherwise the reason is permitted.
    pub failure: bool,
    /// The reason.
    pub because: String,
}

/// A scenario, with what was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FederatedScenarioReport {
    /// The id.
    pub scenario: &'static str,
    /// What the scenario shows.
    pub about: &'static str,
    /// The number of judged steps.
    pub decisions: usize,
    /// The number of steps whose answer the rules leave open.
    pub open: usize,
    /// The number of steps that had to be judged and were not.
    pub not_run: usize,
}

impl FederatedReport {
    /// The report of a result.
    pub fn new(
        rules: &Rules,
        server: &Server,
        result: FederatedResult,
        took: Duration,
        strict: bool,
        run: Run,
    ) -> Self {
        let causes: Vec<_> = result.causes.into_iter().map(FederatedCauseReport::of).collect();
        let divergences: Vec<_> = result
            .divergences
            .into_iter()
            .map(|divergence| FederatedDivergenceReport::of(divergence, &causes))
            .collect();
        let step_of = |scenario: &str, step: usize| {
            let known = SCENARIOS.iter().find(|known| known.id == scenario);
            let step = known.and_then(|known| known.steps.get(step.checked_sub(1)?));
            step.map(sentence).unwrap_or_default()
        };
        let ran = result.scenarios.into_iter().map(|ran| FederatedScenarioReport {
            scenario: ran.scenario,
            about: about(ran.scenario),
            decisions: ran.decisions,
            open: ran.open,
            not_run: ran.not_run,
        });
        let ran: Vec<_> = ran.collect();
        let (name, version) = server.software.clone().unzip();
        Self {
            server: ServerReport {
                url: server.client().url().to_owned(),
                name: name.as_deref().map(printable),
                version: version.as_deref().map(printable),
            },
            rules: rules.id.clone(),
            requests: server.client().calls(),
            decisions: ran.iter().map(|ran| ran.decisions).sum(),
            scenarios: ran.len(),
            scenarios_run: ran.iter().filter(|ran| ran.decisions + ran.open > 0).count(),
            seconds: round_seconds(took.as_secs_f64()),
            complete: result.finished,
            broken_off: result.broken_off.map(|error| printable(&error.to_string())),
            strict,
            reference: None,
            ids: ID_SCHEME,
            unexplained: divergences
                .iter()
                .filter(|found| !found.permitted && found.decision_point.is_none())
                .count(),
            divergences,
            causes,
            not_run: result
                .not_run
                .into_iter()
                .map(|entry| FederatedNotRunReport {
                    scenario: entry.scenario,
                    step: step_of(entry.scenario, entry.step),
                    kind: entry.reason.kind,
                    failure: entry.reason.kind.is_failure(),
                    because: printable(&entry.reason.because),
                })
                .collect(),
            ran,
            baseline: None,
            run,
        }
    }

    /// Whether the run fails: by a divergence, or by a stale entry of the baseline.
    pub fn fails(&self) -> bool {
        let is_stale = self.baseline.as_ref().is_some_and(|baseline| !baseline.stale.is_empty());
        is_stale || self.divergences.iter().any(|divergence| self.fails_by(divergence))
    }

    /// Whether the divergence fails the run: it is neither permitted nor in the baseline.
    fn fails_by(&self, divergence: &FederatedDivergenceReport) -> bool {
        self.is_wrong(divergence) && divergence.known.is_none()
    }

    /// What the run found, as far as a baseline needs it.
    pub fn found(&self) -> FoundDivergences<'_> {
        let wrong = self.divergences.iter().filter(|divergence| self.is_wrong(divergence));
        FoundDivergences {
            rules: &self.rules,
            ids: self.divergences.iter().map(|divergence| divergence.id.as_str()).collect(),
            wrong: wrong.map(FederatedDivergenceReport::baseline_entry).collect(),
            ran: self.ran.iter().map(|ran| self.summary(ran)).collect(),
        }
    }

    /// A scenario, with the steps that were judged.
    fn summary(&self, ran: &FederatedScenarioReport) -> ScenarioSummary {
        let not_run = self.not_run.iter().filter(|entry| entry.scenario == ran.scenario);
        let not_run: Vec<_> = not_run.collect();
        let known = SCENARIOS.iter().find(|known| known.id == ran.scenario);
        let steps = known.into_iter().flat_map(|known| known.steps);
        let judged = steps.filter(|step| FederatedScenario::is_judged(step)).map(sentence);
        let judged = judged.filter(|step| not_run.iter().all(|entry| entry.step != *step));
        ScenarioSummary {
            scenario: ran.scenario.to_owned(),
            is_vector: true,
            decisions: ran.decisions,
            not_run: not_run.iter().map(|entry| entry.because.clone()).collect(),
            not_run_kinds: not_run.iter().map(|entry| entry.kind).collect(),
            not_compared: ran.not_run,
            queries: judged.map(|step| Query { step, by: BY.to_owned() }).collect(),
        }
    }

    /// Marks the known divergences, and reports the entries that did not occur. `is_selected` says whether
    /// the run selects a scenario with this id.
    pub fn compare_with(&mut self, baseline: &Baseline, is_selected: impl Fn(&str) -> bool) {
        let result = baseline.compare(&self.found(), is_selected);
        for divergence in &mut self.divergences {
            divergence.known = baseline.reason(&divergence.id);
        }
        self.baseline = Some(result);
    }

    /// The homeserver and the rules, for titles.
    fn title(&self) -> String {
        let ServerReport { url, name, version } = &self.server;
        let server = match (name, version) {
            (Some(name), Some(version)) => format!("{name} {version} at {url}"),
            _ => url.clone(),
        };
        format!("{server}, beside another homeserver, compared with {}", self.rules)
    }

    /// Whether the rules forbid the divergence. A strict run forbids every divergence.
    const fn is_wrong(&self, divergence: &FederatedDivergenceReport) -> bool {
        self.strict || !divergence.permitted
    }

    /// Whether the run has a verdict: every scenario ran to its end, and every step that has to be judged was.
    pub fn is_whole(&self) -> bool {
        self.complete && self.decisions > 0 && !self.not_run.iter().any(|entry| entry.failure)
    }
}

/// What the scenario with this id shows.
fn about(id: &str) -> &'static str {
    SCENARIOS.iter().find(|known| known.id == id).map_or("", |known| known.about)
}

impl FederatedDivergenceReport {
    /// The entry in a baseline, without a reason and a link.
    fn baseline_entry(&self) -> BaselineEntry {
        BaselineEntry {
            id: self.id.clone(),
            reason: String::new(),
            link: String::new(),
            step: self.step.clone(),
            by: BY.to_owned(),
            expected: self.expected.clone(),
            observed: self.observed.clone(),
            vectors: vec![self.scenario.to_owned()],
        }
    }
}

impl FederatedCauseReport {
    fn of(cause: FederatedCause) -> Self {
        let FederatedCause { decision_point, option, means, clauses, explains } = cause;
        Self { decision_point, option, means, clauses, explains }
    }
}

impl FederatedDivergenceReport {
    fn of(divergence: FederatedDivergence, causes: &[FederatedCauseReport]) -> Self {
        let cause = divergence.cause.and_then(|number| causes.get(number));
        let steps = divergence.scenario.steps.iter().take(divergence.step).map(sentence);
        let steps: Vec<_> = steps.collect();
        Self {
            id: divergence.id,
            kind: divergence.kind,
            decision_point: cause.map(|cause| cause.decision_point.clone()),
            option: cause.map(|cause| cause.option.clone()),
            scenario: divergence.scenario.id,
            about: divergence.scenario.about,
            step: steps.last().cloned().unwrap_or_default(),
            steps,
            expected: divergence.expected.to_string(),
            observed: printable(&divergence.observed.to_string()),
            because: divergence.because,
            clauses: divergence.clauses,
            permitted: !divergence.readings.is_empty(),
            readings: divergence.readings,
            known: None,
        }
    }
}
