//! `GET /events`: new events in one room, or in every room that the caller follows.

use guest_access_rules::decision_point::EventsNoRoom;
use guest_access_rules::endpoint::{Gives, KNOWN};
use guest_access_rules::vocabulary::{Decision, ErrCode, Membership};
use ruma::OwnedRoomId;
use ruma::api::client::peeking::listen_to_new_events::v3::Response;

use super::super::answer::{AllowedResponse, Answer, Credentials, Refusal};
use super::super::authorisation::{Caller, EndpointCall};
use super::super::filter::is_from_ignored;
use super::super::room_access::UNREADABLE_VISIBILITY;
use super::super::{Reference, Room};
use super::{read_token, token};

/// A request to `GET /events`. A caller may leave out the room.
#[derive(Debug, Clone, Default)]
pub struct EventsRequest {
    /// The room, if one is named.
    pub room_id: Option<OwnedRoomId>,
    /// The token after which the events start. Without a token, the events start now.
    pub from: Option<String>,
}

impl Reference {
    /// `GET /events`: the events since the token in the request. The call never waits. A server waits
    /// until [`Reference::token`] changes, and calls again.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    // RP-9: `GET /events` waits until there is an event for the caller or its `timeout` has passed.
    pub fn events(
        &self,
        credentials: &Credentials<'_>,
        request: &EventsRequest,
    ) -> Answer<Response> {
        let mut call = EndpointCall::to(KNOWN.events);
        if let Some(room) = &request.room_id {
            call = call.about(room);
        }
        let caller = self.admit(credentials, call)?;
        let (rooms, decision) = match &request.room_id {
            // GA-36: A guest may call `GET /events` in the way that room previews use it, naming a
            // room.
            // RP-7: `GET /events` with `room_id` returns the events of that room.
            Some(room) => {
                let (room, decision) = self.readable_room(&caller, room, Gives::Stream)?;
                (vec![room], decision)
            }
            None => self.rooms_to_follow(&caller)?,
        };
        let from = request.from.as_deref().and_then(read_token).unwrap_or(self.clock);
        let ignored = self.ignored_by(caller.user.as_deref());
        let mut seen: Vec<_> = rooms
            .into_iter()
            .flat_map(|room| {
                let seen = self.seen(&caller, room, room.place_after(from)..room.len());
                seen.map(move |place| (room, place))
            })
            .filter(|(room, place)| !is_from_ignored(&ignored, room.event(*place)))
            .collect();
        seen.sort_by_key(|(room, place)| room.event(*place).number);
        let mut response = Response::new();
        response.start = Some(token(from));
        response.end = Some(self.token());
        let events = seen.into_iter().map(|(room, place)| self.show(&caller, room, place));
        response.chunk = events.collect();
        Ok(AllowedResponse::new(decision, response))
    }

    /// The rooms whose events `GET /events` gives who names none.
    fn rooms_to_follow(&self, caller: &Caller) -> Result<(Vec<&Room>, Decision), Refusal> {
        // Reading A9: only that form. Reading A18: in the draft, every `world_readable` room.
        // DR-17: A guest may call `/events`, with neither a method nor a way to name a room given.
        // GA-15: A guest may call a special `GET /events`, whose `room_id` is a list of rooms.
        let previews = match self.choices().events_no_room {
            // RP-13: A preview by `GET /events` has to give `room_id`.
            EventsNoRoom::Refused if caller.guest => {
                return Err(Refusal::new(
                    400,
                    ErrCode::MissingParam,
                    &["GA-15", "GA-36"],
                    "a guest must name the room whose events it wants",
                ));
            }
            EventsNoRoom::EveryPreviewableRoom => caller.guest,
            EventsNoRoom::Refused | EventsNoRoom::JoinedRooms => false,
        };
        let mut rooms = self.joined_rooms(caller)?;
        if previews {
            rooms = self
                .rooms()
                .filter(|room| {
                    room.is_world_readable() || rooms.iter().any(|joined| joined.id == room.id)
                })
                .collect();
        }
        Ok((rooms, Decision::allow(&["GA-2"], "the rooms are those that the caller follows")))
    }

    /// The rooms that the caller is joined to.
    pub(super) fn joined_rooms(&self, caller: &Caller) -> Result<Vec<&Room>, Refusal> {
        let joined = self.rooms().filter(|room| caller.membership(room) == Membership::Join);
        let readable = |room: &Room| room.settings().visibility.is_some();
        joined.map(|room| readable(room).then_some(room).ok_or(UNREADABLE_VISIBILITY)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{ALLOWED, FORBIDDEN, Fixture, ids, status_and_errcode};
    use super::*;

    fn since(from: &str, room: Option<OwnedRoomId>) -> EventsRequest {
        EventsRequest { room_id: room, from: Some(from.to_owned()) }
    }

    #[test]
    fn a_previewer_follows_a_world_readable_room() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let request = since("s0", Some(fixture.room.clone()));
        assert_eq!(
            status_and_errcode(fixture.server.events(&guest.credentials(), &request)),
            FORBIDDEN
        );
        fixture.set_visibility("world_readable");
        let from = fixture.server.token();
        let new = fixture.say("new");
        let request = since(&from, Some(fixture.room.clone()));
        let response = fixture.server.events(&guest.credentials(), &request).unwrap().response;
        assert_eq!(ids(&response.chunk), [new.as_str()]);
        assert_eq!(response.end, Some(fixture.server.token()));
    }

    #[test]
    fn a_guest_must_name_a_room_and_a_user_need_not() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let request = since("s0", None);
        let missing = (400, Some(ErrCode::MissingParam));
        assert_eq!(
            status_and_errcode(fixture.server.events(&guest.credentials(), &request)),
            missing
        );
        assert_eq!(
            status_and_errcode(fixture.server.events(&fixture.moderator.credentials(), &request)),
            ALLOWED
        );
    }
}
