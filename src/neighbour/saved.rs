//! Reads a saved report of `diff --federated`, for `--replay` to run its divergences again.

use std::path::Path;

use guest_access_rules::rules::Rules;
use serde::Deserialize;

use crate::diff::{SavedError, saved_text};

use super::result::FederatedResult;
use super::scenario::FederatedScenario;
use super::scenarios::SCENARIOS;

/// The parts of a saved report that a replay needs.
#[derive(Debug, Clone)]
pub struct SavedFederatedReport {
    /// The rules that predict the answers.
    pub rules: Rules,
    /// The base URL of the homeserver.
    pub url: String,
    /// The defects of the reference, if the reference was the homeserver.
    pub reference: Option<Vec<String>>,
    /// The divergences.
    pub divergences: Vec<SavedFederatedDivergence>,
}

/// A divergence of a saved report.
#[derive(Debug, Clone)]
pub struct SavedFederatedDivergence {
    /// The id of the divergence.
    pub id: String,
    /// The scenario.
    pub scenario: &'static FederatedScenario,
    /// The number of the step, from 1.
    pub step: usize,
    /// What the rules expect, in words.
    pub expected: String,
    /// What was observed, in words.
    pub observed: String,
}

/// What came of a divergence when its scenario ran again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FederatedReplay {
    /// The homeserver does what the rules expect.
    Fixed,
    /// The homeserver still diverges.
    StillThere {
        /// What was observed, in words.
        now: String,
        /// Whether a reading permits that.
        permitted: bool,
    },
    /// The step was not reached.
    CouldNotRun {
        /// The reason.
        because: String,
    },
}

#[derive(Deserialize)]
#[serde(expecting = "a report, which is an object")]
struct ReportFields {
    rules: String,
    server: ServerFields,
    #[serde(default)]
    reference: Option<Vec<String>>,
    divergences: Vec<DivergenceFields>,
}

#[derive(Deserialize)]
#[serde(expecting = "a homeserver, which is an object")]
struct ServerFields {
    url: String,
}

#[derive(Deserialize)]
#[serde(expecting = "a divergence, which is an object")]
struct DivergenceFields {
    id: String,
    scenario: String,
    steps: Vec<String>,
    expected: String,
    observed: String,
}

impl SavedFederatedReport {
    /// Reads the report at `path`. The answers are predicted by `rules`, or by the rules that the report
    /// names.
    ///
    /// # Errors
    /// If the file cannot be read, or is no report of `diff --federated`, or names rules or a scenario that
    /// do not exist.
    pub fn load(path: &Path, rules: Option<Rules>) -> Result<Self, SavedError> {
        let text = saved_text(path)?;
        let fields: ReportFields =
            serde_json::from_str(&text).map_err(|error| SavedError::syntax(path, 1, &error))?;
        let named = || {
            Rules::find(&fields.rules)
                .map_err(|source| SavedError::Rules { path: path.to_owned(), source })
        };
        let rules = rules.map_or_else(named, Ok)?;
        let divergences = fields.divergences.into_iter().map(|saved| {
            let scenario = SCENARIOS.iter().find(|known| known.id == saved.scenario);
            let step = saved.steps.len();
            let scenario = scenario.filter(|known| (1..=known.steps.len()).contains(&step));
            let unknown = || SavedError::FederatedScenario {
                path: path.to_owned(),
                scenario: saved.scenario.clone(),
            };
            Ok(SavedFederatedDivergence {
                scenario: scenario.ok_or_else(unknown)?,
                id: saved.id,
                step,
                expected: saved.expected,
                observed: saved.observed,
            })
        });
        let divergences = divergences.collect::<Result<_, SavedError>>()?;
        Ok(Self { rules, url: fields.server.url, reference: fields.reference, divergences })
    }

    /// The scenarios of the divergences, each once.
    pub fn scenarios(&self) -> Vec<&'static FederatedScenario> {
        let is_named = |known: &&FederatedScenario| {
            self.divergences.iter().any(|saved| saved.scenario.id == known.id)
        };
        SCENARIOS.iter().filter(is_named).collect()
    }
}

impl SavedFederatedDivergence {
    /// What came of the divergence in a run of its scenario.
    pub fn replayed(&self, result: &FederatedResult) -> FederatedReplay {
        let id = self.scenario.id;
        let mut found = result.divergences.iter();
        if let Some(now) = found.find(|now| now.scenario.id == id && now.step == self.step) {
            let permitted = !now.readings.is_empty();
            return FederatedReplay::StillThere { now: now.observed.to_string(), permitted };
        }
        let mut not_run = result.not_run.iter();
        match not_run.find(|entry| entry.scenario == id && entry.step == self.step) {
            Some(entry) => FederatedReplay::CouldNotRun { because: entry.reason.because.clone() },
            None => FederatedReplay::Fixed,
        }
    }
}
