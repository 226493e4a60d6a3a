//! What a guest, or somebody without a token, may not call.

use crate::endpoint::Auth;
use crate::profile::Access;
use crate::step::{Act, Actor, Credential, Place};
use crate::vocabulary::HistoryVisibility;

use super::{Guarantee, Judgement, Transition, by_a_guest};

pub(super) const CONFINEMENT: Guarantee = Guarantee {
    id: "confinement",
    always: "a guest's call to an endpoint outside the allow-list, or outside the endpoint's conditions, is denied",
    sometimes: "a guest calls something that is not on the allow-list",
    about: by_a_guest,
    judge: |t| Judgement::of(outside_the_list(t), !(outside_the_list(t) && t.allowed())),
};

fn outside_the_list(t: &Transition) -> bool {
    let (Some(guest), Some(endpoint)) = (t.live_guest(), t.step.act.endpoint()) else {
        return false;
    };
    if matches!(t.step.act, Act::Register { .. } | Act::Upgrade(_))
        || endpoint.get().auth == Auth::None
    {
        return false;
    }
    if matches!(t.step.act, Act::SetProfile { own: false, .. }) {
        return true;
    }
    let Access::Open(conditions) = t.rules.access(endpoint) else {
        return true;
    };
    !conditions.iter().all(|condition| t.holds(condition, guest))
}

pub(super) const AUTHENTICATION: Guarantee = Guarantee {
    id: "authentication",
    always: "a call without a live token is denied, wherever a token is required, and a token speaks for its account alone",
    sometimes: "a call that needs a token is made without a live one",
    about: |step| by_a_guest(step) || step.by == Actor::Nobody,
    judge: |t| {
        let no_live_token = match t.step.by {
            Actor::Nobody => true,
            Actor::Guest(guest) => {
                t.step.with == Credential::Own && !t.before.accounts[usize::from(guest)].is_live()
            }
            _ => false,
        };
        let premise = no_live_token && t.needs_a_token();
        // What a guest's token may not do it may not do in another's name either.
        let in_anothers_name =
            t.step.with == Credential::Masquerade && outside_the_list(t) && t.allowed();
        Judgement::of(premise, !(premise && t.allowed() || in_anothers_name))
    },
};

pub(super) const VISIBLE_ROOM_ONLY: Guarantee = Guarantee {
    id: "visible_room_only",
    always: "a guest's call about a room succeeds only while that room is world_readable",
    sometimes: "a guest calls about a room that is not world_readable",
    about: |step| by_a_guest(step) && step.with == Credential::Own,
    judge: |t| {
        let about_a_room = match t.step.place {
            Place::Room(_) => true,
            // A stream that names no room is about the rooms whose events it gives.
            Place::Nowhere => t.gave_the_tagged_event(),
            Place::Elsewhere => false,
        };
        let room = &t.before.rooms[t.step.room().unwrap_or(0)];
        let premise = t.live_guest().is_some()
            && about_a_room
            && room.visibility != Some(HistoryVisibility::WorldReadable);
        Judgement::of(premise, !(premise && t.allowed()))
    },
};
