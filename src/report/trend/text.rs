//! The text report: the reports, then one table of causes and divergences.

use std::fmt::{self, Display, Formatter};

use anstyle::Style;

use crate::report::{Cell, Table, count, number, paint, style};
use crate::trend::{Change, Presence};

use super::{CauseRow, DivergenceRow, EndpointRow, ReportColumn, TrendReport};

impl Display for TrendReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", paint(style::HEADING, self.title()))?;
        for (number, report) in (1..).zip(&self.reports) {
            write!(f, "{number}. {}", report.in_words())?;
            match &report.because {
                Some(because) => {
                    let because = format!("incomplete: {because}");
                    writeln!(f, "; {}", paint(style::DOUBTFUL, because))?;
                }
                None => writeln!(f)?,
            }
        }
        for report in self.other_rules_files() {
            writeln!(f, "{}", paint(style::DOUBTFUL, other_rules_files(report)))?;
        }
        writeln!(f)?;
        if self.divergences.is_empty() && self.causes.is_empty() {
            let style = if self.complete { style::GOOD } else { style::DOUBTFUL };
            writeln!(f, "{}", paint(style, self.nothing()))?;
            return self.fmt_endpoints(f);
        }
        for (change, causes, divergences) in self.changes() {
            writeln!(f, "{}", change_in_words(change, causes, divergences))?;
        }
        write!(f, "\n{}", self.table())?;
        self.fmt_endpoints(f)?;
        self.fmt_reasons(f)
    }
}

impl TrendReport {
    /// What the report is about.
    pub(super) fn title(&self) -> String {
        let reports = count(self.reports.len(), "report");
        format!("{reports} of diff, compared with {}", self.rules)
    }

    /// The result if no report has a divergence.
    pub(super) const fn nothing(&self) -> &'static str {
        if self.complete {
            "no divergence in any report"
        } else {
            "no divergence in what the reports compared"
        }
    }

    fn table(&self) -> Table {
        let labels = self.reports.iter().map(|report| report.label.clone());
        let mut table = Table::with_headings(std::iter::once(String::new()).chain(labels));
        for (change, ..) in self.changes() {
            table.push([Cell::new(change.in_words(), style::HEADING)]);
            for (cause, explained) in self.causes_that(change) {
                table.push(cause_cells(cause));
                // The row of a cause stands for its divergences, except for those that changed otherwise.
                for divergence in explained.into_iter().filter(|one| one.change != change) {
                    let otherwise = format!(" ({})", divergence.change.in_words());
                    table.push(divergence_cells("    ", divergence, &otherwise));
                }
            }
            for divergence in self.others_that(change) {
                table.push(divergence_cells("  ", divergence, ""));
            }
        }
        table
    }

    /// The endpoints that some of the homeservers have, and others lack.
    fn fmt_endpoints(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.endpoints.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{}", paint(style::HEADING, ENDPOINTS))?;
        let labels = self.reports.iter().map(|report| report.label.clone());
        let mut table = Table::with_headings(std::iter::once(String::new()).chain(labels));
        for EndpointRow { endpoint, change, reports } in &self.endpoints {
            let name = Cell::from(format!("  {endpoint}: {}", change.in_words()));
            let cells = reports.iter().map(|presence| {
                let style = match presence {
                    Presence::Present => style::GOOD,
                    Presence::Absent | Presence::NotKnown { .. } => style::DOUBTFUL,
                };
                Cell::new(endpoint_in_words(presence), style)
            });
            table.push(std::iter::once(name).chain(cells));
        }
        write!(f, "{table}")
    }

    fn fmt_reasons(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let reasons = self.reasons();
        if !reasons.is_empty() {
            writeln!(f, "\n{}", paint(style::HEADING, NOT_KNOWN))?;
        }
        for (label, because, divergences) in reasons {
            writeln!(f, "  {label}: {because} ({})", count(divergences, "divergence"))?;
        }
        Ok(())
    }
}

/// The heading of the reasons why presences are not known.
pub(super) const NOT_KNOWN: &str = "Why it is not known whether a report has a divergence";

/// The heading of the endpoints that came or went.
pub(super) const ENDPOINTS: &str = "Endpoints that not every homeserver has";

/// Whether a homeserver has an endpoint, in words.
pub(super) const fn endpoint_in_words(presence: &Presence) -> &'static str {
    match presence {
        Presence::Present => "there",
        Presence::Absent => "not there",
        Presence::NotKnown { .. } => "not known",
    }
}

/// How many causes and divergences changed in this way, in words.
pub(super) fn change_in_words(change: Change, causes: usize, divergences: usize) -> String {
    let causes = (causes > 0).then(|| count(causes, "cause"));
    let divergences = (divergences > 0).then(|| count(divergences, "divergence"));
    let both: Vec<_> = causes.into_iter().chain(divergences).collect();
    format!("{}: {}", change.in_words(), both.join(", "))
}

/// That the rules files of this report have another content, in words.
pub(super) fn other_rules_files(report: &ReportColumn) -> String {
    let label = &report.label;
    format!("{label} has the same rules from other files: the rules may have changed too")
}

impl ReportColumn {
    /// The report in one line, without what it lacks.
    pub(super) fn in_words(&self) -> String {
        let file =
            if self.file == self.label { String::new() } else { format!(" ({})", self.file) };
        let found = match self.causes {
            0 => count(self.divergences, "divergence"),
            causes => {
                format!("{} by {}", count(self.divergences, "divergence"), count(causes, "cause"))
            }
        };
        let (ran, scenarios) = (number(self.scenarios_run), count(self.scenarios, "scenario"));
        format!("{}{file}: {found} in {ran} of {scenarios}", self.label)
    }
}

impl CauseRow {
    /// What the rules say of the option; empty if they forbid it.
    pub(super) fn standing(&self) -> String {
        match (self.permitted, &self.reading) {
            (true, Some(reading)) => format!(", which reading {reading} permits"),
            (true, None) => ", on which the text is silent".to_owned(),
            (false, _) => String::new(),
        }
    }
}

fn cause_cells(cause: &CauseRow) -> Vec<Cell> {
    let name =
        format!("  as if `{}` were `{}`{}", cause.decision_point, cause.option, cause.standing());
    let cells = cause.reports.iter().map(|cell| {
        let present = count(cell.divergences, "divergence");
        presence_cell(&cell.presence, &present, cause.permitted)
    });
    std::iter::once(Cell::from(name)).chain(cells).collect()
}

fn divergence_cells(indentation: &str, divergence: &DivergenceRow, more: &str) -> Vec<Cell> {
    let DivergenceRow { id, step, by, permitted, reports, .. } = divergence;
    let standing = if *permitted { ", permitted" } else { "" };
    let name = format!("{indentation}{id}{standing}: {step}, by {by}{more}");
    let cells = reports.iter().map(|presence| presence_cell(presence, "present", *permitted));
    std::iter::once(Cell::from(name)).chain(cells).collect()
}

fn presence_cell(presence: &Presence, present: &str, permitted: bool) -> Cell {
    let (text, style): (_, Style) = match presence {
        Presence::Present if permitted => (present, style::DOUBTFUL),
        Presence::Present => (present, style::BAD),
        Presence::Absent => ("absent", style::GOOD),
        Presence::NotKnown { .. } => ("not known", style::DOUBTFUL),
    };
    Cell::new(text, style)
}
