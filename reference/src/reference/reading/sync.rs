//! `GET /sync`: what is new in every room of the caller.

use guest_access_rules::vocabulary::{Decision, Membership};
use ruma::api::client::filter::RoomFilter;
use ruma::api::client::sync::sync_events::v3::{
    InviteState, InvitedRoom, JoinedRoom, KnockState, KnockedRoom, LeftRoom, Request, Response,
    State, StateEvents, Timeline,
};
use ruma::events::AnyStrippedStateEvent;
use ruma::serde::Raw;
use serde_json::json;
use serde_json::value::to_raw_value;

use super::super::answer::{AllowedResponse, Answer, Credentials};
use super::super::authorisation::{Caller, EndpointCall};
use super::super::endpoints::ENDPOINTS;
use super::super::event::{CREATE, Event, JOIN_RULES, MEMBER};
use super::super::filter::{filter_matches, filter_matches_room, limit};
use super::super::{Reference, Room};
use super::read_token;

impl Reference {
    /// `GET /sync`. The call never waits. A server waits until [`Reference::token`] changes, and calls
    /// again.
    ///
    /// # Errors
    /// The refusal, if the call as a whole is denied.
    pub fn sync(&self, credentials: &Credentials<'_>, request: &Request) -> Answer<Response> {
        // GA-31: A guest may call `GET /sync`, which covers the rooms that it is in.
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.sync))?;
        let since = request.since.as_deref().and_then(read_token);
        let filter = self.filter_of_sync(&caller, request.filter.as_ref())?.room;
        let own = caller.user.as_deref();
        let mut response = Response::new(self.token());
        // Reading A34: 200, with no rooms, to who is in none.
        let wanted = |room: &&Room| filter_matches_room(&filter, &room.id);
        for room in self.joined_rooms(&caller)?.into_iter().filter(wanted) {
            let options = SyncOptions { since, full_state: request.full_state, filter: &filter };
            let joined = self.joined_room(&caller, room, &options);
            if !joined.is_empty() {
                response.rooms.join.insert(room.id.clone(), joined);
            }
        }
        let forgotten = |room: &&Room| {
            own.is_some_and(|own| {
                room.is_forgotten_by(own) || since.is_none() && room.has_forgotten_by_leaving(own)
            })
        };
        for room in self.rooms().filter(wanted).filter(|room| !forgotten(room)) {
            let news = changed_since(&caller, room, since);
            match caller.membership(room) {
                // Reading A35: an invite is shown, with its excerpt of the room's state.
                Membership::Invite if news => {
                    let events = stripped_state(&caller, room);
                    let invited = InvitedRoom::from(InviteState::from(events));
                    response.rooms.invite.insert(room.id.clone(), invited);
                }
                Membership::Knock if news => {
                    let mut state = KnockState::new();
                    state.events = stripped_state(&caller, room);
                    response.rooms.knock.insert(room.id.clone(), KnockedRoom::from(state));
                }
                // CS-43: Under the filter `include_leave`, `GET /sync` names in `rooms.leave` the rooms
                // that the user left or was banned from.
                Membership::Leave | Membership::Ban
                    if news && (since.is_some() || filter.include_leave) =>
                {
                    let left_room =
                        self.left_room(&caller, room, since.unwrap_or_default(), &filter);
                    response.rooms.leave.insert(room.id.clone(), left_room);
                }
                _ => {}
            }
        }
        response.account_data.events = self.account_data_since(own, None, since.unwrap_or(0));
        response.to_device.events = self.messages_to(&caller, since.unwrap_or(0));
        if let (Some(user), Some(device)) = (caller.user, caller.device) {
            response.device_one_time_keys_count = self.key_counts(user, device);
        }
        let decision = Decision::allow(&["GA-31", "GA-35"], "the rooms are the caller's own");
        Ok(AllowedResponse::new(decision, response))
    }

    /// What is new in a room that the caller is joined to; the whole room, if the caller joined since the
    /// last sync.
    fn joined_room(&self, caller: &Caller, room: &Room, options: &SyncOptions<'_>) -> JoinedRoom {
        let joined_since = changed_since(caller, room, options.since);
        let known = options.since.filter(|_| !joined_since);
        let oldest = known.map_or(0, |since| room.place_after(since));
        let mut joined_room = JoinedRoom::new();
        let seen = self.newest(caller, room, oldest, options.filter);
        // In a room that the caller knows, the answer has the state that changed before the timeline.
        let changed = if known.is_none() || options.full_state { 0 } else { oldest };
        if changed == 0 || seen.limited {
            let filter = &options.filter.state;
            let mut state = self.readable_state(caller, room, room.len());
            state.retain(|place| *place >= changed && !seen.places.contains(place));
            state.retain(|place| filter_matches(filter, &room.id, room.event(*place)));
            joined_room.state = State::Before(StateEvents::with_events(room.raw(&state)));
        }
        joined_room.timeline = seen.timeline(room);
        let user = caller.user.as_deref();
        let since = known.unwrap_or(0);
        joined_room.account_data.events = self.account_data_since(user, Some(&room.id), since);
        joined_room
    }

    /// The events that the caller may see in a room that the caller left since `since`.
    fn left_room(&self, caller: &Caller, room: &Room, since: u64, filter: &RoomFilter) -> LeftRoom {
        let mut left_room = LeftRoom::new();
        left_room.timeline =
            self.newest(caller, room, room.place_after(since), filter).timeline(room);
        left_room
    }

    /// The newest events from `oldest` on that the caller may see and that the filter matches.
    fn newest(
        &self,
        caller: &Caller,
        room: &Room,
        oldest: usize,
        filter: &RoomFilter,
    ) -> TimelineSlice {
        let filter = &filter.timeline;
        let mut places: Vec<_> = (oldest..room.len())
            .filter(|&place| self.may_see(caller, room, place))
            .filter(|&place| filter_matches(filter, &room.id, room.event(place)))
            .collect();
        let surplus = places.len().saturating_sub(limit(filter));
        places.drain(..surplus);
        TimelineSlice { places, limited: surplus > 0 }
    }
}

/// The parameters of a sync that concern every room.
struct SyncOptions<'a> {
    since: Option<u64>,
    full_state: bool,
    filter: &'a RoomFilter,
}

/// The places of the events in an answer, and whether the answer leaves out older events.
struct TimelineSlice {
    places: Vec<usize>,
    limited: bool,
}

impl TimelineSlice {
    fn timeline(&self, room: &Room) -> Timeline {
        let mut timeline = Timeline::new();
        timeline.limited = self.limited;
        timeline.prev_batch = self.places.first().map(|&first| room.token_before(first));
        timeline.events = room.raw(&self.places);
        timeline
    }
}

/// Whether the caller's membership changed after `since`.
fn changed_since(caller: &Caller, room: &Room, since: Option<u64>) -> bool {
    let (Some(since), Some(user)) = (since, caller.user.as_deref()) else {
        return true;
    };
    let place = room.place_after(since);
    room.membership_before(place, user) != room.membership(user)
}

/// The state that an invited or knocking caller gets.
fn stripped_state(caller: &Caller, room: &Room) -> Vec<Raw<AnyStrippedStateEvent>> {
    let own = caller.sender();
    let entries = [
        (CREATE, ""),
        (JOIN_RULES, ""),
        ("m.room.name", ""),
        ("m.room.topic", ""),
        ("m.room.canonical_alias", ""),
        ("m.room.avatar", ""),
        (MEMBER, own.as_str()),
    ];
    entries.into_iter().filter_map(|(kind, key)| stripped_event(room.current(kind, key)?)).collect()
}

fn stripped_event(event: &Event) -> Option<Raw<AnyStrippedStateEvent>> {
    let json = json!({
        "type": event.kind,
        "state_key": event.state_key,
        "sender": event.sender,
        "content": event.content,
    });
    Some(Raw::from_json(to_raw_value(&json).ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{ALLOWED, Fixture, TestUser, ids};
    use super::*;

    fn sync(fixture: &Fixture, who: &TestUser, since: Option<&str>) -> Response {
        let mut request = Request::new();
        request.since = since.map(str::to_owned);
        fixture.server.sync(&who.credentials(), &request).unwrap().response
    }

    #[test]
    fn a_caller_in_no_room_gets_no_room() {
        let mut fixture = Fixture::new();
        fixture.set_visibility("world_readable");
        let guest = fixture.guest();
        assert!(sync(&fixture, &guest, None).rooms.is_empty());
    }

    #[test]
    fn a_sync_gives_the_joined_room_and_then_new_events() {
        let mut fixture = Fixture::new();
        fixture.set_guest_access("can_join");
        let guest = fixture.guest();
        let before = sync(&fixture, &guest, None).next_batch;
        assert_eq!(fixture.join(&guest), ALLOWED);
        let joined = sync(&fixture, &guest, Some(&before));
        let room = &joined.rooms.join[&fixture.room];
        assert_eq!(room.timeline.events.len(), fixture.server.room(&fixture.room).unwrap().len());
        let new = fixture.say("new");
        let news = sync(&fixture, &guest, Some(&joined.next_batch));
        assert_eq!(ids(&news.rooms.join[&fixture.room].timeline.events), [new.as_str()]);
        assert!(sync(&fixture, &guest, Some(&news.next_batch)).rooms.is_empty());
    }

    #[test]
    fn a_sync_shows_an_invite_and_a_removal() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        fixture.server.set_membership(&room, &moderator, &guest.user_id, Membership::Invite);
        assert!(sync(&fixture, &guest, None).rooms.invite.contains_key(&room));
        fixture.server.set_membership(&room, &guest.user_id, &guest.user_id, Membership::Join);
        let since = fixture.server.token();
        fixture.server.set_membership(&room, &moderator, &guest.user_id, Membership::Leave);
        fixture.say("not for who left");
        let left_room = sync(&fixture, &guest, Some(&since));
        assert_eq!(left_room.rooms.leave[&room].timeline.events.len(), 1);
        assert!(!left_room.rooms.join.contains_key(&room));
    }
}
