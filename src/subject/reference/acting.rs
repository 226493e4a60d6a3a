//! The call of each action.

use std::sync::Arc;

use guest_access_model::action::{
    Action, Answer as AnswerContent, Observation, Operation, Place, Setting,
};
use guest_access_reference::reference::SERVER_NAME;
use guest_access_rules::vocabulary::Decision;
use guest_access_rules::vocabulary::MembershipEndpoint;
use ruma::api::client::account::{deactivate, whoami};
use ruma::api::client::knock::knock_room;
use ruma::api::client::membership::invite_user::v3::InviteUserId;
use ruma::api::client::membership::{
    ban_user, invite_user, join_room_by_id, join_room_by_id_or_alias, kick_user, leave_room,
    unban_user,
};
use ruma::api::client::session::logout;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId};
use serde_json::json;

use super::sending::{guest_access_content, visibility_content};
use super::{ReferenceSubject, cannot_happen, observe, observe_only};

impl ReferenceSubject {
    pub(super) fn operation(&mut self, step: &Action) -> Observation {
        let accounts = Arc::clone(&self.accounts);
        let old_token = self.reference.profile().choices.old_token;
        let with = &accounts.credentials(step.by, step.with, old_token);
        let room = self.room_id(step.place);
        let moderated = step.operation.moderated().and_then(|guest| accounts.guest(guest));
        let moderated = moderated.map(|guest| guest.user_id.clone());
        match step.operation {
            Operation::Register { named } => self.register(step.by, named),
            Operation::RegisterOver(guest) => {
                let requested =
                    accounts.guest(guest).map(|guest| guest.user_id.localpart().to_owned());
                self.become_user(guest, requested, None)
            }
            Operation::Upgrade(upgrade) => self.upgrade(upgrade),
            Operation::LogOut => {
                observe_only(self.reference.log_out(with, &logout::v3::Request::new()))
            }
            Operation::Deactivate => {
                observe_only(self.reference.deactivate(with, &deactivate::v3::Request::new()))
            }
            Operation::EndToken(guest) => match accounts.guest(guest) {
                Some(guest) => {
                    self.reference.end_tokens(&guest.user_id);
                    server_observation()
                }
                None => cannot_happen(),
            },
            Operation::Restart => {
                self.reference.restart();
                server_observation()
            }
            Operation::SetProfile { key, own } => {
                let own = own.then(|| accounts.account(step.by)).flatten();
                let user = own.unwrap_or(&accounts.moderator).user_id.clone();
                self.set_profile(with, user, key)
            }
            Operation::WhoAmI => {
                let answer = self.reference.whoami(with, &whoami::v3::Request::new());
                observe(answer, |response| AnswerContent::IsGuest(response.is_guest))
            }
            Operation::SetVisibility(says, key) => {
                let kind = Setting::HistoryVisibility;
                self.set(with, room, kind, &visibility_content(says), key)
            }
            Operation::SetGuestAccess(says, key) => {
                self.set(with, room, Setting::GuestAccess, &guest_access_content(says), key)
            }
            Operation::RedactSetting(setting) => self.redact_setting(with, &room, setting),
            Operation::SetJoinRule(rule) => {
                let content = json!({ "join_rule": rule.as_str() });
                self.put_state(with, room, "m.room.join_rules", "", &content)
            }
            Operation::Send(message) => self.send(with, room, message),
            Operation::SendState => {
                let key = format!("note-{}", self.reference.token());
                self.put_state(with, room, "org.example.note", &key, &json!({ "note": key }))
            }
            Operation::Invite(_) => moderated.map_or_else(cannot_happen, |user| {
                let invited = InviteUserId::new(user).into();
                let request = invite_user::v3::Request::new(room, invited);
                observe_only(self.reference.invite(with, &request))
            }),
            Operation::Kick(_) => moderated.map_or_else(cannot_happen, |user| {
                let request = kick_user::v3::Request::new(room, user);
                observe_only(self.reference.kick(with, &request))
            }),
            Operation::Ban(_) => moderated.map_or_else(cannot_happen, |user| {
                let request = ban_user::v3::Request::new(room, user);
                observe_only(self.reference.ban(with, &request))
            }),
            Operation::Unban(_) => moderated.map_or_else(cannot_happen, |user| {
                let request = unban_user::v3::Request::new(room, user);
                observe_only(self.reference.unban(with, &request))
            }),
            Operation::Join(MembershipEndpoint::StateEvent) => {
                self.put_own_membership(with, step.by, room, "join")
            }
            Operation::Join(MembershipEndpoint::Own) => {
                let request = join_room_by_id::v3::Request::new(room);
                observe_only(self.reference.join(with, &request))
            }
            Operation::Join(MembershipEndpoint::Alias) => {
                let request = join_room_by_id_or_alias::v3::Request::new(name(step.place, room));
                observe_only(self.reference.join_by_alias(with, &request))
            }
            Operation::Leave(MembershipEndpoint::StateEvent) => {
                self.put_own_membership(with, step.by, room, "leave")
            }
            Operation::Leave(_) => {
                observe_only(self.reference.leave(with, &leave_room::v3::Request::new(room)))
            }
            Operation::Knock(MembershipEndpoint::StateEvent) => {
                self.put_own_membership(with, step.by, room, "knock")
            }
            Operation::Knock(_) => {
                let request = knock_room::v3::Request::new(name(step.place, room));
                observe_only(self.reference.knock(with, &request))
            }
            Operation::Read(endpoint) => self.read(with, endpoint, step.place),
            Operation::ReadThroughOtherRoom => self.read_through_other_room(with),
            Operation::Call(endpoint) => {
                let about = (step.place != Place::Nowhere).then_some(&*room);
                observe_only(self.reference.call(with, endpoint, about))
            }
        }
    }
}

/// The observation of what the server does by itself.
fn server_observation() -> Observation {
    let because = "the server does so by itself";
    Observation { decision: Decision::allow(&[], because), answer: AnswerContent::Nothing }
}

/// The alias of a room of the model, or the id of a room elsewhere.
fn name(place: Place, room: OwnedRoomId) -> OwnedRoomOrAliasId {
    match place {
        Place::Room(number) => format!("#room-{number}:{SERVER_NAME}").try_into().ok(),
        Place::Nowhere | Place::Elsewhere => None,
    }
    .unwrap_or_else(|| room.into())
}
