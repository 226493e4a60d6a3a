//! Room access: whether a caller may read a room at all, by each kind of endpoint.

use guest_access_rules::decision_point::{
    BannedReader, ClosedAgain, InvitedReader, RoomElsewhere, RoomRule, StateCheck, TurnedAway,
};
use guest_access_rules::endpoint::Gives;
use guest_access_rules::vocabulary::{Decision, ErrCode, Membership};
use ruma::RoomId;

use super::answer::Refusal;
use super::authorisation::Caller;
use super::{Reference, Room};

/// The refusal of every call to a room whose history visibility cannot be read.
pub(super) const UNREADABLE_VISIBILITY: Refusal =
    Refusal::new(500, ErrCode::Unknown, &[], "the room's history visibility cannot be read");

impl Reference {
    /// The room, if the caller may read the room by an endpoint that gives `gives`.
    pub(super) fn readable_room(
        &self,
        caller: &Caller,
        room: &RoomId,
        gives: Gives,
    ) -> Result<(&Room, Decision), Refusal> {
        let Some(room) = self.room(room) else {
            // Reading A59: as a room that may not be read.
            return Err(match self.choices().room_elsewhere {
                RoomElsewhere::Refused => {
                    Refusal::forbidden(&["CS-24", "CS-26"], "the server takes no part in the room")
                }
                RoomElsewhere::NotFound => Refusal::new(
                    404,
                    ErrCode::NotFound,
                    &["CS-24"],
                    "the server knows no such room",
                ),
                RoomElsewhere::Unauthorised => {
                    Refusal::new(401, ErrCode::UnknownToken, &[], "the caller has no right there")
                }
                RoomElsewhere::Fails => {
                    Refusal::new(500, ErrCode::Unknown, &[], "there is no such room here")
                }
            });
        };
        if room.settings().visibility.is_none() {
            return Err(UNREADABLE_VISIBILITY);
        }
        // CS-41: A server may make a user forget a room whenever the user leaves the room.
        if gives != Gives::Event && has_forgotten(caller, room) {
            return Err(Refusal::forbidden(&["CS-41"], "the caller has forgotten the room"));
        }
        Ok((room, self.may_read(caller, room, gives)?))
    }

    fn may_read(&self, caller: &Caller, room: &Room, gives: Gives) -> Result<Decision, Refusal> {
        let membership = caller.membership(room);
        let ban_forbids_reading =
            membership == Membership::Ban && self.choices().banned_reader == BannedReader::Refused;
        match self.choices().room_rule {
            // DR-12: A guest's call succeeds only in relation to a room whose
            // `m.room.history_visibility` is `world_readable`.
            RoomRule::WorldReadableNow if caller.guest && !ban_forbids_reading => {
                return if room.is_world_readable() {
                    Ok(Decision::allow(&["DR-12"], "the room is `world_readable`"))
                } else {
                    Err(Refusal::guest_access_forbidden(
                        &["DR-12"],
                        "the room is not `world_readable`",
                    ))
                };
            }
            RoomRule::Unchecked if caller.guest => {
                return Ok(Decision::allow(&[], "anyone may read the room"));
            }
            RoomRule::MembershipOrPreview | RoomRule::WorldReadableNow | RoomRule::Unchecked => {}
        }
        let of_state = matches!(gives, Gives::State | Gives::StateEvent | Gives::Members);
        if of_state && self.choices().state_check == StateCheck::Unchecked {
            return Ok(Decision::allow(&[], "anyone may read the state"));
        }
        // Reading A15: a ban forbids joining rather than reading.
        if ban_forbids_reading {
            return Err(Refusal::forbidden(&["CS-9"], "the caller is banned"));
        }
        if self.membership_grants(self.standing(caller, room), gives) {
            let clauses = &["CS-22", "CS-23", "CS-25", "CS-27", "GA-37"];
            return Ok(Decision::allow(clauses, "of the caller's membership"));
        }
        // Reading A29: the preview wins over the 403 to those who never were members.
        // RP-1: A user may preview a room: read its messages without joining it.
        // RP-2: A preview rests on the room's history visibility being `world_readable`.
        // RP-5: A user may call `GET /rooms/{roomId}/messages` to preview events outside the
        // stream.
        // RP-8: A user who has not joined the room may call `GET /events` with its `room_id`.
        if room.is_world_readable() {
            return Ok(Decision::allow(&["RP-1", "RP-2"], "the room is `world_readable`"));
        }
        let because = "the caller's membership gives it no right, and the room is not \
                       `world_readable`";
        Err(match gives {
            // CS-24: A user who neither is nor was a member of a room is refused its state with
            // 403.
            Gives::State | Gives::StateEvent | Gives::Members => {
                Refusal::forbidden(&["CS-24", "RP-2"], because)
            }
            // CS-26: A user who is not a member of a room is refused its messages with 403.
            _ => Refusal::forbidden(&["CS-26", "RP-2"], because),
        })
    }

    /// The membership by which the caller reads. A caller who counts as a stranger has the membership
    /// of a stranger.
    fn standing(&self, caller: &Caller, room: &Room) -> Membership {
        let membership = caller.membership(room);
        let was_joined = || caller.user.as_ref().is_some_and(|user| room.was_ever_joined(user));
        let choices = self.choices();
        match membership {
            Membership::Ban if choices.banned_reader == BannedReader::AsStranger => {
                Membership::Never
            }
            // Reading A68: whose invite, knock or ban has ended was a member.
            Membership::Leave if choices.turned_away == TurnedAway::AsStranger && !was_joined() => {
                Membership::Never
            }
            membership => membership,
        }
    }

    /// Whether this membership alone lets the caller read the room.
    fn membership_grants(&self, membership: Membership, gives: Gives) -> bool {
        match gives {
            Gives::Event | Gives::Sync => true,
            Gives::Timeline | Gives::InitialSync => match membership {
                // CS-27: A user who left a room is given the messages and the state up to its
                // leaving.
                Membership::Join | Membership::Leave | Membership::Ban => true,
                Membership::Invite if self.choices().invited_reader == InvitedReader::Answered => {
                    true
                }
                // Reading A17: refused as a whole, although the room was `world_readable` once.
                Membership::Invite | Membership::Knock | Membership::Never => {
                    self.choices().closed_again == ClosedAgain::Answered
                }
            },
            // CS-22: A joined user is given the current state of a room.
            // CS-23: A user who left a room is given its state as of the time it left.
            // CS-25: A user who left a room is given its members as of the time it left.
            Gives::State | Gives::StateEvent | Gives::Members => {
                matches!(membership, Membership::Join | Membership::Leave | Membership::Ban)
            }
            Gives::Stream => membership == Membership::Join,
        }
    }
}

/// Whether the caller has forgotten the room, and nobody may preview the room.
pub(super) fn has_forgotten(caller: &Caller, room: &Room) -> bool {
    let Some(user) = &caller.user else { return false };
    // CS-49: A user who has forgotten a room is no longer given its history.
    let has_forgotten = room.is_forgotten_by(user) || room.has_forgotten_by_leaving(user);
    has_forgotten && !room.is_world_readable()
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::ErrCode;
    use ruma::api::client::membership::{forget_room, leave_room};
    use ruma::api::client::message::get_message_events;
    use ruma::api::client::room::get_room_event;
    use ruma::api::client::state::get_state_events;
    use ruma::owned_room_id;
    use serde_json::json;

    use super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, NOT_FOR_GUESTS, TestUser, draft, latest, status_and_errcode,
    };

    use super::*;

    fn messages(fixture: &Fixture, who: &TestUser) -> (u16, Option<ErrCode>) {
        let request = get_message_events::v3::Request::backward(fixture.room.clone());
        status_and_errcode(fixture.server.messages(&who.credentials(), &request))
    }

    fn state(fixture: &Fixture, who: &TestUser) -> (u16, Option<ErrCode>) {
        let request = get_state_events::v3::Request::new(fixture.room.clone());
        status_and_errcode(fixture.server.state(&who.credentials(), &request))
    }

    fn set_membership(fixture: &mut Fixture, who: &TestUser, to: Membership) {
        let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        fixture.server.set_membership(&room, &moderator, &who.user_id, to);
    }

    #[test]
    fn each_membership_has_its_own_right_to_read() {
        use Membership::{Ban, Invite, Join, Knock, Leave};
        for (membership, by_messages, by_state) in [
            (Join, ALLOWED, ALLOWED),
            (Leave, ALLOWED, ALLOWED),
            (Ban, ALLOWED, ALLOWED),
            (Invite, ALLOWED, FORBIDDEN),
            (Knock, FORBIDDEN, FORBIDDEN),
        ] {
            let mut fixture = Fixture::new();
            let guest = fixture.guest();
            set_membership(&mut fixture, &guest, membership);
            assert_eq!(messages(&fixture, &guest), by_messages, "{membership}");
            assert_eq!(state(&fixture, &guest), by_state, "{membership}");
        }
    }

    #[test]
    fn a_reader_who_was_turned_away_is_a_stranger_by_one_option() {
        use Membership::{Invite, Join, Knock, Leave};
        for (option, answered) in [("as_left", ALLOWED), ("as_stranger", FORBIDDEN)] {
            let turned_away: [(&[Membership], _); 3] = [
                (&[Invite, Leave], answered),
                (&[Knock, Leave], answered),
                (&[Join, Leave], ALLOWED),
            ];
            for (past, expected) in turned_away {
                let mut fixture = Fixture::with_profile(latest(&[("room.turned_away", option)]));
                let guest = fixture.guest();
                for membership in past {
                    set_membership(&mut fixture, &guest, *membership);
                }
                assert_eq!(messages(&fixture, &guest), expected, "{option} {past:?}");
                assert_eq!(state(&fixture, &guest), expected, "{option} {past:?}");
            }
        }
    }

    #[test]
    fn a_banned_reader_is_a_stranger_by_one_option() {
        let mut fixture = Fixture::with_profile(latest(&[("room.banned_reader", "as_stranger")]));
        let guest = fixture.guest();
        for membership in [Membership::Join, Membership::Ban] {
            set_membership(&mut fixture, &guest, membership);
        }
        assert_eq!(messages(&fixture, &guest), FORBIDDEN);
        assert_eq!(state(&fixture, &guest), FORBIDDEN);
        // Unlike one who is refused as banned, it previews the room.
        fixture.set_visibility("world_readable");
        assert_eq!(messages(&fixture, &guest), ALLOWED);
        assert_eq!(state(&fixture, &guest), ALLOWED);
    }

    #[test]
    fn a_room_that_was_forgotten_by_leaving_is_only_previewed() {
        let mut fixture = Fixture::with_profile(latest(&[("leave.forgets", "forgets")]));
        fixture.set_guest_access("can_join");
        let guest = fixture.guest();
        assert_eq!(fixture.join(&guest), ALLOWED);
        let seen = fixture.say("seen");
        let leave = leave_room::v3::Request::new(fixture.room.clone());
        assert_eq!(status_and_errcode(fixture.server.leave(&guest.credentials(), &leave)), ALLOWED);
        assert_eq!(messages(&fixture, &guest), FORBIDDEN);
        assert_eq!(state(&fixture, &guest), FORBIDDEN);
        let event = get_room_event::v3::Request::new(fixture.room.clone(), seen);
        let by_id = status_and_errcode(fixture.server.event(&guest.credentials(), &event));
        assert_eq!(by_id, (404, Some(ErrCode::NotFound)));
        fixture.set_visibility("world_readable");
        assert_eq!(messages(&fixture, &guest), ALLOWED);
        fixture.set_visibility("shared");
        assert_eq!(messages(&fixture, &guest), FORBIDDEN);
        // Until it joins again.
        assert_eq!(fixture.join(&guest), ALLOWED);
        assert_eq!(messages(&fixture, &guest), ALLOWED);
    }

    #[test]
    fn a_user_who_forgot_the_room_reads_it_no_more() {
        let mut fixture = Fixture::new();
        let user = fixture.user("user");
        for membership in [Membership::Join, Membership::Leave] {
            set_membership(&mut fixture, &user, membership);
        }
        assert_eq!(messages(&fixture, &user), ALLOWED);
        let forget = forget_room::v3::Request::new(fixture.room.clone());
        fixture.server.forget(&user.credentials(), &forget).unwrap();
        assert_eq!(messages(&fixture, &user), FORBIDDEN);
        set_membership(&mut fixture, &user, Membership::Join);
        assert_eq!(messages(&fixture, &user), ALLOWED);
    }

    #[test]
    fn a_kick_makes_nobody_forget_the_room() {
        let mut fixture = Fixture::with_profile(latest(&[("leave.forgets", "forgets")]));
        let guest = fixture.guest();
        for membership in [Membership::Join, Membership::Leave] {
            set_membership(&mut fixture, &guest, membership);
        }
        assert_eq!(messages(&fixture, &guest), ALLOWED);
    }

    #[test]
    fn anyone_with_an_account_previews_a_world_readable_room() {
        let mut fixture = Fixture::new();
        let (guest, user) = (fixture.guest(), fixture.user("user"));
        assert_eq!(messages(&fixture, &user), FORBIDDEN);
        fixture.set_visibility("world_readable");
        for who in [&guest, &user] {
            assert_eq!(messages(&fixture, who), ALLOWED);
            assert_eq!(state(&fixture, who), ALLOWED);
        }
    }

    #[test]
    fn in_the_draft_any_guest_reads_world_readable_rooms_only() {
        let mut fixture = Fixture::with_profile(draft(&[]));
        let (guest, user) = (fixture.guest(), fixture.user("user"));
        for who in [&guest, &user] {
            set_membership(&mut fixture, who, Membership::Join);
        }
        assert_eq!(messages(&fixture, &guest), NOT_FOR_GUESTS);
        assert_eq!(messages(&fixture, &user), ALLOWED);
        fixture.set_visibility("world_readable");
        assert_eq!(messages(&fixture, &guest), ALLOWED);
    }

    #[test]
    fn a_setting_that_cannot_be_read_fails_for_everyone() {
        let mut fixture =
            Fixture::with_profile(latest(&[("history_visibility.malformed", "fails")]));
        fixture.set("m.room.history_visibility", &json!({}));
        let failed = (500, Some(ErrCode::Unknown));
        assert_eq!(messages(&fixture, &fixture.moderator), failed);
        assert_eq!(state(&fixture, &fixture.moderator), failed);
    }

    #[test]
    fn an_unknown_room_is_refused_like_an_unreadable_room() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        fixture.room = owned_room_id!("!room:elsewhere.test");
        assert_eq!(messages(&fixture, &guest), FORBIDDEN);
    }
}
