//! Requests that several parts of a session make, and the contents of the events that they send.

use guest_access_model::action::{Key, Says, Setting};
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};
use serde_json::{Value, json};

use super::request::{Request, endpoint};
use super::setting_shape::{malformed, unknown};
use super::token::Token;

/// The type of the notes: state events that are neither settings nor memberships.
pub(super) const NOTE: &str = "org.example.note";
/// An id of the form that event ids have, which belongs to no event.
pub(super) const NEVER_SENT: &str = "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The state key of a note that nobody sent.
pub(super) const NO_NOTE: &str = "never-sent";

/// The relation of an event to the message with which its thread begins.
pub(super) const THREAD: &str = "m.thread";

/// The content of an event in the thread that begins with the message `root`.
pub(super) fn in_thread(root: &str) -> Value {
    json!({ "m.relates_to": { "rel_type": THREAD, "event_id": root } })
}

/// The request that sends a state event.
pub(super) fn state_request(room: &str, kind: &str, key: &str, content: Value) -> Request {
    Request::to(KNOWN.put_state, [room, kind, key]).body(content)
}

/// The request that sends a message event.
pub(super) fn message_request(
    room: &str,
    kind: &str,
    transaction: &str,
    content: Value,
) -> Request {
    Request::to(KNOWN.send, [room, kind, transaction]).body(content)
}

/// The request that sends a setting under this key; `unique` makes a transaction id.
pub(super) fn setting_request(
    room: &str,
    setting: Setting,
    key: Key,
    content: Value,
    unique: &dyn Fn(&str) -> String,
) -> Request {
    let kind = setting.as_str();
    match key {
        Key::Empty => state_request(room, kind, "", content),
        Key::Wrong => state_request(room, kind, "elsewhere", content),
        Key::Message => message_request(room, kind, &unique("txn"), content),
    }
}

/// The request that invites, removes or bans `user`, or lifts its ban.
pub(super) fn moderation_request(endpoint: EndpointId, room: &str, user: &str) -> Request {
    Request::to(endpoint, [room]).body(json!({ "user_id": user }))
}

/// The request that registers an ordinary user.
pub(super) fn registration(username: &str, password: &Token) -> Request {
    Request::to(KNOWN.register, []).body(json!({
        "username": username,
        "password": password.reveal(),
        "inhibit_login": false,
    }))
}

/// The request that registers a guest.
pub(super) fn guest_registration() -> Request {
    Request::to(KNOWN.register, []).query("kind", "guest").body(json!({}))
}

/// The request that gives a room an alias.
pub(super) fn alias_request(alias: &str, room: &str) -> Request {
    Request::to(endpoint("PUT /directory/room/{roomAlias}"), [alias])
        .body(json!({ "room_id": room }))
}

/// The request of a first sync about these rooms, also those that the caller left, with at most `limit`
/// events of each.
pub(super) fn first_sync(rooms: &[&str], limit: u32) -> Request {
    sync(&json!({ "rooms": rooms, "timeline": { "limit": limit }, "include_leave": true }))
}

/// The parameter of a sync that asks for the state after the timeline.
pub const USE_STATE_AFTER: &str = "use_state_after";

/// The request of a sync for its place in the streams of these rooms.
pub(super) fn place_sync(rooms: &[&str]) -> Request {
    sync(&json!({ "rooms": rooms, "timeline": { "limit": 1 } }))
}

/// The request of a sync for the messages to the caller's device, since this place in the stream.
pub(super) fn device_sync(since: Option<&str>) -> Request {
    let request = sync(&json!({ "rooms": [] }));
    match since {
        Some(since) => request.query("since", since),
        None => request,
    }
}

fn sync(room_filter: &Value) -> Request {
    let nothing = json!({ "types": [] });
    let filter = json!({ "room": room_filter, "presence": nothing, "account_data": nothing });
    Request::to(endpoint("GET /sync"), []).query("timeout", "0").query("filter", filter.to_string())
}

/// The content of a text message.
pub(super) fn text() -> Value {
    json!({ "msgtype": "m.text", "body": "a message" })
}

/// The content of a `m.room.history_visibility` event; `shape` gives the number of a shape.
pub(super) fn visibility_content(
    says: Says<HistoryVisibility>,
    shape: impl FnOnce() -> usize,
) -> Value {
    let (spelling, open) = (HistoryVisibility::as_str, HistoryVisibility::WorldReadable);
    content("history_visibility", says, spelling, open, shape)
}

/// The content of a `m.room.guest_access` event; `shape` gives the number of a shape.
pub(super) fn guest_access_content(
    says: Says<GuestAccess>,
    shape: impl FnOnce() -> usize,
) -> Value {
    content("guest_access", says, GuestAccess::as_str, GuestAccess::CanJoin, shape)
}

fn content<T>(
    key: &str,
    says: Says<T>,
    spelling: fn(T) -> &'static str,
    open: T,
    shape: impl FnOnce() -> usize,
) -> Value {
    match says {
        Says::Value(value) => json!({ key: spelling(value) }),
        Says::Unknown => unknown(key, spelling(open), shape()),
        Says::Malformed => malformed(key, spelling(open), shape()),
    }
}
