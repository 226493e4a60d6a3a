//! The graphs of the rooms, as the reference asks for them.

use guest_access_reference::reference::{
    Arrival, ArrivalStanding, EventGraphs, GraphState, OwnEvent, ReplicaEvent,
};
use ruma::serde::JsonObject;
use ruma::{OwnedEventId, RoomVersionId};
use serde_json::Value;

use crate::federation::{
    Event, EventDraft, EventStanding, Room, RoomState, SharedHomeserver, TakenInEvent,
};

/// The graphs of the rooms of a homeserver.
#[derive(Debug)]
pub(super) struct Graphs(pub(super) SharedHomeserver);

impl EventGraphs for Graphs {
    fn add(&self, event: &OwnEvent<'_>) -> Option<OwnedEventId> {
        let mut homeserver = self.0.lock();
        if event.kind == "m.room.create" && homeserver.room(event.room).is_err() {
            let version = event.content.get("room_version").and_then(Value::as_str)?;
            let version = RoomVersionId::try_from(version).ok()?;
            homeserver.add_room(Room::empty(event.room.to_owned(), version).ok()?);
        }
        let placed = homeserver.add_own(event.room, &draft(event)).ok()?;
        Some(placed.id().clone())
    }

    fn next_arrival(&self) -> Option<Arrival> {
        let taken_in = self.0.lock().next_taken_in()?;
        let TakenInEvent { room, event, standing, is_repeated, before, tips, now } = taken_in;
        let before = GraphState { after: event.prev_events().to_vec(), events: ids(&before) };
        Some(Arrival {
            room,
            sent_at: event.sent_at(),
            event: as_clients_see(&event),
            standing: match standing {
                EventStanding::Accepted => ArrivalStanding::Accepted,
                EventStanding::SoftFailed => ArrivalStanding::SoftFailed,
                EventStanding::Rejected => ArrivalStanding::Rejected,
            },
            is_repeated,
            before,
            now: GraphState { after: tips, events: ids(&now) },
        })
    }
}

fn ids(state: &RoomState) -> Vec<OwnedEventId> {
    state.values().cloned().collect()
}

fn draft(event: &OwnEvent<'_>) -> EventDraft {
    let mut content = event.content.clone();
    // Where the id of the redacted event stands depends on the version of the room.
    let redacts = (event.kind == "m.room.redaction").then(|| content.remove("redacts")).flatten();
    EventDraft {
        sender: event.sender.to_owned(),
        kind: event.kind.to_owned(),
        state_key: event.state_key.map(str::to_owned),
        content: Value::Object(content.into_iter().collect()),
        redacts: redacts.and_then(|id| id.as_str()?.try_into().ok()),
        sent_at: event.sent_at,
    }
}

fn as_clients_see(event: &Event) -> ReplicaEvent {
    let content = event.json().get("content").and_then(|content| content.as_object());
    let content = content.into_iter().flatten();
    let content: JsonObject =
        content.map(|(key, value)| (key.clone(), value.clone().into())).collect();
    ReplicaEvent {
        event_id: event.id().clone(),
        sender: event.sender().to_owned(),
        kind: event.kind().to_string(),
        state_key: event.state_key().map(str::to_owned),
        content,
        redacts: event.redacts().cloned(),
    }
}
