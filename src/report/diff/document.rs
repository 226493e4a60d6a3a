//! The report as Markdown: a summary for a pull request, or for the page of a CI job.

use guest_access_scenarios::permitted::DivergenceKind;
use guest_access_scenarios::scenario::{LABEL, sentence_with};

use crate::report::count;
use crate::report::document::{Document, Part, Tone, Toned};

use super::findings::obstacles;
use super::text::{VerdictLine, times};
use super::{AbsentEntry, DefectReport, DiffReport, DivergenceReport};

/// The most divergences whose scenarios the summary shows. A service for CI limits the size of a summary.
const MOST_SHOWN: usize = 10;

/// The report as Markdown.
pub fn markdown(report: &DiffReport) -> String {
    let tone = if report.fails() {
        Tone::Bad
    } else if report.is_whole() {
        Tone::Good
    } else {
        Tone::Doubtful
    };
    let document = Document {
        title: format!("{}, compared with {}", report.server_title(), report.rules),
        verdicts: vec![Toned::new(VerdictLine(report).plain(), tone)],
        parts: parts(report),
        rules: report.rules.clone(),
        run: &report.run,
    };
    document.markdown()
}

fn parts(report: &DiffReport) -> Vec<Part> {
    let mut parts = vec![Part::Paragraph(format!(
        "{} in {} of {}, {}.",
        count(report.decisions, "decision"),
        report.scenarios_run,
        count(report.scenarios, "scenario"),
        count(report.requests, "call"),
    ))];
    let obstacles = obstacles(report);
    if !obstacles.is_empty() {
        parts.push(Part::Section("Why there is no verdict on a part".to_owned()));
        parts.push(Part::List(obstacles));
    }
    if !report.defects.is_empty() {
        parts.push(Part::Section("Defects".to_owned()));
        parts.push(Part::Table {
            headings: &["kind", "divergences", "seen", "what forbids them", "where"],
            rows: report.defects.iter().map(row).collect(),
        });
    }
    if !report.causes.is_empty() {
        parts.push(Part::Section("It behaves as if".to_owned()));
        let causes = report.causes.iter().map(|cause| {
            let explains = times(cause.explains);
            let (point, option) = (&cause.decision_point, &cause.option);
            format!("`{point}` were `{option}`, seen {explains}: {}", cause.means)
        });
        parts.push(Part::List(causes.collect()));
    }
    if let Some(baseline) = &report.baseline
        && !baseline.stale.is_empty()
    {
        parts.push(Part::Section("Known, and no longer occurs".to_owned()));
        parts.push(Part::List(baseline.stale.iter().map(AbsentEntry::in_words).collect()));
    }
    let failing: Vec<_> = report.divergences.iter().filter(|d| report.fails_by(d)).collect();
    if !failing.is_empty() {
        parts.push(Part::Section("Divergences".to_owned()));
    }
    for divergence in failing.iter().take(MOST_SHOWN) {
        add_divergence(&mut parts, divergence);
    }
    let others = failing.len().saturating_sub(MOST_SHOWN);
    if others > 0 {
        let text =
            format!("The other formats of the report have {} more.", count(others, "divergence"));
        parts.push(Part::Paragraph(text));
    }
    parts
}

fn row(defect: &DefectReport) -> Vec<Toned> {
    let tone = if defect.kind == DivergenceKind::Error { Tone::Doubtful } else { Tone::Bad };
    vec![
        Toned::new(defect.kind.as_str(), tone),
        Toned::plain(defect.divergences.len().to_string()),
        Toned::plain(times(defect.count)),
        Toned::plain(defect.reason()),
        Toned::plain(defect.places_in_words()),
    ]
}

fn add_divergence(parts: &mut Vec<Part>, divergence: &DivergenceReport) {
    parts.push(Part::Finding(format!("`{}`", divergence.id)));
    parts.push(Part::Paragraph(format!(
        "The rules: {}. The homeserver: {}. This is because {}.",
        divergence.expected, divergence.observed, divergence.because,
    )));
    let label = divergence.scenario.label().unwrap_or(LABEL);
    let steps = divergence.scenario.steps.iter();
    let steps = (1..).zip(steps);
    let steps = steps
        .map(|(number, step)| format!("step {number}: {}", sentence_with(&step.action, label)));
    parts.push(Part::List(steps.collect()));
}
