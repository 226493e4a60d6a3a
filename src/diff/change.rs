//! Changes of a profile: every way in which a homeserver can differ from our reading of the rules,
//! permitted or not.

use guest_access_rules::decision_point::PointId;
use guest_access_rules::defect::defects;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::{Access, Profile};
use guest_access_rules::rules::Rules;

use crate::scenario::permitted;

/// What stands between the decision points of one change, if it takes several.
pub(super) const JOINS: &str = " and ";

/// One thing that a homeserver may do otherwise.
#[derive(Debug, Clone)]
pub struct Change {
    /// The decision point, or the endpoint; several, joined, for a known mistake that takes several.
    pub point: String,
    /// The option that is taken there.
    pub option: String,
    /// What that means.
    pub means: String,
    /// Whether the rules permit it.
    pub permitted: bool,
    /// The reading on which our default rests, if it rests on one.
    pub reading: Option<String>,
    /// The clauses that it is about.
    pub clauses: Vec<String>,
    edits: Vec<Edit>,
}

/// One decision point that is answered otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Choice(PointId, &'static str),
    Access(EndpointId, Access),
}

impl Edit {
    fn point(&self) -> String {
        match self {
            Self::Choice(point, _) => point.get().id.to_owned(),
            Self::Access(endpoint, _) => endpoint.to_string(),
        }
    }

    fn option(&self) -> String {
        match self {
            Self::Choice(_, option) => (*option).to_owned(),
            Self::Access(_, access) => access.to_string(),
        }
    }

    fn means(&self) -> String {
        match self {
            Self::Choice(point, option) => {
                let option = point.get().options.iter().find(|known| known.id == *option);
                option
                    .map(guest_access_rules::decision_point::PointOption::means)
                    .unwrap_or_default()
            }
            Self::Access(endpoint, access) => format!("{endpoint} is {access} to guests."),
        }
    }
}

/// The default profile of some rules, and every change of it.
#[derive(Debug)]
pub struct Changes {
    /// What our readings of the rules say.
    pub default: Profile,
    /// The changes: those that the rules permit first.
    pub all: Vec<Change>,
    /// How many are permitted.
    pub permitted: usize,
}

impl Changes {
    /// Every change of the default profile of `rules`.
    pub fn of(rules: &Rules) -> Self {
        let default = rules.profile();
        let mut all: Vec<Change> = Vec::new();
        for other in permitted(rules) {
            push(&mut all, rules, &default, &other.profile, true, other.reading);
        }
        let permitted = all.len();
        // One answer to one question explains more than a known mistake that takes several.
        let mut profiles: Vec<_> = defects(rules).into_iter().map(|d| d.profile).collect();
        profiles.sort_by_key(|profile| edits(&default, profile).len());
        for profile in profiles {
            push(&mut all, rules, &default, &profile, false, None);
        }
        Self { default, all, permitted }
    }

    /// The default profile with these changes.
    ///
    /// # Panics
    /// Never: a change is one of the options of its point.
    pub fn profile(&self, changes: &[usize]) -> Profile {
        let mut profile = self.default.clone();
        for edit in changes.iter().flat_map(|change| &self.all[*change].edits) {
            match *edit {
                Edit::Choice(point, option) => {
                    assert!(profile.choices.set(point, option), "the option is the point's own");
                }
                Edit::Access(endpoint, access) => profile.set_access(endpoint, access),
            }
        }
        profile
    }

    /// The change that makes this profile of the default, if one does.
    pub fn of_profile(&self, profile: &Profile) -> Option<&Change> {
        let edits = edits(&self.default, profile);
        self.all.iter().find(|change| change.edits == edits)
    }

    /// Whether two changes answer the same question, so that only one of them can be taken.
    pub fn exclude_each_other(&self, one: usize, other: usize) -> bool {
        let same = |one: &Edit, other: &Edit| match (one, other) {
            (Edit::Choice(one, _), Edit::Choice(other, _)) => one == other,
            (Edit::Access(one, _), Edit::Access(other, _)) => one == other,
            _ => false,
        };
        let other = &self.all[other].edits;
        self.all[one].edits.iter().any(|edit| other.iter().any(|other| same(edit, other)))
    }
}

impl Change {
    /// The endpoints whose own decision points are answered otherwise, if it is these alone.
    pub fn endpoints(&self) -> Option<Vec<EndpointId>> {
        let endpoints = self.edits.iter().map(|edit| match edit {
            Edit::Access(endpoint, _) => Some(*endpoint),
            Edit::Choice(..) => None,
        });
        endpoints.collect()
    }

    /// Whether it can have a part in what comes of a call of this endpoint, or of what is none: an
    /// endpoint's own decision points have none in what comes of others.
    pub(super) fn concerns(&self, called: Option<EndpointId>) -> bool {
        let own = self.endpoints();
        own.is_none_or(|own| called.is_some_and(|called| own.contains(&called)))
    }
}

/// Adds the change that makes `profile` of the default, unless it is there already.
fn push(
    all: &mut Vec<Change>,
    rules: &Rules,
    default: &Profile,
    profile: &Profile,
    permitted: bool,
    reading: Option<String>,
) {
    let edits = edits(default, profile);
    if edits.is_empty() || all.iter().any(|known| known.edits == edits) {
        return;
    }
    let joined = |of: fn(&Edit) -> String| edits.iter().map(of).collect::<Vec<_>>().join(JOINS);
    let (point, option, means) = (joined(Edit::point), joined(Edit::option), joined(Edit::means));
    let mut clauses: Vec<String> = edits
        .iter()
        .flat_map(|edit| match edit {
            Edit::Choice(point, _) => {
                let own = &rules.point(*point).clauses;
                let of = rules.in_force(point.get().clauses);
                of.into_iter().map(str::to_owned).chain(own.iter().cloned()).collect::<Vec<_>>()
            }
            Edit::Access(endpoint, _) => rules.endpoint(*endpoint).clauses.clone(),
        })
        .collect();
    clauses.sort();
    clauses.dedup();
    all.push(Change { point, option, means, permitted, reading, clauses, edits });
}

/// In what `profile` differs from the default.
fn edits(default: &Profile, profile: &Profile) -> Vec<Edit> {
    let choices = PointId::all().filter_map(|point| {
        let option = profile.choices.get(point);
        (option != default.choices.get(point)).then_some(Edit::Choice(point, option))
    });
    let accesses = EndpointId::all().filter_map(|endpoint| {
        let access = profile.access(endpoint);
        (access != default.access(endpoint)).then_some(Edit::Access(endpoint, access))
    });
    choices.chain(accesses).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_makes_another_profile_and_only_the_rules_permit_the_first() {
        let rules = Rules::find("latest").unwrap();
        let changes = Changes::of(&rules);
        for (number, change) in changes.all.iter().enumerate() {
            assert_ne!(changes.profile(&[number]), changes.default, "{change:?}");
            assert_eq!(change.permitted, number < changes.permitted, "{change:?}");
            assert!(changes.exclude_each_other(number, number));
        }
    }

    /// A known mistake that a reading permits is one of the permitted changes (A13 permits
    /// `preview-state-from-before`); every forbidden option is one that is not.
    #[test]
    fn every_defect_is_a_change() {
        let rules = Rules::find("latest").unwrap();
        let changes = Changes::of(&rules);
        let profiles: Vec<_> =
            (0..changes.all.len()).map(|number| changes.profile(&[number])).collect();
        for defect in defects(&rules) {
            let is_change = |profile: &Profile| *profile == defect.profile;
            assert!(profiles.iter().any(is_change), "{}", defect.id);
            if defect.id.contains('=') {
                assert!(!profiles[..changes.permitted].iter().any(is_change), "{}", defect.id);
            }
        }
    }
}
