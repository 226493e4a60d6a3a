//! Endpoints that no step of the model is about: whether they may be called, asked with parameters
//! that are as right as they can be and change as little as they can.
//!
//! A homeserver that does not have an endpoint says so (404, `M_UNRECOGNIZED`), and that tells nothing
//! of guests; unless it says so only to whom it would let through. Whether it does is asked as somebody
//! without a token and as the ordinary user: one that refuses the first for want of a token, and not
//! where there is no endpoint at all, and answers the second like the caller, has let the caller
//! through to nothing.

use guest_access_model::endpoint::EndpointId;
use guest_access_model::step::{Actor, Credential, Place};
use ruma::OwnedRoomId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::acting::{not_implemented, observe_only};
use super::observed::{Held, Observed, Verdict};
use super::people::Credentials;
use super::registration::asks_who_one_is;
use super::sending::NEVER_SENT;
use super::{Request, Response, ServerError, World};

/// What a call is about, if it is about a room or an event.
#[derive(Debug, Clone, Copy)]
struct About<'a> {
    place: Place,
    event: &'a str,
}

impl World<'_> {
    /// Calls an endpoint, and says whether it may be called.
    pub(super) async fn call(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
    ) -> Result<Observed, ServerError> {
        let about = About { place: Place::Room(0), event: NEVER_SENT };
        let request = self.sample(with, endpoint, about);
        let response = self.send(with, request).await?;
        let mut verdict = verdict(&response);
        if is_unrecognized(&response) && self.is_checked(endpoint).await? {
            verdict = Verdict::Allowed;
        }
        if verdict == Verdict::Allowed && endpoint.get().id == "POST /createRoom" {
            #[derive(Deserialize)]
            struct Created {
                room_id: OwnedRoomId,
            }
            if let Ok(created) = response.json::<Created>() {
                self.by_the_way.push((with.clone(), created.room_id));
            }
        }
        Ok(Observed { verdict, held: Held::Nothing })
    }

    /// Whether the homeserver looks at who calls an endpoint although there is nothing to it.
    async fn is_checked(&mut self, endpoint: EndpointId) -> Result<bool, ServerError> {
        if let Some(known) = self.server.checked.borrow().get(&endpoint) {
            return Ok(*known);
        }
        let about = About { place: Place::Room(0), event: NEVER_SENT };
        let nobody = self.people.credentials(Actor::Nobody, Credential::Own);
        let request = self.sample(&nobody, endpoint, about);
        let mut nowhere = request.clone();
        "/_matrix/client/v3/made-up/made-up".clone_into(&mut nowhere.path);
        let asks_for_a_token = self.send(&nobody, request).await?.status == 401
            && self.send(&nobody, nowhere).await?.status != 401;
        let user = self.people.credentials(Actor::User, Credential::Own);
        let request = self.sample(&user, endpoint, about);
        let is_checked = asks_for_a_token && is_unrecognized(&self.send(&user, request).await?);
        self.server.checked.borrow_mut().insert(endpoint, is_checked);
        Ok(is_checked)
    }

    /// Reads relations or threads. They hold the tagged event only if it were one: what is asked is
    /// whether they are given at all.
    pub(super) async fn read_related(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
        place: Place,
    ) -> Result<Observed, ServerError> {
        let event = self.tagged_in(place).map_or(NEVER_SENT, |tagged| &tagged.id).to_owned();
        let request = self.sample(with, endpoint, About { place, event: &event });
        let response = self.send(with, request).await?;
        // Nothing may be related to an event that is not there, or that the caller may not see.
        match verdict(&response) {
            Verdict::Parameters { status: 403, .. } => observe_only(&response),
            verdict => Ok(Observed { verdict, held: Held::Nothing }),
        }
    }

    /// A call of the endpoint by these credentials, about this if it is about anything.
    fn sample(&mut self, with: &Credentials, endpoint: EndpointId, about: About<'_>) -> Request {
        let path = &endpoint.get().path;
        let names = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
        let parts: Vec<String> = names.map(|name| self.part(with, name, about)).collect();
        let request = Request::to(endpoint, parts.iter().map(String::as_str));
        let request = QUERIES
            .iter()
            .filter(|(id, ..)| *id == endpoint.get().id)
            .fold(request, |request, (_, key, value)| request.query(key, *value));
        match endpoint.get().method() {
            "POST" | "PUT" => request.body(self.content(endpoint)),
            _ => request,
        }
    }

    /// What stands for a placeholder of a path.
    fn part(&mut self, with: &Credentials, name: &str, about: About<'_>) -> String {
        let moderator = &self.people.moderator.user_id;
        match name {
            "roomId" | "roomIdOrAlias" => self.room_id(about.place),
            "userId" => self.holder(with).unwrap_or_else(|| moderator.to_string()),
            "roomAlias" => format!("#{}-made-up:{}", self.word, moderator.server_name()),
            "serverName" => moderator.server_name().to_string(),
            "eventId" => about.event.to_owned(),
            "eventType" => "m.room.message".to_owned(),
            "keyName" => "displayname".to_owned(),
            "txnId" => self.transaction(),
            "type" => "org.example.type".to_owned(),
            "relType" => "m.thread".to_owned(),
            "receiptType" => "m.read".to_owned(),
            "kind" => "content".to_owned(),
            "tag" => "u.made-up".to_owned(),
            "filterId" | "version" => "0".to_owned(),
            _ => "made-up".to_owned(),
        }
    }

    /// Whose token this is.
    fn holder(&self, with: &Credentials) -> Option<String> {
        let token = with.token.as_ref()?;
        let helpers = [&self.people.moderator, &self.people.user];
        let mut people = self.people.guests.iter().flatten().chain(helpers);
        let is_it = |person: &&super::Person| {
            person.token == *token || person.before_upgrade.as_ref() == Some(token)
        };
        people.find(is_it).map(|person| person.user_id.to_string())
    }

    /// A body that the endpoint takes, where an empty object is none.
    fn content(&self, endpoint: EndpointId) -> Value {
        match endpoint.get().id.as_str() {
            "POST /rooms/{roomId}/invite"
            | "POST /rooms/{roomId}/kick"
            | "POST /rooms/{roomId}/ban"
            | "POST /rooms/{roomId}/unban" => {
                json!({ "user_id": self.people.moderator.user_id })
            }
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
}

/// What the query of an endpoint has to hold.
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

/// Whether the answer says that there is no such endpoint.
fn is_unrecognized(response: &Response) -> bool {
    response.status == 404 && response.errcode().as_deref() == Some("M_UNRECOGNIZED")
}

/// Whether the answer says that the endpoint may be called. What is made up may be found wanting: a
/// homeserver that says so looked at the call.
fn verdict(response: &Response) -> Verdict {
    let errcode = response.errcode();
    let status = response.status;
    match (status, errcode.as_deref()) {
        (200..=399, _) => Verdict::Allowed,
        // To be asked who one is, one has to be let in first.
        (401, _) if asks_who_one_is(response) => Verdict::Allowed,
        (401, _) | (403, Some("M_GUEST_ACCESS_FORBIDDEN")) => Verdict::Denied { status, errcode },
        (404 | 405, Some("M_UNRECOGNIZED") | None) => not_implemented(),
        (429, _) => Verdict::Untold("the homeserver let us wait for too long".to_owned()),
        (500.., _) => Verdict::Untold(format!("the homeserver fails ({})", response.in_short())),
        _ => Verdict::Parameters { status, errcode },
    }
}
