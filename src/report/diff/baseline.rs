//! The differences of a homeserver that are known: each with a reason, and a link to where it is
//! talked about.
//!
//! What is listed passes, and what is not fails. What is listed and happens no more fails too, by
//! name: so the list never says of a homeserver what is not so. An entry is held to be *stale* only if
//! every vector that showed it asked the same again; if one of them did not, the entry is told as *not
//! run*.

mod file;

use std::path::PathBuf;

use guest_access_rules::text_file::TextFileError;
use serde::{Deserialize, Serialize};

use crate::diff::{ID_SCHEME, Query, ScenarioSummary};

use super::{DiffReport, DivergenceReport};

/// A list of known differences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Baseline {
    /// The rules from which they are differences.
    pub rules: String,
    /// The version of the scheme by which the ids are made.
    pub ids: u32,
    /// The differences.
    pub known: Vec<Entry>,
}

/// A known difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The divergence.
    pub id: String,
    /// Why it is accepted.
    pub reason: String,
    /// Where it is talked about.
    pub link: String,
    /// The step in words.
    pub step: String,
    /// What its caller was.
    pub by: String,
    /// What the rules say.
    pub expected: String,
    /// What the homeserver does.
    pub observed: String,
    /// The vectors that showed it; empty if only a history at random did.
    pub vectors: Vec<String>,
}

/// What a baseline says of a divergence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Why it is accepted; empty if nobody said so.
    pub reason: String,
    /// Where it is talked about; empty if nobody said so.
    pub link: String,
}

/// What became of the entries of a baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BaselineReport {
    /// How many happened again.
    pub known: usize,
    /// Those that were asked for again, and did not happen.
    pub stale: Vec<Missing>,
    /// Those of which it is not known.
    pub not_run: Vec<Missing>,
}

/// An entry that did not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The divergence.
    pub id: String,
    /// The step in words.
    pub step: String,
    /// What its caller was.
    pub by: String,
    /// Why it is told so.
    pub because: String,
}

impl Known {
    /// The reason and the link, in one line.
    pub fn told(&self) -> String {
        let reason = if self.reason.is_empty() { "no reason is given" } else { &self.reason };
        if self.link.is_empty() { reason.to_owned() } else { format!("{reason} ({})", self.link) }
    }
}

impl Missing {
    /// What did not happen, and why it is told so, in one line.
    pub fn told(&self) -> String {
        format!("{} ({}): {}", self.step, self.by, self.because)
    }
}

impl Entry {
    /// The entry of a divergence, of which nobody said anything yet.
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

    /// Whether two entries say the same in words.
    fn has_words_of(&self, other: &Self) -> bool {
        let words = |entry: &Self| {
            let Self { step, by, expected, observed, .. } = entry.clone();
            [step, by, expected, observed]
        };
        words(self) == words(other)
    }

    fn missing(&self, because: impl Into<String>) -> Missing {
        let Self { id, step, by, .. } = self.clone();
        Missing { id, step, by, because: because.into() }
    }

    /// Why it is not known whether it would happen, if it is not.
    fn not_run(
        &self,
        ran: &[ScenarioSummary],
        is_asked_for: &impl Fn(&str) -> bool,
    ) -> Option<String> {
        if self.vectors.is_empty() {
            return Some("a history at random showed it, and no vector does".to_owned());
        }
        let query = Query { step: self.step.clone(), by: self.by.clone() };
        self.vectors.iter().find_map(|id| match ran.iter().find(|ran| ran.scenario == *id) {
            Some(ran) if ran.queries.contains(&query) => None,
            Some(ran) => Some(match ran.not_run.first() {
                Some(why) => format!("vector `{id}` was not run, or not to its end: {why}"),
                None => format!("vector `{id}` did not come to it"),
            }),
            None if is_asked_for(id) => None,
            None => Some(format!("vector `{id}` was not asked for")),
        })
    }
}

impl Baseline {
    /// The baseline under which `report` passes. What is said in `before` of an entry that stays is
    /// kept, and so are entries of which it is not known whether they would happen.
    ///
    /// Ids of an older scheme say nothing now. If `before` has such ids, an entry stays if its words are
    /// those of a divergence.
    pub fn of(
        report: &DiffReport,
        before: Option<&Self>,
        is_asked_for: impl Fn(&str) -> bool,
    ) -> Self {
        let has_same_ids = before.is_none_or(|before| before.ids == ID_SCHEME);
        let before = before.map_or(&[][..], |before| &before.known);
        let wrong = report.divergences.iter().filter(|divergence| report.is_wrong(divergence));
        let mut known: Vec<Entry> = wrong.map(|wrong| Entry::of(wrong, report)).collect();
        for entry in before {
            let is_same = |known: &&mut Entry| {
                if has_same_ids { known.id == entry.id } else { known.has_words_of(entry) }
            };
            if let Some(known) = known.iter_mut().find(is_same) {
                known.reason.clone_from(&entry.reason);
                known.link.clone_from(&entry.link);
            } else if has_same_ids
                && !report.divergences.iter().any(|divergence| divergence.id == entry.id)
                && entry.not_run(&report.ran, &is_asked_for).is_some()
            {
                known.push(entry.clone());
            }
        }
        known.sort_by(|one, other| one.id.cmp(&other.id));
        Self { rules: report.rules.clone(), ids: ID_SCHEME, known }
    }
}

impl DiffReport {
    /// Holds what was found against what is known. `is_asked_for` says of the name of a vector
    /// whether it would have been run if there were one.
    pub fn compare_with(&mut self, baseline: &Baseline, is_asked_for: impl Fn(&str) -> bool) {
        let mut found = BaselineReport::default();
        for entry in &baseline.known {
            let Entry { id, reason, link, .. } = entry;
            let same = self.divergences.iter_mut().find(|divergence| divergence.id == *id);
            if let Some(divergence) = same {
                divergence.known = Some(Known { reason: reason.clone(), link: link.clone() });
                found.known += 1;
            } else if let Some(because) = entry.not_run(&self.ran, &is_asked_for) {
                found.not_run.push(entry.missing(because));
            } else {
                found.stale.push(entry.missing("it does not happen any more"));
            }
        }
        self.baseline = Some(found);
    }
}

/// Why a baseline cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The file gives no text.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The file is not a baseline.
    #[error("{}:{line}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
}
