//! What the rules permit of a homeserver, where they leave questions open.
//!
//! A text leaves questions open: it says two things, or nothing. Each such question is a decision
//! point with several permitted *options*, one of which is the default (our reading). This module
//! holds the one meaning of *permitted*, for every part of the program that compares a homeserver
//! with the rules:
//!
//! > A homeserver takes one option at each open question, for the whole run. What it does is
//! > permitted if one choice of options explains every step. A homeserver that takes two options of
//! > one question in one run is *inconsistent*, and is reported as such.
//!
//! The choice is an [`Assignment`]: options at some decision points, the default at all others.
//!
//! | what | here |
//! |---|---|
//! | an option that may be taken at an open question | [`TakenOption`], numbered by [`OpenOptions`] |
//! | one observed step, compared with every expectation | [`StepMatches`] |
//! | one scenario: is there an assignment that explains every step? | [`SequenceJudge`]; [`ScenarioJudge`] for the steps of a vector |
//! | a run of many scenarios: which assignment does it follow, and where not? | [`judge_run`], [`judge_run_by`] |
//! | the profiles that take one option beside the default | [`open`](guest_access_rules::variant::open), [`permitted`](guest_access_rules::variant::permitted) |
//! | a scenario by the rules alone: each decision, and where it is open | [`DecidedStep`] |
//! | how bad a divergence is | [`DivergenceKind`] |
//!
//! A step lists what single options and pairs of options expect of it, not what every assignment
//! expects. [`StepMatches`] says how an assignment of many options follows from these.
//!
//! # Example
//! A homeserver that may or may not let guests knock is asked twice, and answers in two ways.
//!
//! ```
//! use guest_access_scenarios::permitted::{
//!     Match, OpenOptions, StepJudgement, StepMatches, TakenOption, judge_run,
//! };
//!
//! let knock = TakenOption { point: "knock.guests".into(), option: "denied".into(), reading: None };
//! let options = OpenOptions::new([knock.clone()]);
//! let denied = options.number(&knock).unwrap();
//! // By default a knock is allowed. The homeserver allows one, and denies the other.
//! let mut allows = StepMatches::by_default(true);
//! allows.list(denied, Match::Differs);
//! let mut denies = StepMatches::by_default(false);
//! denies.list(denied, Match::Meets);
//! let judged = judge_run(&options, &[vec![allows], vec![denies]]);
//! // As many steps speak for the default as for the option, so the run follows the default.
//! assert!(judged.assignment.is_default());
//! let StepJudgement::Inconsistent(conflicts) = &judged.steps[1][0] else { unreachable!() };
//! assert_eq!(conflicts[0].here, Some(denied));
//! ```

mod decide;
mod explanation;
mod follow;
mod kind;
mod matches;
mod option;
mod run;
mod scenario;
mod sequence;

pub use decide::{AlternativeOutcome, DecidedStep};
pub use follow::ActionRun;
pub use kind::DivergenceKind;
pub use matches::{Match, StepMatches};
pub use option::{Assignment, OpenOptions, OptionNumber, TakenOption};
pub use run::{Conflict, MOST_TRIED, RunJudgement, StepJudgement, judge_run, judge_run_by};
pub use scenario::{PermittedOutcome, ScenarioJudge, ScenarioJudgement, matches_of, options_of};
pub use sequence::SequenceJudge;

#[cfg(test)]
mod tests;
