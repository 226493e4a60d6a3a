//! A room in which nothing but being a guest is in a caller's way.
//!
//! Some endpoints take a room in which the caller has a say, and somebody or something to which it is
//! done: who asks to ban from a room in which it has none is refused for that, whoever it is, and
//! nothing is learnt of guests. So such a call is made on a stage: in a room beside those of the story,
//! which the caller has joined, with the say of a moderator, and in which there is what the call takes.

use std::collections::BTreeMap;

use guest_access_model::endpoint::{EndpointId, KNOWN};
use ruma::OwnedRoomId;
use ruma::api::client::room::create_room;
use serde_json::{Value, json};

use super::calling::About;
use super::people::Credentials;
use super::rooms::accepted;
use super::sending::Sent;
use super::setting_up::endpoint;
use super::{Request, ServerError, World};

/// The stage of one story.
#[derive(Debug)]
pub(super) struct Stage {
    room: OwnedRoomId,
    /// The user ids of those who have joined it.
    joined: Vec<String>,
    /// The aliases that it was given, or may have been.
    pub(super) aliases: Vec<String>,
}

/// What a call takes, beside a room in which the caller has a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// A user who is not in the room.
    Stranger,
    Invited,
    Banned,
    /// An alias of the room.
    Alias,
    /// A name that may become one.
    NewAlias,
    Message,
    /// That the caller has left it.
    ToHaveLeft,
}

/// What a call of the endpoint takes, if it takes a stage.
fn takes(endpoint: EndpointId) -> Option<Takes> {
    Some(match endpoint.get().id.as_str() {
        "POST /rooms/{roomId}/invite" | "POST /rooms/{roomId}/ban" => Takes::Stranger,
        "POST /rooms/{roomId}/kick" => Takes::Invited,
        "POST /rooms/{roomId}/unban" => Takes::Banned,
        "POST /rooms/{roomId}/forget" => Takes::ToHaveLeft,
        "PUT /rooms/{roomId}/redact/{eventId}/{txnId}" => Takes::Message,
        "DELETE /directory/room/{roomAlias}" => Takes::Alias,
        "PUT /directory/room/{roomAlias}" => Takes::NewAlias,
        "GET /rooms/{roomId}/aliases" | "PUT /directory/list/room/{roomId}" => Takes::Nothing,
        _ => return None,
    })
}

impl World<'_> {
    /// What a call by these credentials is about, if it is to be about something that it can do; as it
    /// was, where the endpoint takes no stage or the caller is nobody who could be on one.
    ///
    /// # Errors
    /// If the homeserver refuses what a stage takes, or no answer came.
    pub(super) async fn on_stage(
        &mut self,
        with: &Credentials,
        called: EndpointId,
        about: About,
    ) -> Result<About, ServerError> {
        let (Some(takes), Some(who)) = (takes(called), self.holder(with)) else { return Ok(about) };
        let room = self.enter(with, &who).await?;
        let mut about = About { room, ..about };
        let to_moderator = self.moderators();
        let server = self.people.moderator.user_id.server_name().to_owned();
        if matches!(takes, Takes::Stranger | Takes::Invited | Takes::Banned) {
            about.target = format!("@{}:{server}", self.name("made-up"));
        }
        if matches!(takes, Takes::Alias | Takes::NewAlias) {
            self.stage.iter_mut().for_each(|stage| stage.aliases.push(about.alias.clone()));
        }
        let room = about.room.clone();
        let request = match takes {
            Takes::Nothing | Takes::Stranger | Takes::NewAlias => return Ok(about),
            Takes::Invited => Request::to(endpoint("POST /rooms/{roomId}/invite"), [&*room])
                .body(json!({ "user_id": about.target })),
            Takes::Banned => Request::to(endpoint("POST /rooms/{roomId}/ban"), [&*room])
                .body(json!({ "user_id": about.target })),
            Takes::Alias => {
                Request::to(endpoint("PUT /directory/room/{roomAlias}"), [&*about.alias])
                    .body(json!({ "room_id": room }))
            }
            Takes::Message => {
                let body = json!({ "msgtype": "m.text", "body": "made up" });
                self.message_request(&room, "m.room.message", body)
            }
            Takes::ToHaveLeft => {
                let leave = Request::to(KNOWN.leave, [&*room]).body(json!({}));
                accepted(&self.send(with, leave).await?)?;
                self.stage.iter_mut().for_each(|stage| stage.joined.retain(|one| *one != who));
                return Ok(about);
            }
        };
        let response = self.send(&to_moderator, request).await?;
        accepted(&response)?;
        if takes == Takes::Message {
            about.event = response.json::<Sent>()?.event_id;
        }
        Ok(about)
    }

    /// Lets the caller join the stage, and gives it a say; makes the stage, if there is none.
    async fn enter(&mut self, with: &Credentials, who: &str) -> Result<String, ServerError> {
        let room = match &self.stage {
            Some(stage) => stage.room.clone(),
            None => self.make_stage().await?,
        };
        if self.stage.as_ref().is_some_and(|stage| stage.joined.iter().any(|one| one == who)) {
            return Ok(room.to_string());
        }
        let moderators = self.moderators();
        let join = Request::to(KNOWN.join, [room.as_str()]).body(json!({}));
        accepted(&self.send(with, join).await?)?;
        self.by_the_way.push((with.clone(), room.clone()));
        self.stage.iter_mut().for_each(|stage| stage.joined.push(who.to_owned()));
        let levels = [room.as_str(), POWER_LEVELS, ""];
        let request =
            Request::to(endpoint("GET /rooms/{roomId}/state/{eventType}/{stateKey}"), levels);
        let response = self.send(&moderators, request).await?;
        accepted(&response)?;
        let mut content = response.json::<BTreeMap<String, Value>>()?;
        let users = content.entry("users".to_owned()).or_insert_with(|| json!({}));
        if let Some(users) = users.as_object_mut() {
            users.insert(who.to_owned(), SAY.into());
        }
        let request = Self::state_request(room.as_str(), POWER_LEVELS, "", json!(content));
        accepted(&self.send(&moderators, request).await?)?;
        Ok(room.to_string())
    }

    async fn make_stage(&mut self) -> Result<OwnedRoomId, ServerError> {
        let moderators = self.moderators();
        let open = json!({
            "type": "m.room.guest_access",
            "state_key": "",
            "content": { "guest_access": "can_join" },
        });
        let body =
            json!({ "preset": "public_chat", "visibility": "private", "initial_state": [open] });
        let request = Request::to(endpoint("POST /createRoom"), []).body(body);
        let response = self.send(&moderators, request).await?;
        let room = response.read::<create_room::v3::Response>()?.room_id;
        self.by_the_way.push((moderators, room.clone()));
        self.stage = Some(Stage { room: room.clone(), joined: Vec::new(), aliases: Vec::new() });
        Ok(room)
    }
}

const POWER_LEVELS: &str = "m.room.power_levels";
/// The power level of those who are on a stage: that of moderators, by default.
const SAY: i64 = 50;
