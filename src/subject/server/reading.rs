//! The steps that read, as calls: whether the tagged event is in the answer, by its id.

use guest_access_model::action::Place;
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use ruma::api::client::context::get_context;
use ruma::api::client::message::get_message_events;
use ruma::api::client::peeking::{get_current_state, listen_to_new_events};
use ruma::api::client::room::{get_event_by_timestamp, get_room_event};
use ruma::api::client::state::get_state_events;
use ruma::api::client::sync::sync_events::v3 as sync;
use ruma::events::AnyTimelineEvent;
use ruma::serde::Raw;

use super::accounts::Credentials;
use super::acting::{observe, observe_only};
use super::observation::{CallVerdict, EventPresence, HttpObservation, ResponseContent};
use super::sending::{NEVER_SENT, NOTE};
use super::session::TaggedEvent;
use super::{Request, Response, ServerError, Session};

/// How many events are asked for at once. No story is longer, but a homeserver may give fewer.
const LIMIT: u32 = 1000;
/// How often a homeserver that gives fewer is asked for more.
const PAGES: usize = 20;
/// The type of the event that every room begins with.
const CREATE: &str = "m.room.create";

impl Session<'_> {
    pub(super) async fn read(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
        place: Place,
    ) -> Result<HttpObservation, ServerError> {
        let id = self.room_id(place);
        match endpoint.get().gives {
            Some(Gives::Timeline) if endpoint == KNOWN.messages => {
                self.read_messages(with, place, &id).await
            }
            Some(Gives::Timeline) => self.read_related(with, endpoint, place).await,
            Some(Gives::InitialSync) => {
                let request = Request::to(endpoint, [&*id]).query("limit", LIMIT.to_string());
                observe(&self.send(with, request).await?, |response| {
                    let answer: get_current_state::v3::Response = response.read()?;
                    let messages = answer.messages.map(|page| page.chunk).unwrap_or_default();
                    Ok(gave(self.has(place, &messages) || self.has_note(place, &answer.state)))
                })
            }
            Some(Gives::Event) => self.read_event(with, endpoint, place, &id).await,
            Some(Gives::State) => {
                let request = Request::to(endpoint, [&*id]);
                observe(&self.send(with, request).await?, |response| {
                    let answer: get_state_events::v3::Response = response.read()?;
                    Ok(gave(self.has_note(place, &answer.room_state)))
                })
            }
            Some(Gives::StateEvent) => {
                let key = self.tagged_in(place).and_then(|tagged| tagged.note.clone());
                let key = key.unwrap_or_else(|| "never-sent".to_owned());
                let request = Request::to(endpoint, [&*id, NOTE, &*key]);
                observe(&self.send(with, request).await?, |_| Ok(gave(true)))
            }
            Some(Gives::Members) if endpoint == KNOWN.members => self.read_members(with, &id).await,
            // Of other lists of members, only whether the call is allowed is looked at.
            Some(Gives::Members) => {
                observe_only(&self.send(with, Request::to(endpoint, [&*id])).await?)
            }
            Some(Gives::Stream) => self.read_stream(with, endpoint, place, &id).await,
            Some(Gives::Sync) => {
                let response = self.send(with, self.first_sync(LIMIT)).await?;
                observe(&response, |response| self.given_by_sync(response))
            }
            None => self.call(with, endpoint).await,
        }
    }

    /// Reads all that there is in both directions: from the newest back, and from the oldest on.
    async fn read_messages(
        &self,
        with: &Credentials,
        place: Place,
        id: &str,
    ) -> Result<HttpObservation, ServerError> {
        let mut ends = Ends::default();
        let backwards = self.read_pages(with, place, id, "b", &mut ends).await?;
        if backwards.verdict != CallVerdict::Allowed {
            return Ok(backwards);
        }
        let forwards = self.read_pages(with, place, id, "f", &mut ends).await?;
        if forwards.verdict != CallVerdict::Allowed {
            return Ok(forwards);
        }
        let in_part =
            |part: &str| ResponseContent::Gave(EventPresence::Partial(format!("{part} only")));
        let content = match (&backwards.content, &forwards.content) {
            (one, other) if one == other => one.clone(),
            (ResponseContent::Gave(EventPresence::Present), _) => in_part("backwards (`dir=b`)"),
            _ => in_part("forwards (`dir=f`)"),
        };
        Ok(HttpObservation { content, ..backwards })
    }

    async fn read_pages(
        &self,
        with: &Credentials,
        place: Place,
        id: &str,
        direction: &str,
        ends: &mut Ends,
    ) -> Result<HttpObservation, ServerError> {
        let mut from: Option<String> = None;
        let mut given = false;
        for _ in 0..PAGES {
            let mut request = Request::to(KNOWN.messages, [id])
                .query("dir", direction)
                .query("limit", LIMIT.to_string());
            if let Some(from) = &from {
                request = request.query("from", from);
            }
            let response = self.send(with, request).await?;
            let observed = observe_only(&response)?;
            if observed.verdict != CallVerdict::Allowed {
                return Ok(observed);
            }
            let page: get_message_events::v3::Response = response.read()?;
            given |= self.has(place, &page.chunk);
            // A page may be empty because nothing of it may be seen; the end is where no more is.
            let is_last = page.end.is_none()
                || page.end == from
                || page.chunk.is_empty() && page.end == Some(page.start)
                || ends.are_in(direction, &page.chunk);
            if given || is_last {
                break;
            }
            from = page.end;
        }
        Ok(HttpObservation { verdict: CallVerdict::Allowed, content: gave(given) })
    }

    async fn read_event(
        &self,
        with: &Credentials,
        endpoint: EndpointId,
        place: Place,
        id: &str,
    ) -> Result<HttpObservation, ServerError> {
        let event = self.tagged_in(place).map_or(NEVER_SENT, |tagged| &tagged.id);
        if endpoint.get().id.ends_with("/timestamp_to_event") {
            let time = self.time_of(event, place).await?;
            let request =
                Request::to(endpoint, [id]).query("ts", time.to_string()).query("dir", "f");
            return observe(&self.send(with, request).await?, |response| {
                let answer: get_event_by_timestamp::v1::Response = response.read()?;
                // Two events of one moment are alike to who asks by the time.
                Ok(gave(answer.event_id == event || u64::from(answer.origin_server_ts.0) == time))
            });
        }
        let response = self.send(with, Request::to(endpoint, [id, event])).await?;
        if endpoint == KNOWN.event {
            return observe(&response, |response| {
                let answer: get_room_event::v3::Response = response.read()?;
                Ok(gave(self.has(place, &[answer.event])))
            });
        }
        observe(&response, |response| {
            let answer: get_context::v3::Response = response.read()?;
            Ok(gave(self.has(place, answer.event.as_slice())))
        })
    }

    /// When an event was sent, by the homeserver's clock; the end of time, if it never was.
    async fn time_of(&self, event: &str, place: Place) -> Result<u64, ServerError> {
        let request = Request::to(KNOWN.event, [&*self.room_id(place), event]);
        let response = self.send(&self.moderators(), request).await?;
        if !response.allows() {
            return Ok(9_007_199_254_740_991);
        }
        let answer: get_room_event::v3::Response = response.read()?;
        Ok(answer.event.get_field("origin_server_ts").ok().flatten().unwrap_or_default())
    }

    pub(super) async fn read_through_other_room(
        &self,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let Some(tagged) = &self.tagged else {
            return Ok(HttpObservation::inconclusive("no event is tagged"));
        };
        let request = Request::to(KNOWN.event, [&*self.room_id(Place::Room(1)), &tagged.id]);
        observe(&self.send(with, request).await?, |response| {
            let answer: get_room_event::v3::Response = response.read()?;
            Ok(gave(self.has(Place::Room(0), &[answer.event])))
        })
    }

    async fn read_stream(
        &self,
        with: &Credentials,
        endpoint: EndpointId,
        place: Place,
        id: &str,
    ) -> Result<HttpObservation, ServerError> {
        let mut from = self.beginning.clone();
        let mut given = false;
        for _ in 0..PAGES {
            let mut request =
                Request::to(endpoint, []).query("timeout", "0").query("limit", LIMIT.to_string());
            if place != Place::Nowhere {
                request = request.query("room_id", id);
            }
            if let Some(from) = &from {
                request = request.query("from", from);
            }
            let response = self.send(with, request).await?;
            let observed = observe_only(&response)?;
            if observed.verdict != CallVerdict::Allowed {
                return Ok(observed);
            }
            let page: listen_to_new_events::v3::Response = response.read()?;
            given |= self.has(place, &page.chunk);
            if given || page.chunk.is_empty() || page.end.is_none() || page.end == from {
                break;
            }
            from = page.end;
        }
        Ok(HttpObservation { verdict: CallVerdict::Allowed, content: gave(given) })
    }

    fn given_by_sync(&self, response: &Response) -> Result<ResponseContent, ServerError> {
        let mut answer: sync::Response = response.read()?;
        let first = self.rooms.first().and_then(|room| answer.rooms.join.remove(&room.id));
        let Some(first) = first else { return Ok(gave(false)) };
        let state = match first.state {
            sync::State::Before(state) | sync::State::After(state) => state.events,
            _ => Vec::new(),
        };
        let place = Place::Room(0);
        Ok(gave(self.has(place, &first.timeline.events) || self.has_note(place, &state)))
    }

    /// The tagged event, where it can be in what is read of this place.
    pub(super) fn tagged_in(&self, place: Place) -> Option<&TaggedEvent> {
        (place != Place::Room(1) && place != Place::Elsewhere)
            .then_some(self.tagged.as_ref())
            .flatten()
    }

    /// Whether the tagged event is among these.
    fn has<T>(&self, place: Place, events: &[Raw<T>]) -> bool {
        let Some(tagged) = self.tagged_in(place) else { return false };
        let id = |event: &Raw<T>| event.get_field::<String>("event_id").ok().flatten();
        events.iter().any(|event| id(event).is_some_and(|id| id == tagged.id))
    }

    /// Whether the tagged event is in this state: only a note is looked for, since any other
    /// tagged event may have been replaced, or not, by the time of the call.
    fn has_note<T>(&self, place: Place, state: &[Raw<T>]) -> bool {
        self.tagged_in(place).is_some_and(|tagged| tagged.note.is_some()) && self.has(place, state)
    }
}

/// The two ends of what is read of a room, as far as they are known: there no more pages follow.
#[derive(Debug, Default)]
struct Ends {
    /// The event that the first page backwards begins with.
    newest: Option<String>,
}

impl Ends {
    /// Whether the end in this direction is among these events: backwards the room's first event, and
    /// forwards the one from which the way back began.
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

fn gave(tagged: bool) -> ResponseContent {
    ResponseContent::Gave(if tagged { EventPresence::Present } else { EventPresence::Absent })
}
