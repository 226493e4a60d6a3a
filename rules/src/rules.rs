//! Rules: a revision, or a proposal, as data. What each decision point may be, what is promised.

mod entries;
mod error;
mod file;
mod names;
mod reader;

use std::collections::BTreeMap;
use std::path::Path;

use crate::clause::{self, Clause};
use crate::decision_point::{Choices, PointId};
use crate::endpoint::EndpointId;
use crate::guarantee::GuaranteeId;
use crate::profile::{Access, Profile};

pub use error::RulesError;

/// What a revision says of the options of one decision point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The text leaves one option; all others are forbidden.
    Required(&'static str),
    /// The text permits several: the first is our default; options that are not among these are
    /// forbidden.
    Open(Vec<&'static str>),
    /// The text does not speak of it: an option is taken, none is forbidden.
    Silent(&'static str),
}

impl Standing {
    /// The option of the default profile.
    pub fn default(&self) -> &'static str {
        match self {
            Self::Required(option) | Self::Silent(option) => option,
            Self::Open(options) => options[0],
        }
    }

    /// Whether the option is one that the revision forbids.
    pub fn forbids(&self, option: &str) -> bool {
        match self {
            Self::Required(required) => *required != option,
            Self::Open(options) => !options.contains(&option),
            Self::Silent(_) => false,
        }
    }

    /// The options beside the default that the text permits.
    pub fn alternatives(&self) -> &[&'static str] {
        match self {
            Self::Open(options) => &options[1..],
            Self::Required(_) | Self::Silent(_) => &[],
        }
    }
}

/// A decision point as a revision has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointRule {
    /// What is required, permitted or left unsaid.
    pub standing: Standing,
    /// The reading that it rests on, if any: an id of `spec-notes/readings.md`.
    pub reading: Option<String>,
    /// Clauses that the revision names beside those of the decision point.
    pub clauses: Vec<String>,
}

/// An endpoint's own decision point as a revision has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRule {
    /// Whether guests may call it.
    pub access: Access,
    /// The reading, if one permits it to be open without any condition although it is not listed,
    /// or is listed with conditions.
    pub may_be_open: Option<String>,
    /// The clauses that say so.
    pub clauses: Vec<String>,
}

/// A revision of the rules, or a proposal that extends one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The id.
    pub id: String,
    /// The date of the revision, if it has one: `YYYY-MM-DD`.
    pub date: Option<String>,
    /// What it is about, in a sentence.
    pub about: String,
    /// The releases that changed nothing here and mean this revision.
    pub aliases: Vec<String>,
    /// The ids of the revisions that it extends, the nearest first.
    pub extends: Vec<String>,
    /// Every decision point but the endpoints', in the order of the points.
    pub points: Vec<PointRule>,
    /// Every endpoint, in the order of the table.
    pub endpoints: Vec<EndpointRule>,
    /// The guarantees that are promised, each with the clauses that promise it.
    pub promises: BTreeMap<GuaranteeId, Vec<String>>,
    /// The guarantees that a revision before it promised and that it, or one between, gave up: why.
    pub withdrawn: BTreeMap<GuaranteeId, Withdrawal>,
    /// The text of the rules files that this was read from, the nearest first: what a report hashes.
    pub sources: Vec<String>,
}

/// Why a promise is not kept up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The revision that withdrew it.
    pub by: String,
    /// The reason, as a sentence's end.
    pub because: String,
    /// The clauses that say so.
    pub clauses: Vec<String>,
}

/// The published revisions, the earliest first: id and text of the rules file.
const PUBLISHED: &[(&str, &str)] = &[
    ("draft-2015-11-05", include_str!("../revisions/draft-2015-11-05.toml")),
    ("r0.0.0", include_str!("../revisions/r0.0.0.toml")),
    ("r0.0.1", include_str!("../revisions/r0.0.1.toml")),
    ("r0.1.0", include_str!("../revisions/r0.1.0.toml")),
    ("r0.3.0", include_str!("../revisions/r0.3.0.toml")),
    ("r0.4.0", include_str!("../revisions/r0.4.0.toml")),
    ("r0.5.0", include_str!("../revisions/r0.5.0.toml")),
    ("v1.1", include_str!("../revisions/v1.1.toml")),
    ("v1.2", include_str!("../revisions/v1.2.toml")),
    ("v1.12", include_str!("../revisions/v1.12.toml")),
    ("v1.16", include_str!("../revisions/v1.16.toml")),
];

impl Rules {
    /// The published revisions, the earliest first.
    ///
    /// # Panics
    /// If a rules file of our own is broken, which a test rules out.
    pub fn published() -> Vec<Self> {
        PUBLISHED
            .iter()
            .map(|(id, _)| Self::find(id).expect("a test reads every published revision"))
            .collect()
    }

    /// The rules that `name` means: a revision's id or alias, or the path of a rules file (which
    /// ends in `.toml`).
    ///
    /// # Errors
    /// If there is no such revision, or the file cannot be read or is not a rules file.
    pub fn find(name: &str) -> Result<Self, RulesError> {
        if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
            reader::load(Path::new(name))
        } else {
            reader::revision(name)
        }
    }

    /// The rules in this text, which is called `name` in messages.
    ///
    /// # Errors
    /// If the text is not a rules file. A file that it extends is looked for beside `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, RulesError> {
        reader::parse(Path::new(name), text, &mut Vec::new())
    }

    /// The default profile: the required options, the default readings.
    ///
    /// # Panics
    /// Never: every standing was checked when the rules were read.
    pub fn profile(&self) -> Profile {
        let mut choices = Choices::FIRST;
        for (point, rule) in PointId::all().zip(&self.points) {
            assert!(
                choices.set(point, rule.standing.default()),
                "a standing's options were checked"
            );
        }
        let mut profile = Profile::new(choices);
        for (endpoint, rule) in EndpointId::all().zip(&self.endpoints) {
            profile.set_access(endpoint, rule.access);
        }
        profile
    }

    /// These rules as a homeserver takes them that does what `profile` says: its promises are the
    /// same, and its default profile is that one.
    #[must_use]
    pub fn taken_for(&self, profile: &Profile) -> Self {
        let mut taken = self.clone();
        for (point, rule) in PointId::all().zip(&mut taken.points) {
            let option = profile.choices.get(point);
            if rule.standing.default() != option {
                rule.standing = Standing::Required(option);
            }
        }
        for (endpoint, rule) in EndpointId::all().zip(&mut taken.endpoints) {
            rule.access = profile.access(endpoint);
        }
        taken
    }

    /// Whether the clause is in force in this revision, or in the one that these rules extend.
    pub fn has_in_force(&self, clause: &Clause) -> bool {
        let reached = |revision: &str| {
            self.id == revision || self.extends.iter().any(|extended| extended == revision)
        };
        reached(clause.since) && !clause.until.is_some_and(reached)
    }

    /// Those of `clauses` that are in force. A decision names the clauses that it rests on in any
    /// revision; a report names those of its own.
    pub fn in_force<'a>(&self, clauses: &[&'a str]) -> Vec<&'a str> {
        let is_in_force =
            |id: &str| clause::find(id).is_none_or(|clause| self.has_in_force(clause));
        clauses.iter().copied().filter(|id| is_in_force(id)).collect()
    }

    /// The rule for an endpoint.
    pub fn endpoint(&self, endpoint: EndpointId) -> &EndpointRule {
        &self.endpoints[endpoint.index()]
    }

    /// The rule for a decision point.
    pub fn point(&self, point: PointId) -> &PointRule {
        &self.points[point.index()]
    }
}

#[cfg(test)]
mod tests;
