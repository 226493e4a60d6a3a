//! The fixture of the tests: a server, and a small client.

use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use reqwest::Method;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

/// A server, and a client of this server.
pub(super) struct Fixture {
    pub(super) server: Embedded,
    client: Client,
}

/// A registered guest or user.
#[derive(Clone)]
pub(super) struct TestUser {
    pub(super) user_id: String,
    pub(super) token: String,
}

/// The status and the body of an answer.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }

    /// The status and the error code.
    pub(super) fn verdict(&self) -> (u16, &str) {
        (self.status, self.body["errcode"].as_str().unwrap_or_default())
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let status = response.status().as_u16();
        let text = response.text().unwrap();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
        Self { status, body }
    }
}

/// A client for any server.
pub(super) fn http() -> Client {
    // The library needs a provider even for plain HTTP. Another test may have installed one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

impl Fixture {
    /// A server that follows these rules, with the defect that has this id.
    pub(super) fn of(rules: &str, mistake: Option<&str>) -> Self {
        let rules = Rules::find(rules).unwrap();
        let profile = match mistake {
            None => rules.profile(),
            Some(id) => variant::find(&rules, id).unwrap().profile,
        };
        Self { server: Embedded::start(profile).unwrap(), client: http() }
    }

    /// A server that follows the rules in force.
    pub(super) fn new() -> Self {
        Self::of("latest", None)
    }

    /// A request to this path below `/_matrix/client/`.
    pub(super) fn request(&self, method: &str, path: &str) -> reqwest::blocking::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let path =
            if path.starts_with('/') { path.to_owned() } else { format!("/_matrix/client/{path}") };
        self.client.request(method, format!("{}{path}", self.server.url()))
    }

    /// The answer to a call by `who`.
    pub(super) fn call(
        &self,
        who: &TestUser,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self.request(method, path).bearer_auth(&who.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().unwrap().into()
    }

    pub(super) fn get(&self, who: &TestUser, path: &str) -> Answer {
        self.call(who, "GET", path, None)
    }

    pub(super) fn put(&self, who: &TestUser, path: &str, body: Value) -> Answer {
        self.call(who, "PUT", path, Some(body))
    }

    pub(super) fn post(&self, who: &TestUser, path: &str, body: Value) -> Answer {
        self.call(who, "POST", path, Some(body))
    }

    pub(super) fn register(&self, query: &str, body: &Value) -> Answer {
        self.request("POST", &format!("v3/register{query}")).json(body).send().unwrap().into()
    }

    pub(super) fn guest(&self) -> TestUser {
        TestUser::registered(&self.register("?kind=guest", &json!({})).ok())
    }

    pub(super) fn user(&self, name: &str) -> TestUser {
        let auth = json!({ "type": "m.login.dummy" });
        let body = json!({ "username": name, "password": "secret", "auth": auth });
        TestUser::registered(&self.register("", &body).ok())
    }

    /// A new room of `who` that anyone may read and guests may join.
    pub(super) fn open_room(&self, who: &TestUser) -> String {
        let setting = |kind: &str, key: &str, value: &str| json!({ "type": kind, "state_key": "", "content": { key: value } });
        let body = json!({
            "preset": "public_chat",
            "room_alias_name": "open",
            "initial_state": [
                setting("m.room.history_visibility", "history_visibility", "world_readable"),
                setting("m.room.guest_access", "guest_access", "can_join"),
            ],
        });
        let created = self.post(who, "v3/createRoom", body).ok();
        created["room_id"].as_str().unwrap().to_owned()
    }

    /// Sends a message by `who` to `room`, and returns the event id.
    pub(super) fn say(&self, who: &TestUser, room: &str, text: &str) -> String {
        let path = format!("v3/rooms/{room}/send/m.room.message/{text}");
        let answer = self.put(who, &path, json!({ "msgtype": "m.text", "body": text })).ok();
        answer["event_id"].as_str().unwrap().to_owned()
    }

    pub(super) fn set_guest_access(&self, who: &TestUser, room: &str, value: &str) {
        let path = format!("v3/rooms/{room}/state/m.room.guest_access");
        self.put(who, &path, json!({ "guest_access": value })).ok();
    }
}

impl TestUser {
    fn registered(body: &Value) -> Self {
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        Self { user_id: text("user_id"), token: text("access_token") }
    }
}

/// The ids of the events in a list.
pub(super) fn ids(events: &Value) -> Vec<&str> {
    let events = events.as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().map(|event| event["event_id"].as_str().unwrap()).collect()
}
