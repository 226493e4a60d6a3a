//! `GET /sync`: what is new in every room of the caller.

use guest_access_rules::vocabulary::{Decision, Membership};
use ruma::UInt;
use ruma::api::client::filter::RoomFilter;
use ruma::api::client::sync::sync_events::v3::{
    InviteState, InvitedRoom, JoinedRoom, KnockState, KnockedRoom, LeftRoom, Request, Response,
    RoomSummary, State, Timeline,
};
use ruma::events::AnyStrippedStateEvent;
use ruma::serde::Raw;
use serde_json::json;
use serde_json::value::to_raw_value;

use super::super::answer::{AllowedResponse, Answer, Credentials};
use super::super::authorisation::{Caller, EndpointCall};
use super::super::endpoints::ENDPOINTS;
use super::super::event::{CANONICAL_ALIAS, CREATE, Event, JOIN_RULES, MEMBER};
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
            if let Some(joined) = self.joined_room(&caller, room, &options) {
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
    /// last sync. `None` if nothing is new.
    fn joined_room(
        &self,
        caller: &Caller,
        room: &Room,
        options: &SyncOptions<'_>,
    ) -> Option<JoinedRoom> {
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
            joined_room.state = State::Before(self.show_all(caller, room, &state).into());
        }
        let user = caller.user.as_deref();
        let since = known.unwrap_or(0);
        joined_room.account_data.events = self.account_data_since(user, Some(&room.id), since);
        if seen.is_empty() && joined_room.is_empty() {
            return None;
        }
        joined_room.timeline = self.timeline_of(caller, room, &seen);
        let mut new = (oldest..room.len()).map(|place| room.event(place));
        if changed == 0 || new.any(|event| event.kind == MEMBER) {
            joined_room.summary = summary(caller, room);
        }
        Some(joined_room)
    }

    /// The events that the caller may see in a room that the caller left since `since`.
    fn left_room(&self, caller: &Caller, room: &Room, since: u64, filter: &RoomFilter) -> LeftRoom {
        let mut left_room = LeftRoom::new();
        let seen = self.newest(caller, room, room.place_after(since), filter);
        left_room.timeline = self.timeline_of(caller, room, &seen);
        left_room
    }

    fn timeline_of(&self, caller: &Caller, room: &Room, slice: &TimelineSlice) -> Timeline {
        let mut timeline = Timeline::new();
        timeline.limited = slice.limited;
        timeline.prev_batch = Some(room.token_before(slice.start()));
        timeline.events = self.show_all(caller, room, &slice.places);
        timeline
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
        TimelineSlice { oldest, places, limited: surplus > 0 }
    }
}

/// The parameters of a sync that concern every room.
struct SyncOptions<'a> {
    since: Option<u64>,
    full_state: bool,
    filter: &'a RoomFilter,
}

/// The newest events of a room in an answer.
struct TimelineSlice {
    /// The place from which on the answer has events.
    oldest: usize,
    /// The places of the events.
    places: Vec<usize>,
    /// Whether the answer leaves out older events.
    limited: bool,
}

impl TimelineSlice {
    fn is_empty(&self) -> bool {
        self.places.is_empty() && !self.limited
    }

    /// The place at which the slice starts.
    fn start(&self) -> usize {
        self.places.first().copied().unwrap_or(self.oldest)
    }
}

/// How many members a client needs to name a room without a name.
const HEROES: usize = 5;

/// The numbers of members; for a room without a name, also some of the members.
fn summary(caller: &Caller, room: &Room) -> RoomSummary {
    let mut summary = RoomSummary::new();
    let present: Vec<_> = room
        .members()
        .filter(|(_, membership)| matches!(membership, Membership::Join | Membership::Invite))
        .collect();
    let count = |wanted| {
        let count = present.iter().filter(|(_, membership)| *membership == wanted).count();
        Some(UInt::new_saturating(count as u64))
    };
    summary.joined_member_count = count(Membership::Join);
    summary.invited_member_count = count(Membership::Invite);
    let has = |kind, key| room.current(kind, "").is_some_and(|event| event.text(key).is_some());
    if !has("m.room.name", "name") && !has(CANONICAL_ALIAS, "alias") {
        let others = present.into_iter().map(|(user, _)| user).filter(|user| !caller.is(user));
        summary.heroes = others.take(HEROES).collect();
    }
    summary
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
        (CANONICAL_ALIAS, ""),
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
    fn a_room_has_a_token_and_the_numbers_of_its_members() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        fixture.server.set_membership(&room, &moderator, &guest.user_id, Membership::Invite);
        let first = sync(&fixture, &fixture.moderator, None);
        let joined = &first.rooms.join[&room];
        assert_eq!(joined.timeline.prev_batch.as_deref(), Some("s0"));
        assert_eq!(joined.summary.heroes, [guest.user_id.clone()]);
        assert_eq!(joined.summary.joined_member_count, Some(UInt::from(1_u8)));
        assert_eq!(joined.summary.invited_member_count, Some(UInt::from(1_u8)));
        // The numbers come again when they change.
        fixture.say("hello");
        let then = sync(&fixture, &fixture.moderator, Some(&first.next_batch));
        assert!(then.rooms.join[&room].summary.is_empty());
        fixture.server.set_membership(&room, &guest.user_id, &guest.user_id, Membership::Join);
        let then = sync(&fixture, &fixture.moderator, Some(&then.next_batch));
        let joined = &then.rooms.join[&room];
        assert_eq!(joined.summary.joined_member_count, Some(UInt::from(2_u8)));
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
