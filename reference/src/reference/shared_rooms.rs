//! Rooms that other homeservers share. Their events form a graph, and not one line.
//!
//! 1. A user of this server sends an event. The graph of the room gives the event its place and its id.
//! 2. Every event that the graph takes in arrives here, in the same order: those of this server, and those
//!    of other servers. The graph says what the rules of the room make of the event, which state was
//!    before the event, and which state the room has now.
//! 3. The event becomes part of the timeline. If the room is closed to guests thereby, a revocation follows.
//!
//! The graph has no rules about guests, and this module has none about graphs.

use std::fmt::Debug;
use std::sync::Arc;

use guest_access_rules::federation::FederationMistake;
use guest_access_rules::vocabulary::GuestAccess;
use ruma::serde::JsonObject;
use ruma::{OwnedEventId, OwnedRoomId, RoomId, UserId};

use super::event::{Event, GUEST_ACCESS, REDACTION, SentBy, UnsentEvent};
use super::replica::ReplicaEvent;
use super::room::GraphState;
use super::{Reference, Room};

/// The graphs of the rooms that this server shares with other servers.
pub trait EventGraphs: Debug + Send + Sync {
    /// Adds an event of a user of this server after all other events of its room. The first event makes the
    /// room. Returns the id of the event; `None` if no graph can hold the event.
    fn add(&self, event: &OwnEvent<'_>) -> Option<OwnedEventId>;

    /// The next event that a graph has taken in, in the order in which the graphs took them in.
    fn next_arrival(&self) -> Option<Arrival>;
}

/// An event of a user of this server, before the event has its place in a graph.
#[derive(Debug, Clone, Copy)]
pub struct OwnEvent<'a> {
    /// The room.
    pub room: &'a RoomId,
    /// The sender.
    pub sender: &'a UserId,
    /// The event type.
    pub kind: &'a str,
    /// The state key, if the event is a state event.
    pub state_key: Option<&'a str>,
    /// The content.
    pub content: &'a JsonObject,
    /// When the event is sent, in milliseconds since 1970.
    pub sent_at: u64,
}

/// An event that a graph has taken in.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The room.
    pub room: OwnedRoomId,
    /// The event.
    pub event: ReplicaEvent,
    /// When the sender says that it sent the event, in milliseconds since 1970.
    pub sent_at: u64,
    /// What the rules of the room make of the event.
    pub standing: ArrivalStanding,
    /// Whether the graph had the event before.
    pub is_repeated: bool,
    /// The state before the event.
    pub before: GraphState,
    /// The state of the room, once the event was taken in.
    pub now: GraphState,
}

/// What the rules of a room make of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalStanding {
    /// The event is part of the room.
    Accepted,
    /// The event was permitted at its place in the graph, and is not permitted now.
    SoftFailed,
    /// The event was not permitted at its place in the graph.
    Rejected,
}

/// What a server with shared rooms has.
#[derive(Debug)]
pub(super) struct SharedRooms {
    graphs: Arc<dyn EventGraphs>,
    mistake: Option<FederationMistake>,
}

impl Reference {
    /// The same server, whose rooms have these graphs. With `mistake`, the server treats what comes from
    /// other servers wrongly.
    #[must_use]
    pub fn with_graphs(
        self,
        graphs: Arc<dyn EventGraphs>,
        mistake: Option<FederationMistake>,
    ) -> Self {
        Self { shared: Some(Arc::new(SharedRooms { graphs, mistake })), ..self }
    }

    /// Adds an event of this server to the graph of the room. Returns the id; `None` if the server shares no
    /// rooms, or no graph can hold the event.
    pub(super) fn add_to_graph(
        &mut self,
        room: &RoomId,
        sent_at: u64,
        draft: &UnsentEvent,
    ) -> Option<OwnedEventId> {
        let shared = Arc::clone(self.shared.as_ref()?);
        let id = shared.graphs.add(&OwnEvent {
            room,
            sender: &draft.sender,
            kind: &draft.kind,
            state_key: draft.state_key.as_deref(),
            content: &draft.content,
            sent_at,
        })?;
        self.take_in_all(draft.transaction.as_ref().map(|sent_by| (&id, sent_by)));
        Some(id)
    }

    /// Takes in the events that have arrived in shared rooms.
    pub fn take_in_arrivals(&mut self) {
        self.take_in_all(None);
    }

    /// Takes in what has arrived. `own` is the event of a client of this server, and who sent it.
    fn take_in_all(&mut self, own: Option<(&OwnedEventId, &SentBy)>) {
        let Some(shared) = self.shared.clone() else { return };
        let mut closed = Vec::new();
        while let Some(arrival) = shared.graphs.next_arrival() {
            let sent_by = own.filter(|(id, _)| **id == arrival.event.event_id);
            let sent_by = sent_by.map(|(_, sent_by)| sent_by.clone());
            if self.take_in(&arrival, sent_by, shared.mistake) {
                closed.push(arrival.room);
            }
        }
        closed.dedup();
        for room in closed {
            self.revoke(&room);
        }
    }

    /// Takes in one event. Returns whether a revocation follows.
    fn take_in(
        &mut self,
        arrival: &Arrival,
        sent_by: Option<SentBy>,
        mistake: Option<FederationMistake>,
    ) -> bool {
        use FederationMistake as Mistake;
        let choices = *self.choices();
        let is_known = self.room(&arrival.room).is_some();
        if !is_known {
            self.rooms.push(Arc::new(Room::new(arrival.room.clone(), &choices)));
        }
        // CS-8: A user may send an event only if its power level reaches what the room requires for
        // that event.
        if arrival.standing == ArrivalStanding::Rejected {
            return mistake == Some(Mistake::RevokesForTheRejected) && closes(&arrival.event);
        }
        let number = self.tick();
        let event = arrival.event(number, sent_by);
        let triggers_revocation = self.triggers_revocation(&event);
        let is_own = self.accounts.get(&event.sender).is_some();
        let Some(room) = self.room_mut(&arrival.room) else { return false };
        let before = room.settings();
        let is_accepted = arrival.standing == ArrivalStanding::Accepted;
        if !arrival.is_repeated {
            let redacts = room.redacted_by(&event);
            let is_ignored = mistake == Some(Mistake::IgnoresRedactions) && !is_own;
            let redacts = redacts.filter(|_| !is_ignored);
            let state_before = if mistake == Some(Mistake::IgnoresThePast) && !is_own {
                room.now().clone()
            } else {
                // HV-21: Whether a user may see an event is judged by the state of the room at that event.
                room.state_of(&arrival.before, &choices)
            };
            room.append_after(state_before, event.clone(), redacts, is_accepted, &choices);
            room.set_now(room.state_of(&arrival.now, &choices));
        }
        if mistake == Some(Mistake::TakesTheLastReceived) && event.kind != REDACTION {
            room.set_settings(if is_accepted { before.after(&event, &choices) } else { before });
        }
        let after = room.settings();
        let is_redaction = event.kind == REDACTION;
        let is_overlooked = !is_own
            && (mistake == Some(Mistake::RevokesForOwnUsersOnly)
                || (mistake == Some(Mistake::OverlooksRedactions) && is_redaction));
        // GA-23: When `m.room.guest_access` changes so that guests may no longer join, the server sets
        // their membership to `leave`.
        let is_closed = before.guest_access == GuestAccess::CanJoin
            && after.guest_access != GuestAccess::CanJoin
            && triggers_revocation
            && !is_overlooked;
        let is_current = arrival.now.events.contains(&event.id);
        let is_mistaken = !arrival.is_repeated
            && !is_own
            && closes(&arrival.event)
            && match mistake {
                Some(Mistake::RevokesForTheSoftFailed) => {
                    arrival.standing == ArrivalStanding::SoftFailed
                }
                Some(Mistake::RevokesForTheLoser) => {
                    is_accepted && event.is_state(GUEST_ACCESS, "") && !is_current
                }
                Some(Mistake::RevokesForAnyStateKey) => {
                    event.state_key.as_deref().is_some_and(|key| !key.is_empty())
                }
                Some(Mistake::RevokesForMessages) => event.state_key.is_none(),
                _ => false,
            };
        is_closed || is_mistaken
    }
}

/// Whether the event has the type of guest access, and says something else than `can_join`.
fn closes(event: &ReplicaEvent) -> bool {
    let value = event.content.get("guest_access").and_then(serde_json::Value::as_str);
    event.kind == GUEST_ACCESS && value != Some(GuestAccess::CanJoin.as_str())
}

impl Arrival {
    fn event(&self, number: u64, transaction: Option<SentBy>) -> Event {
        let ReplicaEvent { event_id, sender, kind, state_key, content, redacts } =
            self.event.clone();
        let mut draft = UnsentEvent { sender, kind, state_key, content, transaction };
        if let Some(redacts) = redacts {
            // Rooms before version 11 have the id beside the content.
            draft.content.insert("redacts".to_owned(), redacts.as_str().into());
        }
        Event::new(number, self.sent_at, &self.room, draft).with_id(event_id)
    }
}

impl Room {
    /// The place of the event that this event redacts, if the sender may redact it.
    fn redacted_by(&self, event: &Event) -> Option<usize> {
        let place = self.place_of(&event.redacts()?)?;
        let is_of_the_same_server =
            self.event(place).sender.server_name() == event.sender.server_name();
        // CS-8: A user may send an event only if its power level reaches what the room requires for
        // that event.
        let suffices = self.power_of(&event.sender) >= self.power_to("redact");
        (is_of_the_same_server || suffices).then_some(place)
    }
}

#[cfg(test)]
mod tests;
