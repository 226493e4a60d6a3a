//! What came of each vector, as lines of JSON in the form that `go tool test2json` writes: what
//! homeserver projects commit beside their code, so that every change of it is seen in review.
//!
//! Such a file is a baseline by itself. So it says what the homeserver does, whatever another baseline
//! knows; and nothing that differs from run to run: no times, no histories at random.

use serde::Serialize;

use super::DiffReport;

/// What came of one vector.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    action: &'static str,
    test: String,
}

/// One line for each vector, in the order of their names.
///
/// # Errors
/// If a line cannot be written.
pub fn jsonl(report: &DiffReport) -> serde_json::Result<String> {
    let vectors = report.ran.iter().filter(|ran| ran.is_vector);
    let mut lines: Vec<_> = vectors
        .map(|ran| {
            let wrong = report.divergences.iter().filter(|d| report.is_wrong(d));
            let action = match ran.decisions {
                _ if wrong.flat_map(|d| &d.seen_in).any(|id| *id == ran.scenario) => "fail",
                0 => "skip",
                _ => "pass",
            };
            Line { action, test: format!("{}/{}", report.rules, ran.scenario) }
        })
        .collect();
    lines.sort_by(|one, other| one.test.cmp(&other.test));
    lines.iter().map(|line| Ok(serde_json::to_string(line)? + "\n")).collect()
}
