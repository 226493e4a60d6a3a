//! An event, and the effect of a redaction on an event.

use guest_access_rules::vocabulary::Decision;
use ruma::serde::{JsonObject, Raw};
use ruma::{
    DeviceId, EventId, MilliSecondsSinceUnixEpoch, OwnedDeviceId, OwnedEventId, OwnedRoomId,
    OwnedTransactionId, OwnedUserId, RoomId, TransactionId, UInt, UserId,
};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::SERVER_NAME;
use super::answer::Refusal;

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
/// `m.room.canonical_alias`.
pub(super) const CANONICAL_ALIAS: &str = "m.room.canonical_alias";
/// `m.room.redaction`.
pub(super) const REDACTION: &str = "m.room.redaction";

/// How many bytes an event may have.
pub(super) const MAX_EVENT_BYTES: usize = 65_536;

/// The refusal of an event with more bytes. No rule about guests refuses with `M_TOO_LARGE`, so the rules
/// have no such code. The server writes the code of this status.
pub(super) const TOO_LARGE: Refusal = Refusal(Decision {
    status: 413,
    errcode: None,
    clauses: &[],
    because: "the event is larger than 65,536 bytes",
});

/// An event before the server has accepted the event.
#[derive(Debug)]
pub(super) struct UnsentEvent {
    pub(super) sender: OwnedUserId,
    pub(super) kind: String,
    pub(super) state_key: Option<String>,
    pub(super) content: JsonObject,
    pub(super) transaction: Option<SentBy>,
}

/// The device that sent an event, and the transaction in which the device sent the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SentBy {
    pub(super) device: OwnedDeviceId,
    pub(super) transaction: OwnedTransactionId,
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
        Self {
            sender: sender.to_owned(),
            kind: kind.to_owned(),
            state_key: None,
            content,
            transaction: None,
        }
    }

    /// Refuses an event of `room` that is too large.
    pub(super) fn check_size(&self, room: &RoomId) -> Result<(), Refusal> {
        // The id, the time and the numbers of a federated event add less than this to the rest.
        const REST: usize = 256;
        let texts = [self.sender.as_str(), room.as_str(), &self.kind];
        let texts = texts.into_iter().chain(self.state_key.as_deref()).map(str::len);
        let content = to_raw_value(&self.content).map_or(usize::MAX, |json| json.get().len());
        let size = texts.sum::<usize>().saturating_add(REST).saturating_add(content);
        if size > MAX_EVENT_BYTES { Err(TOO_LARGE) } else { Ok(()) }
    }
}

/// An event that the server has accepted.
#[derive(Debug, Clone)]
pub struct Event {
    /// The number on the counter of the server. The numbers order the events.
    pub number: u64,
    /// The time at which the server accepted the event. A server without a clock takes the number.
    pub time: MilliSecondsSinceUnixEpoch,
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
    room: OwnedRoomId,
    transaction: Option<SentBy>,
    /// The content, serialized once.
    content_json: Box<RawValue>,
    /// The redaction of the event, in the format for clients.
    redacted_because: Option<Box<RawValue>>,
}

/// Who gets an answer, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipient<'a> {
    pub(super) user: Option<&'a UserId>,
    pub(super) device: Option<&'a DeviceId>,
    /// The time of the answer.
    pub(super) now: u64,
}

/// An event in the format for clients.
#[derive(Serialize)]
struct ClientEvent<'a> {
    content: &'a RawValue,
    event_id: &'a EventId,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacts: Option<OwnedEventId>,
    room_id: &'a RoomId,
    sender: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsigned: Option<Unsigned<'a>>,
}

/// The part of an event that depends on the answer.
#[derive(Serialize)]
struct Unsigned<'a> {
    age: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacted_because: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a TransactionId>,
}

impl Event {
    pub(super) fn new(number: u64, time: u64, room: &RoomId, draft: UnsentEvent) -> Self {
        let UnsentEvent { sender, kind, state_key, content, transaction } = draft;
        let id = EventId::parse(format!("${number}:{SERVER_NAME}"))
            .expect("a number and a server name make an event id");
        let content_json =
            to_raw_value(&content).expect("content that was read from JSON can be written as JSON");
        let time = MilliSecondsSinceUnixEpoch(UInt::new_saturating(time));
        let (room, redacted_because) = (room.to_owned(), None);
        Self {
            number,
            time,
            id,
            sender,
            kind,
            state_key,
            content,
            room,
            transaction,
            content_json,
            redacted_because,
        }
    }

    /// The event under the id that another homeserver gave it.
    pub(super) fn with_id(self, id: OwnedEventId) -> Self {
        Self { id, ..self }
    }

    /// The event in the format for clients, as an answer to this recipient has it.
    pub(super) fn raw<T>(&self, to: Recipient<'_>) -> Raw<T> {
        // The client that sent the event recognises the event by the transaction. No other client
        // learns the transaction.
        let is_sender =
            |sent: &&SentBy| to.user == Some(&*self.sender) && to.device == Some(&*sent.device);
        let transaction = self.transaction.as_ref().filter(is_sender);
        Raw::from_json(self.json(Some(Unsigned {
            age: to.now.saturating_sub(u64::from(self.time.0)),
            redacted_because: self.redacted_because.as_deref(),
            transaction_id: transaction.map(|sent| &*sent.transaction),
        })))
    }

    fn json(&self, unsigned: Option<Unsigned<'_>>) -> Box<RawValue> {
        let event = ClientEvent {
            content: &self.content_json,
            event_id: &self.id,
            origin_server_ts: self.time,
            redacts: self.redacts(),
            room_id: &self.room,
            sender: &self.sender,
            state_key: self.state_key.as_deref(),
            kind: &self.kind,
            unsigned,
        };
        to_raw_value(&event).expect("what was made of JSON can be written as JSON")
    }

    /// The content alone.
    pub(super) fn raw_content(&self) -> Box<RawValue> {
        self.content_json.clone()
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

    /// Whether the event is a state event with this type and state key.
    pub(super) fn is_state(&self, kind: &str, key: &str) -> bool {
        self.kind == kind && self.state_key.as_deref() == Some(key)
    }

    /// Whether a redaction has redacted the event.
    pub(super) fn is_redacted(&self) -> bool {
        self.redacted_because.is_some()
    }

    /// The id of the event that this redaction redacts; `None` if the event is not a redaction.
    pub(super) fn redacts(&self) -> Option<OwnedEventId> {
        redacts(&self.kind, &self.content)
    }

    /// The event after `redaction` has redacted the event.
    pub(super) fn redacted(&self, redaction: &Self) -> Self {
        let redacted_because = Some(redaction.json(None));
        Self { redacted_because, ..self.stripped() }
    }

    /// The event without the content that a redaction strips.
    pub(super) fn stripped(&self) -> Self {
        // CS-17: A redaction strips from an event's content every key that the algorithm does not
        // name for its type.
        let mut content = self.content.clone();
        content.retain(|key, _| is_kept_by_redaction(&self.kind, key));
        let content_json =
            to_raw_value(&content).expect("content that was read from JSON can be written as JSON");
        Self { content, content_json, ..self.clone() }
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
    use serde_json::json;

    use super::super::fixture::Fixture;
    use super::*;

    fn content() -> Value {
        json!({
            "membership": "join", "displayname": "A", "join_rule": "public", "allow": [],
            "history_visibility": "shared", "guest_access": "can_join", "body": "text",
            "users": {}, "events": {}, "invite": 1, "redacts": "$x", "creator": "@a:b",
        })
    }

    fn field<T: for<'a> serde::Deserialize<'a>>(event: &Raw<Value>, pointer: &str) -> Option<T> {
        let event: Value = serde_json::from_str(event.json().get()).unwrap();
        event.pointer(pointer).map(|value| serde_json::from_value(value.clone()).unwrap())
    }

    /// The newest event, as an answer to this user has it.
    fn newest(fixture: &Fixture, user: &UserId, device: &str) -> Raw<Value> {
        let room = fixture.server.room(&fixture.room).unwrap();
        let device = Some(<&DeviceId>::from(device));
        let to = Recipient { user: Some(user), device, now: fixture.server.now() };
        room.event(room.len() - 1).raw(to)
    }

    #[test]
    fn an_event_has_the_time_of_the_clock_and_its_age() {
        let mut fixture = Fixture::new();
        let user = fixture.moderator.user_id.clone();
        let at = |time: u32| MilliSecondsSinceUnixEpoch(UInt::from(time));
        fixture.say("without a clock");
        let number = fixture.server.room(&fixture.room).unwrap().events().last().unwrap().number;
        let event = newest(&fixture, &user, "DEVICE1");
        assert_eq!(field(&event, "/origin_server_ts"), Some(number));
        fixture.server.set_time(at(1_000_000));
        fixture.say("with a clock");
        // The clock stands still, and is set back. The events stay in order.
        fixture.say("at the same time");
        fixture.server.set_time(at(900_000));
        fixture.say("after the clock was set back");
        let event = newest(&fixture, &user, "DEVICE1");
        assert_eq!(field(&event, "/origin_server_ts"), Some(1_000_002));
        assert_eq!(field(&event, "/unsigned/age"), Some(0));
        fixture.server.set_time(at(1_000_502));
        let event = newest(&fixture, &user, "DEVICE1");
        assert_eq!(field(&event, "/unsigned/age"), Some(500));
    }

    #[test]
    fn only_the_device_that_sent_an_event_learns_the_transaction() {
        let mut fixture = Fixture::new();
        let user = fixture.moderator.user_id.clone();
        fixture.say("transaction");
        let transaction = |user: &UserId, device: &str| {
            field::<String>(&newest(&fixture, user, device), "/unsigned/transaction_id")
        };
        assert_eq!(transaction(&user, "DEVICE1").as_deref(), Some("transaction"));
        assert_eq!(transaction(&user, "DEVICE2"), None);
        assert_eq!(transaction(<&UserId>::try_from("@other:s").unwrap(), "DEVICE1"), None);
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
