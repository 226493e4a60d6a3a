//! The endpoints that give the events of a room in the order of the timeline.

use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::vocabulary::Membership;
use ruma::api::Direction;
use ruma::api::client::message::get_message_events::v3::{Request, Response};
use ruma::api::client::peeking::get_current_state::v3 as initial_sync;
use ruma::events::room::member::MembershipState;

use super::super::Reference;
use super::super::answer::{AllowedResponse, Answer, Credentials};
use super::super::authorisation::EndpointCall;
use super::super::endpoints::ENDPOINTS;
use super::super::filter::{filter_matches, is_from_ignored, is_member_event_of_sender};

/// A part of a timeline.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span<'a> {
    /// The token at the start. Without a token, the part starts with the room.
    pub from: Option<&'a str>,
    /// The token at the end. Without a token, the part ends now.
    pub to: Option<&'a str>,
    /// The largest number of events. The part keeps the newest events.
    pub limit: Option<usize>,
}

impl Reference {
    /// `GET /rooms/{roomId}/messages`.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn messages(&self, credentials: &Credentials<'_>, request: &Request) -> Answer<Response> {
        self.timeline(credentials, KNOWN.messages, request)
    }

    /// The answer of `messages`, for any endpoint that gives the events of a room.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn timeline(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        request: &Request,
    ) -> Answer<Response> {
        let caller = self.admit(credentials, EndpointCall::to(endpoint).about(&request.room_id))?;
        // DR-14: A guest may call `/rooms/{roomId}/messages`, with no method given.
        // GA-13: A guest may call `GET /rooms/{roomId}/messages`, and is given those events that it
        // may see.
        let (room, decision) = self.readable_room(&caller, &request.room_id, Gives::Timeline)?;
        let (from, to) = (request.from.as_deref(), request.to.as_deref());
        let limit = usize::try_from(u64::from(request.limit)).unwrap_or(usize::MAX);
        let ignored = self.ignored_by(caller.user.as_deref());
        let wanted = |place: &usize| {
            let event = room.event(*place);
            filter_matches(&request.filter, &room.id, event) && !is_from_ignored(&ignored, event)
        };
        let mut response = Response::new();
        let given;
        match request.dir {
            Direction::Backward => {
                let newest = room.place_at(from).unwrap_or(room.len());
                let oldest = room.place_at(to).unwrap_or(0).min(newest);
                let seen = self.visible(&caller, room, oldest..newest)?.rev();
                let seen: Vec<_> = seen.filter(wanted).take(limit).collect();
                let full = seen.len() == limit;
                response.end = seen.last().filter(|_| full).map(|&last| room.token_before(last));
                response.start = room.token_before(newest);
                response.chunk = self.show_all(&caller, room, &seen);
                given = seen;
            }
            Direction::Forward => {
                let oldest = room.place_at(from).unwrap_or(0);
                let newest = room.place_at(to).unwrap_or(room.len()).max(oldest);
                let seen = self.visible(&caller, room, oldest..newest)?;
                let seen: Vec<_> = seen.filter(wanted).take(limit).collect();
                let full = seen.len() == limit;
                response.end = seen.last().filter(|_| full).map(|last| room.token_before(last + 1));
                response.start = room.token_before(oldest);
                response.chunk = self.show_all(&caller, room, &seen);
                given = seen;
            }
        }
        if !request.filter.lazy_load_options.is_disabled()
            && let Some(newest) = given.iter().max()
        {
            let mut members = self.readable_state(&caller, room, newest + 1);
            members.retain(|&place| is_member_event_of_sender(room, &given, place));
            response.state = self.show_all(&caller, room, &members);
        }
        Ok(AllowedResponse::new(decision, response))
    }

    /// `GET /rooms/{roomId}/initialSync`, for a part of the timeline. The specification gives the endpoint
    /// no parameters; servers commonly take the parameters of pagination.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn initial_sync(
        &self,
        credentials: &Credentials<'_>,
        request: &initial_sync::Request,
        span: Span<'_>,
    ) -> Answer<initial_sync::Response> {
        let id = &request.room_id;
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.initial_sync).about(id))?;
        // GA-14: A guest may call `GET /rooms/{roomId}/initialSync` for a room that it may read.
        // RP-3: A client may preview with `GET /rooms/{roomId}/initialSync`, and then follow the
        // room with `GET /events`.
        let (room, decision) = self.readable_room(&caller, id, Gives::InitialSync)?;
        let newest = room.place_at(span.to).unwrap_or(room.len());
        let oldest = room.place_at(span.from).unwrap_or(0).min(newest);
        let seen = self.visible(&caller, room, oldest..newest)?.rev();
        let mut seen: Vec<_> = seen.take(span.limit.unwrap_or(usize::MAX)).collect();
        seen.reverse();
        let first = seen.first().copied().unwrap_or(newest);

        let chunk = self.show_all(&caller, room, &seen);
        let mut messages = initial_sync::PaginationChunk::new(chunk, self.token());
        messages.start = Some(room.token_before(first));
        let mut response = initial_sync::Response::new(id.clone());
        response.messages = Some(messages);
        // CS-27: A user who left a room is given the messages and the state up to its leaving.
        let state = self.readable_state(&caller, room, room.len());
        response.state = self.show_all(&caller, room, &state);
        response.membership = membership(caller.membership(room));
        response.visibility = Some(self.publication_of(&room.id));
        Ok(AllowedResponse::new(decision, response))
    }
}

fn membership(membership: Membership) -> Option<MembershipState> {
    (membership != Membership::Never).then(|| membership.as_str().into())
}

#[cfg(test)]
mod tests {
    use ruma::UInt;
    use ruma::api::client::directory::set_room_visibility;
    use ruma::api::client::filter::LazyLoadOptions;
    use ruma::api::client::peeking::get_current_state;
    use ruma::api::client::room::Visibility;

    use super::super::super::fixture::{ALLOWED, Fixture, ids};
    use super::*;

    fn page(fixture: &Fixture, dir: Direction, from: Option<String>) -> Response {
        let mut request = Request::new(fixture.room.clone(), dir).from(from);
        request.limit = UInt::from(2_u8);
        fixture.server.messages(&fixture.moderator.credentials(), &request).unwrap().response
    }

    #[test]
    fn both_directions_give_every_event_page_by_page() {
        let mut fixture = Fixture::new();
        for text in ["one", "two", "three"] {
            fixture.say(text);
        }
        let all: Vec<_> = fixture.server.room(&fixture.room).unwrap().events().collect();
        let all: Vec<_> = all.iter().map(|event| event.id.to_string()).collect();
        for dir in [Direction::Forward, Direction::Backward] {
            let (mut read, mut from) = (Vec::new(), None);
            loop {
                let page = page(&fixture, dir, from);
                read.extend(ids(&page.chunk));
                from = page.end;
                if from.is_none() {
                    break;
                }
            }
            if dir == Direction::Backward {
                read.reverse();
            }
            assert_eq!(read, all, "{dir:?}");
        }
    }

    #[test]
    fn lazy_loading_gives_the_senders_of_the_page() {
        let mut fixture = Fixture::new();
        let silent = fixture.user("silent");
        assert_eq!(fixture.join(&silent), ALLOWED);
        fixture.say("one");
        let mut request = Request::backward(fixture.room.clone());
        request.limit = UInt::from(1_u8);
        for (options, members) in [
            (LazyLoadOptions::Disabled, 0),
            (LazyLoadOptions::Enabled { include_redundant_members: false }, 1),
        ] {
            request.filter.lazy_load_options = options;
            let credentials = fixture.moderator.credentials();
            let answer = fixture.server.messages(&credentials, &request).unwrap();
            assert_eq!(answer.response.state.len(), members);
        }
    }

    #[test]
    fn initial_sync_gives_the_newest_events_and_the_state() {
        let mut fixture = Fixture::new();
        fixture.say("one");
        let two = fixture.say("two");
        let request = get_current_state::v3::Request::new(fixture.room.clone());
        let span = Span { limit: Some(1), ..Span::default() };
        let answer = fixture.server.initial_sync(&fixture.moderator.credentials(), &request, span);
        let response = answer.unwrap().response;
        assert_eq!(ids(&response.messages.unwrap().chunk), [two.as_str()]);
        assert_eq!(response.state.len(), 4);
    }

    #[test]
    fn initial_sync_says_whether_the_directory_has_the_room() {
        let mut fixture = Fixture::new();
        let request = get_current_state::v3::Request::new(fixture.room.clone());
        for visibility in [Visibility::Private, Visibility::Public] {
            let publish =
                set_room_visibility::v3::Request::new(fixture.room.clone(), visibility.clone());
            fixture.server.publish(&fixture.moderator.credentials(), &publish).unwrap();
            let credentials = fixture.moderator.credentials();
            let answer = fixture.server.initial_sync(&credentials, &request, Span::default());
            assert_eq!(answer.unwrap().response.visibility, Some(visibility));
        }
    }
}
