//! The text of a scenario, before its steps are read.
//!
//! The rules of a scenario may declare endpoints that the steps call. So a reader finds the rules first,
//! and then reads the steps by the rules that decide them.

use std::path::{self, Path, PathBuf};

use guest_access_rules::rules::Rules;

use super::file::{self, Head, StepLines};
use super::known_endpoints::KnownEndpoints;
use super::{Scenario, ScenarioError};

/// The text of a scenario: its id and the name of its rules are known, its steps are not read yet.
///
/// ```
/// use guest_access_scenarios::scenario::ScenarioText;
///
/// let text = ScenarioText::parse("a.json", r#"{
///     "id": "a", "rules": "v1.2", "about": "", "clauses": [],
///     "steps": [{"as": "guest1", "do": "register as guest"}]
/// }"#)?;
/// assert_eq!((text.id(), text.rules()), ("a", "v1.2"));
/// let (scenario, _) = text.read_by(&text.find_rules()?)?;
/// assert_eq!(scenario.steps.len(), 1);
/// # Ok::<(), guest_access_scenarios::scenario::ScenarioError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ScenarioText {
    path: PathBuf,
    text: String,
    head: Head,
}

impl ScenarioText {
    /// The text of the file at `path`, or of the standard input if `path` is `-`.
    ///
    /// # Errors
    /// If the file cannot be read, or has no fields of a scenario.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        Self::new(path, file::read(path)?)
    }

    /// The scenario in `text`. Messages call the text `name`.
    ///
    /// # Errors
    /// If the text has no fields of a scenario.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        Self::new(Path::new(name), text.to_owned())
    }

    fn new(path: &Path, text: String) -> Result<Self, ScenarioError> {
        let head = file::head(path, &text)?;
        Ok(Self { path: path.to_owned(), text, head })
    }

    /// The id of the scenario.
    pub fn id(&self) -> &str {
        &self.head.id
    }

    /// The name of the rules that the scenario is for: a revision, or the path of a rules file.
    pub fn rules(&self) -> &str {
        &self.head.rules
    }

    /// The file and the line in which the scenario names its rules.
    pub fn place_of_rules(&self) -> (&Path, usize) {
        (&self.path, self.head.rules_line)
    }

    /// The rules that the scenario is for. The path of a rules file is relative to the working directory.
    ///
    /// # Errors
    /// If there are no such rules.
    pub fn find_rules(&self) -> Result<Rules, ScenarioError> {
        let name = self.rules();
        Rules::find(name).map_err(|source| {
            let looked_for = match path::absolute(name) {
                Ok(path) if is_file(name) => format!(", looked for at `{}`", path.display()),
                _ => String::new(),
            };
            ScenarioError::Rules {
                path: self.path.clone(),
                line: self.head.rules_line,
                name: name.to_owned(),
                looked_for,
                source: Box::new(source),
            }
        })
    }

    /// Reads the scenario by the rules that decide its steps; with the lines of the steps.
    ///
    /// # Errors
    /// If the text is not a scenario, or a step calls an endpoint that `rules` do not know.
    pub fn read_by(&self, rules: &Rules) -> Result<(Scenario, StepLines), ScenarioError> {
        file::parse(&self.path, &self.text, KnownEndpoints::of(rules))
    }

    /// Reads the scenario by its own rules; with the lines of the steps.
    ///
    /// # Errors
    /// If the text is not a scenario, or its rules cannot be read.
    pub fn read(&self) -> Result<(Scenario, StepLines), ScenarioError> {
        if is_file(self.rules()) {
            return self.read_by(&self.find_rules()?);
        }
        // A revision declares no endpoints, so its file does not have to be read.
        file::parse(&self.path, &self.text, KnownEndpoints::OF_TABLE)
    }
}

/// Whether the name of rules is the path of a file.
fn is_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
}
