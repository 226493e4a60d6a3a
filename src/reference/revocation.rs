//! Revocation: what happens to the guests in a room when they may join it no more.

use guest_access_model::decision_point::{
    RevocationEffect, RevocationMemberships, RevocationTrigger, RevocationWhom,
};
use guest_access_model::vocabulary::Membership;
use ruma::{OwnedUserId, RoomId, UserId};

use super::event::{Event, GUEST_ACCESS, REDACTION};
use super::{Reference, Room};

impl Reference {
    /// Whether `event`, with which a room's guest access ceased to be `can_join`, revokes.
    pub(super) fn revokes(&self, event: &Event) -> bool {
        // Reading A2: whatever ends `can_join` counts.
        match self.choices().revocation_trigger {
            RevocationTrigger::EveryWay => true,
            RevocationTrigger::NewEventOnly => event.kind != REDACTION,
            RevocationTrigger::ForbiddenOnly => event.text("guest_access") == Some("forbidden"),
        }
    }

    // GA-23: When `m.room.guest_access` changes so that guests may no longer join, the server sets
    // their membership to `leave`.
    pub(super) fn revoke(&mut self, room: &RoomId) {
        let to = match self.choices().revocation_effect {
            RevocationEffect::Leave => Membership::Leave,
            RevocationEffect::None => return,
            RevocationEffect::Ban => Membership::Ban,
        };
        for user in self.those_to_remove(room) {
            // Reading A41: in the guest's own name, which needs no power in the room.
            self.set_membership(room, &user, &user, to);
        }
    }

    fn those_to_remove(&self, room: &RoomId) -> Vec<OwnedUserId> {
        let Some(room) = self.room(room) else {
            return Vec::new();
        };
        room.members()
            .filter(|(user, membership)| self.ends(*membership) && self.removes(room, user))
            .map(|(user, _)| user)
            .collect()
    }

    /// Whether a revocation ends this membership.
    fn ends(&self, membership: Membership) -> bool {
        // Reading A3: the joined.
        match self.choices().revocation_memberships {
            RevocationMemberships::Joined => membership == Membership::Join,
            RevocationMemberships::JoinedAndInvited => {
                matches!(membership, Membership::Join | Membership::Invite)
            }
            RevocationMemberships::JoinedInvitedAndKnocking => {
                matches!(
                    membership,
                    Membership::Join | Membership::Invite | Membership::Knock
                )
            }
        }
    }

    /// Whether a revocation removes this user.
    fn removes(&self, room: &Room, user: &UserId) -> bool {
        // GA-24: A server ends the membership of its own guests only, since it knows of no others.
        let Some(account) = self.accounts.get(user) else {
            return false;
        };
        match self.choices().revocation_whom {
            // Reading A23: also those whose token was ended.
            RevocationWhom::LocalGuests => account.is_guest(),
            RevocationWhom::LiveGuestsOnly => account.is_guest() && account.is_live(),
            RevocationWhom::UpgradedToo => account.is_guest() || account.was_guest,
            RevocationWhom::Everybody => {
                room.power_of(user) < room.power_to_send(GUEST_ACCESS, true)
            }
        }
    }
}
