//! The endpoints that give the events related to an event, and the threads of a room.

use guest_access_rules::endpoint::{EndpointId, Gives};
use guest_access_rules::vocabulary::Decision;
use ruma::api::Direction;
use ruma::api::client::relations::{
    get_relating_events, get_relating_events_with_rel_type,
    get_relating_events_with_rel_type_and_event_type as by_events,
};
use ruma::api::client::threads::get_threads;
use ruma::events::AnyMessageLikeEvent;
use ruma::serde::Raw;
use ruma::{RoomId, UInt};

use super::super::answer::{AllowedResponse, Answer, Credentials, Refusal};
use super::super::authorisation::EndpointCall;
use super::super::endpoints::ENDPOINTS;
use super::super::event::Event;
use super::super::{Reference, Room};

/// The page that a request asks for.
struct Page<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
    dir: Direction,
    limit: Option<UInt>,
}

/// One page of events, the token at the start of the next page, and the decision that allows the page.
struct RelatedEvents {
    chunk: Vec<Raw<AnyMessageLikeEvent>>,
    next: Option<String>,
    decision: Decision,
}

/// The page of a request. All requests for related events have these fields.
macro_rules! page {
    ($request:ident) => {
        Page {
            from: $request.from.as_deref(),
            to: $request.to.as_deref(),
            dir: $request.dir,
            limit: $request.limit,
        }
    };
}

/// The answer with a page of related events.
macro_rules! answer {
    ($related:ident, $module:ident) => {{
        let mut response = $module::v1::Response::new($related.chunk);
        response.next_batch = $related.next;
        Ok(AllowedResponse::new($related.decision, response))
    }};
}

impl Reference {
    /// `GET /rooms/{roomId}/relations/{eventId}`.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn relations(
        &self,
        credentials: &Credentials<'_>,
        request: &get_relating_events::v1::Request,
    ) -> Answer<get_relating_events::v1::Response> {
        let (endpoint, room, page) = (ENDPOINTS.relations, &request.room_id, page!(request));
        let related = self.related(credentials, endpoint, room, &page, |event| {
            event.relates_to().is_some_and(|(parent, _)| parent == request.event_id)
        })?;
        answer!(related, get_relating_events)
    }

    /// `GET /rooms/{roomId}/relations/{eventId}/{relType}`.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn relations_of_type(
        &self,
        credentials: &Credentials<'_>,
        request: &get_relating_events_with_rel_type::v1::Request,
    ) -> Answer<get_relating_events_with_rel_type::v1::Response> {
        let (endpoint, room) = (ENDPOINTS.relations_of_type, &request.room_id);
        let wanted = (request.event_id.as_str(), request.rel_type.as_str());
        let related = self.related(credentials, endpoint, room, &page!(request), |event| {
            event.relates_to() == Some(wanted)
        })?;
        answer!(related, get_relating_events_with_rel_type)
    }

    /// `GET /rooms/{roomId}/relations/{eventId}/{relType}/{eventType}`.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn relations_by_events(
        &self,
        credentials: &Credentials<'_>,
        request: &by_events::v1::Request,
    ) -> Answer<by_events::v1::Response> {
        let (endpoint, room) = (ENDPOINTS.relations_by_events, &request.room_id);
        let wanted = (request.event_id.as_str(), request.rel_type.as_str());
        let kind = request.event_type.to_string();
        let related = self.related(credentials, endpoint, room, &page!(request), |event| {
            event.relates_to() == Some(wanted) && event.kind == kind
        })?;
        answer!(related, by_events)
    }

    /// `GET /rooms/{roomId}/threads`.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn threads(
        &self,
        credentials: &Credentials<'_>,
        request: &get_threads::v1::Request,
    ) -> Answer<get_threads::v1::Response> {
        let in_threads: Vec<&str> = self
            .room(&request.room_id)
            .into_iter()
            .flat_map(Room::events)
            .filter_map(|event| event.relates_to().filter(|(_, how)| *how == "m.thread"))
            .map(|(root, _)| root)
            .collect();
        let page = Page {
            from: request.from.as_deref(),
            to: None,
            dir: Direction::Backward,
            limit: request.limit,
        };
        let related =
            self.related(credentials, ENDPOINTS.threads, &request.room_id, &page, |event| {
                in_threads.contains(&event.id.as_str())
            })?;
        let chunk = related.chunk.into_iter().map(Raw::cast_unchecked).collect();
        let mut response = get_threads::v1::Response::new(chunk);
        response.next_batch = related.next;
        Ok(AllowedResponse::new(related.decision, response))
    }

    /// The wanted events of a room's timeline, with the same checks as `messages`.
    fn related(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        room: &RoomId,
        page: &Page<'_>,
        is_wanted: impl Fn(&Event) -> bool,
    ) -> Result<RelatedEvents, Refusal> {
        let caller = self.admit(credentials, EndpointCall::to(endpoint).about(room))?;
        let (room, decision) = self.readable_room(&caller, room, Gives::Timeline)?;
        let (from, to) = (room.place_at(page.from), room.place_at(page.to));
        let limit = page
            .limit
            .map_or(usize::MAX, |limit| usize::try_from(u64::from(limit)).unwrap_or(usize::MAX));
        let is_wanted = |place: &usize| is_wanted(room.event(*place));
        // One event more than the page has, to learn whether there are more.
        let mut seen: Vec<_> = match page.dir {
            Direction::Backward => {
                let places = to.unwrap_or(0)..from.unwrap_or(room.len());
                let seen = self.visible(&caller, room, places)?.rev();
                seen.filter(is_wanted).take(limit.saturating_add(1)).collect()
            }
            Direction::Forward => {
                let places = from.unwrap_or(0)..to.unwrap_or(room.len());
                let seen = self.visible(&caller, room, places)?;
                seen.filter(is_wanted).take(limit.saturating_add(1)).collect()
            }
        };
        let more = seen.len() > limit;
        seen.truncate(limit);
        let next = seen.last().filter(|_| more).map(|&last| match page.dir {
            Direction::Backward => room.token_before(last),
            Direction::Forward => room.token_before(last + 1),
        });
        Ok(RelatedEvents { chunk: self.show_all(&caller, room, &seen), next, decision })
    }
}

#[cfg(test)]
mod tests {
    use ruma::OwnedEventId;
    use serde_json::json;

    use super::super::super::fixture::{
        FORBIDDEN, Fixture, NOT_FOR_GUESTS, ids, latest, message, status_and_errcode,
    };
    use super::*;

    fn reply(fixture: &mut Fixture, to: &OwnedEventId, how: &str) -> OwnedEventId {
        let content = json!({ "m.relates_to": { "event_id": to, "rel_type": how } });
        let name = format!("{how}-{}", fixture.server.token());
        let request = message(&fixture.room, "m.room.message", &name, &content);
        let answer = fixture.server.send(&fixture.moderator.credentials(), &request);
        answer.unwrap().response.event_id
    }

    #[test]
    fn related_events_are_found_by_page_and_by_relation_type() {
        let mut fixture = Fixture::new();
        let root = fixture.say("root");
        let first = reply(&mut fixture, &root, "m.thread");
        let edit = reply(&mut fixture, &root, "m.replace");
        fixture.say("something else");
        let credentials = &fixture.moderator.credentials();
        let room = || fixture.room.clone();

        let mut all = get_relating_events::v1::Request::new(room(), root.clone());
        all.limit = Some(UInt::from(1_u8));
        let page = fixture.server.relations(credentials, &all).unwrap().response;
        assert_eq!(ids(&page.chunk), [edit.as_str()]);
        all.from = page.next_batch;
        let page = fixture.server.relations(credentials, &all).unwrap().response;
        assert_eq!((ids(&page.chunk), page.next_batch), (vec![first.to_string()], None));

        let how = "m.replace".into();
        let edits = get_relating_events_with_rel_type::v1::Request::new(room(), root.clone(), how);
        let edits = fixture.server.relations_of_type(credentials, &edits).unwrap().response;
        assert_eq!(ids(&edits.chunk), [edit.as_str()]);

        let threads = get_threads::v1::Request::new(room());
        let threads = fixture.server.threads(credentials, &threads).unwrap().response;
        assert_eq!(ids(&threads.chunk), [root.as_str()]);
    }

    #[test]
    fn relations_are_refused_to_who_may_not_read_the_room() {
        let mut fixture = Fixture::with_profile(latest(&[]));
        let (guest, user) = (fixture.guest(), fixture.user("user"));
        let root = fixture.say("root");
        reply(&mut fixture, &root, "m.thread");
        let request = get_relating_events::v1::Request::new(fixture.room.clone(), root);
        assert_eq!(
            status_and_errcode(fixture.server.relations(&guest.credentials(), &request)),
            NOT_FOR_GUESTS
        );
        assert_eq!(
            status_and_errcode(fixture.server.relations(&user.credentials(), &request)),
            FORBIDDEN
        );
        fixture.set_visibility("world_readable");
        let previewed = fixture.server.relations(&user.credentials(), &request).unwrap().response;
        assert!(previewed.chunk.is_empty());
    }
}
