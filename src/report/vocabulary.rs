//! The report of `rules --vocabulary`: every word that a rules file can be written with.

use std::fmt::{self, Display, Formatter};

use guest_access_rules::decision_point::{POINTS, PointOption};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::guarantee::GuaranteeId;
use guest_access_rules::key::KEYS;
use guest_access_rules::profile::Condition;
use guest_access_rules::rules::Rules;
use serde::Serialize;

use super::{Run, Table, paint, style};

/// Every word of a rules file, with its meaning.
#[derive(Debug, Clone, Serialize)]
pub struct Vocabulary {
    /// The id of the rules whose words are listed.
    pub rules: String,
    /// The keys of a rules file.
    pub keys: Vec<Word>,
    /// The decision points, each with its options.
    pub points: Vec<PointWords>,
    /// The conditions under which an endpoint can be open.
    pub conditions: Vec<Word>,
    /// The guarantees.
    pub guarantees: Vec<Word>,
    /// The endpoints, each with its whole path.
    pub endpoints: Vec<Word>,
    /// The readings.
    pub readings: Vec<Word>,
    /// The clauses.
    pub clauses: Vec<Word>,
    /// The run that made the report.
    pub run: Run,
}

/// A word, and its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Word {
    /// The word.
    pub id: String,
    /// The meaning.
    pub means: String,
}

/// A decision point, and its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PointWords {
    /// The id of the decision point.
    pub id: &'static str,
    /// The question.
    pub means: String,
    /// The options.
    pub options: Vec<Word>,
}

impl Word {
    fn new(id: impl Into<String>, means: impl Into<String>) -> Self {
        Self { id: id.into(), means: means.into() }
    }
}

impl Vocabulary {
    /// The vocabulary, with the words that `rules` declare.
    pub fn new(rules: &Rules, run: Run) -> Self {
        let option = |option: &PointOption| Word::new(option.id, option.means());
        let points = POINTS.iter().map(|point| PointWords {
            id: point.id,
            means: point.question(),
            options: point.options.iter().map(option).collect(),
        });
        let conditions = Condition::ALL.iter();
        let guarantees = rules.guarantees().iter().map(GuaranteeId::get);
        let endpoints = rules.every_endpoint().map(EndpointId::get);
        Self {
            rules: rules.id.clone(),
            keys: KEYS.iter().map(|key| Word::new(key.id, key.means)).collect(),
            points: points.collect(),
            conditions: conditions.map(|c| Word::new(c.as_str(), c.means())).collect(),
            guarantees: guarantees.map(|g| Word::new(g.id, g.always)).collect(),
            endpoints: endpoints.map(|e| Word::new(&e.id, &e.path)).collect(),
            readings: rules.every_reading().map(|r| Word::new(r.id, r.question)).collect(),
            clauses: rules.every_clause().map(|c| Word::new(c.id, c.text)).collect(),
            run,
        }
    }
}

impl Display for Vocabulary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "`rules --explain WORD` explains a word of these lists.\n")?;
        list(f, "keys of a rules file", &self.keys)?;
        writeln!(f, "{}", paint(style::HEADING, "decision points, each with its options"))?;
        for point in &self.points {
            writeln!(f, "  {}: {}", point.id, point.means)?;
            words(f, "    ", &point.options)?;
        }
        writeln!(f)?;
        list(f, "conditions", &self.conditions)?;
        list(f, "guarantees", &self.guarantees)?;
        list(f, "readings", &self.readings)?;
        list(f, "clauses", &self.clauses)?;
        writeln!(f, "{}", paint(style::HEADING, "endpoints, each with its whole path"))?;
        words(f, "  ", &self.endpoints)
    }
}

/// Writes words below a heading, and an empty line after them.
fn list(f: &mut Formatter<'_>, heading: &str, of: &[Word]) -> fmt::Result {
    writeln!(f, "{}", paint(style::HEADING, heading))?;
    words(f, "  ", of)?;
    writeln!(f)
}

fn words(f: &mut Formatter<'_>, indentation: &str, of: &[Word]) -> fmt::Result {
    let mut table = Table::default();
    for Word { id, means } in of {
        table.push([format!("{indentation}{id}").into(), means.as_str().into()]);
    }
    write!(f, "{table}")
}
