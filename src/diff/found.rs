//! What a comparison finds.

use guest_access_model::endpoint::EndpointId;
use serde::Serialize;

use crate::scenario::Scenario;
use crate::subject::server::ServerError;

/// How bad a divergence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What must be denied was given.
    Leak,
    /// A required side effect is missing, or one happened that must not.
    Effect,
    /// What must be allowed was denied.
    Refusal,
    /// A denial that is right, with the wrong status or error code.
    Error,
}

impl Kind {
    /// Every kind, the worst first.
    pub const ALL: [Self; 4] = [Self::Leak, Self::Effect, Self::Refusal, Self::Error];

    /// The kind as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Effect => "effect",
            Self::Refusal => "refusal",
            Self::Error => "error",
        }
    }
}

/// Something that a homeserver does otherwise than our readings of the rules say.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// How bad it is.
    pub kind: Kind,
    /// The number of its cause among the causes, if one was found.
    pub cause: Option<usize>,
    /// The endpoint that was called.
    pub endpoint: Option<EndpointId>,
    /// The step in words, by the guest that is called the first.
    pub step: String,
    /// What its caller was: a guest, a guest whose token was ended, a user that was one, …
    pub by: &'static str,
    /// What the rules say.
    pub expected: String,
    /// What the homeserver did.
    pub observed: String,
    /// Why the rules say so, as a sentence's end.
    pub because: &'static str,
    /// The clauses that say so.
    pub clauses: Vec<String>,
    /// The readings under which the homeserver is right; empty if none is.
    pub readings: Vec<ReadingTaken>,
    /// How often it was seen.
    pub count: usize,
    /// The stories in which it was seen.
    pub seen_in: Vec<String>,
    /// The smallest scenario that is known to show it; its last step does.
    pub scenario: Scenario,
    /// Whether the scenario, run by itself, showed it again.
    pub reproduced: bool,
    /// The script that shows it with curl and jq; none if it is not known what was said then.
    pub curl: Option<String>,
}

impl Divergence {
    /// Whether the rules permit what the homeserver does.
    pub fn is_permitted(&self) -> bool {
        !self.readings.is_empty()
    }
}

/// A decision point that is read otherwise than we do, as the rules permit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReadingTaken {
    /// The id of the reading; null where the text is silent.
    pub reading: Option<String>,
    /// The decision point, or the endpoint.
    pub decision_point: String,
    /// The option that the homeserver takes.
    pub option: String,
}

/// What explains divergences: the homeserver behaves as if a decision point were answered so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The decision point, or the endpoint; several, joined by `and`.
    pub decision_point: String,
    /// The option.
    pub option: String,
    /// What that means.
    pub means: String,
    /// How many divergences it explains, each time that they were seen.
    pub explains: usize,
    /// Whether the rules permit it.
    pub permitted: bool,
    /// The reading on which our default rests.
    pub reading: Option<String>,
    /// The clauses.
    pub clauses: Vec<String>,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotRun {
    /// The vector or history.
    pub scenario: String,
    /// The step in words, if it is one step and not the whole.
    pub step: Option<String>,
    /// How many more steps need it, and were left out too.
    pub with_it: usize,
    /// Why.
    pub because: String,
    /// In how many scenarios it was so; the first is named.
    pub count: usize,
}

/// All that a comparison found.
#[derive(Debug)]
pub struct Found {
    /// How many scenarios there were to run.
    pub scenarios: usize,
    /// How many of them were run, if not whole, then in part.
    pub run: usize,
    /// How many steps were judged.
    pub decisions: usize,
    /// What is otherwise, the worst first.
    pub divergences: Vec<Divergence>,
    /// What explains it.
    pub causes: Vec<Cause>,
    /// What could not be looked at.
    pub not_run: Vec<NotRun>,
    /// Why the homeserver was asked no further, if it was not.
    pub broken_off: Option<ServerError>,
    /// Whether everything was asked that was to be.
    pub finished: bool,
}
