//! Users of other servers who join and leave, and invites of users of this server.

use ruma::api::federation::membership::create_join_event::v2::RoomState as JoinedState;
use ruma::api::federation::membership::{create_invite, create_join_event, create_leave_event};
use ruma::{EventId, RoomId, ServerName, UserId};
use serde_json::value::{RawValue, to_raw_value};

use super::client::FederationClient;
use super::event::Event;
use super::failure::Failure;
use super::homeserver::SharedHomeserver;
use super::keys::keys_for;
use super::room::{EventStanding, known_version};

/// The membership event of a request, verified. The path of the request names the room and the event.
async fn verified(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    (room, id): (&RoomId, &EventId),
    text: &RawValue,
    rules: &ruma::room_version_rules::RoomVersionRules,
) -> Result<Event, Failure> {
    let event = Event::read_text(text, rules)?;
    if event.id() != id || event.room() != Some(room) || event.kind().to_string() != "m.room.member"
    {
        return Err(Failure::bad_json("the event is not the one that the path names"));
    }
    let keys = keys_for(homeserver, client, std::slice::from_ref(&event)).await;
    Ok(event.verified(&keys, rules)?)
}

/// Checks that a user of the asking server changes its own membership to this one.
fn changes_own(event: &Event, origin: &ServerName, membership: &str) -> Result<(), Failure> {
    let is_own = event.state_key() == Some(event.sender().as_str());
    let is_theirs = event.sender().server_name() == origin;
    if is_own && is_theirs && event.content_text("membership") == Some(membership) {
        return Ok(());
    }
    Err(Failure::forbidden(format!(
        "the event is no `{membership}` of a user of the asking server"
    )))
}

/// Takes in an event that the rules of the room have to permit.
fn take_in(homeserver: &SharedHomeserver, room: &RoomId, event: &Event) -> Result<(), Failure> {
    let mut homeserver = homeserver.lock();
    if homeserver.receive(room, event)? != EventStanding::Accepted {
        return Err(Failure::forbidden("the rules of the room do not permit the event"));
    }
    homeserver.pass_on(room, event);
    Ok(())
}

pub(super) async fn join(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    origin: &ServerName,
    request: create_join_event::v2::Request,
) -> Result<create_join_event::v2::Response, Failure> {
    let room_id = &*request.room_id;
    let rules = homeserver.lock().room(room_id)?.rules().clone();
    let named = (room_id, &*request.event_id);
    let event = verified(homeserver, client, named, &request.pdu, &rules).await?;
    changes_own(&event, origin, "join")?;
    let (state, chain) = {
        let homeserver = homeserver.lock();
        let room = homeserver.room(room_id)?;
        let (state, chain) = room.with_auth_chain(&room.state_before(event.prev_events())?);
        let texts = |events: Vec<&Event>| events.into_iter().map(Event::text).collect::<Vec<_>>();
        (texts(state), texts(chain))
    };
    take_in(homeserver, room_id, &event)?;
    let mut answer = JoinedState::new();
    (answer.state, answer.auth_chain) = (state, chain);
    Ok(create_join_event::v2::Response::new(answer))
}

pub(super) async fn leave(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    origin: &ServerName,
    request: create_leave_event::v2::Request,
) -> Result<create_leave_event::v2::Response, Failure> {
    let room_id = &*request.room_id;
    let rules = homeserver.lock().room(room_id)?.rules().clone();
    let named = (room_id, &*request.event_id);
    let event = verified(homeserver, client, named, &request.pdu, &rules).await?;
    changes_own(&event, origin, "leave")?;
    take_in(homeserver, room_id, &event)?;
    Ok(create_leave_event::v2::Response::new())
}

pub(super) async fn invite(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    origin: &ServerName,
    request: create_invite::v2::Request,
) -> Result<create_invite::v2::Response, Failure> {
    let rules = known_version(&request.room_version)?;
    let named = (&*request.room_id, &*request.event_id);
    let event = verified(homeserver, client, named, &request.event, &rules).await?;
    let mut homeserver = homeserver.lock();
    let user = event.state_key().and_then(|user| <&UserId>::try_from(user).ok());
    let user = user.filter(|user| user.server_name() == homeserver.name()).map(ToOwned::to_owned);
    let is_invite = event.content_text("membership") == Some("invite");
    let is_theirs = event.sender().server_name() == origin;
    let Some(user) = user.filter(|_| is_invite && is_theirs) else {
        return Err(Failure::forbidden("the event is no invite of a user of this server"));
    };
    let mut json = event.json().clone();
    let signed = homeserver.identity().sign(&mut json, &rules);
    signed.map_err(|error| Failure::bad_json(error.to_string()))?;
    let text = to_raw_value(&json).map_err(|error| Failure::bad_json(error.to_string()))?;
    homeserver.invites.insert((request.room_id, user), event);
    Ok(create_invite::v2::Response::new(text))
}
