//! `GET /sync`: what is new in every room of the caller.

use std::collections::BTreeSet;

use guest_access_rules::vocabulary::{Decision, Membership};
use ruma::api::client::filter::RoomFilter;
use ruma::api::client::sync::sync_events::v3::{
    InviteState, InvitedRoom, JoinedRoom, KnockState, KnockedRoom, LeftRoom, Request, Response,
    RoomSummary, State, Timeline,
};
use ruma::events::AnyStrippedStateEvent;
use ruma::serde::Raw;
use ruma::{UInt, UserId};
use serde_json::json;
use serde_json::value::to_raw_value;

use super::super::answer::{AllowedResponse, Answer, Credentials};
use super::super::authorisation::{Caller, EndpointCall};
use super::super::endpoints::ENDPOINTS;
use super::super::event::{CANONICAL_ALIAS, CREATE, Event, JOIN_RULES, MEMBER};
use super::super::filter::{
    filter_matches, filter_matches_room, is_from_ignored, is_ignored, is_member_event_of_sender,
    limit,
};
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
        let options = SyncOptions {
            since,
            full_state: request.full_state,
            use_state_after: request.use_state_after,
            filter: &filter,
            ignored: &self.ignored_by(own),
        };
        for room in self.joined_rooms(&caller)?.into_iter().filter(wanted) {
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
                Membership::Invite
                    if news && !is_ignored(options.ignored, inviter(&caller, room)) =>
                {
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
                    let left_room = self.left_room(&caller, room, &options);
                    response.rooms.leave.insert(room.id.clone(), left_room);
                }
                _ => {}
            }
        }
        response.account_data.events = self.account_data_since(own, None, since.unwrap_or(0));
        response.to_device.events = self.messages_to(&caller, since.unwrap_or(0));
        if let Some(since) = since {
            response.device_lists = self.device_lists_since(&caller, since);
        }
        if let (Some(user), Some(device)) = (caller.user, caller.device) {
            response.device_unused_fallback_key_types =
                Some(self.unused_fallback_keys(&user, &device));
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
        let news = self.news(caller, room, known, options);
        let mut joined_room = JoinedRoom::new();
        let user = caller.user.as_deref();
        let since = known.unwrap_or(0);
        joined_room.account_data.events = self.account_data_since(user, Some(&room.id), since);
        joined_room.ephemeral.events =
            self.ephemeral_since(caller, room, since, &options.filter.ephemeral);
        if news.is_empty() && joined_room.is_empty() {
            return None;
        }
        joined_room.timeline = self.timeline_of(caller, room, &news);
        joined_room.state = self.state_of(caller, room, &news, options);
        let mut new = (news.oldest..room.len()).map(|place| room.event(place));
        if known.is_none() || options.full_state || new.any(|event| event.kind == MEMBER) {
            joined_room.summary = summary(caller, room);
        }
        Some(joined_room)
    }

    /// What the caller may read of a room that the caller left since the last sync.
    fn left_room(&self, caller: &Caller, room: &Room, options: &SyncOptions<'_>) -> LeftRoom {
        let news = self.news(caller, room, options.since, options);
        let mut left_room = LeftRoom::new();
        left_room.timeline = self.timeline_of(caller, room, &news);
        left_room.state = self.state_of(caller, room, &news, options);
        let user = caller.user.as_deref();
        let since = options.since.unwrap_or(0);
        left_room.account_data.events = self.account_data_since(user, Some(&room.id), since);
        left_room
    }

    /// The timeline and the state of a room of which the client knows what was sent up to `known`.
    fn news(
        &self,
        caller: &Caller,
        room: &Room,
        known: Option<u64>,
        options: &SyncOptions<'_>,
    ) -> News {
        let oldest = known.map_or(0, |since| room.place_after(since));
        let changed = if options.full_state { 0 } else { oldest };
        let mut news = self.newest(caller, room, oldest, options);
        // Mostly, the timeline has every change of the state.
        let has_all = |news: &News| {
            (changed..room.len())
                .filter(|&place| room.event(place).state_key.is_some())
                .all(|place| news.has(place))
        };
        let own = caller.user.as_deref().map(UserId::as_str);
        let lazy = !options.filter.state.lazy_load_options.is_disabled();
        if changed == oldest && has_all(&news) && !options.use_state_after && !lazy {
            return news;
        }
        // CS-22: A joined user is given the current state of a room.
        // CS-23: A user who left a room is given its state as of the time it left.
        let mut state = self.readable_state(caller, room, room.len());
        // A client that loads members lazily gets itself, and the members whose events it gets.
        state.retain(|&place| {
            let event = room.event(place);
            let of_another = event.kind == MEMBER && event.state_key.as_deref() != own;
            if lazy && of_another {
                is_member_event_of_sender(room, &news.places, place)
            } else {
                place >= changed
            }
        });
        // CS-77: With `use_state_after`, `GET /sync` gives the state in `state_after`, as it is after the
        // timeline.
        if options.use_state_after {
            news.state = state;
        } else {
            // A client applies the state, and then the timeline. So the timeline starts after every
            // event that a change outside of the timeline replaced. A first sync within its limit has
            // every event.
            if options.since.is_some() || news.limited {
                news.start_after_replaced(room, &state);
            }
            news.state = state.into_iter().filter(|&place| !news.has(place)).collect();
        }
        let filter = &options.filter.state;
        news.state.retain(|&place| filter_matches(filter, &room.id, room.event(place)));
        news
    }

    fn timeline_of(&self, caller: &Caller, room: &Room, news: &News) -> Timeline {
        let mut timeline = Timeline::new();
        timeline.limited = news.limited;
        timeline.prev_batch = Some(room.token_before(news.start));
        timeline.events = self.show_all(caller, room, &news.places);
        timeline
    }

    fn state_of(
        &self,
        caller: &Caller,
        room: &Room,
        news: &News,
        options: &SyncOptions<'_>,
    ) -> State {
        let events = self.show_all(caller, room, &news.state).into();
        if options.use_state_after { State::After(events) } else { State::Before(events) }
    }

    /// The newest events from `oldest` on that the caller may see and that the filter matches.
    fn newest(
        &self,
        caller: &Caller,
        room: &Room,
        oldest: usize,
        options: &SyncOptions<'_>,
    ) -> News {
        let filter = &options.filter.timeline;
        let wanted = |place: &usize| {
            let event = room.event(*place);
            filter_matches(filter, &room.id, event) && !is_from_ignored(options.ignored, event)
        };
        let limit = limit(filter);
        let mut newest = self.seen(caller, room, oldest..room.len()).rev().filter(wanted);
        let mut places: Vec<_> = newest.by_ref().take(limit).collect();
        let limited = newest.next().is_some();
        places.reverse();
        let start = places.first().copied().filter(|_| limited).unwrap_or(oldest);
        News { oldest, start, places, limited, state: Vec::new() }
    }
}

/// The parameters of a sync that concern every room.
struct SyncOptions<'a> {
    since: Option<u64>,
    full_state: bool,
    /// Whether the client wants the state after the timeline, and not the state before it.
    use_state_after: bool,
    filter: &'a RoomFilter,
    /// The users whom the caller ignores.
    ignored: &'a BTreeSet<String>,
}

/// What a sync says of a room.
struct News {
    /// The place from which on the client knows no event.
    oldest: usize,
    /// The place at which the timeline starts.
    start: usize,
    /// The places of the events of the timeline, in order.
    places: Vec<usize>,
    /// Whether the timeline leaves out older events.
    limited: bool,
    /// The places of the events of the state.
    state: Vec<usize>,
}

impl News {
    fn is_empty(&self) -> bool {
        self.places.is_empty() && self.state.is_empty() && !self.limited
    }

    /// Whether the timeline has the event at this place.
    fn has(&self, place: usize) -> bool {
        self.places.binary_search(&place).is_ok()
    }

    /// Leaves out the part of the timeline up to the last event that an event of `state` replaced,
    /// unless the timeline has the event of `state` too.
    fn start_after_replaced(&mut self, room: &Room, state: &[usize]) {
        let is_replaced = |old: &usize| {
            let old = room.event(*old);
            old.state_key.is_some()
                && state.iter().any(|&new| {
                    let event = room.event(new);
                    event.number > old.number
                        && !self.has(new)
                        && (&event.kind, &event.state_key) == (&old.kind, &old.state_key)
                })
        };
        if let Some(last) = self.places.iter().rposition(is_replaced) {
            self.start = self.places[last] + 1;
            self.places.drain(..=last);
            self.limited = true;
        }
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

/// The sender of the caller's member event, who invited the caller.
fn inviter<'a>(caller: &Caller, room: &'a Room) -> Option<&'a UserId> {
    let own = caller.user.as_deref()?;
    room.current(MEMBER, own.as_str()).map(|event| &*event.sender)
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
    use std::collections::BTreeMap;

    use ruma::EventId;
    use ruma::api::client::config::set_global_account_data;
    use ruma::api::client::state::get_state_events;
    use ruma::api::client::sync::sync_events::v3::Filter;
    use serde_json::Value;

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
        assert_eq!(joined.summary.heroes, std::slice::from_ref(&guest.user_id));
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

    /// A type and a state key, and the id of the event.
    type Entry = (String, String);

    /// A guest who is removed from the room and joins again, while the topic changes. The token of the
    /// guest's last sync, and the state that the guest knew then.
    fn removed_and_let_in_again(visibility: &str) -> (Fixture, TestUser, String, Vec<Entry>) {
        let mut fixture = Fixture::new();
        fixture.set_visibility(visibility);
        fixture.set_guest_access("can_join");
        let guest = fixture.guest();
        assert_eq!(fixture.join(&guest), ALLOWED);
        let since = sync(&fixture, &guest, None).next_batch;
        let known = current(&fixture, &guest);
        fixture.set_guest_access("forbidden");
        topic(&mut fixture, "meanwhile");
        fixture.set_guest_access("can_join");
        assert_eq!(fixture.join(&guest), ALLOWED);
        (fixture, guest, since, known)
    }

    /// The state that a client has, which knew `known` and applies the state and then the timeline.
    fn applied(room: &JoinedRoom, known: &[Entry]) -> Vec<Entry> {
        let (State::Before(state) | State::After(state)) = &room.state else { panic!() };
        let state = state.events.iter().map(|raw| raw.json().get());
        let timeline = room.timeline.events.iter().map(|raw| raw.json().get());
        let timeline = timeline.filter(|_| matches!(room.state, State::Before(_)));
        let mut all: BTreeMap<_, _> = known.iter().cloned().collect();
        for event in state.chain(timeline) {
            let event: Value = serde_json::from_str(event).unwrap();
            if let Some(key) = event["state_key"].as_str() {
                let kind = event["type"].as_str().unwrap();
                let id = event["event_id"].as_str().unwrap();
                all.insert(format!("{kind} {key}"), id.to_owned());
            }
        }
        all.into_iter().collect()
    }

    /// The current state, as `GET state` tells it.
    fn current(fixture: &Fixture, who: &TestUser) -> Vec<Entry> {
        let request = get_state_events::v3::Request::new(fixture.room.clone());
        let state = fixture.server.state(&who.credentials(), &request).unwrap().response.room_state;
        let room = fixture.server.room(&fixture.room).unwrap();
        let events = ids(&state).into_iter().map(|id| {
            let place = room.place_of(<&EventId>::try_from(&*id).unwrap()).unwrap();
            let event = room.event(place);
            (format!("{} {}", event.kind, event.state_key.as_ref().unwrap()), id)
        });
        events.collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    fn topic(fixture: &mut Fixture, topic: &str) -> String {
        fixture.set("m.room.topic", &json!({ "topic": topic })).to_string()
    }

    #[test]
    fn who_was_out_between_two_syncs_is_told_what_changed_meanwhile() {
        for visibility in ["joined", "invited", "shared", "world_readable"] {
            for use_state_after in [false, true] {
                let (fixture, guest, since, known) = removed_and_let_in_again(visibility);
                let mut request = Request::new();
                request.since = Some(since);
                request.use_state_after = use_state_after;
                let answer = fixture.server.sync(&guest.credentials(), &request).unwrap();
                let room = &answer.response.rooms.join[&fixture.room];
                let expected = current(&fixture, &guest);
                assert_eq!(applied(room, &known), expected, "{visibility} {use_state_after}");
                let is_after = matches!(room.state, State::After(_));
                assert_eq!(is_after, use_state_after, "{visibility}");
            }
        }
    }

    #[test]
    fn the_timeline_starts_after_what_a_hidden_event_replaced() {
        let (mut fixture, guest, ..) = removed_and_let_in_again("joined");
        let since = sync(&fixture, &guest, None).next_batch;
        let known = current(&fixture, &guest);
        let seen = topic(&mut fixture, "seen");
        fixture.set_guest_access("forbidden");
        let hidden = topic(&mut fixture, "hidden");
        fixture.set_guest_access("can_join");
        assert_eq!(fixture.join(&guest), ALLOWED);
        let joined = sync(&fixture, &guest, Some(&since)).rooms.join.remove(&fixture.room).unwrap();
        assert!(!ids(&joined.timeline.events).contains(&seen));
        assert!(joined.timeline.limited);
        let room = fixture.server.room(&fixture.room).unwrap();
        let place = room.place_of(<&EventId>::try_from(&*seen).unwrap()).unwrap();
        // The event that revoked guest access is replaced by a hidden event, too.
        assert_eq!(joined.timeline.prev_batch, Some(room.token_before(place + 2)));
        let State::Before(state) = &joined.state else { panic!() };
        assert!(ids(&state.events).contains(&hidden));
        assert_eq!(applied(&joined, &known), current(&fixture, &guest));
    }

    #[test]
    fn lazy_loading_gives_the_members_whose_events_are_given() {
        let mut fixture = Fixture::new();
        let (guest, user) = (fixture.user("reader"), fixture.user("silent"));
        for who in [&guest, &user] {
            assert_eq!(fixture.join(who), ALLOWED);
        }
        fixture.say("hello");
        let filter = json!({ "room": {
            "timeline": { "limit": 1 },
            "state": { "lazy_load_members": true },
        } });
        let mut request = Request::new();
        request.filter = Some(Filter::FilterDefinition(serde_json::from_value(filter).unwrap()));
        for since in [None, Some("s0".to_owned())] {
            request.since = since;
            let answer = fixture.server.sync(&guest.credentials(), &request).unwrap();
            let State::Before(state) = &answer.response.rooms.join[&fixture.room].state else {
                panic!()
            };
            let keys = state.events.iter().filter_map(|raw| {
                let event: Value = serde_json::from_str(raw.json().get()).unwrap();
                (event["type"] == MEMBER).then(|| event["state_key"].as_str().unwrap().to_owned())
            });
            let expected = [&fixture.moderator.user_id, &guest.user_id].map(ToString::to_string);
            assert_eq!(keys.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_messages_and_invites_of_an_ignored_user_are_left_out() {
        let mut fixture = Fixture::new();
        let user = fixture.user("user");
        assert_eq!(fixture.join(&user), ALLOWED);
        let list = json!({ "ignored_users": { fixture.moderator.user_id.as_str(): {} } });
        let list = Raw::from_json(to_raw_value(&list).unwrap());
        let kind = "m.ignored_user_list".into();
        let put = set_global_account_data::v3::Request::new_raw(user.user_id.clone(), kind, list);
        fixture.server.put_account_data(&user.credentials(), &put).unwrap();
        let since = fixture.server.token();
        fixture.say("unwanted");
        let topic = topic(&mut fixture, "state is given all the same");
        let moderator = fixture.moderator.user_id.clone();
        let other = fixture.server.create_bare_room(&moderator, "other");
        fixture.server.set_membership(&other, &moderator, &user.user_id, Membership::Invite);
        let rooms = sync(&fixture, &user, Some(&since)).rooms;
        assert_eq!(ids(&rooms.join[&fixture.room].timeline.events), [topic]);
        assert!(rooms.invite.is_empty());
    }

    #[test]
    fn a_room_that_was_left_has_the_state_before_a_limited_timeline() {
        let mut fixture = Fixture::new();
        fixture.set_guest_access("can_join");
        let guest = fixture.guest();
        assert_eq!(fixture.join(&guest), ALLOWED);
        let since = fixture.server.token();
        let topic = topic(&mut fixture, "before the guest leaves");
        fixture.say("hello");
        fixture.set_guest_access("forbidden");
        let mut request = Request::new();
        request.since = Some(since);
        let filter = json!({ "room": { "timeline": { "limit": 1 } } });
        request.filter = Some(Filter::FilterDefinition(serde_json::from_value(filter).unwrap()));
        let answer = fixture.server.sync(&guest.credentials(), &request).unwrap();
        let left = &answer.response.rooms.leave[&fixture.room];
        assert!(left.timeline.limited);
        let State::Before(state) = &left.state else { panic!() };
        assert!(ids(&state.events).contains(&topic));
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
