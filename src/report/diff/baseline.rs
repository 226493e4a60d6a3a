//! A baseline: the known divergences of a homeserver, each with a reason and a link.
//!
//! | the divergence is | and occurs in the run | result |
//! |---|---|---|
//! | in the baseline | yes | passes as *known* |
//! | not in the baseline | yes | fails |
//! | in the baseline | no, although every vector that showed it made the same query again | fails as *stale* |
//! | in the baseline | no, and some vector that showed it did not make the query again | passes as *not run* |
//!
//! A stale entry fails, so a baseline never lists a divergence that the homeserver no longer has.

mod file;

use std::path::PathBuf;

use guest_access_rules::text_file::TextFileError;
use serde::{Deserialize, Serialize};

use crate::diff::{ID_SCHEME, Query, ScenarioSummary};

use super::{DiffReport, DivergenceReport};

/// A list of known divergences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Baseline {
    /// The id of the rules from which the homeserver diverges.
    pub rules: String,
    /// The version of the scheme of the ids.
    pub ids: u32,
    /// The known divergences, by id.
    pub known: Vec<BaselineEntry>,
}

/// A known divergence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineEntry {
    /// The id of the divergence.
    pub id: String,
    /// Why the divergence is accepted.
    pub reason: String,
    /// The URL of a discussion.
    pub link: String,
    /// The step in words.
    pub step: String,
    /// The kind of the caller.
    pub by: String,
    /// The outcome that the rules expect, in words.
    pub expected: String,
    /// The outcome at the homeserver, in words.
    pub observed: String,
    /// The vectors that showed the divergence; empty if only a random history did.
    pub vectors: Vec<String>,
}

/// The reason and the link of a known divergence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownReason {
    /// Why the divergence is accepted; empty if nobody wrote a reason.
    pub reason: String,
    /// The URL of a discussion; empty if nobody wrote one.
    pub link: String,
}

/// The result of the comparison with a baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BaselineReport {
    /// The number of entries that occurred.
    pub known: usize,
    /// The entries that did not occur, although every vector that showed them ran.
    pub stale: Vec<AbsentEntry>,
    /// The entries that did not occur, and whose vectors did not all run.
    pub not_run: Vec<AbsentEntry>,
}

/// An entry that did not occur.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AbsentEntry {
    /// The id of the divergence.
    pub id: String,
    /// The step in words.
    pub step: String,
    /// The kind of the caller.
    pub by: String,
    /// Why the entry is stale or not run.
    pub because: String,
}

impl KnownReason {
    /// The reason and the link, in one line.
    pub fn in_words(&self) -> String {
        let reason = if self.reason.is_empty() { "no reason is given" } else { &self.reason };
        if self.link.is_empty() { reason.to_owned() } else { format!("{reason} ({})", self.link) }
    }
}

impl AbsentEntry {
    /// The entry, and why it is stale or not run, in one line.
    pub fn in_words(&self) -> String {
        format!("{} ({}): {}", self.step, self.by, self.because)
    }
}

impl BaselineEntry {
    /// The entry of a divergence, without a reason and a link.
    fn of(divergence: &DivergenceReport, report: &DiffReport) -> Self {
        let is_vector =
            |id: &&String| report.ran.iter().any(|ran| ran.is_vector && ran.scenario == **id);
        Self {
            id: divergence.id.clone(),
            reason: String::new(),
            link: String::new(),
            step: divergence.step.clone(),
            by: divergence.by.to_owned(),
            expected: divergence.expected.clone(),
            observed: divergence.observed.clone(),
            vectors: divergence.seen_in.iter().filter(is_vector).cloned().collect(),
        }
    }

    /// Whether two entries describe the same divergence in the same words.
    fn has_same_words_as(&self, other: &Self) -> bool {
        let words = |entry: &Self| {
            let Self { step, by, expected, observed, .. } = entry.clone();
            [step, by, expected, observed]
        };
        words(self) == words(other)
    }

    fn missing(&self, because: impl Into<String>) -> AbsentEntry {
        let Self { id, step, by, .. } = self.clone();
        AbsentEntry { id, step, by, because: because.into() }
    }

    /// Why the run does not show whether the entry still occurs; `None` if the run shows it.
    fn not_run(
        &self,
        ran: &[ScenarioSummary],
        is_selected: &impl Fn(&str) -> bool,
    ) -> Option<String> {
        if self.vectors.is_empty() {
            return Some("only a random history showed it, and no vector does".to_owned());
        }
        let query = Query { step: self.step.clone(), by: self.by.clone() };
        self.vectors.iter().find_map(|id| match ran.iter().find(|ran| ran.scenario == *id) {
            Some(ran) if ran.queries.contains(&query) => None,
            Some(ran) => Some(match ran.not_run.first() {
                Some(why) => format!("vector `{id}` was not run, or not to its end: {why}"),
                None => format!("vector `{id}` did not reach the step"),
            }),
            None if is_selected(id) => None,
            None => Some(format!("vector `{id}` was not selected")),
        })
    }
}

impl Baseline {
    /// The baseline under which `report` passes.
    ///
    /// An entry of `before` that is still in the list keeps its reason and its link. An entry stays also
    /// if the run does not show whether the divergence still occurs. If the ids of `before` have an older
    /// scheme, entries are compared with divergences by their words.
    pub fn of(
        report: &DiffReport,
        before: Option<&Self>,
        is_selected: impl Fn(&str) -> bool,
    ) -> Self {
        let has_same_ids = before.is_none_or(|before| before.ids == ID_SCHEME);
        let before = before.map_or(&[][..], |before| &before.known);
        let wrong = report.divergences.iter().filter(|divergence| report.is_wrong(divergence));
        let mut known: Vec<BaselineEntry> =
            wrong.map(|wrong| BaselineEntry::of(wrong, report)).collect();
        for entry in before {
            let is_same = |known: &&mut BaselineEntry| {
                if has_same_ids { known.id == entry.id } else { known.has_same_words_as(entry) }
            };
            if let Some(known) = known.iter_mut().find(is_same) {
                known.reason.clone_from(&entry.reason);
                known.link.clone_from(&entry.link);
            } else if has_same_ids
                && !report.divergences.iter().any(|divergence| divergence.id == entry.id)
                && entry.not_run(&report.ran, &is_selected).is_some()
            {
                known.push(entry.clone());
            }
        }
        known.sort_by(|one, other| one.id.cmp(&other.id));
        Self { rules: report.rules.clone(), ids: ID_SCHEME, known }
    }
}

impl DiffReport {
    /// Marks the known divergences, and reports the entries that did not occur. `is_selected` says
    /// whether the run selects a vector with this id.
    pub fn compare_with(&mut self, baseline: &Baseline, is_selected: impl Fn(&str) -> bool) {
        let mut result = BaselineReport::default();
        for entry in &baseline.known {
            let BaselineEntry { id, reason, link, .. } = entry;
            let same = self.divergences.iter_mut().find(|divergence| divergence.id == *id);
            if let Some(divergence) = same {
                divergence.known = Some(KnownReason { reason: reason.clone(), link: link.clone() });
                result.known += 1;
            } else if let Some(because) = entry.not_run(&self.ran, &is_selected) {
                result.not_run.push(entry.missing(because));
            } else {
                result.stale.push(entry.missing("it no longer occurs"));
            }
        }
        self.baseline = Some(result);
    }
}

/// Why a baseline cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The file cannot be read as text.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The file is not a baseline.
    #[error("{}:{line}: {message}", path.display())]
    Wrong {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line.
        line: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
}
