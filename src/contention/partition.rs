//! Parts of a round that are checked by themselves: one user's calls, what is done to it, what is
//! set in the room, and one event.
//!
//! No rule lets what one guest may do depend on another (the guarantee `non_interference`), and what
//! one is given of an event on any other event. So an order of all calls of a round holds an order of
//! each part: a part without one proves that the round has none. The converse does not hold, and is
//! not claimed: each part may have an order of its own that no other shares.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::{Action, Actor, Operation};
use guest_access_rules::endpoint::Gives;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};

use crate::scenario::guest_name;
use crate::subject::server::{CallVerdict, EventPresence, HttpObservation, ResponseContent};

use super::recording::{self, Call, Round, RoundEnd};
use super::specification::{EventNumber, PartitionCall, RoundState};

/// One part of a round.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    /// Whose calls it is about.
    pub(super) of: Actor,
    /// The event that it is about, by its name.
    pub(super) event: Option<String>,
    /// The calls, by when they began.
    pub(super) calls: Vec<PartitionCall>,
    /// How it ended, if that was looked at.
    pub(super) end: Option<FinalState>,
}

/// How a round ended, as far as a part is about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FinalState {
    /// The number of the guest, and its membership.
    member: Option<(usize, Membership)>,
    visibility: Option<HistoryVisibility>,
    guest_access: Option<GuestAccess>,
}

impl FinalState {
    /// How a round ended for the part about `of`.
    pub(super) fn of(end: &RoundEnd, of: Actor) -> Self {
        let member = match of {
            Actor::Guest(guest) => {
                let membership = end.memberships.get(&guest_name(guest.into())).copied();
                membership.map(|membership| (guest.into(), membership))
            }
            _ => None,
        };
        let (visibility, guest_access) = (end.history_visibility, end.guest_access);
        Self { member, visibility, guest_access }
    }

    /// In what `place` is otherwise, in words: what was seen, and what would have been.
    pub(super) fn differences(&self, place: &RoundState) -> Vec<(String, String)> {
        let room = &place.state.rooms[0];
        let mut found = Vec::new();
        let mut differ = |what: &str, seen: Option<&str>, now: Option<&str>| {
            if let (Some(seen), Some(now)) = (seen, now)
                && seen != now
            {
                found.push((format!("{what} is `{seen}`"), format!("{what} is `{now}`")));
            }
        };
        if let Some((guest, seen)) = self.member {
            let what = format!("the membership of {}", guest_name(guest));
            differ(&what, Some(seen.as_str()), Some(room.members[guest].as_str()));
        }
        let spelled = HistoryVisibility::as_str;
        differ(
            "the history visibility",
            self.visibility.map(spelled),
            room.visibility.map(spelled),
        );
        let spelled = GuestAccess::as_str;
        differ(
            "the guest access",
            self.guest_access.map(spelled),
            Some(room.guest_access.as_str()),
        );
        found
    }

    pub(super) fn fits(&self, place: &RoundState) -> bool {
        self.differences(place).is_empty()
    }
}

/// The parts of a round: for everybody who calls, one about all its calls, and one for each event.
pub(super) fn parts(round: &Round) -> Vec<Partition> {
    let names = Names::of(round);
    let mut callers: Vec<_> = round.calls.iter().map(|call| call.step().by).collect();
    // Whoever is acted on has a membership in the end.
    callers.extend(round.calls.iter().filter_map(|call| target(call.step())));
    callers.sort();
    callers.dedup();
    callers
        .into_iter()
        .flat_map(|of| {
            let reads = |event: &str| is_looked_for(round, of, event);
            let events =
                names.numbers.keys().filter(|event| reads(event)).map(|event| Some(*event));
            let events: Vec<_> = std::iter::once(None).chain(events).collect();
            events.into_iter().map(|event| part(round, &names, of, event)).collect::<Vec<_>>()
        })
        .collect()
}

/// The events of a round, numbered, and which of them somebody redacts.
struct Names<'a> {
    numbers: BTreeMap<&'a str, EventNumber>,
    redacted: BTreeSet<EventNumber>,
}

impl<'a> Names<'a> {
    fn of(round: &'a Round) -> Self {
        let named = round.calls.iter().filter_map(|call| call.event.as_deref());
        let numbers: BTreeMap<_, _> =
            (0..).zip(named).map(|(number, name)| (name, number)).collect();
        let redactions = round
            .calls
            .iter()
            .filter(|call| matches!(call.step().operation, Operation::RedactSetting(_)));
        let about = redactions.filter_map(|call| call.about.as_deref());
        let redacted = about.filter_map(|name| numbers.get(name).copied()).collect();
        Self { numbers, redacted }
    }

    /// The number of an event that somebody redacts; one for all the others, so that places in which
    /// nothing but these differ are one.
    fn redacted(&self, name: Option<&String>) -> EventNumber {
        let number = self.number(name);
        number.filter(|number| self.redacted.contains(number)).unwrap_or(EventNumber::MAX)
    }

    fn number(&self, name: Option<&String>) -> Option<EventNumber> {
        self.numbers.get(name?.as_str()).copied()
    }
}

/// Whether any answer to `of` tells anything of an event.
fn is_looked_for(round: &Round, of: Actor, event: &str) -> bool {
    let by = round.calls.iter().filter(|call| call.step().by == of);
    let mut answered = by.filter(|call| call.answer.is_some());
    answered.any(|call| call.about.as_deref() == Some(event) || said_of(call, event).is_some())
}

/// Whether an answer gave an event; `None` if it does not tell.
fn said_of(call: &Call, event: &str) -> Option<bool> {
    let answer = call.answer.as_ref()?;
    let given = answer.gave.as_ref()?.iter().any(|name| name == event);
    (given || answer.whole).then_some(given)
}

fn part(round: &Round, names: &Names<'_>, of: Actor, event: Option<&str>) -> Partition {
    let calls = round.calls.iter().enumerate();
    let calls = calls.filter_map(|(number, call)| asked(number, call, names, of, event));
    let end = round.end.as_ref().map(|end| FinalState::of(end, of));
    Partition { of, event: event.map(str::to_owned), calls: calls.collect(), end }
}

/// A call as the part about `of` and `event` asks about it, if it bears on that at all.
fn asked(
    number: usize,
    call: &Call,
    names: &Names<'_>,
    of: Actor,
    event: Option<&str>,
) -> Option<PartitionCall> {
    let step = *call.step();
    let tags = event.is_some() && call.event.as_deref() == event;
    let mut asked = PartitionCall {
        number,
        step: Action { tag: false, ..step },
        upgraded: call.upgraded,
        sends: call.event.as_ref().map(|_| names.redacted(call.event.as_ref())),
        tags,
        about: names.number(call.about.as_ref()),
        start: call.start,
        answer: seen(call, event),
    };
    let target = target(&step);
    if target.is_none() && step.by == of {
        let asks_for_one = matches!(step.operation, Operation::Read(read) if matches!(
            read.get().gives, Some(Gives::Event | Gives::StateEvent)
        ));
        return (!asks_for_one || call.about.as_deref() == event).then_some(asked);
    }
    let sets = matches!(
        step.operation,
        Operation::SetVisibility(..)
            | Operation::SetGuestAccess(..)
            | Operation::SetJoinRule(_)
            | Operation::RedactSetting(_)
    );
    // What is done to somebody else's account or membership is for the part of that one.
    if target == Some(of) || step.by == Actor::Moderator && sets {
        return Some(asked);
    }
    if asked.answer.as_ref().is_some_and(|(_, seen)| !seen.is_allowed()) {
        return None;
    }
    // Whoever sends an event, it is sent. Whether that was right is for the sender's own part.
    asked.step.by = Actor::Moderator;
    asked.upgraded = false;
    match step.operation {
        Operation::Send(_) | Operation::SendState if tags => Some(asked),
        _ if sets => Some(PartitionCall { answer: None, ..asked }),
        _ => None,
    }
}

/// The guest whose account or membership a step of another's is about.
fn target(step: &Action) -> Option<Actor> {
    step.operation.target().map(Actor::Guest).filter(|target| *target != step.by)
}

/// When a call was answered and what that tells, of this event if of any.
fn seen(call: &Call, event: Option<&str>) -> Option<(u64, HttpObservation)> {
    let (answer, end) = (call.answer.as_ref()?, call.end?);
    let verdict = match answer.verdict {
        recording::AnswerVerdict::Allow => CallVerdict::Allowed,
        recording::AnswerVerdict::Deny => {
            CallVerdict::Denied { status: answer.status, errcode: answer.errcode.clone() }
        }
    };
    let given = event.and_then(|event| said_of(call, event));
    let content = match (given, answer.is_guest) {
        (Some(true), _) => ResponseContent::Gave(EventPresence::Present),
        (Some(false), _) => ResponseContent::Gave(EventPresence::Absent),
        (None, Some(is_guest)) => ResponseContent::IsGuest(is_guest),
        (None, None) => ResponseContent::Nothing,
    };
    Some((end, HttpObservation { verdict, content }))
}
