//! The fixture of the tests: profiles, and a server with a moderator and a room.

use guest_access_rules::decision_point::{Choices, PointId};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::{Access, Condition, Conditions, Profile};
use guest_access_rules::vocabulary::ErrCode;
use ruma::api::client::account::register::RegistrationKind;
use ruma::api::client::account::register::v3::Request as Register;
use ruma::api::client::membership::join_room_by_id;
use ruma::api::client::message::{get_message_events, send_message_event};
use ruma::api::client::state::send_state_event;
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::{Answer, Credentials, Reference};

const OPEN: Access = Access::Open(Conditions::NONE);

/// The rules in force, with these options instead.
pub(crate) fn latest(options: &[(&str, &str)]) -> Profile {
    let mut profile = Profile::new(choices(options));
    for id in [
        "GET /rooms/{roomId}/state",
        "GET /rooms/{roomId}/state/{eventType}/{stateKey}",
        "GET /rooms/{roomId}/messages",
        "GET /rooms/{roomId}/initialSync",
        "GET /rooms/{roomId}/context/{eventId}",
        "GET /rooms/{roomId}/event/{eventId}",
        "GET /rooms/{roomId}/members",
        "GET /events",
        "GET /sync",
        "POST /rooms/{roomId}/join",
        "POST /rooms/{roomId}/leave",
        "PUT /rooms/{roomId}/send/{eventType}/{txnId}",
        "PUT /rooms/{roomId}/state/{eventType}/{stateKey}",
        "PUT /sendToDevice/{eventType}/{txnId}",
        "GET /devices",
        "GET /devices/{deviceId}",
        "PUT /devices/{deviceId}",
        "POST /keys/upload",
        "POST /keys/query",
        "POST /keys/claim",
        "GET /account/whoami",
        "GET /media/download/{serverName}/{mediaId}",
        "GET /media/download/{serverName}/{mediaId}/{fileName}",
        "GET /media/thumbnail/{serverName}/{mediaId}",
    ] {
        profile.set_access(endpoint(id), OPEN);
    }
    let display_name = Access::Open(Conditions::NONE.with(Condition::DisplayNameOnly));
    profile.set_access(endpoint("PUT /profile/{userId}/{keyName}"), display_name);
    profile.set_access(endpoint("DELETE /profile/{userId}/{keyName}"), display_name);
    profile
}

/// The draft of 2015, with these options instead.
pub(crate) fn draft(options: &[(&str, &str)]) -> Profile {
    let mut all = vec![
        ("room.rule", "world_readable_now"),
        ("visibility.evaluated_at", "now"),
        ("events.no_room", "every_previewable_room"),
    ];
    all.extend(options);
    let mut profile = Profile::new(choices(&all));
    for id in [
        "GET /rooms/{roomId}/messages",
        "GET /rooms/{roomId}/state",
        "GET /rooms/{roomId}/state/{eventType}/{stateKey}",
        "GET /events",
    ] {
        profile.set_access(endpoint(id), OPEN);
    }
    profile
}

pub(crate) fn choices(options: &[(&str, &str)]) -> Choices {
    let mut choices = Choices::FIRST;
    for (point, option) in options {
        let id = PointId::find(point).unwrap_or_else(|| panic!("no point {point}"));
        assert!(choices.set(id, option), "{point} has no option {option}");
    }
    choices
}

pub(crate) fn endpoint(id: &str) -> EndpointId {
    EndpointId::find(id).unwrap_or_else(|| panic!("no endpoint {id}"))
}

/// The status and the error code of an answer: 200 and no code for a call that was allowed.
pub(crate) fn status_and_errcode<T>(answer: Answer<T>) -> (u16, Option<ErrCode>) {
    let decision = match answer {
        Ok(granted) => granted.decision,
        Err(refusal) => refusal.0,
    };
    (decision.status, decision.errcode)
}

/// The answer to a call that is allowed.
pub(crate) const ALLOWED: (u16, Option<ErrCode>) = (200, None);
/// The refusal that any user gets.
pub(crate) const FORBIDDEN: (u16, Option<ErrCode>) = (403, Some(ErrCode::Forbidden));
/// The refusal that only guests get.
pub(crate) const NOT_FOR_GUESTS: (u16, Option<ErrCode>) =
    (403, Some(ErrCode::GuestAccessForbidden));

/// A registered guest or user.
pub(crate) struct TestUser {
    pub(crate) user_id: OwnedUserId,
    pub(crate) token: String,
}

impl TestUser {
    pub(crate) fn credentials(&self) -> Credentials<'_> {
        Credentials::token(&self.token)
    }
}

/// A server with a moderator, and a room of the moderator without any setting.
pub(crate) struct Fixture {
    pub(crate) server: Reference,
    pub(crate) moderator: TestUser,
    pub(crate) room: OwnedRoomId,
}

impl Fixture {
    pub(crate) fn with_profile(profile: Profile) -> Self {
        Self::on(Reference::new(profile))
    }

    /// The fixture on this server, which has no account yet.
    pub(crate) fn on(mut server: Reference) -> Self {
        let mut request = Register::new();
        request.username = Some("moderator".to_owned());
        request.password = Some("password".to_owned());
        let moderator = register(&mut server, &request);
        let room = server.create_bare_room(&moderator.user_id, "room");
        Self { server, moderator, room }
    }

    /// The rules in force.
    pub(crate) fn new() -> Self {
        Self::with_profile(latest(&[]))
    }

    pub(crate) fn guest(&mut self) -> TestUser {
        let mut request = Register::new();
        request.kind = RegistrationKind::Guest;
        register(&mut self.server, &request)
    }

    pub(crate) fn user(&mut self, name: &str) -> TestUser {
        let mut request = Register::new();
        request.username = Some(name.to_owned());
        request.password = Some("password".to_owned());
        register(&mut self.server, &request)
    }

    /// The moderator sends a state event under the empty state key.
    pub(crate) fn set(&mut self, kind: &str, content: &Value) -> OwnedEventId {
        let request = state(&self.room, kind, "", content);
        let credentials = Credentials::token(&self.moderator.token);
        let answer = self.server.put_state(&credentials, &request);
        answer.expect("the moderator may").response.event_id
    }

    pub(crate) fn set_visibility(&mut self, value: &str) -> OwnedEventId {
        self.set("m.room.history_visibility", &json!({ "history_visibility": value }))
    }

    pub(crate) fn set_guest_access(&mut self, value: &str) -> OwnedEventId {
        self.set("m.room.guest_access", &json!({ "guest_access": value }))
    }

    /// The moderator sends a message.
    pub(crate) fn say(&mut self, text: &str) -> OwnedEventId {
        let request = message(&self.room, "m.room.message", text, &json!({ "body": text }));
        let credentials = Credentials::token(&self.moderator.token);
        let answer = self.server.send(&credentials, &request);
        answer.expect("the moderator may").response.event_id
    }

    pub(crate) fn join(&mut self, who: &TestUser) -> (u16, Option<ErrCode>) {
        let request = join_room_by_id::v3::Request::new(self.room.clone());
        status_and_errcode(self.server.join(&who.credentials(), &request))
    }

    /// The ids of the events that `who` reads by `messages`, or the refusal.
    pub(crate) fn read(&self, who: &TestUser) -> Result<Vec<String>, (u16, Option<ErrCode>)> {
        let mut request = get_message_events::v3::Request::forward(self.room.clone());
        request.limit = ruma::UInt::MAX;
        match self.server.messages(&who.credentials(), &request) {
            Ok(granted) => Ok(ids(&granted.response.chunk)),
            Err(refusal) => Err((refusal.0.status, refusal.0.errcode)),
        }
    }
}

fn register(server: &mut Reference, request: &Register) -> TestUser {
    let response = server.register(request).expect("anyone may register").response;
    TestUser { user_id: response.user_id, token: response.access_token.expect("a token is issued") }
}

pub(crate) fn ids<T>(events: &[Raw<T>]) -> Vec<String> {
    let id = |event: &Raw<T>| event.get_field("event_id").expect("an event is an object");
    events.iter().map(|event| id(event).expect("an event has an id")).collect()
}

pub(crate) fn state(
    room: &OwnedRoomId,
    kind: &str,
    key: &str,
    content: &Value,
) -> send_state_event::v3::Request {
    let body = Raw::from_json(to_raw_value(content).expect("JSON can be written"));
    send_state_event::v3::Request::new_raw(room.clone(), kind.into(), key.to_owned(), body)
}

pub(crate) fn message(
    room: &OwnedRoomId,
    kind: &str,
    transaction: &str,
    content: &Value,
) -> send_message_event::v3::Request {
    let body = Raw::from_json(to_raw_value(content).expect("JSON can be written"));
    send_message_event::v3::Request::new_raw(room.clone(), transaction.into(), kind.into(), body)
}
