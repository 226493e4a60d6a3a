//! The steps that change something, as calls.

use std::sync::Arc;

use guest_access_model::decision_point::FirstGuest;
use guest_access_model::step::{
    Act, Actor, Answer as Held, Key, Message, Observation, Place, ProfileKey, Says, Setting, Step,
    Upgrade, Way,
};
use guest_access_model::vocabulary::{Decision, GuestAccess, HistoryVisibility};
use ruma::api::client::account::register::RegistrationKind;
use ruma::api::client::account::{deactivate, register, whoami};
use ruma::api::client::knock::knock_room;
use ruma::api::client::membership::invite_user::v3::InviteUserId;
use ruma::api::client::membership::{
    ban_user, invite_user, join_room_by_id, join_room_by_id_or_alias, kick_user, leave_room,
    unban_user,
};
use ruma::api::client::message::send_message_event;
use ruma::api::client::profile::set_profile_field;
use ruma::api::client::redact::redact_event;
use ruma::api::client::session::logout;
use ruma::api::client::state::send_state_event;
use ruma::profile::ProfileFieldValue;
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, OwnedRoomOrAliasId, OwnedUserId, RoomId, UserId};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::people::{MADE_UP_TOKEN, Person};
use super::{ReferenceSubject, cannot_happen, observe, observe_only};
use crate::reference::{Credentials, SERVER_NAME};

/// The names that the guests ask for, by number.
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

impl ReferenceSubject {
    pub(super) fn act(&mut self, step: &Step) -> Observation {
        let people = Arc::clone(&self.people);
        let old_token = self.reference.profile().choices.old_token;
        let with = &people.credentials(step.by, step.with, old_token);
        let room = self.room_id(step.place);
        let moderated = match step.act {
            Act::Invite(guest) | Act::Kick(guest) | Act::Ban(guest) | Act::Unban(guest) => {
                people.guest(guest).map(|guest| guest.user_id.clone())
            }
            _ => None,
        };
        match step.act {
            Act::Register { named } => self.register(step.by, named),
            Act::RegisterOver(guest) => {
                let asked = people
                    .guest(guest)
                    .map(|guest| guest.user_id.localpart().to_owned());
                self.become_user(guest, asked, None)
            }
            Act::Upgrade(upgrade) => self.upgrade(upgrade),
            Act::LogOut => observe_only(self.reference.log_out(with, &logout::v3::Request::new())),
            Act::Deactivate => observe_only(
                self.reference
                    .deactivate(with, &deactivate::v3::Request::new()),
            ),
            Act::EndToken(guest) => match people.guest(guest) {
                Some(guest) => {
                    self.reference.end_tokens(&guest.user_id);
                    done()
                }
                None => cannot_happen(),
            },
            Act::Restart => {
                self.reference.restart();
                done()
            }
            Act::SetProfile { key, own } => {
                let own = own.then(|| people.person(step.by)).flatten();
                let user = own.unwrap_or(&people.moderator).user_id.clone();
                self.set_profile(with, user, key)
            }
            Act::WhoAmI => {
                let answer = self.reference.whoami(with, &whoami::v3::Request::new());
                observe(answer, |response| Held::IsGuest(response.is_guest))
            }
            Act::SetVisibility(says, key) => {
                let kind = Setting::HistoryVisibility;
                self.set(with, room, kind, visibility_content(says), key)
            }
            Act::SetGuestAccess(says, key) => self.set(
                with,
                room,
                Setting::GuestAccess,
                guest_access_content(says),
                key,
            ),
            Act::RedactSetting(setting) => self.redact_setting(with, &room, setting),
            Act::SetJoinRule(rule) => {
                let content = json!({ "join_rule": rule.as_str() });
                self.put_state(with, room, "m.room.join_rules", "", &content)
            }
            Act::Send(message) => self.send(with, room, message),
            Act::SendState => {
                let key = format!("note-{}", self.reference.token());
                self.put_state(
                    with,
                    room,
                    "org.example.note",
                    &key,
                    &json!({ "note": key }),
                )
            }
            Act::Invite(_) => moderated.map_or_else(cannot_happen, |user| {
                let invited = InviteUserId::new(user).into();
                let request = invite_user::v3::Request::new(room, invited);
                observe_only(self.reference.invite(with, &request))
            }),
            Act::Kick(_) => moderated.map_or_else(cannot_happen, |user| {
                let request = kick_user::v3::Request::new(room, user);
                observe_only(self.reference.kick(with, &request))
            }),
            Act::Ban(_) => moderated.map_or_else(cannot_happen, |user| {
                let request = ban_user::v3::Request::new(room, user);
                observe_only(self.reference.ban(with, &request))
            }),
            Act::Unban(_) => moderated.map_or_else(cannot_happen, |user| {
                let request = unban_user::v3::Request::new(room, user);
                observe_only(self.reference.unban(with, &request))
            }),
            Act::Join(Way::StateEvent) => self.put_own_membership(with, step.by, room, "join"),
            Act::Join(Way::Own) => {
                let request = join_room_by_id::v3::Request::new(room);
                observe_only(self.reference.join(with, &request))
            }
            Act::Join(Way::Alias) => {
                let request = join_room_by_id_or_alias::v3::Request::new(name(step.place, room));
                observe_only(self.reference.join_by_alias(with, &request))
            }
            Act::Leave(Way::StateEvent) => self.put_own_membership(with, step.by, room, "leave"),
            Act::Leave(_) => observe_only(
                self.reference
                    .leave(with, &leave_room::v3::Request::new(room)),
            ),
            Act::Knock(Way::StateEvent) => self.put_own_membership(with, step.by, room, "knock"),
            Act::Knock(_) => {
                let request = knock_room::v3::Request::new(name(step.place, room));
                observe_only(self.reference.knock(with, &request))
            }
            Act::Read(endpoint) => self.read(with, endpoint, step.place),
            Act::ReadThroughOtherRoom => self.read_through_other_room(with),
            Act::Call(endpoint) => {
                let about = (step.place != Place::Nowhere).then_some(&*room);
                observe_only(self.reference.call(with, endpoint, about))
            }
        }
    }

    fn register(&mut self, by: Actor, named: bool) -> Observation {
        let Actor::Guest(number) = by else {
            return cannot_happen();
        };
        let number = usize::from(number);
        let (Some(name), Some(None)) = (NAMES.get(number), self.people.guests.get(number)) else {
            return cannot_happen();
        };
        let mut request = register::v3::Request::new();
        request.kind = RegistrationKind::Guest;
        request.username = named.then(|| (*name).to_owned());
        let answer = self.reference.register(&request);
        if let Ok(granted) = &answer {
            let person = Person::registered(granted.response.clone());
            // The first guest is the one with number 0, whichever registers first.
            let administrators = self.reference.profile().choices.first_guest;
            let administrator = administrators == FirstGuest::Administrator && number == 0;
            self.reference
                .set_administrator(&person.user_id, administrator);
            Arc::make_mut(&mut self.people).guests[number] = Some(person);
        }
        observe(answer, |response| {
            Held::Named(response.user_id.localpart() == *name)
        })
    }

    fn upgrade(&mut self, upgrade: Upgrade) -> Observation {
        let people = Arc::clone(&self.people);
        let token = |guest| people.guest(guest).map(|guest| guest.token.clone());
        let (of, token) = match upgrade {
            Upgrade::Own(guest) | Upgrade::OtherName(guest) => (guest, token(guest)),
            Upgrade::OthersToken { of, with } => (of, token(with)),
            Upgrade::MadeUpToken(guest) => (guest, Some(MADE_UP_TOKEN.to_owned())),
        };
        let (Some(guest), Some(token)) = (people.guest(of), token) else {
            return cannot_happen();
        };
        let name = match upgrade {
            Upgrade::OtherName(_) => self.nobodys_name(),
            _ => guest.user_id.localpart().to_owned(),
        };
        self.become_user(of, Some(name), Some(token))
    }

    /// An ordinary registration that asks for `name`, with which `guest` may become a user.
    fn become_user(
        &mut self,
        guest: u8,
        name: Option<String>,
        token: Option<String>,
    ) -> Observation {
        let (Some(person), Some(name)) = (self.people.guest(guest).cloned(), name) else {
            return cannot_happen();
        };
        let mut request = register::v3::Request::new();
        request.username = Some(name);
        request.password = Some("password".to_owned());
        request.guest_access_token = token;
        let answer = self.reference.register(&request);
        if let Ok(granted) = &answer {
            let response = granted.response.clone();
            // A registration under another name is the guest's only if it took the guest's place.
            let replaced = self.reference.account(&person.user_id).is_none();
            if replaced || response.user_id == person.user_id {
                let place = &mut Arc::make_mut(&mut self.people).guests[usize::from(guest)];
                *place = Some(person.upgraded(response));
            }
        }
        observe_only(answer)
    }

    /// A local part that nobody has.
    fn nobodys_name(&self) -> String {
        (0_u32..)
            .map(|number| format!("somebody-else-{number}"))
            .find(|name| {
                let user = UserId::parse(format!("@{name}:{SERVER_NAME}"));
                user.is_ok_and(|user| self.reference.account(&user).is_none())
            })
            .expect("there are more names than accounts")
    }

    fn set_profile(
        &mut self,
        with: &Credentials<'_>,
        user: OwnedUserId,
        key: ProfileKey,
    ) -> Observation {
        let value = match key {
            ProfileKey::DisplayName => ProfileFieldValue::DisplayName("A name".to_owned()),
            ProfileKey::AvatarUrl => ProfileFieldValue::AvatarUrl("mxc://reference.test/0".into()),
        };
        let request = set_profile_field::v3::Request::new(user, value);
        observe_only(self.reference.set_profile_field(with, &request))
    }

    fn set(
        &mut self,
        with: &Credentials<'_>,
        room: OwnedRoomId,
        setting: Setting,
        content: Value,
        key: Key,
    ) -> Observation {
        let kind = setting.as_str();
        match key {
            Key::Empty => self.put_state(with, room, kind, "", &content),
            Key::Wrong => self.put_state(with, room, kind, "elsewhere", &content),
            Key::Message => self.put_message(with, room, kind, &content),
        }
    }

    fn redact_setting(
        &mut self,
        with: &Credentials<'_>,
        room: &RoomId,
        setting: Setting,
    ) -> Observation {
        if self.setting(room, setting).is_none() {
            // What a room without the event means is redacted after it was said.
            let settings = self.reference.room(room).map(|room| room.settings());
            let content = match (setting, settings) {
                (_, None) => return cannot_happen(),
                (Setting::GuestAccess, Some(now)) => {
                    guest_access_content(Says::Value(now.guest_access))
                }
                (Setting::HistoryVisibility, Some(now)) => {
                    visibility_content(now.visibility.map_or(Says::Malformed, Says::Value))
                }
            };
            self.set(with, room.to_owned(), setting, content, Key::Empty);
        }
        let Some(event) = self.setting(room, setting) else {
            return cannot_happen();
        };
        let transaction = self.reference.token().into();
        let request = redact_event::v3::Request::new(room.to_owned(), event, transaction);
        observe_only(self.reference.redact(with, &request))
    }

    fn setting(&self, room: &RoomId, setting: Setting) -> Option<OwnedEventId> {
        let choices = &self.reference.profile().choices;
        let event = self
            .reference
            .room(room)?
            .setting(setting.as_str(), choices)?;
        Some(event.id.clone())
    }

    fn send(&mut self, with: &Credentials<'_>, room: OwnedRoomId, message: Message) -> Observation {
        let content = match message {
            Message::Message => json!({ "msgtype": "m.text", "body": "a message" }),
            Message::Other => json!({}),
            Message::Redaction => json!({ "redacts": self.own_message(with, &room) }),
        };
        self.put_message(with, room, message.as_str(), &content)
    }

    /// The newest message of the caller's own in `room`; one that never was, if there is none.
    fn own_message(&self, with: &Credentials<'_>, room: &RoomId) -> String {
        let own = self.reference.holder(with.token.unwrap_or_default());
        let room = self.reference.room(room);
        let message = room
            .into_iter()
            .flat_map(|room| room.events().rev())
            .find(|event| event.kind == "m.room.message" && Some(event.sender.as_ref()) == own);
        message.map_or_else(|| "$never-sent".to_owned(), |event| event.id.to_string())
    }

    fn put_own_membership(
        &mut self,
        with: &Credentials<'_>,
        by: Actor,
        room: OwnedRoomId,
        membership: &str,
    ) -> Observation {
        let people = Arc::clone(&self.people);
        let user = people
            .person(by)
            .map_or(MADE_UP_USER, |person| person.user_id.as_str());
        self.put_state(
            with,
            room,
            "m.room.member",
            user,
            &json!({ "membership": membership }),
        )
    }

    fn put_state(
        &mut self,
        with: &Credentials<'_>,
        room: OwnedRoomId,
        kind: &str,
        key: &str,
        content: &Value,
    ) -> Observation {
        let body = to_raw_value(content).expect("what was made of JSON can be written as JSON");
        let request = send_state_event::v3::Request::new_raw(
            room,
            kind.into(),
            key.to_owned(),
            Raw::from_json(body),
        );
        observe_only(self.reference.put_state(with, &request))
    }

    fn put_message(
        &mut self,
        with: &Credentials<'_>,
        room: OwnedRoomId,
        kind: &str,
        content: &Value,
    ) -> Observation {
        let body = to_raw_value(content).expect("what was made of JSON can be written as JSON");
        let request = send_message_event::v3::Request::new_raw(
            room,
            self.reference.token().into(),
            kind.into(),
            Raw::from_json(body),
        );
        observe_only(self.reference.send(with, &request))
    }
}

/// Somebody without an account.
const MADE_UP_USER: &str = "@nobody:reference.test";

/// What comes of the server's own deeds.
fn done() -> Observation {
    let because = "the server does so by itself";
    Observation {
        decision: Decision::allow(&[], because),
        answer: Held::Nothing,
    }
}

/// The alias of a room of the model's, or the id of one elsewhere.
fn name(place: Place, room: OwnedRoomId) -> OwnedRoomOrAliasId {
    match place {
        Place::Room(number) => format!("#room-{number}:{SERVER_NAME}").try_into().ok(),
        Place::Nowhere | Place::Elsewhere => None,
    }
    .unwrap_or_else(|| room.into())
}

fn visibility_content(says: Says<HistoryVisibility>) -> Value {
    content("history_visibility", says, HistoryVisibility::as_str)
}

fn guest_access_content(says: Says<GuestAccess>) -> Value {
    content("guest_access", says, GuestAccess::as_str)
}

fn content<T>(key: &str, says: Says<T>, spelling: fn(T) -> &'static str) -> Value {
    match says {
        Says::Value(value) => json!({ key: spelling(value) }),
        Says::Unknown => json!({ key: "org.example.unknown" }),
        Says::Malformed => json!({ key: 7 }),
    }
}
