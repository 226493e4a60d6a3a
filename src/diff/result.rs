//! The result of a comparison.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Edit, JOINED_BY, Variant, Variants};
use guest_access_scenarios::permitted::DivergenceKind;
use guest_access_scenarios::scenario::Scenario;
use serde::{Serialize, Serializer};

use super::content::SectionCoverage;
use crate::subject::server::{NotRunKind, ServerError};

/// A difference between a homeserver and the default profile of the rules.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// The id. The same divergence has the same id in every run.
    pub id: String,
    /// The kind, which says how bad the divergence is.
    pub kind: DivergenceKind,
    /// The index of the cause in [`DiffResult::causes`], if a cause was found.
    pub cause: Option<usize>,
    /// The endpoint of the step, if the step calls one.
    pub endpoint: Option<EndpointId>,
    /// The step in words, with the guests renamed in the order in which the step names them.
    pub step: String,
    /// The kind of the caller: a guest, a guest with an ended token, a user that was a guest, …
    pub by: &'static str,
    /// The outcome that the rules expect, in words.
    pub expected: String,
    /// The outcome at the homeserver, in words.
    pub observed: String,
    /// The reason of the rules, as the end of a sentence.
    pub because: &'static str,
    /// The clauses of the reason.
    pub clauses: Vec<String>,
    /// The readings that permit the observed outcome; empty if no reading does.
    pub readings: Vec<ReadingTaken>,
    /// The open questions at which the homeserver takes another option here than in the rest of the
    /// run; empty unless the kind is `inconsistent`.
    pub conflicts: Vec<ReadingConflict>,
    /// For each of `conflicts` a scenario of the same run, up to the step that shows the option of the
    /// rest of the run. A replay runs these scenarios beside `scenario`. A conflict that no single step
    /// of the run shows has no such scenario.
    pub contrasts: Vec<Scenario>,
    /// The number of steps that showed the divergence.
    pub count: usize,
    /// The ids of the scenarios that showed the divergence.
    pub seen_in: Vec<String>,
    /// The smallest scenario found that shows the divergence, in its last step.
    pub scenario: Scenario,
    /// The number of the step of the scenario, from 1, that sent the event that the divergence is about. `None`
    /// if the divergence is about the labelled event or about none, or if the step is not known.
    pub sent_by: Option<usize>,
    /// Whether the smallest scenario showed the divergence again when it ran alone.
    pub reproduced: bool,
    /// A shell script for curl and jq that shows the divergence; `None` if its exchanges were not
    /// recorded.
    pub curl: Option<String>,
}

impl Divergence {
    /// Whether the rules permit what the homeserver does.
    pub fn is_permitted(&self) -> bool {
        !self.readings.is_empty()
    }
}

/// A permitted option that differs from the default option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReadingTaken {
    /// The id of the reading; null where the text is silent.
    pub reading: Option<String>,
    /// The decision point, or the endpoint.
    pub decision_point: String,
    /// The option that the homeserver takes.
    pub option: String,
}

impl ReadingTaken {
    /// The reading that a variant takes.
    pub fn of(variant: &Variant) -> Self {
        Self {
            reading: variant.reading().map(str::to_owned),
            decision_point: variant.point(),
            option: variant.option(),
        }
    }
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

impl ReadingConflict {
    /// The conflict between the variant that a run takes and the one that is taken here; `None` is the
    /// default.
    pub fn between(
        rules: &Rules,
        variants: &Variants,
        in_run: Option<usize>,
        here: Option<usize>,
    ) -> Self {
        let all = &variants.all;
        let known = here.or(in_run).map(|variant| &all[variant]);
        let (default, default_means) =
            known.map(|variant| default_option(variants, variant)).unwrap_or_default();
        let option = |taken: Option<usize>| match taken {
            Some(variant) => (all[variant].option(), all[variant].means()),
            None => (default.clone(), default_means.clone()),
        };
        let (in_run, in_run_means) = option(in_run);
        let (here, here_means) = option(here);
        Self {
            decision_point: known.map(Variant::point).unwrap_or_default(),
            in_run,
            in_run_means,
            here,
            here_means,
            reading: known.and_then(Variant::reading).map(str::to_owned),
            clauses: known.map(|variant| variant.clauses(rules)).unwrap_or_default(),
        }
    }
}

/// The options that the default takes where this variant takes others, and what they mean.
fn default_option(variants: &Variants, variant: &Variant) -> (String, String) {
    let default = |edit: &Edit| match *edit {
        Edit::Choice(point, _) => Edit::Choice(point, variants.default.choices.get(point)),
        Edit::Access(endpoint, _) => Edit::Access(endpoint, variants.default.access(endpoint)),
    };
    let default: Vec<_> = variant.edits.iter().map(default).collect();
    let joined =
        |of: fn(&Edit) -> String| default.iter().map(of).collect::<Vec<_>>().join(JOINED_BY);
    (joined(Edit::option), joined(Edit::means))
}

/// A cause of divergences: the homeserver behaves as if it took this option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The decision point, or the endpoint; several, joined by `and`.
    pub decision_point: String,
    /// The option.
    pub option: String,
    /// What the option means.
    pub means: String,
    /// The number of steps that the cause explains.
    pub explains: usize,
    /// The other mistakes that explain the same. If there are some, the cause is a possible cause.
    pub rivals: Vec<RivalCause>,
    /// Whether the rules permit the option.
    pub permitted: bool,
    /// The reading on which our default rests.
    pub reading: Option<String>,
    /// The clauses.
    pub clauses: Vec<String>,
}

/// A mistake that explains the same as a cause, and contradicts no step of the run either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RivalCause {
    /// The decision point, or the endpoint.
    pub decision_point: String,
    /// The option.
    pub option: String,
    /// What would decide between the two: the shortest scenario of which they predict different outcomes. `None` if no
    /// short scenario decides.
    pub decided_by: Option<Scenario>,
}

/// A step or a scenario that could not run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotRun {
    /// The id of the vector or of the random history.
    pub scenario: String,
    /// The step in words; `None` if the whole scenario did not run.
    pub step: Option<String>,
    /// The endpoint that the step calls, if it calls one.
    pub endpoint: Option<String>,
    /// The number of further steps that depend on the step, and did not run either.
    pub with_it: usize,
    /// The kind of the reason.
    pub kind: NotRunKind,
    /// Whether the kind is a failure. Otherwise the reason is permitted.
    pub failure: bool,
    /// The reason.
    pub because: String,
    /// The number of scenarios with the same entry; `scenario` is the first.
    pub count: usize,
    /// The number of decisions that were not compared, or not with all their effects.
    pub decisions: usize,
}

/// The decisions that were not compared, in a whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// The decisions for which the homeserver or the run failed. If there are any, the run has no
    /// verdict.
    pub failed: NotComparedTotal,
    /// The decisions that need not be compared.
    pub permitted: NotComparedTotal,
}

/// A number of decisions that were not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NotComparedTotal {
    /// The number of decisions.
    pub decisions: usize,
    /// The number of scenarios that have such a decision.
    pub scenarios: usize,
    /// The reasons. The reason with the most decisions is the first.
    pub reasons: Vec<NotComparedReason>,
}

/// A reason, with the number of decisions that it kept from being compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotComparedReason {
    /// The kind of the reason.
    pub kind: NotRunKind,
    /// The reason.
    pub because: String,
    /// The number of decisions.
    pub decisions: usize,
}

impl NotCompared {
    /// The totals of these entries.
    pub(super) fn of(entries: &[&NotRun]) -> Self {
        let total = |failure| {
            NotComparedTotal::of(
                entries.iter().copied().filter(move |entry| entry.failure == failure),
            )
        };
        Self { failed: total(true), permitted: total(false) }
    }
}

impl NotComparedTotal {
    fn of<'a>(entries: impl Iterator<Item = &'a NotRun>) -> Self {
        let mut scenarios = BTreeSet::new();
        let mut reasons: BTreeMap<(NotRunKind, &str), usize> = BTreeMap::new();
        for entry in entries {
            scenarios.insert(&entry.scenario);
            *reasons.entry((entry.kind, &entry.because)).or_default() += entry.decisions;
        }
        let mut reasons: Vec<_> = reasons
            .into_iter()
            .map(|((kind, because), decisions)| NotComparedReason {
                kind,
                because: because.to_owned(),
                decisions,
            })
            .collect();
        reasons.sort_by_key(|reason| Reverse(reason.decisions));
        let decisions = reasons.iter().map(|reason| reason.decisions).sum();
        Self { decisions, scenarios: scenarios.len(), reasons }
    }

    /// Whether every decision was compared.
    pub const fn is_empty(&self) -> bool {
        self.scenarios == 0
    }
}

/// The summary of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioSummary {
    /// The id of the scenario.
    pub scenario: String,
    /// Whether the scenario is a vector, and not a random history.
    pub is_vector: bool,
    /// The number of steps that were judged; 0 if the scenario did not run.
    pub decisions: usize,
    /// The reasons why steps did not run.
    pub not_run: Vec<String>,
    /// The kinds of these reasons.
    pub not_run_kinds: BTreeSet<NotRunKind>,
    /// The number of decisions that were not compared because of a failure.
    pub not_compared: usize,
    /// The queries of a vector that were judged; empty for a random history, which no baseline lists.
    pub queries: BTreeSet<Query>,
}

impl ScenarioSummary {
    /// Whether the scenario was compared, and no failure kept a decision from being compared.
    pub const fn is_whole(&self) -> bool {
        self.decisions > 0 && self.not_compared == 0
    }
}

/// A step without its actor's name: two steps with the same query ask the homeserver the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Query {
    /// The step in words, with the guests renamed in the order in which the step names them.
    pub step: String,
    /// The kind of the caller.
    pub by: String,
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.step, self.by)
    }
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One cell of the matrix: the steps of one class with the same expected and observed answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixCell {
    /// The class of the steps.
    #[serde(flatten)]
    pub class: Circumstances,
    /// The answer by the default profile.
    pub expected: AnswerClass,
    /// The answer of the homeserver.
    pub observed: AnswerClass,
    /// Whether the rules permit the answer of the homeserver.
    pub verdict: CellVerdict,
    /// The number of steps.
    pub count: usize,
}

/// A class of steps: the operation, the caller, and the settings of the room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Circumstances {
    /// The endpoint, or the operation in words.
    #[serde(rename = "deed")]
    pub operation: String,
    /// The kind of the caller.
    pub by: String,
    /// The target of the call.
    pub place: CallTarget,
    /// The membership of the caller in the room; null without a room, or if the caller's membership
    /// never changes.
    pub membership: Option<&'static str>,
    /// The room's history visibility.
    pub history_visibility: Option<&'static str>,
    /// The room's guest access.
    pub guest_access: Option<&'static str>,
}

/// The target of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTarget {
    /// A room of the homeserver.
    Room,
    /// A room in which the homeserver takes no part.
    Elsewhere,
    /// No room.
    Nowhere,
}

/// The class of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerClass {
    /// The call was allowed, and could give no event.
    Allowed,
    /// The call was allowed, and gave the tagged event.
    Given,
    /// The call was allowed, and did not give the tagged event.
    Withheld,
    /// The call was denied.
    Denied,
}

impl AnswerClass {
    /// The class of an allowed read, where there was an event to give.
    pub const fn of_presence(is_present: bool) -> Self {
        if is_present { Self::Given } else { Self::Withheld }
    }
}

/// Whether the rules permit an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CellVerdict {
    /// The answer is that of the default profile.
    AsExpected,
    /// Another reading permits the answer.
    Permitted,
    /// The rules forbid the answer.
    #[serde(untagged)]
    Diverges(DivergenceKind),
}

/// The result of a comparison.
#[derive(Debug)]
pub struct DiffResult {
    /// The number of planned scenarios.
    pub scenarios: usize,
    /// The number of scenarios that ran, completely or in part.
    pub run: usize,
    /// The number of steps that were judged.
    pub decisions: usize,
    /// The divergences, the worst first.
    pub divergences: Vec<Divergence>,
    /// The causes of the divergences.
    pub causes: Vec<Cause>,
    /// The steps and scenarios that could not run.
    pub not_run: Vec<NotRun>,
    /// The number of decisions that were not compared, and why.
    pub not_compared: NotCompared,
    /// The summaries of the scenarios.
    pub ran: Vec<ScenarioSummary>,
    /// The matrix of expected and observed answers.
    pub matrix: Vec<MatrixCell>,
    /// The sections of the answers that were compared event by event.
    pub coverage: Vec<SectionCoverage>,
    /// The error that ended the run early, if one did.
    pub broken_off: Option<ServerError>,
    /// Whether every planned scenario ran to its end.
    pub finished: bool,
}
