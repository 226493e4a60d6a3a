//! Clauses and readings: the obligations of the specification, and the questions that it leaves
//! open.
//!
//! Both are tables in `spec-notes/clauses.md` and `spec-notes/readings.md`. The program embeds the
//! two documents and reads their tables. A rules file declares further ones: the sentences of a proposal,
//! and the questions that the proposal leaves open.

use std::sync::LazyLock;

use crate::declaration::Declarations;
use crate::vocabulary::spelled;

spelled! {
    /// How strongly a clause binds.
    Force {
        /// An obligation.
        Must = "must",
        /// A right that a server has to grant, a free choice, or advice.
        May = "may",
        /// The text mentions the matter and settles nothing.
        Silent = "silent",
    }
}

/// One obligation of the specification, or of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// The id, which never changes: `GA-22`.
    pub id: &'static str,
    /// The revision that introduces the clause; `None` if a rules file declares the clause.
    pub since: Option<&'static str>,
    /// The revision that drops or replaces the clause; `None` while the clause is in force.
    pub until: Option<&'static str>,
    /// How strongly the clause binds.
    pub force: Force,
    /// The section of the specification in which the clause stands.
    pub place: &'static str,
    /// The obligation, in our own words.
    pub text: &'static str,
}

/// One question that the specification leaves open, or a proposal, and the default answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The id, which never changes: `A2`.
    pub id: &'static str,
    /// The revision that raises the question; `None` if a rules file declares the reading.
    pub since: Option<&'static str>,
    /// The revision that settled the question; `None` while the question is open.
    pub until: Option<&'static str>,
    /// The clauses that raise the question.
    pub clauses: Vec<&'static str>,
    /// The question.
    pub question: &'static str,
    /// Our default answer.
    pub default: &'static str,
    /// The reason for the default answer.
    pub because: &'static str,
}

/// Every clause, in the order of the document.
pub static CLAUSES: LazyLock<Vec<Clause>> = LazyLock::new(|| {
    rows(include_str!("../clauses.md"))
        .map(|cells: [&str; 6]| Clause {
            id: cells[0],
            since: Some(cells[1]),
            until: Some(cells[2]).filter(|until| !until.is_empty()),
            force: Force::from_spelling(cells[3]).expect("a test reads the table of clauses"),
            place: cells[4],
            text: cells[5],
        })
        .collect()
});

/// Every reading, in the order of the document.
pub static READINGS: LazyLock<Vec<Reading>> = LazyLock::new(|| {
    rows(include_str!("../readings.md"))
        .map(|cells: [&str; 7]| Reading {
            id: cells[0],
            since: Some(cells[1]),
            until: Some(cells[2]).filter(|until| !until.is_empty()),
            clauses: cells[3].split(',').map(str::trim).collect(),
            question: cells[4],
            default: cells[5],
            because: cells[6],
        })
        .collect()
});

/// The clauses that rules files have declared.
static DECLARED_CLAUSES: Declarations<Clause> = Declarations::new();
/// The readings that rules files have declared.
static DECLARED_READINGS: Declarations<Reading> = Declarations::new();

/// The clause with this id, if there is one: of the table, or declared by a rules file of the run.
pub fn find(id: &str) -> Option<&'static Clause> {
    let declared = || DECLARED_CLAUSES.all().into_iter().find(|clause| clause.id == id);
    CLAUSES.iter().find(|clause| clause.id == id).or_else(declared)
}

/// The reading with this id, if there is one: of the table, or declared by a rules file of the run.
pub fn find_reading(id: &str) -> Option<&'static Reading> {
    let declared = || DECLARED_READINGS.all().into_iter().find(|reading| reading.id == id);
    READINGS.iter().find(|reading| reading.id == id).or_else(declared)
}

/// Declares a clause, whose id is none of the table. An id has one meaning in a run.
///
/// # Errors
/// If a rules file has declared another clause by this id: the error is that clause.
pub fn declare(clause: Clause) -> Result<&'static Clause, &'static Clause> {
    let id = clause.id;
    DECLARED_CLAUSES.declare(clause, |known| known.id == id).map(|(_, clause)| clause)
}

/// Declares a reading, whose id is none of the table. An id has one meaning in a run.
///
/// # Errors
/// If a rules file has declared another reading by this id: the error is that reading.
pub fn declare_reading(reading: Reading) -> Result<&'static Reading, &'static Reading> {
    let id = reading.id;
    DECLARED_READINGS.declare(reading, |known| known.id == id).map(|(_, reading)| reading)
}

/// The rows of a document's tables whose first cell is an id: an id ends with a digit.
fn rows<const N: usize>(document: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    document.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').collect();
        let cells: [&str; N] = cells.try_into().ok()?;
        let cells = cells.map(str::trim);
        let is_id = cells[0].ends_with(|c: char| c.is_ascii_digit());
        is_id.then_some(cells)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_documents_is_read() {
        let rows = |text: &str| text.lines().filter(|l| l.starts_with("| ")).count();
        let headings = include_str!("../clauses.md").matches("| id |").count();
        assert_eq!(CLAUSES.len(), rows(include_str!("../clauses.md")) - headings);
        assert_eq!(READINGS.len(), rows(include_str!("../readings.md")) - 1);
    }

    #[test]
    fn every_id_is_unique() {
        for clause in CLAUSES.iter() {
            assert_eq!(
                find(clause.id).unwrap().text,
                clause.text,
                "{} is the id of two clauses",
                clause.id
            );
        }
        for reading in READINGS.iter() {
            assert_eq!(find_reading(reading.id).unwrap().question, reading.question);
        }
    }

    #[test]
    fn every_reading_names_clauses_that_exist() {
        for reading in READINGS.iter() {
            for clause in &reading.clauses {
                assert!(find(clause).is_some(), "{} names {clause}", reading.id);
            }
        }
    }
}
