//! Further calls of a read: the same endpoint, asked in other ways that clients use.
//!
//! The model has one call for a read, and the answer to that call is the observation of the action. The
//! answers to further calls are only compared event by event. A session makes a few of them, since each
//! costs the homeserver a call.

use std::collections::BTreeMap;

use guest_access_model::action::{Action, Place};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use ruma::OwnedUserId;
use serde_json::Value;

use super::Session;
use crate::subject::server::accounts::Credentials;
use crate::subject::server::action_request::LIMIT;
use crate::subject::server::error::ServerError;
use crate::subject::server::request::Request;
use crate::subject::server::requests::first_sync;
use crate::subject::server::response::Response;

/// The most further calls of one kind in a session.
const MOST: usize = 1;
/// The type of the state event that is read besides the notes. Every room has one.
const KIND: &str = "m.room.power_levels";

/// The further calls of a session so far.
#[derive(Debug, Default)]
pub(super) struct FurtherReads {
    /// The place in the stream that the syncs of each reader have reached.
    places: BTreeMap<OwnedUserId, String>,
    syncs: usize,
    state_events: usize,
    members: usize,
}

impl Session<'_> {
    /// Makes the further calls of a read that was answered so.
    ///
    /// # Errors
    /// If no response came.
    pub(super) async fn read_further(
        &mut self,
        action: &Action,
        with: &Credentials,
        (endpoint, response): (EndpointId, &Response),
    ) -> Result<(), ServerError> {
        let room = self.room_id(action.place);
        let reader = self.reader(with);
        let Some(further) = &mut self.further else { return Ok(()) };
        let Some(reader) = reader else { return Ok(()) };
        match endpoint.get().gives {
            Some(Gives::Sync) => self.sync_on(with, &reader, response).await,
            Some(Gives::StateEvent) if further.state_events < MOST => {
                further.state_events += 1;
                let request = Request::to(endpoint, [&*room, KIND, ""]);
                self.ask_further(with, reader, request).await
            }
            Some(Gives::Members)
                if endpoint == KNOWN.members
                    && response.allows()
                    && further.members < MOST
                    && action.place != Place::Elsewhere =>
            {
                further.members += 1;
                let request = Request::to(endpoint, [&*room]);
                self.ask_further(with, reader, request.query("membership", "join")).await
            }
            _ => Ok(()),
        }
    }

    /// Syncs from the place on that the last sync of the reader has reached, and remembers the place that
    /// this sync has reached.
    async fn sync_on(
        &mut self,
        with: &Credentials,
        reader: &OwnedUserId,
        response: &Response,
    ) -> Result<(), ServerError> {
        let answer: Value = response.json().unwrap_or_default();
        let Some(reached) = answer["next_batch"].as_str() else { return Ok(()) };
        let Some(further) = &mut self.further else { return Ok(()) };
        let known = further.places.insert(reader.clone(), reached.to_owned());
        let Some(since) = known.filter(|_| further.syncs < MOST) else { return Ok(()) };
        further.syncs += 1;
        let rooms: Vec<_> = self.rooms.iter().map(|room| room.id.as_str()).collect();
        let request = first_sync(&rooms, LIMIT).query("since", since);
        self.ask_further(with, reader.clone(), request).await
    }

    /// Makes a further call, and keeps the answer. The call is no part of the script of a scenario.
    async fn ask_further(
        &self,
        with: &Credentials,
        reader: OwnedUserId,
        request: Request,
    ) -> Result<(), ServerError> {
        let Some(action) = self.connection.action() else { return Ok(()) };
        self.connection.watch(true);
        let response = self.send(with, request.clone()).await;
        self.connection.watch(false);
        if let Some(answers) = &self.answers {
            answers.keep(action, reader, &request, &response?);
        }
        Ok(())
    }
}
