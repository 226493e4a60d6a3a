//! `check --model concurrent` as text: the guarantees that each discipline breaks, and each
//! counterexample once.

use std::fmt::{self, Display, Formatter};

use guest_access_model::check::Status;

use super::{CheckReport, Property};
use crate::report::{Cell, Table, count, paint, style};

/// The results for one revision under several disciplines.
#[derive(Debug)]
pub struct Disciplines<'a>(pub &'a [CheckReport]);

impl Display for Disciplines<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let reports = self.0;
        let Some(first) = reports.first() else {
            return Ok(());
        };
        if reports.len() == 1 {
            return first.fmt(f);
        }
        let calls = count(first.in_flight.unwrap_or(1), "call");
        let (guests, rooms) = (first.guests.of("guest"), first.rooms.of("room"));
        let title = format!("{}, {guests} and {rooms}, at most {calls} in flight", first.called);
        writeln!(f, "{}", paint(style::HEADING, title))?;
        let mut table = Table::with_headings(["discipline", "states", "breaks", "what it is"]);
        for report in reports {
            let discipline = report.discipline.as_ref();
            let (breaks, colour) = breaks(report);
            table.push([
                discipline.map_or("", |discipline| &discipline.id).into(),
                crate::report::number(report.states).into(),
                Cell::new(breaks, colour),
                discipline.map_or("", |discipline| &discipline.about).into(),
            ]);
        }
        writeln!(f, "\n{table}")?;
        writeln!(f, "{}", unbroken_guarantees(reports))?;
        for (property, report, ids) in counterexamples(reports) {
            writeln!(f, "\n{}", paint(style::DIM, format!("under {}", ids.join(", "))))?;
            report.counterexample_text(f, property)?;
        }
        first.unseen_text(f)
    }
}

/// The required guarantees that a discipline breaks, in short.
fn breaks(report: &CheckReport) -> (String, anstyle::Style) {
    let with = |status| report.with_status(status).map(|p| p.id.to_owned()).collect::<Vec<_>>();
    let (violated, vacuous) = (with(Status::Violated), with(Status::Vacuous));
    // Without an end of the search, the unknown guarantees are those about unchecked endpoints.
    let unknown = if report.complete { with(Status::Unknown) } else { Vec::new() };
    let of =
        |what: &str, ids: &[String]| (!ids.is_empty()).then(|| format!("{what}{}", ids.join(", ")));
    let unfinished = report.ended_by.map(|ended_by| format!("unfinished: ended by {ended_by}"));
    let parts: Vec<_> =
        [of("", &violated), of("vacuous: ", &vacuous), of("unknown: ", &unknown), unfinished]
            .into_iter()
            .flatten()
            .collect();
    match parts.as_slice() {
        [] => ("nothing".to_owned(), style::GOOD),
        parts if violated.is_empty() && vacuous.is_empty() => (parts.join("; "), style::DOUBTFUL),
        parts => (parts.join("; "), if report.is_held() { style::BAD } else { style::DOUBTFUL }),
    }
}

/// The guarantees that no discipline breaks.
fn unbroken_guarantees(reports: &[CheckReport]) -> String {
    let ids = reports.iter().flat_map(|report| &report.properties).map(|property| property.id);
    let is_broken = |id: &str| {
        let properties =
            reports.iter().flat_map(|report| &report.properties).filter(|p| p.id == id);
        properties.into_iter().any(|p| matches!(p.status, Status::Violated | Status::Unknown))
    };
    let promised = |id: &str| {
        let properties =
            reports.iter().flat_map(|report| &report.properties).filter(|p| p.id == id);
        properties.into_iter().any(|p| p.status == Status::Holds)
    };
    let mut kept: Vec<_> = ids.filter(|id| promised(id) && !is_broken(id)).collect();
    kept.sort_unstable();
    kept.dedup();
    match kept.as_slice() {
        [] => "no guarantee is known to hold under all of them".to_owned(),
        kept => format!("broken by none of them: {}", kept.join(", ")),
    }
}

/// Each counterexample of a violated guarantee, once, with the disciplines that have it.
fn counterexamples(reports: &[CheckReport]) -> Vec<(&Property, &CheckReport, Vec<&str>)> {
    let mut counterexamples: Vec<(&Property, &CheckReport, Vec<&str>)> = Vec::new();
    for report in reports {
        let discipline = report.discipline.as_ref().map_or("", |discipline| &discipline.id);
        for property in report.with_status(Status::Violated) {
            let alike = |(known, ..): &&mut (&Property, &CheckReport, Vec<&str>)| {
                known.id == property.id && known.counterexample == property.counterexample
            };
            match counterexamples.iter_mut().find(alike) {
                Some((.., ids)) => ids.push(discipline),
                None => counterexamples.push((property, report, vec![discipline])),
            }
        }
    }
    counterexamples
}
