//! An executable, checkable specification of Matrix guest access: the program `guest-access`, as a
//! library.
//!
//! Five crates share the work:
//!
//! - [`guest_access_rules`] has the rules as data: the revisions, their clauses, and the decision points
//!   at which revisions differ.
//! - [`guest_access_model`] is a formal model that decides by these rules. It explores every reachable
//!   state, and judges the guarantees that a revision promises.
//! - [`guest_access_scenarios`] has the format of scenarios, what the rules permit in them, and the
//!   conformance vectors.
//! - [`guest_access_reference`] is a reference homeserver that implements the same rules, also over HTTP.
//! - This crate has the tools that compare a homeserver with the rules, and the program.
//!
//! # Start a homeserver in a test
//! [`Embedded`](guest_access_reference::serve::Embedded) serves the reference homeserver on a free port. Dropping the value stops the
//! server. With [`guest_access_rules::variant`], a test can give the server a defect first.
//!
//! ```
//! use guest_access_reference::serve::Embedded;
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
//! | [`federation`] | a homeserver that speaks the server-server API |
//! | [`federated_reference`] | the reference homeserver beside other homeservers |
//! | [`subject`] | what performs the steps of a scenario: the reference, or a homeserver over HTTP |
//! | [`diff`] | compares a homeserver with the rules, over HTTP |
//! | [`contention`] | checks whether a homeserver under overlapping calls is linearizable |
//! | [`neighbour`] | takes part in the rooms of a homeserver as another homeserver, and judges what it does |
//! | [`trend`] | what changed between saved reports of `diff` |
//! | [`report`] | the results as text, JSON, JUnit XML, HTML, Markdown, and findings for code scanners |
//! | [`explore`] | the model, one action at a time: what the page of `explore` asks |
//! | [`command`] | the command line: one module for each subcommand |

pub mod command;
pub mod contention;
pub mod diff;
mod error_text;
pub mod explore;
pub mod federated_reference;
pub mod federation;
pub mod neighbour;
pub mod report;
pub mod subject;
pub mod trend;
