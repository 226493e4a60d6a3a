use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use guest_access_rules::vocabulary::Membership;
use ruma::OwnedUserId;
use serde_json::{Value, json};

use super::super::fixture::{ALLOWED, Fixture, NOT_FOR_GUESTS, TestUser, latest};
use super::*;

/// A graph without branches of its own: each event follows the one before. Tests add branches.
#[derive(Debug, Default)]
struct Line {
    now: Mutex<Now>,
    arrivals: Mutex<VecDeque<Arrival>>,
}

#[derive(Debug, Default, Clone)]
struct Now {
    number: usize,
    room: Option<OwnedRoomId>,
    tip: Option<OwnedEventId>,
    state: BTreeMap<(String, String), OwnedEventId>,
}

impl Now {
    fn as_graph_state(&self) -> GraphState {
        GraphState {
            after: self.tip.clone().into_iter().collect(),
            events: self.state.values().cloned().collect(),
        }
    }
}

impl EventGraphs for Line {
    fn add(&self, event: &OwnEvent<'_>) -> Option<OwnedEventId> {
        self.now.lock().unwrap().room = Some(event.room.to_owned());
        let content = Value::Object(event.content.clone().into_iter().collect());
        Some(self.send(event.sender, event.kind, event.state_key, &content))
    }

    fn next_arrival(&self) -> Option<Arrival> {
        self.arrivals.lock().unwrap().pop_front()
    }
}

impl Line {
    /// An event after all others.
    fn send(
        &self,
        sender: &UserId,
        kind: &str,
        key: Option<&str>,
        content: &Value,
    ) -> OwnedEventId {
        self.arrive(sender, kind, key, content, |_| ())
    }

    /// An event after all others, which `change` changes before it arrives. Only an accepted event is part
    /// of the state afterwards.
    fn arrive(
        &self,
        sender: &UserId,
        kind: &str,
        key: Option<&str>,
        content: &Value,
        change: impl FnOnce(&mut Arrival),
    ) -> OwnedEventId {
        let mut now = self.now.lock().unwrap();
        let before = now.clone();
        now.number += 1;
        let id = OwnedEventId::try_from(format!("$hash{}", now.number)).unwrap();
        now.tip = Some(id.clone());
        if let Some(key) = key {
            now.state.insert((kind.to_owned(), key.to_owned()), id.clone());
        }
        let event = json!({ "event_id": id, "sender": sender, "type": kind, "content": content });
        let mut event: ReplicaEvent = serde_json::from_value(event).unwrap();
        event.state_key = key.map(str::to_owned);
        let mut arrival = Arrival {
            room: now.room.clone().unwrap(),
            event,
            sent_at: now.number as u64,
            standing: ArrivalStanding::Accepted,
            is_repeated: false,
            before: before.as_graph_state(),
            now: now.as_graph_state(),
        };
        change(&mut arrival);
        if arrival.standing != ArrivalStanding::Accepted {
            arrival.now = before.as_graph_state();
            let number = now.number;
            *now = Now { number, ..before };
        }
        self.arrivals.lock().unwrap().push_back(arrival);
        id
    }

    fn state(&self) -> GraphState {
        self.now.lock().unwrap().as_graph_state()
    }
}

/// A room that guests may join, with a joined guest, and a moderator on another server.
struct Shared {
    fixture: Fixture,
    line: Arc<Line>,
    guest: TestUser,
    elsewhere: OwnedUserId,
}

const ACCESS: &str = "m.room.guest_access";
const VISIBILITY: &str = "m.room.history_visibility";

fn shared(mistake: Option<FederationMistake>) -> Shared {
    let line = Arc::new(Line::default());
    let graphs: Arc<dyn EventGraphs> = Arc::<Line>::clone(&line);
    let server = Reference::new(latest(&[])).with_graphs(graphs, mistake);
    let mut fixture = Fixture::on(server);
    let elsewhere = OwnedUserId::try_from("@moderator:elsewhere.test").unwrap();
    let levels = json!({
        "users": { elsewhere.as_str(): 100, fixture.moderator.user_id.as_str(): 100 },
    });
    fixture.set("m.room.power_levels", &levels);
    let join = json!({ "membership": "join" });
    line.send(&elsewhere, "m.room.member", Some(elsewhere.as_str()), &join);
    fixture.set_guest_access("can_join");
    let guest = fixture.guest();
    assert_eq!(fixture.join(&guest), ALLOWED);
    Shared { fixture, line, guest, elsewhere }
}

impl Shared {
    fn access(&self, value: &str, change: impl FnOnce(&mut Arrival)) -> OwnedEventId {
        let content = json!({ "guest_access": value });
        self.line.arrive(&self.elsewhere, ACCESS, Some(""), &content, change)
    }

    fn membership(&mut self) -> Membership {
        self.fixture.server.take_in_arrivals();
        let room = self.fixture.server.room(&self.fixture.room).unwrap();
        room.membership(&self.guest.user_id)
    }
}

#[test]
fn the_graph_gives_own_events_their_ids_and_clients_read_them() {
    let mut shared = shared(None);
    let said = shared.fixture.say("hello");
    assert!(said.as_str().starts_with("$hash"));
    assert!(shared.fixture.read(&shared.guest).unwrap().contains(&said.to_string()));
}

#[test]
fn a_revocation_from_elsewhere_removes_the_guest() {
    for (mistake, after) in [
        (None, Membership::Leave),
        (Some(FederationMistake::RevokesForOwnUsersOnly), Membership::Join),
    ] {
        let mut shared = shared(mistake);
        shared.access("forbidden", |_| ());
        assert_eq!(shared.membership(), after, "{mistake:?}");
        // The room is closed in either case.
        let late = shared.fixture.guest();
        assert_eq!(shared.fixture.join(&late), NOT_FOR_GUESTS);
    }
}

#[test]
fn an_event_that_does_not_count_removes_guests_only_by_mistake() {
    use FederationMistake as Mistake;
    let rejected = |arrival: &mut Arrival| arrival.standing = ArrivalStanding::Rejected;
    let soft_failed = |arrival: &mut Arrival| arrival.standing = ArrivalStanding::SoftFailed;
    for mistake in [None, Some(Mistake::RevokesForTheRejected)] {
        let mut shared = shared(mistake);
        shared.access("forbidden", rejected);
        let left = mistake.is_some();
        assert_eq!(shared.membership() == Membership::Leave, left, "{mistake:?}");
    }
    for mistake in [None, Some(Mistake::RevokesForTheSoftFailed)] {
        let mut shared = shared(mistake);
        let event = shared.access("forbidden", soft_failed);
        let left = mistake.is_some();
        assert_eq!(shared.membership() == Membership::Leave, left, "{mistake:?}");
        let seen = shared.fixture.read(&shared.fixture.moderator).unwrap();
        assert!(!seen.contains(&event.to_string()));
    }
    for mistake in [None, Some(Mistake::RevokesForTheLoser)] {
        let mut shared = shared(mistake);
        // State resolution prefers the event that was there before.
        let state = shared.line.state();
        shared.access("forbidden", |arrival| arrival.now = state);
        let left = mistake.is_some();
        assert_eq!(shared.membership() == Membership::Leave, left, "{mistake:?}");
    }
}

#[test]
fn an_event_is_judged_by_the_state_before_it_in_the_graph() {
    for (mistake, is_seen) in [(None, false), (Some(FederationMistake::IgnoresThePast), true)] {
        let mut shared = shared(mistake);
        let Shared { line, elsewhere, .. } = &shared;
        let visibility = |value: &str| {
            let content = json!({ "history_visibility": value });
            line.send(elsewhere, VISIBILITY, Some(""), &content);
        };
        visibility("joined");
        let closed = line.state();
        visibility("world_readable");
        let open = line.state();
        let said = line.arrive(elsewhere, "m.room.message", None, &json!({}), |arrival| {
            arrival.before = closed;
            // The message and the event that opened the room end two branches.
            arrival.now.after.extend(open.after);
            arrival.now.events = open.events;
        });
        let previewer = shared.fixture.guest();
        shared.fixture.server.take_in_arrivals();
        let seen = shared.fixture.read(&previewer).unwrap().contains(&said.to_string());
        assert_eq!(seen, is_seen, "{mistake:?}");
    }
}

#[test]
fn a_redaction_from_elsewhere_counts_with_power() {
    use FederationMistake as Mistake;
    let plain = OwnedUserId::try_from("@plain:elsewhere.test").unwrap();
    for (mistake, by_moderator, after) in [
        (None, true, Membership::Leave),
        (None, false, Membership::Join),
        (Some(Mistake::OverlooksRedactions), true, Membership::Join),
        (Some(Mistake::IgnoresRedactions), true, Membership::Join),
    ] {
        let mut shared = shared(mistake);
        let room = shared.fixture.server.room(&shared.fixture.room).unwrap();
        let setting = room.current(ACCESS, "").unwrap().id.clone();
        let sender = if by_moderator { &shared.elsewhere } else { &plain };
        shared.line.send(sender, REDACTION, None, &json!({ "redacts": setting }));
        assert_eq!(shared.membership(), after, "{mistake:?} {by_moderator}");
        let late = shared.fixture.guest();
        let is_open = !by_moderator || mistake == Some(Mistake::IgnoresRedactions);
        assert_eq!(shared.fixture.join(&late) == ALLOWED, is_open, "{mistake:?} {by_moderator}");
    }
}

#[test]
fn the_setting_that_arrived_last_counts_only_by_mistake() {
    let last = Some(FederationMistake::TakesTheLastReceived);
    for (mistake, after) in [(None, Membership::Join), (last, Membership::Leave)] {
        let mut shared = shared(mistake);
        let first = shared.access("forbidden", |_| ());
        shared.access("can_join", |_| ());
        shared.fixture.server.take_in_arrivals();
        let _ = shared.fixture.join(&shared.guest);
        let state = shared.line.state();
        // The first event once more.
        shared.access("forbidden", |arrival| {
            arrival.event.event_id = first;
            arrival.is_repeated = true;
            arrival.now = state;
        });
        assert_eq!(shared.membership(), after, "{mistake:?}");
    }
}
