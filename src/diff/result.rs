//! What a comparison finds.

use std::collections::BTreeSet;

use guest_access_rules::endpoint::EndpointId;
use serde::Serialize;

use crate::permitted::DivergenceKind;
use crate::scenario::Scenario;
use crate::subject::server::ServerError;

/// Something that a homeserver does otherwise than our readings of the rules say.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// What it is called: the same name whenever the same is found.
    pub id: String,
    /// How bad it is.
    pub kind: DivergenceKind,
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
    /// The questions that the homeserver answers otherwise here than in the rest of the run; empty
    /// unless the kind is `inconsistent`.
    pub conflicts: Vec<ReadingConflict>,
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

/// A decision point that a homeserver answers in two ways within one run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReadingConflict {
    /// The decision point, or the endpoint.
    pub decision_point: String,
    /// The option that the homeserver takes in the rest of the run.
    pub in_run: String,
    /// What that option means.
    pub in_run_means: String,
    /// The option that the homeserver takes here.
    pub here: String,
    /// What that option means.
    pub here_means: String,
    /// The id of the reading that leaves the question open; null where the text is silent.
    pub reading: Option<String>,
    /// The clauses from which the decision point comes.
    pub clauses: Vec<String>,
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

/// What came of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioSummary {
    /// The scenario.
    pub scenario: String,
    /// Whether it is a vector, and not a history at random.
    pub is_vector: bool,
    /// How many of its steps were judged; none if it was not run.
    pub decisions: usize,
    /// What of it could not be looked at, and why.
    pub not_run: Vec<String>,
    /// What was judged.
    #[serde(skip)]
    pub queries: BTreeSet<Query>,
}

/// What a step asks of a homeserver, whoever asks it where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Query {
    /// The step in words, by the guest that is called the first.
    pub step: String,
    /// What its caller was.
    pub by: String,
}

/// What was asked so often, in one class of circumstances, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixCell {
    /// What was asked, and in which circumstances.
    #[serde(flatten)]
    pub class: Circumstances,
    /// What our readings say.
    pub expected: AnswerClass,
    /// What the homeserver did.
    pub observed: AnswerClass,
    /// What the rules say to that.
    pub verdict: CellVerdict,
    /// How often.
    pub count: usize,
}

/// What is asked, and in which circumstances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Circumstances {
    /// The endpoint, or what is done, in words.
    #[serde(rename = "deed")]
    pub operation: String,
    /// What the caller is.
    pub by: String,
    /// Whether it is about a room of the homeserver's.
    pub place: CallTarget,
    /// The caller's membership of the room; null if there is no room, or it has none that changes.
    pub membership: Option<&'static str>,
    /// The room's history visibility.
    pub history_visibility: Option<&'static str>,
    /// The room's guest access.
    pub guest_access: Option<&'static str>,
}

/// About what a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTarget {
    /// A room of the homeserver's.
    Room,
    /// A room in which the homeserver takes no part.
    Elsewhere,
    /// No room.
    Nowhere,
}

/// What came of a step, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerClass {
    /// It was allowed, and had nothing to give.
    Allowed,
    /// It was allowed, and gave the event.
    Given,
    /// It was allowed, and did not give the event.
    Withheld,
    /// It was denied.
    Denied,
}

impl AnswerClass {
    /// A read that was allowed where there was an event to give.
    pub const fn giving(given: bool) -> Self {
        if given { Self::Given } else { Self::Withheld }
    }
}

/// What the rules say to what a homeserver did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CellVerdict {
    /// It is what our readings say.
    AsExpected,
    /// Another reading permits it.
    Permitted,
    /// It is not permitted.
    #[serde(untagged)]
    Diverges(DivergenceKind),
}

/// All that a comparison found.
#[derive(Debug)]
pub struct DiffResult {
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
    /// What came of each scenario.
    pub ran: Vec<ScenarioSummary>,
    /// What was asked, and what the homeserver did.
    pub matrix: Vec<MatrixCell>,
    /// Why the homeserver was asked no further, if it was not.
    pub broken_off: Option<ServerError>,
    /// Whether everything was asked that was to be.
    pub finished: bool,
}
