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

use std::borrow::Cow;
use std::collections::BTreeSet;
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

/// What a run found, as far as a baseline needs it.
#[derive(Debug)]
pub struct FoundDivergences<'a> {
    /// The id of the rules.
    pub rules: &'a str,
    /// The ids of all divergences.
    pub ids: BTreeSet<&'a str>,
    /// The entries of those divergences that are wrong, without reasons and links.
    pub wrong: Vec<BaselineEntry>,
    /// The scenarios that ran.
    pub ran: Cow<'a, [ScenarioSummary]>,
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
    /// The baseline under which a run passes that found this.
    ///
    /// An entry of `before` that is still in the list keeps its reason and its link. An entry stays also
    /// if the run does not show whether the divergence still occurs. If the ids of `before` have an older
    /// scheme, entries are compared with divergences by their words.
    pub fn of(
        found: &FoundDivergences<'_>,
        before: Option<&Self>,
        is_selected: impl Fn(&str) -> bool,
    ) -> Self {
        let has_same_ids = before.is_none_or(|before| before.ids == ID_SCHEME);
        let before = before.map_or(&[][..], |before| &before.known);
        let mut known = found.wrong.clone();
        for entry in before {
            let is_same = |known: &&mut BaselineEntry| {
                if has_same_ids { known.id == entry.id } else { known.has_same_words_as(entry) }
            };
            if let Some(known) = known.iter_mut().find(is_same) {
                known.reason.clone_from(&entry.reason);
                known.link.clone_from(&entry.link);
            } else if has_same_ids
                && !found.ids.contains(entry.id.as_str())
                && entry.not_run(&found.ran, &is_selected).is_some()
            {
                known.push(entry.clone());
            }
        }
        known.sort_by(|one, other| one.id.cmp(&other.id));
        Self { rules: found.rules.to_owned(), ids: ID_SCHEME, known }
    }

    /// Which entries occurred in a run that found this, and which did not. `is_selected` says whether the run
    /// selects a vector with this id.
    pub fn compare(
        &self,
        found: &FoundDivergences<'_>,
        is_selected: impl Fn(&str) -> bool,
    ) -> BaselineReport {
        let mut result = BaselineReport::default();
        for entry in &self.known {
            if found.ids.contains(entry.id.as_str()) {
                result.known += 1;
            } else if let Some(because) = entry.not_run(&found.ran, &is_selected) {
                result.not_run.push(entry.missing(because));
            } else {
                result.stale.push(entry.missing("it no longer occurs"));
            }
        }
        result
    }

    /// The reason and the link of the divergence with this id, if the baseline lists the divergence.
    pub fn reason(&self, id: &str) -> Option<KnownReason> {
        let entry = self.known.iter().find(|entry| entry.id == id)?;
        Some(KnownReason { reason: entry.reason.clone(), link: entry.link.clone() })
    }
}

impl DiffReport {
    /// What the run found, as far as a baseline needs it.
    pub fn found(&self) -> FoundDivergences<'_> {
        let wrong = self.divergences.iter().filter(|divergence| self.is_wrong(divergence));
        FoundDivergences {
            rules: &self.rules,
            ids: self.divergences.iter().map(|divergence| divergence.id.as_str()).collect(),
            wrong: wrong.map(|wrong| BaselineEntry::of(wrong, self)).collect(),
            ran: Cow::Borrowed(&self.ran),
        }
    }

    /// Marks the known divergences, and reports the entries that did not occur. `is_selected` says
    /// whether the run selects a vector with this id.
    pub fn compare_with(&mut self, baseline: &Baseline, is_selected: impl Fn(&str) -> bool) {
        let result = baseline.compare(&self.found(), is_selected);
        for divergence in &mut self.divergences {
            divergence.known = baseline.reason(&divergence.id);
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
