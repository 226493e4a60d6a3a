//! Transactions: events that one server sends another.

use std::collections::{BTreeMap, BTreeSet};

use ruma::api::federation::event::get_missing_events;
use ruma::api::federation::transactions::send_transaction_message;
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedTransactionId, ServerName, UInt,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::{Endpoint, FederationClient};
use super::error::{FederationError, RoomError};
use super::event::Event;
use super::homeserver::SharedHomeserver;
use super::keys::keys_for;
use super::room::EventStanding;

/// The most events that this server asks for at once if some are missing.
const MOST_MISSING: u32 = 50;

/// What the other server said of each event of a transaction.
pub type SentEvents = BTreeMap<OwnedEventId, Result<(), String>>;

/// An id that no other transaction has.
fn unique_transaction() -> OwnedTransactionId {
    format!("{:016x}", fastrand::u64(..)).into()
}

/// Sends events to another server, in one transaction.
///
/// # Errors
/// If the server does not answer, or refuses the transaction as a whole.
pub async fn send_events(
    client: &FederationClient,
    to: &Endpoint,
    events: &[Event],
) -> Result<SentEvents, FederationError> {
    let origin = client.identity().name().to_owned();
    let now = MilliSecondsSinceUnixEpoch::now();
    let mut request = send_transaction_message::v1::Request::new(unique_transaction(), origin, now);
    request.pdus = events.iter().map(Event::text).collect();
    Ok(client.call(to, request).await?.pdus)
}

/// The room of an event that nothing has checked.
#[derive(Deserialize)]
struct RoomOf {
    room_id: OwnedRoomId,
}

/// Takes in the events of a transaction from `origin`, and says of each what became of it. An event
/// without an id is left out: nobody could name it.
pub(super) async fn receive_transaction(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    origin: &ServerName,
    texts: &[Box<RawValue>],
) -> SentEvents {
    let mut results = SentEvents::new();
    for text in texts {
        let Some((room, event)) = read(homeserver, text) else { continue };
        let id = event.id().clone();
        let received = receive(homeserver, client, origin, &room, event).await;
        let result = match received {
            Ok(EventStanding::Rejected) => Err("the event is not permitted".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        results.insert(id, result);
    }
    results
}

/// The room and the event, if this server has the room.
fn read(homeserver: &SharedHomeserver, text: &RawValue) -> Option<(OwnedRoomId, Event)> {
    let RoomOf { room_id } = serde_json::from_str(text.get()).ok()?;
    let homeserver = homeserver.lock();
    let event = Event::read_text(text, homeserver.room(&room_id).ok()?.rules()).ok()?;
    Some((room_id, event))
}

/// Takes in one event. If events before it are missing, asks `origin` for them once.
async fn receive(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    origin: &ServerName,
    room: &OwnedRoomId,
    event: Event,
) -> Result<EventStanding, FederationError> {
    let mut events = vec![event];
    let mut has_asked = false;
    loop {
        let keys = keys_for(homeserver, client, &events).await;
        let mut result = Ok(EventStanding::Rejected);
        for event in &events {
            let mut homeserver = homeserver.lock();
            let verified = event.clone().verified(&keys, homeserver.room(room)?.rules());
            result =
                verified.map_err(Into::into).and_then(|event| homeserver.receive(room, &event));
        }
        let is_missing = matches!(result, Err(FederationError::Room(RoomError::Missing { .. })));
        match events.last().cloned() {
            Some(last) if is_missing && !has_asked => {
                has_asked = true;
                events = missing_events(homeserver, client, origin, room, &last).await?;
                events.push(last);
            }
            _ => return result,
        }
    }
}

/// The events that `origin` gives of those before an event, the oldest first.
async fn missing_events(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    origin: &ServerName,
    room: &OwnedRoomId,
    before: &Event,
) -> Result<Vec<Event>, FederationError> {
    let (to, tips) = {
        let homeserver = homeserver.lock();
        let url = homeserver.peer(origin)?.url.clone();
        let tips: BTreeSet<_> = homeserver.room(room)?.tips().cloned().collect();
        (Endpoint { name: origin.to_owned(), url }, tips)
    };
    let mut request = get_missing_events::v1::Request::new(
        room.clone(),
        tips.into_iter().collect(),
        vec![before.id().clone()],
    );
    request.limit = UInt::from(MOST_MISSING);
    let answer = client.call(&to, request).await?;
    let homeserver = homeserver.lock();
    let rules = homeserver.room(room)?.rules();
    let events = answer.events.iter().map(|text| Event::read_text(text, rules));
    Ok(events.collect::<Result<_, _>>()?)
}
