//! The known mistakes of real homeservers, read from `rules/mistakes.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::decision_point::PointId;
use crate::endpoint::EndpointId;
use crate::profile::{Access, Condition, Conditions, Profile};

use super::edit::edits_between;
use super::{Variant, VariantStanding};

/// A known mistake that no profile can express.
#[derive(Debug, Clone)]
pub struct Inexpressible {
    /// The id.
    pub id: String,
    /// The family of mistakes.
    pub family: String,
    /// What the homeserver does wrong.
    pub about: String,
    /// Why no profile of the sequential model expresses it.
    pub because: String,
}

/// A mistake as the file contains it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MistakeEntry {
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
struct MistakesFile {
    mistake: Vec<MistakeEntry>,
}

static MISTAKES: LazyLock<Vec<MistakeEntry>> = LazyLock::new(|| {
    let file: MistakesFile = toml::from_str(include_str!("../../mistakes.toml"))
        .expect("the mistakes are part of the program; a test reads them");
    file.mistake
});

/// The known mistakes that a profile can express, as variants of `default`.
pub(super) fn known_mistakes(default: &Profile) -> impl Iterator<Item = Variant> {
    let expressible = MISTAKES.iter().filter(|entry| entry.beyond.is_none());
    expressible.map(move |entry| {
        let profile = entry.profile(default);
        Variant {
            id: entry.id.clone(),
            family: entry.family.clone(),
            about: entry.about.clone(),
            standing: VariantStanding::Forbidden,
            edits: edits_between(default, &profile),
            profile,
            is_known_mistake: true,
        }
    })
}

/// The known mistakes that no profile can express, each with the reason.
pub fn inexpressible() -> Vec<Inexpressible> {
    let inexpressible = MISTAKES.iter().filter_map(|entry| {
        Some(Inexpressible {
            id: entry.id.clone(),
            family: entry.family.clone(),
            about: entry.about.clone(),
            because: entry.beyond.clone()?,
        })
    });
    inexpressible.collect()
}

impl MistakeEntry {
    fn profile(&self, default: &Profile) -> Profile {
        let mut profile = default.clone();
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

#[cfg(test)]
mod tests {
    use crate::rules::Rules;

    use super::super::defects;
    use super::*;

    #[test]
    fn every_known_mistake_is_a_defect_or_inexpressible() {
        let rules = Rules::find("latest").unwrap();
        let ids: Vec<_> = defects(&rules).into_iter().map(|defect| defect.id).collect();
        for entry in MISTAKES.iter() {
            assert_ne!(ids.contains(&entry.id), entry.beyond.is_some(), "{}", entry.id);
        }
    }
}
