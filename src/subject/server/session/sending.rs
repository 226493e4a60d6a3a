//! Sending settings and messages, and what the session remembers of them.

use guest_access_model::action::{Action, Actor, Key, Message, Setting};

use super::Session;
use crate::subject::server::accounts::Credentials;
use crate::subject::server::error::ServerError;
use crate::subject::server::observe::Sent;
use crate::subject::server::request::Request;
use crate::subject::server::requests::{NEVER_SENT, message_request, text};
use crate::subject::server::response::Response;

impl Session<'_> {
    /// Sends a setting, and remembers which event is the setting of the room now.
    pub(super) async fn set(
        &mut self,
        with: &Credentials,
        room: usize,
        setting: Setting,
        key: Key,
        request: Request,
    ) -> Result<Response, ServerError> {
        let response = self.send(with, request).await?;
        if response.allows() {
            self.rooms[room].record_mark(setting, key);
            if key == Key::Empty {
                let event = response.json::<Sent>()?.event_id;
                self.rooms[room].record_setting(setting, event);
            }
        }
        Ok(response)
    }

    /// The caller's newest message in the room. A caller without one sends one, if it may.
    pub(super) async fn own_message(
        &mut self,
        action: &Action,
        with: &Credentials,
    ) -> Result<String, ServerError> {
        let newest = |session: &Self| {
            let room = session.rooms.get(action.room()?)?;
            room.messages.get(&action.by).cloned()
        };
        if newest(self).is_none() && matches!(action.by, Actor::Guest(_) | Actor::User) {
            let (room, transaction) = (self.room_id(action.place), self.names.next("txn"));
            let kind = Message::Message.as_str();
            let request = message_request(&room, kind, &transaction, text());
            let response = self.send(with, request).await?;
            response.decides()?;
            self.remember_message(action, &response)?;
        }
        Ok(newest(self).unwrap_or_else(|| NEVER_SENT.to_owned()))
    }

    /// The message to whose thread the moderator adds an event of another type; none, for other senders, and in
    /// a room without a message of the moderator.
    pub(super) fn thread_root(&self, action: &Action) -> Option<String> {
        let room = self.rooms.get(action.room()?).filter(|_| action.by == Actor::Moderator)?;
        room.thread_root.as_ref().or_else(|| room.messages.get(&Actor::Moderator)).cloned()
    }

    pub(super) fn remember_thread(
        &mut self,
        action: &Action,
        root: Option<String>,
        response: &Response,
    ) {
        if let Some(room) = action.room().and_then(|room| self.rooms.get_mut(room))
            && response.allows()
        {
            room.thread_root = root.or_else(|| room.thread_root.take());
        }
    }

    pub(super) fn remember_message(
        &mut self,
        action: &Action,
        response: &Response,
    ) -> Result<(), ServerError> {
        if let Some(room) = action.room().and_then(|room| self.rooms.get_mut(room))
            && response.allows()
        {
            room.messages.insert(action.by, response.json::<Sent>()?.event_id);
        }
        Ok(())
    }
}
