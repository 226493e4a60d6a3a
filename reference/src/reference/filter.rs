//! Filters: what a client does not want in an answer. A filter never adds to an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guest_access_rules::vocabulary::ErrCode;
use ruma::api::client::filter::{
    FilterDefinition, RoomEventFilter, RoomFilter, UrlFilter, create_filter, get_filter,
};
use ruma::api::client::sync::sync_events::v3::Filter;
use ruma::{OwnedUserId, RoomId, UserId};

use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::authorisation::{Caller, EndpointCall};
use super::endpoints::ENDPOINTS;
use super::event::{Event, MEMBER};
use super::{Reference, Room};

/// The stored filters of each user. The position of a filter is its id.
pub(super) type Filters = BTreeMap<OwnedUserId, Vec<FilterDefinition>>;

const OF_ANOTHER_USER: Refusal = Refusal::forbidden(&[], "the filters belong to another user");
const NO_SUCH_FILTER: Refusal = Refusal::not_found(&[], "there is no such filter");

impl Reference {
    /// `POST /user/{userId}/filter`.
    ///
    /// # Errors
    /// The refusal, if nothing is stored.
    pub fn create_filter(
        &mut self,
        credentials: &Credentials<'_>,
        request: &create_filter::v3::Request,
    ) -> Answer<create_filter::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.create_filter))?;
        if !caller.is(&request.user_id) {
            return Err(OF_ANOTHER_USER);
        }
        let own = Arc::make_mut(&mut self.filters).entry(request.user_id.clone()).or_default();
        own.push(request.filter.clone());
        let id = (own.len() - 1).to_string();
        Ok(AllowedResponse::new(OPEN, create_filter::v3::Response::new(id)))
    }

    /// `GET /user/{userId}/filter/{filterId}`.
    ///
    /// # Errors
    /// The refusal, if the caller has no such filter.
    pub fn filter(
        &self,
        credentials: &Credentials<'_>,
        request: &get_filter::v3::Request,
    ) -> Answer<get_filter::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.filter))?;
        if !caller.is(&request.user_id) {
            return Err(OF_ANOTHER_USER);
        }
        let filter =
            self.find_filter(&request.user_id, &request.filter_id).ok_or(NO_SUCH_FILTER)?;
        Ok(AllowedResponse::new(OPEN, get_filter::v3::Response::new(filter.clone())))
    }

    fn find_filter(&self, user: &UserId, id: &str) -> Option<&FilterDefinition> {
        self.filters.get(user)?.get(id.parse::<usize>().ok()?)
    }

    /// The filter of a sync, given by id or as a whole.
    pub(super) fn filter_of_sync(
        &self,
        caller: &Caller,
        filter: Option<&Filter>,
    ) -> Result<FilterDefinition, Refusal> {
        match filter {
            Some(Filter::FilterDefinition(filter)) => Ok(filter.clone()),
            Some(Filter::FilterId(id)) => {
                let stored = caller.user.as_deref().and_then(|user| self.find_filter(user, id));
                let because = "the filter is neither JSON nor the id of one of the caller's";
                stored.cloned().ok_or(Refusal::new(400, ErrCode::InvalidParam, &[], because))
            }
            _ => Ok(FilterDefinition::default()),
        }
    }
}

/// Whether `filter` matches this room.
pub(super) fn filter_matches_room(filter: &RoomFilter, room: &RoomId) -> bool {
    filter.rooms.as_ref().is_none_or(|rooms| rooms.iter().any(|wanted| wanted == room))
        && !filter.not_rooms.iter().any(|unwanted| unwanted == room)
}

/// Whether `filter` matches this event of `room`.
pub(super) fn filter_matches(filter: &RoomEventFilter, room: &RoomId, event: &Event) -> bool {
    filter.rooms.as_ref().is_none_or(|rooms| rooms.iter().any(|wanted| wanted == room))
        && !filter.not_rooms.iter().any(|unwanted| unwanted == room)
        && filter.senders.as_ref().is_none_or(|senders| senders.contains(&event.sender))
        && !filter.not_senders.contains(&event.sender)
        && filter_matches_type(filter, &event.kind)
        && match filter.url_filter {
            None => true,
            Some(UrlFilter::EventsWithUrl) => event.text("url").is_some(),
            Some(UrlFilter::EventsWithoutUrl) => event.text("url").is_none(),
        }
}

/// Whether `filter` matches events of this type.
pub(super) fn filter_matches_type(filter: &RoomEventFilter, kind: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| matches_pattern(pattern, kind));
    filter.types.as_deref().is_none_or(any) && !any(&filter.not_types)
}

/// Whether `ignored` has this user.
pub(super) fn is_ignored(ignored: &BTreeSet<String>, user: Option<&UserId>) -> bool {
    user.is_some_and(|user| ignored.contains(user.as_str()))
}

/// Whether a reader who ignores these users does not want the event. State is given all the same.
pub(super) fn is_from_ignored(ignored: &BTreeSet<String>, event: &Event) -> bool {
    event.state_key.is_none() && is_ignored(ignored, Some(&event.sender))
}

/// Whether the event at `place` is the member event of the sender of an event at one of the places `given`.
pub(super) fn is_member_event_of_sender(room: &Room, given: &[usize], place: usize) -> bool {
    let event = room.event(place);
    event.kind == MEMBER
        && given
            .iter()
            .any(|&given| event.state_key.as_deref() == Some(room.event(given).sender.as_str()))
}

/// Whether an event type matches a pattern, in which `*` stands for any text.
fn matches_pattern(pattern: &str, kind: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == kind;
    };
    let Some(kind) = kind.strip_prefix(start) else {
        return false;
    };
    (0..=kind.len()).any(|cut| kind.is_char_boundary(cut) && matches_pattern(rest, &kind[cut..]))
}

/// The largest number of events that `filter` wants.
pub(super) fn limit(filter: &RoomEventFilter) -> usize {
    let limit = filter.limit.map_or(u64::MAX, u64::from);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use ruma::UInt;
    use ruma::api::client::message::get_message_events;
    use ruma::api::client::sync::sync_events;
    use serde_json::{from_value, json};

    use super::super::fixture::{Fixture, ids};
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, kind, like) in [
            ("m.room.message", "m.room.message", true),
            ("m.room.*", "m.room.message", true),
            ("*", "anything", true),
            ("m.*.message", "m.room.message", true),
            ("m.*.member", "m.room.message", false),
            ("m.room", "m.room.message", false),
        ] {
            assert_eq!(matches_pattern(pattern, kind), like, "{pattern} {kind}");
        }
    }

    #[test]
    fn a_stored_filter_and_an_inline_filter_have_the_same_effect() {
        let mut fixture = Fixture::new();
        fixture.say("one");
        let two = fixture.say("two");
        fixture.set_visibility("shared");
        let definition: FilterDefinition = from_value(json!({
            "room": { "timeline": { "types": ["m.room.message"], "limit": 1 } },
        }))
        .unwrap();
        let user = fixture.moderator.user_id.clone();
        let create = create_filter::v3::Request::new(user, definition.clone());
        let stored =
            fixture.server.create_filter(&fixture.moderator.credentials(), &create).unwrap();
        for filter in
            [Filter::FilterId(stored.response.filter_id), Filter::FilterDefinition(definition)]
        {
            let mut request = sync_events::v3::Request::new();
            request.filter = Some(filter);
            let response =
                fixture.server.sync(&fixture.moderator.credentials(), &request).unwrap().response;
            let timeline = &response.rooms.join[&fixture.room].timeline;
            assert_eq!(ids(&timeline.events), [two.as_str()]);
            assert!(timeline.limited);
        }
    }

    #[test]
    fn a_page_of_messages_is_filled_with_what_the_filter_wants() {
        let mut fixture = Fixture::new();
        let one = fixture.say("one");
        let two = fixture.say("two");
        fixture.set_visibility("shared");
        let mut request = get_message_events::v3::Request::backward(fixture.room.clone());
        request.filter.types = Some(vec!["m.room.message".to_owned()]);
        request.limit = UInt::from(2_u8);
        let response =
            fixture.server.messages(&fixture.moderator.credentials(), &request).unwrap().response;
        assert_eq!(ids(&response.chunk), [two.as_str(), one.as_str()]);
    }
}
