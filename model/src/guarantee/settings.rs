//! What settings can do that are not understood, or that somebody may not send; and refusals.

use crate::step::{Act, Key, Says, Setting};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};

use super::{GuaranteeId, Judgement, StepGuarantee, may_change};

pub(super) const FAIL_SAFE: StepGuarantee = StepGuarantee {
    id: GuaranteeId::FailSafe,
    about: may_change,
    judge: |t| {
        let Some(room) = t.step.room() else {
            return Judgement::Untouched;
        };
        let (before, after) = (&t.before.rooms[room], &t.after.rooms[room]);
        let sent = t.allowed();
        let as_it_was =
            after.visibility == before.visibility && after.guest_access == before.guest_access;
        let shared = after.visibility == Some(HistoryVisibility::Shared);
        let forbidden = after.guest_access == GuestAccess::Forbidden;
        match t.step.act {
            Act::SetVisibility(_, Key::Wrong | Key::Message)
            | Act::SetGuestAccess(_, Key::Wrong | Key::Message) => Judgement::of(sent, as_it_was),
            Act::SetVisibility(Says::Unknown | Says::Malformed, Key::Empty) if sent => {
                Judgement::of(true, shared)
            }
            Act::SetGuestAccess(Says::Unknown | Says::Malformed, Key::Empty) if sent => {
                Judgement::of(true, forbidden)
            }
            Act::SetVisibility(Says::Value(value), Key::Empty) if sent => {
                Judgement::of(false, after.visibility == Some(value))
            }
            Act::SetGuestAccess(Says::Value(value), Key::Empty) if sent => {
                Judgement::of(false, after.guest_access == value)
            }
            Act::RedactSetting(Setting::GuestAccess) => Judgement::of(true, forbidden),
            Act::RedactSetting(Setting::HistoryVisibility) => {
                Judgement::of(true, after.visibility == before.visibility)
            }
            _ => Judgement::of(false, as_it_was),
        }
    },
};

pub(super) const SENDER_JOINED: StepGuarantee = StepGuarantee {
    id: GuaranteeId::SenderJoined,
    about: |step| matches!(step.act, Act::Send(_) | Act::SendState),
    judge: |t| {
        let sends = matches!(t.step.act, Act::Send(_) | Act::SendState);
        let (Some(guest), Some(room)) = (t.caller().filter(|_| sends), t.step.room()) else {
            return Judgement::Untouched;
        };
        let outside = t.before.rooms[room].members[guest] != Membership::Join;
        Judgement::of(outside && t.live_guest().is_some(), !(outside && t.allowed()))
    },
};

pub(super) const REFUSALS_CHANGE_NOTHING: StepGuarantee = StepGuarantee {
    id: GuaranteeId::RefusalsChangeNothing,
    about: may_change,
    judge: |t| {
        let premise = !t.allowed() && matches!(t.step.act, Act::SetGuestAccess(..));
        Judgement::of(premise, t.allowed() || t.after == t.before)
    },
};

pub(super) const CLEAR_REFUSALS: StepGuarantee = StepGuarantee {
    id: GuaranteeId::ClearRefusals,
    about: |_| true,
    judge: |t| {
        let decision = &t.observation.decision;
        let has_live_token = match t.step.by {
            crate::step::Actor::Guest(guest) => {
                t.step.with == crate::step::Credential::Own
                    && t.before.accounts[usize::from(guest)].is_live()
            }
            crate::step::Actor::User | crate::step::Actor::Moderator => true,
            _ => false,
        };
        let blames_the_token = decision.status == 401 && has_live_token;
        let elsewhere = t.step.place == crate::step::Place::Elsewhere;
        let gate_of_nothing = elsewhere
            && matches!(t.step.act, Act::Join(_))
            && decision.errcode
                == Some(guest_access_rules::vocabulary::ErrCode::GuestAccessForbidden)
            && t.step
                .act
                .endpoint()
                .is_some_and(|e| t.rules.access(e) != guest_access_rules::profile::Access::Refused);
        Judgement::of(
            elsewhere && !t.allowed(),
            decision.status < 500 && !blames_the_token && !gate_of_nothing,
        )
    },
};
