//! The rules of Matrix guest access as data. The model and the reference both use this crate; the
//! crate uses neither of them.
//!
//! | term | meaning | type |
//! |---|---|---|
//! | *clause* | one obligation of the specification: `GA-22` | [`Clause`](clause::Clause) |
//! | *reading* | a question that the specification leaves open, with our default answer: `A2` | [`Reading`](clause::Reading) |
//! | *decision point* | a question about behaviour with a fixed set of *options*: `join.gate` | [`Point`](decision_point::Point), [`PointOption`](decision_point::PointOption) |
//! | *access* | whether guests may call an endpoint: the option of the endpoint's decision point | [`Access`](profile::Access) |
//! | *profile* | one option of every decision point: how a homeserver behaves | [`Profile`](profile::Profile) |
//! | *revision* | a published text, or a proposal that extends one | [`Rules`](rules::Rules) |
//! | *standing* | whether a revision requires, permits or forbids an option | [`Standing`](rules::Standing) |
//! | *default profile* | the required options, and our default answers to open questions | [`Rules::profile`](rules::Rules::profile) |
//! | *guarantee* | a property that a revision may promise: `revocation` | [`Guarantee`](guarantee::Guarantee) |
//! | *variant* | a profile that differs from the default profile | [`Variant`](variant::Variant) |
//! | *defect* | a variant that the revision forbids, or a known mistake | [`variant::defects`] |
//!
//! The terms depend on each other as follows:
//!
//! 1. A text is split into clauses (`spec-notes/clauses.md`).
//! 2. Clauses raise the questions of decision points (the table [`POINTS`](decision_point::POINTS)).
//! 3. A rules file (`rules/revisions/*.toml`) gives each option of each decision point a standing.
//! 4. The standings determine the default profile, and the standing of every variant.
//!
//! # Example
//! What do the rules in force say about the redaction of a room's guest access?
//!
//! ```
//! use guest_access_rules::clause;
//! use guest_access_rules::decision_point::PointId;
//! use guest_access_rules::guarantee::GuaranteeId;
//! use guest_access_rules::rules::{Rules, Standing};
//! use guest_access_rules::variant;
//!
//! let rules = Rules::find("latest")?;
//! assert_eq!(rules.id, "v1.17");
//!
//! // A decision point, the clauses that raise its question, and the standing of its options.
//! let trigger = PointId::find("revocation.trigger").expect("POINTS lists it");
//! assert_eq!(trigger.get().clauses, ["GA-23"]);
//! let rule = rules.point(trigger);
//! assert_eq!(rule.standing, Standing::Open(vec!["every_way", "new_event_only"]));
//!
//! // Two options are permitted, because the text can be read in two ways.
//! let reading = rule.reading.as_deref().and_then(clause::find_reading).expect("a reading");
//! assert_eq!(reading.id, "A2");
//!
//! // The default profile takes the first option. A variant takes another one.
//! assert_eq!(rules.profile().choices.get(trigger), "every_way");
//! let permitted = variant::permitted(&rules);
//! assert!(permitted.iter().any(|variant| variant.id == "revocation.trigger=new_event_only"));
//!
//! // The third option is forbidden: a homeserver that takes it has a defect.
//! let defect = variant::find(&rules, "revocation.trigger=forbidden_only").expect("a defect");
//! assert_eq!(defect.profile.choices.get(trigger), "forbidden_only");
//!
//! // The revision promises a guarantee, and names the clauses that promise it.
//! assert_eq!(rules.promises[&GuaranteeId::Revocation], ["GA-23"]);
//! # Ok::<(), guest_access_rules::rules::RulesError>(())
//! ```

#![forbid(unsafe_code)]

pub mod clause;
pub mod decision_point;
mod declaration;
pub mod discipline;
pub mod endpoint;
pub mod federation;
pub mod guarantee;
pub mod key;
pub mod profile;
pub mod rules;
pub mod similar;
pub mod text_file;
pub mod variant;
pub mod vocabulary;
