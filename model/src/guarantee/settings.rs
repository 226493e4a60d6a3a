//! Guarantees about settings that are unknown, malformed or sent without permission; and about refusals.

use crate::action::{Key, Operation, Says, Setting};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};

use super::{ActionGuarantee, GuaranteeId, Judgement, NeverSet, Transition, may_change, reads};

pub(super) const FAIL_SAFE: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::FailSafe,
    about: |action| may_change(action) || reads(action),
    judge: |t| {
        if t.opens_a_room_that_never_said_so() {
            return Judgement::Violated;
        }
        let Some(room) = t.action.room().filter(|_| may_change(t.action)) else {
            return Judgement::Untouched;
        };
        let (before, after) = (&t.before.rooms[room], &t.after.rooms[room]);
        let sent = t.allowed();
        let as_it_was =
            after.visibility == before.visibility && after.guest_access == before.guest_access;
        let shared = after.visibility == Some(HistoryVisibility::Shared);
        let forbidden = after.guest_access == GuestAccess::Forbidden;
        match t.action.operation {
            Operation::SetVisibility(_, Key::Wrong | Key::Message)
            | Operation::SetGuestAccess(_, Key::Wrong | Key::Message) => {
                Judgement::of(sent, as_it_was)
            }
            Operation::SetVisibility(Says::Unknown | Says::Malformed, Key::Empty) if sent => {
                Judgement::of(true, shared)
            }
            Operation::SetGuestAccess(Says::Unknown | Says::Malformed, Key::Empty) if sent => {
                Judgement::of(true, forbidden)
            }
            Operation::SetVisibility(Says::Value(value), Key::Empty) if sent => {
                Judgement::of(false, after.visibility == Some(value))
            }
            Operation::SetGuestAccess(Says::Value(value), Key::Empty) if sent => {
                Judgement::of(false, after.guest_access == value)
            }
            Operation::RedactSetting(Setting::GuestAccess) => Judgement::of(true, forbidden),
            Operation::RedactSetting(Setting::HistoryVisibility) => {
                Judgement::of(true, after.visibility == before.visibility)
            }
            _ => Judgement::of(false, as_it_was),
        }
    },
};

impl Transition<'_> {
    /// Whether a guest joins, or previews, by a setting that was never set.
    fn opens_a_room_that_never_said_so(&self) -> bool {
        if self.never_set == NeverSet::default() {
            return false;
        }
        let (Some(guest), Some(0)) = (self.live_guest(), self.action.room()) else {
            return false;
        };
        let was = self.before.rooms[0].members[guest];
        let joins = matches!(self.action.operation, Operation::Join(_)) && was != Membership::Join;
        self.never_set.guest_access && joins && self.allowed()
            || self.never_set.visibility && was == Membership::Never && self.gave_the_tagged_event()
    }
}

pub(super) const SENDER_JOINED: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::SenderJoined,
    about: |action| matches!(action.operation, Operation::Send(_) | Operation::SendState),
    judge: |t| {
        let sends = matches!(t.action.operation, Operation::Send(_) | Operation::SendState);
        let (Some(guest), Some(room)) = (t.caller().filter(|_| sends), t.action.room()) else {
            return Judgement::Untouched;
        };
        let outside = t.before.rooms[room].members[guest] != Membership::Join;
        Judgement::of(outside && t.live_guest().is_some(), !(outside && t.allowed()))
    },
};

pub(super) const REFUSALS_CHANGE_NOTHING: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::RefusalsChangeNothing,
    about: may_change,
    judge: |t| {
        let premise = !t.allowed() && matches!(t.action.operation, Operation::SetGuestAccess(..));
        Judgement::of(premise, t.allowed() || t.after == t.before)
    },
};

pub(super) const CLEAR_REFUSALS: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::ClearRefusals,
    about: |_| true,
    judge: |t| {
        let decision = &t.observation.decision;
        let has_live_token = match t.action.by {
            crate::action::Actor::Guest(guest) => {
                t.action.with == crate::action::Credential::Own
                    && t.before.accounts[usize::from(guest)].is_live()
            }
            crate::action::Actor::User | crate::action::Actor::Moderator => true,
            _ => false,
        };
        let blames_the_token = decision.status == 401 && has_live_token;
        let elsewhere = t.action.place == crate::action::Place::Elsewhere;
        let gate_of_nothing = elsewhere
            && matches!(t.action.operation, Operation::Join(_))
            && decision.errcode
                == Some(guest_access_rules::vocabulary::ErrCode::GuestAccessForbidden)
            && t.action
                .by
                .guest()
                .zip(t.action.operation.endpoint())
                .is_some_and(|(guest, endpoint)| t.is_listed(endpoint, usize::from(guest)));
        Judgement::of(
            elsewhere && !t.allowed(),
            decision.status < 500 && !blames_the_token && !gate_of_nothing,
        )
    },
};
