//! Variants: profiles that differ from the default profile of some rules.
//!
//! A homeserver differs from our reading of the rules by answering decision points otherwise. A
//! [`Variant`] is one such difference, with a [`VariantStanding`]: the rules leave the question open, or
//! are silent about it, or forbid the answer. A forbidden variant is a *defect*. The mistakes that
//! homeservers have really made are variants too, each with a name.
//!
//! | function | variants | order |
//! |---|---|---|
//! | [`open`] | the options that the text leaves open beside the default | by decision point, then by endpoint |
//! | [`permitted`] | those, then the options of questions about which the text is silent | the same |
//! | [`defects`] | the known mistakes, then every forbidden option | by file, then by decision point, then by endpoint |
//! | [`Variants::of`] | all of them, each difference once | the permitted ones first |
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

use crate::decision_point::PointId;
use crate::endpoint::{Auth, EndpointId};
use crate::profile::{Access, Conditions, Profile};
use crate::rules::{Rules, Standing};

pub use edit::{Edit, JOINED_BY};
pub use mistake::{Inexpressible, inexpressible};

use edit::edits_between;
use mistake::known_mistakes;

/// What the rules say of a variant.
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
    /// The id: the name of a known mistake, or `point=option`, or `endpoint.GET /sync=refused`.
    pub id: String,
    /// The family of the known mistakes, or of the decision point; `endpoint` for an endpoint's own.
    pub family: String,
    /// What a homeserver does that takes the variant.
    pub about: String,
    /// What the rules say of it.
    pub standing: VariantStanding,
    /// The differences from the default profile.
    pub edits: Vec<Edit>,
    /// The profile of a homeserver that differs in this and in nothing else.
    pub profile: Profile,
    /// Whether homeservers are known to have made this mistake: its id is a name.
    pub is_known_mistake: bool,
}

impl Variant {
    /// The variant of `default` that takes these edits.
    fn new(
        (id, family, about): (String, String, String),
        standing: VariantStanding,
        default: &Profile,
        edits: Vec<Edit>,
    ) -> Self {
        let profile = edit::edited(default, &edits);
        Self { id, family, about, standing, edits, profile, is_known_mistake: false }
    }

    /// The variant that takes another option at a decision point.
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
        let (option, is) = match access {
            Access::Refused => ("refused", "is refused to guests"),
            Access::Open(_) => ("open", "is open to guests without any condition"),
        };
        let names = (
            format!("endpoint.{endpoint}={option}"),
            "endpoint".to_owned(),
            format!("{endpoint} {is}"),
        );
        Self::new(names, standing, default, vec![Edit::Access(endpoint, access)])
    }

    /// Whether the rules permit it.
    pub const fn is_permitted(&self) -> bool {
        !matches!(self.standing, VariantStanding::Forbidden)
    }

    /// The reading on which the default rests, if the question is open and the default rests on one.
    pub fn reading(&self) -> Option<&str> {
        match &self.standing {
            VariantStanding::Open { reading } => reading.as_deref(),
            VariantStanding::Silent | VariantStanding::Forbidden => None,
        }
    }

    /// The decision points that are answered otherwise, joined by [`JOINED_BY`]; an endpoint stands
    /// for its own decision point.
    pub fn point(&self) -> String {
        self.joined(Edit::point)
    }

    /// The decision points as an id has them: `endpoint.` stands before an endpoint's own.
    pub fn point_id(&self) -> String {
        match self.endpoints() {
            Some(_) => format!("endpoint.{}", self.point()),
            None => self.point(),
        }
    }

    /// The options that are taken, joined by [`JOINED_BY`].
    pub fn option(&self) -> String {
        self.joined(Edit::option)
    }

    /// What the options mean, joined by [`JOINED_BY`].
    pub fn means(&self) -> String {
        self.joined(Edit::means)
    }

    fn joined(&self, of: fn(&Edit) -> String) -> String {
        self.edits.iter().map(of).collect::<Vec<_>>().join(JOINED_BY)
    }

    /// The clauses in force that the decision points come from, in order.
    pub fn clauses(&self, rules: &Rules) -> Vec<String> {
        let mut clauses: Vec<_> = self.edits.iter().flat_map(|edit| edit.clauses(rules)).collect();
        clauses.sort();
        clauses.dedup();
        clauses
    }

    /// The endpoints whose access is another, if the variant differs in nothing else.
    pub fn endpoints(&self) -> Option<Vec<EndpointId>> {
        let endpoints = self.edits.iter().map(|edit| match edit {
            Edit::Access(endpoint, _) => Some(*endpoint),
            Edit::Choice(..) => None,
        });
        endpoints.collect()
    }

    /// Whether the variant can change the outcome of a call of this endpoint, or of an action that
    /// calls none. A variant that differs in the access to endpoints changes only calls of these.
    pub fn concerns(&self, called: Option<EndpointId>) -> bool {
        let own = self.endpoints();
        own.is_none_or(|own| called.is_some_and(|called| own.contains(&called)))
    }

    /// Whether both answer the same decision point, so that a homeserver can take only one of them.
    pub fn excludes(&self, other: &Self) -> bool {
        self.edits.iter().any(|edit| other.edits.iter().any(|other| edit.is_at_point_of(other)))
    }
}

/// Every option that the text leaves open beside the default, each taken alone.
pub fn open(rules: &Rules) -> Vec<Variant> {
    let default = rules.profile();
    let choices = PointId::all().zip(&rules.points).flat_map(|(point, rule)| {
        let standing = VariantStanding::Open { reading: rule.reading.clone() };
        let alternatives = rule.standing.alternatives().iter();
        alternatives.map(move |option| (point, *option, standing.clone()))
    });
    let choices = choices
        .map(|(point, option, standing)| Variant::of_choice(&default, point, option, standing));
    let accesses = EndpointId::all().zip(&rules.endpoints).filter_map(|(endpoint, rule)| {
        let standing = VariantStanding::Open { reading: Some(rule.may_be_open.clone()?) };
        Some(Variant::of_access(&default, endpoint, UNCONDITIONAL, standing))
    });
    choices.chain(accesses).collect()
}

/// Every option that the text does not forbid beside the default, each taken alone: the [`open`] ones,
/// and the options of questions about which the text is silent.
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

/// The defects under these rules: the known mistakes, then every forbidden option of every decision
/// point, the endpoints' included.
///
/// A known mistake that changes nothing under these rules is no defect of theirs. One that the rules
/// permit is listed, with that standing.
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

/// The profile of a homeserver that takes all of these variants of `default`. Where two of them answer
/// the same decision point, the later one stands.
pub fn together(default: &Profile, variants: &[Variant]) -> Profile {
    variants.iter().fold(default.clone(), |profile, variant| edit::edited(&profile, &variant.edits))
}

/// An endpoint that is open to guests without further ado.
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
    EndpointId::all().flat_map(move |endpoint| {
        let rule = rules.endpoint(endpoint);
        let refused = (rule.access != Access::Refused).then_some(Access::Refused);
        let needs_a_token = endpoint.get().auth == Auth::User;
        let is_open = rule.access == UNCONDITIONAL || rule.may_be_open.is_some();
        let opened = (needs_a_token && !is_open).then_some(UNCONDITIONAL);
        refused.into_iter().chain(opened).map(move |access| {
            Variant::of_access(default, endpoint, access, VariantStanding::Forbidden)
        })
    })
}

/// The default profile of some rules, and every variant of it, each difference once.
///
/// The permitted ones come first. The defects follow, those with the fewest edits first: one answer to
/// one question explains more than a known mistake that takes several.
#[derive(Debug)]
pub struct Variants {
    /// The default profile.
    pub default: Profile,
    /// The variants.
    pub all: Vec<Variant>,
    /// How many of them are permitted.
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
        defects.into_iter().for_each(|defect| {
            add(defect);
        });
        Self { default, all, permitted }
    }

    /// The profile of a homeserver that takes the variants with these numbers.
    pub fn profile(&self, variants: &[usize]) -> Profile {
        variants.iter().fold(self.default.clone(), |profile, number| {
            edit::edited(&profile, &self.all[*number].edits)
        })
    }

    /// The variant that this profile takes, if it takes exactly one.
    pub fn of_profile(&self, profile: &Profile) -> Option<&Variant> {
        let edits = edits_between(&self.default, profile);
        self.all.iter().find(|variant| variant.edits == edits)
    }

    /// Whether the variants with these numbers answer the same decision point.
    pub fn exclude_each_other(&self, one: usize, other: usize) -> bool {
        self.all[one].excludes(&self.all[other])
    }
}

#[cfg(test)]
mod tests;
