//! The defects of a homeserver: divergences that violate the same sentence for the same reason, as one.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_scenarios::permitted::DivergenceKind;
use serde::Serialize;

use crate::report::count;

use super::DivergenceReport;

/// Divergences of one kind that violate the same clauses for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DefectReport {
    /// The kind of the divergences.
    pub kind: DivergenceKind,
    /// The reason of the rules, as the end of a sentence.
    pub because: String,
    /// The clauses of the reason.
    pub clauses: Vec<String>,
    /// The endpoints, and the steps that call none.
    pub places: Vec<String>,
    /// The ids of the divergences, in the order of the report.
    pub divergences: Vec<String>,
    /// The number of steps that showed one of the divergences.
    pub count: usize,
}

/// The defects that these divergences are, the worst first.
pub fn defects<'a>(
    divergences: impl IntoIterator<Item = &'a DivergenceReport>,
) -> Vec<DefectReport> {
    let mut defects: BTreeMap<_, (BTreeSet<&str>, Vec<String>, usize)> = BTreeMap::new();
    for divergence in divergences {
        let DivergenceReport { kind, clauses, .. } = divergence;
        let (places, ids, seen) = defects.entry((*kind, because(divergence), clauses)).or_default();
        places.insert(divergence.endpoint.as_deref().unwrap_or(&divergence.step));
        ids.push(divergence.id.clone());
        *seen += divergence.count;
    }
    let defects = defects.into_iter();
    let mut defects: Vec<_> = defects
        .map(|((kind, because, clauses), (places, divergences, count))| DefectReport {
            kind,
            because,
            clauses: clauses.clone(),
            places: places.into_iter().map(str::to_owned).collect(),
            divergences,
            count,
        })
        .collect();
    defects.sort_by_key(|defect| (defect.kind, std::cmp::Reverse(defect.divergences.len())));
    defects
}

/// The reason of a divergence. An inconsistency names the questions with two answers.
fn because(divergence: &DivergenceReport) -> String {
    let questions = divergence.conflicts.iter();
    let questions: Vec<_> =
        questions.map(|conflict| format!("`{}`", conflict.decision_point)).collect();
    if questions.is_empty() {
        return divergence.because.to_owned();
    }
    format!("{} is answered in two ways", questions.join(" and "))
}

/// The most places that a defect names.
const MOST_PLACES: usize = 3;

impl DefectReport {
    /// The reason with its clauses, as the end of a sentence.
    pub(super) fn reason(&self) -> String {
        match self.clauses.as_slice() {
            [] => self.because.clone(),
            clauses => format!("{} ({})", self.because, clauses.join(", ")),
        }
    }

    /// Where the defect shows, in words.
    pub(super) fn places_in_words(&self) -> String {
        let (named, rest) = self.places.split_at(self.places.len().min(MOST_PLACES));
        let mut words = named.join(", ");
        if !rest.is_empty() {
            words.push_str(&format!(", and {}", count(rest.len(), "more place")));
        }
        words
    }
}
