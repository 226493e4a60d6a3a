//! The parts of a saved JSON report of `diff` that matter beside other reports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use guest_access_scenarios::permitted::DivergenceKind;
use serde::Deserialize;

use crate::diff::{SavedError, saved_text};

/// A saved report of `diff`. Fields that are not read are ignored, so that later versions can add some.
#[derive(Debug, Clone, Deserialize)]
pub struct SavedRun {
    /// The path of the file.
    #[serde(skip)]
    pub path: PathBuf,
    /// The homeserver.
    pub server: SavedServer,
    /// The id of the rules.
    pub rules: String,
    /// The version of the scheme of the divergences' ids.
    #[serde(default = "first_scheme")]
    pub ids: u32,
    /// Whether every planned scenario ran to its end.
    pub complete: bool,
    /// The error that ended the run early, if one did.
    pub broken_off: Option<String>,
    /// The number of steps that were judged.
    pub decisions: usize,
    /// The number of planned scenarios.
    pub scenarios: usize,
    /// The number of scenarios that ran, completely or in part.
    pub scenarios_run: usize,
    /// The divergences, the worst first.
    pub divergences: Vec<SavedOccurrence>,
    /// The causes.
    pub causes: Vec<SavedCause>,
    /// The scenarios, with what came of each.
    pub ran: Vec<SavedScenario>,
    /// The run that made the report.
    pub run: SavedRecord,
    /// The steps that were not compared.
    #[serde(default)]
    not_run: Vec<SavedNotRun>,
    #[serde(default)]
    not_compared: NotCompared,
    /// Empty if the run did not compare the content of answers.
    #[serde(default)]
    coverage: Vec<Section>,
}

/// The scheme of the ids in reports that do not name one.
const fn first_scheme() -> u32 {
    1
}

/// The homeserver of a saved report.
#[derive(Debug, Clone, Deserialize)]
pub struct SavedServer {
    /// The base URL.
    pub url: String,
    /// The name of the software, if the homeserver gave one.
    pub name: Option<String>,
    /// The version of the software, if the homeserver gave one.
    pub version: Option<String>,
}

/// A divergence, as one report has it.
#[derive(Debug, Clone, Deserialize)]
pub struct SavedOccurrence {
    /// The id of the divergence.
    pub id: String,
    /// The kind.
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
    pub by: String,
    /// The outcome that the rules expect, in words.
    pub expected: String,
    /// The outcome at the homeserver, in words.
    pub observed: String,
    /// Whether the rules permit the outcome.
    pub permitted: bool,
    /// The ids of the scenarios that showed the divergence.
    pub seen_in: Vec<String>,
}

/// A cause, as one report has it.
#[derive(Debug, Clone, Deserialize)]
pub struct SavedCause {
    /// The decision point, or the endpoint; several, joined by `and`.
    pub decision_point: String,
    /// The option.
    pub option: String,
    /// What the option means.
    pub means: String,
    /// Whether the rules permit the option.
    pub permitted: bool,
    /// The reading on which our default rests.
    pub reading: Option<String>,
    /// The clauses.
    pub clauses: Vec<String>,
}

/// What came of one scenario.
#[derive(Debug, Clone, Deserialize)]
pub struct SavedScenario {
    /// The id of the scenario.
    pub scenario: String,
    /// Whether the scenario is a vector, and not a random history.
    pub is_vector: bool,
    /// The number of steps that were judged; 0 if the scenario did not run.
    pub decisions: usize,
    /// The reasons why steps did not run.
    pub not_run: Vec<String>,
    /// The queries that were judged; `None` in reports of versions that did not write the queries.
    pub queries: Option<BTreeSet<String>>,
}

/// Steps of a scenario that were not compared, for one reason.
#[derive(Debug, Clone, Deserialize)]
struct SavedNotRun {
    scenario: String,
    /// The step in words; `None` if the reason is about several steps.
    step: Option<String>,
    /// Reports of earlier versions do not have it.
    #[serde(default)]
    endpoint: Option<String>,
    kind: String,
    /// Whether the steps had to be compared. Reports of earlier versions do not say so.
    #[serde(default)]
    failure: bool,
}

/// The record of the run that made a report.
#[derive(Debug, Clone, Deserialize)]
pub struct SavedRecord {
    /// The time at which the run began.
    pub started: String,
    /// The SHA-256 of the rules files.
    pub rules_sha256: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct NotCompared {
    failed: NotComparedTotal,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct NotComparedTotal {
    decisions: usize,
    scenarios: usize,
}

#[derive(Debug, Clone, Deserialize)]
struct Section {
    endpoint: String,
}

impl SavedRun {
    /// Reads the report at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, or is no report.
    pub fn load(path: &Path) -> Result<Self, SavedError> {
        Self::parse(path, &saved_text(path)?)
    }

    /// Parses the report in `text`. Messages name `path`.
    ///
    /// # Errors
    /// If the text is no report.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SavedError> {
        let run: Self =
            serde_json::from_str(text).map_err(|error| SavedError::syntax(path, 1, &error))?;
        Ok(Self { path: path.to_owned(), ..run })
    }

    /// Why the run has no verdict on everything that it had to compare; `None` if it has one.
    pub fn incomplete(&self) -> Option<String> {
        let NotComparedTotal { decisions, scenarios } = self.not_compared.failed;
        let all = self.scenarios;
        let failed =
            || format!("decisions not compared: {decisions}, in {scenarios} of {all} scenarios");
        self.ended_early().or_else(|| (scenarios > 0).then(failed))
    }

    /// Why the run judged only a part of its steps, or none; `None` if it came to its end.
    pub(super) fn ended_early(&self) -> Option<String> {
        if let Some(why) = &self.broken_off {
            Some(format!("the run broke off: {why}"))
        } else if !self.complete {
            Some("the time limit ended the run".to_owned())
        } else if self.decisions == 0 {
            Some("no step was judged".to_owned())
        } else {
            None
        }
    }

    /// The scenario with this id, if the run planned it.
    pub(super) fn scenario(&self, id: &str) -> Option<&SavedScenario> {
        self.ran.iter().find(|ran| ran.scenario == id)
    }

    /// Whether the homeserver does not implement what this step of the scenario calls. One entry stands for the
    /// same step of several scenarios.
    pub(super) fn does_not_implement(&self, scenario: &str, step: &str) -> bool {
        let mut of_step =
            self.not_implemented().filter(|not_run| not_run.step.as_deref() == Some(step));
        of_step.any(|not_run| not_run.scenario == scenario || not_run.endpoint.is_some())
    }

    fn not_implemented(&self) -> impl Iterator<Item = &SavedNotRun> {
        self.not_run.iter().filter(|not_run| not_run.kind == "not_implemented")
    }

    /// The endpoints that the homeserver does not implement, each with the steps that called it.
    pub(super) fn missing_endpoints(&self) -> impl Iterator<Item = (&str, &str)> {
        let missing = self.not_implemented();
        missing.filter_map(|not_run| Some((not_run.endpoint.as_deref()?, not_run.step.as_deref()?)))
    }

    /// Whether one of the scenarios took this step, and the step was judged.
    pub(super) fn judged(&self, step: &str) -> bool {
        let is_of_step = |query: &String| {
            query.strip_prefix(step).is_some_and(|caller| caller.starts_with(" ("))
        };
        self.ran.iter().filter_map(|ran| ran.queries.as_ref()).flatten().any(is_of_step)
    }

    /// Whether a step of the scenario had to be compared, and was not. Every scenario counts as such if the
    /// report does not say which.
    pub(super) fn has_failed(&self, scenario: &str) -> bool {
        let failed = self.not_run.iter().filter(|not_run| not_run.failure);
        let failed: Vec<_> = failed.map(|not_run| not_run.scenario.as_str()).collect();
        let has_some = self.not_compared.failed.scenarios > 0;
        has_some && (failed.is_empty() || failed.contains(&scenario))
    }

    /// Whether the run compared every event of the answers.
    pub(super) const fn compares_content(&self) -> bool {
        !self.coverage.is_empty()
    }

    /// Whether the run compared every event of the answers of this endpoint.
    pub(super) fn compares_content_of(&self, endpoint: &str) -> bool {
        self.coverage.iter().any(|section| section.endpoint == endpoint)
    }
}

impl SavedOccurrence {
    /// Whether this cause explains the divergence.
    pub(super) fn is_explained_by(&self, cause: &SavedCause) -> bool {
        self.decision_point.as_ref() == Some(&cause.decision_point)
            && self.option.as_ref() == Some(&cause.option)
    }
}

impl SavedCause {
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        (&self.decision_point, &self.option) == (&other.decision_point, &other.option)
    }
}
