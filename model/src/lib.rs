//! A formal model of Matrix guest access: the states that a homeserver can reach under the rules, the
//! actions in each state, and the guarantees that must hold.
//!
//! The rules themselves (decision points, revisions, guarantees by name) are data of the crate
//! [`guest_access_rules`]. This crate decides by them, and explores what follows.
//!
//! # What a state is
//! A [`state::State`] is the abstract state of one homeserver: the accounts of the guests, the rooms
//! (their settings and memberships), and one *tagged event*. The tagged event stands for any event that
//! is ever sent in the first room. The state keeps only its class: the settings at the event, and the
//! relation of each guest to it. So timelines need no bound, and the reachable states are finite.
//!
//! An [`action::Action`] says who does which operation where, by which token. [`decide::outcome`]
//! is the transition function: it gives the decision and the next state.
//!
//! # How a guarantee is stated
//! A guarantee ([`guarantee`]) is a sentence that holds of every action in every reachable state. It
//! is judged from the state before the action, the answer, and the state after it. Each guarantee
//! has a *premise*. A guarantee whose premise is never met is vacuous: a check reports that, and does
//! not count it as holding.
//!
//! # An example
//! Check `revocation` ("whenever guest access is not `can_join`, no local guest is joined") for a
//! homeserver that follows the rules in force, and for one that removes nobody.
//!
//! ```
//! use guest_access_model::check::{Check, Status};
//! use guest_access_model::executor::{Executor, Workers};
//! use guest_access_model::sequential::Sequential;
//! use guest_access_model::state::Scope;
//! use guest_access_model::stop::Stop;
//! use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
//! use guest_access_rules::rules::Rules;
//!
//! let rules = Rules::find("latest")?;
//! let scope = Scope { guests: 1, rooms: 1 };
//! let revocation = GuaranteeSet::of(&[GuaranteeId::Revocation]);
//! let check = |system| {
//!     let check = Check {
//!         model: Sequential::new(scope, system, rules.profile()),
//!         guarantees: revocation,
//!         required: revocation,
//!         executor: Executor::Stateright,
//!         workers: &Workers::threads(1),
//!     };
//!     check.run(&Stop::default(), &|_| ())
//! };
//!
//! let report = check(rules.profile())?;
//! assert!(report.explored.complete);
//! assert_eq!(report.findings[0].status, Status::Holds);
//!
//! let mut defective = rules.profile();
//! assert!(defective.choices.set_option("revocation.effect", "none"));
//! let report = check(defective)?;
//! assert_eq!(report.findings[0].status, Status::Violated);
//! // A shortest counterexample: a guest registers, guest access is set to can_join, the guest joins,
//! // and guest access is set to forbidden.
//! assert_eq!(report.findings[0].counterexample.as_ref().map(Vec::len), Some(4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The layers
//! A module uses only modules in the same row and above; a test reads the imports.
//!
//! | layer | modules |
//! |---|---|
//! | the state and the actions | [`state`], [`action`], [`actions`] |
//! | the transition function | [`decide`], [`canonical_form`] |
//! | the guarantees | [`guarantee`] |
//! | linearizability | [`linearizability`]: any sequential specification, and two searches |
//! | transition systems | [`transition_system`], [`shortest_trace`]; the models [`sequential`], [`concurrent`], [`federated`] |
//! | exploring | [`dense`] (tables), [`executor`] (stateright, timely) |
//! | uses of it | [`check`], [`compare`], [`lockstep`], [`scoreboard`] |
//!
//! [`stop`], [`threads`] and [`memory`] help wherever something runs for long.

#![forbid(unsafe_code)]

pub mod action;
pub mod actions;
pub mod canonical_form;
pub mod check;
pub mod compare;
pub mod concurrent;
pub mod decide;
pub mod dense;
pub mod executor;
pub mod federated;
pub mod guarantee;
pub mod linearizability;
pub mod lockstep;
pub mod memory;
pub mod scoreboard;
pub mod sequential;
pub mod shortest_trace;
pub mod state;
pub mod stop;
pub mod threads;
pub mod transition_system;
