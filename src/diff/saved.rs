//! Reads a saved JSON report, for `diff --replay` to run its divergences again.
//!
//! `trend` reads other parts of the same files, by the same functions and with the same errors.

use std::path::{Path, PathBuf};

use guest_access_rules::rules::{Rules, RulesError};
use guest_access_rules::text_file::{self, FileKind, TextFileError};
use guest_access_scenarios::permitted::DivergenceKind;
use guest_access_scenarios::scenario::{Scenario, ScenarioError, ScenarioText, line_of};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The parts of a saved report that a replay needs.
#[derive(Debug, Clone)]
pub struct SavedReport {
    /// The rules that decide the scenarios.
    pub rules: Rules,
    /// The base URL of the homeserver.
    pub url: String,
    /// The divergences.
    pub divergences: Vec<SavedDivergence>,
}

/// A divergence of a saved report.
#[derive(Debug, Clone)]
pub struct SavedDivergence {
    /// The id of the divergence.
    pub id: String,
    /// Whether the kind of the divergence is `inconsistent`.
    pub is_inconsistent: bool,
    /// The outcome that the rules expect, in words.
    pub expected: String,
    /// The outcome at the homeserver, in words.
    pub observed: String,
    /// The scenario that shows the divergence in its last step.
    pub scenario: Scenario,
    /// For an inconsistent divergence: the scenarios that show the option of the rest of the run.
    pub contrasts: Vec<Scenario>,
}

/// Why a file is no report. Every message names the place of the fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The file cannot be read as text.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The file is no report.
    #[error("{}:{line}: {message}; a report is what `diff --format json` writes", path.display())]
    Syntax {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The message of the JSON reader.
        message: String,
    },
    /// This version of the program does not have the rules of the report.
    #[error("{} was made by rules that are not known here; name them by `--rules`", path.display())]
    Rules {
        /// The path of the file.
        path: PathBuf,
        /// Why the rules were not found.
        source: RulesError,
    },
    /// The report has a federated scenario that this version of the program does not have.
    #[error("{} has the federated scenario `{scenario}`, or a step of it, that is not known here", path.display())]
    FederatedScenario {
        /// The path of the file.
        path: PathBuf,
        /// The id of the scenario.
        scenario: String,
    },
    /// A scenario in the report is wrong.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

const KIND: FileKind = FileKind {
    name: "report",
    most_bytes: 200_000_000,
    hint: "; name one that `diff --format json` wrote",
    if_too_large: "",
};

/// The fields of a report that a replay reads. Other fields are ignored, so that later versions can add
/// some.
#[derive(Deserialize)]
#[serde(expecting = "a report, which is an object")]
struct ReportFields<'a> {
    rules: String,
    server: ServerFields,
    #[serde(borrow)]
    divergences: Vec<&'a RawValue>,
}

/// The fields of the homeserver that a replay reads.
#[derive(Deserialize)]
#[serde(expecting = "a homeserver, which is an object")]
struct ServerFields {
    url: String,
}

/// The fields of a divergence that a replay reads.
#[derive(Deserialize)]
#[serde(expecting = "a divergence, which is an object")]
struct DivergenceFields<'a> {
    id: String,
    #[serde(default)]
    kind: String,
    expected: String,
    observed: String,
    #[serde(borrow)]
    scenario: &'a RawValue,
    #[serde(borrow, default)]
    contrasts: Vec<&'a RawValue>,
}

/// The text of the report at `path`.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn saved_text(path: &Path) -> Result<String, SavedError> {
    Ok(text_file::read(path, KIND)?)
}

impl SavedError {
    /// The error of the JSON reader for a part of the file at `path`. The part begins on the line `first`.
    pub(crate) fn syntax(path: &Path, first: usize, error: &serde_json::Error) -> Self {
        let message = error.to_string();
        // The message of the reader ends with a line number that counts from the start of the part.
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        let line = first + error.line().saturating_sub(1);
        Self::Syntax { path: path.to_owned(), line, message }
    }
}

impl SavedReport {
    /// Reads the report at `path`. The scenarios are read by `rules`, or by the rules that the report
    /// names.
    ///
    /// # Errors
    /// If the file cannot be read, or is no report, or names rules that do not exist.
    pub fn load(path: &Path, rules: Option<Rules>) -> Result<Self, SavedError> {
        Self::parse(path, &saved_text(path)?, rules)
    }

    /// Parses the report in `text`. Messages name `path`. The scenarios are read by `rules`, or by the rules
    /// that the report names.
    ///
    /// # Errors
    /// If the text is no report, or names rules that do not exist.
    pub fn parse(path: &Path, text: &str, rules: Option<Rules>) -> Result<Self, SavedError> {
        let syntax = |first, error: &_| SavedError::syntax(path, first, error);
        let report: ReportFields<'_> =
            serde_json::from_str(text).map_err(|error| syntax(1, &error))?;
        let rules = rules.map_or_else(|| Rules::find(&report.rules), Ok);
        let rules = rules.map_err(|source| SavedError::Rules { path: path.to_owned(), source })?;
        let mut divergences = Vec::with_capacity(report.divergences.len());
        for raw in report.divergences {
            let line = line_of(text, raw.get());
            let divergence: DivergenceFields<'_> =
                serde_json::from_str(raw.get()).map_err(|error| syntax(line, &error))?;
            let DivergenceFields { id, kind, expected, observed, scenario, contrasts } = divergence;
            let is_inconsistent = kind == DivergenceKind::Inconsistent.as_str();
            let parsed = |scenario: &RawValue| {
                // With empty lines before the scenario, an error names the line of the report.
                let line = line_of(text, scenario.get());
                let scenario = format!("{}{}", "\n".repeat(line - 1), scenario.get());
                let scenario = ScenarioText::parse(&path.display().to_string(), &scenario)?;
                scenario.read_by(&rules).map(|(scenario, _)| scenario)
            };
            let scenario = parsed(scenario)?;
            let contrasts = contrasts.into_iter().map(parsed).collect::<Result<_, _>>()?;
            divergences.push(SavedDivergence {
                id,
                is_inconsistent,
                expected,
                observed,
                scenario,
                contrasts,
            });
        }
        Ok(Self { rules, url: report.server.url, divergences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{
        "server": {"url": "http://host", "name": null}, "rules": "latest", "more": [1, 2],
        "divergences": [{
            "id": "leak-1", "expected": "deny", "observed": "allow", "kind": "leak",
            "scenario": {"id": "leak-1", "rules": "latest", "about": "", "clauses": [], "steps": [
                {"as": "guest1", "do": "register as guest"}
            ]}
        }]
    }"#;

    fn message(text: &str) -> String {
        SavedReport::parse(Path::new("report.json"), text, None).unwrap_err().to_string()
    }

    #[test]
    fn the_parts_for_a_replay_are_read() {
        let saved = SavedReport::parse(Path::new("report.json"), REPORT, None).unwrap();
        assert_eq!((saved.rules.id.as_str(), saved.url.as_str()), ("v1.17", "http://host"));
        assert_eq!(saved.divergences[0].scenario.steps.len(), 1);
    }

    #[test]
    fn a_step_calls_an_endpoint_that_the_rules_declare() {
        let declaring = |gives: &str| {
            let text = format!(
                "id = \"p\"\nabout = \"\"\nextends = \"latest\"\n[[endpoint]]\nid = \"POST /peek\"\ngives = \"{gives}\"\ndoes = \"nothing\"\n"
            );
            Rules::parse("p.toml", &text).unwrap()
        };
        let step =
            r#"{"as": "guest1", "do": "register as guest"}, {"as": "guest1", "do": "POST /peek"}"#;
        let report = REPORT.replace("{\"as\": \"guest1\", \"do\": \"register as guest\"}", step);
        let report = report.replace("latest", "p");
        for rules in [declaring("events"), declaring("members")] {
            let path = Path::new("report.json");
            let saved = SavedReport::parse(path, &report, Some(rules.clone())).unwrap();
            let called = saved.divergences[0].scenario.steps[1].action.operation.endpoint();
            assert_eq!(called, rules.find_endpoint("POST /peek"));
        }
        assert!(message(&report).contains("rules that are not known here"));
    }

    #[test]
    fn a_message_names_the_line_of_the_fault() {
        let unknown_verb = REPORT.replace("register as guest", "register as ghost");
        assert!(message(&unknown_verb).starts_with("report.json:6: step 1 does"));
        let no_number = REPORT.replace("\"deny\"", "7");
        assert!(message(&no_number).starts_with("report.json:4: invalid type"));
        assert!(message("{").starts_with("report.json:1: EOF"));
        assert!(message("{\"rules\": \"latest\",\n\"server\": {}}").starts_with("report.json:2:"));
        let none = REPORT.replace("divergences", "differences");
        assert!(message(&none).contains("missing field `divergences`; a report is what"));
    }
}
