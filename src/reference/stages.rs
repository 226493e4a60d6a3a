//! What a server that takes its calls in stages does in one of them: pieces of what the other modules
//! do in one instant. Nothing but the lapses of `serve` uses them.

use std::sync::Arc;

use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{GuestAccess, Membership};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};

use super::Reference;
use super::event::REDACTION;

impl Reference {
    /// A call that is decided by another profile.
    pub(crate) fn under<T>(
        &mut self,
        profile: Arc<Profile>,
        call: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let own = std::mem::replace(&mut self.profile, profile);
        let answer = call(self);
        self.profile = own;
        answer
    }

    /// Takes over the messages that `later`, which this one was copied from, was sent since: as if they
    /// had been sent while the rooms were as they are here.
    pub(crate) fn receive_messages_of(&mut self, later: &Self) {
        let choices = *self.choices();
        for room in &mut self.rooms {
            let Some(now) = later.room(&room.id) else { continue };
            let since: Vec<_> = now
                .events()
                .skip(room.len())
                .filter(|event| event.state_key.is_none() && event.kind != REDACTION)
                .cloned()
                .collect();
            for event in since {
                Arc::make_mut(room).append(event, &choices);
            }
        }
        self.clock = later.clock;
    }

    /// Who is still in a room from which a revocation should have removed them.
    pub(crate) fn revoked_members(&self) -> Vec<(OwnedRoomId, OwnedUserId)> {
        let closed =
            self.rooms().filter(|room| room.settings().guest_access != GuestAccess::CanJoin);
        let listed = closed.flat_map(|room| {
            let users = self.those_to_remove(&room.id).into_iter();
            users.map(|user| (room.id.clone(), user))
        });
        listed.collect()
    }

    /// Removes somebody from a room, whatever has become of them there.
    pub(crate) fn remove_member(&mut self, room: &RoomId, user: &UserId) {
        self.set_membership(room, user, user, Membership::Leave);
    }

    /// A call for which a token is live, whatever has become of it.
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

    /// Makes a token live or ends it, and says whether it was live.
    fn set_live(&mut self, text: &str, live: bool) -> bool {
        let accounts = Arc::make_mut(&mut self.accounts);
        let mut tokens = accounts.iter_mut().flat_map(|account| &mut account.tokens);
        let token = tokens.find(|token| token.text == text);
        token.is_some_and(|token| std::mem::replace(&mut token.live, live))
    }
}
