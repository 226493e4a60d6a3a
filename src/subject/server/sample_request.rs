//! Sample requests, for endpoints of which the rules decide only whether a caller may call them.
//!
//! The arguments are valid where possible, and a call with them changes as little as possible.

use guest_access_rules::endpoint::EndpointId;
use serde_json::{Value, json};

use super::request::Request;

/// The arguments of a sample request, as far as its endpoint takes them.
#[derive(Debug, Clone)]
pub(super) struct SampleArguments {
    pub(super) room: String,
    pub(super) event: String,
    pub(super) alias: String,
    /// The user whom the caller invites, removes or bans.
    pub(super) target: String,
    /// The user whose account data, devices or filters the caller names.
    pub(super) owner: String,
    /// The name of the homeserver.
    pub(super) server: String,
    /// The id of the file that the caller downloads.
    pub(super) media: String,
}

/// A request to the endpoint with these arguments; `unique` makes a transaction id.
pub(super) fn sample_request(
    endpoint: EndpointId,
    arguments: &SampleArguments,
    unique: &dyn Fn(&str) -> String,
) -> Request {
    let path = &endpoint.get().path;
    let names = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
    let values = names.map(|name| path_argument(endpoint, name, arguments, unique));
    let values: Vec<String> = values.collect();
    let request = Request::to(endpoint, values.iter().map(String::as_str));
    let request = QUERIES
        .iter()
        .filter(|(id, ..)| *id == endpoint.get().id)
        .fold(request, |request, (_, key, value)| request.query(key, *value));
    match endpoint.get().method() {
        "POST" | "PUT" => request.body(content(endpoint, arguments)),
        _ => request,
    }
}

/// The value of a placeholder of the path.
fn path_argument(
    endpoint: EndpointId,
    name: &str,
    arguments: &SampleArguments,
    unique: &dyn Fn(&str) -> String,
) -> String {
    match name {
        "roomId" | "roomIdOrAlias" => arguments.room.clone(),
        "userId" => arguments.owner.clone(),
        "roomAlias" => arguments.alias.clone(),
        "serverName" => arguments.server.clone(),
        "eventId" => arguments.event.clone(),
        "eventType" => "m.room.message".to_owned(),
        "keyName" => "displayname".to_owned(),
        "mediaId" if endpoint.get().method() == "GET" => arguments.media.clone(),
        "txnId" => unique("txn"),
        // Every account has push rules.
        "type" if endpoint.get().id == "GET /user/{userId}/account_data/{type}" => {
            "m.push_rules".to_owned()
        }
        "type" => "org.example.type".to_owned(),
        "relType" => "m.thread".to_owned(),
        "receiptType" => "m.read".to_owned(),
        "kind" => "content".to_owned(),
        "tag" => "u.made-up".to_owned(),
        "filterId" | "version" => "0".to_owned(),
        _ => "made-up".to_owned(),
    }
}

/// A body that the endpoint takes.
fn content(endpoint: EndpointId, arguments: &SampleArguments) -> Value {
    match endpoint.get().id.as_str() {
        "POST /rooms/{roomId}/invite"
        | "POST /rooms/{roomId}/kick"
        | "POST /rooms/{roomId}/ban"
        | "POST /rooms/{roomId}/unban" => {
            json!({ "user_id": arguments.target })
        }
        "PUT /directory/room/{roomAlias}" => json!({ "room_id": arguments.room }),
        "PUT /directory/list/room/{roomId}" => json!({ "visibility": "private" }),
        "PUT /rooms/{roomId}/typing/{userId}" => json!({ "typing": false }),
        "PUT /presence/{userId}/status" => json!({ "presence": "online" }),
        "POST /keys/query" => json!({ "device_keys": {} }),
        "POST /keys/claim" => json!({ "one_time_keys": {} }),
        "PUT /sendToDevice/{eventType}/{txnId}" => json!({ "messages": {} }),
        "POST /search" => {
            json!({ "search_categories": { "room_events": { "search_term": "made-up" } } })
        }
        "POST /user_directory/search" => json!({ "search_term": "made-up" }),
        "PUT /pushrules/global/{kind}/{ruleId}" => {
            json!({ "actions": [], "pattern": "made-up" })
        }
        "PUT /pushrules/global/{kind}/{ruleId}/actions" => json!({ "actions": [] }),
        "PUT /pushrules/global/{kind}/{ruleId}/enabled" => json!({ "enabled": true }),
        "PUT /user/{userId}/rooms/{roomId}/tags/{tag}" => json!({ "order": 0.5 }),
        "PUT /devices/{deviceId}" => json!({ "display_name": "made-up" }),
        _ => json!({}),
    }
}

/// The query parameters that endpoints require.
const QUERIES: &[(&str, &str, &str)] = &[
    ("GET /media/thumbnail/{serverName}/{mediaId}", "width", "32"),
    ("GET /media/thumbnail/{serverName}/{mediaId}", "height", "32"),
    ("GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}", "width", "32"),
    ("GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}", "height", "32"),
    ("GET /keys/changes", "from", "0"),
    ("GET /keys/changes", "to", "0"),
    ("GET /register/available", "username", "made-up"),
    ("GET /register/m.login.registration_token/validity", "token", "made-up"),
    ("GET /login/sso/redirect", "redirectUrl", "http://localhost"),
    ("GET /login/sso/redirect/{idpId}", "redirectUrl", "http://localhost"),
    ("DELETE /room_keys/keys", "version", "0"),
    ("GET /room_keys/keys", "version", "0"),
    ("PUT /room_keys/keys", "version", "0"),
    ("DELETE /room_keys/keys/{roomId}", "version", "0"),
    ("GET /room_keys/keys/{roomId}", "version", "0"),
    ("PUT /room_keys/keys/{roomId}", "version", "0"),
    ("DELETE /room_keys/keys/{roomId}/{sessionId}", "version", "0"),
    ("GET /room_keys/keys/{roomId}/{sessionId}", "version", "0"),
    ("PUT /room_keys/keys/{roomId}/{sessionId}", "version", "0"),
    ("GET /initialSync", "limit", "1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> SampleArguments {
        SampleArguments {
            room: "!r:s".to_owned(),
            event: "$e".to_owned(),
            alias: "#a:s".to_owned(),
            target: "@target:s".to_owned(),
            owner: "@owner:s".to_owned(),
            server: "s".to_owned(),
            media: "m".to_owned(),
        }
    }

    fn sample(id: &str) -> Request {
        sample_request(EndpointId::find(id).unwrap(), &arguments(), &|kind| format!("{kind}-1"))
    }

    #[test]
    fn a_sample_request_fills_every_placeholder_of_the_path() {
        for endpoint in EndpointId::all() {
            let request = sample_request(endpoint, &arguments(), &|kind| format!("{kind}-1"));
            assert!(!request.path.contains('{'), "{}", request.path);
            let has_body = matches!(request.method, "POST" | "PUT");
            assert_eq!(request.body.is_some(), has_body, "{}", request.call);
        }
    }

    #[test]
    fn a_sample_request_names_the_arguments() {
        let ban = sample("POST /rooms/{roomId}/ban");
        assert_eq!(ban.target(), "/_matrix/client/v3/rooms/%21r%3As/ban");
        assert_eq!(ban.body, Some(json!({ "user_id": "@target:s" })));
        let redaction = sample("PUT /rooms/{roomId}/redact/{eventId}/{txnId}");
        assert!(redaction.path.ends_with("/redact/%24e/txn-1"), "{}", redaction.path);
        let keys = sample("GET /keys/changes");
        assert_eq!(keys.parameter("from"), Some("0"));
    }
}
