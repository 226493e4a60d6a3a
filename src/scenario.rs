//! Scenarios: steps by named actors, with what is expected of each. Everything that tells a story
//! tells it in this form: counterexamples, witnesses, vectors, the runner, `decide`.
//!
//! A scenario is JSON. A step names who takes it (`as`), what it does (`do`: a verb, or an endpoint
//! in the specification's notation), where (`room`), and what else the verb asks for; `expect` says
//! what must come of it. Where calls overlap, `interleaving` says what happens when. One event of a scenario may carry a label (`event`), and reads say whether
//! they give it (`sees`, `not_sees`).
//!
//! ```
//! use guest_access::scenario::Scenario;
//!
//! let scenario = Scenario::parse("a.json", r#"{
//!     "id": "a-guest-asks-who-it-is", "rules": "latest", "about": "", "clauses": [],
//!     "steps": [
//!         {"as": "guest1", "do": "register as guest"},
//!         {"as": "guest1", "do": "GET /account/whoami", "expect": {"verdict": "allow"}}
//!     ]
//! }"#)?;
//! assert_eq!(scenario.steps.len(), 2);
//! # Ok::<(), guest_access::scenario::ScenarioError>(())
//! ```

mod actor;
mod error;
mod expect;
mod file;
mod format;
mod from_federated_trace;
mod from_trace;
mod impossible;
mod interleaving;
mod outcome;
mod readings;
mod schema;
mod sentence;
mod verb;

use std::path::Path;

use guest_access_model::action::Action;
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_rules::profile::Profile;

pub use error::ScenarioError;
pub use expect::{Expect, ObservedStep, Verdict};
pub(crate) use file::line_of;
pub use file::{Source, WrittenAction, schema};
pub use interleaving::InterleavingEntry;
pub use outcome::{
    effects_in_words, expectation_in_words, memberships_in_words, outcome_in_words,
    verdict_in_words,
};

pub use readings::{Decided, Otherwise};
pub use sentence::{actor_name, guest_name, operation_phrase, sentence, sentence_with};

/// The label that a story's tagged event is given.
pub const LABEL: &str = "e1";

/// Steps by named actors, with what is expected of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The id.
    pub id: String,
    /// The rules under which it is told: a revision's id or alias, or the path of a rules file.
    pub rules: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The clauses that it is about.
    pub clauses: Vec<String>,
    /// The steps.
    pub steps: Vec<ScenarioStep>,
    /// What happens when, where calls overlap; empty where each step is done before the next begins.
    pub interleaving: Vec<InterleavingEntry>,
}

/// A step as a scenario tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioStep {
    /// The action that the step takes.
    pub action: Action,
    /// The label of the event that it sends, if that is the tagged one.
    pub event: Option<String>,
    /// What is expected of it.
    pub expect: Option<Expect>,
}

impl Scenario {
    /// The scenario in the file at `path`, or on the standard input if that is `-`, and where its
    /// steps stand there.
    ///
    /// # Errors
    /// If the file cannot be read or is not a scenario.
    pub fn load(path: &Path) -> Result<(Self, Source), ScenarioError> {
        file::parse(path, &file::read(path)?)
    }

    /// The scenario in `text`, which is called `name` in messages.
    ///
    /// # Errors
    /// If the text is not a scenario.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        file::parse(Path::new(name), text).map(|(scenario, _)| scenario)
    }

    /// The label of the tagged event, if an event is labelled.
    pub fn label(&self) -> Option<&str> {
        self.steps.iter().find_map(|into_step| into_step.event.as_deref())
    }

    /// What comes of each step where `profile` decides.
    ///
    /// # Errors
    /// If a step cannot happen, or calls overlap.
    pub fn replay(&self, profile: &Profile) -> Result<Vec<Outcome>, ScenarioError> {
        if !self.interleaving.is_empty() {
            return Err(ScenarioError::Overlapping { id: self.id.clone() });
        }
        let mut state = initial(profile);
        let outcomes = self.steps.iter().enumerate().map(|(index, into_step)| {
            let outcome = outcome(profile, &state, &into_step.action).ok_or_else(|| {
                ScenarioError::CannotHappen {
                    place: format!("scenario `{}`", self.id),
                    number: index + 1,
                    sentence: sentence_with(&into_step.action, self.label().unwrap_or(LABEL)),
                    why: impossible::why(profile, &state, &into_step.action),
                }
            })?;
            state = outcome.next;
            Ok(outcome)
        });
        outcomes.collect()
    }
}
