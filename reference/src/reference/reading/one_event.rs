//! One event, by its id, and its neighbours in the timeline.

use guest_access_rules::decision_point::{ContextUnseen, OtherRoom, RoomElsewhere};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::vocabulary::{Decision, Membership};
use ruma::api::Direction;
use ruma::api::client::context::get_context;
use ruma::api::client::room::{get_event_by_timestamp, get_room_event};
use ruma::{EventId, MilliSecondsSinceUnixEpoch, RoomId, UInt};

use super::super::answer::{AllowedResponse, Answer, Credentials, Refusal};
use super::super::authorisation::{Caller, EndpointCall};
use super::super::endpoints::ENDPOINTS;
use super::super::event::MEMBER;
use super::super::filter::is_member_event_of_sender;
use super::super::room_access::has_forgotten;
use super::super::{Reference, Room};

// CS-33: An event that does not exist or may not be seen is answered with 404 and `M_NOT_FOUND`.
const NO_SUCH_EVENT: Refusal =
    Refusal::not_found(&["CS-33"], "there is no such event, or none that the caller may see");
const SEEN: Decision = Decision::allow(&["GA-41", "GA-42"], "the caller may see the event");

impl Reference {
    /// `GET /rooms/{roomId}/event/{eventId}`.
    ///
    /// # Errors
    /// The refusal, if the event is not given.
    pub fn event(
        &self,
        credentials: &Credentials<'_>,
        request: &get_room_event::v3::Request,
    ) -> Answer<get_room_event::v3::Response> {
        // GA-42: A guest may call `GET /rooms/{roomId}/event/{eventId}` for an event that it may
        // see.
        let (caller, room) = self.admit_to_event(credentials, KNOWN.event, &request.room_id)?;
        let (room, place) = match self.place_if_visible(&caller, room, &request.event_id) {
            Some(place) => (room, place),
            None => {
                self.event_of_another_room(&caller, room, &request.event_id).ok_or(NO_SUCH_EVENT)?
            }
        };
        let response = get_room_event::v3::Response::new(self.show(&caller, room, place));
        Ok(AllowedResponse::new(SEEN, response))
    }

    /// `GET /rooms/{roomId}/context/{eventId}`.
    ///
    /// # Errors
    /// The refusal, if the event is not given.
    pub fn context(
        &self,
        credentials: &Credentials<'_>,
        request: &get_context::v3::Request,
    ) -> Answer<get_context::v3::Response> {
        // GA-41: A guest may call `GET /rooms/{roomId}/context/{eventId}` for an event that it may
        // see.
        let (caller, room) = self.admit_to_event(credentials, KNOWN.context, &request.room_id)?;
        let place = self.place_if_visible(&caller, room, &request.event_id);
        let is_there = room.place_of(&request.event_id).is_some();
        let place = place.ok_or_else(|| self.unseen(KNOWN.context, is_there))?;
        // Reading A32: each neighbour only if it may be seen by itself.
        let around = usize::try_from(u64::from(request.limit)).unwrap_or(usize::MAX) / 2;
        let before: Vec<_> = self.seen(&caller, room, 0..place).rev().take(around).collect();
        let after: Vec<_> = self.seen(&caller, room, place + 1..room.len()).take(around).collect();
        let newest = after.last().copied().unwrap_or(place);

        let mut state = self.readable_state(&caller, room, newest + 1);
        if !request.filter.lazy_load_options.is_disabled() {
            let given = [&before[..], &[place], &after].concat();
            state.retain(|&place| {
                room.event(place).kind != MEMBER || is_member_event_of_sender(room, &given, place)
            });
        }

        let mut response = get_context::v3::Response::new();
        response.start = Some(room.token_before(before.last().copied().unwrap_or(place)));
        response.end = Some(room.token_before(newest + 1));
        response.event = Some(self.show(&caller, room, place));
        response.state = self.show_all(&caller, room, &state);
        response.events_before = self.show_all(&caller, room, &before);
        response.events_after = self.show_all(&caller, room, &after);
        Ok(AllowedResponse::new(SEEN, response))
    }

    /// `GET /rooms/{roomId}/timestamp_to_event`: the event nearest to the time, if the caller may see
    /// this event.
    ///
    /// # Errors
    /// The refusal, if the event is not given.
    pub fn timestamp_to_event(
        &self,
        credentials: &Credentials<'_>,
        request: &get_event_by_timestamp::v1::Request,
    ) -> Answer<get_event_by_timestamp::v1::Response> {
        let endpoint = ENDPOINTS.timestamp_to_event;
        let (caller, room) = self.admit_to_event(credentials, endpoint, &request.room_id)?;
        let nearest = match request.dir {
            Direction::Forward => Some(room.place_at_time(request.ts)),
            Direction::Backward => {
                let next = request.ts.0.saturating_add(UInt::from(1_u8));
                room.place_at_time(MilliSecondsSinceUnixEpoch(next)).checked_sub(1)
            }
        };
        let nearest = nearest.filter(|&place| place < room.len());
        let nearest = nearest.ok_or_else(|| self.unseen(endpoint, false))?;
        let event = room.event(nearest);
        let seen = self.place_if_visible(&caller, room, &event.id);
        seen.ok_or_else(|| self.unseen(endpoint, true))?;
        let response = get_event_by_timestamp::v1::Response::new(event.id.clone(), event.time);
        Ok(AllowedResponse::new(SEEN, response))
    }

    fn admit_to_event(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        room: &RoomId,
    ) -> Result<(Caller, &Room), Refusal> {
        let caller = self.admit(credentials, EndpointCall::to(endpoint).about(room))?;
        let names_an_event = endpoint == KNOWN.event || endpoint == KNOWN.context;
        let is_told_apart = matches!(
            self.choices().room_elsewhere,
            RoomElsewhere::Unauthorised | RoomElsewhere::Fails
        );
        if names_an_event && self.room(room).is_none() && !is_told_apart {
            return Err(self.unseen(endpoint, false));
        }
        let (room, _) = self.readable_room(&caller, room, Gives::Event)?;
        Ok((caller, room))
    }

    /// The refusal of an event that does not exist, or that the caller may not see.
    fn unseen(&self, endpoint: EndpointId, is_there: bool) -> Refusal {
        // Reading A67: how the refusal of a context is told.
        let is_forbidden = match self.choices().context_unseen {
            ContextUnseen::NotFound => false,
            ContextUnseen::Forbidden => true,
            ContextUnseen::ForbiddenIfThere => is_there,
        };
        if is_forbidden && endpoint != KNOWN.event {
            return Refusal::forbidden(&["CS-33"], "the caller may not see the event");
        }
        NO_SUCH_EVENT
    }

    /// The place of the event with this id, if `room` has the event and the caller may see the event.
    fn place_if_visible(&self, caller: &Caller, room: &Room, id: &EventId) -> Option<usize> {
        // CS-41: A server may make a user forget a room whenever the user leaves the room.
        let forgotten = has_forgotten(caller, room);
        room.place_of(id).filter(|&place| !forgotten && self.may_see(caller, room, place))
    }

    /// The event with this id in another room than the room in the path.
    fn event_of_another_room(
        &self,
        caller: &Caller,
        room_in_path: &Room,
        id: &EventId,
    ) -> Option<(&Room, usize)> {
        let may_read =
            caller.membership(room_in_path) == Membership::Join || room_in_path.is_world_readable();
        if self.choices().other_room == OtherRoom::NotFound || !may_read {
            return None;
        }
        let mut others = self.rooms().filter(|room| room.id != room_in_path.id);
        others.find_map(|room| Some((room, room.place_of(id)?)))
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::ErrCode;

    use super::super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, ids, latest, status_and_errcode,
    };
    use super::*;

    #[test]
    fn a_hidden_event_is_not_found() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let hidden = fixture.say("hidden");
        fixture.set_visibility("world_readable");
        let public = fixture.say("public");
        let gone = (404, Some(ErrCode::NotFound));
        for (event, expected) in [(hidden, gone), (public, ALLOWED)] {
            let request = get_room_event::v3::Request::new(fixture.room.clone(), event.clone());
            assert_eq!(
                status_and_errcode(fixture.server.event(&guest.credentials(), &request)),
                expected
            );
            let request = get_context::v3::Request::new(fixture.room.clone(), event);
            assert_eq!(
                status_and_errcode(fixture.server.context(&guest.credentials(), &request)),
                expected
            );
        }
    }

    #[test]
    fn context_of_an_unseen_event_is_refused_as_the_profile_says() {
        let not_found = (404, Some(ErrCode::NotFound));
        for (option, expected, of_nothing) in [
            ("M_NOT_FOUND", not_found, not_found),
            ("M_FORBIDDEN", FORBIDDEN, FORBIDDEN),
            ("forbidden_if_there", FORBIDDEN, not_found),
        ] {
            let mut fixture = Fixture::with_profile(latest(&[("context.unseen", option)]));
            let guest = fixture.guest();
            let hidden = fixture.say("hidden");
            fixture.set_visibility("world_readable");
            let context = get_context::v3::Request::new(fixture.room.clone(), hidden.clone());
            let answer = fixture.server.context(&guest.credentials(), &context);
            assert_eq!(status_and_errcode(answer), expected);
            let nothing = ruma::event_id!("$nothing").to_owned();
            let context = get_context::v3::Request::new(fixture.room.clone(), nothing);
            let answer = fixture.server.context(&guest.credentials(), &context);
            assert_eq!(status_and_errcode(answer), of_nothing);
            // The event itself is not found under any option.
            let event = get_room_event::v3::Request::new(fixture.room.clone(), hidden);
            let answer = fixture.server.event(&guest.credentials(), &event);
            assert_eq!(status_and_errcode(answer), (404, Some(ErrCode::NotFound)));
        }
    }

    #[test]
    fn context_leaves_out_the_neighbours_that_may_not_be_seen() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        fixture.say("hidden");
        let change = fixture.set_visibility("world_readable");
        let public = fixture.say("public");
        let after = fixture.say("after");
        let request = get_context::v3::Request::new(fixture.room.clone(), public);
        let response = fixture.server.context(&guest.credentials(), &request).unwrap().response;
        assert_eq!(ids(&response.events_before), [change.as_str()]);
        assert_eq!(ids(&response.events_after), [after.as_str()]);
    }

    #[test]
    fn an_event_is_not_given_through_the_path_of_another_room() {
        for (options, given) in
            [(&[][..], false), (&[("visibility.other_room", "given")][..], true)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            let event = fixture.say("here");
            let creator = fixture.moderator.user_id.clone();
            let other = fixture.server.create_bare_room(&creator, "other");
            let request = get_room_event::v3::Request::new(other, event);
            assert_eq!(
                fixture.server.event(&fixture.moderator.credentials(), &request).is_ok(),
                given
            );
        }
    }
}
