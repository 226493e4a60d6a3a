//! Further calls of a read: the same content, asked for in other ways that clients use.
//!
//! The model has one call for a read, and the answer to that call is the observation of the action. The
//! answers to further calls are only compared event by event. Each costs the homeserver a call, so whoever
//! runs the session says which further calls an action makes.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::{Action, Operation, Place};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use ruma::OwnedUserId;
use serde_json::{Value, json};

use super::Session;
use crate::subject::server::accounts::Credentials;
use crate::subject::server::action_request::LIMIT;
use crate::subject::server::error::ServerError;
use crate::subject::server::request::Request;
use crate::subject::server::requests::{NOTE, USE_STATE_AFTER, first_sync};
use crate::subject::server::response::Response;

/// Another way to ask for the content that a read asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FurtherRead {
    /// A sync from the place on that the last sync of the reader has reached.
    SyncSince,
    /// A first sync with at most one event of the timeline of each room.
    ShortSync,
    /// A first sync with the state after the timeline, and at most one event of each timeline.
    StateAfter,
    /// The power levels, besides the note that the read asks for.
    PowerLevels,
    /// Another state event that every room has, besides the note that the read asks for.
    OtherState,
    /// The members whose membership is `join`.
    JoinedMembers,
    /// The members at the place before the event that was the newest at the last list of members.
    EarlierMembers,
    /// The messages that pass a filter.
    FilteredMessages,
}

/// The types of the other state events, one after the other.
const OTHER_STATE: [&str; 4] =
    ["m.room.join_rules", "m.room.create", "m.room.history_visibility", "m.room.guest_access"];

impl FurtherRead {
    /// The ways in which a read by this action can also ask.
    pub fn of(action: &Action) -> &'static [Self] {
        let Operation::Read(endpoint) = action.operation else { return &[] };
        match endpoint.get().gives {
            Some(Gives::Sync) => &[Self::SyncSince, Self::ShortSync, Self::StateAfter],
            Some(Gives::StateEvent) => &[Self::PowerLevels, Self::OtherState],
            Some(Gives::Members)
                if endpoint == KNOWN.members && action.place != Place::Elsewhere =>
            {
                &[Self::JoinedMembers, Self::EarlierMembers]
            }
            Some(Gives::Timeline) if endpoint == KNOWN.messages => &[Self::FilteredMessages],
            _ => &[],
        }
    }

    /// What the same reader has to have read before, so that there is a place to ask for.
    pub const fn follows(self) -> Option<Gives> {
        match self {
            Self::SyncSince => Some(Gives::Sync),
            Self::EarlierMembers => Some(Gives::Members),
            _ => None,
        }
    }
}

/// The further calls of a session.
#[derive(Debug, Default)]
pub(super) struct FurtherReads {
    /// The further calls that the current action makes, if it reads.
    wanted: BTreeSet<FurtherRead>,
    /// The place in the stream that the last sync of each reader has reached.
    reached: BTreeMap<OwnedUserId, String>,
    /// The place before the newest event of a room, as a reader was given it, by the reader and the room.
    before_newest: BTreeMap<(OwnedUserId, String), String>,
}

impl Session<'_> {
    /// The next action also makes these calls, if it reads. Nothing happens in a session that does not keep
    /// its answers.
    pub fn read_also(&mut self, wanted: BTreeSet<FurtherRead>) {
        if let Some(further) = &mut self.further {
            further.wanted = wanted;
        }
    }

    /// The calls of [`Session::read_also`] that the last action did not make.
    pub fn left_unread(&mut self) -> BTreeSet<FurtherRead> {
        self.further.as_mut().map(|further| std::mem::take(&mut further.wanted)).unwrap_or_default()
    }

    /// Makes the further calls of a read of this endpoint. A refusal of a further call is kept if the read
    /// itself `was_allowed`.
    ///
    /// # Errors
    /// If no response came.
    pub(super) async fn read_further(
        &mut self,
        action: &Action,
        with: &Credentials,
        (endpoint, was_allowed): (EndpointId, bool),
    ) -> Result<(), ServerError> {
        let Some(reader) = self.reader(with) else { return Ok(()) };
        let Some(further) = &self.further else { return Ok(()) };
        let room = self.room_id(action.place);
        let request = |read: &FurtherRead| {
            Some((*read, self.further_request(*read, endpoint, &room, (further, &reader))?))
        };
        let requests: Vec<_> = further.wanted.iter().filter_map(request).collect();
        for (read, request) in requests {
            self.ask_further(with, reader.clone(), request, (endpoint, was_allowed)).await?;
            if let Some(further) = &mut self.further {
                further.wanted.remove(&read);
            }
        }
        Ok(())
    }

    /// Remembers the place that a sync of this caller has reached.
    pub(super) fn has_synced(&mut self, with: &Credentials, response: &Response) {
        let answer: Value = response.json().unwrap_or_default();
        let (Some(reader), Some(reached)) = (self.reader(with), answer["next_batch"].as_str())
        else {
            return;
        };
        if let Some(further) = &mut self.further {
            further.reached.insert(reader, reached.to_owned());
        }
    }

    /// Remembers the place before the newest event of a room, as this caller was given it.
    pub(super) fn has_listed(&mut self, with: &Credentials, room: &str, before: Option<String>) {
        let (Some(reader), Some(before)) = (self.reader(with), before) else { return };
        if let Some(further) = &mut self.further {
            further.before_newest.insert((reader, room.to_owned()), before);
        }
    }

    /// The request of a further call of this endpoint by a reader; `None` if the call takes a place that the
    /// reader was not given, or a parameter that the homeserver does not have.
    fn further_request(
        &self,
        read: FurtherRead,
        endpoint: EndpointId,
        room: &str,
        (further, reader): (&FurtherReads, &OwnedUserId),
    ) -> Option<Request> {
        let rooms = || self.rooms.iter().map(|room| room.id.as_str()).collect::<Vec<_>>();
        let of_room = || Request::to(endpoint, [room]);
        let state_event = |kind| Request::to(endpoint, [room, kind, ""]);
        Some(match read {
            FurtherRead::SyncSince => {
                let since = further.reached.get(reader)?;
                first_sync(&rooms(), LIMIT).query("since", since.as_str())
            }
            FurtherRead::ShortSync => first_sync(&rooms(), 1),
            FurtherRead::StateAfter if !self.server.client.paths.has_state_after() => return None,
            FurtherRead::StateAfter => first_sync(&rooms(), 1).query(USE_STATE_AFTER, "true"),
            FurtherRead::PowerLevels => state_event("m.room.power_levels"),
            FurtherRead::OtherState => {
                let number = self.connection.action().unwrap_or_default();
                state_event(OTHER_STATE[number % OTHER_STATE.len()])
            }
            FurtherRead::JoinedMembers => of_room().query("membership", "join"),
            FurtherRead::EarlierMembers => {
                let at = further.before_newest.get(&(reader.clone(), room.to_owned()))?;
                of_room().query("at", at.as_str())
            }
            FurtherRead::FilteredMessages => {
                let filter = json!({ "types": ["m.room.message", NOTE] });
                let request = of_room().query("dir", "b").query("limit", LIMIT.to_string());
                request.query("filter", filter.to_string())
            }
        })
    }

    /// Makes a further call, and keeps the answer. The call is no part of the script of a scenario.
    async fn ask_further(
        &self,
        with: &Credentials,
        reader: OwnedUserId,
        request: Request,
        (endpoint, was_allowed): (EndpointId, bool),
    ) -> Result<(), ServerError> {
        let Some(action) = self.connection.action() else { return Ok(()) };
        self.connection.watch(true);
        let response = self.send(with, request.clone()).await;
        self.connection.watch(false);
        let (response, Some(answers)) = (response?, &self.answers) else { return Ok(()) };
        // A homeserver may not know a parameter, or not this value of it.
        let is_refusal = matches!(response.status, 401 | 403 | 404 | 500..)
            && !response.is_unrecognized()
            && was_allowed;
        if is_refusal {
            answers.keep_refusal(action, reader, endpoint, request);
        } else {
            answers.keep(action, reader, &request, &response);
        }
        Ok(())
    }
}
