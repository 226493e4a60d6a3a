//! `check` as text: the verdicts on one screen, then the counterexamples.

use std::fmt::{self, Display, Formatter};

use anstyle::Style;
use guest_access_model::check::Status;
use guest_access_model::executor::Encoding;

use super::permitted::not_by_every_answer;
use super::{CheckReport, Property};
use crate::report::{Cell, Table, count, number, paint, steps_in_words, style};

impl Display for CheckReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let title = format!("{}, {}", self.called, self.scope_in_words());
        writeln!(f, "{}", paint(style::HEADING, title))?;
        if let Some(discipline) = &self.discipline {
            writeln!(f, "{}: {}", discipline.id, discipline.about)?;
        }
        let at_most = self
            .in_flight
            .map(|calls| format!(", at most {} in flight", count(calls, "call")))
            .unwrap_or_default();
        writeln!(
            f,
            "{} model{at_most}, {}: {}{} and {}, in {:.1} s",
            self.model,
            self.encoding_and_engine(),
            if self.complete { "all " } else { "" },
            count(
                self.states,
                if self.encoding == Encoding::GuestViews { "view" } else { "state" }
            ),
            count(self.transitions, "transition"),
            self.seconds,
        )?;
        if let Some(ended_by) = self.ended_by {
            let text = format!("not finished: ended by {ended_by}; nothing is known of the rest");
            writeln!(f, "{}", paint(style::DOUBTFUL, text))?;
        }
        writeln!(f)?;
        self.table(f)?;
        writeln!(f, "\n{}", self.summary())?;
        if !self.not_judged.is_empty() {
            let not_judged = self.not_judged.join(", ");
            let text = format!("promised, and judged only by another `--model`: {not_judged}");
            writeln!(f, "{}", paint(style::DOUBTFUL, text))?;
        }
        self.unseen_text(f)?;
        let broken = self.properties.iter().filter(|p| p.counterexample.is_some());
        // Required guarantees come first.
        let (not_promised, violated): (Vec<_>, Vec<_>) =
            broken.partition(|property| property.status == Status::NotPromised);
        for property in violated.into_iter().chain(not_promised) {
            writeln!(f)?;
            self.counterexample_text(f, property)?;
        }
        let breaks_base = |property: &&Property| property.breaks_base.is_some();
        for property in
            self.properties.iter().filter(breaks_base).filter(|_| self.repeats.is_none())
        {
            writeln!(f)?;
            self.broken_base_text(f, property)?;
        }
        self.promised_anew_text(f)?;
        self.lost_clauses_text(f)?;
        self.permitted_text(f)
    }
}

impl CheckReport {
    fn table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table = Table::with_headings(["guarantee", "status", "promised by"]);
        for property in &self.properties {
            let (status, style) = property.verdict();
            let by = property.promised_by();
            table.push([property.id.into(), Cell::new(status, style), by.into()]);
        }
        write!(f, "{table}")
    }

    pub(super) fn scope_in_words(&self) -> String {
        format!("{} and {}", self.guests.of("guest"), self.rooms.of("room"))
    }

    /// The encoding, and the executor if one walked it.
    fn encoding_and_engine(&self) -> String {
        match self.encoding {
            Encoding::Plain => format!("plain states, by {}", self.engine),
            Encoding::DenseTables => format!("dense tables, by {}", self.engine),
            Encoding::ProductOfRooms => "product of rooms, one room after the other".to_owned(),
            Encoding::GuestViews => "every view that a guest can have".to_owned(),
        }
    }

    pub(super) fn summary(&self) -> String {
        let counts = [
            (Status::Holds, "hold"),
            (Status::Violated, "violated"),
            (Status::Vacuous, "vacuous"),
            (Status::Unknown, "unknown"),
            (Status::NotPromised, "not promised"),
        ];
        let counts = counts.map(|(status, what)| (self.with_status(status).count(), what));
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let phrases: Vec<_> = counts
            .map(|(count, what)| {
                let only = if *what == "hold" {
                    not_by_every_answer(&self.properties)
                } else {
                    String::new()
                };
                format!("{} {what}{only}", number(*count))
            })
            .collect();
        phrases.join(", ")
    }

    pub(super) fn counterexample_text(
        &self,
        f: &mut Formatter<'_>,
        property: &Property,
    ) -> fmt::Result {
        let Some(scenario) = &property.counterexample else {
            return Ok(());
        };
        let (words, colour) = property.words();
        let (id, words) = (paint(style::HEADING, property.id), paint(colour, words));
        writeln!(f, "{id} ({words}): {}", property.always)?;
        if let Some(withdrawn) = &property.withdrawn {
            writeln!(f, "  withdrawn in {} because {}", withdrawn.by, withdrawn.because)?;
        }
        match steps_in_words(scenario, &self.source) {
            Ok(lines) => lines.iter().try_for_each(|line| writeln!(f, "  {line}")),
            Err(error) => writeln!(f, "  {error}"),
        }
    }
}

impl CheckReport {
    /// The unchecked endpoints, and the guarantees that are unknown because of them.
    pub(super) fn unseen_text(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.unseen.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        for unseen in &self.unseen {
            unseen.write_text(f)?;
        }
        let unknown: Vec<_> = self.with_status(Status::Unknown).map(|p| p.id).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        writeln!(f, "so nothing is known of {}", unknown.join(", "))
    }

    /// The violation of a promise that the base of the proposal gave.
    pub(super) fn broken_base_text(
        &self,
        f: &mut Formatter<'_>,
        property: &Property,
    ) -> fmt::Result {
        let Some(of_base) = &property.breaks_base else { return Ok(()) };
        let id = paint(style::HEADING, property.id);
        writeln!(f, "{id} ({}): {}", of_base.in_colour(), property.always)?;
        match steps_in_words(&of_base.counterexample, &self.source) {
            Ok(lines) => lines.iter().try_for_each(|line| writeln!(f, "  {line}")),
            Err(error) => writeln!(f, "  {error}"),
        }
    }
}

impl Property {
    /// The verdict by every answer, as the table has it.
    pub(super) fn verdict(&self) -> (&'static str, Style) {
        match self.words() {
            ("holds", _) if self.fails_by.iter().any(|by| by.new) => {
                (self.by_default(), style::BAD)
            }
            ("holds", style) if self.breaks_base.is_some() => ("as permitted before", style),
            ("holds", style) if !self.fails_by.is_empty() => (self.by_default(), style),
            words => words,
        }
    }

    /// The clauses that promise the guarantee, or the revision that withdrew it.
    pub(super) fn promised_by(&self) -> String {
        match &self.withdrawn {
            Some(withdrawn) => format!("withdrawn in {}", withdrawn.by),
            None => self.clauses.join(", "),
        }
    }

    pub(super) fn words(&self) -> (&'static str, Style) {
        match self.status {
            Status::Holds => ("holds", style::GOOD),
            Status::Violated => ("violated", style::BAD),
            Status::Vacuous => ("vacuous", style::BAD),
            Status::Unknown => ("unknown", style::DOUBTFUL),
            Status::NotPromised if self.counterexample.is_some() => {
                ("not promised, broken", style::DOUBTFUL)
            }
            Status::NotPromised => ("not promised", style::DIM),
        }
    }
}
