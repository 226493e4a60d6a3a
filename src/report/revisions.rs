//! What `rules` shows: the revisions with what each changed, or one of them in full.

mod one;

use std::fmt::{self, Display, Formatter};

use guest_access_rules::decision_point::PointId;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Access;
use guest_access_rules::rules::{Rules, Standing};
use serde::Serialize;

use super::{Run, paint, style};

pub use one::Revision;

/// The revisions, the earliest first.
#[derive(Debug, Clone, Serialize)]
pub struct Revisions {
    /// The revisions.
    pub revisions: Vec<RevisionSummary>,
    /// How the report came to be.
    pub run: Run,
}

/// A revision, and what it changed.
#[derive(Debug, Clone, Serialize)]
pub struct RevisionSummary {
    /// Its id.
    pub id: String,
    /// Its date.
    pub date: Option<String>,
    /// What it is about.
    pub about: String,
    /// The releases that mean it too.
    pub aliases: Vec<String>,
    /// What it changed of the revision before it; for the first, of rules that allow nothing.
    pub changes: RevisionChanges,
}

/// What a revision changed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RevisionChanges {
    /// The endpoints that are open, or open on other conditions: `endpoint`, or `endpoint, open
    /// where condition`.
    pub opened: Vec<String>,
    /// The endpoints that are not open any more.
    pub refused: Vec<String>,
    /// The decision points that stand otherwise.
    pub points: Vec<PointChange>,
    /// The guarantees that are promised now.
    pub promised: Vec<&'static str>,
    /// The guarantees that are not promised any more.
    pub withdrawn: Vec<&'static str>,
}

/// How a decision point stood, and how it stands.
#[derive(Debug, Clone, Serialize)]
pub struct PointChange {
    /// The decision point.
    pub id: &'static str,
    /// How it stood.
    pub from: String,
    /// How it stands.
    pub to: String,
}

impl Revisions {
    /// These revisions, each of which changed the one before it.
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
    /// What lies between two revisions.
    fn between(before: Option<&Rules>, after: &Rules) -> Self {
        let access_before =
            |endpoint| before.map_or(Access::Refused, |rules| rules.endpoint(endpoint).access);
        let mut changes = Self::default();
        for endpoint in EndpointId::all() {
            match (access_before(endpoint), after.endpoint(endpoint).access) {
                (one, other) if one == other => {}
                (_, Access::Refused) => changes.refused.push(endpoint.to_string()),
                (_, open) => changes.opened.push(opened(endpoint, open)),
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
        let new = after.promises.keys().filter(|guarantee| !promised(before, guarantee));
        changes.promised = new.map(|guarantee| guarantee.get().id).collect();
        let old = before.into_iter().flat_map(|rules| rules.promises.keys());
        let gone = old.filter(|guarantee| !promised(Some(after), guarantee));
        changes.withdrawn = gone.map(|guarantee| guarantee.get().id).collect();
        changes
    }
}

/// An endpoint that is open, with its conditions if it has any.
fn opened(endpoint: EndpointId, access: Access) -> String {
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
        Standing::Silent(option) => format!("{option}, unsaid"),
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
