//! A report as findings, for programs that show each finding at its place.
//!
//! A command describes its report once, as [`Findings`]. They are written as SARIF 2.1.0, for code
//! scanners, or as the workflow commands that GitHub Actions shows as annotations.

mod github;
mod sarif;

use super::Run;

/// The findings of a report.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    /// The verdict, in one line of our own words.
    pub(super) verdict: String,
    /// The kinds of the findings.
    pub(super) kinds: Vec<FindingKind>,
    /// The findings, the worst first.
    pub(super) findings: Vec<Finding>,
    /// Why there is no verdict, or none on a part; empty if the run has a verdict.
    pub(super) obstacles: Vec<String>,
    /// Whether the run compared the findings with a baseline.
    pub(super) has_baseline: bool,
    /// The run that made the report.
    pub(super) run: &'a Run,
}

/// A kind of findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FindingKind {
    /// The id, which never changes.
    pub(super) id: &'static str,
    /// What a finding of this kind means, as a sentence.
    pub(super) about: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The id of the kind.
    pub(super) kind: &'static str,
    /// How bad the finding is.
    pub(super) level: Level,
    /// The finding in one line.
    pub(super) title: String,
    /// The explanation, in lines.
    pub(super) text: String,
    /// Where the finding is.
    pub(super) place: FindingPlace,
    /// The ids of the clauses.
    pub(super) clauses: Vec<String>,
    /// The id, which is the same in every run that has the finding.
    pub(super) id: String,
    /// What the baseline says of the finding.
    pub(super) standing: BaselineStanding,
}

/// The place of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FindingPlace {
    /// The path of a file, or a path of the API of a homeserver; `None` if the finding has neither.
    pub(super) path: Option<String>,
    /// Whether `path` is a file, so that its first line can be shown.
    pub(super) is_file: bool,
    /// The name of what the finding is about: an endpoint, a step or a guarantee.
    pub(super) name: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The run fails by the finding.
    Error,
    /// The finding deserves a look.
    Warning,
    /// The finding is permitted.
    Note,
}

/// What a baseline says of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BaselineStanding {
    /// The baseline does not list the finding.
    New,
    /// The baseline lists the finding, for this reason.
    Known(String),
    /// The baseline lists the finding, and it no longer occurs.
    Absent,
}

impl Findings<'_> {
    /// The findings as SARIF 2.1.0.
    ///
    /// # Errors
    /// If the JSON cannot be written.
    pub(super) fn sarif(&self) -> serde_json::Result<String> {
        sarif::text(self)
    }

    /// The findings as workflow commands of GitHub Actions, after a line with the verdict.
    pub(super) fn github(&self) -> String {
        github::text(self)
    }
}
