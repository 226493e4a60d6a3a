//! What changed between saved reports of `diff`: which divergence and which cause came, stayed or went.
//!
//! 1. *Read* the reports ([`SavedRun`]). All have the same rules, and ids of the same scheme.
//! 2. *Identify*: two reports have the same divergence if the ids are equal, and the same cause if the
//!    decision points and the options are equal.
//! 3. *Judge* every absence: a report that does not have a divergence shows that the divergence is absent
//!    only if the report asked for it again (`absence`).
//! 4. *Name the change* over all reports, in their order ([`Change`]).
//!
//! An endpoint that one homeserver has and another lacks changes in the same way ([`TrendEndpoint`]).

mod absence;
mod change;
mod saved_run;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use guest_access_scenarios::permitted::DivergenceKind;
use serde::Serialize;

use crate::diff::SavedError;

pub use change::Change;
pub use saved_run::{SavedCause, SavedOccurrence, SavedRun, SavedScenario, SavedServer};

use absence::Occurrence;

/// Several saved reports, and the divergences and causes in them.
#[derive(Debug, Clone)]
pub struct Trend {
    /// The reports, in the given order.
    pub reports: Vec<SavedRun>,
    /// The causes: forbidden options before permitted ones, then by their worst divergence.
    pub causes: Vec<TrendCause>,
    /// The divergences: forbidden ones before permitted ones, then the worst first.
    pub divergences: Vec<TrendDivergence>,
    /// The endpoints that some of the homeservers have, and others lack.
    pub endpoints: Vec<TrendEndpoint>,
}

/// An endpoint that at least one homeserver does not implement.
#[derive(Debug, Clone)]
pub struct TrendEndpoint {
    /// The id of the endpoint.
    pub endpoint: String,
    /// For each report, whether its homeserver has the endpoint.
    pub presence: Vec<Presence>,
    /// The change over all reports.
    pub change: Change,
}

/// A divergence that at least one report has.
#[derive(Debug, Clone)]
pub struct TrendDivergence {
    /// The divergence, as the last report that has it describes it.
    pub last: SavedOccurrence,
    /// For each report, whether it has the divergence.
    pub presence: Vec<Presence>,
    /// The change over all reports.
    pub change: Change,
}

/// A cause that at least one report has.
#[derive(Debug, Clone)]
pub struct TrendCause {
    /// The cause, as the last report that has it describes it.
    pub last: SavedCause,
    /// The indices of the divergences that the cause explains, in [`Trend::divergences`].
    pub divergences: Vec<usize>,
    /// For each report, whether it has the cause.
    pub presence: Vec<Presence>,
    /// The change over all reports.
    pub change: Change,
}

/// Whether a report has a divergence or a cause, or its homeserver an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "presence", rename_all = "snake_case")]
pub enum Presence {
    /// The report has it.
    Present,
    /// The report does not have it, although the run asked for it again.
    Absent,
    /// The report does not have it, and the run did not ask for it again.
    NotKnown {
        /// The reason.
        because: String,
    },
}

/// Why reports cannot be compared with each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrendError {
    /// A file cannot be read, or is no report.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// Two reports are of different rules.
    #[error(
        "{}: the report is of the rules `{rules}`, and {} is of `{first_rules}`; name reports of the same rules",
        path.display(), first.display()
    )]
    OtherRules {
        /// The path of the first report.
        first: PathBuf,
        /// The rules of the first report.
        first_rules: String,
        /// The path of the report with other rules.
        path: PathBuf,
        /// Its rules.
        rules: String,
    },
    /// Two reports have ids of different schemes.
    #[error(
        "{}: the report has ids of scheme {ids}, and {} has ids of scheme {first_ids}; only ids of one scheme can be compared, so write the reports with one version of `diff`",
        path.display(), first.display()
    )]
    OtherIds {
        /// The path of the first report.
        first: PathBuf,
        /// The scheme of the ids of the first report.
        first_ids: u32,
        /// The path of the report with ids of another scheme.
        path: PathBuf,
        /// The scheme of its ids.
        ids: u32,
    },
}

impl Trend {
    /// Reads the reports at these paths, and compares them in this order.
    ///
    /// # Errors
    /// If a file is no report, or the reports cannot be compared with each other.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TrendError> {
        let reports = paths.iter().map(|path| SavedRun::load(path.as_ref()));
        Self::of(reports.collect::<Result<_, _>>()?)
    }

    /// Compares these reports, in this order.
    ///
    /// # Errors
    /// If the reports are of different rules, or have ids of different schemes.
    pub fn of(reports: Vec<SavedRun>) -> Result<Self, TrendError> {
        if let Some((first, others)) = reports.split_first() {
            others.iter().try_for_each(|other| comparable(first, other))?;
        }
        let divergences = divergences(&reports);
        let causes = causes(&reports, &divergences);
        let endpoints = endpoints(&reports);
        Ok(Self { reports, causes, divergences, endpoints })
    }

    /// Whether every report is complete, and the change of every divergence and every cause is known.
    pub fn is_complete(&self) -> bool {
        self.reports.iter().all(|report| report.incomplete().is_none())
            && self.divergences.iter().all(|divergence| divergence.change != Change::NotKnown)
            && self.causes.iter().all(|cause| cause.change != Change::NotKnown)
    }
}

/// The endpoints that some of the homeservers have, and others lack.
fn endpoints(reports: &[SavedRun]) -> Vec<TrendEndpoint> {
    let mut steps: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (endpoint, step) in reports.iter().flat_map(SavedRun::missing_endpoints) {
        steps.entry(endpoint).or_default().insert(step);
    }
    let endpoints = steps.into_iter().map(|(endpoint, steps)| {
        let presence = reports.iter().map(|report| {
            if report.missing_endpoints().any(|(missing, _)| missing == endpoint) {
                Presence::Absent
            } else if steps.iter().any(|step| report.judged(step)) {
                Presence::Present
            } else {
                Presence::NotKnown { because: "the run did not call the endpoint".to_owned() }
            }
        });
        let presence: Vec<_> = presence.collect();
        let change = Change::of(&presence);
        TrendEndpoint { endpoint: endpoint.to_owned(), presence, change }
    });
    endpoints.filter(|endpoint| endpoint.presence.contains(&Presence::Present)).collect()
}

/// Whether the ids of `other` mean the same as those of `first`.
fn comparable(first: &SavedRun, other: &SavedRun) -> Result<(), TrendError> {
    if other.rules != first.rules {
        return Err(TrendError::OtherRules {
            first: first.path.clone(),
            first_rules: first.rules.clone(),
            path: other.path.clone(),
            rules: other.rules.clone(),
        });
    }
    if other.ids != first.ids {
        return Err(TrendError::OtherIds {
            first: first.path.clone(),
            first_ids: first.ids,
            path: other.path.clone(),
            ids: other.ids,
        });
    }
    Ok(())
}

fn divergences(reports: &[SavedRun]) -> Vec<TrendDivergence> {
    let mut found: BTreeMap<&str, Vec<Occurrence<'_>>> = BTreeMap::new();
    for report in reports {
        for divergence in &report.divergences {
            found.entry(&divergence.id).or_default().push(Occurrence { report, divergence });
        }
    }
    let divergences = found.into_iter().filter_map(|(id, occurrences)| {
        let last = occurrences.last()?.divergence.clone();
        let presence = reports.iter().map(|report| {
            if report.divergences.iter().any(|divergence| divergence.id == id) {
                return Presence::Present;
            }
            match absence::not_known(report, &occurrences) {
                Some(because) => Presence::NotKnown { because },
                None => Presence::Absent,
            }
        });
        let presence: Vec<_> = presence.collect();
        Some(TrendDivergence { last, change: Change::of(&presence), presence })
    });
    let mut divergences: Vec<_> = divergences.collect();
    divergences.sort_by_key(|divergence| (divergence.last.permitted, divergence.last.kind));
    divergences
}

fn causes(reports: &[SavedRun], divergences: &[TrendDivergence]) -> Vec<TrendCause> {
    let mut found: BTreeMap<_, &SavedCause> = BTreeMap::new();
    for cause in reports.iter().flat_map(|report| &report.causes) {
        found.insert((&cause.decision_point, &cause.option), cause);
    }
    let causes = found.into_values().map(|cause| {
        let explained = divergences.iter().enumerate();
        let explained: Vec<_> = explained
            .filter(|(_, divergence)| divergence.last.is_explained_by(cause))
            .map(|(number, _)| number)
            .collect();
        let presence = reports.iter().enumerate().map(|(number, report)| {
            if report.causes.iter().any(|other| other.is_same_as(cause)) {
                Presence::Present
            } else {
                let explained = explained.iter().map(|divergence| &divergences[*divergence]);
                absence_of_cause(explained.map(|divergence| &divergence.presence[number]))
            }
        });
        let presence: Vec<_> = presence.collect();
        let change = Change::of(&presence);
        TrendCause { last: cause.clone(), divergences: explained, presence, change }
    });
    let mut causes: Vec<_> = causes.collect();
    causes.sort_by_key(|cause| (cause.last.permitted, worst_kind(cause, divergences)));
    causes
}

/// Whether a report that does not name a cause shows that the cause is absent: only if the report shows
/// that every divergence of the cause is.
fn absence_of_cause<'a>(explained: impl Iterator<Item = &'a Presence>) -> Presence {
    let mut is_shown = false;
    for presence in explained {
        match presence {
            Presence::NotKnown { .. } => return presence.clone(),
            Presence::Present | Presence::Absent => is_shown = true,
        }
    }
    if is_shown {
        return Presence::Absent;
    }
    Presence::NotKnown { because: "no report has a divergence of the cause".to_owned() }
}

fn worst_kind(cause: &TrendCause, divergences: &[TrendDivergence]) -> Option<DivergenceKind> {
    cause.divergences.iter().map(|number| divergences[*number].last.kind).min()
}
