//! The membership of other users: invite, kick, ban and unban.

use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::{Decision, Membership};
use ruma::api::client::membership::invite_user::v3::InvitationRecipient;
use ruma::api::client::membership::{ban_user, invite_user, kick_user, unban_user};
use ruma::{RoomId, UserId};

use super::Reference;
use super::answer::{AllowedResponse, Answer, Credentials, Refusal};
use super::authorisation::{Caller, EndpointCall};

impl Reference {
    /// `POST /rooms/{roomId}/invite`.
    ///
    /// # Errors
    /// The refusal, if the caller may not invite the user.
    pub fn invite(
        &mut self,
        credentials: &Credentials<'_>,
        request: &invite_user::v3::Request,
    ) -> Answer<invite_user::v3::Response> {
        let InvitationRecipient::UserId(invited) = &request.recipient else {
            return Err(Refusal::forbidden(&[], "the server invites nobody by another address"));
        };
        let (room, user) = (&request.room_id, &invited.user_id);
        let decision = self.moderate(credentials, KNOWN.invite, room, user, Membership::Invite)?;
        Ok(AllowedResponse::new(decision, invite_user::v3::Response::new()))
    }

    /// `POST /rooms/{roomId}/kick`.
    ///
    /// # Errors
    /// The refusal, if the caller may not kick the user.
    pub fn kick(
        &mut self,
        credentials: &Credentials<'_>,
        request: &kick_user::v3::Request,
    ) -> Answer<kick_user::v3::Response> {
        let (room, user) = (&request.room_id, &request.user_id);
        if self.room(room).is_some_and(|room| room.membership(user) == Membership::Ban) {
            self.admit(credentials, EndpointCall::to(KNOWN.kick).about(room))?;
            return Err(Refusal::forbidden(&["CS-15"], "a ban is lifted by another call"));
        }
        let decision = self.moderate(credentials, KNOWN.kick, room, user, Membership::Leave)?;
        Ok(AllowedResponse::new(decision, kick_user::v3::Response::new()))
    }

    /// `POST /rooms/{roomId}/ban`.
    ///
    /// # Errors
    /// The refusal, if the caller may not ban the user.
    pub fn ban(
        &mut self,
        credentials: &Credentials<'_>,
        request: &ban_user::v3::Request,
    ) -> Answer<ban_user::v3::Response> {
        let (room, user) = (&request.room_id, &request.user_id);
        let decision = self.moderate(credentials, KNOWN.ban, room, user, Membership::Ban)?;
        Ok(AllowedResponse::new(decision, ban_user::v3::Response::new()))
    }

    /// `POST /rooms/{roomId}/unban`.
    ///
    /// # Errors
    /// The refusal, if the caller may not unban the user.
    pub fn unban(
        &mut self,
        credentials: &Credentials<'_>,
        request: &unban_user::v3::Request,
    ) -> Answer<unban_user::v3::Response> {
        let (room, user) = (&request.room_id, &request.user_id);
        if self.room(room).is_some_and(|room| room.membership(user) != Membership::Ban) {
            self.admit(credentials, EndpointCall::to(KNOWN.unban).about(room))?;
            return Err(Refusal::forbidden(&["CS-16"], "there is no ban to lift"));
        }
        let decision = self.moderate(credentials, KNOWN.unban, room, user, Membership::Leave)?;
        Ok(AllowedResponse::new(decision, unban_user::v3::Response::new()))
    }

    fn moderate(
        &mut self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        room: &RoomId,
        user: &UserId,
        to: Membership,
    ) -> Result<Decision, Refusal> {
        let caller = self.admit(credentials, EndpointCall::to(endpoint).about(room))?;
        let decision = self.may_moderate(&caller, room, user, to)?;
        self.set_membership(room, &caller.sender(), user, to);
        Ok(decision)
    }

    /// Whether the caller may give this membership to `user`, who is another user.
    pub(super) fn may_moderate(
        &self,
        caller: &Caller,
        room: &RoomId,
        user: &UserId,
        to: Membership,
    ) -> Result<Decision, Refusal> {
        let Some(room) = self.room(room) else {
            return Err(Refusal::forbidden(&["CS-7"], "the server takes no part in the room"));
        };
        if caller.membership(room) != Membership::Join {
            return Err(Refusal::forbidden(&["CS-7"], "the caller is not joined to the room"));
        }
        let power = room.power_of(&caller.sender());
        let above = power > room.power_of(user);
        let from = room.membership(user);
        let (possible, clauses): (bool, &'static [&'static str]) = match to {
            // Reading A36: also a guest, to a room that guests may not join.
            // CS-13: A joined user whose power suffices may invite a user who is neither joined nor
            // banned.
            Membership::Invite => {
                let free = !matches!(from, Membership::Join | Membership::Ban);
                (free && power >= room.power_to("invite"), &["CS-13"])
            }
            // CS-16: A joined user whose power suffices may ban another user, and end a ban.
            Membership::Leave if from == Membership::Ban => {
                (power >= room.power_to("ban"), &["CS-16"])
            }
            Membership::Ban => (above && power >= room.power_to("ban"), &["CS-16"]),
            // CS-15: A joined user whose power suffices may kick another user.
            Membership::Leave => {
                let there =
                    matches!(from, Membership::Join | Membership::Invite | Membership::Knock);
                (there && above && power >= room.power_to("kick"), &["CS-15"])
            }
            // CS-12: Nobody can be made `join` by another user.
            Membership::Join | Membership::Knock | Membership::Never => (false, &["CS-12"]),
        };
        if !possible {
            return Err(Refusal::forbidden(clauses, "the caller's power, or the user, forbids it"));
        }
        Ok(Decision::allow(clauses, "the caller's power suffices"))
    }
}
