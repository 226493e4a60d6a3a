//! The directory: what an entry says of a room, and to which room an alias leads.

use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};
use serde_json::{Value, json};

use super::Session;
use super::read_back::WAITS;
use crate::subject::server::accounts::{Credentials, UserAccount};
use crate::subject::server::call_effect::CallEffect;
use crate::subject::server::error::ServerError;
use crate::subject::server::observation::ResponseContent;
use crate::subject::server::request::{Request, endpoint};
use crate::subject::server::response::Response;

pub(super) const PUBLIC_ROOMS: &str = "GET /publicRooms";
const PUBLISHED: &str = "GET /directory/list/room/{roomId}";
const PUBLISH: &str = "PUT /directory/list/room/{roomId}";
pub(super) const LOOK_UP: &str = "GET /directory/room/{roomAlias}";

/// Whether the answer to the look-up of an alias names its room.
///
/// # Errors
/// If the answer is no JSON.
pub(super) fn alias_leads_to(
    response: &Response,
    room: &str,
) -> Result<ResponseContent, ServerError> {
    let holds = response.json::<Value>()?["room_id"] == room;
    Ok(ResponseContent::Effect { effect: CallEffect::AliasLeads, holds })
}

impl Session<'_> {
    /// Whether the directory, as a guest reads it, hides the first room, and says of the published room what
    /// its settings say; nothing, for other callers, and if the homeserver does not publish the room.
    ///
    /// # Errors
    /// If no response came, or an answer is no answer of the directory.
    pub(super) async fn listed_settings(
        &self,
        with: &Credentials,
        response: &Response,
    ) -> Result<ResponseContent, ServerError> {
        let is_reader = with.named.is_none() && self.is_guest(with);
        let Some(room) = self.rooms.first().filter(|_| is_reader) else {
            return Ok(ResponseContent::Nothing);
        };
        if lists(response, room.id.as_str())? && self.is_unpublished(room.id.as_str()).await? {
            return Ok(ResponseContent::without(CallEffect::RoomHidden));
        }
        let publish = |visibility: &str| {
            let request = Request::to(endpoint(PUBLISH), [room.id.as_str()]);
            request.body(json!({ "visibility": visibility }))
        };
        let response = self.send(&self.moderators(), publish("public")).await?;
        if !response.allows() {
            return Ok(ResponseContent::Nothing);
        }
        let content = self.entry_of(with, room.id.as_str()).await;
        self.send(&self.moderators(), publish("private")).await?;
        content
    }

    /// Whether the account of the caller is a guest's, and has not been upgraded.
    fn is_guest(&self, with: &Credentials) -> bool {
        let mut guests = self.accounts.guests.iter().flatten();
        let is_it = |guest: &UserAccount| {
            with.token.as_ref() == Some(&guest.token) && guest.before_upgrade.is_none()
        };
        guests.any(is_it)
    }

    /// Whether the homeserver says that a room is not published.
    async fn is_unpublished(&self, room: &str) -> Result<bool, ServerError> {
        let request = Request::to(endpoint(PUBLISHED), [room]);
        let response = self.send(&self.moderators(), request).await?;
        Ok(response.allows() && response.json::<Value>()?["visibility"] == "private")
    }

    /// Reads the entry of a room until it says what the settings of the room say.
    async fn entry_of(
        &self,
        with: &Credentials,
        room: &str,
    ) -> Result<ResponseContent, ServerError> {
        let (visibility, guest_access) = self.settings().await?;
        let due = [
            (CallEffect::PreviewListed, visibility == Some(HistoryVisibility::WorldReadable)),
            (CallEffect::GuestsListed, guest_access == Some(GuestAccess::CanJoin)),
        ];
        let mut waits = WAITS.into_iter();
        loop {
            let response = self.send(with, Request::to(endpoint(PUBLIC_ROOMS), [])).await?;
            if !response.allows() {
                return Ok(ResponseContent::Nothing);
            }
            let listed: Value = response.json()?;
            // A homeserver may give the directory in pages.
            let entry = entry(&listed, room);
            let is_wrong = |(effect, due): &&(CallEffect, bool)| {
                entry.is_some_and(|entry| entry[key(*effect)] != *due)
            };
            let wrong = due.iter().find(is_wrong);
            let wait = wrong.and_then(|_| waits.next());
            let Some(wait) = wait else {
                return Ok(wrong.map_or(ResponseContent::Nothing, |(effect, _)| {
                    ResponseContent::without(*effect)
                }));
            };
            tokio::time::sleep(wait).await;
        }
    }
}

/// The entry of a room in an answer of the directory.
fn entry<'a>(listed: &'a Value, room: &str) -> Option<&'a Value> {
    let mut rooms = listed["chunk"].as_array().into_iter().flatten();
    rooms.find(|entry| entry["room_id"] == room)
}

/// Whether an answer of the directory has an entry of this room.
fn lists(response: &Response, room: &str) -> Result<bool, ServerError> {
    Ok(entry(&response.json()?, room).is_some())
}

/// The key of an entry that says whether readers may preview the room, or guests may join it.
const fn key(effect: CallEffect) -> &'static str {
    match effect {
        CallEffect::PreviewListed => "world_readable",
        _ => "guest_can_join",
    }
}
