//! The result of each vector as JSON Lines, in the format of `go tool test2json`.
//!
//! A homeserver project can commit such a file with its code, and see each change in review. So the
//! file depends on the homeserver alone. It ignores the baseline. It contains nothing that differs from
//! run to run: no times and no random histories.

use serde::Serialize;

use super::DiffReport;

/// The result of one vector.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VectorLine {
    action: &'static str,
    test: String,
}

/// One line for each vector, in the order of the ids.
///
/// # Errors
/// If a line cannot be written.
pub fn jsonl(report: &DiffReport) -> serde_json::Result<String> {
    let vectors = report.ran.iter().filter(|ran| ran.is_vector);
    let mut lines: Vec<_> = vectors
        .map(|ran| {
            let wrong = report.divergences.iter().filter(|d| report.is_wrong(d));
            let is_wrong = wrong.flat_map(|d| &d.seen_in).any(|id| *id == ran.scenario);
            let action = match (is_wrong, ran.is_whole()) {
                (true, _) => "fail",
                (false, true) => "pass",
                (false, false) => "skip",
            };
            VectorLine { action, test: format!("{}/{}", report.rules, ran.scenario) }
        })
        .collect();
    lines.sort_by(|one, other| one.test.cmp(&other.test));
    lines.iter().map(|line| Ok(serde_json::to_string(line)? + "\n")).collect()
}
