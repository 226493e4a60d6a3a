//! Why a request of the page has no answer.

use guest_access_rules::rules::RulesError;
use guest_access_scenarios::scenario::ScenarioError;

/// Why a request of the page has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// The request names no rules, or more than two.
    #[error("a request names one or two rules, and not {count}")]
    RulesCount {
        /// The number of rules.
        count: usize,
    },
    /// The page does not have these rules.
    #[error(
        "the page has no rules `{name}`; it has {known}; name other files when you start `explore`"
    )]
    UnknownRules {
        /// The name.
        name: String,
        /// The names of the rules that the page has.
        known: String,
    },
    /// The trace is too long.
    #[error("the trace has {count} steps; a trace has at most {most}")]
    TooLong {
        /// The number of steps.
        count: usize,
        /// The most steps.
        most: usize,
    },
    /// The scope is not one of the model.
    #[error("there are 1 to {guests} guests and 1 to {rooms} rooms")]
    Scope {
        /// The most guests.
        guests: usize,
        /// The most rooms.
        rooms: usize,
    },
    /// No step of the trace can happen.
    #[error("the trace has no step that can happen; take an action first")]
    NoSteps,
    /// The rules cannot be read.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A step is none, or cannot happen.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}
