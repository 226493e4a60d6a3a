//! An edit: a decision point at which a variant takes another option than the default profile.

use std::collections::BTreeSet;

use crate::decision_point::{PointId, PointOption};
use crate::endpoint::EndpointId;
use crate::profile::{Access, Profile};
use crate::rules::Rules;

/// The separator between the decision points of a variant with several edits.
pub const JOINED_BY: &str = " and ";

/// A decision point, and the option that a variant takes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Another option at this decision point.
    Choice(PointId, &'static str),
    /// Another access to this endpoint.
    Access(EndpointId, Access),
}

impl Edit {
    /// The id of the decision point, or the endpoint.
    pub fn point(&self) -> String {
        match self {
            Self::Choice(point, _) => point.get().id.to_owned(),
            Self::Access(endpoint, _) => endpoint.to_string(),
        }
    }

    /// The option.
    pub fn option(&self) -> String {
        match self {
            Self::Choice(_, option) => (*option).to_owned(),
            Self::Access(_, access) => access.to_string(),
        }
    }

    /// The meaning of the option, as a sentence.
    pub fn means(&self) -> String {
        match self {
            Self::Choice(point, option) => {
                let known = point.get().options.iter().find(|known| known.id == *option);
                known.map(PointOption::means).unwrap_or_default()
            }
            Self::Access(endpoint, Access::Refused) => format!("{endpoint} is refused to guests."),
            Self::Access(endpoint, access @ Access::Open(_)) => {
                let open = access.to_string();
                let conditions = open.strip_prefix("open").unwrap_or_default();
                format!("{endpoint} is open to guests{conditions}.")
            }
        }
    }

    /// The question of the decision point. `None` for an endpoint, whose question is always the same.
    pub fn question(&self) -> Option<String> {
        match self {
            Self::Choice(point, _) => Some(point.get().question()),
            Self::Access(..) => None,
        }
    }

    /// The clauses in force that raise the question of the decision point.
    pub fn clauses(&self, rules: &Rules) -> Vec<String> {
        match self {
            Self::Choice(point, _) => {
                let of_point = rules.in_force(point.get().clauses);
                let of_rule = &rules.point(*point).clauses;
                of_point.into_iter().map(str::to_owned).chain(of_rule.iter().cloned()).collect()
            }
            Self::Access(endpoint, _) => rules.endpoint(*endpoint).clauses.clone(),
        }
    }

    /// The profile with this edit.
    ///
    /// # Panics
    /// If the option is none of its decision point, which no reader of rules makes.
    #[must_use]
    pub fn applied_to(&self, mut profile: Profile) -> Profile {
        match *self {
            Self::Choice(point, option) => {
                assert!(profile.choices.set(point, option), "an edit has an option of its point");
            }
            Self::Access(endpoint, access) => profile.set_access(endpoint, access),
        }
        profile
    }

    /// Whether the profile has the option.
    pub fn is_in(&self, profile: &Profile) -> bool {
        match *self {
            Self::Choice(point, option) => profile.choices.get(point) == option,
            Self::Access(endpoint, access) => profile.access(endpoint) == access,
        }
    }

    /// Whether both edits are at the same decision point.
    pub fn is_at_point_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Choice(one, _), Self::Choice(other, _)) => one == other,
            (Self::Access(one, _), Self::Access(other, _)) => one == other,
            _ => false,
        }
    }
}

/// The profile with these edits.
pub(super) fn edited(profile: &Profile, edits: &[Edit]) -> Profile {
    edits.iter().fold(profile.clone(), |profile, edit| edit.applied_to(profile))
}

/// The differences of `profile` from `default`: by decision point, then by endpoint.
pub(super) fn edits_between(default: &Profile, profile: &Profile) -> Vec<Edit> {
    let choices = PointId::all().filter_map(|point| {
        let option = profile.choices.get(point);
        (option != default.choices.get(point)).then_some(Edit::Choice(point, option))
    });
    let endpoints: BTreeSet<EndpointId> =
        default.every_endpoint().chain(profile.every_endpoint()).collect();
    let accesses = endpoints.into_iter().filter_map(|endpoint| {
        let access = profile.access(endpoint);
        (access != default.access(endpoint)).then_some(Edit::Access(endpoint, access))
    });
    choices.chain(accesses).collect()
}
