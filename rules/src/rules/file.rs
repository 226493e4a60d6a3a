//! A rules file as TOML: the entries that an author writes, before any name in them is looked up.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

/// A rules file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesFile {
    pub(super) id: Spanned<String>,
    pub(super) date: Option<String>,
    pub(super) extends: Option<Spanned<String>>,
    pub(super) about: String,
    #[serde(default)]
    pub(super) aliases: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) clause: Vec<DeclaredClause>,
    #[serde(default)]
    pub(super) reading: Vec<DeclaredReading>,
    #[serde(default)]
    pub(super) endpoint: Vec<DeclaredEndpoint>,
    #[serde(default)]
    pub(super) guarantee: Vec<DeclaredGuarantee>,
    #[serde(default)]
    pub(super) allow: Vec<Allow>,
    #[serde(default)]
    pub(super) may_allow: Vec<MayAllow>,
    #[serde(default)]
    pub(super) refuse: Vec<Refuse>,
    #[serde(default)]
    pub(super) promise: Vec<Promise>,
    #[serde(default)]
    pub(super) withdraw: Vec<Withdraw>,
    #[serde(default)]
    pub(super) points: BTreeMap<Spanned<String>, PointEntry>,
}

impl RulesFile {
    /// The id and the aliases.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.aliases).map(|name| name.get_ref().as_str())
    }
}

/// An entry, by the names in it.
pub(super) trait Entry {
    /// The names that are looked up.
    fn names(&self) -> Vec<&Spanned<String>>;

    /// Whether the entry names none of these ids.
    fn names_none_of(&self, ids: &BTreeSet<&str>) -> bool {
        self.names().iter().all(|name| !ids.contains(name.get_ref().as_str()))
    }
}

/// A sentence of the proposal itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredClause {
    pub(super) id: Spanned<String>,
    pub(super) force: Spanned<String>,
    /// The section or the address in which the sentence stands.
    pub(super) place: Spanned<String>,
    pub(super) text: Spanned<String>,
}

/// A question that the proposal itself leaves open.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredReading {
    pub(super) id: Spanned<String>,
    pub(super) clauses: Vec<Spanned<String>>,
    pub(super) question: Spanned<String>,
    pub(super) default: Spanned<String>,
    pub(super) because: Spanned<String>,
}

/// An endpoint that the specification does not have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredEndpoint {
    /// Method and path below the API's prefix.
    pub(super) id: Spanned<String>,
    /// The whole path; left out, the path below `/_matrix/client/v3`.
    pub(super) path: Option<Spanned<String>>,
    /// The credentials of the caller; left out, a user's access token.
    pub(super) auth: Option<Spanned<String>>,
    /// The content of rooms that the endpoint returns, or `nothing`.
    pub(super) gives: Spanned<String>,
    /// The effect of a call, or `nothing`.
    pub(super) does: Spanned<String>,
    /// What the effect changes; left out, rooms and accounts.
    pub(super) changes: Option<Vec<Spanned<String>>>,
}

/// A guarantee that the table does not have, built of blocks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredGuarantee {
    pub(super) id: Spanned<String>,
    /// The property in words; left out, a sentence of the blocks.
    pub(super) always: Option<Spanned<String>>,
    /// The premise in words; left out, a sentence of the blocks.
    pub(super) premise: Option<Spanned<String>>,
    pub(super) actor: Spanned<String>,
    pub(super) actions: Vec<Spanned<String>>,
    pub(super) bound: Spanned<String>,
    pub(super) membership: Option<Vec<Spanned<String>>>,
    pub(super) guest_access: Option<Vec<Spanned<String>>>,
    pub(super) history_visibility: Option<Vec<Spanned<String>>>,
    pub(super) join_rule: Option<Vec<Spanned<String>>>,
    pub(super) event_visibility: Option<Vec<Spanned<String>>>,
    pub(super) event_membership: Option<Vec<Spanned<String>>>,
}

/// An endpoint on the allow-list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allow {
    pub(super) endpoint: Spanned<String>,
    #[serde(default)]
    pub(super) when: Vec<Spanned<String>>,
    /// The reading that permits a server to open the endpoint without the conditions.
    pub(super) or_always: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) clauses: Vec<Spanned<String>>,
}

/// An endpoint that is not on the allow-list, and that a reading permits a server to open.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MayAllow {
    pub(super) endpoint: Spanned<String>,
    #[serde(default)]
    pub(super) when: Vec<Spanned<String>>,
    pub(super) reading: Spanned<String>,
    #[serde(default)]
    pub(super) clauses: Vec<Spanned<String>>,
}

/// An endpoint that is taken off the allow-list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refuse {
    pub(super) endpoint: Spanned<String>,
    #[serde(default)]
    pub(super) clauses: Vec<Spanned<String>>,
}

/// A guarantee that is promised.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promise {
    pub(super) guarantee: Spanned<String>,
    #[serde(default)]
    pub(super) clauses: Vec<Spanned<String>>,
}

/// A guarantee that an earlier revision promised and this one gives up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdraw {
    pub(super) guarantee: Spanned<String>,
    pub(super) because: String,
    #[serde(default)]
    pub(super) clauses: Vec<Spanned<String>>,
}

/// The standing of each option of one decision point: exactly one of `required`, `silent` and
/// `default` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PointEntry {
    pub(super) required: Option<String>,
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) also: Vec<String>,
    pub(super) silent: Option<String>,
    pub(super) reading: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) clauses: Vec<Spanned<String>>,
}

impl Entry for DeclaredReading {
    fn names(&self) -> Vec<&Spanned<String>> {
        self.clauses.iter().collect()
    }
}

impl Entry for DeclaredGuarantee {
    fn names(&self) -> Vec<&Spanned<String>> {
        self.actions.iter().collect()
    }
}

impl Entry for Allow {
    fn names(&self) -> Vec<&Spanned<String>> {
        self.clauses.iter().chain(&self.or_always).chain([&self.endpoint]).collect()
    }
}

impl Entry for MayAllow {
    fn names(&self) -> Vec<&Spanned<String>> {
        self.clauses.iter().chain([&self.endpoint, &self.reading]).collect()
    }
}

impl Entry for Refuse {
    fn names(&self) -> Vec<&Spanned<String>> {
        self.clauses.iter().chain([&self.endpoint]).collect()
    }
}

impl Entry for Promise {
    fn names(&self) -> Vec<&Spanned<String>> {
        self.clauses.iter().chain([&self.guarantee]).collect()
    }
}

impl Entry for Withdraw {
    fn names(&self) -> Vec<&Spanned<String>> {
        self.clauses.iter().chain([&self.guarantee]).collect()
    }
}

impl Entry for PointEntry {
    fn names(&self) -> Vec<&Spanned<String>> {
        self.clauses.iter().chain(&self.reading).collect()
    }
}
