//! Guarantees about how guests join, and how a revocation removes them.

use crate::action::{Operation, Setting};
use guest_access_rules::vocabulary::{GuestAccess, Membership};

use super::{ActionGuarantee, GuaranteeId, Judgement, Transition, may_change};

pub(super) const JOIN_GATE: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::JoinGate,
    about: may_change,
    judge: |t| {
        let (Some(guest), Operation::Join(_), Some(room)) =
            (t.live_guest(), t.action.operation, t.action.room())
        else {
            // Whoever acts, no guest may become joined.
            return Judgement::of(false, !some_guest_slipped_in(t));
        };
        let closed = t.before.rooms[room].guest_access != GuestAccess::CanJoin;
        let outside = t.before.rooms[room].members[guest] != Membership::Join;
        Judgement::of(closed && outside, !some_guest_slipped_in(t))
    },
};

fn some_guest_slipped_in(t: &Transition) -> bool {
    t.before.rooms.iter().zip(&t.after.rooms).any(|(before, after)| {
        before.guest_access != GuestAccess::CanJoin
            && t.after.accounts.iter().enumerate().any(|(guest, account)| {
                account.is_guest()
                    && before.members[guest] != Membership::Join
                    && after.members[guest] == Membership::Join
            })
    })
}

pub(super) const REVOCATION: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::Revocation,
    about: may_change,
    judge: |t| {
        let guest_joined = |state: &crate::state::State, room: usize| {
            (0..state.accounts.len()).any(|guest| {
                state.accounts[guest].is_guest()
                    && state.rooms[room].members[guest] == Membership::Join
            })
        };
        let rooms = 0..t.before.rooms.len();
        let premise = rooms.clone().any(|room| stops(t, room) && guest_joined(t.before, room));
        let kept = rooms.clone().all(|room| {
            t.after.rooms[room].guest_access == GuestAccess::CanJoin || !guest_joined(t.after, room)
        });
        Judgement::of(premise, kept)
    },
};

/// Whether the action ends the room's guest access.
fn stops(t: &Transition, room: usize) -> bool {
    t.before.rooms[room].guest_access == GuestAccess::CanJoin
        && t.after.rooms[room].guest_access != GuestAccess::CanJoin
}

pub(super) const REVOCATION_SPARES: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::RevocationSpares,
    about: |action| {
        matches!(
            action.operation,
            Operation::SetGuestAccess(..) | Operation::RedactSetting(Setting::GuestAccess)
        )
    },
    judge: |t| {
        let changes_guest_access = matches!(
            t.action.operation,
            Operation::SetGuestAccess(..) | Operation::RedactSetting(Setting::GuestAccess)
        );
        let Some(room) = t.action.room().filter(|_| changes_guest_access) else {
            return Judgement::Untouched;
        };
        let (before, after) = (&t.before.rooms[room], &t.after.rooms[room]);
        let of_a_guest = |guest: usize| t.before.accounts[guest].is_guest();
        let guest_joined = (0..before.members.len())
            .any(|guest| of_a_guest(guest) && before.members[guest] == Membership::Join);
        let spared = after.user == before.user
            && (0..before.members.len()).all(|guest| {
                after.members[guest] == before.members[guest]
                    || of_a_guest(guest) && after.members[guest] == Membership::Leave
            });
        let user_joined = before.user == Membership::Join;
        Judgement::of(stops(t, room) && guest_joined && user_joined, spared)
    },
};
