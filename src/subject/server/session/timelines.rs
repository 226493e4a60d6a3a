//! The timelines of the rooms of a session, as the moderator reads them.

use guest_access_reference::reference::ReplicaEvent;
use ruma::OwnedUserId;
use ruma::api::client::message::get_message_events;
use ruma::events::AnyTimelineEvent;
use ruma::serde::Raw;

use super::Session;
use super::further_reads::FurtherReads;
use super::read_back::WAITS;
use crate::subject::server::error::ServerError;
use crate::subject::server::read_answer::{ReadAnswer, ReadAnswers, RoomTimeline};
use crate::subject::server::recording::SentEvent;
use crate::subject::server::request::{Request, endpoint};
use crate::subject::server::room_pool::SessionRoom;

/// The most pages that are read of one timeline.
const PAGES: usize = 20;
/// The number of events that one page asks for. Most scenarios send fewer.
const PAGE: u32 = 100;

impl Session<'_> {
    /// Keeps the answers to the reads of the actions from now on. Some reads also ask in other ways.
    pub fn keep_answers(&mut self) {
        self.answers = Some(ReadAnswers::default());
        self.further = Some(FurtherReads::default());
    }

    /// The answers that were kept so far.
    pub fn take_answers(&self) -> Vec<ReadAnswer> {
        self.answers.as_ref().map(ReadAnswers::take).unwrap_or_default()
    }

    /// The guests of the model, and all user ids that each of them has had.
    pub fn guest_ids(&self) -> &[(u8, OwnedUserId)] {
        &self.guest_ids
    }

    /// The user id of the ordinary user.
    pub fn user_id(&self) -> OwnedUserId {
        self.accounts.user.user_id.clone()
    }

    /// The events that the session sent.
    pub fn sent_events(&self) -> Vec<SentEvent> {
        self.connection.sent_events()
    }

    /// The timelines of the rooms since the session began; none, for a room whose moderator is not given
    /// the timeline back to that moment.
    ///
    /// # Errors
    /// If the moderator cannot read a room.
    pub async fn timelines(&self) -> Result<Vec<Option<RoomTimeline>>, ServerError> {
        let mut timelines = Vec::with_capacity(self.rooms.len());
        for room in &self.rooms {
            timelines.push(self.timeline_of(room).await?);
        }
        Ok(timelines)
    }

    /// The timelines, once they have every event that was sent. A busy homeserver may show an event a little later.
    ///
    /// # Errors
    /// If the moderator cannot read a room.
    pub async fn settled_timelines(
        &self,
        sent: &[SentEvent],
    ) -> Result<Vec<Option<RoomTimeline>>, ServerError> {
        let mut waits = WAITS.into_iter();
        loop {
            let timelines = self.timelines().await?;
            let is_there = |sent: &SentEvent| {
                let id = sent.id.as_str().try_into();
                id.is_ok_and(|id| timelines.iter().flatten().any(|one| one.place_of(id).is_some()))
            };
            let is_known = timelines.iter().all(Option::is_some);
            let mut of_actions =
                sent.iter().filter(|sent| sent.action.is_some() && sent.content.is_some());
            if !is_known || of_actions.all(is_there) {
                return Ok(timelines);
            }
            let Some(wait) = waits.next() else { return Ok(timelines) };
            tokio::time::sleep(wait).await;
        }
    }

    async fn timeline_of(&self, room: &SessionRoom) -> Result<Option<RoomTimeline>, ServerError> {
        let is_initial = |event: &ReplicaEvent| {
            room.initial_state.iter().any(|initial| initial.event_id == event.event_id)
        };
        let mut new: Vec<ReplicaEvent> = Vec::new();
        let mut from: Option<String> = None;
        for _ in 0..PAGES {
            let mut request =
                Request::to(endpoint("GET /rooms/{roomId}/messages"), [room.id.as_str()])
                    .query("dir", "b")
                    .query("limit", PAGE.to_string());
            if let Some(from) = &from {
                request = request.query("from", from.as_str());
            }
            let response = self.send(&self.moderators(), request).await?;
            let page: get_message_events::v3::Response = response.read()?;
            let read = |event: &Raw<AnyTimelineEvent>| {
                event.deserialize_as_unchecked::<ReplicaEvent>().ok()
            };
            let events = page.chunk.iter().filter_map(read);
            let before = new.len();
            for event in events {
                if is_initial(&event) {
                    new.reverse();
                    let start = room.initial_state.len();
                    let events = room.initial_state.iter().cloned().chain(new).collect();
                    return Ok(Some(RoomTimeline { id: room.id.clone(), events, start }));
                }
                new.push(event);
            }
            if page.end.is_none() || page.end == from || new.len() == before {
                break;
            }
            from = page.end;
        }
        Ok(None)
    }
}
