//! Defects: named profiles that take options which the rules forbid.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::decision_point::PointId;
use crate::endpoint::{Auth, EndpointId};
use crate::profile::{Access, Condition, Conditions, Profile};
use crate::rules::Rules;

/// A mistake that can be switched on.
#[derive(Debug, Clone)]
pub struct Defect {
    /// The id: a name, or `point=option`.
    pub id: String,
    /// What kind of mistake it is: the family of the known mistakes, or of the decision point.
    pub family: String,
    /// What is done wrongly.
    pub about: String,
    /// The profile of a homeserver that makes the mistake and no other.
    pub profile: Profile,
}

/// A mistake that homeservers have made and that no profile can express.
#[derive(Debug, Clone)]
pub struct Beyond {
    /// The id.
    pub id: String,
    /// The family.
    pub family: String,
    /// What is done wrongly.
    pub about: String,
    /// Why the sequential model cannot express it.
    pub because: String,
}

/// A mistake as it is written in `rules/mistakes.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    id: String,
    family: String,
    about: String,
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    refuse: Vec<String>,
    #[serde(default)]
    open: Vec<String>,
    #[serde(default)]
    when: BTreeMap<String, Vec<Condition>>,
    beyond: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistakes {
    mistake: Vec<Mistake>,
}

static MISTAKES: LazyLock<Vec<Mistake>> = LazyLock::new(|| {
    let mistakes: Mistakes = toml::from_str(include_str!("../mistakes.toml"))
        .expect("the mistakes are part of the program; a test reads them");
    mistakes.mistake
});

/// The defects under these rules: the known mistakes, then every forbidden option of every decision
/// point, the endpoints' included. Those that the rules do not forbid (any more, or yet) are no
/// defects of theirs.
pub fn defects(rules: &Rules) -> Vec<Defect> {
    let right = rules.profile();
    let known = MISTAKES.iter().filter(|mistake| mistake.beyond.is_none()).map(|mistake| Defect {
        id: mistake.id.clone(),
        family: mistake.family.clone(),
        about: mistake.about.clone(),
        profile: mistake.profile(&right),
    });
    known
        .filter(|defect| defect.profile != right)
        .chain(forbidden_options(rules, &right))
        .chain(forbidden_accesses(rules, &right))
        .collect()
}

/// The defect with this id under these rules, if there is one.
pub fn find(rules: &Rules, id: &str) -> Option<Defect> {
    defects(rules).into_iter().find(|defect| defect.id == id)
}

/// The profile of a homeserver that makes all of these mistakes under `rules`; where two of them
/// change the same thing, the later one stands.
///
/// # Panics
/// Never: a point has every option that a profile gives it.
pub fn together(rules: &Rules, defects: &[Defect]) -> Profile {
    let right = rules.profile();
    let mut profile = right.clone();
    for Defect { profile: wrong, .. } in defects {
        for point in PointId::all() {
            let option = wrong.choices.get(point);
            if option != right.choices.get(point) {
                assert!(profile.choices.set(point, option), "the option is the point's own");
            }
        }
        for endpoint in EndpointId::all() {
            if wrong.access(endpoint) != right.access(endpoint) {
                profile.set_access(endpoint, wrong.access(endpoint));
            }
        }
    }
    profile
}

/// The known mistakes that are beyond the sequential model, with the reason.
pub fn beyond() -> Vec<Beyond> {
    let beyond = MISTAKES.iter().filter_map(|mistake| {
        Some(Beyond {
            id: mistake.id.clone(),
            family: mistake.family.clone(),
            about: mistake.about.clone(),
            because: mistake.beyond.clone()?,
        })
    });
    beyond.collect()
}

impl Mistake {
    fn profile(&self, right: &Profile) -> Profile {
        let mut profile = right.clone();
        for (point, option) in &self.set {
            let point = PointId::find(point).expect("a test looks up every point of a mistake");
            assert!(profile.choices.set(point, option), "{}: no option `{option}`", self.id);
        }
        let endpoint = |id: &String| {
            EndpointId::find(id).expect("a test looks up every endpoint of a mistake")
        };
        for id in &self.refuse {
            profile.set_access(endpoint(id), Access::Refused);
        }
        for id in &self.open {
            profile.set_access(endpoint(id), Access::Open(Conditions::NONE));
        }
        for (id, conditions) in &self.when {
            let conditions = conditions.iter().copied().collect();
            profile.set_access(endpoint(id), Access::Open(conditions));
        }
        profile
    }
}

fn forbidden_options<'a>(
    rules: &'a Rules,
    right: &'a Profile,
) -> impl Iterator<Item = Defect> + 'a {
    PointId::all().flat_map(move |point| {
        let of = point.get();
        let forbidden =
            of.options.iter().filter(move |o| rules.point(point).standing.forbids(o.id));
        forbidden.map(move |option| {
            let mut profile = right.clone();
            assert!(profile.choices.set(point, option.id), "the option is the point's own");
            Defect {
                id: format!("{}={}", of.id, option.id),
                family: of.id.split('.').next().unwrap_or_default().to_owned(),
                about: format!("{} {}", of.question(), option.means()),
                profile,
            }
        })
    })
}

fn forbidden_accesses<'a>(
    rules: &'a Rules,
    right: &'a Profile,
) -> impl Iterator<Item = Defect> + 'a {
    const OPEN: Access = Access::Open(Conditions::NONE);
    EndpointId::all().flat_map(move |endpoint| {
        let rule = rules.endpoint(endpoint);
        let refused = (rule.access != Access::Refused).then_some((
            "refused",
            "is refused to guests",
            Access::Refused,
        ));
        let needs_a_token = endpoint.get().auth == Auth::User;
        let is_open = rule.access == OPEN || rule.may_be_open.is_some();
        let open = (needs_a_token && !is_open).then_some((
            "open",
            "is open to guests without any condition",
            OPEN,
        ));
        refused.into_iter().chain(open).map(move |(option, is, access)| {
            let mut profile = right.clone();
            profile.set_access(endpoint, access);
            Defect {
                id: format!("endpoint.{endpoint}={option}"),
                family: "endpoint".to_owned(),
                about: format!("{endpoint} {is}"),
                profile,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_mistake_can_be_switched_on_or_says_why_not() {
        let rules = Rules::find("latest").unwrap();
        let ids: Vec<_> = defects(&rules).into_iter().map(|defect| defect.id).collect();
        for mistake in MISTAKES.iter() {
            let listed = ids.contains(&mistake.id);
            assert_ne!(listed, mistake.beyond.is_some(), "{}", mistake.id);
        }
    }

    #[test]
    fn mistakes_that_are_made_together_are_all_made() {
        let rules = Rules::find("latest").unwrap();
        let ids = ["join.gate=none", "endpoint.GET /sync=refused", "join.gate=none"];
        let found: Vec<_> = ids.iter().map(|id| find(&rules, id).unwrap()).collect();
        let mut expected = found[0].profile.clone();
        let sync = EndpointId::find("GET /sync").unwrap();
        expected.set_access(sync, Access::Refused);
        assert_eq!(together(&rules, &found), expected);
        assert_eq!(together(&rules, &[]), rules.profile());
    }

    #[test]
    fn every_defect_has_an_id_of_its_own_and_a_wrong_profile() {
        let rules = Rules::find("latest").unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for defect in defects(&rules) {
            assert!(seen.insert(defect.id.clone()), "{} is given twice", defect.id);
            assert_ne!(defect.profile, rules.profile(), "{}", defect.id);
        }
    }
}
