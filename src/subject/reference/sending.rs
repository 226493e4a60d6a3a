//! The calls that send events.

use std::sync::Arc;

use guest_access_model::action::{Actor, Key, Message, Observation, Says, Setting};
use guest_access_reference::reference::{Credentials, Room};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};
use ruma::api::client::message::send_message_event;
use ruma::api::client::redact::redact_event;
use ruma::api::client::state::send_state_event;
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, RoomId};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::{ReferenceSubject, cannot_happen, observe_only};

/// A user id without an account.
const MADE_UP_USER: &str = "@nobody:reference.test";

impl ReferenceSubject {
    pub(super) fn set(
        &mut self,
        with: &Credentials<'_>,
        room: OwnedRoomId,
        setting: Setting,
        content: &Value,
        key: Key,
    ) -> Observation {
        let kind = setting.as_str();
        match key {
            Key::Empty => self.put_state(with, room, kind, "", content),
            Key::Wrong => self.put_state(with, room, kind, "elsewhere", content),
            Key::Message => self.put_message(with, room, kind, content),
        }
    }

    pub(super) fn redact_setting(
        &mut self,
        with: &Credentials<'_>,
        room: &RoomId,
        setting: Setting,
    ) -> Observation {
        if self.setting(room, setting).is_none() {
            // A room without the event gets an event with the value in effect, to be redacted.
            let settings = self.reference.room(room).map(Room::settings);
            let content = match (setting, settings) {
                (_, None) => return cannot_happen(),
                (Setting::GuestAccess, Some(now)) => {
                    guest_access_content(Says::Value(now.guest_access))
                }
                (Setting::HistoryVisibility, Some(now)) => {
                    visibility_content(now.visibility.map_or(Says::Malformed, Says::Value))
                }
            };
            self.set(with, room.to_owned(), setting, &content, Key::Empty);
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
        let event = self.reference.room(room)?.setting(setting.as_str(), choices)?;
        Some(event.id.clone())
    }

    pub(super) fn send(
        &mut self,
        with: &Credentials<'_>,
        room: OwnedRoomId,
        message: Message,
    ) -> Observation {
        let content = match message {
            Message::Message => json!({ "msgtype": "m.text", "body": "a message" }),
            Message::Other => json!({}),
            Message::Redaction => json!({ "redacts": self.own_message(with, &room) }),
        };
        self.put_message(with, room, message.as_str(), &content)
    }

    /// The caller's newest message in `room`; the id of no event, if there is none.
    fn own_message(&self, with: &Credentials<'_>, room: &RoomId) -> String {
        let own = self.reference.holder(with.token.unwrap_or_default());
        let room = self.reference.room(room);
        let message = room
            .into_iter()
            .flat_map(|room| room.events().rev())
            .find(|event| event.kind == "m.room.message" && Some(event.sender.as_ref()) == own);
        message.map_or_else(|| "$never-sent".to_owned(), |event| event.id.to_string())
    }

    pub(super) fn put_own_membership(
        &mut self,
        with: &Credentials<'_>,
        by: Actor,
        room: OwnedRoomId,
        membership: &str,
    ) -> Observation {
        let accounts = Arc::clone(&self.accounts);
        let user = accounts.account(by).map_or(MADE_UP_USER, |account| account.user_id.as_str());
        self.put_state(with, room, "m.room.member", user, &json!({ "membership": membership }))
    }

    pub(super) fn put_state(
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

pub(super) fn visibility_content(says: Says<HistoryVisibility>) -> Value {
    content("history_visibility", says, HistoryVisibility::as_str)
}

pub(super) fn guest_access_content(says: Says<GuestAccess>) -> Value {
    content("guest_access", says, GuestAccess::as_str)
}

fn content<T>(key: &str, says: Says<T>, spelling: fn(T) -> &'static str) -> Value {
    match says {
        Says::Value(value) => json!({ key: spelling(value) }),
        Says::Unknown => json!({ key: "org.example.unknown" }),
        Says::Malformed => json!({ key: 7 }),
    }
}
