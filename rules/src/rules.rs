//! Rules: a revision of the specification, or a proposal, as data.
//!
//! Rules give every option of every decision point a [`Standing`], give every endpoint an
//! [`EndpointRule`], and list the guarantees that they promise. [`Rules::profile`] is their default
//! profile. A rules file `extends` another one, and contains only its own changes.

mod declared;
mod declared_guarantee;
mod declared_text;
mod entries;
mod error;
mod file;
mod lost_clauses;
mod names;
mod reader;
mod redeclared;
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::clause::{self, CLAUSES, Clause, READINGS, Reading};
use crate::decision_point::{Choices, FirstGuest, PointId, Unlisted};
use crate::endpoint::EndpointId;
use crate::guarantee::{GuaranteeId, GuaranteeSet};
use crate::profile::{Access, Conditions, Profile};

pub use declared_guarantee::GUARANTEE_ID;
pub use declared_text::{CLAUSE_ID, READING_ID};
pub use error::RulesError;
pub use lost_clauses::LostClause;
pub use redeclared::Redeclared;

/// Which options of one decision point a revision requires, permits or forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The text requires this option, and forbids all others.
    Required(&'static str),
    /// The text permits these options, and forbids all others. The first option is our default.
    Open(Vec<&'static str>),
    /// The text is silent about the question: this option is our default, and no option is
    /// forbidden.
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

    /// Whether the revision forbids the option.
    pub fn forbids(&self, option: &str) -> bool {
        match self {
            Self::Required(required) => *required != option,
            Self::Open(options) => !options.contains(&option),
            Self::Silent(_) => false,
        }
    }

    /// The options that the text permits besides the default.
    pub fn alternatives(&self) -> &[&'static str] {
        match self {
            Self::Open(options) => &options[1..],
            Self::Required(_) | Self::Silent(_) => &[],
        }
    }
}

/// The rule of a revision for one decision point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointRule {
    /// The standing of the point's options.
    pub standing: Standing,
    /// The reading behind the default option, if any: an id of `spec-notes/readings.md`.
    pub reading: Option<String>,
    /// The clauses that the revision names in addition to those of the decision point.
    pub clauses: Vec<String>,
}

/// The permission to open an endpoint to guests, which a reading gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MayBeOpen {
    /// The reading.
    pub reading: String,
    /// The conditions under which a server may open the endpoint.
    pub conditions: Conditions,
}

/// The rule of a revision for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRule {
    /// Whether guests may call the endpoint.
    pub access: Access,
    /// Whether a reading permits a server to open the endpoint, under these conditions or always. The
    /// allow-list does not name such an endpoint, or names it with more conditions.
    pub may_be_open: Option<MayBeOpen>,
    /// The clauses on which the rule rests.
    pub clauses: Vec<String>,
}

impl EndpointRule {
    /// The rule for an endpoint that no list names.
    const REFUSED: Self = Self { access: Access::Refused, may_be_open: None, clauses: Vec::new() };
}

/// A revision of the rules, or a proposal that extends one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The id.
    pub id: String,
    /// The date of the revision, if it has one: `YYYY-MM-DD`.
    pub date: Option<String>,
    /// A summary in one sentence.
    pub about: String,
    /// Other names of the revision: later releases that did not change guest access, and `latest`.
    pub aliases: Vec<String>,
    /// The ids of the rules that these rules extend, the nearest first.
    pub extends: Vec<String>,
    /// The name after `extends`, as the file has it: an id, an alias, or a path.
    pub extends_as: Option<String>,
    /// The rule for every decision point that is not an endpoint's, in the order of the points.
    pub points: Vec<PointRule>,
    /// The rule for every endpoint of the table, in its order.
    pub endpoints: Vec<EndpointRule>,
    /// The rule for every endpoint that the file of these rules, or one that it extends, declares.
    pub declared: BTreeMap<EndpointId, EndpointRule>,
    /// The clauses that the file of these rules, or one that it extends, declares.
    pub declared_clauses: Vec<&'static Clause>,
    /// The readings that the file of these rules, or one that it extends, declares.
    pub declared_readings: Vec<&'static Reading>,
    /// The guarantees that the file of these rules, or one that it extends, declares.
    pub declared_guarantees: GuaranteeSet,
    /// The promised guarantees, each with the clauses that promise it.
    pub promises: BTreeMap<GuaranteeId, Vec<String>>,
    /// The guarantees that an earlier revision promised and that are withdrawn, each with the
    /// reason.
    pub withdrawn: BTreeMap<GuaranteeId, Withdrawal>,
    /// The guarantees that a proposal promises itself, and does not inherit from a revision.
    pub own_promises: GuaranteeSet,
    /// The rules that these rules extend.
    pub base: Option<Arc<Rules>>,
    /// The text of every rules file on the chain of `extends`, the nearest first. Reports hash it.
    pub sources: Vec<String>,
}

/// The withdrawal of a promise, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The revision that withdrew the promise.
    pub by: String,
    /// The reason, as the end of a sentence.
    pub because: String,
    /// The clauses on which the withdrawal rests.
    pub clauses: Vec<String>,
}

/// The published revisions, the earliest first: the id and the text of each rules file.
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
    ("v1.17", include_str!("../revisions/v1.17.toml")),
];

/// Whether this is the text of a published revision.
fn is_published(text: &str) -> bool {
    PUBLISHED.iter().any(|(_, published)| *published == text)
}

impl Rules {
    /// The published revisions, the earliest first.
    ///
    /// # Panics
    /// Never: a test reads the rules file of every published revision.
    pub fn published() -> Vec<Self> {
        PUBLISHED
            .iter()
            .map(|(id, _)| Self::find(id).expect("a test reads every published revision"))
            .collect()
    }

    /// The rules with this name: the id or alias of a revision, or the path of a rules file, which
    /// ends in `.toml`.
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

    /// The rules in this text. Messages call the text `name`.
    ///
    /// # Errors
    /// If the text is not a rules file. If the text `extends` a file, the file's path is relative
    /// to the folder of `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, RulesError> {
        reader::parse(Path::new(name), text, &mut Vec::new())
    }

    /// The default profile: the required options, and the default answers to open questions.
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
        for endpoint in self.every_endpoint() {
            profile.set_access(endpoint, self.endpoint(endpoint).access);
        }
        profile
    }

    /// The guarantees that these rules promise.
    pub fn promised(&self) -> GuaranteeSet {
        self.promises.keys().copied().collect()
    }

    /// These rules, with `profile` as their default profile. The promises stay the same.
    #[must_use]
    pub fn with_default_profile(&self, profile: &Profile) -> Self {
        let mut rules = self.clone();
        for (point, rule) in PointId::all().zip(&mut rules.points) {
            let option = profile.choices.get(point);
            if rule.standing.default() != option {
                rule.standing = Standing::Required(option);
            }
        }
        let declared = rules.declared.iter_mut().map(|(endpoint, rule)| (*endpoint, rule));
        for (endpoint, rule) in EndpointId::all().zip(&mut rules.endpoints).chain(declared) {
            rule.access = profile.access(endpoint);
        }
        rules
    }

    /// Whether a published revision has this id or alias.
    pub fn is_name_of_published(name: &str) -> bool {
        reader::revision(name).is_ok()
    }

    /// Whether these rules are a published revision, and not a proposal.
    pub fn is_published(&self) -> bool {
        self.sources.first().is_some_and(|text| is_published(text))
    }

    /// The revision that a proposal changes: the first published one on the chain of `extends`. If the
    /// chain ends in rules that extend nothing, the end of the chain. `None` for a published revision.
    pub fn base_of_proposal(&self) -> Option<&Self> {
        let mut base = self.base.as_deref().filter(|_| !self.is_published())?;
        while let Some(next) = base.base.as_deref().filter(|_| !base.is_published()) {
            base = next;
        }
        Some(base)
    }

    /// The name of the [base of a proposal](Self::base_of_proposal), as the file that extends the base has
    /// it: `latest` stays `latest`.
    pub fn name_of_base(&self) -> Option<&str> {
        let base = self.base_of_proposal()?;
        let mut extending = self;
        while let Some(next) = extending.base.as_deref().filter(|next| next.id != base.id) {
            extending = next;
        }
        extending.extends_as.as_deref().filter(|_| base.is_published()).or(Some(&base.id))
    }

    /// Whether these rules permit the option: it is required, permitted, or the text is silent.
    pub fn permits(&self, point: PointId, option: &str) -> bool {
        !self.point(point).standing.forbids(option)
    }

    /// The accesses to the endpoint that these rules permit, the default first.
    pub fn accesses(&self, endpoint: EndpointId) -> Vec<Access> {
        let rule = self.endpoint(endpoint);
        let may_be_open = rule.may_be_open.iter().map(|may| Access::Open(may.conditions));
        std::iter::once(rule.access).chain(may_be_open).collect()
    }

    /// Whether these rules open the endpoint to guests, or permit a homeserver to open it.
    pub fn may_open(&self, endpoint: EndpointId) -> bool {
        let rule = self.endpoint(endpoint);
        rule.access != Access::Refused || rule.may_be_open.is_some()
    }

    /// Whether these rules permit a homeserver to let a guest call every endpoint: it has no allow-list, or
    /// no list limits the guest that is its first account.
    pub fn may_leave_out_the_list(&self) -> bool {
        let permits = |point: &str, option: &str| {
            PointId::find(point).is_some_and(|point| self.permits(point, option))
        };
        permits("unlisted.endpoint", Unlisted::Served.as_str())
            || permits("registration.first_guest", FirstGuest::Administrator.as_str())
    }

    /// The endpoints that these rules open to guests, and whose content or effect no rule looks at. The
    /// endpoints of a proposal include those that a homeserver may open, and that the base of the
    /// proposal keeps closed.
    pub fn unchecked_endpoints(&self) -> Vec<EndpointId> {
        let is_new = |endpoint: EndpointId| {
            let base = self.base_of_proposal();
            base.is_some_and(|base| self.may_open(endpoint) && !base.may_open(endpoint))
        };
        let choices = self.profile().choices;
        let may_newly = self
            .base_of_proposal()
            .is_some_and(|base| self.may_leave_out_the_list() && !base.may_leave_out_the_list());
        let has_no_list = choices.unlisted == Unlisted::Served
            || choices.first_guest == FirstGuest::Administrator
            || may_newly;
        let opens = |endpoint: &EndpointId| {
            let is_listed = self.endpoint(*endpoint).access != Access::Refused;
            let is_open_as_declared = endpoint.is_declared()
                && (endpoint.get().auth.is_without_list() || self.may_open(*endpoint));
            has_no_list || is_listed || is_new(*endpoint) || is_open_as_declared
        };
        let unseen = self.every_endpoint().filter(|endpoint| endpoint.get().is_unchecked());
        unseen.filter(opens).collect()
    }

    /// Whether the clause is in force in these rules.
    pub fn has_in_force(&self, clause: &Clause) -> bool {
        let reached = |revision: &str| {
            self.id == revision || self.extends.iter().any(|extended| extended == revision)
        };
        match clause.since {
            Some(since) => reached(since) && !clause.until.is_some_and(reached),
            None => self.declared_clauses.contains(&clause),
        }
    }

    /// The clauses of `clauses` that are in force. A decision names the clauses on which it rests
    /// in any revision; a report names only the clauses of its own revision.
    pub fn in_force<'a>(&self, clauses: &[&'a str]) -> Vec<&'a str> {
        let is_in_force =
            |id: &str| clause::find(id).is_none_or(|clause| self.has_in_force(clause));
        clauses.iter().copied().filter(|id| is_in_force(id)).collect()
    }

    /// Every endpoint of the table, then every endpoint that these rules declare.
    pub fn every_endpoint(&self) -> impl Iterator<Item = EndpointId> {
        EndpointId::all().chain(self.declared.keys().copied())
    }

    /// The endpoint with this id: of the table, or one that these rules declare.
    pub fn find_endpoint(&self, id: &str) -> Option<EndpointId> {
        self.every_endpoint().find(|endpoint| endpoint.get().id == id)
    }

    /// Every clause of the table, then every clause that these rules declare.
    pub fn every_clause(&self) -> impl Iterator<Item = &'static Clause> {
        CLAUSES.iter().chain(self.declared_clauses.iter().copied())
    }

    /// Every reading of the table, then every reading that these rules declare.
    pub fn every_reading(&self) -> impl Iterator<Item = &'static Reading> {
        READINGS.iter().chain(self.declared_readings.iter().copied())
    }

    /// Every guarantee of the table, and every guarantee that these rules declare.
    pub fn guarantees(&self) -> GuaranteeSet {
        GuaranteeId::all().collect::<GuaranteeSet>().union(self.declared_guarantees)
    }

    /// The clause with this id: of the table, or one that these rules declare.
    pub fn find_clause(&self, id: &str) -> Option<&'static Clause> {
        self.every_clause().find(|clause| clause.id == id)
    }

    /// The reading with this id: of the table, or one that these rules declare.
    pub fn find_reading(&self, id: &str) -> Option<&'static Reading> {
        self.every_reading().find(|reading| reading.id == id)
    }

    /// The guarantee with this id: of the table, or one that these rules declare.
    pub fn find_guarantee(&self, id: &str) -> Option<GuaranteeId> {
        self.guarantees().iter().find(|guarantee| guarantee.get().id == id)
    }

    /// The endpoints that these rules or `other` know, each once.
    pub fn endpoints_of_either(&self, other: &Self) -> BTreeSet<EndpointId> {
        self.every_endpoint().chain(other.every_endpoint()).collect()
    }

    /// The rule for an endpoint. Rules that do not know the endpoint refuse it, as they refuse whatever
    /// is not on their list.
    pub fn endpoint(&self, endpoint: EndpointId) -> &EndpointRule {
        static UNKNOWN: EndpointRule = EndpointRule::REFUSED;
        let known = self.endpoints.get(endpoint.index());
        known.or_else(|| self.declared.get(&endpoint)).unwrap_or(&UNKNOWN)
    }

    /// The rule for an endpoint that these rules know.
    fn endpoint_mut(&mut self, endpoint: EndpointId) -> &mut EndpointRule {
        match self.endpoints.get_mut(endpoint.index()) {
            Some(rule) => rule,
            None => self.declared.entry(endpoint).or_insert(EndpointRule::REFUSED),
        }
    }

    /// The rule for a decision point.
    pub fn point(&self, point: PointId) -> &PointRule {
        &self.points[point.index()]
    }
}

#[cfg(test)]
mod tests;
