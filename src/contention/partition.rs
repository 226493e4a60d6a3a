//! Partitions of a round, which are checked separately.
//!
//! A partition has one user and at most one event. Its calls are the calls of the user, the calls that
//! target the user, the changes of the room's settings, and the calls that send or read the event.
//!
//! No rule lets the permissions of one guest depend on another guest (the guarantee
//! `non_interference`), or the visibility of one event on another event. So a linearization of a round
//! contains a linearization of each partition: **a partition without one proves that the round has
//! none**. The converse does not hold: the linearizations of two partitions may contradict each other.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::{Action, Actor, Operation};
use guest_access_model::linearizability::PartitionedSpecification;
use guest_access_rules::endpoint::Gives;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};
use guest_access_scenarios::scenario::guest_name;

use crate::subject::server::{CallVerdict, EventPresence, HttpObservation, ResponseContent};

use super::recording::{self, RecordedCall, Round, RoundEnd};
use super::specification::{
    EventNumber, PartitionCall, PartitionOperation, RoundSpecification, RoundState,
};

/// One partition of a round.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    /// The user.
    pub(super) user: Actor,
    /// The name of the event.
    pub(super) event: Option<String>,
    /// The calls, by their start.
    pub(super) calls: Vec<PartitionCall>,
    /// The final state, if one was observed.
    pub(super) end: Option<FinalState>,
}

/// The final state of a round, as far as a partition depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FinalState {
    /// The number and the membership of the guest.
    member: Option<(usize, Membership)>,
    visibility: Option<HistoryVisibility>,
    guest_access: Option<GuestAccess>,
}

impl FinalState {
    /// The final state of a round for the partition of `user`.
    pub(super) fn of(end: &RoundEnd, user: Actor) -> Self {
        let member = match user {
            Actor::Guest(guest) => {
                let membership = end.memberships.get(&guest_name(guest.into())).copied();
                membership.map(|membership| (guest.into(), membership))
            }
            _ => None,
        };
        let (visibility, guest_access) = (end.history_visibility, end.guest_access);
        Self { member, visibility, guest_access }
    }

    /// The differences between the observed final state and the predicted one, in words.
    pub(super) fn differences(&self, predicted: &RoundState) -> Vec<(String, String)> {
        let room = &predicted.state.rooms[0];
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

    /// Whether the observed final state equals the state `predicted`.
    pub(super) fn fits(&self, predicted: &RoundState) -> bool {
        self.differences(predicted).is_empty()
    }
}

impl PartitionedSpecification for RoundSpecification<'_> {
    type History = Round;
    type Partition = Partition;

    /// The partitions of a round: for each user one without an event, and one with each event.
    fn partition(round: &Round) -> Vec<Partition> {
        let names = EventNumbers::of(round);
        let mut callers: Vec<_> = round.calls.iter().map(|call| call.step().by).collect();
        // The target of a call has a membership in the final state.
        callers.extend(round.calls.iter().filter_map(|call| target(call.step())));
        callers.sort();
        callers.dedup();
        callers
            .into_iter()
            .flat_map(|user| {
                let reads = |event: &str| is_observed(round, user, event);
                let events =
                    names.numbers.keys().filter(|event| reads(event)).map(|event| Some(*event));
                let events: Vec<_> = std::iter::once(None).chain(events).collect();
                events
                    .into_iter()
                    .map(|event| partition(round, &names, user, event))
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// The numbers of the events of a round, and the events that somebody redacts.
struct EventNumbers<'a> {
    numbers: BTreeMap<&'a str, EventNumber>,
    redacted: BTreeSet<EventNumber>,
}

impl<'a> EventNumbers<'a> {
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

    /// The number of an event that somebody redacts. All other events share one number, so that states
    /// that differ only in these events are equal.
    fn redacted(&self, name: Option<&String>) -> EventNumber {
        let number = self.number(name);
        number.filter(|number| self.redacted.contains(number)).unwrap_or(EventNumber::MAX)
    }

    fn number(&self, name: Option<&String>) -> Option<EventNumber> {
        self.numbers.get(name?.as_str()).copied()
    }
}

/// Whether some answer to `user` shows whether an event is visible.
fn is_observed(round: &Round, user: Actor, event: &str) -> bool {
    let by = round.calls.iter().filter(|call| call.step().by == user);
    let mut answered = by.filter(|call| call.answer.is_some());
    answered.any(|call| {
        call.about.as_deref() == Some(event) || presence_in_answer(call, event).is_some()
    })
}

/// Whether an answer contained an event; `None` if the answer does not show that.
fn presence_in_answer(call: &RecordedCall, event: &str) -> Option<bool> {
    let answer = call.answer.as_ref()?;
    let is_present = answer.gave.as_ref()?.iter().any(|name| name == event);
    (is_present || answer.whole).then_some(is_present)
}

fn partition(
    round: &Round,
    names: &EventNumbers<'_>,
    user: Actor,
    event: Option<&str>,
) -> Partition {
    let calls = round.calls.iter().enumerate();
    let calls = calls.filter_map(|(number, call)| partition_call(number, call, names, user, event));
    let end = round.end.as_ref().map(|end| FinalState::of(end, user));
    Partition { user, event: event.map(str::to_owned), calls: calls.collect(), end }
}

/// The call of the partition of `user` and `event` for a recorded call, if the call belongs to the
/// partition.
fn partition_call(
    number: usize,
    call: &RecordedCall,
    names: &EventNumbers<'_>,
    user: Actor,
    event: Option<&str>,
) -> Option<PartitionCall> {
    let step = *call.step();
    let tags = event.is_some() && call.event.as_deref() == event;
    let mut selected = PartitionCall {
        number,
        operation: PartitionOperation {
            step: Action { tag: false, ..step },
            upgraded: call.upgraded,
            sends: call.event.as_ref().map(|_| names.redacted(call.event.as_ref())),
            tags,
            about: names.number(call.about.as_ref()),
        },
        start: call.start,
        answer: observation(call, event),
    };
    let target = target(&step);
    if target.is_none() && step.by == user {
        let asks_for_one = matches!(step.operation, Operation::Read(read) if matches!(
            read.get().gives, Some(Gives::Event | Gives::StateEvent)
        ));
        return (!asks_for_one || call.about.as_deref() == event).then_some(selected);
    }
    let sets = matches!(
        step.operation,
        Operation::SetVisibility(..)
            | Operation::SetGuestAccess(..)
            | Operation::SetJoinRule(_)
            | Operation::RedactSetting(_)
    );
    // A call that targets another user belongs to the partition of that user.
    if target == Some(user) || step.by == Actor::Moderator && sets {
        return Some(selected);
    }
    if selected.answer.as_ref().is_some_and(|(_, seen)| !seen.is_allowed()) {
        return None;
    }
    // The effect of sending is the same for every sender. The sender's own partition checks the permission.
    selected.operation.step.by = Actor::Moderator;
    selected.operation.upgraded = false;
    match step.operation {
        Operation::Send(_) | Operation::SendState if tags => Some(selected),
        _ if sets => Some(PartitionCall { answer: None, ..selected }),
        _ => None,
    }
}

/// The guest whose account or membership the action of another user changes.
fn target(step: &Action) -> Option<Actor> {
    step.operation.target().map(Actor::Guest).filter(|target| *target != step.by)
}

/// The time of the answer to a call, and what the answer shows of this event.
fn observation(call: &RecordedCall, event: Option<&str>) -> Option<(u64, HttpObservation)> {
    let (answer, end) = (call.answer.as_ref()?, call.end?);
    let verdict = match answer.verdict {
        recording::AnswerVerdict::Allow => CallVerdict::Allowed,
        recording::AnswerVerdict::Deny => {
            CallVerdict::Denied { status: answer.status, errcode: answer.errcode.clone() }
        }
    };
    let is_present = event.and_then(|event| presence_in_answer(call, event));
    let content = match (is_present, answer.is_guest) {
        (Some(true), _) => ResponseContent::Gave(EventPresence::Present),
        (Some(false), _) => ResponseContent::Gave(EventPresence::Absent),
        (None, Some(is_guest)) => ResponseContent::IsGuest(is_guest),
        (None, None) => ResponseContent::Nothing,
    };
    Some((end, HttpObservation { verdict, content }))
}
