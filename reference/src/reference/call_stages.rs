//! Stages of calls: parts of what the other modules do in one call. Only a server with a concurrency
//! defect (`serve::staged_call`) uses the stages.

use std::sync::Arc;

use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{GuestAccess, Membership};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};

use super::Reference;
use super::event::REDACTION;

impl Reference {
    /// Performs a call under another profile.
    pub(crate) fn with_profile<T>(
        &mut self,
        profile: Arc<Profile>,
        call: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let own = std::mem::replace(&mut self.profile, profile);
        let answer = call(self);
        self.profile = own;
        answer
    }

    /// Adds the messages that `later` has and this reference has not. `later` is a later state of the
    /// same reference. The messages count as sent under the room settings of this reference.
    pub(crate) fn receive_messages_of(&mut self, later: &Self) {
        let choices = *self.choices();
        for room in &mut self.rooms {
            let Some(later_room) = later.room(&room.id) else { continue };
            let new: Vec<_> = later_room
                .events()
                .skip(room.len())
                .filter(|event| event.state_key.is_none() && event.kind != REDACTION)
                .cloned()
                .collect();
            for event in new {
                Arc::make_mut(room).append(event, &choices);
            }
        }
        self.clock = later.clock;
        self.newest_time = later.newest_time;
    }

    /// The members that a revocation should have removed and that are still in their rooms.
    pub(crate) fn revoked_members(&self) -> Vec<(OwnedRoomId, OwnedUserId)> {
        let closed =
            self.rooms().filter(|room| room.settings().guest_access != GuestAccess::CanJoin);
        let members = closed.flat_map(|room| {
            let users = self.members_to_remove(&room.id).into_iter();
            users.map(|user| (room.id.clone(), user))
        });
        members.collect()
    }

    /// Removes `user` from a room, whatever the present membership of `user` is.
    pub(crate) fn remove_member(&mut self, room: &RoomId, user: &UserId) {
        self.set_membership(room, user, user, Membership::Leave);
    }

    /// Performs a call as if this token were live.
    pub(crate) fn with_live_token<T>(
        &mut self,
        text: &str,
        call: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let was_live = self.set_live(text, true);
        let answer = call(self);
        if !was_live {
            self.set_live(text, false);
        }
        answer
    }

    /// Ends one token.
    pub(crate) fn end_token(&mut self, text: &str) {
        self.set_live(text, false);
    }

    /// Makes a token live or ends the token. Returns whether the token was live before.
    fn set_live(&mut self, text: &str, live: bool) -> bool {
        let accounts = Arc::make_mut(&mut self.accounts);
        let mut tokens = accounts.iter_mut().flat_map(|account| &mut account.tokens);
        let token = tokens.find(|token| token.text == text);
        token.is_some_and(|token| std::mem::replace(&mut token.live, live))
    }
}
