//! The report of `vectors`: the vectors, what each covers, and the options that no vector detects.

use std::fmt::{self, Display, Formatter};

use guest_access_rules::rules::Rules;
use guest_access_scenarios::vectors::{Undetected, Vector, undetected};
use serde::Serialize;

use super::{Cell, Run, Table, count, number, paint, style};

/// The vectors of a revision, or of a proposal.
#[derive(Debug, Clone, Serialize)]
pub struct VectorsReport {
    /// The rules.
    pub rules: String,
    /// The vectors.
    pub vectors: Vec<Vector>,
    /// The options that no vector detects.
    #[serde(rename = "untold")]
    pub undetected: Vec<UndetectedReport>,
    /// The run that made the report.
    pub run: Run,
}

/// An option that a homeserver may take without failing a vector.
#[derive(Debug, Clone, Serialize)]
pub struct UndetectedReport {
    /// The decision point, or `mistake`.
    pub point: String,
    /// The option.
    pub option: String,
    /// Why no vector detects the option.
    pub because: String,
}

impl From<Undetected> for UndetectedReport {
    fn from(Undetected { point, option, because }: Undetected) -> Self {
        Self { point, option, because }
    }
}

impl VectorsReport {
    /// The report of these vectors of `rules`.
    pub fn new(rules: &Rules, vectors: Vec<Vector>, run: Run) -> Self {
        let undetected = undetected(rules, &vectors);
        Self {
            rules: rules.id.clone(),
            undetected: undetected.into_iter().map(UndetectedReport::from).collect(),
            vectors,
            run,
        }
    }
}

impl Display for VectorsReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = |of: fn(&Vector) -> usize| self.vectors.iter().map(of).sum::<usize>();
        let heading = format!(
            "{}: {}, {}, {}",
            self.rules,
            count(self.vectors.len(), "vector"),
            count(total(|vector| vector.scenario.steps.len()), "step"),
            count(total(|vector| vector.scope.rooms), "room"),
        );
        writeln!(f, "{}", paint(style::HEADING, heading))?;
        let mut table = Table::with_headings(["vector", "guests", "rooms", "steps", "shows"]);
        for vector in &self.vectors {
            table.push([
                Cell::from(vector.scenario.id.clone()),
                Cell::from(number(vector.scope.guests)),
                Cell::from(number(vector.scope.rooms)),
                Cell::from(number(vector.scenario.steps.len())),
                Cell::from(vector.scenario.about.clone()),
            ]);
        }
        write!(f, "\n{table}")?;
        if !self.undetected.is_empty() {
            writeln!(f, "\nNo vector fails a homeserver for these:")?;
        }
        for UndetectedReport { point, option, because } in &self.undetected {
            writeln!(f, "  {point}={option}: {because}")?;
        }
        Ok(())
    }
}
