//! The report as findings: for SARIF one for each divergence, for GitHub Actions one for each defect.

use guest_access_rules::endpoint::EndpointId;
use guest_access_scenarios::permitted::DivergenceKind;

use crate::report::count;
use crate::report::findings::{
    BaselineStanding, Finding, FindingKind, FindingPlace, Findings, Level,
};

use super::defect::{DefectReport, defects};
use super::text::{VerdictLine, description, first_reasons, not_compared_in_words};
use super::{AbsentEntry, DiffReport, DivergenceReport};

/// The report as SARIF 2.1.0, with one result for each divergence and each stale entry of the baseline.
///
/// # Errors
/// If the JSON cannot be written.
pub fn sarif(report: &DiffReport) -> serde_json::Result<String> {
    let divergences = report.divergences.iter().map(|divergence| of_divergence(report, divergence));
    findings(report, divergences.collect()).sarif()
}

/// The report as workflow commands of GitHub Actions. GitHub shows only some annotations of a step. So
/// there is one for each defect that fails the run, and not for each divergence.
pub fn github(report: &DiffReport) -> String {
    let failing = report.divergences.iter().filter(|divergence| report.fails_by(divergence));
    let defects = defects(failing);
    findings(report, defects.iter().map(of_defect).collect()).github()
}

fn findings(report: &DiffReport, mut found: Vec<Finding>) -> Findings<'_> {
    let stale = report.baseline.iter().flat_map(|baseline| &baseline.stale);
    found.extend(stale.map(of_stale));
    let kinds = DivergenceKind::ALL
        .map(|kind| FindingKind { id: kind.as_str(), about: about(kind).to_owned() })
        .into_iter()
        .chain([FindingKind { id: STALE, about: STALE_ABOUT.to_owned() }]);
    Findings {
        verdict: format!("{}: {}", report.rules, VerdictLine(report).plain()),
        kinds: kinds.collect(),
        findings: found,
        obstacles: obstacles(report),
        has_baseline: report.baseline.is_some(),
        run: &report.run,
    }
}

/// The kind of an entry of the baseline whose divergence no longer occurs.
const STALE: &str = "stale";
const STALE_ABOUT: &str =
    "The baseline lists a divergence that no longer occurs: remove it from the baseline.";

/// What a divergence of this kind means.
const fn about(kind: DivergenceKind) -> &'static str {
    match kind {
        DivergenceKind::Leak => "The homeserver gave or allowed what it must deny.",
        DivergenceKind::Effect => "A required effect is missing, or a forbidden effect happened.",
        DivergenceKind::Refusal => "The homeserver denied or withheld what it must give.",
        DivergenceKind::Failure => "The homeserver failed with a status from 500 on.",
        DivergenceKind::Inconsistent => "The homeserver answers an open question in two ways.",
        DivergenceKind::Error => "A denial is right, and its status or error code is wrong.",
    }
}

/// A denial with the wrong error is the only divergence that costs nobody access or privacy.
const fn level(kind: DivergenceKind) -> Level {
    match kind {
        DivergenceKind::Error => Level::Warning,
        _ => Level::Error,
    }
}

/// Why the run has no verdict.
pub(super) fn obstacles(report: &DiffReport) -> Vec<String> {
    let failed = &report.not_compared.failed;
    let mut obstacles = Vec::new();
    if let Some(error) = &report.broken_off {
        obstacles.push(format!("the run was broken off: {error}"));
    } else if !report.complete {
        obstacles.push("the run is incomplete: the time limit ended it".to_owned());
    }
    if report.decisions == 0 {
        obstacles.push("no step was judged".to_owned());
    }
    if !failed.is_empty() {
        let decisions = not_compared_in_words(failed, report.scenarios);
        obstacles.push(format!("{decisions}: {}", first_reasons(failed).join("; ")));
    }
    obstacles
}

fn of_divergence(report: &DiffReport, divergence: &DivergenceReport) -> Finding {
    let standing = match &divergence.known {
        Some(known) => BaselineStanding::Known(known.in_words()),
        None => BaselineStanding::New,
    };
    let level = if report.is_wrong(divergence) { level(divergence.kind) } else { Level::Note };
    Finding {
        kind: divergence.kind.as_str(),
        level,
        title: format!("{} ({}): {}", divergence.step, divergence.by, divergence.observed),
        text: description(divergence),
        place: place(divergence.endpoint.as_deref(), &divergence.step),
        clauses: divergence.clauses.clone(),
        id: divergence.id.clone(),
        standing,
    }
}

fn of_defect(defect: &DefectReport) -> Finding {
    let divergences = count(defect.divergences.len(), "divergence");
    let id = defect.divergences.first().cloned().unwrap_or_default();
    Finding {
        kind: defect.kind.as_str(),
        level: level(defect.kind),
        title: format!("{}: {}", defect.kind.as_str(), defect.reason()),
        text: format!(
            "{} {divergences}, such as {id}; at {}",
            about(defect.kind),
            defect.places_in_words()
        ),
        place: place(None, &defect.places_in_words()),
        clauses: defect.clauses.clone(),
        id,
        standing: BaselineStanding::New,
    }
}

fn of_stale(entry: &AbsentEntry) -> Finding {
    Finding {
        kind: STALE,
        level: Level::Error,
        title: format!("{} no longer occurs", entry.id),
        text: entry.in_words(),
        place: place(None, &entry.step),
        clauses: Vec::new(),
        id: entry.id.clone(),
        standing: BaselineStanding::Absent,
    }
}

/// A path of the API, without the slash at its begin: code scanners refuse absolute URLs.
fn place(endpoint: Option<&str>, step: &str) -> FindingPlace {
    let called = endpoint.and_then(EndpointId::find).map(|id| id.get().path.as_str());
    let path = called.unwrap_or("/_matrix/client").trim_start_matches('/').to_owned();
    let name = endpoint.unwrap_or(step).to_owned();
    FindingPlace { path: Some(path), is_file: false, name }
}
