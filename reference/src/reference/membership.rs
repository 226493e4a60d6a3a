//! The membership of the caller: join, leave, forget and knock.

use guest_access_rules::decision_point::{
    GateByAlias, GateByStateEvent, GateForInvited, GateForUsers, JoinAgain, JoinBannedErrcode,
    JoinElsewhere, JoinErrcode, JoinGate, KnockAgain, KnockBannedErrcode, LeaveAgain,
    LeaveAgainByStateEvent, LeaveForgets,
};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{Decision, ErrCode, GuestAccess, JoinRule, Membership};
use ruma::api::client::knock::knock_room;
use ruma::api::client::membership::{
    forget_room, join_room_by_id, join_room_by_id_or_alias, leave_room,
};
use ruma::{OwnedRoomId, RoomId, UserId};
use serde_json::{Value, json};

use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::authorisation::{Caller, EndpointCall};
use super::endpoints::ENDPOINTS;
use super::event::{MEMBER, UnsentEvent};
use super::{Reference, Room};

impl Reference {
    /// `POST /rooms/{roomId}/join`.
    ///
    /// # Errors
    /// The refusal, if the caller may not join.
    pub fn join(
        &mut self,
        credentials: &Credentials<'_>,
        request: &join_room_by_id::v3::Request,
    ) -> Answer<join_room_by_id::v3::Response> {
        let room = &request.room_id;
        let caller = self.admit(credentials, EndpointCall::to(KNOWN.join).about(room))?;
        let decision = self.may_join(&caller, room, MembershipEndpoint::Own)?;
        self.change_own_membership(&caller, room, Membership::Join);
        Ok(AllowedResponse::new(decision, join_room_by_id::v3::Response::new(room.clone())))
    }

    /// `POST /join/{roomIdOrAlias}`.
    ///
    /// # Errors
    /// The refusal, if the caller may not join.
    pub fn join_by_alias(
        &mut self,
        credentials: &Credentials<'_>,
        request: &join_room_by_id_or_alias::v3::Request,
    ) -> Answer<join_room_by_id_or_alias::v3::Response> {
        let room = self.resolve(&request.room_id_or_alias);
        let caller =
            self.admit(credentials, about(EndpointCall::to(KNOWN.join_by_alias), room.as_ref()))?;
        let room = room.ok_or(NO_SUCH_ALIAS)?;
        let decision = self.may_join(&caller, &room, MembershipEndpoint::Alias)?;
        self.change_own_membership(&caller, &room, Membership::Join);
        Ok(AllowedResponse::new(decision, join_room_by_id_or_alias::v3::Response::new(room)))
    }

    /// `POST /rooms/{roomId}/leave`.
    ///
    /// # Errors
    /// The refusal, if the caller may not leave.
    pub fn leave(
        &mut self,
        credentials: &Credentials<'_>,
        request: &leave_room::v3::Request,
    ) -> Answer<leave_room::v3::Response> {
        let room = &request.room_id;
        let caller = self.admit(credentials, EndpointCall::to(KNOWN.leave).about(room))?;
        let decision = self.may_leave(&caller, room, MembershipEndpoint::Own)?;
        self.leave_if_there(&caller, room);
        Ok(AllowedResponse::new(decision, leave_room::v3::Response::new()))
    }

    /// `POST /rooms/{roomId}/forget`. A sync leaves out a forgotten room.
    ///
    /// # Errors
    /// The refusal, if the caller is still in the room.
    pub fn forget(
        &mut self,
        credentials: &Credentials<'_>,
        request: &forget_room::v3::Request,
    ) -> Answer<forget_room::v3::Response> {
        let caller =
            self.admit(credentials, EndpointCall::to(ENDPOINTS.forget).about(&request.room_id))?;
        match self.membership_of(&caller, &request.room_id) {
            Membership::Leave | Membership::Ban => {
                if let (Some(user), Some(room)) = (caller.user, self.room_mut(&request.room_id)) {
                    room.forget(user);
                }
                Ok(AllowedResponse::new(OPEN, forget_room::v3::Response::new()))
            }
            _ => Err(Refusal::new(400, ErrCode::Unknown, &[], "the caller has not left the room")),
        }
    }

    /// `POST /knock/{roomIdOrAlias}`.
    ///
    /// # Errors
    /// The refusal, if the caller may not knock.
    pub fn knock(
        &mut self,
        credentials: &Credentials<'_>,
        request: &knock_room::v3::Request,
    ) -> Answer<knock_room::v3::Response> {
        let room = self.resolve(&request.room_id_or_alias);
        let caller =
            self.admit(credentials, about(EndpointCall::to(KNOWN.knock), room.as_ref()))?;
        let room = room.ok_or(NO_SUCH_ALIAS)?;
        let decision = self.may_knock(&caller, &room)?;
        self.change_own_membership(&caller, &room, Membership::Knock);
        Ok(AllowedResponse::new(decision, knock_room::v3::Response::new(room)))
    }

    /// Whether the caller may join `room` by this endpoint.
    pub(super) fn may_join(
        &self,
        caller: &Caller,
        room: &RoomId,
        endpoint: MembershipEndpoint,
    ) -> Result<Decision, Refusal> {
        let Some(room) = self.room(room) else {
            return Err(self.join_elsewhere(caller));
        };
        let membership = caller.membership(room);
        // CS-9: A user who is banned from a room may not join it.
        if membership == Membership::Ban {
            let because = "the caller is banned";
            return Err(match self.choices().join_banned_errcode {
                JoinBannedErrcode::Forbidden => Refusal::forbidden(&["CS-9"], because),
                JoinBannedErrcode::BadState => {
                    Refusal::new(403, ErrCode::BadState, &["CS-9"], because)
                }
            });
        }
        // GA-18: A guest may call `POST /rooms/{roomId}/join` for a room that guests may join.
        // GA-22: A guest may join a room only while `m.room.guest_access` is present there and is
        // `can_join`.
        if self.guest_access_applies(caller, membership, endpoint)
            && room.settings().guest_access != GuestAccess::CanJoin
        {
            let because = "the room's guest access is not `can_join`";
            // Reading A20: with which code.
            return Err(match self.choices().join_errcode {
                JoinErrcode::GuestAccessForbidden => {
                    Refusal::guest_access_forbidden(&["GA-22", "CS-34"], because)
                }
                JoinErrcode::Forbidden => Refusal::forbidden(&["GA-22"], because),
            });
        }
        // Reading A63: a join of the joined is answered.
        if membership == Membership::Join {
            if self.choices().join_again == JoinAgain::Refused {
                return Err(Refusal::forbidden(&["CS-11"], "the caller is joined already"));
            }
            let clauses = &["CS-11", "CS-36"];
            return Ok(Decision::allow(clauses, "the caller is joined already"));
        }
        match room.join_rule() {
            // CS-10: Where the join rule is `public`, a user may join unless it is banned.
            JoinRule::Public => Ok(Decision::allow(&["CS-10"], "anyone may join")),
            // CS-11: Where the join rule is `invite`, a user may join only if it is invited or
            // already joined.
            // CS-36: Where the join rule is `knock`, a user may join only if it is invited or
            // already joined.
            JoinRule::Invite | JoinRule::Knock if membership == Membership::Invite => {
                Ok(Decision::allow(&["CS-11", "CS-36"], "the caller is invited"))
            }
            JoinRule::Invite | JoinRule::Knock => {
                Err(Refusal::forbidden(&["CS-11", "CS-36"], "the caller is not invited"))
            }
        }
    }

    /// Whether the caller's join depends on the room's guest access.
    fn guest_access_applies(
        &self,
        caller: &Caller,
        membership: Membership,
        endpoint: MembershipEndpoint,
    ) -> bool {
        let choices = self.choices();
        // Reading A37: the rule holds for every way in.
        let waived = choices.join_gate == JoinGate::None
            || (membership == Membership::Invite
                && choices.gate_for_invited == GateForInvited::Waived)
            || (endpoint == MembershipEndpoint::Alias
                && choices.gate_by_alias == GateByAlias::Waived)
            || (endpoint == MembershipEndpoint::StateEvent
                && choices.gate_by_state_event == GateByStateEvent::Waived);
        let held = caller.guest
            || (caller.was_guest && choices.gate_for_users == GateForUsers::UpgradedHeld);
        held && !waived
    }

    fn join_elsewhere(&self, caller: &Caller) -> Refusal {
        let no_such_room = Refusal::not_found(&["DR-4"], "the server takes no part in the room");
        // Reading A8: how the rule is asked of a room whose state the server does not have.
        // DR-4: A server gives guests access only to rooms in which it already participates.
        match self.choices().join_elsewhere {
            JoinElsewhere::Refused => no_such_room,
            JoinElsewhere::RefusedByEmptyState | JoinElsewhere::Fails if !caller.guest => {
                no_such_room
            }
            JoinElsewhere::RefusedByEmptyState => Refusal::guest_access_forbidden(
                &["GA-10"],
                "a room without state has no guest access",
            ),
            // Reading A65: how the refusal is told.
            JoinElsewhere::Forbidden => {
                Refusal::forbidden(&["GA-22"], "the server takes no part in the room")
            }
            JoinElsewhere::NoServer => {
                let because = "the call names no server that is in the room";
                Refusal::new(404, ErrCode::Unknown, &["GA-22"], because)
            }
            JoinElsewhere::Fails => {
                Refusal::new(500, ErrCode::Unknown, &[], "the server cannot join such a room")
            }
        }
    }

    /// Whether the caller may leave `room`.
    pub(super) fn may_leave(
        &self,
        caller: &Caller,
        room: &RoomId,
        endpoint: MembershipEndpoint,
    ) -> Result<Decision, Refusal> {
        // CS-14: A user may leave a room that it is joined or invited to.
        // CS-37: A user may take back its knock by leaving.
        // GA-30: A guest may call `POST /rooms/{roomId}/leave` for a room that it is in.
        match self.membership_of(caller, room) {
            Membership::Join | Membership::Invite => {
                Ok(Decision::allow(&["CS-14", "GA-30"], "the caller is in the room"))
            }
            Membership::Knock => Ok(Decision::allow(&["CS-37"], "the caller is knocking")),
            // Reading A63: a leave of those who left is refused.
            membership if self.leaving_again_is_answered(membership, endpoint) => {
                // CS-40: The text names no refusal of leaving a room that the user is not in.
                Ok(Decision::allow(&["CS-40"], "the caller is not in the room, as it asks"))
            }
            Membership::Never | Membership::Leave | Membership::Ban => {
                Err(Refusal::forbidden(&["CS-14"], "the caller is not in the room"))
            }
        }
    }

    fn leaving_again_is_answered(
        &self,
        membership: Membership,
        endpoint: MembershipEndpoint,
    ) -> bool {
        let choices = self.choices();
        let (who_left, everybody) = if endpoint == MembershipEndpoint::StateEvent {
            let by_state_event = choices.leave_again_by_state_event;
            (by_state_event == LeaveAgainByStateEvent::WhoLeftAnswered, false)
        } else {
            let again = choices.leave_again;
            (again != LeaveAgain::Refused, again == LeaveAgain::Answered)
        };
        membership == Membership::Leave && who_left || membership == Membership::Never && everybody
    }

    /// Makes the caller leave, if it is in the room, invited or knocking.
    pub(super) fn leave_if_there(&mut self, caller: &Caller, room: &OwnedRoomId) {
        use Membership::{Invite, Join, Knock};
        if !matches!(self.membership_of(caller, room), Join | Invite | Knock) {
            return;
        }
        self.change_own_membership(caller, room, Membership::Leave);
        self.forget_by_leaving(caller, room);
    }

    /// Makes the caller, who has just left, forget the room, if the server does so.
    pub(super) fn forget_by_leaving(&mut self, caller: &Caller, room: &RoomId) {
        // CS-41: A server may make a user forget a room whenever the user leaves the room.
        if self.choices().leave_forgets == LeaveForgets::Forgets
            && let (Some(user), Some(room)) = (caller.user.clone(), self.room_mut(room))
        {
            room.forget_by_leaving(user);
        }
    }

    /// Whether the caller may knock on `room`.
    pub(super) fn may_knock(&self, caller: &Caller, room: &RoomId) -> Result<Decision, Refusal> {
        // CS-35: Where the join rule is `knock`, a user who is neither banned, invited nor joined
        // may knock.
        let choices = self.choices();
        let membership = self.membership_of(caller, room);
        // Reading A66: which error code a banned user is given, whatever the join rule.
        if membership == Membership::Ban
            && choices.knock_banned_errcode == KnockBannedErrcode::BadState
        {
            return Err(Refusal::new(403, ErrCode::BadState, &["CS-35"], "the caller is banned"));
        }
        if self.room(room).map(Room::join_rule) != Some(JoinRule::Knock) {
            return Err(Refusal::forbidden(&["CS-35"], "the join rule is not `knock`"));
        }
        match membership {
            // Reading A63: a knock of the knocking is answered.
            Membership::Knock if choices.knock_again == KnockAgain::Refused => {
                Err(Refusal::forbidden(&["CS-35"], "the caller is knocking already"))
            }
            Membership::Never | Membership::Leave | Membership::Knock => {
                Ok(Decision::allow(&["CS-35"], "the caller is not in the room"))
            }
            Membership::Join | Membership::Invite | Membership::Ban => {
                Err(Refusal::forbidden(&["CS-35"], "the caller is in the room, or banned from it"))
            }
        }
    }

    /// The membership of the caller.
    pub(super) fn membership_of(&self, caller: &Caller, room: &RoomId) -> Membership {
        self.room(room).map_or(Membership::Never, |room| caller.membership(room))
    }

    /// Changes the caller's own membership, unless the caller has this membership already. A caller
    /// without an account has no membership.
    fn change_own_membership(&mut self, caller: &Caller, room: &OwnedRoomId, to: Membership) {
        if let Some(user) = &caller.user
            && self.membership_of(caller, room) != to
        {
            self.set_membership(room, user, user, to);
        }
    }

    /// Sends the member event that gives `user` this membership.
    pub(super) fn set_membership(
        &mut self,
        room: &RoomId,
        sender: &UserId,
        user: &UserId,
        to: Membership,
    ) {
        let content = self.member_content(user, to);
        self.accept(room, UnsentEvent::state(sender, MEMBER, user.as_str(), content));
    }

    /// The content of a member event: the membership; for a join, also the profile of the user.
    pub(super) fn member_content(&self, user: &UserId, membership: Membership) -> Value {
        let mut content = json!({ "membership": membership.as_str() });
        if let Some(account) = self.accounts.get(user)
            && membership == Membership::Join
        {
            for key in ["displayname", "avatar_url"] {
                if let Some(value) = account.profile.get(key) {
                    content[key] = value.clone();
                }
            }
        }
        content
    }
}

const NO_SUCH_ALIAS: Refusal = Refusal::not_found(&[], "the alias is no room's");

fn about<'a>(call: EndpointCall<'a>, room: Option<&'a OwnedRoomId>) -> EndpointCall<'a> {
    room.map_or(call, |room| call.about(room))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, NOT_FOR_GUESTS, TestUser, latest, state, status_and_errcode,
    };
    use super::*;

    #[test]
    fn a_guest_joins_only_where_guests_may() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        assert_eq!(fixture.join(&guest), NOT_FOR_GUESTS);
        fixture.set_guest_access("can_join");
        assert_eq!(fixture.join(&guest), ALLOWED);
    }

    #[test]
    fn an_invited_guest_joins_only_where_the_gate_is_waived() {
        for (options, status_and_errcode) in
            [(&[][..], NOT_FOR_GUESTS), (&[("join.gate_for_invited", "waived")][..], ALLOWED)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
            fixture.server.set_membership(&room, &moderator, &guest.user_id, Membership::Invite);
            assert_eq!(fixture.join(&guest), status_and_errcode);
        }
    }

    #[test]
    fn a_banned_guest_is_refused_as_anybody_would_be() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        fixture.server.set_membership(&room, &moderator, &guest.user_id, Membership::Ban);
        assert_eq!(fixture.join(&guest), FORBIDDEN);
    }

    #[test]
    fn a_user_joins_where_guests_may_not() {
        let mut fixture = Fixture::new();
        let user = fixture.user("user");
        assert_eq!(fixture.join(&user), ALLOWED);
    }

    #[test]
    fn a_room_that_is_not_public_is_joined_by_invite_only() {
        let mut fixture = Fixture::new();
        fixture.set("m.room.join_rules", &json!({ "join_rule": "invite" }));
        let user = fixture.user("user");
        assert_eq!(fixture.join(&user), FORBIDDEN);
        let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        fixture.server.set_membership(&room, &moderator, &user.user_id, Membership::Invite);
        assert_eq!(fixture.join(&user), ALLOWED);
    }

    fn leave(fixture: &mut Fixture, who: &TestUser) -> (u16, Option<ErrCode>) {
        let request = leave_room::v3::Request::new(fixture.room.clone());
        status_and_errcode(fixture.server.leave(&who.credentials(), &request))
    }

    fn leave_by_state_event(fixture: &mut Fixture, who: &TestUser) -> (u16, Option<ErrCode>) {
        let content = json!({ "membership": "leave" });
        let request = state(&fixture.room, MEMBER, who.user_id.as_str(), &content);
        status_and_errcode(fixture.server.put_state(&who.credentials(), &request))
    }

    fn knock(fixture: &mut Fixture, who: &TestUser) -> (u16, Option<ErrCode>) {
        let request = knock_room::v3::Request::new(fixture.room.clone().into());
        status_and_errcode(fixture.server.knock(&who.credentials(), &request))
    }

    fn set_membership(fixture: &mut Fixture, who: &TestUser, to: Membership) {
        let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        fixture.server.set_membership(&room, &moderator, &who.user_id, to);
    }

    const BAD_STATE: (u16, Option<ErrCode>) = (403, Some(ErrCode::BadState));

    #[test]
    fn leaving_again_is_answered_to_those_whom_the_option_names() {
        use Membership::{Ban, Leave, Never};
        for (option, never, left) in [
            ("refused", FORBIDDEN, FORBIDDEN),
            ("who_left_answered", FORBIDDEN, ALLOWED),
            ("answered", ALLOWED, ALLOWED),
        ] {
            let mut fixture = Fixture::with_profile(latest(&[("leave.again", option)]));
            let guest = fixture.guest();
            let membership = |fixture: &Fixture, who: &TestUser| {
                fixture.server.room(&fixture.room).unwrap().membership(&who.user_id)
            };
            assert_eq!(leave(&mut fixture, &guest), never, "{option}");
            assert_eq!(membership(&fixture, &guest), Never, "{option}");
            for past in [Membership::Join, Leave] {
                set_membership(&mut fixture, &guest, past);
            }
            assert_eq!(leave(&mut fixture, &guest), left, "{option}");
            // PUT state has a point of its own.
            assert_eq!(leave_by_state_event(&mut fixture, &guest), FORBIDDEN, "{option}");
            assert_eq!(membership(&fixture, &guest), Leave, "{option}");
            set_membership(&mut fixture, &guest, Ban);
            assert_eq!(leave(&mut fixture, &guest), FORBIDDEN, "{option}");
        }
    }

    #[test]
    fn leaving_again_by_put_state_is_answered_by_one_option() {
        let option = ("leave.again_by_state_event", "who_left_answered");
        let mut fixture = Fixture::with_profile(latest(&[option]));
        let guest = fixture.guest();
        assert_eq!(leave_by_state_event(&mut fixture, &guest), FORBIDDEN);
        for past in [Membership::Join, Membership::Leave] {
            set_membership(&mut fixture, &guest, past);
        }
        assert_eq!(leave_by_state_event(&mut fixture, &guest), ALLOWED);
        assert_eq!(leave(&mut fixture, &guest), FORBIDDEN);
    }

    #[test]
    fn joining_again_is_refused_by_one_option() {
        for (option, again) in [("answered", ALLOWED), ("refused", FORBIDDEN)] {
            let mut fixture = Fixture::with_profile(latest(&[("join.again", option)]));
            fixture.set_guest_access("can_join");
            let guest = fixture.guest();
            assert_eq!(fixture.join(&guest), ALLOWED, "{option}");
            assert_eq!(fixture.join(&guest), again, "{option}");
            let room = fixture.server.room(&fixture.room).unwrap();
            assert_eq!(room.membership(&guest.user_id), Membership::Join, "{option}");
        }
    }

    #[test]
    fn knocking_again_is_refused_by_one_option() {
        for (option, again) in [("answered", ALLOWED), ("refused", FORBIDDEN)] {
            let mut fixture = Fixture::with_profile(latest(&[("knock.again", option)]));
            fixture.set("m.room.join_rules", &json!({ "join_rule": "knock" }));
            let user = fixture.user("user");
            assert_eq!(knock(&mut fixture, &user), ALLOWED, "{option}");
            assert_eq!(knock(&mut fixture, &user), again, "{option}");
            let room = fixture.server.room(&fixture.room).unwrap();
            assert_eq!(room.membership(&user.user_id), Membership::Knock, "{option}");
        }
    }

    #[test]
    fn the_banned_are_refused_with_the_code_of_the_profile() {
        for (join_code, knock_code, by_join, by_knock) in [
            ("M_FORBIDDEN", "M_FORBIDDEN", FORBIDDEN, FORBIDDEN),
            ("M_BAD_STATE", "M_FORBIDDEN", BAD_STATE, FORBIDDEN),
            ("M_FORBIDDEN", "M_BAD_STATE", FORBIDDEN, BAD_STATE),
        ] {
            let options =
                [("join.banned_errcode", join_code), ("knock.banned_errcode", knock_code)];
            let mut fixture = Fixture::with_profile(latest(&options));
            let user = fixture.user("user");
            set_membership(&mut fixture, &user, Membership::Ban);
            assert_eq!(fixture.join(&user), by_join);
            // The code is about the ban, whatever the join rule.
            assert_eq!(knock(&mut fixture, &user), by_knock);
            fixture.set("m.room.join_rules", &json!({ "join_rule": "knock" }));
            assert_eq!(knock(&mut fixture, &user), by_knock);
        }
    }

    #[test]
    fn an_unknown_room_is_not_joined_and_the_profile_says_how() {
        for (option, expected) in [
            ("refused", (404, Some(ErrCode::NotFound))),
            ("forbidden", FORBIDDEN),
            ("no_server", (404, Some(ErrCode::Unknown))),
        ] {
            let mut fixture = Fixture::with_profile(latest(&[("join.elsewhere", option)]));
            let guest = fixture.guest();
            fixture.room = ruma::owned_room_id!("!room:elsewhere.test");
            assert_eq!(fixture.join(&guest), expected, "{option}");
        }
    }
}
