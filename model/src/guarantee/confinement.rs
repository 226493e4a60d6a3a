//! Guarantees about calls that a guest, or somebody without a token, may not make.

use crate::action::{Actor, Credential, Operation, Place};
use guest_access_rules::endpoint::Auth;
use guest_access_rules::profile::Access;
use guest_access_rules::vocabulary::HistoryVisibility;

use super::{ActionGuarantee, GuaranteeId, Judgement, Transition, by_a_guest};

pub(super) const CONFINEMENT: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::Confinement,
    about: by_a_guest,
    judge: |t| Judgement::of(outside_the_list(t), !(outside_the_list(t) && t.allowed())),
};

fn outside_the_list(t: &Transition) -> bool {
    let (Some(guest), Some(endpoint)) = (t.live_guest(), t.action.operation.endpoint()) else {
        return false;
    };
    if matches!(t.action.operation, Operation::Register { .. } | Operation::Upgrade(_))
        || endpoint.get().auth == Auth::None
        || t.is_summary_without_a_token(endpoint)
    {
        return false;
    }
    if matches!(t.action.operation, Operation::SetProfile { own: false, .. }) {
        return true;
    }
    let Access::Open(conditions) = t.rules.access(endpoint) else {
        return true;
    };
    !conditions.iter().all(|condition| t.holds(condition, guest))
}

pub(super) const AUTHENTICATION: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::Authentication,
    about: |action| by_a_guest(action) || action.by == Actor::Nobody,
    judge: |t| {
        let no_live_token = match t.action.by {
            Actor::Nobody => true,
            Actor::Guest(guest) => {
                t.action.with == Credential::Own && !t.before.accounts[usize::from(guest)].is_live()
            }
            _ => false,
        };
        let premise = no_live_token && t.needs_a_token();
        // A call that a guest may not make, it may not make in another user's name either.
        let in_anothers_name =
            t.action.with == Credential::Masquerade && outside_the_list(t) && t.allowed();
        Judgement::of(premise, !(premise && t.allowed() || in_anothers_name))
    },
};

pub(super) const VISIBLE_ROOM_ONLY: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::VisibleRoomOnly,
    about: |action| by_a_guest(action) && action.with == Credential::Own,
    judge: |t| {
        let about_a_room = match t.action.place {
            Place::Room(_) => true,
            // A stream that names no room is about each room whose events it gives.
            Place::Nowhere => t.gave_the_tagged_event(),
            Place::Elsewhere => false,
        };
        let room = &t.before.rooms[t.action.room().unwrap_or(0)];
        let premise = t.live_guest().is_some()
            && about_a_room
            && room.visibility != Some(HistoryVisibility::WorldReadable);
        Judgement::of(premise, !(premise && t.allowed()))
    },
};
