//! Endpoints that no step of the model is about: whether they may be called, asked with parameters
//! that are as right as they can be and change as little as they can.
//!
//! A homeserver that does not have an endpoint says so (404, `M_UNRECOGNIZED`), and that tells nothing
//! of guests; unless it says so only to whom it would let through. Whether it does is asked as somebody
//! without a token and as the ordinary user: one that refuses the first for want of a token, and not
//! where there is no endpoint at all, and answers the second like the caller, has let the caller
//! through to nothing.

use guest_access_model::action::{Action, Actor, Credential, Operation, Place};
use guest_access_rules::endpoint::EndpointId;
use ruma::OwnedRoomId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::Credentials;
use super::acting::{not_implemented, observe_only};
use super::observation::{CallVerdict, HttpObservation, ResponseContent};
use super::registration::asks_who_one_is;
use super::sending::NEVER_SENT;
use super::{Request, Response, ServerError, Session};

/// What a call is about, as far as its endpoint asks for it.
#[derive(Debug, Clone)]
pub(super) struct SampleArguments {
    pub(super) room: String,
    pub(super) event: String,
    pub(super) alias: String,
    /// The user to whom something is done in the room.
    pub(super) target: String,
    /// Whose own it is.
    pub(super) owner: String,
}

impl Session<'_> {
    /// Calls an endpoint, and says whether it may be called.
    pub(super) async fn call(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
    ) -> Result<HttpObservation, ServerError> {
        let about = self.about(with, endpoint).await?;
        self.call_about(with, endpoint, &about).await
    }

    async fn call_about(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
        about: &SampleArguments,
    ) -> Result<HttpObservation, ServerError> {
        let request = self.sample(endpoint, about);
        let response = self.send(with, request).await?;
        let mut verdict = verdict(&response);
        if is_unrecognized(&response) && self.is_checked(endpoint).await? {
            verdict = CallVerdict::Allowed;
        }
        if verdict == CallVerdict::Allowed && endpoint.get().id == "POST /createRoom" {
            #[derive(Deserialize)]
            struct Created {
                room_id: OwnedRoomId,
            }
            if let Ok(created) = response.json::<Created>() {
                self.side_rooms.push((with.clone(), created.room_id));
            }
        }
        Ok(HttpObservation { verdict, content: ResponseContent::Nothing })
    }

    /// Whether the ordinary user gets further with the call of `step` than who made it: only then
    /// does a refusal over its parameters say anything of guests.
    ///
    /// # Errors
    /// If no answer came.
    pub async fn user_gets_further(&mut self, step: &Action) -> Result<bool, ServerError> {
        let Operation::Call(endpoint) = step.operation else { return Ok(false) };
        let user = self.accounts.credentials(Actor::User, Credential::Own);
        let mut about = self.about(&user, endpoint).await?;
        // Nobody has anything that is its own: then neither call is about the caller's.
        if step.by == Actor::Nobody {
            about.owner = self.accounts.moderator.user_id.to_string();
        }
        let observed = self.call_about(&user, endpoint, &about).await?;
        Ok(observed.verdict == CallVerdict::Allowed)
    }

    /// What a call by these credentials is about: on a stage, if it takes one and there is one to be
    /// had.
    async fn about(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
    ) -> Result<SampleArguments, ServerError> {
        let about = self.about_room(with, Place::Room(0));
        match self.on_stage(with, endpoint, about.clone()).await {
            Err(error) if !error.is_broken_line() => Ok(about),
            staged => staged,
        }
    }

    /// What a call by these credentials is about, in this room: as right as it can be without asking
    /// for anything first.
    fn about_room(&mut self, with: &Credentials, place: Place) -> SampleArguments {
        let moderator = &self.accounts.moderator.user_id;
        let server = moderator.server_name().to_owned();
        let (target, moderator) = (moderator.to_string(), moderator.to_string());
        SampleArguments {
            room: self.room_id(place),
            event: NEVER_SENT.to_owned(),
            alias: format!("#{}:{server}", self.name("made-up")),
            target,
            owner: self.holder(with).unwrap_or(moderator),
        }
    }

    /// Whether the homeserver looks at who calls an endpoint although there is nothing to it.
    async fn is_checked(&mut self, endpoint: EndpointId) -> Result<bool, ServerError> {
        if let Some(known) = self.server.checked.borrow().get(&endpoint) {
            return Ok(*known);
        }
        let nobody = self.accounts.credentials(Actor::Nobody, Credential::Own);
        let about = self.about_room(&nobody, Place::Room(0));
        let request = self.sample(endpoint, &about);
        let mut nowhere = request.clone();
        "/_matrix/client/v3/made-up/made-up".clone_into(&mut nowhere.path);
        let asks_for_a_token = self.send(&nobody, request).await?.status == 401
            && self.send(&nobody, nowhere).await?.status != 401;
        let user = self.accounts.credentials(Actor::User, Credential::Own);
        let about = self.about_room(&user, Place::Room(0));
        let request = self.sample(endpoint, &about);
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
    ) -> Result<HttpObservation, ServerError> {
        let event = self.tagged_in(place).map_or(NEVER_SENT, |tagged| &tagged.id).to_owned();
        let about = SampleArguments { event, ..self.about_room(with, place) };
        let request = self.sample(endpoint, &about);
        let response = self.send(with, request).await?;
        // Nothing may be related to an event that is not there, or that the caller may not see.
        match verdict(&response) {
            CallVerdict::ParametersRejected { status: 403, .. } => observe_only(&response),
            CallVerdict::Inconclusive(_) if response.status >= 500 => observe_only(&response),
            verdict => Ok(HttpObservation { verdict, content: ResponseContent::Nothing }),
        }
    }

    /// A call of the endpoint, about this if it is about anything.
    fn sample(&mut self, endpoint: EndpointId, about: &SampleArguments) -> Request {
        let path = &endpoint.get().path;
        let names = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
        let parts: Vec<String> = names.map(|name| self.part(endpoint, name, about)).collect();
        let request = Request::to(endpoint, parts.iter().map(String::as_str));
        let request = QUERIES
            .iter()
            .filter(|(id, ..)| *id == endpoint.get().id)
            .fold(request, |request, (_, key, value)| request.query(key, *value));
        match endpoint.get().method() {
            "POST" | "PUT" => request.body(content(endpoint, about)),
            _ => request,
        }
    }

    /// What stands for a placeholder of a path.
    fn part(&mut self, endpoint: EndpointId, name: &str, about: &SampleArguments) -> String {
        match name {
            "roomId" | "roomIdOrAlias" => about.room.clone(),
            "userId" => about.owner.clone(),
            "roomAlias" => about.alias.clone(),
            "serverName" => self.accounts.moderator.user_id.server_name().to_string(),
            "eventId" => about.event.clone(),
            "eventType" => "m.room.message".to_owned(),
            "keyName" => "displayname".to_owned(),
            "txnId" => self.transaction(),
            // What there is for everybody.
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

    /// Whose token this is.
    pub(super) fn holder(&self, with: &Credentials) -> Option<String> {
        let token = with.token.as_ref()?;
        let fixture = [&self.accounts.moderator, &self.accounts.user];
        let mut accounts = self.accounts.guests.iter().flatten().chain(fixture);
        let is_it = |person: &&super::UserAccount| {
            person.token == *token || person.before_upgrade.as_ref() == Some(token)
        };
        accounts.find(is_it).map(|person| person.user_id.to_string())
    }
}

/// A body that the endpoint takes, where an empty object is none.
fn content(endpoint: EndpointId, about: &SampleArguments) -> Value {
    match endpoint.get().id.as_str() {
        "POST /rooms/{roomId}/invite"
        | "POST /rooms/{roomId}/kick"
        | "POST /rooms/{roomId}/ban"
        | "POST /rooms/{roomId}/unban" => {
            json!({ "user_id": about.target })
        }
        "PUT /directory/room/{roomAlias}" => json!({ "room_id": about.room }),
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
fn verdict(response: &Response) -> CallVerdict {
    let errcode = response.errcode();
    let status = response.status;
    match (status, errcode.as_deref()) {
        (200..=399, _) => CallVerdict::Allowed,
        // To be asked who one is, one has to be let in first.
        (401, _) if asks_who_one_is(response) => CallVerdict::Allowed,
        (401, _) | (403, Some("M_GUEST_ACCESS_FORBIDDEN")) => {
            CallVerdict::Denied { status, errcode }
        }
        (404 | 405, Some("M_UNRECOGNIZED") | None) => not_implemented(),
        (429, _) => CallVerdict::Inconclusive("the homeserver let us wait for too long".to_owned()),
        (500.., _) => {
            CallVerdict::Inconclusive(format!("the homeserver fails ({})", response.in_short()))
        }
        _ => CallVerdict::ParametersRejected { status, errcode },
    }
}
