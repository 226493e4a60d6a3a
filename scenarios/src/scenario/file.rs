//! Reading and writing a scenario's file.

use std::path::{Path, PathBuf};

use guest_access_model::action::{Action, Operation};
use guest_access_rules::clause;
use guest_access_rules::text_file::{self, FileKind};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error as _, IgnoredAny};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::format::{Fault, StepEntry};
use super::known_endpoints::KnownEndpoints;
use super::{
    Expect, InterleavingEntry, LABEL, Scenario, ScenarioError, ScenarioStep, actor, interleaving,
};

const KIND: FileKind =
    FileKind { name: "scenario", most_bytes: 1 << 20, hint: "", if_too_large: "" };

/// The fields of a scenario as JSON. The steps are parsed one by one, so that an error names the line of
/// its step.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a scenario, which is an object")]
struct ScenarioFields<'a> {
    id: String,
    #[serde(borrow)]
    rules: &'a RawValue,
    about: String,
    #[serde(borrow)]
    clauses: Vec<&'a RawValue>,
    #[serde(borrow)]
    steps: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    interleaving: Vec<&'a RawValue>,
}

/// The fields of a vector as JSON: those of a scenario, and more fields that a scenario does not use.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorFields<'a> {
    id: String,
    #[serde(borrow)]
    rules: &'a RawValue,
    about: String,
    #[serde(borrow)]
    clauses: Vec<&'a RawValue>,
    #[serde(borrow)]
    steps: Vec<&'a RawValue>,
    #[serde(rename = "guests")]
    _guests: IgnoredAny,
    #[serde(rename = "rooms")]
    _rooms: IgnoredAny,
    #[serde(rename = "covers")]
    _covers: IgnoredAny,
}

impl<'a> From<VectorFields<'a>> for ScenarioFields<'a> {
    fn from(vector: VectorFields<'a>) -> Self {
        let VectorFields { id, rules, about, clauses, steps, .. } = vector;
        Self { id, rules, about, clauses, steps, interleaving: Vec::new() }
    }
}

/// Whether the text is a vector, and not only a scenario.
fn is_vector(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Covering {
        covers: Option<IgnoredAny>,
    }
    serde_json::from_str::<Covering>(text).is_ok_and(|file| file.covers.is_some())
}

/// A scenario of Matrix guest access: steps by named actors, each with its expected outcome.
#[derive(JsonSchema)]
#[schemars(rename = "Scenario", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is derived from it")]
struct ScenarioSchema {
    /// The id.
    id: String,
    /// The rules of the scenario: a revision's id or alias, or the path of a rules file.
    rules: String,
    /// What the scenario shows, in a sentence.
    about: String,
    /// The clauses that the scenario is about, by id.
    clauses: Vec<String>,
    /// The steps, in order.
    steps: Vec<StepEntry>,
    /// The order of events, if calls overlap. Left out if each step ends before the next begins.
    #[serde(default)]
    interleaving: Vec<InterleavingEntry>,
}

/// The JSON Schema of scenarios, published as `schema/scenario.json`.
pub fn schema() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<ScenarioSchema>()
}

/// The file of a scenario, and the lines of its steps.
#[derive(Debug, Clone)]
pub struct StepLines {
    path: PathBuf,
    /// The line of each step.
    lines: Vec<usize>,
}

impl StepLines {
    /// The file, and the line of the step with this index.
    pub fn place_of_step(&self, index: usize) -> (&Path, usize) {
        (&self.path, self.lines.get(index).copied().unwrap_or(1))
    }

    /// The same error. An error about a step names the line of the step.
    #[must_use]
    pub fn locate(&self, error: ScenarioError) -> ScenarioError {
        match error {
            ScenarioError::CannotHappen { number, sentence, why, place } => {
                let line = number.checked_sub(1).and_then(|index| self.lines.get(index));
                let place = line.map_or(place, |line| format!("{}:{line}", self.path.display()));
                ScenarioError::CannotHappen { number, sentence, why, place }
            }
            other => other,
        }
    }
}

/// The text of the file at `path`, or of the standard input if `path` is `-`.
pub(super) fn read(path: &Path) -> Result<String, ScenarioError> {
    Ok(text_file::read(path, KIND)?)
}

/// Parses the fields of the scenario in `text`, the content of the file at `path`. The steps are not
/// parsed. The second value is whether the scenario is a vector.
fn fields<'a>(path: &Path, text: &'a str) -> Result<(ScenarioFields<'a>, bool), ScenarioError> {
    let is_vector = is_vector(text);
    let file = if is_vector {
        object::<VectorFields>(text).map(ScenarioFields::from)
    } else {
        object(text)
    };
    Ok((file.map_err(|error| syntax(path, 1, &error))?, is_vector))
}

/// What stands in a scenario besides its steps.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) rules: String,
    /// The line, from 1, of the name of the rules.
    pub(super) rules_line: usize,
}

/// Parses the id and the rules of the scenario in `text`, the content of the file at `path`.
pub(super) fn head(path: &Path, text: &str) -> Result<Head, ScenarioError> {
    let (ScenarioFields { id, rules, .. }, _) = fields(path, text)?;
    let rules_line = line_of(text, rules.get());
    let rules =
        serde_json::from_str(rules.get()).map_err(|error| syntax(path, rules_line, &error))?;
    Ok(Head { id, rules, rules_line })
}

/// Parses the scenario in `text`, the content of the file at `path`.
pub(super) fn parse(
    path: &Path,
    text: &str,
    endpoints: KnownEndpoints<'_>,
) -> Result<(Scenario, StepLines), ScenarioError> {
    let syntax = |line, error: &serde_json::Error| syntax(path, line, error);
    let Head { id, rules, .. } = head(path, text)?;
    let (file, is_vector) = fields(path, text)?;
    let meaning = |line, message| ScenarioError::Meaning { path: path.to_owned(), line, message };
    let mut clauses = Vec::with_capacity(file.clauses.len());
    for raw in &file.clauses {
        let line = line_of(text, raw.get());
        let id: String = serde_json::from_str(raw.get()).map_err(|error| syntax(line, &error))?;
        if clause::find(&id).is_none() {
            let message = format!("there is no clause `{id}`; spec-notes/clauses.md lists them");
            return Err(meaning(line, message));
        }
        clauses.push(id);
    }
    if file.steps.is_empty() {
        return Err(meaning(1, "the scenario has no steps; it needs at least one".to_owned()));
    }
    let mut step_lines =
        StepLines { path: path.to_owned(), lines: Vec::with_capacity(file.steps.len()) };
    let mut steps = Vec::with_capacity(file.steps.len());
    let mut label: Option<(String, usize)> = None;
    for (number, raw) in (1..).zip(&file.steps) {
        let line = line_of(text, raw.get());
        let fault =
            |message| ScenarioError::Action { path: path.to_owned(), line, number, message };
        let entry: StepEntry =
            parse_step(raw.get(), is_vector).map_err(|error| syntax(line, &error))?;
        let asked_for = entry.event.clone();
        let step = entry.scenario_step(endpoints).map_err(|error| match error {
            Fault::Actor(actor, known) => {
                ScenarioError::UnknownActor { path: path.to_owned(), line, number, actor, known }
            }
            Fault::UnknownOperation(operation, near) => ScenarioError::UnknownOperation {
                path: path.to_owned(),
                line,
                number,
                operation,
                near,
            },
            Fault::Other(message) => fault(message),
        })?;
        let asked_for =
            asked_for.filter(|_| step.action.operation == Operation::ReadThroughOtherRoom);
        check_labels(&step, asked_for.as_ref(), label.as_ref()).map_err(fault)?;
        if let Some(event) = &step.event {
            label = Some((event.clone(), number));
        }
        step_lines.lines.push(line);
        steps.push(step);
    }
    let mut interleaving = Vec::with_capacity(file.interleaving.len());
    for raw in &file.interleaving {
        let line = line_of(text, raw.get());
        interleaving.push(object(raw.get()).map_err(|error| syntax(line, &error))?);
    }
    if let Some((number, message)) = interleaving::fault(&interleaving, steps.len()) {
        return Err(meaning(line_of(text, file.interleaving[number].get()), message));
    }
    let about = file.about;
    Ok((Scenario { id, rules, about, clauses, steps, interleaving }, step_lines))
}

/// Parses `text` as an object. (serde would accept a list of the values as well.)
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    if text.trim_start().starts_with('[') {
        return Err(serde::de::Error::custom("an object is needed here, not a list"));
    }
    serde_json::from_str(text)
}

/// Parses `text` as a step, whose expectation is an object too. The step of a vector may list what else
/// is permitted.
fn parse_step(text: &str, of_vector: bool) -> serde_json::Result<StepEntry> {
    #[derive(Deserialize)]
    struct Expecting<'a> {
        #[serde(borrow)]
        expect: Option<&'a RawValue>,
    }
    let entry = if of_vector {
        let mut fields: Map<String, Value> = object(text)?;
        fields.remove("otherwise");
        serde_json::from_value(fields.into())?
    } else {
        object(text)?
    };
    if let Some(expect) = object::<Expecting>(text)?.expect {
        object::<Option<Expect>>(expect.get())?;
    }
    Ok(entry)
}

/// Checks the labels and names of one step. `label` is the label of an earlier step, with the number of
/// that step.
fn check_labels(
    step: &ScenarioStep,
    asked_for: Option<&String>,
    label: Option<&(String, usize)>,
) -> Result<(), String> {
    if let (Some(event), Some((first, number))) = (&step.event, label) {
        return Err(format!(
            "a scenario labels one event, and `{first}` is labelled in step {number} already; leave `\"event\": \"{event}\"` out"
        ));
    }
    let expected = step.expect.iter().flat_map(|expect| expect.sees.iter().chain(&expect.not_sees));
    for named in expected.chain(asked_for) {
        match label {
            Some((label, _)) if label == named => {}
            Some((label, _)) => {
                return Err(format!("no event is labelled `{named}`; `{label}` is"));
            }
            None => {
                return Err(format!(
                    "no event before this step is labelled `{named}`; put `\"event\": \"{named}\"` on the step that sends it"
                ));
            }
        }
    }
    for (room, members) in step.expect.iter().flat_map(|expect| &expect.membership) {
        if room == "elsewhere" || actor::find_place(room).is_err() {
            return Err(format!("`membership` has no room `{room}`; there are room1, room2"));
        }
        for who in members.keys().filter(|who| *who != "user") {
            actor::find_guest(who).map_err(|known| {
                format!("`membership` has no user `{who}`; the users are user, {known}")
            })?;
        }
    }
    Ok(())
}

fn syntax(path: &Path, first: usize, error: &serde_json::Error) -> ScenarioError {
    let message = error.to_string();
    // The parser counts lines from its own beginning, and its message ends with them.
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    let line = first + error.line().saturating_sub(1);
    ScenarioError::Syntax { path: path.to_owned(), line, message }
}

/// The line, from 1, on which `part` of `text` begins.
pub fn line_of(text: &str, part: &str) -> usize {
    let offset = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    text_file::line_of(text.as_bytes(), offset)
}

impl Serialize for ScenarioStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StepEntry::of(self, LABEL).serialize(serializer)
    }
}

/// An action as scenarios write it, for formats that have no scenario steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenAction(pub Action);

impl Serialize for WrittenAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StepEntry::of(&ScenarioStep { action: self.0, event: None, expect: None }, LABEL)
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WrittenAction {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |message: String| Err(D::Error::custom(message));
        match StepEntry::deserialize(deserializer)?.scenario_step(KnownEndpoints::OF_TABLE) {
            Ok(ScenarioStep { action: step, event: None, expect: None }) => Ok(Self(step)),
            Ok(_) => wrong("a step has no `event` and no `expect` here".to_owned()),
            Err(Fault::Actor(name, known)) => {
                wrong(format!("there is no actor `{name}`; the actors are {known}"))
            }
            Err(Fault::UnknownOperation(operation, near)) => wrong(format!(
                "there is no operation `{operation}`;{near} schema/scenario.json lists the verbs"
            )),
            Err(Fault::Other(message)) => wrong(message),
        }
    }
}

impl JsonSchema for WrittenAction {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        StepEntry::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        StepEntry::json_schema(generator)
    }
}

impl Serialize for Scenario {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let label = self.label().unwrap_or(LABEL);
        let steps: Vec<_> = self.steps.iter().map(|step| StepEntry::of(step, label)).collect();
        let overlaps = !self.interleaving.is_empty();
        let mut fields = serializer.serialize_struct("Scenario", 5 + usize::from(overlaps))?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("rules", &self.rules)?;
        fields.serialize_field("about", &self.about)?;
        fields.serialize_field("clauses", &self.clauses)?;
        fields.serialize_field("steps", &steps)?;
        if overlaps {
            fields.serialize_field("interleaving", &self.interleaving)?;
        }
        fields.end()
    }
}
