//! Revocation: what happens to the guests in a room when they may join it no more.

use guest_access_rules::decision_point::{
    RevocationEffect, RevocationMemberships, RevocationTrigger, RevocationWhom,
};
use guest_access_rules::vocabulary::Membership;
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

    pub(super) fn those_to_remove(&self, room: &RoomId) -> Vec<OwnedUserId> {
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
                matches!(membership, Membership::Join | Membership::Invite | Membership::Knock)
            }
        }
    }

    /// Whether a revocation removes this user.
    fn removes(&self, room: &Room, user: &UserId) -> bool {
        // GA-24: A server ends the membership of its own guests only, since it knows of no others.
        let Some(account) = self.accounts.get(user) else {
            return false;
        };
        let guest = account.counts_as_guest(self.choices().known_by);
        match self.choices().revocation_whom {
            // Reading A23: also those whose token was ended.
            RevocationWhom::LocalGuests => guest,
            RevocationWhom::LiveGuestsOnly => guest && account.is_live(),
            RevocationWhom::UpgradedToo => guest || account.was_guest,
            RevocationWhom::Everybody => {
                room.power_of(user) < room.power_to_send(GUEST_ACCESS, true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{ALLOWED, Somebody, World, latest};
    use super::*;
    use Membership::{Join, Leave};

    /// A world in which a guest, a user and the moderator are joined.
    fn joined(options: &[(&str, &str)]) -> (World, Somebody, Somebody) {
        let mut world = World::under(latest(options));
        world.set_guest_access("can_join");
        let (guest, user) = (world.guest(), world.user("user"));
        assert_eq!(world.join(&guest), ALLOWED);
        assert_eq!(world.join(&user), ALLOWED);
        (world, guest, user)
    }

    fn membership(world: &World, who: &Somebody) -> Membership {
        world.server.room(&world.room).unwrap().membership(&who.user_id)
    }

    #[test]
    fn guests_leave_and_nobody_else_does_when_guest_access_is_taken_away() {
        let (mut world, guest, user) = joined(&[]);
        world.set_guest_access("forbidden");
        assert_eq!(membership(&world, &guest), Leave);
        assert_eq!(membership(&world, &user), Join);
        assert_eq!(membership(&world, &world.moderator), Join);
    }

    #[test]
    fn a_guest_whose_token_was_ended_is_removed_all_the_same() {
        let (mut world, guest, _) = joined(&[]);
        world.server.end_tokens(&guest.user_id);
        world.set_guest_access("forbidden");
        assert_eq!(membership(&world, &guest), Leave);
    }

    #[test]
    fn who_has_no_password_is_removed_where_guests_are_known_by_that() {
        for (options, after) in
            [(&[][..], Join), (&[("registration.known_by", "no_password")][..], Leave)]
        {
            let mut world = World::under(latest(options));
            world.set_guest_access("can_join");
            let user = world.server.sign_on("user").unwrap().response.user_id;
            let room = world.room.clone();
            world.server.add_member(&room, &user);
            world.set_guest_access("forbidden");
            assert_eq!(world.server.room(&room).unwrap().membership(&user), after);
        }
    }

    #[test]
    fn an_upgraded_guest_stays() {
        let (mut world, guest, _) = joined(&[]);
        world.server.make_a_user_of(&guest.user_id, None);
        world.set_guest_access("forbidden");
        assert_eq!(membership(&world, &guest), Join);
    }

    #[test]
    fn saying_can_join_again_joins_nobody_again() {
        let (mut world, guest, _) = joined(&[]);
        world.set_guest_access("forbidden");
        world.set_guest_access("can_join");
        assert_eq!(membership(&world, &guest), Leave);
    }

    #[test]
    fn a_value_of_nobodys_revokes_unless_only_forbidden_does() {
        for (options, after) in
            [(&[][..], Leave), (&[("revocation.trigger", "forbidden_only")][..], Join)]
        {
            let (mut world, guest, _) = joined(options);
            world.set_guest_access("org.example.unknown");
            assert_eq!(membership(&world, &guest), after);
        }
    }

    #[test]
    fn everybody_without_power_is_removed_where_everybody_is() {
        let (mut world, guest, user) = joined(&[("revocation.whom", "everybody")]);
        world.set_guest_access("forbidden");
        assert_eq!(membership(&world, &guest), Leave);
        assert_eq!(membership(&world, &user), Leave);
        assert_eq!(membership(&world, &world.moderator), Join);
    }
}
