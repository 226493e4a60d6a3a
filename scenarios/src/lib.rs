//! Scenarios of Matrix guest access, by the rules and the model alone.
//!
//! The model decides each step of a scenario by the rules of a revision. Where a text leaves a question
//! open, [`permitted`] lists what the other answers expect of the step. [`vectors`] generates scenarios
//! that together cover every class of decision.
//!
//! Nothing here knows the reference homeserver. A scenario is performed by a
//! [`Subject`](guest_access_model::action::Subject): the reference, or a mistake that a test makes.
//!
//! # Decide a scenario
//! A [`Scenario`](scenario::Scenario) is a list of steps by named actors.
//! [`decide`](scenario::Scenario::decide) gives the decision of the rules on each step, with its clauses
//! and its reason. Here, a guest joins a room that does not admit guests:
//!
//! ```
//! use guest_access_scenarios::scenario::{Scenario, Verdict};
//! use guest_access_rules::rules::Rules;
//!
//! let scenario = Scenario::parse("example.json", r#"{
//!     "id": "join-a-closed-room", "rules": "v1.16",
//!     "about": "A guest joins a room without guest access.", "clauses": ["GA-22"],
//!     "steps": [
//!         {"as": "guest1", "do": "register as guest"},
//!         {"as": "guest1", "do": "join", "room": "room1"}
//!     ]
//! }"#)?;
//! let rules = Rules::find(&scenario.rules)?;
//! let steps = scenario.decide(&rules)?;
//!
//! // The text lets a server close the registration of guests, so it permits both outcomes.
//! assert_eq!(steps[0].verdict, Verdict::Open);
//! // The text denies the join, because the room's guest access is not `can_join`.
//! assert_eq!(steps[1].verdict, Verdict::Deny);
//! let decision = steps[1].outcome.observation.decision;
//! assert_eq!(decision.status, 403);
//! assert!(decision.clauses.contains(&"GA-22"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The modules
//! A module uses only modules in the rows above; a test reads the imports.
//!
//! | module | contents |
//! |---|---|
//! | [`scenario`] | the format of scenarios, in which traces, witnesses and vectors are written |
//! | [`permitted`] | what the rules permit where a text leaves a question open |
//! | [`vectors`] | conformance vectors, generated from the rules |

pub mod permitted;
pub mod scenario;
pub mod vectors;
