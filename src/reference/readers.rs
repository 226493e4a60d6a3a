//! Who may read a room at all, by each kind of endpoint.

use guest_access_model::decision_point::{
    BannedReader, ClosedAgain, InvitedReader, RoomElsewhere, RoomRule, StateCheck,
};
use guest_access_model::endpoint::Gives;
use guest_access_model::vocabulary::{Decision, ErrCode, Membership};
use ruma::RoomId;

use super::answer::Refusal;
use super::authorisation::Caller;
use super::{Reference, Room};

/// What is denied where a room's setting cannot be read.
pub(super) const UNREADABLE: Refusal = Refusal::new(
    500,
    ErrCode::Unknown,
    &[],
    "the room's history visibility cannot be read",
);

impl Reference {
    /// The room, if the caller may read it by an endpoint that gives this.
    pub(super) fn open_for_reading(
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
                RoomElsewhere::Unauthorised => Refusal::new(
                    401,
                    ErrCode::UnknownToken,
                    &[],
                    "the caller has no right there",
                ),
                RoomElsewhere::Fails => {
                    Refusal::new(500, ErrCode::Unknown, &[], "there is no such room here")
                }
            });
        };
        if room.settings().visibility.is_none() {
            return Err(UNREADABLE);
        }
        Ok((room, self.may_read(caller, room, gives)?))
    }

    fn may_read(&self, caller: &Caller, room: &Room, gives: Gives) -> Result<Decision, Refusal> {
        let of_state = matches!(gives, Gives::State | Gives::StateEvent | Gives::Members);
        if of_state && self.choices().state_check == StateCheck::Unchecked {
            return Ok(Decision::allow(&[], "anyone may read the state"));
        }
        if caller.guest {
            match self.choices().room_rule {
                RoomRule::MembershipOrPreview => {}
                // DR-12: A guest's call succeeds only in relation to a room whose
                // `m.room.history_visibility` is `world_readable`.
                RoomRule::WorldReadableNow if room.is_world_readable() => {
                    return Ok(Decision::allow(&["DR-12"], "the room is `world_readable`"));
                }
                RoomRule::WorldReadableNow => {
                    return Err(Refusal::of_guests(
                        &["DR-12"],
                        "the room is not `world_readable`",
                    ));
                }
                RoomRule::Unchecked => {
                    return Ok(Decision::allow(&[], "anyone may read the room"));
                }
            }
        }
        let membership = caller.membership(room);
        if membership == Membership::Ban && self.choices().banned_reader == BannedReader::Refused {
            return Err(Refusal::forbidden(&["CS-9"], "the caller is banned"));
        }
        if self.answers(membership, gives) {
            let clauses = &["CS-22", "CS-23", "CS-25", "CS-27", "GA-37"];
            return Ok(Decision::allow(clauses, "of the caller's membership"));
        }
        // RP-1: A user may preview a room: read its messages without joining it.
        // RP-2: A preview rests on the room's history visibility being `world_readable`.
        // RP-5: A user may call `GET /rooms/{roomId}/messages` to preview events outside the
        // stream.
        // RP-8: A user who has not joined the room may call `GET /events` with its `room_id`.
        // Reading A29: the preview wins over the 403 to those who never were members.
        if room.is_world_readable() {
            return Ok(Decision::allow(
                &["RP-1", "RP-2"],
                "the room is `world_readable`",
            ));
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

    /// Whether who has this membership is answered because of it.
    fn answers(&self, membership: Membership, gives: Gives) -> bool {
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
                matches!(
                    membership,
                    Membership::Join | Membership::Leave | Membership::Ban
                )
            }
            Gives::Stream => membership == Membership::Join,
        }
    }
}
