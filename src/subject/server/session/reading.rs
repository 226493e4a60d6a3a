//! Reading: whether the responses hold the tagged event, by its id.

use guest_access_model::action::{Action, Place};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use ruma::api::client::message::get_message_events;
use ruma::api::client::peeking::listen_to_new_events;
use ruma::api::client::room::get_room_event;
use ruma::events::AnyTimelineEvent;
use ruma::serde::Raw;

use super::{Arguments, Session};
use crate::subject::server::accounts::Credentials;
use crate::subject::server::action_request::Page;
use crate::subject::server::error::ServerError;
use crate::subject::server::not_run::NotRunKind;
use crate::subject::server::observation::{
    CallVerdict, Direction, EventPresence, HttpObservation, ResponseContent,
};
use crate::subject::server::observe::{
    TaggedEvent, gave, has, observe_event_by_time, observe_only, observe_read,
};
use crate::subject::server::request::Request;
use crate::subject::server::requests::NEVER_SENT;
use crate::subject::server::response::Response;

/// How many pages are read of a homeserver that gives fewer events than the request asks for.
const PAGES: usize = 20;
/// The type of the first event of every room.
const CREATE: &str = "m.room.create";
/// The latest time that JSON can hold exactly.
const END_OF_TIME: u64 = 9_007_199_254_740_991;

impl Session<'_> {
    pub(super) async fn read(
        &mut self,
        action: &Action,
        with: &Credentials,
        endpoint: EndpointId,
    ) -> Result<HttpObservation, ServerError> {
        match endpoint.get().gives {
            Some(Gives::Timeline) if endpoint == KNOWN.messages => {
                let observed = self.read_messages(action, with).await?;
                self.read_further(action, with, (endpoint, observed.is_allowed())).await?;
                Ok(observed)
            }
            Some(Gives::Timeline) => self.read_related(with, endpoint, action.place).await,
            Some(Gives::Event) if endpoint.get().id.ends_with("/timestamp_to_event") => {
                self.read_event_by_time(action, with, endpoint).await
            }
            Some(Gives::Members) if endpoint == KNOWN.members => {
                self.read_members(action, with).await
            }
            Some(Gives::Stream) => self.read_stream(action, with).await,
            Some(
                Gives::InitialSync
                | Gives::Event
                | Gives::State
                | Gives::StateEvent
                | Gives::Members
                | Gives::Sync,
            ) => {
                // A sync is about all rooms; the tagged event is one of the first.
                let place = match endpoint.get().gives {
                    Some(Gives::Sync) => Place::Room(0),
                    _ => action.place,
                };
                let response = self.send_read(action, with, Page::default()).await?;
                self.read_further(action, with, (endpoint, response.allows())).await?;
                if endpoint.get().gives == Some(Gives::Sync) {
                    self.has_synced(with, &response);
                }
                let first = self.rooms.first().map(|room| room.id.as_str());
                let tagged = self.tagged_in(place);
                observe_read(endpoint, &response, tagged, first, || self.sent_before(tagged))
            }
            None => self.call(with, endpoint, action.place).await,
        }
    }

    /// The ids of the events that the session sent before the tagged event; none, if the session does not
    /// know when the event was sent.
    fn sent_before(&self, tagged: Option<&TaggedEvent>) -> Vec<String> {
        let mut sent: Vec<_> = self.sent_events().into_iter().map(|sent| sent.id).collect();
        let place = tagged.and_then(|tagged| sent.iter().position(|id| *id == tagged.id));
        sent.truncate(place.unwrap_or(0));
        sent
    }

    /// Makes one call of an action that reads.
    async fn send_read(
        &self,
        action: &Action,
        with: &Credentials,
        page: Page<'_>,
    ) -> Result<Response, ServerError> {
        let tagged = self.tagged_in(action.place);
        let event = tagged.map(|tagged| tagged.id.as_str());
        let note = tagged.and_then(|tagged| tagged.note.as_deref());
        let arguments = Arguments { event, note, page, ..Arguments::default() };
        self.send(with, self.request(action, &arguments)?).await
    }

    /// Reads the whole timeline in both directions: from the newest event back, and from the oldest
    /// event on.
    async fn read_messages(
        &self,
        action: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let mut ends = Ends::default();
        let backwards = self.read_pages(action, with, "b", &mut ends).await?;
        if backwards.verdict != CallVerdict::Allowed {
            return Ok(backwards);
        }
        let forwards = self.read_pages(action, with, "f", &mut ends).await?;
        if forwards.verdict != CallVerdict::Allowed {
            return Ok(forwards);
        }
        let in_part = |direction| ResponseContent::Gave(EventPresence::Partial(direction));
        let content = match (&backwards.content, &forwards.content) {
            (one, other) if one == other => one.clone(),
            (ResponseContent::Gave(EventPresence::CutOff), other)
            | (other, ResponseContent::Gave(EventPresence::CutOff)) => other.clone(),
            (ResponseContent::Gave(EventPresence::Present), _) => in_part(Direction::Backwards),
            _ => in_part(Direction::Forwards),
        };
        Ok(HttpObservation { content, ..backwards })
    }

    async fn read_pages(
        &self,
        action: &Action,
        with: &Credentials,
        direction: &str,
        ends: &mut Ends,
    ) -> Result<HttpObservation, ServerError> {
        let is_backwards = direction == "b";
        // A homeserver before v1.3 reads from a place on: from where the reading backwards ended.
        let needs_from = self.server.client.paths.needs_from();
        let mut from: Option<String> = ends.oldest.take().filter(|_| needs_from && !is_backwards);
        let (mut is_present, mut is_whole) = (false, false);
        for _ in 0..PAGES {
            let page = Page { direction, from: from.as_deref(), ..Page::default() };
            let response = self.send_read(action, with, page).await?;
            let observed = observe_only(&response)?;
            if observed.verdict != CallVerdict::Allowed {
                return Ok(observed);
            }
            let page: get_message_events::v3::Response = response.read()?;
            is_present |= has(self.tagged_in(action.place), &page.chunk);
            // A page may be empty because the caller may see nothing of the page. The timeline ends
            // where no page follows.
            let is_last = page.end.is_none()
                || page.end == from
                || page.chunk.is_empty() && page.end == Some(page.start)
                || ends.are_in(direction, &page.chunk);
            is_whole = is_last;
            if is_backwards {
                ends.oldest.clone_from(&page.end);
            }
            if is_last || is_present && !(needs_from && is_backwards) {
                break;
            }
            from = page.end;
        }
        // A homeserver that gives very short pages may have more than the session reads.
        let content = if is_present || is_whole {
            gave(is_present)
        } else {
            ResponseContent::Gave(EventPresence::CutOff)
        };
        Ok(HttpObservation { verdict: CallVerdict::Allowed, content })
    }

    async fn read_event_by_time(
        &self,
        action: &Action,
        with: &Credentials,
        endpoint: EndpointId,
    ) -> Result<HttpObservation, ServerError> {
        let event = self.tagged_in(action.place).map_or(NEVER_SENT, |tagged| &tagged.id);
        let time = self.time_of(event, action.place).await?;
        let request = Request::to(endpoint, [&*self.room_id(action.place)])
            .query("ts", time.to_string())
            .query("dir", "f");
        observe_event_by_time(&self.send(with, request).await?, event, time)
    }

    /// The time at which the homeserver received an event; the end of time, if there is no such
    /// event.
    async fn time_of(&self, event: &str, place: Place) -> Result<u64, ServerError> {
        if event == NEVER_SENT {
            return Ok(END_OF_TIME);
        }
        let request = Request::to(KNOWN.event, [&*self.room_id(place), event]);
        let response = self.send(&self.moderators(), request).await?;
        response.decides()?;
        if !response.allows() {
            return Ok(END_OF_TIME);
        }
        let answer: get_room_event::v3::Response = response.read()?;
        Ok(answer.event.get_field("origin_server_ts").ok().flatten().unwrap_or_default())
    }

    pub(super) async fn read_through_other_room(
        &self,
        action: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let Some(tagged) = &self.tagged else {
            let why = "no event is tagged";
            return Ok(HttpObservation::inconclusive(NotRunKind::SetUp, why));
        };
        let arguments = Arguments { event: Some(&tagged.id), ..Arguments::default() };
        let response = self.send(with, self.request(action, &arguments)?).await?;
        observe_read(KNOWN.event, &response, Some(tagged), None, Vec::new)
    }

    async fn read_stream(
        &self,
        action: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let mut from = self.stream_start.clone();
        let mut is_present = false;
        for _ in 0..PAGES {
            let page = Page { from: from.as_deref(), ..Page::default() };
            let response = self.send_read(action, with, page).await?;
            let observed = observe_only(&response)?;
            if observed.verdict != CallVerdict::Allowed {
                return Ok(observed);
            }
            let page: listen_to_new_events::v3::Response = response.read()?;
            is_present |= has(self.tagged_in(action.place), &page.chunk);
            if is_present || page.chunk.is_empty() || page.end.is_none() || page.end == from {
                break;
            }
            from = page.end;
        }
        Ok(HttpObservation { verdict: CallVerdict::Allowed, content: gave(is_present) })
    }

    /// The tagged event, where a read of this place can give it.
    pub(super) fn tagged_in(&self, place: Place) -> Option<&TaggedEvent> {
        (place != Place::Room(1) && place != Place::Elsewhere)
            .then_some(self.tagged.as_ref())
            .flatten()
    }
}

/// The two ends of a timeline, as far as the session knows them. No page follows an end.
#[derive(Debug, Default)]
struct Ends {
    /// The first event of the first page backwards.
    newest: Option<String>,
    /// The place at which the last page backwards ended.
    oldest: Option<String>,
}

impl Ends {
    /// Whether the end in this direction is among these events. Backwards, the end is the first event
    /// of the room. Forwards, it is the event at which the reading backwards began.
    fn are_in(&mut self, direction: &str, page: &[Raw<AnyTimelineEvent>]) -> bool {
        let text = |event: &Raw<_>, key| event.get_field::<String>(key).ok().flatten();
        if direction == "b" {
            let newest = || page.first().and_then(|event| text(event, "event_id"));
            self.newest = self.newest.take().or_else(newest);
            return page.iter().any(|event| text(event, "type").is_some_and(|of| of == CREATE));
        }
        self.newest.is_some() && page.iter().any(|event| text(event, "event_id") == self.newest)
    }
}
