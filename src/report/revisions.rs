//! The report of `rules`: the list of revisions with their changes, or one revision in full.

mod one;

use std::fmt::{self, Display, Formatter};

use guest_access_rules::decision_point::PointId;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Access;
use guest_access_rules::rules::{Rules, Standing};
use serde::Serialize;

use super::{Run, paint, style};

pub use one::RevisionReport;

/// The revisions, the earliest first.
#[derive(Debug, Clone, Serialize)]
pub struct Revisions {
    /// The revisions.
    pub revisions: Vec<RevisionSummary>,
    /// The run that made the report.
    pub run: Run,
}

/// A revision and its changes.
#[derive(Debug, Clone, Serialize)]
pub struct RevisionSummary {
    /// The id of the revision.
    pub id: String,
    /// The date of the revision.
    pub date: Option<String>,
    /// The revision in one sentence.
    pub about: String,
    /// The releases with the same text.
    pub aliases: Vec<String>,
    /// The changes from the previous revision; for the first revision, from rules that allow nothing.
    pub changes: RevisionChanges,
}

/// The changes from one revision to the next.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RevisionChanges {
    /// The endpoints that open to guests, or whose conditions change: `endpoint`, or `endpoint, open
    /// where condition`.
    pub opened: Vec<String>,
    /// The endpoints that close to guests.
    pub refused: Vec<String>,
    /// The decision points with another standing.
    pub points: Vec<PointChange>,
    /// The guarantees that the revision newly promises.
    pub promised: Vec<&'static str>,
    /// The guarantees that the revision no longer promises.
    pub withdrawn: Vec<&'static str>,
}

/// The change of a decision point's standing.
#[derive(Debug, Clone, Serialize)]
pub struct PointChange {
    /// The id of the decision point.
    pub id: &'static str,
    /// The standing before.
    pub from: String,
    /// The standing after.
    pub to: String,
}

impl Revisions {
    /// The list of these revisions, each compared with the one before.
    pub fn new(revisions: &[Rules], run: Run) -> Self {
        let before = std::iter::once(None).chain(revisions.iter().map(Some));
        let listed = revisions.iter().zip(before).map(|(rules, before)| RevisionSummary {
            id: rules.id.clone(),
            date: rules.date.clone(),
            about: rules.about.clone(),
            aliases: rules.aliases.clone(),
            changes: RevisionChanges::between(before, rules),
        });
        Self { revisions: listed.collect(), run }
    }
}

impl RevisionChanges {
    /// The changes from `before` to `after`.
    fn between(before: Option<&Rules>, after: &Rules) -> Self {
        let access_before =
            |endpoint| before.map_or(Access::Refused, |rules| rules.endpoint(endpoint).access);
        let mut changes = Self::default();
        for endpoint in before.unwrap_or(after).endpoints_of_either(after) {
            match (access_before(endpoint), after.endpoint(endpoint).access) {
                (one, other) if one == other => {}
                (_, Access::Refused) => changes.refused.push(endpoint.to_string()),
                (_, open) => changes.opened.push(opened_endpoint(endpoint, open)),
            }
        }
        if let Some(before) = before {
            let changed = PointId::all()
                .filter(|point| before.point(*point).standing != after.point(*point).standing);
            let change = |point: PointId| PointChange {
                id: point.get().id,
                from: standing(&before.point(point).standing),
                to: standing(&after.point(point).standing),
            };
            changes.points = changed.map(change).collect();
        }
        let promised = |rules: Option<&Rules>, guarantee| {
            rules.is_some_and(|rules| rules.promises.contains_key(guarantee))
        };
        let gained = after.promises.keys().filter(|guarantee| !promised(before, guarantee));
        changes.promised = gained.map(|guarantee| guarantee.get().id).collect();
        let promised_before = before.into_iter().flat_map(|rules| rules.promises.keys());
        let lost = promised_before.filter(|guarantee| !promised(Some(after), guarantee));
        changes.withdrawn = lost.map(|guarantee| guarantee.get().id).collect();
        changes
    }
}

/// An endpoint that is open, with its conditions if it has any.
fn opened_endpoint(endpoint: EndpointId, access: Access) -> String {
    match access.to_string().as_str() {
        "open" => endpoint.to_string(),
        access => format!("{endpoint}, {access}"),
    }
}

/// A standing in words.
fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Required(option) => (*option).to_owned(),
        Standing::Open(options) => options.join(", or "),
        Standing::Silent(option) => format!("{option}, silent"),
    }
}

impl Display for Revisions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, revision) in self.revisions.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", paint(style::HEADING, &revision.id))?;
            if let Some(date) = &revision.date {
                write!(f, "  {date}")?;
            }
            if !revision.aliases.is_empty() {
                write!(f, "  also {}", revision.aliases.join(", "))?;
            }
            writeln!(f, "\n  {}", revision.about)?;
            write!(f, "{}", revision.changes)?;
        }
        Ok(())
    }
}

impl Display for RevisionChanges {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for endpoint in &self.opened {
            writeln!(f, "  {} {endpoint}", paint(style::GOOD, "opens    "))?;
        }
        for endpoint in &self.refused {
            writeln!(f, "  {} {endpoint}", paint(style::BAD, "refuses  "))?;
        }
        for PointChange { id, from, to } in &self.points {
            writeln!(f, "  {} {id}: {to} (was {from})", paint(style::DOUBTFUL, "decides  "))?;
        }
        for (what, guarantees) in [("promises ", &self.promised), ("withdraws", &self.withdrawn)] {
            if !guarantees.is_empty() {
                writeln!(f, "  {what} {}", guarantees.join(", "))?;
            }
        }
        Ok(())
    }
}
