//! The clauses and the readings that a rules file declares: sentences of the proposal itself, and the
//! questions that the proposal leaves open.

use toml::Spanned;

use crate::clause::{self, Clause, Force, Reading};
use crate::declaration::interned;

use super::error::{all, both};
use super::file::{DeclaredClause, DeclaredReading};
use super::names::Source;
use super::{Rules, RulesError};

/// The ids of clauses that a rules file can declare, as a regular expression. No id of
/// `spec-notes/clauses.md` matches.
pub const CLAUSE_ID: &str = "^[A-Z][A-Za-z0-9]{2,}-[0-9]+$";
/// The ids of readings that a rules file can declare, as a regular expression. No id of
/// `spec-notes/readings.md` matches.
pub const READING_ID: &str = "^[A-Z][A-Za-z0-9]{2,}-A[0-9]+$";

/// Declares the clause of an entry.
pub(super) fn clause(
    rules: &mut Rules,
    source: &Source<'_>,
    entry: &DeclaredClause,
) -> Result<(), RulesError> {
    let id = id(source, &entry.id, ("clause", ""), |id| rules.find_clause(id).is_some());
    let force = source.word("force", &entry.force, Force::ALL);
    let texts = both(source.one_line(&entry.place), source.one_line(&entry.text));
    let ((id, force), (place, text)) = both(both(id, force), texts)?;
    let declared = Clause { id, since: None, until: None, force, place, text };
    let declared = clause::declare(declared)
        .map_err(|other| conflict(source, &entry.id, ("clause", other.text)))?;
    rules.declared_clauses.push(declared);
    Ok(())
}

/// Declares the reading of an entry.
pub(super) fn reading(
    rules: &mut Rules,
    source: &Source<'_>,
    entry: &DeclaredReading,
) -> Result<(), RulesError> {
    let id = id(source, &entry.id, ("reading", "A"), |id| rules.find_reading(id).is_some());
    let clauses = source.clauses(rules, &entry.clauses);
    let texts = [&entry.question, &entry.default, &entry.because];
    let texts = all(texts.into_iter().map(|text| source.one_line(text)));
    let ((id, clauses), texts) = both(both(id, clauses), texts)?;
    let declared = Reading {
        id,
        since: None,
        until: None,
        clauses: clauses.iter().map(|clause| interned(clause)).collect(),
        question: texts[0],
        default: texts[1],
        because: texts[2],
    };
    let declared = clause::declare_reading(declared)
        .map_err(|other| conflict(source, &entry.id, ("reading", other.question)))?;
    rules.declared_readings.push(declared);
    Ok(())
}

/// The id of an entry: a word, a hyphen, and a number after `letter`.
fn id(
    source: &Source<'_>,
    id: &Spanned<String>,
    (what, letter): (&str, &str),
    is_known: impl Fn(&str) -> bool,
) -> Result<&'static str, RulesError> {
    let text = id.get_ref();
    let (word, number) = text.rsplit_once('-').unwrap_or_default();
    let number = number.strip_prefix(letter).unwrap_or_default();
    let is_word = word.len() >= 3
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_word || number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
        let message = format!(
            "`{text}` is no id for a {what} of a proposal: write the proposal's name, a hyphen and a number, such as `MSC4140-{letter}1`"
        );
        return Err(source.error(id, message));
    }
    if is_known(text) {
        let message = format!("the {what} `{text}` is known already; leave the entry out");
        return Err(source.error(id, message));
    }
    Ok(interned(text))
}

/// The error of an id that another file has declared with another text.
fn conflict(source: &Source<'_>, id: &Spanned<String>, (what, text): (&str, &str)) -> RulesError {
    let message = format!(
        "another rules file of this run declares the {what} `{id}` otherwise: {text:?}; give one of the two another id, or both the same entry",
        id = id.get_ref()
    );
    source.error(id, message)
}
