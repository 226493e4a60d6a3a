//! The report of `trend`: which divergence and which cause came, stayed or went.

mod html;
mod text;

use guest_access_scenarios::permitted::DivergenceKind;
use serde::Serialize;

use crate::trend::{Change, Presence, SavedRun, Trend, TrendCause, TrendDivergence, TrendEndpoint};

use super::Run;
use super::diff::{ServerReport, printable};

pub use html::html;

/// The divergences and causes of several reports of `diff`.
#[derive(Debug, Clone, Serialize)]
pub struct TrendReport {
    /// The id of the rules of every report.
    pub rules: String,
    /// The version of the scheme of the divergences' ids.
    pub ids: u32,
    /// Whether every report is complete, and every change is known.
    pub complete: bool,
    /// The reports, in the given order.
    pub reports: Vec<ReportColumn>,
    /// The causes that at least one report names.
    pub causes: Vec<CauseRow>,
    /// The divergences that at least one report has.
    pub divergences: Vec<DivergenceRow>,
    /// The endpoints that some of the homeservers have, and others lack.
    pub endpoints: Vec<EndpointRow>,
    /// The run that made the report.
    pub run: Run,
}

/// One of the compared reports.
#[derive(Debug, Clone, Serialize)]
pub struct ReportColumn {
    /// The name of the report: the name and the version that the homeserver stated, or the name of the
    /// file.
    pub label: String,
    /// The path of the file.
    pub file: String,
    /// The homeserver.
    pub server: ServerReport,
    /// The time at which the run began.
    pub started: String,
    /// The SHA-256 of the rules files.
    pub rules_sha256: String,
    /// Whether the run has a verdict on everything that it had to compare.
    pub complete: bool,
    /// Why the run has no verdict; null if it has one.
    pub because: Option<String>,
    /// The number of planned scenarios.
    pub scenarios: usize,
    /// The number of scenarios that ran, completely or in part.
    pub scenarios_run: usize,
    /// The number of steps that were judged.
    pub decisions: usize,
    /// The number of divergences.
    pub divergences: usize,
    /// The number of causes.
    pub causes: usize,
}

/// A cause, and which reports name it.
#[derive(Debug, Clone, Serialize)]
pub struct CauseRow {
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
    /// The change over the reports.
    pub change: Change,
    /// Whether each report names the cause.
    pub reports: Vec<CauseCell>,
    /// The ids of the divergences that the cause explains.
    pub divergences: Vec<String>,
}

/// Whether one report names a cause.
#[derive(Debug, Clone, Serialize)]
pub struct CauseCell {
    /// Whether the report names the cause.
    #[serde(flatten)]
    pub presence: Presence,
    /// The number of divergences that the cause explains in the report.
    pub divergences: usize,
}

/// A divergence, and which reports have it.
#[derive(Debug, Clone, Serialize)]
pub struct DivergenceRow {
    /// The id.
    pub id: String,
    /// The kind, which says how bad the divergence is.
    pub kind: DivergenceKind,
    /// The decision point that explains the divergence, if one does.
    pub decision_point: Option<String>,
    /// The option that the homeserver seems to take at the decision point.
    pub option: Option<String>,
    /// The step in words.
    pub step: String,
    /// The kind of the caller.
    pub by: String,
    /// The outcome that the rules expect, in words.
    pub expected: String,
    /// The outcome at the homeserver, in words.
    pub observed: String,
    /// Whether the rules permit the observed outcome.
    pub permitted: bool,
    /// The change over the reports.
    pub change: Change,
    /// Whether each report has the divergence.
    pub reports: Vec<Presence>,
}

/// An endpoint, and which homeservers have it.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointRow {
    /// The id of the endpoint.
    pub endpoint: String,
    /// The change over the reports.
    pub change: Change,
    /// Whether the homeserver of each report has the endpoint.
    pub reports: Vec<Presence>,
}

impl TrendReport {
    /// The report of a trend. The run has the rules of the compared reports.
    pub fn new(trend: &Trend, run: Run) -> Self {
        let first = trend.reports.first();
        let labels = labels(&trend.reports).into_iter();
        Self {
            rules: first.map(|report| printable(&report.rules)).unwrap_or_default(),
            ids: first.map(|report| report.ids).unwrap_or_default(),
            complete: trend.is_complete(),
            reports: labels
                .zip(&trend.reports)
                .map(|(label, report)| ReportColumn::new(&label, report))
                .collect(),
            causes: trend.causes.iter().map(|cause| CauseRow::new(cause, trend)).collect(),
            divergences: trend.divergences.iter().map(DivergenceRow::new).collect(),
            endpoints: trend.endpoints.iter().map(EndpointRow::new).collect(),
            run: Run {
                rules_sha256: first
                    .map(|report| printable(&report.run.rules_sha256))
                    .unwrap_or_default(),
                ..run
            },
        }
    }

    /// The reports whose rules files have another content than those of the first report.
    fn other_rules_files(&self) -> impl Iterator<Item = &ReportColumn> {
        self.reports.iter().filter(|report| report.rules_sha256 != self.run.rules_sha256)
    }

    /// The causes with this change, each with its divergences.
    fn causes_that(
        &self,
        change: Change,
    ) -> impl Iterator<Item = (&CauseRow, Vec<&DivergenceRow>)> {
        let causes = self.causes.iter().filter(move |cause| cause.change == change);
        causes.map(|cause| {
            let explained = self.divergences.iter();
            (cause, explained.filter(|one| cause.divergences.contains(&one.id)).collect())
        })
    }

    /// The divergences without a cause with this change.
    fn others_that(&self, change: Change) -> impl Iterator<Item = &DivergenceRow> {
        self.divergences
            .iter()
            .filter(move |divergence| divergence.change == change)
            .filter(|one| !self.causes.iter().any(|cause| cause.divergences.contains(&one.id)))
    }

    /// The changes that occur, each with the number of causes and of divergences.
    fn changes(&self) -> impl Iterator<Item = (Change, usize, usize)> {
        let counted = Change::ALL.into_iter().map(|change| {
            let causes = self.causes.iter().filter(|cause| cause.change == change).count();
            let divergences = self.divergences.iter().filter(|one| one.change == change).count();
            (change, causes, divergences)
        });
        counted.filter(|(_, causes, divergences)| causes + divergences > 0)
    }

    /// Why presences are not known: the label of a report, the reason, and the number of divergences.
    fn reasons(&self) -> Vec<(&str, &str, usize)> {
        let mut reasons: Vec<(&str, &str, usize)> = Vec::new();
        for (number, report) in self.reports.iter().enumerate() {
            for divergence in &self.divergences {
                let Presence::NotKnown { because } = &divergence.reports[number] else { continue };
                let same = reasons
                    .iter_mut()
                    .find(|(label, reason, _)| *label == report.label && reason == because);
                match same {
                    Some((.., divergences)) => *divergences += 1,
                    None => reasons.push((&report.label, because, 1)),
                }
            }
        }
        reasons
    }
}

impl ReportColumn {
    fn new(label: &str, report: &SavedRun) -> Self {
        let because = report.incomplete();
        Self {
            label: printable(label),
            file: printable(&report.path.display().to_string()),
            server: ServerReport {
                url: printable(&report.server.url),
                name: report.server.name.as_deref().map(printable),
                version: report.server.version.as_deref().map(printable),
            },
            started: printable(&report.run.started),
            rules_sha256: printable(&report.run.rules_sha256),
            complete: because.is_none(),
            because: because.as_deref().map(printable),
            scenarios: report.scenarios,
            scenarios_run: report.scenarios_run,
            decisions: report.decisions,
            divergences: report.divergences.len(),
            causes: report.causes.len(),
        }
    }
}

impl CauseRow {
    fn new(cause: &TrendCause, trend: &Trend) -> Self {
        let explained: Vec<_> =
            cause.divergences.iter().map(|number| &trend.divergences[*number]).collect();
        let cells = cause.presence.iter().enumerate().map(|(report, presence)| CauseCell {
            presence: printable_presence(presence),
            divergences: explained
                .iter()
                .filter(|divergence| divergence.presence[report] == Presence::Present)
                .count(),
        });
        Self {
            decision_point: printable(&cause.last.decision_point),
            option: printable(&cause.last.option),
            means: printable(&cause.last.means),
            permitted: cause.last.permitted,
            reading: cause.last.reading.as_deref().map(printable),
            clauses: cause.last.clauses.iter().map(|clause| printable(clause)).collect(),
            change: cause.change,
            reports: cells.collect(),
            divergences: explained.iter().map(|one| printable(&one.last.id)).collect(),
        }
    }
}

impl DivergenceRow {
    fn new(divergence: &TrendDivergence) -> Self {
        let last = &divergence.last;
        Self {
            id: printable(&last.id),
            kind: last.kind,
            decision_point: last.decision_point.as_deref().map(printable),
            option: last.option.as_deref().map(printable),
            step: printable(&last.step),
            by: printable(&last.by),
            expected: printable(&last.expected),
            observed: printable(&last.observed),
            permitted: last.permitted,
            change: divergence.change,
            reports: divergence.presence.iter().map(printable_presence).collect(),
        }
    }
}

impl EndpointRow {
    fn new(endpoint: &TrendEndpoint) -> Self {
        Self {
            endpoint: printable(&endpoint.endpoint),
            change: endpoint.change,
            reports: endpoint.presence.iter().map(printable_presence).collect(),
        }
    }
}

/// The names of the reports: what the homeserver stated, where that differs from the other reports; else
/// the name of the file, where that differs; else the path.
fn labels(reports: &[SavedRun]) -> Vec<String> {
    let stated = |report: &SavedRun| {
        let server = &report.server;
        Some(format!("{} {}", server.name.as_ref()?, server.version.as_ref()?))
    };
    let file = |report: &SavedRun| Some(report.path.file_name()?.to_string_lossy().into_owned());
    let path = |report: &SavedRun| report.path.display().to_string();
    let only_here = |name: &dyn Fn(&SavedRun) -> Option<String>, report: &SavedRun| {
        let here = name(report)?;
        let same = reports.iter().filter(|other| name(other).as_ref() == Some(&here));
        (same.count() == 1).then_some(here)
    };
    let label = |report: &SavedRun| {
        let label = only_here(&stated, report).or_else(|| only_here(&file, report));
        label.unwrap_or_else(|| path(report))
    };
    reports.iter().map(label).collect()
}

fn printable_presence(presence: &Presence) -> Presence {
    match presence {
        Presence::NotKnown { because } => Presence::NotKnown { because: printable(because) },
        Presence::Present | Presence::Absent => presence.clone(),
    }
}
