//! Clauses and readings: the texts' obligations and open questions, read from `spec-notes/`.

use std::sync::LazyLock;

use crate::vocabulary::spelled;

spelled! {
    /// How much a clause binds.
    Force {
        /// It must be so.
        Must = "must",
        /// It may be so: a right that must be granted, a choice, or advice.
        May = "may",
        /// The text touches the matter and leaves it open.
        Silent = "silent",
    }
}

/// One obligation of a text.
#[derive(Debug)]
pub struct Clause {
    /// The stable id.
    pub id: &'static str,
    /// The revision in which it enters.
    pub since: &'static str,
    /// The revision in which it is dropped or replaced; `None` while it is in force.
    pub until: Option<&'static str>,
    /// How much it binds.
    pub force: Force,
    /// Where it stands.
    pub place: &'static str,
    /// The obligation, in our words.
    pub text: &'static str,
}

/// One open question, and how we read it.
#[derive(Debug)]
pub struct Reading {
    /// The stable id.
    pub id: &'static str,
    /// The revision in which the question arises.
    pub since: &'static str,
    /// The revision that settled it; `None` while it is open.
    pub until: Option<&'static str>,
    /// The clauses that it is about.
    pub clauses: Vec<&'static str>,
    /// What is open.
    pub question: &'static str,
    /// What we take.
    pub default: &'static str,
    /// Why.
    pub because: &'static str,
}

/// Every clause, in the order of the document.
pub static CLAUSES: LazyLock<Vec<Clause>> = LazyLock::new(|| {
    rows(include_str!("../../spec-notes/clauses.md"))
        .map(|cells: [&str; 6]| Clause {
            id: cells[0],
            since: cells[1],
            until: Some(cells[2]).filter(|until| !until.is_empty()),
            force: Force::from_spelling(cells[3]).expect("a test reads the table of clauses"),
            place: cells[4],
            text: cells[5],
        })
        .collect()
});

/// Every reading, in the order of the document.
pub static READINGS: LazyLock<Vec<Reading>> = LazyLock::new(|| {
    rows(include_str!("../../spec-notes/readings.md"))
        .map(|cells: [&str; 7]| Reading {
            id: cells[0],
            since: cells[1],
            until: Some(cells[2]).filter(|until| !until.is_empty()),
            clauses: cells[3].split(',').map(str::trim).collect(),
            question: cells[4],
            default: cells[5],
            because: cells[6],
        })
        .collect()
});

/// The clause with this id, if there is one.
pub fn find(id: &str) -> Option<&'static Clause> {
    CLAUSES.iter().find(|clause| clause.id == id)
}

/// The reading with this id, if there is one.
pub fn find_reading(id: &str) -> Option<&'static Reading> {
    READINGS.iter().find(|reading| reading.id == id)
}

/// The rows of a document's tables that begin with an id.
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
    fn the_documents_are_read_whole() {
        let rows = |text: &str| text.lines().filter(|l| l.starts_with("| ")).count();
        let headings = include_str!("../../spec-notes/clauses.md").matches("| id |").count();
        assert_eq!(CLAUSES.len(), rows(include_str!("../../spec-notes/clauses.md")) - headings);
        assert_eq!(READINGS.len(), rows(include_str!("../../spec-notes/readings.md")) - 1);
    }

    #[test]
    fn every_id_is_given_once() {
        for clause in CLAUSES.iter() {
            assert_eq!(find(clause.id).unwrap().text, clause.text, "{} is given twice", clause.id);
        }
        for reading in READINGS.iter() {
            assert_eq!(find_reading(reading.id).unwrap().question, reading.question);
        }
    }

    #[test]
    fn every_reading_is_about_clauses_that_exist() {
        for reading in READINGS.iter() {
            for clause in &reading.clauses {
                assert!(find(clause).is_some(), "{} names {clause}", reading.id);
            }
        }
    }
}
