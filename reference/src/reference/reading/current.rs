//! The endpoints that give the state of a room, or its members.

use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::vocabulary::{Decision, Membership};
use ruma::api::client::membership::{get_member_events, joined_members};
use ruma::api::client::state::get_state_event_for_key::v3::StateEventFormat;
use ruma::api::client::state::{get_state_event_for_key, get_state_events};
use ruma::{OwnedMxcUri, RoomId, UserId};

use super::super::answer::{AllowedResponse, Answer, Credentials, Refusal};
use super::super::authorisation::{Caller, EndpointCall};
use super::super::endpoints::ENDPOINTS;
use super::super::event::MEMBER;
use super::super::room::membership_by;
use super::super::{Reference, Room};

// CS-33: An event that does not exist or may not be seen is answered with 404 and `M_NOT_FOUND`.
const NO_SUCH_STATE: Refusal =
    Refusal::not_found(&["CS-33"], "there is no such state, or none for the caller");

impl Reference {
    /// `GET /rooms/{roomId}/state`.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn state(
        &self,
        credentials: &Credentials<'_>,
        request: &get_state_events::v3::Request,
    ) -> Answer<get_state_events::v3::Response> {
        // DR-15: A guest may call `/rooms/{roomId}/state`, with no method given.
        // GA-11: A guest may call `GET /rooms/{roomId}/state` for a room that it may read.
        let (caller, room, decision) =
            self.admit_to_state(credentials, ENDPOINTS.state, &request.room_id, Gives::State)?;
        let state = self.readable_state(&caller, room, room.len());
        let state = self.show_all(&caller, room, &state);
        Ok(AllowedResponse::new(decision, get_state_events::v3::Response::new(state)))
    }

    /// `GET /rooms/{roomId}/state/{eventType}/{stateKey}`.
    ///
    /// # Errors
    /// The refusal, if the state event is not given.
    pub fn state_event(
        &self,
        credentials: &Credentials<'_>,
        request: &get_state_event_for_key::v3::Request,
    ) -> Answer<get_state_event_for_key::v3::Response> {
        let (id, key) = (&request.room_id, &request.state_key);
        // DR-16: A guest may call `/rooms/{roomId}/state/{eventType}/{stateKey}`, with no method
        // given.
        // GA-12: A guest may call `GET /rooms/{roomId}/state/{eventType}/{stateKey}` for a room
        // that it may read.
        let (caller, room, decision) =
            self.admit_to_state(credentials, ENDPOINTS.state_event, id, Gives::StateEvent)?;
        let kind = request.event_type.to_string();
        let readable = self.readable_state(&caller, room, room.len());
        let place = readable
            .into_iter()
            .find(|&place| room.event(place).is_state(&kind, key))
            .ok_or(NO_SUCH_STATE)?;
        let response = match request.format {
            StateEventFormat::Event => {
                self.show::<ruma::events::AnyStateEvent>(&caller, room, place).into()
            }
            _ => get_state_event_for_key::v3::Response::new(
                self.as_given(&caller, room, place).raw_content(),
            ),
        };
        Ok(AllowedResponse::new(decision, response))
    }

    /// `GET /rooms/{roomId}/members`.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn members(
        &self,
        credentials: &Credentials<'_>,
        request: &get_member_events::v3::Request,
    ) -> Answer<get_member_events::v3::Response> {
        let id = &request.room_id;
        // GA-43: A guest may call `GET /rooms/{roomId}/members` for a room that it may read.
        let (caller, room, decision) =
            self.admit_to_state(credentials, ENDPOINTS.members, id, Gives::Members)?;
        let at = room.place_at(request.at.as_deref()).unwrap_or(room.len());
        // Reading A30: a previewer is given the member events sent while `world_readable`.
        // CS-25: A user who left a room is given its members as of the time it left.
        let places: Vec<_> = self
            .readable_state(&caller, room, at)
            .into_iter()
            .filter(|&place| room.event(place).kind == MEMBER)
            .filter(|&place| {
                let membership = membership_by(room.event(place));
                let is = |wanted: &_| *wanted == membership.as_str().into();
                request.membership.as_ref().is_none_or(is)
                    && !request.not_membership.as_ref().is_some_and(is)
            })
            .collect();
        let members = self.show_all(&caller, room, &places);
        Ok(AllowedResponse::new(decision, get_member_events::v3::Response::new(members)))
    }

    /// `GET /rooms/{roomId}/joined_members`.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn joined_members(
        &self,
        credentials: &Credentials<'_>,
        request: &joined_members::v3::Request,
    ) -> Answer<joined_members::v3::Response> {
        let id = &request.room_id;
        let (caller, room, decision) =
            self.admit_to_state(credentials, KNOWN.joined_members, id, Gives::Members)?;
        // CS-70: The joined members of a room are given to those who are joined to it, and refused to others
        // with 403.
        if caller.membership(room) != Membership::Join {
            return Err(Refusal::forbidden(&["CS-70"], "the caller is not in the room"));
        }
        let joined = self
            .readable_state(&caller, room, room.len())
            .into_iter()
            .map(|place| room.event(place))
            .filter(|event| event.kind == MEMBER && membership_by(event) == Membership::Join)
            .filter_map(|event| {
                let mut member = joined_members::v3::RoomMember::new();
                member.display_name = event.text("displayname").map(str::to_owned);
                member.avatar_url = event.text("avatar_url").map(OwnedMxcUri::from);
                Some((UserId::parse(event.state_key.as_deref()?).ok()?, member))
            })
            .collect();
        Ok(AllowedResponse::new(decision, joined_members::v3::Response::new(joined)))
    }

    fn admit_to_state(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        room: &RoomId,
        gives: Gives,
    ) -> Result<(Caller, &Room, Decision), Refusal> {
        let caller = self.admit(credentials, EndpointCall::to(endpoint).about(room))?;
        let (room, decision) = self.readable_room(&caller, room, gives)?;
        Ok((caller, room, decision))
    }
}
