//! A room of another homeserver, loaded into the reference.
//!
//! A homeserver under test has events and accounts of its own. A replica holds the same events under the
//! same ids. So the rules of the reference say which of the homeserver's own events each reader may be
//! given.

use std::collections::BTreeSet;
use std::sync::Arc;

use guest_access_rules::decision_point::LeaveForgets;
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};
use ruma::serde::JsonObject;
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::Value;

use super::authorisation::Caller;
use super::event::{Event, MEMBER, REDACTION, UnsentEvent};
use super::{Reference, Room};

/// An event of a homeserver, in the format for clients.
#[derive(Debug, Clone, Deserialize)]
pub struct ReplicaEvent {
    /// The event id.
    pub event_id: OwnedEventId,
    /// The sender.
    pub sender: OwnedUserId,
    /// The event type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The state key, if the event is a state event.
    #[serde(default)]
    pub state_key: Option<String>,
    /// The content.
    #[serde(default)]
    pub content: JsonObject,
    /// The id of the event that this redaction redacts, in a room before version 11.
    #[serde(default)]
    pub redacts: Option<OwnedEventId>,
}

impl ReplicaEvent {
    /// Whether the event is a state event with this type and state key.
    pub fn is_state(&self, kind: &str, key: &str) -> bool {
        self.kind == kind && self.state_key.as_deref() == Some(key)
    }

    /// Whether the event is a redaction of the event with this id.
    pub fn redacts(&self, id: &EventId) -> bool {
        let in_content = self.content.get("redacts").and_then(Value::as_str);
        let redacts = in_content.or(self.redacts.as_ref().map(|id| id.as_str()));
        self.kind == REDACTION && redacts == Some(id.as_str())
    }
}

/// An account that reads a room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reader {
    /// The user id.
    pub user_id: OwnedUserId,
    /// Whether the account is a guest's.
    pub is_guest: bool,
}

/// One room, and the rules by which the room is read.
#[derive(Debug, Clone)]
pub struct Replica {
    server: Reference,
    room: Room,
}

impl Replica {
    /// A room with these events, oldest first, under the rules of `profile`.
    pub fn new<'a>(
        profile: impl Into<Arc<Profile>>,
        room: OwnedRoomId,
        events: impl IntoIterator<Item = &'a ReplicaEvent>,
    ) -> Self {
        let server = Reference::new(profile);
        let room = Room::new(room, server.choices());
        let mut replica = Self { server, room };
        for event in events {
            replica.append(event);
        }
        replica
    }

    /// Adds an event to the end of the timeline.
    pub fn append(&mut self, event: &ReplicaEvent) {
        let ReplicaEvent { event_id, sender, kind, state_key, content, .. } = event.clone();
        let draft = UnsentEvent { sender, kind, state_key, content, transaction: None };
        let number = self.server.tick();
        let event = Event::new(number, number, &self.room.id, draft).with_id(event_id);
        self.room.append(event, self.server.choices());
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.room.len()
    }

    /// Whether the room has no event.
    pub fn is_empty(&self) -> bool {
        self.room.is_empty()
    }

    /// Whether the rules let `reader` see the event at this place of the timeline.
    pub fn may_see(&self, reader: &Reader, place: usize) -> bool {
        self.server.may_see(&reader.caller(), &self.room, place)
    }

    /// The places of the state events that `reader` may read in the current state.
    pub fn readable_state(&self, reader: &Reader) -> Vec<usize> {
        self.server.readable_state(&reader.caller(), &self.room, self.room.len())
    }

    /// The places of the state events that `reader` may read in the state before the event at this place.
    pub fn readable_state_at(&self, reader: &Reader, place: usize) -> Vec<usize> {
        self.server.readable_state(&reader.caller(), &self.room, place)
    }

    /// The members who are joined now.
    pub fn joined_members(&self) -> BTreeSet<OwnedUserId> {
        let joined = self.room.members().filter(|(_, membership)| *membership == Membership::Join);
        joined.map(|(user, _)| user).collect()
    }

    /// Whether `reader` is joined, or was joined before.
    pub fn has_joined(&self, reader: &Reader) -> bool {
        self.room.was_ever_joined(&reader.user_id)
    }

    /// The place of the event by which `reader` joined the room for the first time.
    pub fn place_of_joining(&self, reader: &Reader) -> Option<usize> {
        self.room.place_of_joining(&reader.user_id)
    }

    /// The place of the last member event by which `reader` left the room, an invite or a knock, or was
    /// removed. `None` if the reader is not out of the room.
    pub fn last_leave(&self, reader: &Reader) -> Option<usize> {
        let is_out =
            |membership: Membership| matches!(membership, Membership::Leave | Membership::Ban);
        if !is_out(self.membership(reader)) {
            return None;
        }
        let before = |place: usize| self.room.membership_before(place, &reader.user_id);
        (0..self.len()).rev().find(|place| !is_out(before(*place)))
    }

    /// Whether `reader` may read the event at this place in the state of the room now or at an earlier
    /// time.
    pub fn was_readable_state(&self, reader: &Reader, place: usize) -> bool {
        let caller = reader.caller();
        let readable = |at| self.server.readable_state(&caller, &self.room, at).contains(&place);
        (place + 1..=self.room.len()).rev().any(readable)
    }

    /// Whether the event at this place is a member event.
    pub fn is_member(&self, place: usize) -> bool {
        self.room.event(place).kind == MEMBER
    }

    /// The membership of `reader` now.
    pub fn membership(&self, reader: &Reader) -> Membership {
        self.room.membership(&reader.user_id)
    }

    /// The membership of `reader` before the event at this place.
    pub fn membership_before(&self, reader: &Reader, place: usize) -> Membership {
        self.room.membership_before(place, &reader.user_id)
    }

    /// The place of the member event by which `reader` left the room, or was removed. `None` if the reader
    /// was never joined, or is in the room, or may have forgotten the room by leaving.
    pub fn departure(&self, reader: &Reader) -> Option<usize> {
        // CS-41: A server may make a user forget a room whenever the user leaves the room.
        let forgets = self.server.choices().leave_forgets == LeaveForgets::Forgets;
        if forgets || !matches!(self.membership(reader), Membership::Leave | Membership::Ban) {
            return None;
        }
        self.room.place_of_leaving(&reader.user_id)
    }

    /// The history visibility before the event at this place.
    pub fn visibility_before(&self, place: usize) -> Option<HistoryVisibility> {
        self.room.settings_before(place).visibility
    }
}

impl Reader {
    fn caller(&self) -> Caller {
        Caller::reader(self.user_id.clone(), self.is_guest)
    }
}

#[cfg(test)]
mod tests {
    use ruma::room_id;
    use serde_json::json;

    use super::super::fixture::latest;
    use super::*;

    const GUEST: &str = "@guest:s";

    fn event(number: usize, kind: &str, state_key: Option<&str>, content: &Value) -> ReplicaEvent {
        let event = json!({
            "event_id": format!("${number}:s"),
            "sender": "@moderator:s",
            "type": kind,
            "content": content,
        });
        let mut event: ReplicaEvent = serde_json::from_value(event).unwrap();
        event.state_key = state_key.map(str::to_owned);
        event
    }

    fn member(number: usize, membership: &str) -> ReplicaEvent {
        event(number, "m.room.member", Some(GUEST), &json!({ "membership": membership }))
    }

    fn replica(events: &[ReplicaEvent]) -> (Replica, Reader) {
        let room = room_id!("!room:s").to_owned();
        let reader = Reader { user_id: GUEST.try_into().unwrap(), is_guest: true };
        (Replica::new(latest(&[]), room, events), reader)
    }

    #[test]
    fn a_reader_sees_of_the_loaded_events_what_the_rules_show_it() {
        let visibility = json!({ "history_visibility": "joined" });
        let message = |number| event(number, "m.room.message", None, &json!({ "body": "secret" }));
        let events = [
            event(0, "m.room.history_visibility", Some(""), &visibility),
            message(1),
            member(2, "join"),
            message(3),
            member(4, "leave"),
            message(5),
        ];
        let (replica, reader) = replica(&events);
        let seen: Vec<_> =
            (0..events.len()).filter(|place| replica.may_see(&reader, *place)).collect();
        assert_eq!(seen, [0, 2, 3, 4]);
        assert_eq!(replica.membership(&reader), Membership::Leave);
        assert_eq!(replica.membership_before(&reader, 3), Membership::Join);
        assert_eq!(replica.visibility_before(3), Some(HistoryVisibility::Joined));
    }

    #[test]
    fn only_who_was_joined_departs() {
        let departure = |events: &[ReplicaEvent]| {
            let (replica, reader) = replica(events);
            replica.departure(&reader)
        };
        assert_eq!(departure(&[]), None);
        assert_eq!(departure(&[member(0, "invite"), member(1, "leave")]), None);
        let stay = [member(0, "join"), member(1, "join"), member(2, "leave"), member(3, "ban")];
        for (length, expected) in [(2, None), (3, Some(2)), (4, Some(2))] {
            assert_eq!(departure(&stay[..length]), expected);
        }
    }

    #[test]
    fn who_left_reads_the_state_at_leaving() {
        let note = |number| event(number, "org.example.note", Some(""), &json!({}));
        let events = [note(0), member(1, "join"), note(2), member(3, "leave"), note(4)];
        let (replica, reader) = replica(&events);
        let mut state = replica.readable_state(&reader);
        state.sort_unstable();
        assert_eq!(state, [2, 3]);
        assert!(replica.was_readable_state(&reader, 0));
        assert!(!replica.was_readable_state(&reader, 4));
    }
}
