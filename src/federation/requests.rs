//! The answers to the questions of other servers.

use std::collections::BTreeSet;

use ruma::api::federation::authorization::get_event_authorization;
use ruma::api::federation::backfill::get_backfill;
use ruma::api::federation::device::get_devices;
use ruma::api::federation::event::{
    get_event, get_missing_events, get_room_state, get_room_state_ids,
};
use ruma::api::federation::membership::{prepare_join_event, prepare_leave_event};
use ruma::api::federation::query::get_profile_information;
use ruma::{
    CanonicalJsonObject, EventId, MilliSecondsSinceUnixEpoch, RoomId, ServerName, UInt, UserId,
};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::event::{Event, EventDraft};
use super::failure::Failure;
use super::homeserver::Homeserver;
use super::room::Room;

/// The most events of one answer.
const MOST_EVENTS: usize = 100;

/// The room, if the asking server is in it.
fn room_for<'a>(
    homeserver: &'a Homeserver,
    origin: &ServerName,
    id: &RoomId,
) -> Result<&'a Room, Failure> {
    let room = homeserver.room(id)?;
    if room.has_server(origin) {
        return Ok(room);
    }
    Err(Failure::forbidden("no user of this server is in the room"))
}

/// The texts of those events that the asking server may be given.
fn given<'a>(
    homeserver: &Homeserver,
    room: &Room,
    origin: &ServerName,
    events: impl IntoIterator<Item = &'a Event>,
) -> Vec<Box<RawValue>> {
    let may_have =
        |event: &&Event| !homeserver.withholds(event.id()) && room.may_give(origin, event);
    events.into_iter().filter(may_have).map(Event::text).collect()
}

fn limit(of: UInt) -> usize {
    usize::try_from(u64::from(of)).unwrap_or(MOST_EVENTS).min(MOST_EVENTS)
}

pub(super) fn event(
    homeserver: &Homeserver,
    origin: &ServerName,
    request: &get_event::v1::Request,
) -> Result<get_event::v1::Response, Failure> {
    let unknown = || Failure::not_found("this server does not have the event");
    let mut rooms = homeserver.rooms.values();
    let room = rooms.find(|room| room.event(&request.event_id).is_some()).ok_or_else(unknown)?;
    let room = room_for(homeserver, origin, room.id())?;
    let text = given(homeserver, room, origin, room.event(&request.event_id)).pop();
    let (name, now) = (homeserver.name().to_owned(), MilliSecondsSinceUnixEpoch::now());
    Ok(get_event::v1::Response::new(name, now, text.ok_or_else(unknown)?))
}

/// The events of the state before an event, and the events that permit them.
fn state_at<'a>(
    homeserver: &'a Homeserver,
    origin: &ServerName,
    room: &RoomId,
    event: &EventId,
) -> Result<(Vec<&'a Event>, Vec<&'a Event>), Failure> {
    let room = room_for(homeserver, origin, room)?;
    let event = room.event(event).filter(|event| !homeserver.withholds(event.id()));
    let event = event.ok_or_else(|| Failure::not_found("this server does not have the event"))?;
    Ok(room.with_auth_chain(&room.state_before(event.prev_events())?))
}

pub(super) fn state(
    homeserver: &Homeserver,
    origin: &ServerName,
    request: &get_room_state::v1::Request,
) -> Result<get_room_state::v1::Response, Failure> {
    let (state, chain) = state_at(homeserver, origin, &request.room_id, &request.event_id)?;
    let texts = |events: Vec<&Event>| events.into_iter().map(Event::text).collect();
    Ok(get_room_state::v1::Response::new(texts(chain), texts(state)))
}

pub(super) fn state_ids(
    homeserver: &Homeserver,
    origin: &ServerName,
    request: &get_room_state_ids::v1::Request,
) -> Result<get_room_state_ids::v1::Response, Failure> {
    let (state, chain) = state_at(homeserver, origin, &request.room_id, &request.event_id)?;
    let ids = |events: Vec<&Event>| events.into_iter().map(|event| event.id().clone()).collect();
    Ok(get_room_state_ids::v1::Response::new(ids(chain), ids(state)))
}

pub(super) fn event_auth(
    homeserver: &Homeserver,
    origin: &ServerName,
    request: &get_event_authorization::v1::Request,
) -> Result<get_event_authorization::v1::Response, Failure> {
    let room = room_for(homeserver, origin, &request.room_id)?;
    let chain = room.auth_chain_of(&request.event_id).into_iter().map(Event::text);
    Ok(get_event_authorization::v1::Response::new(chain.collect()))
}

pub(super) fn backfill(
    homeserver: &Homeserver,
    origin: &ServerName,
    request: &get_backfill::v1::Request,
) -> Result<get_backfill::v1::Response, Failure> {
    let room = room_for(homeserver, origin, &request.room_id)?;
    let events = room.backfill(&request.v, limit(request.limit));
    let texts = given(homeserver, room, origin, events);
    let (name, now) = (homeserver.name().to_owned(), MilliSecondsSinceUnixEpoch::now());
    Ok(get_backfill::v1::Response::new(name, now, texts))
}

pub(super) fn missing_events(
    homeserver: &Homeserver,
    origin: &ServerName,
    request: &get_missing_events::v1::Request,
) -> Result<get_missing_events::v1::Response, Failure> {
    let room = room_for(homeserver, origin, &request.room_id)?;
    let earliest: BTreeSet<_> = request.earliest_events.iter().cloned().collect();
    let events = room.missing_events(&earliest, &request.latest_events, limit(request.limit));
    let mut response = get_missing_events::v1::Response::default();
    response.events = given(homeserver, room, origin, events);
    Ok(response)
}

/// The template of a membership event, which the asking server completes.
fn template(
    room: &Room,
    origin: &ServerName,
    user: &UserId,
    membership: &str,
) -> Result<Box<RawValue>, Failure> {
    if user.server_name() != origin {
        return Err(Failure::forbidden("the user is not one of the asking server"));
    }
    let draft = EventDraft {
        sender: user.to_owned(),
        kind: "m.room.member".to_owned(),
        state_key: Some(user.to_string()),
        content: json!({ "membership": membership }),
        redacts: None,
        sent_at: MilliSecondsSinceUnixEpoch::now().get().into(),
    };
    let event: CanonicalJsonObject = room.template(&draft, &room.next_prev_events())?;
    to_raw_value(&event).map_err(|error| Failure::bad_json(error.to_string()))
}

pub(super) fn make_join(
    homeserver: &Homeserver,
    origin: &ServerName,
    request: &prepare_join_event::v1::Request,
) -> Result<prepare_join_event::v1::Response, Failure> {
    let room = homeserver.room(&request.room_id)?;
    if !request.ver.contains(room.version()) {
        let message = format!("the room has version {}", room.version());
        return Err(Failure::new(400, "M_INCOMPATIBLE_ROOM_VERSION", message));
    }
    let event = template(room, origin, &request.user_id, "join")?;
    let mut response = prepare_join_event::v1::Response::new(event);
    response.room_version = Some(room.version().clone());
    Ok(response)
}

pub(super) fn make_leave(
    homeserver: &Homeserver,
    origin: &ServerName,
    request: &prepare_leave_event::v1::Request,
) -> Result<prepare_leave_event::v1::Response, Failure> {
    let room = room_for(homeserver, origin, &request.room_id)?;
    let event = template(room, origin, &request.user_id, "leave")?;
    Ok(prepare_leave_event::v1::Response::new(Some(room.version().clone()), event))
}

/// The profile of a user of this server: it is empty, since this server keeps no profiles.
pub(super) fn profile(
    homeserver: &Homeserver,
    _origin: &ServerName,
    request: &get_profile_information::v1::Request,
) -> Result<get_profile_information::v1::Response, Failure> {
    own_user(homeserver, &request.user_id)?;
    Ok(get_profile_information::v1::Response::new())
}

/// The devices of a user of this server: there are none.
pub(super) fn devices(
    homeserver: &Homeserver,
    _origin: &ServerName,
    request: &get_devices::v1::Request,
) -> Result<get_devices::v1::Response, Failure> {
    own_user(homeserver, &request.user_id)?;
    Ok(get_devices::v1::Response::new(request.user_id.clone(), UInt::from(1_u32)))
}

/// Refuses a question about a user of another server, or of whom no room knows.
fn own_user(homeserver: &Homeserver, user: &UserId) -> Result<(), Failure> {
    let is_member = |room: &Room| {
        room.state()
            .is_ok_and(|state| room.in_state(&state, "m.room.member", user.as_str()).is_some())
    };
    if user.server_name() == homeserver.name() && homeserver.rooms.values().any(is_member) {
        return Ok(());
    }
    Err(Failure::not_found("this server does not have the user"))
}
