//! Whether a report that does not have a divergence shows that the divergence is absent.
//!
//! The report shows the absence if the run has a verdict, and if every vector that showed the divergence
//! in another report asked the same again. The baseline of `diff` calls its entries stale by the same rule.

use std::collections::BTreeSet;

use guest_access_scenarios::permitted::DivergenceKind;

use crate::diff::Query;

use super::saved_run::{SavedOccurrence, SavedRun, SavedScenario};

/// A divergence in a report that has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence<'a> {
    pub(super) report: &'a SavedRun,
    pub(super) divergence: &'a SavedOccurrence,
}

/// Why `report`, which does not have a divergence, does not show that the divergence is absent; `None` if
/// the report shows it. The occurrences are those in the other reports, and at least one.
pub(super) fn not_known(report: &SavedRun, occurrences: &[Occurrence<'_>]) -> Option<String> {
    let depends_on_the_rest = occurrences
        .iter()
        .any(|occurrence| occurrence.divergence.kind == DivergenceKind::Inconsistent);
    if report.ended_early().is_some() || depends_on_the_rest && report.incomplete().is_some() {
        return Some("the run has no verdict".to_owned());
    }
    content_not_known(report, occurrences)
        .or_else(|| vectors_not_known(report, occurrences))
        .or_else(|| rest_not_known(report, occurrences))
}

/// The content of an answer may hide another divergence of the same step. So a run that compares the content
/// and a run that does not may name different divergences of one behaviour.
fn content_not_known(report: &SavedRun, occurrences: &[Occurrence<'_>]) -> Option<String> {
    occurrences.iter().find_map(|Occurrence { report: other, divergence }| {
        let endpoint = divergence.endpoint.as_ref()?;
        let is_compared =
            report.compares_content_of(endpoint) || other.compares_content_of(endpoint);
        let is_in_one = report.compares_content() != other.compares_content();
        (is_compared && is_in_one)
            .then(|| "`--content` was given for one of the runs, and not for the other".to_owned())
    })
}

/// Every vector that showed the divergence has to ask the same again. But a homeserver that does not
/// implement an endpoint does nothing wrong there.
fn vectors_not_known(report: &SavedRun, occurrences: &[Occurrence<'_>]) -> Option<String> {
    let last = occurrences.last()?.divergence;
    let query = Query { step: last.step.clone(), by: last.by.clone() }.to_string();
    let vectors: BTreeSet<_> = occurrences.iter().flat_map(Occurrence::vectors).collect();
    if vectors.is_empty() {
        return Some("only a random history showed it, and no vector does".to_owned());
    }
    vectors.into_iter().find_map(|id| match report.scenario(id) {
        Some(ran) if ran.decisions > 0 => {
            let is_asked = ran.asked(&query) || report.does_not_implement(id, &last.step);
            if !is_asked {
                Some(format!("vector `{id}` did not ask the same again"))
            } else if report.has_failed(id) {
                Some(format!("not every step of vector `{id}` was compared"))
            } else {
                None
            }
        }
        _ => Some(format!("vector `{id}` was not run")),
    })
}

/// An answer is inconsistent with the rest of a run. So the rest has to be the same.
fn rest_not_known(report: &SavedRun, occurrences: &[Occurrence<'_>]) -> Option<String> {
    let has_run = |id: &str| report.scenario(id).is_some_and(|ran| ran.decisions > 0);
    occurrences
        .iter()
        .filter(|occurrence| occurrence.divergence.kind == DivergenceKind::Inconsistent)
        .flat_map(|occurrence| &occurrence.report.ran)
        .find(|ran| ran.is_vector && ran.decisions > 0 && !has_run(&ran.scenario))
        .map(|ran| {
            let id = &ran.scenario;
            format!("only a whole run shows an inconsistency, and vector `{id}` was not run")
        })
}

impl<'a> Occurrence<'a> {
    /// The vectors that showed the divergence.
    fn vectors(&self) -> impl Iterator<Item = &'a str> {
        let Self { report, divergence } = *self;
        let is_vector = |id: &&str| report.scenario(id).is_some_and(|ran| ran.is_vector);
        divergence.seen_in.iter().map(String::as_str).filter(is_vector)
    }
}

impl SavedScenario {
    /// Whether the scenario, which ran, asked this query. Without the queries: whether it ran to its end.
    fn asked(&self, query: &str) -> bool {
        match &self.queries {
            Some(queries) => queries.contains(query),
            None => self.not_run.is_empty(),
        }
    }
}
