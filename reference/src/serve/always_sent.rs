//! The fields that an answer always has, although the schema calls them optional.
//!
//! The types of ruma leave out a list that is empty and a flag that is false. Homeservers send these
//! fields, and clients read them without a check: a client whose `GET /events` is answered without `chunk`
//! stops its preview.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use guest_access_rules::endpoint::EndpointId;
use serde_json::{Map, Value, json};

/// The key of a template that stands for every key of an object.
const EVERY_KEY: &str = "*";
/// The start of a key that the template completes only where the answer has the key.
const IF_PRESENT: &str = "?";
/// What separates two keys of which an answer has one; the first, if the answer has neither.
const OR: char = '|';

/// The template of each endpoint. An object has the fields that the answer always has, each with its
/// value in an answer that lacks the field. The template in a list is the template of every element.
/// A field that is null in the template and in the answer is left out of the answer.
static TEMPLATES: LazyLock<BTreeMap<EndpointId, Value>> = LazyLock::new(|| {
    templates()
        .into_iter()
        .map(|(id, template)| {
            (EndpointId::find(id).unwrap_or_else(|| panic!("the table lists {id}")), template)
        })
        .collect()
});

fn templates() -> Vec<(&'static str, Value)> {
    let chunk = || json!({ "chunk": [] });
    let room = json!({ "num_joined_members": 0, "world_readable": false, "guest_can_join": false });
    let directory = json!({ "chunk": [room], "total_room_count_estimate": 0 });
    vec![
        ("GET /events", chunk()),
        ("GET /sync", sync()),
        ("GET /rooms/{roomId}/messages", json!({ "chunk": [], "state": [] })),
        (
            "GET /rooms/{roomId}/context/{eventId}",
            json!({ "events_before": [], "events_after": [], "state": [] }),
        ),
        (
            "GET /rooms/{roomId}/initialSync",
            json!({ "messages": { "chunk": [] }, "state": [], "account_data": [] }),
        ),
        ("GET /rooms/{roomId}/members", chunk()),
        ("GET /rooms/{roomId}/joined_members", json!({ "joined": {} })),
        ("GET /rooms/{roomId}/aliases", json!({ "aliases": [] })),
        ("GET /rooms/{roomId}/relations/{eventId}", chunk()),
        ("GET /rooms/{roomId}/relations/{eventId}/{relType}", chunk()),
        ("GET /rooms/{roomId}/relations/{eventId}/{relType}/{eventType}", chunk()),
        ("GET /rooms/{roomId}/threads", chunk()),
        ("GET /joined_rooms", json!({ "joined_rooms": [] })),
        ("GET /publicRooms", directory.clone()),
        ("POST /publicRooms", directory),
        ("GET /account/whoami", json!({ "is_guest": false })),
        ("GET /devices", json!({ "devices": [device()] })),
        ("GET /devices/{deviceId}", device()),
        ("GET /login", json!({ "flows": [] })),
        ("GET /versions", json!({ "versions": [], "unstable_features": {} })),
        (
            "GET /pushrules/",
            json!({ "global": {
                "content": [], "override": [], "room": [], "sender": [], "underride": [],
            } }),
        ),
        ("POST /keys/upload", json!({ "one_time_key_counts": {} })),
        (
            "POST /keys/query",
            json!({ "device_keys": {}, "failures": {}, "master_keys": {},
                "self_signing_keys": {}, "user_signing_keys": {} }),
        ),
        ("POST /keys/claim", json!({ "one_time_keys": {}, "failures": {} })),
    ]
}

/// The template of a device.
fn device() -> Value {
    json!({ "display_name": null, "last_seen_ip": null })
}

/// The template of `GET /sync`. An answer without news in any room has no `rooms`, as on homeservers.
fn sync() -> Value {
    let events = json!({ "events": [] });
    let timeline = json!({ "events": [], "limited": false });
    json!({
        "account_data": events,
        "presence": events,
        "to_device": events,
        "device_lists": { "changed": [], "left": [] },
        "device_one_time_keys_count": {},
        "device_unused_fallback_key_types": [],
        "?rooms": {
            "join": { "*": {
                "summary": {},
                "timeline": timeline,
                "state|state_after": events,
                "account_data": events,
                "ephemeral": events,
                "unread_notifications": { "highlight_count": 0, "notification_count": 0 },
            } },
            "invite": { "*": { "invite_state": events } },
            "knock": { "*": { "knock_state": events } },
            "leave": { "*": {
                "timeline": timeline,
                "state|state_after": events,
                "account_data": events,
            } },
        },
    })
}

/// Adds the fields that an answer of `endpoint` always has, to the body of an answer.
pub(super) fn complete(endpoint: EndpointId, body: Vec<u8>) -> Vec<u8> {
    let Some(template) = TEMPLATES.get(&endpoint) else {
        return body;
    };
    let Ok(mut value) = serde_json::from_slice(&body) else {
        return body;
    };
    add_missing(&mut value, template);
    serde_json::to_vec(&value).unwrap_or(body)
}

fn add_missing(value: &mut Value, template: &Value) {
    match (value, template) {
        (Value::Object(fields), Value::Object(template)) => {
            for (key, template) in template {
                if template.is_null() {
                    if fields.get(key).is_some_and(Value::is_null) {
                        fields.remove(key);
                    }
                } else if key == EVERY_KEY {
                    fields.values_mut().for_each(|field| add_missing(field, template));
                } else if let Some(key) = key.strip_prefix(IF_PRESENT) {
                    fields.entry(key).and_modify(|field| add_missing(field, template));
                } else {
                    let mut keys = key.split(OR);
                    let there = keys.clone().find(|key| fields.contains_key(*key));
                    let Some(key) = there.or_else(|| keys.next()) else { continue };
                    add_missing(fields.entry(key).or_insert_with(|| empty(template)), template);
                }
            }
        }
        (Value::Array(elements), Value::Array(template)) => {
            for (element, template) in elements.iter_mut().zip(template.iter().cycle()) {
                add_missing(element, template);
            }
        }
        _ => {}
    }
}

/// The value of a field that an answer lacks. The template completes the value afterwards.
fn empty(template: &Value) -> Value {
    match template {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(endpoint: &str, body: &Value) -> Value {
        let endpoint = EndpointId::find(endpoint).unwrap();
        serde_json::from_slice(&complete(endpoint, body.to_string().into_bytes())).unwrap()
    }

    #[test]
    fn an_answer_gets_what_it_lacks_and_keeps_what_it_has() {
        for (endpoint, body, expected) in [
            ("GET /events", json!({ "end": "s1" }), json!({ "end": "s1", "chunk": [] })),
            ("GET /events", json!({ "chunk": [1] }), json!({ "chunk": [1] })),
            ("GET /account/whoami", json!({ "is_guest": true }), json!({ "is_guest": true })),
            ("GET /capabilities", json!({}), json!({})),
        ] {
            assert_eq!(completed(endpoint, &body), expected, "{endpoint}");
        }
    }

    #[test]
    fn every_room_of_a_sync_has_its_lists_and_flags() {
        let joined = json!({ "timeline": { "events": [1] }, "state": {} });
        let left = json!({ "timeline": { "events": [1], "limited": true }, "state_after": {} });
        let body = json!({ "rooms": { "join": { "!r:s": joined }, "leave": { "!l:s": left } } });
        let sync = completed("GET /sync", &body);
        let joined = &sync["rooms"]["join"]["!r:s"];
        assert_eq!(joined["timeline"], json!({ "events": [1], "limited": false }));
        assert_eq!(joined["state"], json!({ "events": [] }));
        assert_eq!(joined["summary"], json!({}));
        let left = &sync["rooms"]["leave"]["!l:s"];
        assert_eq!(left["timeline"]["limited"], true);
        assert_eq!(left["state_after"], json!({ "events": [] }));
        assert_eq!(left.get("state"), None);
        assert_eq!(sync["rooms"]["invite"], json!({}));
        assert_eq!(sync["device_lists"]["left"], json!([]));
    }

    #[test]
    fn a_device_without_a_name_has_no_name() {
        let devices = json!({ "devices": [{ "device_id": "A", "display_name": null }] });
        let expected = json!({ "devices": [{ "device_id": "A" }] });
        assert_eq!(completed("GET /devices", &devices), expected);
        let named = json!({ "device_id": "A", "display_name": "phone", "last_seen_ip": null });
        let expected = json!({ "device_id": "A", "display_name": "phone" });
        assert_eq!(completed("GET /devices/{deviceId}", &named), expected);
    }

    #[test]
    fn a_sync_without_news_has_no_rooms() {
        assert_eq!(completed("GET /sync", &json!({ "next_batch": "s1" })).get("rooms"), None);
    }
}
