//! An executable, checkable specification of Matrix guest access: the program `guest-access`, as a
//! library.
//!
//! Three crates share the work:
//!
//! - [`guest_access_rules`] has the rules as data: the revisions, their clauses, and the decision points
//!   at which revisions differ.
//! - [`guest_access_model`] is a formal model that decides by these rules. It explores every reachable
//!   state, and judges the guarantees that a revision promises.
//! - This crate has a reference homeserver that implements the same rules, and the tools that compare a
//!   homeserver with the rules.
//!
//! # Decide a scenario
//! A [`scenario::Scenario`] is a list of steps by named actors. [`decide`](scenario::Scenario::decide)
//! gives the decision of the rules on each step, with its clauses and its reason. Here, a guest joins a
//! room that does not admit guests:
//!
//! ```
//! use guest_access::scenario::{Scenario, Verdict};
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
//! # Start a homeserver in a test
//! [`serve::Embedded`] serves the reference homeserver on a free port. Dropping the value stops the
//! server. With [`guest_access_rules::variant`], a test can give the server a defect first.
//!
//! ```
//! use guest_access::serve::Embedded;
//! use guest_access_rules::rules::Rules;
//!
//! let rules = Rules::find("latest")?;
//! let server = Embedded::start(rules.profile())?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The modules
//! A module uses only modules in the rows above; a test reads the imports.
//!
//! | module | contents |
//! |---|---|
//! | [`scenario`] | the format of scenarios, in which traces, witnesses and vectors are written |
//! | [`reference`](mod@reference) | the reference homeserver; it uses the rules, and nothing of the model |
//! | [`serve`] | the reference homeserver over HTTP |
//! | [`permitted`] | what the rules permit where a text leaves a question open |
//! | [`subject`] | what performs the steps of a scenario: the reference, or a homeserver over HTTP |
//! | [`vectors`] | conformance vectors, generated from the rules |
//! | [`diff`] | compares a homeserver with the rules, over HTTP |
//! | [`contention`] | checks whether a homeserver under overlapping calls is linearizable |
//! | [`trend`] | what changed between saved reports of `diff` |
//! | [`report`] | the results as text, JSON, JUnit XML and HTML |
//! | [`command`] | the command line: one module for each subcommand |

pub mod command;
pub mod contention;
pub mod diff;
pub mod permitted;
pub mod reference;
pub mod report;
pub mod scenario;
pub mod serve;
pub mod subject;
pub mod trend;
pub mod vectors;
