//! Events as servers exchange them.

use ruma::canonical_json::CanonicalJsonValue;
use ruma::events::TimelineEventType;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{PublicKeyMap, Verified, reference_hash, verify_event};
use ruma::{
    CanonicalJsonObject, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId,
    RoomId, UInt, UserId,
};
use serde_json::value::{RawValue, to_raw_value};

use super::error::RoomError;

/// What a user wants to send: an event without its place in the graph, its hash and its signature.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDraft {
    /// The sender.
    pub sender: OwnedUserId,
    /// The type.
    pub kind: String,
    /// The state key, if the event is a state event.
    pub state_key: Option<String>,
    /// The content.
    pub content: serde_json::Value,
    /// The event that the event redacts.
    pub redacts: Option<OwnedEventId>,
    /// When the sender says that it sends the event, in milliseconds since 1970.
    pub sent_at: u64,
}

/// An event as servers exchange it.
#[derive(Debug, Clone)]
pub struct Event {
    id: OwnedEventId,
    json: CanonicalJsonObject,
    room: Option<OwnedRoomId>,
    sender: OwnedUserId,
    sent_at: MilliSecondsSinceUnixEpoch,
    kind: TimelineEventType,
    content: Box<RawValue>,
    state_key: Option<String>,
    prev_events: Vec<OwnedEventId>,
    auth_events: Vec<OwnedEventId>,
    redacts: Option<OwnedEventId>,
    depth: u64,
    pub(super) is_rejected: bool,
}

impl Event {
    /// Reads an event of a room with these rules. Checks the form, and no signature.
    ///
    /// # Errors
    /// If the JSON has not the form of an event.
    pub fn read(json: CanonicalJsonObject, rules: &RoomVersionRules) -> Result<Self, RoomError> {
        let malformed = |why: String| RoomError::Malformed { why };
        ruma::state_res::check_pdu_format(&json, &rules.event_format).map_err(malformed)?;
        let hash = reference_hash(&json, rules).map_err(|error| malformed(error.to_string()))?;
        let id = OwnedEventId::try_from(format!("${hash}"));
        let text = |key: &str| json.get(key).and_then(CanonicalJsonValue::as_str);
        let missing = |key: &str| malformed(format!("`{key}` is missing, or has another form"));
        let ids = |key: &'static str| -> Result<Vec<OwnedEventId>, RoomError> {
            let list = json.get(key).and_then(CanonicalJsonValue::as_array);
            let read = |id: &CanonicalJsonValue| OwnedEventId::try_from(id.as_str()?).ok();
            list.and_then(|list| list.iter().map(read).collect()).ok_or_else(|| missing(key))
        };
        let number = |key: &'static str| {
            let number = json.get(key).and_then(CanonicalJsonValue::as_integer);
            number
                .and_then(|number| u64::try_from(i64::from(number)).ok())
                .ok_or_else(|| missing(key))
        };
        let content = json.get("content").filter(|content| content.is_object());
        let content = content.ok_or_else(|| missing("content"))?;
        let in_content = content.as_object().and_then(|content| content.get("redacts"));
        let redacts = text("redacts").or_else(|| in_content?.as_str());
        let kind = text("type").ok_or_else(|| missing("type"))?;
        Ok(Self {
            id: id.map_err(|error| malformed(error.to_string()))?,
            room: text("room_id")
                .map(|room| OwnedRoomId::try_from(room).map_err(|_| missing("room_id")))
                .transpose()?,
            sender: text("sender")
                .and_then(|sender| OwnedUserId::try_from(sender).ok())
                .ok_or_else(|| missing("sender"))?,
            sent_at: MilliSecondsSinceUnixEpoch(UInt::new_saturating(number("origin_server_ts")?)),
            kind: kind.into(),
            content: to_raw_value(content).map_err(|error| malformed(error.to_string()))?,
            state_key: text("state_key").map(str::to_owned),
            prev_events: ids("prev_events")?,
            auth_events: ids("auth_events")?,
            redacts: redacts
                .filter(|_| kind == "m.room.redaction")
                .and_then(|id| id.try_into().ok()),
            depth: number("depth")?,
            is_rejected: false,
            json,
        })
    }

    /// Reads an event from the text of an answer or of a transaction.
    ///
    /// # Errors
    /// If the text is no JSON that events can be of, or has not the form of an event.
    pub fn read_text(text: &RawValue, rules: &RoomVersionRules) -> Result<Self, RoomError> {
        let json = serde_json::from_str(text.get())
            .map_err(|error| RoomError::Malformed { why: error.to_string() })?;
        Self::read(json, rules)
    }

    /// Checks the signatures and the content hash by these keys. The content of an event whose hash is
    /// wrong is redacted: the specification says so.
    ///
    /// # Errors
    /// If a signature that has to be there is missing or wrong.
    pub fn verified(
        self,
        keys: &PublicKeyMap,
        rules: &RoomVersionRules,
    ) -> Result<Self, RoomError> {
        match verify_event(keys, &self.json, rules) {
            Ok(Verified::All) => Ok(self),
            Ok(Verified::Signatures) => {
                let redacted = ruma::canonical_json::redact(self.json, &rules.redaction, None);
                let malformed =
                    |error: &dyn std::fmt::Display| RoomError::Malformed { why: error.to_string() };
                Self::read(redacted.map_err(|error| malformed(&error))?, rules)
            }
            Err(error) => Err(RoomError::Signature { event: self.id, why: error.to_string() }),
        }
    }

    /// The id.
    pub fn id(&self) -> &OwnedEventId {
        &self.id
    }

    /// The whole event.
    pub fn json(&self) -> &CanonicalJsonObject {
        &self.json
    }

    /// The whole event as text.
    ///
    /// # Panics
    /// Never: canonical JSON can always be written.
    pub fn text(&self) -> Box<RawValue> {
        to_raw_value(&self.json).expect("canonical JSON can be written")
    }

    /// The room; none for the first event of a room whose id is the hash of that event.
    pub fn room(&self) -> Option<&RoomId> {
        self.room.as_deref()
    }

    /// The sender.
    pub fn sender(&self) -> &UserId {
        &self.sender
    }

    /// The type.
    pub fn kind(&self) -> &TimelineEventType {
        &self.kind
    }

    /// The value of this key of the content, if it is a string.
    pub fn content_text(&self, key: &str) -> Option<&str> {
        self.json.get("content")?.as_object()?.get(key)?.as_str()
    }

    /// The state key, if the event is a state event.
    pub fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }

    /// The events directly before.
    pub fn prev_events(&self) -> &[OwnedEventId] {
        &self.prev_events
    }

    /// The events that permit the event.
    pub fn auth_events(&self) -> &[OwnedEventId] {
        &self.auth_events
    }

    /// The event that the event redacts.
    pub fn redacts(&self) -> Option<&OwnedEventId> {
        self.redacts.as_ref()
    }

    /// When the sender says that it sent the event, in milliseconds since 1970.
    pub fn sent_at(&self) -> u64 {
        self.sent_at.get().into()
    }

    /// The greatest length of a path from the first event of the room.
    pub fn depth(&self) -> u64 {
        self.depth
    }
}

impl ruma::state_res::Event for Event {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        &self.id
    }

    fn room_id(&self) -> Option<&RoomId> {
        self.room.as_deref()
    }

    fn sender(&self) -> &UserId {
        &self.sender
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.sent_at
    }

    fn event_type(&self) -> &TimelineEventType {
        &self.kind
    }

    fn content(&self) -> &RawValue {
        &self.content
    }

    fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.prev_events.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.auth_events.iter())
    }

    fn redacts(&self) -> Option<&OwnedEventId> {
        self.redacts.as_ref()
    }

    fn rejected(&self) -> bool {
        self.is_rejected
    }
}
