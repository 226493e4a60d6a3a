//! Scenarios: steps by named actors, each with an expected outcome. Counterexamples, witnesses,
//! vectors, `diff` and `decide` all use this one format.
//!
//! A scenario is JSON:
//! - `as` names the actor of a step;
//! - `do` says what the step does: a verb, or an endpoint in the specification's notation;
//! - `room` says in which room, and further fields give what the verb needs;
//! - `expect` says what must come of the step;
//! - `event` labels the event that the step sends. One event of a scenario may have a label. The
//!   expectation of a read says whether the read gives that event (`sees`, `not_sees`);
//! - `interleaving` lists what happens in which order, where calls overlap.
//!
//! ```
//! use guest_access_scenarios::scenario::Scenario;
//!
//! let scenario = Scenario::parse("a.json", r#"{
//!     "id": "a-guest-asks-who-it-is", "rules": "latest", "about": "", "clauses": [],
//!     "steps": [
//!         {"as": "guest1", "do": "register as guest"},
//!         {"as": "guest1", "do": "GET /account/whoami", "expect": {"verdict": "allow"}}
//!     ]
//! }"#)?;
//! assert_eq!(scenario.steps.len(), 2);
//! # Ok::<(), guest_access_scenarios::scenario::ScenarioError>(())
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
mod known_endpoints;
mod outcome;
mod schema;
mod sentence;
mod text;
mod verb;

use std::path::Path;

use guest_access_model::action::Action;
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_rules::profile::Profile;

pub use error::ScenarioError;
pub use expect::{Expect, ObservedStep, Verdict};
pub use file::{StepLines, WrittenAction, line_of, schema};
pub use interleaving::InterleavingEntry;
pub use outcome::{
    effects_in_words, expectation_in_words, memberships_in_words, outcome_in_words,
    verdict_in_words,
};

pub use sentence::{actor_name, guest_name, operation_phrase, room_name, sentence, sentence_with};
pub use text::ScenarioText;

/// The label of a trace's tagged event.
pub const LABEL: &str = "e1";

/// Steps by named actors, each with an expected outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The id.
    pub id: String,
    /// The rules of the scenario: a revision's id or alias, or the path of a rules file.
    pub rules: String,
    /// What the scenario shows, in a sentence.
    pub about: String,
    /// The clauses that the scenario is about.
    pub clauses: Vec<String>,
    /// The steps.
    pub steps: Vec<ScenarioStep>,
    /// What happens in which order, where calls overlap. Empty where each step ends before the next
    /// begins.
    pub interleaving: Vec<InterleavingEntry>,
}

/// A step of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioStep {
    /// The action that the step takes.
    pub action: Action,
    /// The label of the event that the step sends, if that is the tagged event.
    pub event: Option<String>,
    /// The expected outcome of the step.
    pub expect: Option<Expect>,
}

impl Scenario {
    /// Reads the scenario in the file at `path`, or on the standard input if `path` is `-`, by its own
    /// rules; with the lines of its steps. [`ScenarioText::read_by`] reads a scenario by other rules.
    ///
    /// # Errors
    /// If the file cannot be read or is not a scenario, or its rules cannot be read.
    pub fn load(path: &Path) -> Result<(Self, StepLines), ScenarioError> {
        ScenarioText::load(path)?.read()
    }

    /// Reads the scenario in `text` by its own rules. Messages call the text `name`.
    ///
    /// # Errors
    /// If the text is not a scenario, or its rules cannot be read.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        ScenarioText::parse(name, text)?.read().map(|(scenario, _)| scenario)
    }

    /// The actions of the steps.
    pub fn actions(&self) -> Vec<Action> {
        self.steps.iter().map(|step| step.action).collect()
    }

    /// The label of the tagged event, if an event is labelled.
    pub fn label(&self) -> Option<&str> {
        self.steps.iter().find_map(|into_step| into_step.event.as_deref())
    }

    /// The outcome of each step where `profile` decides.
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
