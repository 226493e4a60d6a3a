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
use crate::subject::server::requests::{NOTE, first_sync};
use crate::subject::server::response::Response;

/// Another way to ask for the content that a read asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FurtherRead {
    /// A sync from the place on that the last sync of the reader has reached.
    SyncSince,
    /// A first sync with at most one event of the timeline of each room.
    ShortSync,
    /// The power levels, besides the note that the read asks for.
    PowerLevels,
    /// The join rules, besides the note that the read asks for.
    JoinRules,
    /// The members whose membership is `join`.
    JoinedMembers,
    /// The members at the place before the event that was the newest at the last list of members.
    EarlierMembers,
    /// The messages that pass a filter.
    FilteredMessages,
}

impl FurtherRead {
    /// The ways in which a read by this action can also ask.
    pub fn of(action: &Action) -> &'static [Self] {
        let Operation::Read(endpoint) = action.operation else { return &[] };
        match endpoint.get().gives {
            Some(Gives::Sync) => &[Self::SyncSince, Self::ShortSync],
            Some(Gives::StateEvent) => &[Self::PowerLevels, Self::JoinRules],
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

    /// Makes the further calls of a read of this endpoint.
    ///
    /// # Errors
    /// If no response came.
    pub(super) async fn read_further(
        &mut self,
        action: &Action,
        with: &Credentials,
        endpoint: EndpointId,
    ) -> Result<(), ServerError> {
        let Some(reader) = self.reader(with) else { return Ok(()) };
        let Some(further) = &self.further else { return Ok(()) };
        let room = self.room_id(action.place);
        let request = |read: &FurtherRead| {
            Some((*read, self.further_request(*read, endpoint, &room, (further, &reader))?))
        };
        let requests: Vec<_> = further.wanted.iter().filter_map(request).collect();
        for (read, request) in requests {
            self.ask_further(with, reader.clone(), request).await?;
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
    /// reader was not given.
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
            FurtherRead::PowerLevels => state_event("m.room.power_levels"),
            FurtherRead::JoinRules => state_event("m.room.join_rules"),
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
