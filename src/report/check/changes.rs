//! `check --against`: what changed between the verdicts on two rules.

use std::fmt::{self, Display, Formatter};

use guest_access_model::check::Status;
use guest_access_scenarios::scenario::Scenario;
use serde::Serialize;

use super::{BreaksBase, CheckReport, FailsBy, LostClauseReport, Number, Property};
use crate::report::{Cell, Run, Table, UncheckedEndpoint, count, number, paint, style};

/// What changed at one scope between the verdicts on the rules before and after.
#[derive(Debug, Clone, Serialize)]
pub struct ChangesReport {
    /// The rules that were checked.
    pub rules: String,
    /// The rules before.
    pub against: String,
    /// The model that was explored.
    pub model: &'static str,
    /// The number of guests.
    pub guests: Number,
    /// The number of rooms.
    pub rooms: Number,
    /// The discipline of overlapping calls; absent if the model has no overlapping calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discipline: Option<String>,
    /// Whether every reachable state of both was explored.
    pub complete: bool,
    /// The guarantees with another verdict.
    pub changes: Vec<VerdictChange>,
    /// The number of guarantees with the same verdict.
    pub unchanged: usize,
    /// The clauses whose rule only the rules after take away.
    pub lost_clauses: Vec<LostClauseReport>,
    /// The unchecked endpoints that only the rules after open.
    pub unseen: Vec<UncheckedEndpoint>,
    /// The run that made the report.
    pub run: Run,
    /// The rules before as the user names them.
    #[serde(skip)]
    called: String,
    /// The report on the rules after.
    #[serde(skip)]
    after: CheckReport,
}

/// A guarantee with another verdict.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictChange {
    /// The guarantee.
    pub id: &'static str,
    /// The statement of the guarantee.
    pub always: &'static str,
    /// The verdict on the rules before; null if the guarantee was not checked.
    pub before: Option<VerdictReport>,
    /// The verdict on the rules after; null if the guarantee was not checked.
    pub after: Option<VerdictReport>,
}

/// The verdict on one guarantee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictReport {
    /// The status.
    pub status: Status,
    /// The verdict in words, as the table of `check` has it.
    pub verdict: &'static str,
    /// Whether the rules promise the guarantee.
    pub promised: bool,
    /// The clauses that promise it.
    pub clauses: Vec<String>,
    /// The permitted answers that break it.
    pub fails_by: Vec<String>,
    /// A shortest counterexample.
    pub counterexample: Option<Scenario>,
}

impl From<&Property> for VerdictReport {
    fn from(property: &Property) -> Self {
        let of_base =
            property.breaks_base.as_ref().map(|of_base: &BreaksBase| &of_base.counterexample);
        Self {
            status: property.status,
            verdict: property.verdict().0,
            promised: property.promised,
            clauses: property.clauses.clone(),
            fails_by: property.fails_by.iter().map(|by: &FailsBy| by.answer.clone()).collect(),
            counterexample: property.counterexample.as_ref().or(of_base).cloned(),
        }
    }
}

impl VerdictReport {
    /// Whether both verdicts say the same. The trace may differ.
    fn is_like(&self, other: &Self) -> bool {
        let said = |of: &Self| {
            (of.status, of.verdict, of.promised, of.clauses.clone(), of.fails_by.clone())
        };
        said(self) == said(other)
    }
}

impl ChangesReport {
    /// What changed between the two reports, which are of one scope.
    pub fn new(before: &CheckReport, after: CheckReport) -> Self {
        let find = |report: &CheckReport, id: &str| {
            report.properties.iter().find(|known| known.id == id).map(VerdictReport::from)
        };
        let gone = before.properties.iter().filter(|p| find(&after, p.id).is_none());
        let changes: Vec<VerdictChange> = after
            .properties
            .iter()
            .chain(gone)
            .map(|property| VerdictChange {
                id: property.id,
                always: property.always,
                before: find(before, property.id),
                after: find(&after, property.id),
            })
            .filter(|change| match (&change.before, &change.after) {
                (Some(before), Some(after)) => !before.is_like(after),
                _ => true,
            })
            .collect();
        let is_new_clause =
            |lost: &&LostClauseReport| !before.lost_clauses.iter().any(|known| known == *lost);
        let is_new_endpoint =
            |unseen: &&UncheckedEndpoint| !before.unseen.iter().any(|known| known == *unseen);
        Self {
            rules: after.rules.clone(),
            against: before.rules.clone(),
            called: before.called.clone(),
            model: after.model,
            guests: after.guests,
            rooms: after.rooms,
            discipline: after.discipline.as_ref().map(|discipline| discipline.id.clone()),
            complete: before.complete && after.complete,
            unchanged: after.properties.len()
                - changes.iter().filter(|c| c.after.is_some()).count(),
            lost_clauses: after.lost_clauses.iter().filter(is_new_clause).cloned().collect(),
            unseen: after.unseen.iter().filter(is_new_endpoint).cloned().collect(),
            run: after.run.clone(),
            changes,
            after,
        }
    }

    fn property(&self, id: &str) -> Option<&Property> {
        self.after.properties.iter().find(|property| property.id == id)
    }

    /// The traces that show the verdicts of the changed guarantee.
    fn traces(&self, f: &mut Formatter<'_>, property: &Property) -> fmt::Result {
        if property.counterexample.is_some() {
            writeln!(f)?;
            self.after.counterexample_text(f, property)?;
        }
        if property.breaks_base.is_some() && self.after.repeats.is_none() {
            writeln!(f)?;
            self.after.broken_base_text(f, property)?;
        }
        let new = property.fails_by.iter().filter(|by| by.new && self.after.repeats.is_none());
        for by in new {
            writeln!(f)?;
            by.write_text(f, property)?;
        }
        Ok(())
    }
}

impl Display for ChangesReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (rules, against) = (&self.after.called, &self.called);
        let of = match &self.discipline {
            Some(discipline) => format!(", {discipline}"),
            None => String::new(),
        };
        let title = format!("{rules}, held against {against}, {}{of}", self.after.scope_in_words());
        writeln!(f, "{}", paint(style::HEADING, title))?;
        if !self.complete {
            let text = "not finished: nothing is known of the rest";
            writeln!(f, "{}", paint(style::DOUBTFUL, text))?;
        }
        let unchanged = count(self.unchanged, "guarantee");
        if self.changes.is_empty() {
            writeln!(f, "no verdict changed: {unchanged}, {}", self.after.summary())?;
        } else {
            let mut table = Table::with_headings([
                "guarantee",
                against.as_str(),
                rules.as_str(),
                "promised by",
            ]);
            for change in &self.changes {
                let cell = |verdict: &Option<VerdictReport>, style| match verdict {
                    Some(verdict) => Cell::new(verdict.verdict, style),
                    None => Cell::new("not checked", crate::report::style::DIM),
                };
                let (style, by) = match self.property(change.id) {
                    Some(property) => (property.verdict().1, property.promised_by()),
                    None => (style::DIM, String::new()),
                };
                table.push([
                    change.id.into(),
                    cell(&change.before, style::PLAIN),
                    cell(&change.after, style),
                    by.into(),
                ]);
            }
            let verb = if self.changes.len() == 1 { "has" } else { "have" };
            let changed = count(self.changes.len(), "guarantee");
            writeln!(f, "{changed} {verb} another verdict, {} the same", number(self.unchanged))?;
            write!(f, "\n{table}")?;
        }
        if !self.unseen.is_empty() {
            writeln!(f)?;
            self.unseen.iter().try_for_each(|unseen| unseen.write_text(f))?;
        }
        for property in self.changes.iter().filter_map(|change| self.property(change.id)) {
            self.traces(f, property)?;
        }
        if !self.lost_clauses.is_empty() && self.after.repeats.is_none() {
            writeln!(f)?;
            for LostClauseReport { clause, because } in &self.lost_clauses {
                writeln!(f, "{clause} loses its rule: {because}")?;
            }
        }
        Ok(())
    }
}
