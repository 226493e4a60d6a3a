//! Revocation: the removal of the guests from a room when the guests may no longer join.

use guest_access_rules::decision_point::{
    RevocationEffect, RevocationMemberships, RevocationTrigger, RevocationWhom,
};
use guest_access_rules::vocabulary::Membership;
use ruma::{OwnedUserId, RoomId, UserId};

use super::event::{Event, GUEST_ACCESS, REDACTION};
use super::{Reference, Room};

impl Reference {
    /// Whether `event` triggers a revocation. The event ended the guest access `can_join` of its room.
    pub(super) fn triggers_revocation(&self, event: &Event) -> bool {
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
        for user in self.members_to_remove(room) {
            // Reading A41: in the guest's own name, which needs no power in the room.
            self.set_membership(room, &user, &user, to);
        }
    }

    /// The members that a revocation removes from `room`.
    pub(super) fn members_to_remove(&self, room: &RoomId) -> Vec<OwnedUserId> {
        let Some(room) = self.room(room) else {
            return Vec::new();
        };
        room.members()
            .filter(|(user, membership)| self.is_ended(*membership) && self.is_removed(room, user))
            .map(|(user, _)| user)
            .collect()
    }

    /// Whether a revocation ends this membership.
    fn is_ended(&self, membership: Membership) -> bool {
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
    fn is_removed(&self, room: &Room, user: &UserId) -> bool {
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
    use super::super::fixture::{ALLOWED, Fixture, TestUser, latest};
    use super::*;
    use Membership::{Join, Leave};

    /// A room to which a guest, a user and the moderator are joined.
    fn joined(options: &[(&str, &str)]) -> (Fixture, TestUser, TestUser) {
        let mut fixture = Fixture::with_profile(latest(options));
        fixture.set_guest_access("can_join");
        let (guest, user) = (fixture.guest(), fixture.user("user"));
        assert_eq!(fixture.join(&guest), ALLOWED);
        assert_eq!(fixture.join(&user), ALLOWED);
        (fixture, guest, user)
    }

    fn membership(fixture: &Fixture, who: &TestUser) -> Membership {
        fixture.server.room(&fixture.room).unwrap().membership(&who.user_id)
    }

    #[test]
    fn a_revocation_removes_guests_and_nobody_else() {
        let (mut fixture, guest, user) = joined(&[]);
        fixture.set_guest_access("forbidden");
        assert_eq!(membership(&fixture, &guest), Leave);
        assert_eq!(membership(&fixture, &user), Join);
        assert_eq!(membership(&fixture, &fixture.moderator), Join);
    }

    #[test]
    fn a_revocation_removes_a_guest_without_a_live_token() {
        let (mut fixture, guest, _) = joined(&[]);
        fixture.server.end_tokens(&guest.user_id);
        fixture.set_guest_access("forbidden");
        assert_eq!(membership(&fixture, &guest), Leave);
    }

    #[test]
    fn a_revocation_removes_users_without_a_password_by_one_option() {
        for (options, after) in
            [(&[][..], Join), (&[("registration.known_by", "no_password")][..], Leave)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            fixture.set_guest_access("can_join");
            let user = fixture.server.register_without_password("user").unwrap().response.user_id;
            let room = fixture.room.clone();
            fixture.server.add_member(&room, &user);
            fixture.set_guest_access("forbidden");
            assert_eq!(fixture.server.room(&room).unwrap().membership(&user), after);
        }
    }

    #[test]
    fn an_upgraded_guest_stays() {
        let (mut fixture, guest, _) = joined(&[]);
        fixture.server.upgrade_to_user(&guest.user_id, None);
        fixture.set_guest_access("forbidden");
        assert_eq!(membership(&fixture, &guest), Join);
    }

    #[test]
    fn saying_can_join_again_joins_nobody_again() {
        let (mut fixture, guest, _) = joined(&[]);
        fixture.set_guest_access("forbidden");
        fixture.set_guest_access("can_join");
        assert_eq!(membership(&fixture, &guest), Leave);
    }

    #[test]
    fn an_unknown_value_revokes_unless_only_forbidden_does() {
        for (options, after) in
            [(&[][..], Leave), (&[("revocation.trigger", "forbidden_only")][..], Join)]
        {
            let (mut fixture, guest, _) = joined(options);
            fixture.set_guest_access("org.example.unknown");
            assert_eq!(membership(&fixture, &guest), after);
        }
    }

    #[test]
    fn everybody_without_power_is_removed_where_everybody_is() {
        let (mut fixture, guest, user) = joined(&[("revocation.whom", "everybody")]);
        fixture.set_guest_access("forbidden");
        assert_eq!(membership(&fixture, &guest), Leave);
        assert_eq!(membership(&fixture, &user), Leave);
        assert_eq!(membership(&fixture, &fixture.moderator), Join);
    }
}
