//! Entering and leaving a room of another server.

use ruma::api::federation::membership::{
    create_join_event, create_leave_event, prepare_join_event, prepare_leave_event,
};
use ruma::canonical_json::CanonicalJsonValue;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{
    CanonicalJsonObject, Int, MilliSecondsSinceUnixEpoch, OwnedRoomId, OwnedUserId, RoomId,
    RoomVersionId, UserId,
};
use serde_json::value::RawValue;

use super::client::{Endpoint, FederationClient};
use super::error::{FederationError, RoomError};
use super::event::Event;
use super::homeserver::SharedHomeserver;
use super::keys::keys_for;
use super::room::{KNOWN_VERSIONS, Room, known_version};

/// Joins a user of this server to a room, by way of a server that is in the room. The room becomes one of
/// this server's.
///
/// # Errors
/// If the other server does not answer or refuses, or its answer does not fit together.
pub async fn join(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    via: &Endpoint,
    room: &OwnedRoomId,
    user: &OwnedUserId,
) -> Result<(), FederationError> {
    let mut prepare = prepare_join_event::v1::Request::new(room.clone(), user.clone());
    prepare.ver = KNOWN_VERSIONS.to_vec();
    let prepared = client.call(via, prepare).await?;
    let version = prepared.room_version.unwrap_or(RoomVersionId::V1);
    let rules = known_version(&version)?;
    let event = signed_template(client, &prepared.event, &rules, room, user, "join")?;
    let request =
        create_join_event::v2::Request::new(room.clone(), event.id().clone(), event.text());
    let answer = client.call(via, request).await?.room_state;
    let read = |texts: &[Box<RawValue>]| -> Result<Vec<Event>, RoomError> {
        texts.iter().map(|text| Event::read_text(text, &rules)).collect()
    };
    let (state, chain) = (read(&answer.state)?, read(&answer.auth_chain)?);
    let mut keys = keys_for(homeserver, client, &state).await;
    keys.extend(keys_for(homeserver, client, &chain).await);
    let verified = |events: Vec<Event>| -> Result<Vec<Event>, RoomError> {
        events.into_iter().map(|event| event.verified(&keys, &rules)).collect()
    };
    let (state, chain) = (verified(state)?, verified(chain)?);
    let mut homeserver = homeserver.lock();
    match homeserver.rooms.get_mut(room) {
        // Another user of this server is in the room: the graph goes on.
        Some(known) if known.has_server(client.identity().name()) => {
            known.receive(event)?;
        }
        _ => homeserver.add_room(Room::entered(room.clone(), version, state, chain, event)?),
    }
    Ok(())
}

/// Makes a user of this server leave a room, by way of a server that is in the room. The user may be
/// joined or invited.
///
/// # Errors
/// If the other server does not answer or refuses, or its answer does not fit together.
pub async fn leave(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    via: &Endpoint,
    room: &OwnedRoomId,
    user: &OwnedUserId,
) -> Result<(), FederationError> {
    let prepare = prepare_leave_event::v1::Request::new(room.clone(), user.clone());
    let prepared = client.call(via, prepare).await?;
    let rules = known_version(&prepared.room_version.unwrap_or(RoomVersionId::V1))?;
    let event = signed_template(client, &prepared.event, &rules, room, user, "leave")?;
    let request =
        create_leave_event::v2::Request::new(room.clone(), event.id().clone(), event.text());
    client.call(via, request).await?;
    let mut homeserver = homeserver.lock();
    homeserver.invites.remove(&(room.clone(), user.clone()));
    if let Ok(known) = homeserver.room_mut(room) {
        known.receive(event)?;
    }
    Ok(())
}

/// The membership event of a user, made of the template of another server. Only the place in the graph is
/// taken from the template.
fn signed_template(
    client: &FederationClient,
    template: &RawValue,
    rules: &RoomVersionRules,
    room: &RoomId,
    user: &UserId,
    membership: &str,
) -> Result<Event, FederationError> {
    let malformed = |why: String| RoomError::Malformed { why };
    let template: CanonicalJsonObject =
        serde_json::from_str(template.get()).map_err(|error| malformed(error.to_string()))?;
    let text = |text: &str| CanonicalJsonValue::String(text.to_owned());
    let now = MilliSecondsSinceUnixEpoch::now().get().into();
    let mut event = CanonicalJsonObject::from([
        (
            "content".to_owned(),
            CanonicalJsonValue::Object(CanonicalJsonObject::from([(
                "membership".to_owned(),
                text(membership),
            )])),
        ),
        ("origin_server_ts".to_owned(), CanonicalJsonValue::Integer(Int::new_saturating(now))),
        ("room_id".to_owned(), text(room.as_str())),
        ("sender".to_owned(), text(user.as_str())),
        ("state_key".to_owned(), text(user.as_str())),
        ("type".to_owned(), text("m.room.member")),
    ]);
    for key in ["auth_events", "prev_events", "depth"] {
        let value = template.get(key).cloned();
        let value = value.ok_or_else(|| malformed(format!("the template lacks `{key}`")))?;
        event.insert(key.to_owned(), value);
    }
    let signed = client.identity().hash_and_sign(&mut event, rules);
    signed.map_err(|error| malformed(error.to_string()))?;
    Ok(Event::read(event, rules)?)
}
