//! An executable, checkable specification of Matrix guest access: the program `guest-access`, as a
//! library.
//!
//! Four crates share the work:
//!
//! - [`guest_access_rules`] has the rules as data: the revisions, their clauses, and the decision points
//!   at which revisions differ.
//! - [`guest_access_model`] is a formal model that decides by these rules. It explores every reachable
//!   state, and judges the guarantees that a revision promises.
//! - [`guest_access_scenarios`] has the format of scenarios, what the rules permit in them, and the
//!   conformance vectors.
//! - This crate has a reference homeserver that implements the same rules, and the tools that compare a
//!   homeserver with the rules.
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
//! | [`reference`](mod@reference) | the reference homeserver; it uses the rules, and nothing of the model |
//! | [`serve`] | the reference homeserver over HTTP |
//! | [`subject`] | what performs the steps of a scenario: the reference, or a homeserver over HTTP |
//! | [`diff`] | compares a homeserver with the rules, over HTTP |
//! | [`contention`] | checks whether a homeserver under overlapping calls is linearizable |
//! | [`trend`] | what changed between saved reports of `diff` |
//! | [`report`] | the results as text, JSON, JUnit XML and HTML |
//! | [`command`] | the command line: one module for each subcommand |

pub mod command;
pub mod contention;
pub mod diff;
pub mod reference;
pub mod report;
pub mod serve;
pub mod subject;
pub mod trend;
