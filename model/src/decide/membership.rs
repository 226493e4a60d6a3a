//! Membership: how a user joins a room, and how it leaves.

use crate::action::{Action, Actor, Operation, Place};
use crate::state::{Account, Past};
use guest_access_rules::decision_point::{
    GateByAlias, GateByStateEvent, GateForInvited, GateForUsers, JoinAgain, JoinBannedErrcode,
    JoinElsewhere, JoinErrcode, JoinGate, KnockAgain, KnockBannedErrcode, LeaveAgain,
    LeaveAgainByStateEvent, LeaveForgets,
};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{Decision, ErrCode, GuestAccess, JoinRule, Membership};

use super::DecisionContext;
use super::caller::{Caller, CallerIdentity};
use super::settings::SENT;

impl DecisionContext<'_> {
    pub(super) fn join(
        &mut self,
        caller: &Caller,
        action: &Action,
        way: MembershipEndpoint,
    ) -> Option<Decision> {
        if action.place == Place::Elsewhere {
            return Some(match self.choices.join_elsewhere() {
                // Reading A65: how the refusal is told, to guests as to any user.
                JoinElsewhere::Forbidden => JOIN_ELSEWHERE_FORBIDDEN,
                JoinElsewhere::NoServer => JOIN_ELSEWHERE_NO_SERVER,
                JoinElsewhere::RefusedByEmptyState if caller.guest => GATE_CLOSED,
                JoinElsewhere::Fails if caller.guest => FAILS,
                JoinElsewhere::Refused
                | JoinElsewhere::RefusedByEmptyState
                | JoinElsewhere::Fails => JOIN_ELSEWHERE,
            });
        }
        let room = action.room()?;
        let membership = self.membership(caller, room);
        // The ordinary user joins only a room in which it is joined already.
        if caller.identity == CallerIdentity::User && membership != Membership::Join {
            return None;
        }
        // CS-9: A user who is banned from a room may not join it.
        if membership == Membership::Ban {
            return Some(match self.choices.join_banned_errcode() {
                JoinBannedErrcode::Forbidden => BANNED,
                JoinBannedErrcode::BadState => BANNED_STATE,
            });
        }
        if self.gate_is_closed(caller, room, membership, way) {
            return Some(match self.choices.join_errcode() {
                JoinErrcode::GuestAccessForbidden => GATE_CLOSED,
                JoinErrcode::Forbidden => GATE_CLOSED_FORBIDDEN,
            });
        }
        if membership == Membership::Join && self.choices.join_again() == JoinAgain::Refused {
            return Some(JOINED_ALREADY);
        }
        // CS-11: Where the join rule is `invite`, a user may join only if it is invited or already
        // joined.
        let may_join = match self.state.rooms[room].join_rule {
            JoinRule::Public => true,
            JoinRule::Invite | JoinRule::Knock => {
                matches!(membership, Membership::Invite | Membership::Join)
            }
        };
        if !may_join {
            return Some(NOT_INVITED);
        }
        self.set_membership(caller, room, Membership::Join)?;
        Some(JOINED)
    }

    /// GA-22: A guest may join a room only while `m.room.guest_access` is present there and is
    /// `can_join`.
    fn gate_is_closed(
        &self,
        caller: &Caller,
        room: usize,
        membership: Membership,
        way: MembershipEndpoint,
    ) -> bool {
        let choices = self.choices;
        let upgraded = match caller.identity {
            CallerIdentity::Holder(guest) => {
                !caller.guest && self.state.accounts[guest] == Account::User
            }
            _ => false,
        };
        let held =
            caller.guest || upgraded && choices.gate_for_users() == GateForUsers::UpgradedHeld;
        let waived = choices.join_gate() == JoinGate::None
            || membership == Membership::Invite
                && choices.gate_for_invited() == GateForInvited::Waived
            || way == MembershipEndpoint::Alias && choices.gate_by_alias() == GateByAlias::Waived
            || way == MembershipEndpoint::StateEvent
                && choices.gate_by_state_event() == GateByStateEvent::Waived;
        held && !waived && self.state.rooms[room].guest_access != GuestAccess::CanJoin
    }

    /// CS-14: A user may leave a room that it is joined or invited to.
    pub(super) fn leave(
        &mut self,
        caller: &Caller,
        action: &Action,
        way: MembershipEndpoint,
    ) -> Option<Decision> {
        let room = action.room()?;
        // CS-37: A user may take back its knock by leaving.
        Some(match self.membership(caller, room) {
            Membership::Join | Membership::Invite | Membership::Knock => {
                self.set_membership(caller, room, Membership::Leave)?;
                self.forgets(caller, room);
                LEFT
            }
            membership if self.leaves_again(membership, way) => LEFT_ALREADY,
            Membership::Never | Membership::Leave | Membership::Ban => NOT_IN_THE_ROOM,
        })
    }

    /// CS-40: The text names no refusal of leaving a room that the user is not in.
    fn leaves_again(&self, membership: Membership, way: MembershipEndpoint) -> bool {
        let choices = self.choices;
        match (membership, way) {
            (Membership::Leave, MembershipEndpoint::StateEvent) => {
                choices.leave_again_by_state_event() == LeaveAgainByStateEvent::WhoLeftAnswered
            }
            (_, MembershipEndpoint::StateEvent) => false,
            (Membership::Leave, _) => choices.leave_again() != LeaveAgain::Refused,
            (Membership::Never, _) => choices.leave_again() == LeaveAgain::Answered,
            _ => false,
        }
    }

    /// CS-41: A server may make a user forget a room whenever the user leaves the room.
    fn forgets(&mut self, caller: &Caller, room: usize) {
        if let CallerIdentity::Holder(guest) = caller.identity
            && self.choices.leave_forgets() == LeaveForgets::Forgets
        {
            let past = &mut self.next.rooms[room].past[guest];
            *past = Past::of(past.was_joined(), true);
        }
    }

    /// CS-35: Where the join rule is `knock`, a user who is neither banned, invited nor joined may
    /// knock.
    pub(super) fn knock(
        &mut self,
        caller: &Caller,
        action: &Action,
        _: MembershipEndpoint,
    ) -> Option<Decision> {
        let room = action.room()?;
        let membership = self.membership(caller, room);
        let choices = self.choices;
        if membership == Membership::Ban
            && choices.knock_banned_errcode() == KnockBannedErrcode::BadState
        {
            return Some(BANNED_KNOCK);
        }
        let again = membership == Membership::Knock;
        let outside = matches!(membership, Membership::Never | Membership::Leave)
            || again && choices.knock_again() == KnockAgain::Answered;
        if self.state.rooms[room].join_rule != JoinRule::Knock || !outside {
            return Some(NO_KNOCKING);
        }
        self.set_membership(caller, room, Membership::Knock)?;
        Some(KNOCKED)
    }

    /// The moderator's change of a guest's membership. `None` if the change cannot happen.
    pub(super) fn moderate(&mut self, action: &Action, guest: u8) -> Option<Decision> {
        use Membership::{Ban, Invite, Join, Knock, Leave, Never};
        let (room, guest) = (action.room()?, usize::from(guest));
        if action.by != Actor::Moderator || self.state.accounts[guest] == Account::Absent {
            return None;
        }
        let membership = match (action.operation, self.state.rooms[room].members[guest]) {
            // CS-13: A joined user whose power suffices may invite a user who is neither joined nor
            // banned.
            (Operation::Invite(_), Never | Leave | Knock) => Invite,
            // CS-16: A joined user whose power suffices may ban another user, and end a ban.
            (Operation::Ban(_), Never | Invite | Join | Knock | Leave) => Ban,
            // CS-15: A joined user whose power suffices may kick another user.
            (Operation::Kick(_), Join | Invite | Knock) | (Operation::Unban(_), Ban) => Leave,
            _ => return None,
        };
        self.next.rooms[room].members[guest] = membership;
        Some(SENT)
    }

    /// Sets the caller's own membership. `None` for the moderator, who is always joined, and for a
    /// caller without a live token.
    fn set_membership(
        &mut self,
        caller: &Caller,
        room: usize,
        membership: Membership,
    ) -> Option<()> {
        match caller.identity {
            CallerIdentity::Moderator | CallerIdentity::Anonymous => return None,
            CallerIdentity::User => self.next.rooms[room].user = membership,
            CallerIdentity::Holder(guest) => self.next.rooms[room].members[guest] = membership,
        }
        Some(())
    }
}

const JOINED: Decision = Decision::allow(
    &["GA-22", "CS-10"],
    "guest access, or being no guest, and the join rule let the caller in",
);
const BANNED: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["CS-9"], "the caller is banned from the room");
const BANNED_STATE: Decision =
    Decision::deny(403, ErrCode::BadState, &["CS-9"], "the caller is banned from the room");
const BANNED_KNOCK: Decision =
    Decision::deny(403, ErrCode::BadState, &["CS-35"], "the caller is banned from the room");
const JOINED_ALREADY: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["CS-11"], "the caller is joined already");
const JOIN_ELSEWHERE_FORBIDDEN: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &["GA-22"],
    "the server takes no part in the room and knows nothing of it",
);
const JOIN_ELSEWHERE_NO_SERVER: Decision = Decision::deny(
    404,
    ErrCode::Unknown,
    &["GA-22"],
    "the call names no server that takes part in the room",
);
const LEFT_ALREADY: Decision =
    Decision::allow(&["CS-40"], "the caller is not in the room, as it asks");
const GATE_CLOSED: Decision = Decision::deny(
    403,
    ErrCode::GuestAccessForbidden,
    &["GA-22", "CS-34"],
    "the room's guest access is not `can_join`",
);
const GATE_CLOSED_FORBIDDEN: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &["GA-22"],
    "the room's guest access is not `can_join`",
);
const NOT_INVITED: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &["CS-11", "CS-36"],
    "the room is not public and the caller was not invited",
);
const JOIN_ELSEWHERE: Decision = Decision::deny(
    404,
    ErrCode::NotFound,
    &["GA-22"],
    "the server takes no part in the room and knows nothing of it",
);
const FAILS: Decision = Decision::deny(500, ErrCode::Unknown, &[], "the server fails");
const LEFT: Decision =
    Decision::allow(&["CS-14", "CS-37"], "the caller was in the room, invited or knocking");
const NOT_IN_THE_ROOM: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["CS-14"], "the caller is not in the room");
const KNOCKED: Decision = Decision::allow(&["CS-35"], "the join rule is `knock`");
const NO_KNOCKING: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &["CS-35"],
    "the join rule is not `knock`, or the caller is invited, joined or banned",
);
