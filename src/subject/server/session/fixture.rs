//! Preparing the [room fixture](crate::subject::server::room_fixture) for a call.

use std::collections::BTreeMap;

use guest_access_model::action::{Message, Says};
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::GuestAccess;
use ruma::api::client::room::create_room;
use serde_json::{Value, json};

use super::Session;
use crate::subject::server::accounts::Credentials;
use crate::subject::server::error::ServerError;
use crate::subject::server::observe::Sent;
use crate::subject::server::request::{Request, endpoint};
use crate::subject::server::requests::{
    alias_request, guest_access_content, message_request, moderation_request, state_request, text,
};
use crate::subject::server::room_fixture::{Prerequisite, RoomFixture, prerequisite};
use crate::subject::server::sample_request::SampleArguments;

impl Session<'_> {
    /// The arguments of a call for which the session has prepared the room fixture. They are the given
    /// arguments, if the endpoint takes no room fixture or the caller has no account.
    ///
    /// # Errors
    /// If the homeserver refuses what the room fixture takes, or no response came.
    pub(super) async fn prepared(
        &mut self,
        with: &Credentials,
        called: EndpointId,
        arguments: SampleArguments,
    ) -> Result<SampleArguments, ServerError> {
        let (Some(prerequisite), Some(who)) = (prerequisite(called), self.holder(with)) else {
            return Ok(arguments);
        };
        let mut fixture = match self.fixture.take() {
            Some(fixture) => fixture,
            None => self.create_fixture().await?,
        };
        let arguments = self.prepare(&mut fixture, with, &who, prerequisite, arguments).await;
        self.fixture = Some(fixture);
        arguments
    }

    /// Brings the caller, and what the call takes, into the room fixture.
    async fn prepare(
        &mut self,
        fixture: &mut RoomFixture,
        with: &Credentials,
        who: &str,
        prerequisite: Prerequisite,
        arguments: SampleArguments,
    ) -> Result<SampleArguments, ServerError> {
        self.enter(fixture, with, who).await?;
        let room = fixture.room.as_str();
        let mut arguments = SampleArguments { room: room.to_owned(), ..arguments };
        if matches!(
            prerequisite,
            Prerequisite::Stranger | Prerequisite::Invited | Prerequisite::Banned
        ) {
            let server = self.accounts.moderator.user_id.server_name().to_owned();
            arguments.target = format!("@{}:{server}", self.names.next("made-up"));
        }
        if matches!(prerequisite, Prerequisite::Alias | Prerequisite::NewAlias) {
            fixture.aliases.push(arguments.alias.clone());
        }
        let request = match prerequisite {
            Prerequisite::Nothing | Prerequisite::Stranger | Prerequisite::NewAlias => {
                return Ok(arguments);
            }
            Prerequisite::Invited => moderation_request(KNOWN.invite, room, &arguments.target),
            Prerequisite::Banned => moderation_request(KNOWN.ban, room, &arguments.target),
            Prerequisite::Alias => alias_request(&arguments.alias, room),
            Prerequisite::Message => {
                let transaction = self.names.next("txn");
                message_request(room, Message::Message.as_str(), &transaction, text())
            }
            Prerequisite::ToHaveLeft => {
                let leave = Request::to(KNOWN.leave, [room]).body(json!({}));
                self.send(with, leave).await?.accepted()?;
                fixture.joined.retain(|one| one != who);
                return Ok(arguments);
            }
        };
        let response = self.send(&self.moderators(), request).await?;
        response.accepted()?;
        if prerequisite == Prerequisite::Message {
            arguments.event = response.json::<Sent>()?.event_id;
        }
        Ok(arguments)
    }

    /// Lets the caller join the room fixture, unless the caller has joined, and gives the caller power.
    async fn enter(
        &mut self,
        fixture: &mut RoomFixture,
        with: &Credentials,
        who: &str,
    ) -> Result<(), ServerError> {
        if fixture.joined.iter().any(|one| one == who) {
            return Ok(());
        }
        let room = fixture.room.as_str();
        let join = Request::to(KNOWN.join, [room]).body(json!({}));
        self.send(with, join).await?.accepted()?;
        self.side_rooms.push((with.clone(), fixture.room.clone()));
        fixture.joined.push(who.to_owned());
        let moderators = self.moderators();
        let request = Request::to(
            endpoint("GET /rooms/{roomId}/state/{eventType}/{stateKey}"),
            [room, POWER_LEVELS, ""],
        );
        let response = self.send(&moderators, request).await?;
        response.accepted()?;
        let mut content = response.json::<BTreeMap<String, Value>>()?;
        let users = content.entry("users".to_owned()).or_insert_with(|| json!({}));
        if let Some(users) = users.as_object_mut() {
            users.insert(who.to_owned(), MODERATOR_POWER.into());
        }
        let request = state_request(room, POWER_LEVELS, "", json!(content));
        self.send(&moderators, request).await?.accepted()
    }

    async fn create_fixture(&mut self) -> Result<RoomFixture, ServerError> {
        let moderators = self.moderators();
        let open = json!({
            "type": "m.room.guest_access",
            "state_key": "",
            "content": guest_access_content(Says::Value(GuestAccess::CanJoin), || 0),
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
/// The power level of the callers: by default, that of moderators.
const MODERATOR_POWER: i64 = 50;
