use std::sync::Arc;

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomVersionId, owned_server_name};
use serde_json::{Value, json};

use super::*;
use crate::federation::identity::ServerIdentity;

/// A server with a room, its moderator, and a clock.
struct Fixture {
    identity: Arc<ServerIdentity>,
    room: Room,
    moderator: OwnedUserId,
    now: u64,
}

impl Fixture {
    fn new(version: &RoomVersionId) -> Self {
        let name = owned_server_name!("one.example");
        let identity = Arc::new(ServerIdentity::generate(name));
        let moderator = OwnedUserId::try_from("@moderator:one.example").unwrap();
        let id = OwnedRoomId::try_from("!room:one.example").unwrap();
        let room = Room::empty(id, version.clone()).unwrap();
        let mut this = Self { identity, room, moderator, now: 1_000 };
        let create = json!({ "room_version": version, "creator": this.moderator });
        let draft = this.draft(&this.moderator.clone(), "m.room.create", Some(""), create);
        let create = this.room.place(&this.identity, &draft, &[]).unwrap();
        if *version == RoomVersionId::V12 {
            let id = create.id().as_str().replacen('$', "!", 1).try_into().unwrap();
            this.room = Room::empty(id, version.clone()).unwrap();
        }
        assert_eq!(this.room.receive(create).unwrap(), EventStanding::Accepted);
        let key = this.moderator.to_string();
        this.keyed("m.room.member", &key, json!({ "membership": "join" }));
        this.set_power_of_helper(90);
        this.state("m.room.join_rules", json!({ "join_rule": "public" }));
        this
    }

    fn set_power_of_helper(&mut self, power: u8) {
        let mut users = json!({ "@helper:one.example": power });
        // The creator of a room of version 12 has all power, and no power levels name it.
        if *self.room.version() != RoomVersionId::V12 {
            users["@moderator:one.example"] = 100.into();
        }
        self.state("m.room.power_levels", json!({ "users": users }));
    }

    fn draft(
        &mut self,
        sender: &OwnedUserId,
        kind: &str,
        key: Option<&str>,
        content: Value,
    ) -> EventDraft {
        self.now += 1;
        EventDraft {
            sender: sender.clone(),
            kind: kind.to_owned(),
            state_key: key.map(str::to_owned),
            content,
            redacts: None,
            sent_at: self.now,
        }
    }

    /// Places and receives an event.
    fn send(&mut self, draft: &EventDraft, prev: &[OwnedEventId]) -> (OwnedEventId, EventStanding) {
        let event = self.room.place(&self.identity, draft, prev).unwrap();
        let id = event.id().clone();
        (id, self.room.receive(event).unwrap())
    }

    fn keyed(&mut self, kind: &str, key: &str, content: Value) -> OwnedEventId {
        let draft = self.draft(&self.moderator.clone(), kind, Some(key), content);
        let (id, standing) = self.send(&draft, &self.room.next_prev_events());
        assert_eq!(standing, EventStanding::Accepted, "{kind}");
        id
    }

    fn state(&mut self, kind: &str, content: Value) -> OwnedEventId {
        self.keyed(kind, "", content)
    }

    fn access(&mut self, sender: &OwnedUserId, value: &str) -> EventDraft {
        let content = json!({ "guest_access": value });
        self.draft(sender, "m.room.guest_access", Some(""), content)
    }

    fn join(&mut self, user: &str) -> OwnedUserId {
        let user = OwnedUserId::try_from(user).unwrap();
        let content = json!({ "membership": "join" });
        let draft = self.draft(&user, "m.room.member", Some(user.as_str()), content);
        let (_, standing) = self.send(&draft, &self.room.next_prev_events());
        assert_eq!(standing, EventStanding::Accepted);
        user
    }

    fn current(&self) -> Option<String> {
        let state = self.room.state().unwrap();
        let event = self.room.in_state(&state, "m.room.guest_access", "")?;
        event.content_text("guest_access").map(str::to_owned)
    }
}

#[test]
fn an_event_of_a_user_without_power_is_rejected() {
    for version in KNOWN_VERSIONS {
        let mut fixture = Fixture::new(&version);
        let user = fixture.join("@plain:one.example");
        let draft = fixture.access(&user, "can_join");
        let (_, standing) = fixture.send(&draft, &fixture.room.next_prev_events());
        assert_eq!(standing, EventStanding::Rejected);
        assert_eq!(fixture.current(), None);
    }
}

#[test]
fn an_event_that_is_not_permitted_any_more_is_soft_failed() {
    for version in KNOWN_VERSIONS {
        let mut fixture = Fixture::new(&version);
        let helper = fixture.join("@helper:one.example");
        let before = fixture.room.next_prev_events();
        fixture.set_power_of_helper(0);
        let draft = fixture.access(&helper, "can_join");
        let (id, standing) = fixture.send(&draft, &before);
        assert_eq!(standing, EventStanding::SoftFailed);
        assert_eq!(fixture.current(), None);
        assert!(fixture.room.tips().all(|tip| *tip != id));
    }
}

#[test]
fn of_two_events_beside_each_other_the_later_dated_wins() {
    for version in KNOWN_VERSIONS {
        let mut fixture = Fixture::new(&version);
        let moderator = fixture.moderator.clone();
        let prev = fixture.room.next_prev_events();
        let older = fixture.access(&moderator, "forbidden");
        let newer = fixture.access(&moderator, "can_join");
        let mut other_order = fixture.room.clone();
        fixture.send(&older, &prev);
        fixture.send(&newer, &prev);
        assert_eq!(fixture.current().as_deref(), Some("can_join"));
        for draft in [&newer, &older] {
            let event = other_order.place(&fixture.identity, draft, &prev).unwrap();
            assert_eq!(other_order.receive(event).unwrap(), EventStanding::Accepted);
        }
        assert_eq!(other_order.state().unwrap(), fixture.room.state().unwrap());
        assert_eq!(other_order.tips().count(), 2);
        let tips: Vec<_> = other_order.tips().cloned().collect();
        let without = other_order.tips_without(&BTreeSet::from([tips[0].clone()]));
        assert_eq!(without, [tips[1].clone()]);
        assert_eq!(other_order.tips_without(&tips.into_iter().collect()), prev);
    }
}

#[test]
fn an_event_that_rests_on_missing_events_waits() {
    let mut fixture = Fixture::new(&RoomVersionId::V11);
    let moderator = fixture.moderator.clone();
    let mut behind = fixture.room.clone();
    let first = fixture.access(&moderator, "can_join");
    let (first, _) = fixture.send(&first, &fixture.room.next_prev_events());
    let second = fixture.access(&moderator, "forbidden");
    let (second, _) = fixture.send(&second, &fixture.room.next_prev_events());
    let event = |id: &OwnedEventId| fixture.room.event(id).unwrap().clone();
    let missing = RoomError::Missing { events: vec![first.clone()] };
    assert_eq!(behind.receive(event(&second)), Err(missing));
    let known = behind.tips().cloned().collect();
    let given = fixture.room.missing_events(&known, std::slice::from_ref(&second), 10);
    assert_eq!(given.iter().map(|event| event.id()).collect::<Vec<_>>(), [&first]);
    assert_eq!(behind.receive(event(&first)), Ok(EventStanding::Accepted));
    assert_eq!(behind.receive(event(&second)), Ok(EventStanding::Accepted));
    assert_eq!(behind.state().unwrap(), fixture.room.state().unwrap());
}

#[test]
fn a_signed_event_is_read_again_and_a_changed_one_is_refused() {
    let mut fixture = Fixture::new(&RoomVersionId::V11);
    let moderator = fixture.moderator.clone();
    let draft = fixture.access(&moderator, "can_join");
    let prev = fixture.room.next_prev_events();
    let event = fixture.room.place(&fixture.identity, &draft, &prev).unwrap();
    let keys = ruma::signatures::PublicKeyMap::from([(
        fixture.identity.name().to_string(),
        fixture.identity.public_keys(),
    )]);
    let rules = fixture.room.rules();
    let read = Event::read_text(&event.text(), rules).unwrap().verified(&keys, rules).unwrap();
    assert_eq!((read.id(), read.json()), (event.id(), event.json()));
    // A changed content is found by its hash, and redacted.
    let text = event.text().get().replace("can_join", "forbidden");
    let changed = serde_json::value::RawValue::from_string(text).unwrap();
    let changed = Event::read_text(&changed, rules).unwrap().verified(&keys, rules).unwrap();
    assert_eq!(changed.content_text("guest_access"), None);
    assert_eq!(changed.id(), event.id());
    // A changed sender breaks the signature.
    let text = event.text().get().replace("@moderator", "@helper");
    let forged = serde_json::value::RawValue::from_string(text).unwrap();
    let forged = Event::read_text(&forged, rules).unwrap().verified(&keys, rules);
    assert!(matches!(forged, Err(RoomError::Signature { .. })), "{forged:?}");
}

#[test]
fn a_server_gets_no_events_from_before_its_users_joined() {
    let mut fixture = Fixture::new(&RoomVersionId::V10);
    let hidden = |value: &str| json!({ "history_visibility": value });
    fixture.state("m.room.history_visibility", hidden("joined"));
    let before = fixture.keyed("org.example.note", "before", json!({}));
    fixture.join("@user:two.example");
    let after = fixture.keyed("org.example.note", "after", json!({}));
    fixture.state("m.room.history_visibility", hidden("shared"));
    let shared = fixture.keyed("org.example.note", "shared", json!({}));
    let two = owned_server_name!("two.example");
    let three = owned_server_name!("three.example");
    let may_give =
        |server, id: &OwnedEventId| fixture.room.may_give(server, fixture.room.event(id).unwrap());
    assert!(!may_give(&two, &before));
    assert!(may_give(&two, &after) && may_give(&two, &shared));
    assert!(!may_give(&three, &after) && may_give(&three, &shared));
    assert!(fixture.room.has_server(&two) && !fixture.room.has_server(&three));
}

#[test]
fn a_text_that_is_no_event_is_refused() {
    let mut fixture = Fixture::new(&RoomVersionId::V10);
    let moderator = fixture.moderator.clone();
    let draft = fixture.draft(&moderator, "m.room.message", None, json!(["no object"]));
    let prev = fixture.room.next_prev_events();
    let placed = fixture.room.place(&fixture.identity, &draft, &prev);
    assert!(matches!(placed, Err(RoomError::Malformed { .. })), "{placed:?}");
    for text in ["1", "{}", "[]", "{\"type\":1}", "{\"depth\":-1}", "{\"content\":1.5}"] {
        let text = serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
        assert!(Event::read_text(&text, fixture.room.rules()).is_err(), "{text}");
    }
}

/// A value that may stand at any key of an event.
fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::{Just, Strategy, any, prop_oneof};
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,300}".prop_map(Value::from),
        Just(json!([])),
        Just(json!(["$a", "$b", 7])),
        Just(json!({ "membership": ["join"], "users": { "@a": "x" }, "redacts": {} })),
        Just(json!("!room:one.example")),
        Just(json!("@moderator:one.example")),
    ]
}

proptest::proptest! {
    /// Other servers send what they like.
    #[test]
    fn whatever_an_event_says_it_is_taken_in_or_refused(
        changes in proptest::collection::vec((0..14_usize, any_value()), 0..4),
        version in 0..3_usize,
    ) {
        const KEYS: [&str; 14] = [
            "auth_events", "content", "depth", "hashes", "origin_server_ts", "prev_events",
            "redacts", "room_id", "sender", "signatures", "state_key", "type", "unsigned", "x",
        ];
        let mut fixture = Fixture::new(&KNOWN_VERSIONS[version]);
        let moderator = fixture.moderator.clone();
        let draft = fixture.access(&moderator, "can_join");
        let prev = fixture.room.next_prev_events();
        let event = fixture.room.place(&fixture.identity, &draft, &prev).unwrap();
        let mut json: Value = serde_json::from_str(event.text().get()).unwrap();
        for (key, value) in changes {
            json[KEYS[key]] = value;
        }
        let text = to_raw_value(&json).unwrap();
        if let Ok(event) = Event::read_text(&text, fixture.room.rules()) {
            let again = Event::read_text(&event.text(), fixture.room.rules()).unwrap();
            proptest::prop_assert_eq!(again.id(), event.id());
            let _ = fixture.room.receive(event);
            fixture.room.state().unwrap();
        }
    }
}
