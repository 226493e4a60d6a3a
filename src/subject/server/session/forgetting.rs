//! Forgetting: whether a user who forgot a room is still given its history.

use guest_access_rules::endpoint::KNOWN;
use serde_json::Value;

use super::Session;
use crate::subject::server::accounts::Credentials;
use crate::subject::server::call_effect::CallEffect;
use crate::subject::server::error::ServerError;
use crate::subject::server::observation::ResponseContent;
use crate::subject::server::request::Request;
use crate::subject::server::requests::first_sync;

pub(super) const FORGET: &str = "POST /rooms/{roomId}/forget";

impl Session<'_> {
    /// Whether the caller is given no messages of the room that it has just forgotten, and a sync does not list the
    /// room; nothing, for calls that
    /// name another user, and for rooms that anyone may view: only the room fixture is known to be closed.
    ///
    /// # Errors
    /// If no response came, or an answer is no page of messages, or not that of a sync.
    pub(super) async fn history_after(
        &self,
        with: &Credentials,
        room: &str,
    ) -> Result<ResponseContent, ServerError> {
        let is_closed = self.fixture.as_ref().is_some_and(|fixture| fixture.room == room);
        if !is_closed || with.named.is_some() {
            return Ok(ResponseContent::Nothing);
        }
        let request = Request::to(KNOWN.messages, [room]).query("dir", "b");
        let response = self.send(with, request).await?;
        response.decides()?;
        let gives_events = response.allows()
            && response.json::<Value>()?["chunk"]
                .as_array()
                .is_some_and(|events| !events.is_empty());
        let response = self.send(with, first_sync(&[room], 1)).await?;
        let is_listed =
            response.allows() && response.json::<Value>()?["rooms"]["leave"][room].is_object();
        let (effect, holds) = (CallEffect::RoomForgotten, !gives_events && !is_listed);
        Ok(ResponseContent::Effect { effect, holds })
    }
}
