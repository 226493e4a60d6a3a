//! An event, and the effect of a redaction on an event.

use ruma::serde::{JsonObject, Raw};
use ruma::{EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedUserId, RoomId, UInt, UserId};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::SERVER_NAME;

/// `m.room.history_visibility`.
pub(super) const HISTORY_VISIBILITY: &str = "m.room.history_visibility";
/// `m.room.guest_access`.
pub(super) const GUEST_ACCESS: &str = "m.room.guest_access";
/// `m.room.member`.
pub(super) const MEMBER: &str = "m.room.member";
/// `m.room.join_rules`.
pub(super) const JOIN_RULES: &str = "m.room.join_rules";
/// `m.room.power_levels`.
pub(super) const POWER_LEVELS: &str = "m.room.power_levels";
/// `m.room.create`.
pub(super) const CREATE: &str = "m.room.create";
/// `m.room.redaction`.
pub(super) const REDACTION: &str = "m.room.redaction";

/// An event before the server has accepted the event.
#[derive(Debug)]
pub(super) struct UnsentEvent {
    pub(super) sender: OwnedUserId,
    pub(super) kind: String,
    pub(super) state_key: Option<String>,
    pub(super) content: JsonObject,
}

impl UnsentEvent {
    pub(super) fn state(sender: &UserId, kind: &str, key: &str, content: Value) -> Self {
        Self { state_key: Some(key.to_owned()), ..Self::message(sender, kind, content) }
    }

    pub(super) fn message(sender: &UserId, kind: &str, content: Value) -> Self {
        let content = match content {
            Value::Object(content) => content.into_iter().collect(),
            _ => JsonObject::new(),
        };
        Self { sender: sender.to_owned(), kind: kind.to_owned(), state_key: None, content }
    }
}

/// An event that the server has accepted.
#[derive(Debug, Clone)]
pub struct Event {
    /// The number on the server's clock. The number is also the time of the event.
    pub number: u64,
    /// The event id.
    pub id: OwnedEventId,
    /// The sender.
    pub sender: OwnedUserId,
    /// The event type.
    pub kind: String,
    /// The state key, if the event is a state event.
    pub state_key: Option<String>,
    /// The content, any JSON object.
    pub content: JsonObject,
    /// The event in the format for clients, serialized once.
    json: Box<RawValue>,
}

impl Event {
    pub(super) fn new(number: u64, room: &RoomId, draft: UnsentEvent) -> Self {
        let UnsentEvent { sender, kind, state_key, content } = draft;
        let id = EventId::parse(format!("${number}:{SERVER_NAME}"))
            .expect("a number and a server name make an event id");
        let mut json = json!({
            "event_id": id,
            "room_id": room,
            "sender": sender,
            "origin_server_ts": number,
            "type": kind,
            "content": content,
        });
        if let Some(state_key) = &state_key {
            json["state_key"] = state_key.as_str().into();
        }
        if let Some(redacts) = redacts(&kind, &content) {
            json["redacts"] = redacts.as_str().into();
        }
        let json = to_raw_value(&json).expect("what was made of JSON can be written as JSON");
        Self { number, id, sender, kind, state_key, content, json }
    }

    /// The event under the id that another homeserver gave it.
    pub(super) fn with_id(self, id: OwnedEventId) -> Self {
        Self { id, ..self }
    }

    /// The event in the format for clients.
    pub fn raw<T>(&self) -> Raw<T> {
        Raw::from_json(self.json.clone())
    }

    /// The content alone.
    pub(super) fn raw_content(&self) -> Box<RawValue> {
        to_raw_value(&self.content).expect("content that was read from JSON can be written as JSON")
    }

    /// The string under `key` in the content; `None` if the value is missing or not a string.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.content.get(key).and_then(Value::as_str)
    }

    /// The event id and the type of the relation in `m.relates_to`, if the content has both.
    pub(super) fn relates_to(&self) -> Option<(&str, &str)> {
        let relation = self.content.get("m.relates_to")?;
        Some((relation.get("event_id")?.as_str()?, relation.get("rel_type")?.as_str()?))
    }

    /// The time of the event.
    pub(super) fn time(&self) -> MilliSecondsSinceUnixEpoch {
        MilliSecondsSinceUnixEpoch(UInt::new_saturating(self.number))
    }

    /// Whether the event is a state event with this type and state key.
    pub(super) fn is_state(&self, kind: &str, key: &str) -> bool {
        self.kind == kind && self.state_key.as_deref() == Some(key)
    }

    /// The id of the event that this redaction redacts; `None` if the event is not a redaction.
    pub(super) fn redacts(&self) -> Option<OwnedEventId> {
        redacts(&self.kind, &self.content)
    }

    /// The event after `redaction` has redacted the event.
    pub(super) fn redacted(&self, room: &RoomId, redaction: &Self) -> Self {
        // CS-17: A redaction strips from an event's content every key that the algorithm does not
        // name for its type.
        let mut content = self.content.clone();
        content.retain(|key, _| is_kept_by_redaction(&self.kind, key));
        let draft = UnsentEvent {
            sender: self.sender.clone(),
            kind: self.kind.clone(),
            state_key: self.state_key.clone(),
            content,
        };
        let mut event = Self::new(self.number, room, draft);
        let mut json: Value =
            serde_json::from_str(event.json.get()).expect("the server wrote this itself");
        json["unsigned"] = json!({ "redacted_because": redaction.json });
        event.json = to_raw_value(&json).expect("what was made of JSON can be written as JSON");
        event
    }
}

fn redacts(kind: &str, content: &JsonObject) -> Option<OwnedEventId> {
    if kind != REDACTION {
        return None;
    }
    EventId::parse(content.get("redacts")?.as_str()?).ok()
}

/// Whether a redaction keeps this key of the content, by the algorithm of room version 11.
fn is_kept_by_redaction(kind: &str, key: &str) -> bool {
    match kind {
        CREATE => true,
        // CS-18: A redacted `m.room.history_visibility` keeps its `history_visibility`.
        HISTORY_VISIBILITY => key == "history_visibility",
        // CS-20: A redacted `m.room.member` keeps its `membership`.
        MEMBER => matches!(key, "membership" | "join_authorised_via_users_server"),
        // CS-21: A redacted `m.room.join_rules` keeps its `join_rule`.
        JOIN_RULES => matches!(key, "join_rule" | "allow"),
        POWER_LEVELS => matches!(
            key,
            "ban"
                | "events"
                | "events_default"
                | "invite"
                | "kick"
                | "redact"
                | "state_default"
                | "users"
                | "users_default"
        ),
        REDACTION => key == "redacts",
        // CS-19: A redacted `m.room.guest_access` keeps nothing of its content.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ruma::canonical_json::{CanonicalJsonObject, redact_content_in_place};
    use ruma::room_version_rules::RoomVersionRules;

    use super::*;

    fn content() -> Value {
        json!({
            "membership": "join", "displayname": "A", "join_rule": "public", "allow": [],
            "history_visibility": "shared", "guest_access": "can_join", "body": "text",
            "users": {}, "events": {}, "invite": 1, "redacts": "$x", "creator": "@a:b",
        })
    }

    #[test]
    fn a_redaction_keeps_what_room_version_11_keeps() {
        for kind in [
            CREATE,
            MEMBER,
            JOIN_RULES,
            POWER_LEVELS,
            HISTORY_VISIBILITY,
            GUEST_ACCESS,
            REDACTION,
            "m.room.message",
            "m.room.name",
            "org.example.note",
        ] {
            let mut expected: CanonicalJsonObject = serde_json::from_value(content()).unwrap();
            redact_content_in_place(&mut expected, &RoomVersionRules::V11.redaction, kind);
            let mut stored =
                UnsentEvent::message(<&UserId>::try_from("@a:b").unwrap(), kind, content());
            stored.content.retain(|key, _| is_kept_by_redaction(kind, key));
            assert!(stored.content.keys().eq(expected.keys()), "{kind}: {:?}", stored.content);
        }
    }
}
