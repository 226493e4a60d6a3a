//! The steps that send events, as calls.

use guest_access_model::action::{Action, Actor, Key, Message, Says, Setting};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::Credentials;
use super::acting::observe_only;
use super::observation::{CallVerdict, HttpObservation};
use super::session::{RoomMark, TaggedEvent};
use super::{Request, Response, ServerError, Session};

/// The type of the state events that are neither settings nor memberships.
pub(super) const NOTE: &str = "org.example.note";
/// An event that nobody sent, with an id of the form that ids have.
pub(super) const NEVER_SENT: &str = "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What the answer to the sending of an event says.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    pub(super) event_id: String,
}

impl Session<'_> {
    /// Sends a setting, and remembers which event is the room's setting now.
    pub(super) async fn set(
        &mut self,
        with: &Credentials,
        room: usize,
        setting: Setting,
        content: &Value,
        key: Key,
    ) -> Result<Response, ServerError> {
        let id = self.rooms[room].id.to_string();
        let kind = setting.as_str();
        let request = match key {
            Key::Empty => Self::state_request(&id, kind, "", content.clone()),
            Key::Wrong => Self::state_request(&id, kind, "elsewhere", content.clone()),
            Key::Message => self.message_request(&id, kind, content.clone()),
        };
        let response = self.send(with, request).await?;
        if response.allows() {
            let now = self.setting_event(room, setting);
            let mark = match (setting, key) {
                (_, Key::Empty) if now.is_some() => RoomMark::None,
                (Setting::GuestAccess, Key::Empty) => RoomMark::GuestAccess,
                _ => RoomMark::Other,
            };
            if key == Key::Empty {
                *now = Some(response.json::<Sent>()?.event_id);
            }
            let here = &mut self.rooms[room];
            here.mark = here.mark.max(mark);
        }
        Ok(response)
    }

    fn setting_event(&mut self, room: usize, setting: Setting) -> &mut Option<String> {
        let room = &mut self.rooms[room];
        match setting {
            Setting::HistoryVisibility => &mut room.visibility_event,
            Setting::GuestAccess => &mut room.guest_access_event,
        }
    }

    pub(super) async fn redact_setting(
        &mut self,
        with: &Credentials,
        room: usize,
        setting: Setting,
    ) -> Result<HttpObservation, ServerError> {
        let Some(event) = self.setting_event(room, setting).clone() else {
            return Ok(HttpObservation::inconclusive(
                "the room has no such event that could be redacted",
            ));
        };
        let (id, transaction) = (self.rooms[room].id.to_string(), self.transaction());
        let request = Request::to(KNOWN.redact, [&*id, &*event, &*transaction]).body(json!({}));
        observe_only(&self.send(with, request).await?)
    }

    pub(super) async fn send_message(
        &mut self,
        step: &Action,
        with: &Credentials,
        message: Message,
    ) -> Result<HttpObservation, ServerError> {
        let id = self.room_id(step.place);
        let content = match message {
            Message::Message => text(),
            Message::Other => json!({}),
            Message::Redaction => {
                let event = self.own_message(step, with, &id).await?;
                json!({ "redacts": event })
            }
        };
        let request = self.message_request(&id, message.as_str(), content);
        let response = self.send(with, request).await?;
        if message == Message::Message {
            self.remember_message(step, &response)?;
        }
        self.sent(step, &response)
    }

    /// The newest message of the caller's own in the room. Who has none there sends one, if it may.
    async fn own_message(
        &mut self,
        step: &Action,
        with: &Credentials,
        id: &str,
    ) -> Result<String, ServerError> {
        let newest = |session: &Self| {
            let room = session.rooms.get(step.room()?)?;
            room.messages.get(&step.by).cloned()
        };
        if newest(self).is_none() && matches!(step.by, Actor::Guest(_) | Actor::User) {
            let request = self.message_request(id, Message::Message.as_str(), text());
            let response = self.send(with, request).await?;
            self.remember_message(step, &response)?;
        }
        Ok(newest(self).unwrap_or_else(|| NEVER_SENT.to_owned()))
    }

    fn remember_message(&mut self, step: &Action, response: &Response) -> Result<(), ServerError> {
        if let Some(room) = step.room().and_then(|room| self.rooms.get_mut(room))
            && response.allows()
        {
            room.messages.insert(step.by, response.json::<Sent>()?.event_id);
        }
        Ok(())
    }

    pub(super) async fn send_note(
        &mut self,
        step: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let key = format!("note-{}", self.transaction());
        let id = self.room_id(step.place);
        let request = Self::state_request(&id, NOTE, &key, json!({ "note": key }));
        let response = self.send(with, request).await?;
        let observed = self.sent(step, &response)?;
        if let (true, Some(tagged)) = (step.tag, &mut self.tagged) {
            tagged.note = Some(key);
        }
        Ok(observed)
    }

    /// What came of the sending of an event, which is the tagged one if the step says so.
    pub(super) fn sent(
        &mut self,
        step: &Action,
        response: &Response,
    ) -> Result<HttpObservation, ServerError> {
        let observed = observe_only(response)?;
        if step.tag && self.tagged.is_none() && observed.verdict == CallVerdict::Allowed {
            let id = response.json::<Sent>()?.event_id;
            self.tagged = Some(TaggedEvent { id, note: None });
        }
        Ok(observed)
    }

    /// The call by which an actor sends its own membership as a state event.
    pub(super) fn own_membership(&self, by: Actor, room: &str, membership: &str) -> Request {
        let user = self.accounts.person(by).map(|person| person.user_id.to_string());
        let user = user.unwrap_or_else(|| "@nobody:elsewhere.invalid".to_owned());
        Self::state_request(room, "m.room.member", &user, json!({ "membership": membership }))
    }

    pub(super) fn state_request(room: &str, kind: &str, key: &str, content: Value) -> Request {
        Request::to(KNOWN.put_state, [room, kind, key]).body(content)
    }

    pub(super) fn message_request(&mut self, room: &str, kind: &str, content: Value) -> Request {
        let transaction = self.transaction();
        Request::to(KNOWN.send, [room, kind, &*transaction]).body(content)
    }
}

pub(super) fn text() -> Value {
    json!({ "msgtype": "m.text", "body": "a message" })
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
