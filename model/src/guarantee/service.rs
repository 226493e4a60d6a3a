//! What a guest is owed: that what is listed is served, and that nobody else's doings matter.

use crate::endpoint::{Auth, Gives, KNOWN};
use crate::profile::{Access, Condition};
use crate::state::{Account, Witness};
use crate::step::{Act, Credential, Message, Place, ProfileKey, Step, Upgrade, Way};
use crate::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership};

use super::{Guarantee, Judgement, Transition, by_a_guest};

pub(super) const AVAILABILITY: Guarantee = Guarantee {
    id: "availability",
    always: "a guest's call to an endpoint on the allow-list, whose conditions hold, is served",
    sometimes: "a guest calls an endpoint on the allow-list whose conditions hold",
    about: |step| by_a_guest(step) && step.with == Credential::Own,
    judge: |t| {
        let owed = is_owed(t).unwrap_or(false);
        Judgement::of(owed, !owed || t.allowed())
    },
};

/// Whether the rules leave no reason to refuse a guest's call.
fn is_owed(t: &Transition) -> Option<bool> {
    let guest = t.live_guest()?;
    if t.step.with == Credential::Masquerade {
        return None;
    }
    let endpoint = t.step.act.endpoint()?;
    if t.step.act == Act::Upgrade(Upgrade::Own(u8::try_from(guest).ok()?)) {
        return None;
    }
    let Access::Open(conditions) = t.rules.access(endpoint) else {
        return None;
    };
    if endpoint.get().auth == Auth::None || endpoint == KNOWN.register {
        return None;
    }
    let room = t.step.room().map(|room| &t.before.rooms[room]);
    let membership = room.map(|room| room.members[guest]);
    let previewable = room.is_some_and(|r| r.visibility == Some(HistoryVisibility::WorldReadable));
    let only_messages = conditions.contains(Condition::MessagesOnly);
    let conditions_hold = conditions.iter().all(|condition| match condition {
        Condition::MessagesOnly => t.step.act == Act::Send(Message::Message),
        Condition::DisplayNameOnly => {
            !matches!(t.step.act, Act::SetProfile { key: ProfileKey::AvatarUrl, .. })
        }
        Condition::WorldReadableRoom => previewable,
        Condition::JoinedRoom => membership == Some(Membership::Join),
    });
    let draft = t.rules.choices.room_rule == crate::decision_point::RoomRule::WorldReadableNow;
    Some(
        conditions_hold
            && match t.step.act {
                Act::Call(_) | Act::WhoAmI | Act::LogOut | Act::Deactivate => true,
                Act::SetProfile { own, .. } => own,
                Act::Send(Message::Redaction) => false,
                Act::Send(_) | Act::SendState => {
                    membership? == Membership::Join
                        && (!draft || previewable)
                        && (!only_messages || t.step.act == Act::Send(Message::Message))
                }
                Act::Join(Way::StateEvent) | Act::Leave(Way::StateEvent) | Act::Knock(_) => false,
                Act::Join(_) => {
                    room?.guest_access == GuestAccess::CanJoin
                        && match membership? {
                            Membership::Ban => false,
                            Membership::Invite | Membership::Join => true,
                            _ => room?.join_rule == JoinRule::Public,
                        }
                }
                Act::Leave(_) => matches!(membership?, Membership::Join | Membership::Invite),
                Act::Read(_) => match endpoint.get().gives? {
                    Gives::Sync => true,
                    // The event asked for may be one that the guest may not see.
                    Gives::Event | Gives::StateEvent => false,
                    _ if draft => t.step.place != Place::Nowhere && previewable,
                    Gives::Stream => {
                        t.step.place != Place::Nowhere
                            && (previewable && membership? != Membership::Ban
                                || membership? == Membership::Join)
                    }
                    _ => {
                        matches!(membership?, Membership::Join | Membership::Leave)
                            || previewable && membership? != Membership::Ban
                    }
                },
                _ => false,
            },
    )
}

pub(super) const NON_INTERFERENCE: Guarantee = Guarantee {
    id: "non_interference",
    always: "what a guest may do in a room does not depend on other guests or other rooms, and its call changes neither",
    sometimes: "a guest calls about a room while there is another guest, or another room that is not as it was created",
    about: |step| by_a_guest(step) && step.place != Place::Nowhere,
    judge: |t| {
        let (Some(guest), Some(room)) = (t.live_guest(), t.step.room()) else {
            return Judgement::Untouched;
        };
        if matches!(t.step.act, Act::Upgrade(_) | Act::ReadThroughOtherRoom) {
            return Judgement::Untouched;
        }
        let others = (0..t.before.accounts.len()).filter(|other| *other != guest);
        let other_rooms = (0..t.before.rooms.len()).filter(|other| *other != room);
        let company = others.clone().any(|other| t.before.accounts[other].is_guest())
            || other_rooms
                .clone()
                .any(|other| t.before.rooms[other].members[guest] != Membership::Never);
        let untouched =
            others.clone().all(|other| {
                t.before.accounts[other] == t.after.accounts[other]
                    && t.before.rooms[room].members[other] == t.after.rooms[room].members[other]
            }) && other_rooms.clone().all(|other| t.before.rooms[other] == t.after.rooms[other]);
        Judgement::of(company, untouched && t.alone_it_would_be_alike())
    },
};

impl Transition<'_> {
    /// Whether the call would have been answered alike had there been no other guest and no other
    /// room. This holds the system against itself, whatever its rules are.
    fn alone_it_would_be_alike(&self) -> bool {
        let (Some(guest), Some(room)) = (self.caller(), self.step.room()) else {
            return true;
        };
        let new = crate::decide::initial(self.system);
        let mut alone = *self.before;
        for other in (0..alone.accounts.len()).filter(|other| *other != guest) {
            alone.accounts[other] = Account::Absent;
            alone.rooms[room].members[other] = Membership::Never;
            if let Some(tagged) = &mut alone.tagged {
                tagged.witnesses[other] = Witness::STRANGER;
            }
        }
        for other in (0..alone.rooms.len()).filter(|other| *other != room) {
            alone.rooms[other] = new.rooms[other];
            if other == 0 {
                alone.tagged = None;
            }
        }
        let step = Step { tag: self.step.tag && alone.tagged.is_none(), ..*self.step };
        crate::decide::outcome(self.system, &alone, &step).is_some_and(|outcome| {
            outcome.observation.decision.is_like(&self.observation.decision)
                && outcome.observation.answer == self.observation.answer
        })
    }
}
