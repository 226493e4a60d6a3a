//! How much of a room's timeline had been sent before each action of a segment.
//!
//! The session knows the ids of most events that it sent. Where an action changed memberships, the
//! member events follow the events of earlier actions. Some events come by themselves, such as the end
//! of a guest's membership after a revocation. The answer to an action may precede or follow them.

use std::ops::RangeInclusive;

use guest_access_model::state::State;
use guest_access_rules::vocabulary::Membership;
use ruma::EventId;

use crate::subject::server::RoomTimeline;

use super::super::judge::StepRecord;
use super::super::step_result::Member;
use super::SessionEvidence;

/// The places of the actions of a segment in a timeline.
#[derive(Debug)]
pub(super) struct Places {
    /// The place of the first event after those that set up the initial state.
    pub(super) start: usize,
    /// For each action, the length of the timeline when the action was answered, at least and at most.
    lengths: Vec<RangeInclusive<usize>>,
    /// For each action, the places of its first and its last event.
    events: Vec<Option<(usize, usize)>>,
}

impl Places {
    /// The places of the actions in the timeline of the room with this number; `None` if the timeline lacks
    /// an event of an action that did what it should.
    pub(super) fn of(
        room: usize,
        timeline: &RoomTimeline,
        initial: &State,
        log: &[StepRecord],
        evidence: &SessionEvidence,
    ) -> Option<Self> {
        let place_of = |id: &str| timeline.place_of(<&EventId>::try_from(id).ok()?);
        let set_up = evidence.sent.iter().filter(|sent| sent.action.is_none());
        let set_up = set_up.filter_map(|sent| place_of(&sent.id)).max();
        let start = set_up.map_or(timeline.start, |last| timeline.start.max(last + 1));
        // 1. The events of each action.
        let mut reached = start;
        let mut events_of: Vec<Option<(usize, usize)>> = Vec::with_capacity(log.len());
        for (action, record) in log.iter().enumerate() {
            let before = action.checked_sub(1).map_or(initial, |previous| &log[previous].after);
            let sent = evidence.sent.iter().filter(|sent| sent.action == Some(action));
            let found: Vec<_> = sent.map(|sent| place_of(&sent.id)).collect();
            let members = changes(room, before, &record.after)
                .map(|(who, is)| member_event(timeline, reached, who, is, evidence));
            let members: Vec<_> = members.collect();
            let is_of_room =
                record.step.room() == Some(room) && record.step.operation.sends().is_some();
            let lacks_sent = is_of_room && found.contains(&None);
            if !record.diverges && (lacks_sent || members.contains(&None)) {
                return None;
            }
            let mut places: Vec<usize> = found.into_iter().chain(members).flatten().collect();
            // A homeserver may answer a repeated state event with the id of the first.
            places.retain(|place| *place >= reached);
            let first = places.iter().min().copied();
            let last = places.iter().max().copied();
            if let Some(last) = last {
                reached = reached.max(last + 1);
            }
            events_of.push(first.zip(last));
        }
        // 2. An action was answered after the events of earlier actions and before those of later ones.
        let mut at_least = start;
        let mut ranges = Vec::with_capacity(log.len());
        for action in 0..log.len() {
            if let Some((_, last)) = events_of[action] {
                at_least = at_least.max(last + 1);
            }
            let later = events_of[action + 1..].iter().flatten().map(|(first, _)| *first);
            let at_most = later.min().unwrap_or(timeline.events.len());
            ranges.push(at_least.min(at_most)..=at_most);
        }
        Some(Self { start, lengths: ranges, events: events_of })
    }

    /// The length of the timeline when this action was answered, at least and at most.
    pub(super) fn at(&self, action: usize) -> RangeInclusive<usize> {
        self.lengths.get(action).cloned().unwrap_or(0..=0)
    }

    /// The places of the events that one action brought about, among them the event at this place.
    pub(super) fn of_same_action(&self, place: usize) -> RangeInclusive<usize> {
        let is_among = |(first, last): &(usize, usize)| (*first..=*last).contains(&place);
        let known = self.events.iter().flatten().find(|events| is_among(events));
        known.map_or(place..=place, |(first, last)| *first..=*last)
    }

    /// The action that sent the event at this place.
    pub(super) fn sender(&self, place: usize) -> Option<usize> {
        let is_sender = |events: &Option<(usize, usize)>| {
            events.is_some_and(|(first, last)| (first..=last).contains(&place))
        };
        self.events.iter().position(is_sender)
    }
}

/// The memberships of a room that changed between two states.
fn changes<'a>(
    room: usize,
    before: &'a State,
    after: &'a State,
) -> impl Iterator<Item = (Member, Membership)> + 'a {
    let (before, after) = (&before.rooms[room], &after.rooms[room]);
    let guests = (0_u8..).zip(before.members.iter().zip(&after.members));
    let guests = guests.map(|(number, (before, after))| (Member::Guest(number), before, after));
    let all = guests.chain([(Member::User, &before.user, &after.user)]);
    all.filter(|(_, before, after)| before != after).map(|(member, _, after)| (member, *after))
}

/// The place of the first event from `reached` on by which a member gets this membership.
fn member_event(
    timeline: &RoomTimeline,
    reached: usize,
    member: Member,
    membership: Membership,
    evidence: &SessionEvidence,
) -> Option<usize> {
    (reached..timeline.events.len()).find(|place| {
        let event = &timeline.events[*place];
        let says = event.content.get("membership").and_then(serde_json::Value::as_str);
        says == Some(membership.as_str())
            && evidence.ids_of(member).any(|id| event.is_state("m.room.member", id.as_str()))
    })
}
