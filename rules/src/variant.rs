//! Variants: profiles that differ from the default profile of a revision.
//!
//! A homeserver differs from our reading of the rules if it takes other options at some decision
//! points. A [`Variant`] is one such difference. Its [`VariantStanding`] says whether the rules
//! leave the question open, are silent about it, or forbid the option. A forbidden variant is a
//! *defect*. The known mistakes of real homeservers are variants too, each with a name.
//!
//! | function | variants | order |
//! |---|---|---|
//! | [`open`] | the options that the text permits besides the default | by decision point, then by endpoint |
//! | [`permitted`] | the open variants, then the options of questions about which the text is silent | the same |
//! | [`defects`] | the known mistakes, then every forbidden option | by file, then by decision point, then by endpoint |
//! | [`Variants::of`] | all variants, each difference once | the permitted variants first |
//!
//! # Example
//! ```
//! use guest_access_rules::rules::Rules;
//! use guest_access_rules::variant;
//!
//! let rules = Rules::find("latest")?;
//! let no_gate = variant::find(&rules, "join.gate=none").expect("the rules forbid it");
//! assert!(!no_gate.is_permitted());
//! assert_ne!(no_gate.profile, rules.profile());
//! # Ok::<(), guest_access_rules::rules::RulesError>(())
//! ```

mod edit;
mod mistake;

use std::collections::BTreeSet;

use crate::decision_point::PointId;
use crate::endpoint::{Auth, EndpointId};
use crate::profile::{Access, Conditions, Profile};
use crate::rules::{MayBeOpen, Rules, Standing};

pub use edit::{Edit, JOINED_BY};
pub use mistake::{Inexpressible, inexpressible};

use edit::edits_between;
use mistake::known_mistakes;

/// The standing of a variant under the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariantStanding {
    /// The text leaves the question open, and permits this answer.
    Open {
        /// The reading on which the default rests, if it rests on one.
        reading: Option<String>,
    },
    /// The text is silent about the question.
    Silent,
    /// The text forbids this answer.
    Forbidden,
}

/// A profile that differs from the default profile of some rules.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The id: the name of a known mistake, or `point=option`, or `endpoint.GET /sync=refused`. An
    /// endpoint that opens under conditions has them in its option: `open where room:joined`.
    pub id: String,
    /// The family of the known mistakes, or of the decision point; `endpoint` for an endpoint's
    /// own.
    pub family: String,
    /// The behaviour of a homeserver with this profile.
    pub about: String,
    /// Whether the rules permit the variant.
    pub standing: VariantStanding,
    /// The differences from the default profile.
    pub edits: Vec<Edit>,
    /// The profile with all edits.
    pub profile: Profile,
    /// Whether the variant is a known mistake of a real homeserver. Its id is then a name.
    pub is_known_mistake: bool,
}

impl Variant {
    /// The variant of `default` with these edits.
    fn new(
        (id, family, about): (String, String, String),
        standing: VariantStanding,
        default: &Profile,
        edits: Vec<Edit>,
    ) -> Self {
        let profile = edit::edited(default, &edits);
        Self { id, family, about, standing, edits, profile, is_known_mistake: false }
    }

    /// The variant with another option at one decision point.
    fn of_choice(
        default: &Profile,
        point: PointId,
        option: &'static str,
        standing: VariantStanding,
    ) -> Self {
        let of = point.get();
        let edit = Edit::Choice(point, option);
        let names = (
            format!("{}={option}", of.id),
            of.id.split('.').next().unwrap_or_default().to_owned(),
            format!("{} {}", of.question(), edit.means()),
        );
        Self::new(names, standing, default, vec![edit])
    }

    /// The variant that opens or refuses an endpoint.
    fn of_access(
        default: &Profile,
        endpoint: EndpointId,
        access: Access,
        standing: VariantStanding,
    ) -> Self {
        let edit = Edit::Access(endpoint, access);
        let about = match access {
            UNCONDITIONAL => format!("{endpoint} is open to guests without any condition"),
            _ => edit.means().trim_end_matches('.').to_owned(),
        };
        let names = (format!("endpoint.{endpoint}={access}"), "endpoint".to_owned(), about);
        Self::new(names, standing, default, vec![edit])
    }

    /// The variant of `default` with the edits of all these variants, which edit different decision points.
    /// The rules permit the variant if they permit each of these.
    pub fn of_all(default: &Profile, variants: &[&Self]) -> Self {
        let joined = |of: fn(&Self) -> &str, by| {
            variants.iter().map(|variant| of(variant)).collect::<Vec<_>>().join(by)
        };
        let readings: BTreeSet<_> =
            variants.iter().filter_map(|variant| variant.reading()).collect();
        let readings: Vec<_> = readings.into_iter().collect();
        let standing = if variants.iter().all(|variant| variant.is_permitted()) {
            let reading = (!readings.is_empty()).then(|| readings.join(JOINED_BY));
            VariantStanding::Open { reading }
        } else {
            VariantStanding::Forbidden
        };
        let names = (
            joined(|variant| &variant.id, JOINED_BY),
            joined(|variant| &variant.family, "+"),
            joined(|variant| &variant.about, "; "),
        );
        let edits = variants.iter().flat_map(|variant| variant.edits.clone()).collect();
        Self::new(names, standing, default, edits)
    }

    /// Whether the rules permit the variant.
    pub const fn is_permitted(&self) -> bool {
        !matches!(self.standing, VariantStanding::Forbidden)
    }

    /// The reading on which the default rests, if the question is open and the default rests on
    /// one.
    pub fn reading(&self) -> Option<&str> {
        match &self.standing {
            VariantStanding::Open { reading } => reading.as_deref(),
            VariantStanding::Silent | VariantStanding::Forbidden => None,
        }
    }

    /// The ids of the edited decision points, joined by [`JOINED_BY`]. An endpoint's decision point
    /// is written as the endpoint.
    pub fn point(&self) -> String {
        self.joined(Edit::point)
    }

    /// The ids of the edited decision points as [`Self::id`] writes them: an endpoint's decision
    /// point begins with `endpoint.`.
    pub fn point_id(&self) -> String {
        match self.endpoints() {
            Some(_) => format!("endpoint.{}", self.point()),
            None => self.point(),
        }
    }

    /// The options of the edits, joined by [`JOINED_BY`].
    pub fn option(&self) -> String {
        self.joined(Edit::option)
    }

    /// The meanings of the options, joined by [`JOINED_BY`].
    pub fn means(&self) -> String {
        self.joined(Edit::means)
    }

    fn joined(&self, of: fn(&Edit) -> String) -> String {
        self.edits.iter().map(of).collect::<Vec<_>>().join(JOINED_BY)
    }

    /// The clauses in force that raise the questions of the edited decision points, in order.
    pub fn clauses(&self, rules: &Rules) -> Vec<String> {
        let mut clauses: Vec<_> = self.edits.iter().flat_map(|edit| edit.clauses(rules)).collect();
        clauses.sort();
        clauses.dedup();
        clauses
    }

    /// The endpoints with another access, if the variant differs only in the access to endpoints.
    pub fn endpoints(&self) -> Option<Vec<EndpointId>> {
        let endpoints = self.edits.iter().map(|edit| match edit {
            Edit::Access(endpoint, _) => Some(*endpoint),
            Edit::Choice(..) => None,
        });
        endpoints.collect()
    }

    /// Whether the variant can change the outcome of a call to `called`, or of an action without a
    /// call (`None`). A variant that differs only in the access to endpoints can change only calls
    /// to these endpoints.
    pub fn concerns(&self, called: Option<EndpointId>) -> bool {
        let own = self.endpoints();
        own.is_none_or(|own| called.is_some_and(|called| own.contains(&called)))
    }

    /// Whether this variant has every edit of the other.
    pub fn contains(&self, other: &Self) -> bool {
        other.edits.iter().all(|edit| self.edits.contains(edit))
    }

    /// Whether both variants edit the same decision point, so that a homeserver can take only one
    /// of them.
    pub fn excludes(&self, other: &Self) -> bool {
        self.edits.iter().any(|edit| other.edits.iter().any(|other| edit.is_at_point_of(other)))
    }
}

/// One variant for every option that the text permits besides the default.
pub fn open(rules: &Rules) -> Vec<Variant> {
    let default = rules.profile();
    let choices = PointId::all().zip(&rules.points).flat_map(|(point, rule)| {
        let standing = VariantStanding::Open { reading: rule.reading.clone() };
        let alternatives = rule.standing.alternatives().iter();
        alternatives.map(move |option| (point, *option, standing.clone()))
    });
    let choices = choices
        .map(|(point, option, standing)| Variant::of_choice(&default, point, option, standing));
    let accesses = rules.every_endpoint().filter_map(|endpoint| {
        let MayBeOpen { reading, conditions } = rules.endpoint(endpoint).may_be_open.clone()?;
        let standing = VariantStanding::Open { reading: Some(reading) };
        Some(Variant::of_access(&default, endpoint, Access::Open(conditions), standing))
    });
    choices.chain(accesses).collect()
}

/// One variant for every option that the text does not forbid, besides the default. The [`open`]
/// variants come first, then the options of questions about which the text is silent.
pub fn permitted(rules: &Rules) -> Vec<Variant> {
    let default = rules.profile();
    let silent =
        PointId::all().zip(&rules.points).filter_map(|(point, rule)| match rule.standing {
            Standing::Silent(taken) => Some((point, taken)),
            Standing::Required(_) | Standing::Open(_) => None,
        });
    let silent = silent.flat_map(|(point, taken)| {
        let options = point.get().option_ids().filter(move |option| *option != taken);
        options.map(move |option| (point, option))
    });
    let silent = silent.map(|(point, option)| {
        Variant::of_choice(&default, point, option, VariantStanding::Silent)
    });
    open(rules).into_iter().chain(silent).collect()
}

/// The defects under these rules: the known mistakes, then one variant for every forbidden option
/// of every decision point, including those of endpoints.
///
/// A known mistake that equals the default profile of these rules is left out. A known mistake that
/// the rules permit is listed, and its standing is the permitted variant's.
pub fn defects(rules: &Rules) -> Vec<Variant> {
    let default = rules.profile();
    let permitted = permitted(rules);
    let known =
        known_mistakes(&default).filter(|mistake| mistake.profile != default).map(|mistake| {
            let same = permitted.iter().find(|permitted| permitted.profile == mistake.profile);
            match same {
                Some(same) => Variant { standing: same.standing.clone(), ..mistake },
                None => mistake,
            }
        });
    known
        .chain(forbidden_options(rules, &default))
        .chain(forbidden_accesses(rules, &default))
        .collect()
}

/// The defect with this id under these rules, if there is one.
pub fn find(rules: &Rules, id: &str) -> Option<Variant> {
    defects(rules).into_iter().find(|defect| defect.id == id)
}

/// The profile with the edits of all these variants of `default`. If two variants edit the same
/// decision point, the later variant wins.
pub fn together(default: &Profile, variants: &[Variant]) -> Profile {
    variants.iter().fold(default.clone(), |profile, variant| edit::edited(&profile, &variant.edits))
}

/// The access to an endpoint that is open to guests without conditions.
const UNCONDITIONAL: Access = Access::Open(Conditions::NONE);

fn forbidden_options<'a>(
    rules: &'a Rules,
    default: &'a Profile,
) -> impl Iterator<Item = Variant> + 'a {
    PointId::all().flat_map(move |point| {
        let options = point.get().option_ids();
        let forbidden = options.filter(move |option| rules.point(point).standing.forbids(option));
        forbidden.map(move |option| {
            Variant::of_choice(default, point, option, VariantStanding::Forbidden)
        })
    })
}

fn forbidden_accesses<'a>(
    rules: &'a Rules,
    default: &'a Profile,
) -> impl Iterator<Item = Variant> + 'a {
    rules.every_endpoint().flat_map(move |endpoint| {
        let rule = rules.endpoint(endpoint);
        let refused = (rule.access != Access::Refused).then_some(Access::Refused);
        let needs_a_token = endpoint.get().auth == Auth::User;
        // A reading that opens the endpoint under conditions does not permit to open it without them.
        let may_open = rules.accesses(endpoint).contains(&UNCONDITIONAL);
        let opened = (needs_a_token && !may_open).then_some(UNCONDITIONAL);
        refused.into_iter().chain(opened).map(move |access| {
            Variant::of_access(default, endpoint, access, VariantStanding::Forbidden)
        })
    })
}

/// The default profile of a revision, and all its variants, each difference once.
///
/// The permitted variants come first, then the defects with the fewest edits. One option of one
/// decision point explains a difference more simply than a known mistake with several edits.
#[derive(Debug)]
pub struct Variants {
    /// The default profile.
    pub default: Profile,
    /// All variants.
    pub all: Vec<Variant>,
    /// The number of permitted variants.
    pub permitted: usize,
}

impl Variants {
    /// Every variant of the default profile of `rules`.
    pub fn of(rules: &Rules) -> Self {
        let default = rules.profile();
        let mut all: Vec<Variant> = Vec::new();
        let mut add = |variant: Variant| {
            if !all.iter().any(|known| known.edits == variant.edits) {
                all.push(variant);
            }
            all.len()
        };
        let permitted = permitted(rules).into_iter().map(&mut add).last().unwrap_or_default();
        let mut defects = defects(rules);
        defects.sort_by_key(|defect| defect.edits.len());
        for defect in defects {
            add(defect);
        }
        Self { default, all, permitted }
    }

    /// The profile with the edits of the variants with these numbers.
    pub fn profile(&self, variants: &[usize]) -> Profile {
        variants.iter().fold(self.default.clone(), |profile, number| {
            edit::edited(&profile, &self.all[*number].edits)
        })
    }

    /// The variant with exactly the edits of this profile, if there is one.
    pub fn of_profile(&self, profile: &Profile) -> Option<&Variant> {
        let edits = edits_between(&self.default, profile);
        self.all.iter().find(|variant| variant.edits == edits)
    }

    /// Whether the rules permit every one of the variants with these numbers.
    pub fn are_permitted(&self, variants: &[usize]) -> bool {
        variants.iter().all(|number| self.all[*number].is_permitted())
    }

    /// Whether the variants with these numbers edit the same decision point.
    pub fn exclude_each_other(&self, one: usize, other: usize) -> bool {
        self.all[one].excludes(&self.all[other])
    }
}

#[cfg(test)]
mod tests;
