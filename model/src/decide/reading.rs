//! Reading: whether an endpoint answers the caller, and whether the answer has the tagged event.

use crate::action::{Action, Answer, Operation, Place};
use crate::state::{Kind, Past, TAGGED_ROOM};
use guest_access_rules::decision_point::{
    BannedReader, ClosedAgain, ContextUnseen, EventsNoRoom, HiddenEvent, InvitedReader,
    LeaveForgets, OtherRoom, RoomElsewhere, RoomRule, StateCheck, TurnedAway,
};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::vocabulary::{Decision, ErrCode, HistoryVisibility, Membership};

use super::caller::{Caller, CallerIdentity};
use super::{DecisionContext, ROOM_ELSEWHERE};

const EVENT_WITHHELD: Answer = Answer::Gave { tagged: false };

impl DecisionContext<'_> {
    pub(super) fn read(&self, caller: &Caller, action: &Action) -> Option<(Decision, Answer)> {
        if action.operation == Operation::ReadThroughOtherRoom {
            return self.read_through_other_room(caller, action);
        }
        // The state has no relation of the ordinary user to the tagged event, because the user is
        // joined. Once a mistake has removed the user, the user does not read.
        let room = action.room().unwrap_or(TAGGED_ROOM);
        if caller.identity == CallerIdentity::User
            && self.state.rooms[room].user != Membership::Join
        {
            return None;
        }
        let Operation::Read(endpoint) = action.operation else {
            unreachable!("only reads come here")
        };
        let gives = endpoint.get().gives?;
        match (gives, action.place) {
            (Gives::Sync, Place::Nowhere) => Some(self.sync(caller)),
            (Gives::Stream, Place::Nowhere) => Some(self.stream_without_a_room(caller)),
            (Gives::Sync, _) | (_, Place::Nowhere) => None,
            (_, Place::Elsewhere) => Some((self.elsewhere(endpoint), Answer::Nothing)),
            (_, Place::Room(room)) => Some(self.read_room(caller, endpoint, gives, room.into())),
        }
    }

    fn elsewhere(&self, endpoint: EndpointId) -> Decision {
        let names_an_event = endpoint == KNOWN.event || endpoint == KNOWN.context;
        match self.choices.room_elsewhere() {
            // CS-33: An event that does not exist or may not be seen is answered with 404 and
            // `M_NOT_FOUND`.
            RoomElsewhere::Refused | RoomElsewhere::NotFound if names_an_event => {
                self.unseen(endpoint, false)
            }
            RoomElsewhere::Refused => ROOM_ELSEWHERE,
            RoomElsewhere::NotFound => ROOM_NOT_FOUND,
            RoomElsewhere::Unauthorised => WRONGLY_UNAUTHORISED,
            RoomElsewhere::Fails => FAILS,
        }
    }

    fn read_room(
        &self,
        caller: &Caller,
        endpoint: EndpointId,
        gives: Gives,
        room: usize,
    ) -> (Decision, Answer) {
        let Some(now) = self.state.rooms[room].visibility else {
            return (FAILS, Answer::Nothing);
        };
        let is_there = room == 0 && self.state.tagged.is_some();
        let unseen = self.unseen(endpoint, is_there);
        // CS-41: A server may make a user forget a room whenever the user leaves the room.
        if self.has_forgotten(caller, room) && now != HistoryVisibility::WorldReadable {
            let by_event = gives == Gives::Event;
            return (if by_event { unseen } else { NOT_A_MEMBER }, Answer::Nothing);
        }
        if let Err(refusal) = self.room_check(caller, gives, room, now) {
            return (refusal, Answer::Nothing);
        }
        // CS-70: The joined members of a room are given to those who are joined to it, and refused to others
        // with 403.
        if endpoint == KNOWN.joined_members && self.membership(caller, room) != Membership::Join {
            return (NOT_JOINED, Answer::Nothing);
        }
        let sight = if room == 0 { self.sight(caller, now) } else { None };
        let seen = sight.as_ref().is_some_and(|sight| self.may_see(sight));
        let seen_as_state = sight.as_ref().is_some_and(|sight| {
            self.state.tagged.is_some_and(|tagged| tagged.kind == Kind::State)
                && self.may_see_as_state(sight)
        });
        let hidden = sight.is_some() && !seen;
        let fails = hidden && self.choices.hidden_event() == HiddenEvent::FailsAnswer;
        match gives {
            Gives::Timeline | Gives::InitialSync if fails => (HIDDEN_EVENT, Answer::Nothing),
            Gives::Timeline | Gives::Stream => (ANSWERED, Answer::Gave { tagged: seen }),
            Gives::InitialSync => (ANSWERED, Answer::Gave { tagged: seen || seen_as_state }),
            Gives::State => (ANSWERED, Answer::Gave { tagged: seen_as_state }),
            Gives::Members => (ANSWERED, EVENT_WITHHELD),
            // CS-33: An event that does not exist or may not be seen is answered with 404 and
            // `M_NOT_FOUND`.
            Gives::Event if seen => (ANSWERED, Answer::Gave { tagged: true }),
            Gives::StateEvent if seen_as_state => (ANSWERED, Answer::Gave { tagged: true }),
            Gives::Event => (unseen, Answer::Nothing),
            Gives::StateEvent => (NOT_SEEN, Answer::Nothing),
            Gives::Sync => unreachable!("sync names no room"),
        }
    }

    /// Whether the endpoint answers the caller about this room at all.
    fn room_check(
        &self,
        caller: &Caller,
        gives: Gives,
        room: usize,
        now: HistoryVisibility,
    ) -> Result<(), Decision> {
        let choices = self.choices;
        let previewable = now == HistoryVisibility::WorldReadable;
        let membership = self.membership(caller, room);
        if membership == Membership::Ban && choices.banned_reader() == BannedReader::Refused {
            return Err(BANNED_READER);
        }
        if caller.guest {
            match choices.room_rule() {
                RoomRule::MembershipOrPreview => {}
                RoomRule::Unchecked => return Ok(()),
                // DR-12: A guest's call succeeds only in relation to a room whose
                // `m.room.history_visibility` is `world_readable`.
                RoomRule::WorldReadableNow if previewable => return Ok(()),
                RoomRule::WorldReadableNow => return Err(NOT_PREVIEWABLE_FOR_GUESTS),
            }
        }
        let was_in = match membership {
            Membership::Join => true,
            Membership::Ban => choices.banned_reader() != BannedReader::AsStranger,
            // CS-24: A user who neither is nor was a member of a room is refused its state with
            // 403.
            Membership::Leave => {
                choices.turned_away() == TurnedAway::AsLeft || self.was_joined(caller, room)
            }
            Membership::Never | Membership::Invite | Membership::Knock => false,
        };
        let answered = match gives {
            Gives::Timeline | Gives::InitialSync => match membership {
                Membership::Invite if choices.invited_reader() == InvitedReader::Answered => true,
                _ => was_in || previewable || choices.closed_again() == ClosedAgain::Answered,
            },
            Gives::State | Gives::StateEvent | Gives::Members => {
                was_in || previewable || choices.state_check() == StateCheck::Unchecked
            }
            Gives::Stream => membership == Membership::Join || previewable,
            Gives::Event | Gives::Sync => true,
        };
        if answered { Ok(()) } else { Err(NOT_A_MEMBER) }
    }

    /// The refusal of an event that the caller may not see, or that is not there.
    fn unseen(&self, endpoint: EndpointId, is_there: bool) -> Decision {
        let forbidden = match self.choices.context_unseen() {
            ContextUnseen::NotFound => false,
            ContextUnseen::Forbidden => true,
            ContextUnseen::ForbiddenIfThere => is_there,
        };
        let names_no_refusal =
            endpoint == KNOWN.context || endpoint.get().id.ends_with("/timestamp_to_event");
        if names_no_refusal && forbidden { CONTEXT_FORBIDDEN } else { NOT_SEEN }
    }

    fn has_forgotten(&self, caller: &Caller, room: usize) -> bool {
        // The state may come from a homeserver with another option, so the option counts too.
        self.choices.leave_forgets() == LeaveForgets::Forgets
            && self.past(caller, room).is_some_and(Past::has_forgotten)
    }

    /// Whether the caller was ever joined, where the state keeps it.
    fn was_joined(&self, caller: &Caller, room: usize) -> bool {
        self.past(caller, room).is_none_or(Past::was_joined)
    }

    /// The past of a guest, or of a former guest.
    fn past(&self, caller: &Caller, room: usize) -> Option<Past> {
        match caller.identity {
            CallerIdentity::Holder(guest) => Some(self.state.rooms[room].past[guest]),
            CallerIdentity::Moderator | CallerIdentity::User | CallerIdentity::Anonymous => None,
        }
    }

    /// GA-31: A guest may call `GET /sync`, which covers the rooms that it is in.
    fn sync(&self, caller: &Caller) -> (Decision, Answer) {
        let joined = |room: usize| self.membership(caller, room) == Membership::Join;
        let mut rooms = self.state.rooms.iter().enumerate();
        if rooms.any(|(number, room)| room.visibility.is_none() && joined(number)) {
            return (FAILS, Answer::Nothing);
        }
        let Some(now) = self.state.rooms[0].visibility.filter(|_| joined(0)) else {
            return (ANSWERED, EVENT_WITHHELD);
        };
        let Some(sight) = self.sight(caller, now) else {
            return (ANSWERED, EVENT_WITHHELD);
        };
        let as_state = sight_is_of_a_note(self) && self.may_see_as_state(&sight);
        (ANSWERED, Answer::Gave { tagged: self.may_see(&sight) || as_state })
    }

    /// RP-7: `GET /events` with `room_id` returns the events of that room.
    fn stream_without_a_room(&self, caller: &Caller) -> (Decision, Answer) {
        let joined_rooms = || {
            let (decision, answer) = self.sync(caller);
            let Some(sight) =
                self.state.rooms[0].visibility.and_then(|now| self.sight(caller, now))
            else {
                return (decision, answer);
            };
            let tagged = self.membership(caller, 0) == Membership::Join && self.may_see(&sight);
            (decision, if decision.allows() { Answer::Gave { tagged } } else { answer })
        };
        if !caller.guest {
            return joined_rooms();
        }
        match self.choices.events_no_room() {
            // RP-13: A preview by `GET /events` has to give `room_id`.
            EventsNoRoom::Refused => (NO_ROOM_NAMED, Answer::Nothing),
            EventsNoRoom::JoinedRooms => joined_rooms(),
            EventsNoRoom::EveryPreviewableRoom => match self.state.rooms[0].visibility {
                Some(now @ HistoryVisibility::WorldReadable) => {
                    let tagged = self.sight(caller, now).is_some_and(|s| self.may_see(&s));
                    (ANSWERED, Answer::Gave { tagged })
                }
                _ => joined_rooms(),
            },
        }
    }

    fn read_through_other_room(
        &self,
        caller: &Caller,
        action: &Action,
    ) -> Option<(Decision, Answer)> {
        let path = &self.state.rooms[action.room().filter(|room| *room != 0)?];
        let reads_path = self.membership(caller, action.room()?) == Membership::Join
            || path.visibility == Some(HistoryVisibility::WorldReadable);
        self.state.tagged?;
        let is_given = reads_path
            && caller.identity != CallerIdentity::Anonymous
            && self.choices.other_room() == OtherRoom::Given;
        Some(if is_given {
            (ANSWERED, Answer::Gave { tagged: true })
        } else {
            (NOT_SEEN, Answer::Nothing)
        })
    }
}

fn sight_is_of_a_note(context: &DecisionContext) -> bool {
    context.state.tagged.is_some_and(|tagged| tagged.kind == Kind::State)
}

const ANSWERED: Decision = Decision::allow(
    &["GA-37", "RP-1"],
    "the caller's membership, or the room being world_readable, lets it read",
);
const NOT_A_MEMBER: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &["CS-24", "CS-26", "RP-2"],
    "the caller is no member of the room, and the room is not world_readable",
);
const NOT_JOINED: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["CS-70"], "the caller is not in the room");
const BANNED_READER: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["HV-19"], "the caller is banned from the room");
pub(super) const NOT_PREVIEWABLE_FOR_GUESTS: Decision = Decision::deny(
    403,
    ErrCode::GuestAccessForbidden,
    &["DR-12"],
    "the room is not world_readable, and guests have access to no other",
);
const NOT_SEEN: Decision = Decision::deny(
    404,
    ErrCode::NotFound,
    &["CS-33", "HV-6"],
    "there is no such event, or none that the caller may see",
);
const CONTEXT_FORBIDDEN: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["HV-6"], "the caller may not see the event");
const HIDDEN_EVENT: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &["HV-6"],
    "one of the events is hidden from the caller",
);
const ROOM_NOT_FOUND: Decision =
    Decision::deny(404, ErrCode::NotFound, &["CS-24"], "the server knows no such room");
const NO_ROOM_NAMED: Decision = Decision::deny(
    400,
    ErrCode::MissingParam,
    &["GA-36", "RP-7", "RP-13"],
    "the call names no room",
);
const WRONGLY_UNAUTHORISED: Decision = Decision::deny(
    401,
    ErrCode::UnknownToken,
    &[],
    "the server takes no part in the room, and blames the token",
);
const FAILS: Decision = Decision::deny(500, ErrCode::Unknown, &[], "the server fails");
