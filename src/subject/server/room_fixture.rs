//! A room in which nothing but being a guest is in a caller's way.
//!
//! Some endpoints take a room in which the caller has a say, and somebody or something to which it is
//! done: who asks to ban from a room in which it has none is refused for that, whoever it is, and
//! nothing is learnt of guests. So such a call is made on a stage: in a room beside those of the story,
//! which the caller has joined, with the say of a moderator, and in which there is what the call takes.

use std::collections::BTreeMap;

use guest_access_model::action::Says;
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::GuestAccess;
use ruma::OwnedRoomId;
use ruma::api::client::room::create_room;
use serde_json::{Value, json};

use super::accounts::Credentials;
use super::calling::SampleArguments;
use super::rooms::accepted;
use super::sending::{Sent, guest_access_content, text};
use super::setting_up::endpoint;
use super::{Request, ServerError, Session};

/// The stage of one story.
#[derive(Debug)]
pub(super) struct RoomFixture {
    room: OwnedRoomId,
    /// The user ids of those who have joined it.
    joined: Vec<String>,
    /// The aliases that it was given, or may have been.
    pub(super) aliases: Vec<String>,
}

/// What a call takes, beside a room in which the caller has a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prerequisite {
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
fn takes(endpoint: EndpointId) -> Option<Prerequisite> {
    Some(match endpoint.get().id.as_str() {
        "POST /rooms/{roomId}/invite" | "POST /rooms/{roomId}/ban" => Prerequisite::Stranger,
        "POST /rooms/{roomId}/kick" => Prerequisite::Invited,
        "POST /rooms/{roomId}/unban" => Prerequisite::Banned,
        "POST /rooms/{roomId}/forget" => Prerequisite::ToHaveLeft,
        "PUT /rooms/{roomId}/redact/{eventId}/{txnId}" => Prerequisite::Message,
        "DELETE /directory/room/{roomAlias}" => Prerequisite::Alias,
        "PUT /directory/room/{roomAlias}" => Prerequisite::NewAlias,
        "GET /rooms/{roomId}/aliases" | "PUT /directory/list/room/{roomId}" => {
            Prerequisite::Nothing
        }
        _ => return None,
    })
}

impl Session<'_> {
    /// What a call by these credentials is about, if it is to be about something that it can do; as it
    /// was, where the endpoint takes no stage or the caller is nobody who could be on one.
    ///
    /// # Errors
    /// If the homeserver refuses what a stage takes, or no answer came.
    pub(super) async fn on_stage(
        &mut self,
        with: &Credentials,
        called: EndpointId,
        about: SampleArguments,
    ) -> Result<SampleArguments, ServerError> {
        let (Some(takes), Some(who)) = (takes(called), self.holder(with)) else { return Ok(about) };
        let mut stage = match self.stage.take() {
            Some(stage) => stage,
            None => self.make_stage().await?,
        };
        let about = self.prepare(&mut stage, with, &who, takes, about).await;
        self.stage = Some(stage);
        about
    }

    /// Brings the caller and what its call takes onto the stage.
    async fn prepare(
        &mut self,
        stage: &mut RoomFixture,
        with: &Credentials,
        who: &str,
        takes: Prerequisite,
        about: SampleArguments,
    ) -> Result<SampleArguments, ServerError> {
        self.enter(stage, with, who).await?;
        let room = stage.room.as_str();
        let mut about = SampleArguments { room: room.to_owned(), ..about };
        if matches!(takes, Prerequisite::Stranger | Prerequisite::Invited | Prerequisite::Banned) {
            let server = self.accounts.moderator.user_id.server_name().to_owned();
            about.target = format!("@{}:{server}", self.name("made-up"));
        }
        if matches!(takes, Prerequisite::Alias | Prerequisite::NewAlias) {
            stage.aliases.push(about.alias.clone());
        }
        let request = match takes {
            Prerequisite::Nothing | Prerequisite::Stranger | Prerequisite::NewAlias => {
                return Ok(about);
            }
            Prerequisite::Invited => Self::moderation_of(KNOWN.invite, room, &about.target),
            Prerequisite::Banned => Self::moderation_of(KNOWN.ban, room, &about.target),
            Prerequisite::Alias => Self::alias_request(&about.alias, room),
            Prerequisite::Message => self.message_request(room, "m.room.message", text()),
            Prerequisite::ToHaveLeft => {
                let leave = Request::to(KNOWN.leave, [room]).body(json!({}));
                accepted(&self.send(with, leave).await?)?;
                stage.joined.retain(|one| one != who);
                return Ok(about);
            }
        };
        let response = self.send(&self.moderators(), request).await?;
        accepted(&response)?;
        if takes == Prerequisite::Message {
            about.event = response.json::<Sent>()?.event_id;
        }
        Ok(about)
    }

    /// Lets the caller join the stage, unless it has, and gives it a say.
    async fn enter(
        &mut self,
        stage: &mut RoomFixture,
        with: &Credentials,
        who: &str,
    ) -> Result<(), ServerError> {
        if stage.joined.iter().any(|one| one == who) {
            return Ok(());
        }
        let room = stage.room.as_str();
        let join = Request::to(KNOWN.join, [room]).body(json!({}));
        accepted(&self.send(with, join).await?)?;
        self.side_rooms.push((with.clone(), stage.room.clone()));
        stage.joined.push(who.to_owned());
        let moderators = self.moderators();
        let request = Request::to(
            endpoint("GET /rooms/{roomId}/state/{eventType}/{stateKey}"),
            [room, POWER_LEVELS, ""],
        );
        let response = self.send(&moderators, request).await?;
        accepted(&response)?;
        let mut content = response.json::<BTreeMap<String, Value>>()?;
        let users = content.entry("users".to_owned()).or_insert_with(|| json!({}));
        if let Some(users) = users.as_object_mut() {
            users.insert(who.to_owned(), SAY.into());
        }
        let request = Self::state_request(room, POWER_LEVELS, "", json!(content));
        accepted(&self.send(&moderators, request).await?)
    }

    async fn make_stage(&mut self) -> Result<RoomFixture, ServerError> {
        let moderators = self.moderators();
        let open = json!({
            "type": "m.room.guest_access",
            "state_key": "",
            "content": guest_access_content(Says::Value(GuestAccess::CanJoin)),
        });
        let body =
            json!({ "preset": "public_chat", "visibility": "private", "initial_state": [open] });
        let request = Request::to(endpoint("POST /createRoom"), []).body(body);
        let response = self.send(&moderators, request).await?;
        let room = response.read::<create_room::v3::Response>()?.room_id;
        self.side_rooms.push((moderators, room.clone()));
        Ok(RoomFixture { room, joined: Vec::new(), aliases: Vec::new() })
    }
}

const POWER_LEVELS: &str = "m.room.power_levels";
/// The power level of those who are on a stage: that of moderators, by default.
const SAY: i64 = 50;
