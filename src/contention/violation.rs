//! What no order explains, and why none does.

use guest_access_model::action::Answer;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::Decision;

use crate::permitted::DivergenceKind;
use crate::scenario::{actor_name, operation_phrase, sentence};
use crate::subject::server::{CallVerdict, EventPresence, HttpObservation, ResponseContent};

use super::linearization::{DeadEnd, candidates};
use super::minimal_history::MinimalHistory;
use super::partition::Partition;
use super::recording::{Call, Round};
use super::specification::{PartitionCall, PredictedAnswer, SequentialSpecification};

/// Something that no order of the calls explains.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Whether any of its calls overlapped another that could matter. Where none did, it is no race: the
    /// homeserver does otherwise than the rules, one call after the other.
    pub race: bool,
    /// How bad it is.
    pub kind: DivergenceKind,
    /// The round.
    pub round: u32,
    /// Whose calls it is about.
    pub of: String,
    /// The event that it is about.
    pub event: Option<String>,
    /// The calls that show it, by when they began. What was in flight at the end has no answer.
    pub calls: Vec<Call>,
    /// The place among these of the call that no order explains; none, if it is how the round ended.
    pub unexplained: Option<usize>,
    /// What was done, in words.
    pub what: String,
    /// What was answered, or how it ended.
    pub observed: String,
    /// What the rules say instead, by every order that explains the other calls, or as many as it can.
    pub expected: Vec<ExpectedOutcome>,
    /// The clauses on which that rests.
    pub clauses: Vec<String>,
    /// Calls that explain nothing, whenever they happened, and whether they did, in words.
    pub anytime: Vec<String>,
    /// How often the like of it was found.
    pub count: usize,
    signature: (bool, DivergenceKind, String, String),
}

/// What the rules say at the end of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedOutcome {
    /// The order: places among the calls.
    pub order: Vec<usize>,
    /// The place of the call that cannot come next; none, if it is how the round ended.
    pub next: Option<usize>,
    /// What it would be answered, or how it would end.
    pub says: String,
    /// Why.
    pub because: String,
}

impl Violation {
    /// What the like of it has in common; the worst comes first.
    pub(super) fn signature(&self) -> (bool, DivergenceKind, String, String) {
        let (race, kind, what, observed) = self.signature.clone();
        (!race, kind, what, observed)
    }
}

/// Tells of a part that has no order, of which this is the least.
pub(super) fn violation(
    (rules, rulebook): (&Rules, &SequentialSpecification),
    round: &Round,
    part: &Partition,
    least: &MinimalHistory,
    stuck: &[DeadEnd],
) -> Violation {
    let MinimalHistory { calls, end, unexplained, anytime } = least;
    let position = |number: usize| calls.iter().position(|call| call.number == number);
    let unexplained = unexplained.and_then(position);
    let mut clauses: Vec<String> = Vec::new();
    let mut kinds = Vec::new();
    let mut expected: Vec<ExpectedOutcome> = Vec::new();
    for DeadEnd { taken, place, readings } in stuck {
        let by = by(rulebook, readings);
        let one = |next, says, because: &str| {
            let because = format!("{because}{by}");
            ExpectedOutcome { order: taken.clone(), next, says, because }
        };
        match (next(calls, taken, unexplained), end) {
            (Some(next), _) => {
                let asked = &calls[next];
                let Some(comes) = rulebook.comes(asked, place, readings) else { continue };
                let decision = comes.says.decision();
                clauses.extend(rules.in_force(decision.clauses).into_iter().map(str::to_owned));
                if Some(next) == unexplained {
                    kinds.push(kind(asked, &comes.says));
                }
                expected.push(one(
                    Some(next),
                    says(&comes.says, part.event.as_deref()),
                    decision.because,
                ));
            }
            (None, Some(end)) => {
                for (_, now) in end.differences(place) {
                    expected.push(one(None, now, "that is where these calls lead"));
                }
            }
            (None, None) => {}
        }
    }
    // The like of it once, by the shortest order.
    expected.sort_by_key(|one| (one.next != unexplained, one.order.len()));
    let mut told: Vec<(Option<usize>, String)> = Vec::new();
    expected.retain(|one| {
        let is_new = !told.contains(&(one.next, one.says.clone()));
        told.push((one.next, one.says.clone()));
        is_new
    });
    clauses.sort();
    clauses.dedup();
    let (what, generic, observed, likeness) = match unexplained {
        Some(at) => {
            let asked = &calls[at];
            let step = round.calls[asked.number].step();
            let seen = asked.answer.as_ref().map(|(_, seen)| seen);
            let told = |event: &str| seen.map(|seen| observed(seen, event)).unwrap_or_default();
            let event = part.event.as_deref().unwrap_or("the event");
            (sentence(step), operation_phrase(step.operation), told(event), told("an event"))
        }
        None => {
            let seen = end
                .iter()
                .flat_map(|end| stuck.iter().flat_map(move |stuck| end.differences(&stuck.place)));
            let mut seen: Vec<_> = seen.map(|(seen, _)| seen).collect();
            seen.sort();
            seen.dedup();
            let seen = seen.join(", and ");
            let what = "when nothing is in flight any more".to_owned();
            let likeness = seen.replace(&actor_name(part.of), "the guest");
            (what.clone(), what, seen, likeness)
        }
    };
    let kind = match unexplained {
        Some(_) => kinds.into_iter().min().unwrap_or(DivergenceKind::Error),
        None => DivergenceKind::Effect,
    };
    let shown: Vec<Call> = calls.iter().map(|asked| shown(round, asked)).collect();
    // What was left out for explaining nothing, whenever it happened, may still have been raced with.
    let apart = |one: &Call, other: &Call| one.precedes(other) || other.precedes(one);
    let others: Vec<&Call> = anytime.iter().map(|one| &round.calls[one.number]).collect();
    let race = shown.iter().enumerate().any(|(number, one)| {
        let later = shown.iter().skip(number + 1);
        later.chain(others.iter().copied()).any(|other| !apart(one, other))
    });
    Violation {
        race,
        kind,
        round: round.number,
        of: actor_name(part.of),
        event: part.event.clone(),
        calls: shown,
        unexplained,
        what,
        observed,
        expected,
        clauses,
        anytime: anytime.iter().map(|one| sentence(round.calls[one.number].step())).collect(),
        count: 1,
        signature: (race, kind, generic, likeness),
    }
}

/// The call that cannot come next: the one that no order explains, if it could be its turn.
fn next(calls: &[PartitionCall], taken: &[usize], unexplained: Option<usize>) -> Option<usize> {
    let mut set = vec![0_u64; calls.len().div_ceil(64)];
    for call in taken {
        set[call / 64] |= 1 << (call % 64);
    }
    let mut left = candidates(calls, &set).filter(|call| calls[*call].answer.is_some());
    let first = left.next();
    first.into_iter().chain(left).find(|call| Some(*call) == unexplained).or(first)
}

/// The readings other than ours that an order takes, in words.
fn by(rulebook: &SequentialSpecification, readings: &[usize]) -> String {
    let variants = readings.iter().map(|variant| &rulebook.variants.all[*variant]);
    let taken = variants.map(|variant| format!("`{}` is `{}`", variant.point(), variant.option()));
    match taken.collect::<Vec<_>>().join(" and ") {
        none if none.is_empty() => none,
        taken => format!(", where {taken}"),
    }
}

/// The call as it was, as far as the part goes.
fn shown(round: &Round, asked: &PartitionCall) -> Call {
    let call = round.calls[asked.number].clone();
    if asked.answer.is_some() { call } else { Call { answer: None, end: None, ..call } }
}

/// How bad it is that a call was answered as it was, where the rules say this.
fn kind(asked: &PartitionCall, says: &PredictedAnswer) -> DivergenceKind {
    let Some((_, seen)) = &asked.answer else { return DivergenceKind::Effect };
    let gave = matches!(seen.content, ResponseContent::Gave(EventPresence::Present));
    match (seen.is_allowed(), says.decision().allows()) {
        (true, false) => DivergenceKind::Leak,
        (true, true) if gave => DivergenceKind::Leak,
        (true, true) if matches!(seen.content, ResponseContent::IsGuest(_)) => {
            DivergenceKind::Error
        }
        (true | false, true) => DivergenceKind::Refusal,
        (false, false) => DivergenceKind::Error,
    }
}

fn says(says: &PredictedAnswer, event: Option<&str>) -> String {
    let observation = match says {
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

fn observed(seen: &HttpObservation, event: &str) -> String {
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
