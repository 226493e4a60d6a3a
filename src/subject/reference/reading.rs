//! The calls that read: does the answer hold the tagged event?

use guest_access_model::action::{Answer as AnswerContent, Observation, Place};
use guest_access_reference::reference::{Credentials, Event, EventsRequest, Room, Span};
use guest_access_rules::decision_point::HiddenEvent;
use guest_access_rules::endpoint::{EndpointId, Gives};
use ruma::api::Direction;
use ruma::api::client::context::get_context;
use ruma::api::client::membership::{get_member_events, joined_members};
use ruma::api::client::message::get_message_events;
use ruma::api::client::peeking::get_current_state;
use ruma::api::client::room::{get_event_by_timestamp, get_room_event};
use ruma::api::client::state::{get_state_event_for_key, get_state_events};
use ruma::api::client::sync::sync_events::v3 as sync;
use ruma::serde::Raw;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, UInt, owned_event_id};

use super::{ReferenceSubject, cannot_happen, observe, observe_only};

impl ReferenceSubject {
    pub(super) fn read(
        &self,
        with: &Credentials<'_>,
        endpoint: EndpointId,
        place: Place,
    ) -> Observation {
        let room = self.room_id(place);
        match endpoint.get().gives {
            Some(Gives::Timeline) => self.read_timeline(with, endpoint, room),
            Some(Gives::InitialSync) => self.read_initial_sync(with, room),
            Some(Gives::Event) => self.read_event(with, endpoint, room),
            Some(Gives::State) => {
                let answer = self.reference.state(with, &get_state_events::v3::Request::new(room));
                observe(answer, |response| self.either(false, &response.room_state))
            }
            Some(Gives::StateEvent) => self.read_state_event(with, room),
            Some(Gives::Members) => self.read_members(with, endpoint, room),
            Some(Gives::Stream) => {
                let request = EventsRequest {
                    room_id: (place != Place::Nowhere).then_some(room),
                    from: Some(BEGINNING.to_owned()),
                };
                let answer = self.reference.events(with, &request);
                observe(answer, |response| self.gave(&response.chunk))
            }
            Some(Gives::Sync) => self.read_sync(with),
            None => observe_only(self.reference.call(with, endpoint, Some(&room))),
        }
    }

    fn read_timeline(
        &self,
        with: &Credentials<'_>,
        endpoint: EndpointId,
        room: OwnedRoomId,
    ) -> Observation {
        let (from, to) = self.span(&room);
        let mut request = get_message_events::v3::Request::new(room, Direction::Forward);
        request.limit = UInt::MAX;
        (request.from, request.to) = (from, to);
        let answer = self.reference.timeline(with, endpoint, &request);
        observe(answer, |response| self.gave(&response.chunk))
    }

    fn read_initial_sync(&self, with: &Credentials<'_>, room: OwnedRoomId) -> Observation {
        let (from, to) = self.span(&room);
        let span = Span { from: from.as_deref(), to: to.as_deref(), limit: None };
        let request = get_current_state::v3::Request::new(room);
        let answer = self.reference.initial_sync(with, &request, span);
        observe(answer, |response| {
            let messages = response.messages.map(|messages| messages.chunk).unwrap_or_default();
            self.either(self.has(&messages), &response.state)
        })
    }

    fn read_event(
        &self,
        with: &Credentials<'_>,
        endpoint: EndpointId,
        room: OwnedRoomId,
    ) -> Observation {
        let tagged = self.tagged_in(&room);
        let id = tagged.map_or_else(never_sent, |event| event.id.clone());
        match endpoint.get().id.as_str() {
            "GET /rooms/{roomId}/context/{eventId}" => {
                let request = get_context::v3::Request::new(room, id);
                let answer = self.reference.context(with, &request);
                observe(answer, |response| self.gave(response.event.as_slice()))
            }
            "GET /rooms/{roomId}/timestamp_to_event" => {
                let time = tagged.map_or(UInt::MAX, |event| UInt::new_saturating(event.number));
                let time = MilliSecondsSinceUnixEpoch(time);
                let request = get_event_by_timestamp::v1::Request::since(room, time);
                let answer = self.reference.timestamp_to_event(with, &request);
                observe(answer, |response| AnswerContent::Gave {
                    tagged: self.tagged.as_ref() == Some(&response.event_id),
                })
            }
            _ => {
                let request = get_room_event::v3::Request::new(room, id);
                let answer = self.reference.event(with, &request);
                observe(answer, |response| self.gave(&[response.event]))
            }
        }
    }

    pub(super) fn read_through_other_room(&self, with: &Credentials<'_>) -> Observation {
        let Some(other) = self.rooms.get(1) else {
            return cannot_happen();
        };
        let id = self.tagged.clone().unwrap_or_else(never_sent);
        let request = get_room_event::v3::Request::new(other.clone(), id);
        let answer = self.reference.event(with, &request);
        observe(answer, |response| self.gave(&[response.event]))
    }

    fn read_state_event(&self, with: &Credentials<'_>, room: OwnedRoomId) -> Observation {
        let note = self.tagged_in(&room).filter(|event| event.kind == NOTE);
        let key = note.and_then(|event| event.state_key.clone());
        let request = get_state_event_for_key::v3::Request::new(
            room,
            NOTE.into(),
            key.unwrap_or_else(|| "never-sent".to_owned()),
        );
        let answer = self.reference.state_event(with, &request);
        observe(answer, |_| AnswerContent::Gave { tagged: true })
    }

    /// Reads the members. The observation holds only the decision.
    fn read_members(
        &self,
        with: &Credentials<'_>,
        endpoint: EndpointId,
        room: OwnedRoomId,
    ) -> Observation {
        let nothing = AnswerContent::Gave { tagged: false };
        if endpoint.get().id == "GET /rooms/{roomId}/joined_members" {
            let request = joined_members::v3::Request::new(room);
            observe(self.reference.joined_members(with, &request), |_| nothing)
        } else {
            let request = get_member_events::v3::Request::new(room);
            observe(self.reference.members(with, &request), |_| nothing)
        }
    }

    fn read_sync(&self, with: &Credentials<'_>) -> Observation {
        let answer = self.reference.sync(with, &sync::Request::new());
        observe(answer, |mut response| {
            let first = self.rooms.first().and_then(|id| response.rooms.join.remove(id));
            let Some(first) = first else {
                return AnswerContent::Gave { tagged: false };
            };
            let state = match first.state {
                sync::State::Before(state) | sync::State::After(state) => state.events,
                _ => Vec::new(),
            };
            self.either(self.has(&first.timeline.events), &state)
        })
    }

    /// The tagged event, if it belongs to this room.
    fn tagged_in(&self, room: &OwnedRoomId) -> Option<&Event> {
        let first = self.first_room().filter(|first| first.id == *room)?;
        let place = first.place_of(self.tagged.as_ref()?)?;
        Some(first.event(place))
    }

    /// The span of a timeline that a call reads: all of the timeline, unless one hidden event makes the
    /// call fail. In that case the span holds only the tagged event, since the model knows no other.
    fn span(&self, room: &OwnedRoomId) -> (Option<String>, Option<String>) {
        if self.reference.profile().choices.hidden_event == HiddenEvent::LeftOut {
            return (None, None);
        }
        let Some(first) = self.reference.room(room) else {
            return (None, None);
        };
        let place = self.tagged_in(room).and_then(|event| first.place_of(&event.id));
        let end = place.map_or(0, |place| place + 1);
        let token = |place| Some(Room::token_before(first, place));
        (token(place.unwrap_or(0)), token(end))
    }

    fn gave<T>(&self, events: &[Raw<T>]) -> AnswerContent {
        AnswerContent::Gave { tagged: self.has(events) }
    }

    /// Whether the events or the state hold the tagged event. In the state only a note counts: a later
    /// event may have replaced any other tagged event by the time of the call.
    fn either<T>(&self, among_events: bool, state: &[Raw<T>]) -> AnswerContent {
        let tagged = self.first_room().and_then(|room| self.tagged_in(&room.id));
        let note = tagged.is_some_and(|event| event.kind == NOTE);
        AnswerContent::Gave { tagged: among_events || note && self.has(state) }
    }

    /// Whether the tagged event is among these.
    fn has<T>(&self, events: &[Raw<T>]) -> bool {
        let Some(tagged) = self.tagged.as_deref() else {
            return false;
        };
        let id = |event: &Raw<T>| {
            let id = event.get_field::<&str>("event_id").ok().flatten();
            id == Some(tagged.as_str())
        };
        events.iter().any(id)
    }
}

/// The type of the notes: state events that are neither settings nor memberships.
const NOTE: &str = "org.example.note";

/// The stream token of the moment before the first event.
const BEGINNING: &str = "s0";

fn never_sent() -> OwnedEventId {
    owned_event_id!("$never-sent")
}
