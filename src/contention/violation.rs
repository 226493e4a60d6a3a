//! Violations: what no order of the calls explains, and what the rules predict instead.

use guest_access_model::action::Answer;
use guest_access_model::linearizability::{CallSet, candidates};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::Decision;
use guest_access_scenarios::permitted::DivergenceKind;
use guest_access_scenarios::scenario::{actor_name, operation_phrase, sentence};

use crate::subject::server::{CallVerdict, EventPresence, HttpObservation, ResponseContent};

use super::linearization::DeadEnd;
use super::minimal_history::MinimalHistory;
use super::partition::Partition;
use super::recording::{RecordedCall, Round};
use super::specification::{
    PartitionCall, PredictedAnswer, RoundSpecification, SpecificationByReadings,
};

/// An answer or a final state that no order of the calls explains.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Whether a call of the violation overlapped another one, or one of `anytime`. Without an overlap the
    /// violation is no race: the homeserver breaks the rules in a sequence of calls.
    pub race: bool,
    /// The severity.
    pub kind: DivergenceKind,
    /// The round.
    pub round: u32,
    /// The user of the partition.
    pub user: String,
    /// The event of the partition.
    pub event: Option<String>,
    /// The calls that show the violation, by their start. Calls in flight at the end have no answer.
    pub calls: Vec<RecordedCall>,
    /// The position among these calls of the unexplained call; none if the final state is unexplained.
    pub unexplained: Option<usize>,
    /// The unexplained call, in words.
    pub what: String,
    /// The observed answer or final state, in words.
    pub observed: String,
    /// The predictions of the rules, one for each order that explains as many calls as any order does.
    pub expected: Vec<ExpectedOutcome>,
    /// The clauses on which the predictions rest.
    pub clauses: Vec<String>,
    /// Calls that do not help to explain the answers, at whatever time they took effect, in words.
    pub anytime: Vec<String>,
    /// The number of equal violations.
    pub count: usize,
    signature: (bool, DivergenceKind, String, String),
}

/// The prediction of the rules after one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedOutcome {
    /// The order, as positions among the calls.
    pub order: Vec<usize>,
    /// The position of the call that cannot come next; none if the final state is unexplained.
    pub next: Option<usize>,
    /// The predicted answer or final state.
    pub says: String,
    /// The reason.
    pub because: String,
}

impl Violation {
    /// The parts that equal violations have in common; the worst violation has the least signature.
    pub(super) fn signature(&self) -> (bool, DivergenceKind, String, String) {
        let (race, kind, what, observed) = self.signature.clone();
        (!race, kind, what, observed)
    }
}

/// Describes a partition without a linearization by its minimal history.
pub(super) fn violation(
    (rules, specification): (&Rules, &SpecificationByReadings),
    round: &Round,
    partition: &Partition,
    minimal: &MinimalHistory,
    dead_ends: &[DeadEnd],
) -> Violation {
    let MinimalHistory { calls, end, unexplained, anytime } = minimal;
    let position = |number: usize| calls.iter().position(|call| call.number == number);
    let unexplained = unexplained.and_then(position);
    let mut clauses: Vec<String> = Vec::new();
    let mut kinds = Vec::new();
    let mut expected: Vec<ExpectedOutcome> = Vec::new();
    for DeadEnd { order, state, readings } in dead_ends {
        let assumed = readings_in_words(specification, readings);
        let one = |next, says, because: &str| {
            let because = format!("{because}{assumed}");
            ExpectedOutcome { order: order.clone(), next, says, because }
        };
        match (blocked_call(&specification.by(readings), calls, order, unexplained), end) {
            (Some(next), _) => {
                let judged = &calls[next];
                let Some(prediction) = specification.predict(&judged.operation, state, readings)
                else {
                    continue;
                };
                let decision = prediction.answer.decision();
                clauses.extend(rules.in_force(decision.clauses).into_iter().map(str::to_owned));
                if Some(next) == unexplained {
                    kinds.push(kind(judged, &prediction.answer));
                }
                expected.push(one(
                    Some(next),
                    predicted_in_words(&prediction.answer, partition.event.as_deref()),
                    decision.because,
                ));
            }
            (None, Some(end)) => {
                for (_, now) in end.differences(state) {
                    expected.push(one(None, now, "these calls lead to that state"));
                }
            }
            (None, None) => {}
        }
    }
    // Of equal predictions, keep the one after the shortest order.
    expected.sort_by_key(|one| (one.next != unexplained, one.order.len()));
    let mut known: Vec<(Option<usize>, String)> = Vec::new();
    expected.retain(|one| {
        let is_new = !known.contains(&(one.next, one.says.clone()));
        known.push((one.next, one.says.clone()));
        is_new
    });
    clauses.sort();
    clauses.dedup();
    let (what, generic, observed, observed_of_any_guest) = match unexplained {
        Some(at) => {
            let judged = &calls[at];
            let step = round.calls[judged.number].step();
            let seen = judged.answer.as_ref().map(|(_, seen)| seen);
            let observed =
                |event: &str| seen.map(|seen| observed_in_words(seen, event)).unwrap_or_default();
            let event = partition.event.as_deref().unwrap_or("the event");
            (
                sentence(step),
                operation_phrase(step.operation),
                observed(event),
                observed("an event"),
            )
        }
        None => {
            let seen = end
                .iter()
                .flat_map(|end| dead_ends.iter().flat_map(move |one| end.differences(&one.state)));
            let mut seen: Vec<_> = seen.map(|(seen, _)| seen).collect();
            seen.sort();
            seen.dedup();
            let seen = seen.join(", and ");
            let what = "when nothing is in flight any more".to_owned();
            let observed_of_any_guest = seen.replace(&actor_name(partition.user), "the guest");
            (what.clone(), what, seen, observed_of_any_guest)
        }
    };
    let kind = match unexplained {
        Some(_) => kinds.into_iter().min().unwrap_or(DivergenceKind::Error),
        None => DivergenceKind::Effect,
    };
    let shown: Vec<RecordedCall> =
        calls.iter().map(|judged| reported_call(round, judged)).collect();
    // A call that was freed from its time may still have raced with one of the others.
    let apart =
        |one: &RecordedCall, other: &RecordedCall| one.precedes(other) || other.precedes(one);
    let others: Vec<&RecordedCall> = anytime.iter().map(|one| &round.calls[one.number]).collect();
    let race = shown.iter().enumerate().any(|(number, one)| {
        let later = shown.iter().skip(number + 1);
        later.chain(others.iter().copied()).any(|other| !apart(one, other))
    });
    Violation {
        race,
        kind,
        round: round.number,
        user: actor_name(partition.user),
        event: partition.event.clone(),
        calls: shown,
        unexplained,
        what,
        observed,
        expected,
        clauses,
        anytime: anytime.iter().map(|one| sentence(round.calls[one.number].step())).collect(),
        count: 1,
        signature: (race, kind, generic, observed_of_any_guest),
    }
}

/// The candidate that cannot come next: the unexplained call if it is a candidate.
fn blocked_call(
    specification: &RoundSpecification<'_>,
    calls: &[PartitionCall],
    taken: &[usize],
    unexplained: Option<usize>,
) -> Option<usize> {
    let mut set = CallSet::empty(calls.len());
    for call in taken {
        set.insert(*call);
    }
    let mut answered =
        candidates(specification, calls, &set).filter(|call| calls[*call].answer.is_some());
    let first = answered.next();
    first.into_iter().chain(answered).find(|call| Some(*call) == unexplained).or(first)
}

/// The assumed readings other than ours, in words.
fn readings_in_words(specification: &SpecificationByReadings, readings: &[usize]) -> String {
    let variants = readings.iter().map(|variant| &specification.variants.all[*variant]);
    let taken = variants.map(|variant| format!("`{}` is `{}`", variant.point(), variant.option()));
    match taken.collect::<Vec<_>>().join(" and ") {
        none if none.is_empty() => none,
        taken => format!(", where {taken}"),
    }
}

/// The recorded call, without its answer if the minimal history does not have the answer.
pub(super) fn reported_call(round: &Round, judged: &PartitionCall) -> RecordedCall {
    let call = round.calls[judged.number].clone();
    if judged.answer.is_some() { call } else { RecordedCall { answer: None, end: None, ..call } }
}

/// The severity of an answer, given the predicted answer.
fn kind(judged: &PartitionCall, predicted: &PredictedAnswer) -> DivergenceKind {
    let Some((_, seen)) = &judged.answer else { return DivergenceKind::Effect };
    let gave = matches!(seen.content, ResponseContent::Gave(EventPresence::Present));
    match (seen.is_allowed(), predicted.decision().allows()) {
        (true, false) => DivergenceKind::Leak,
        (true, true) if gave => DivergenceKind::Leak,
        (true, true) if matches!(seen.content, ResponseContent::IsGuest(_)) => {
            DivergenceKind::Error
        }
        (true | false, true) => DivergenceKind::Refusal,
        (false, false) => DivergenceKind::Error,
    }
}

fn predicted_in_words(predicted: &PredictedAnswer, event: Option<&str>) -> String {
    let observation = match predicted {
        PredictedAnswer::Outcome(observation) => observation,
        PredictedAnswer::Refusal => return "deny".to_owned(),
        PredictedAnswer::Unspecified => return "allow, or deny".to_owned(),
    };
    let answer = match (observation.answer, event) {
        (Answer::Gave { tagged }, Some(event)) => {
            if tagged {
                format!(", gives {event}")
            } else {
                format!(", does not give {event}")
            }
        }
        (Answer::IsGuest(is_guest), _) => is_a_guest(is_guest),
        _ => String::new(),
    };
    let decision: Decision = observation.decision;
    format!("{decision}{answer}")
}

fn observed_in_words(seen: &HttpObservation, event: &str) -> String {
    let verdict = match &seen.verdict {
        CallVerdict::Denied { status, errcode } => {
            let errcode = errcode.as_deref().map(|errcode| format!(" {errcode}"));
            format!("deny {status}{}", errcode.unwrap_or_default())
        }
        _ => "allow".to_owned(),
    };
    let content = match seen.content {
        ResponseContent::Gave(EventPresence::Present) => format!(", gives {event}"),
        ResponseContent::Gave(_) => format!(", does not give {event}"),
        ResponseContent::IsGuest(is_guest) => is_a_guest(is_guest),
        _ => String::new(),
    };
    verdict + &content
}

fn is_a_guest(is_guest: bool) -> String {
    format!(", says that it is {} guest", if is_guest { "a" } else { "no" })
}
