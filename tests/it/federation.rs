//! Two homeservers of ours that federate over HTTPS, and `diff --federated` where it cannot begin.

mod faults;
mod reports;

use std::sync::Arc;
use std::time::Duration;

use guest_access::federation::{
    Endpoint, Event, EventDraft, EventStanding, FederationClient, FederationError,
    FederationListener, Homeserver, Room, RunningServer, ServerIdentity, SharedHomeserver, join,
    leave, send_events,
};
use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use ruma::api::federation::backfill::get_backfill;
use ruma::api::federation::event::{get_event, get_missing_events, get_room_state_ids};
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, RoomVersionId, UInt};
use serde_json::{Value, json};

use crate::cli::run_line;

/// A server that runs.
struct Place {
    homeserver: SharedHomeserver,
    client: FederationClient,
    endpoint: Endpoint,
    _running: RunningServer,
}

fn start() -> Place {
    let listener = FederationListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("https://{}", listener.address());
    let identity = Arc::new(ServerIdentity::generate(listener.local_name()));
    let endpoint = Endpoint { name: identity.name().to_owned(), url };
    let client = FederationClient::new(Arc::clone(&identity), Duration::from_secs(20)).unwrap();
    let homeserver = SharedHomeserver::new(Homeserver::new(identity));
    let running = RunningServer::start(listener, homeserver.clone(), client.clone()).unwrap();
    Place { homeserver, client, endpoint, _running: running }
}

/// Two servers that know each other, and a room on the first one.
struct Fixture {
    one: Place,
    two: Place,
    room: OwnedRoomId,
}

impl Place {
    fn user(&self, name: &str) -> OwnedUserId {
        format!("@{name}:{}", self.endpoint.name).try_into().unwrap()
    }

    /// Makes an event after all others, and takes it in.
    fn make(
        &self,
        room: &OwnedRoomId,
        by: &str,
        kind: &str,
        key: Option<&str>,
        content: Value,
    ) -> Event {
        let mut homeserver = self.homeserver.lock();
        let identity = Arc::clone(homeserver.identity());
        let room = homeserver.room_mut(room).unwrap();
        let draft = EventDraft {
            sender: self.user(by),
            kind: kind.to_owned(),
            state_key: key.map(str::to_owned),
            content,
            redacts: None,
            sent_at: 1_000,
        };
        let event = room.place(&identity, &draft, &room.next_prev_events()).unwrap();
        room.receive(event.clone()).unwrap();
        event
    }

    fn has(&self, room: &OwnedRoomId, event: &Event) -> bool {
        self.homeserver.lock().room(room).unwrap().event(event.id()).is_some()
    }

    fn membership(&self, room: &OwnedRoomId, user: &OwnedUserId) -> Option<String> {
        let homeserver = self.homeserver.lock();
        let room = homeserver.room(room).unwrap();
        let state = room.state().unwrap();
        let member = room.in_state(&state, "m.room.member", user.as_str())?;
        member.content_text("membership").map(str::to_owned)
    }
}

fn fixture(visibility: &str) -> Fixture {
    let (one, two) = (start(), start());
    one.homeserver.lock().add_peer(two.endpoint.name.clone(), two.endpoint.url.clone());
    two.homeserver.lock().add_peer(one.endpoint.name.clone(), one.endpoint.url.clone());
    let room: OwnedRoomId = format!("!room:{}", one.endpoint.name).try_into().unwrap();
    one.homeserver.lock().add_room(Room::empty(room.clone(), RoomVersionId::V11).unwrap());
    let moderator = one.user("moderator");
    let user = moderator.as_str();
    let set = |kind: &str, key: &str, content: Value| {
        one.make(&room, "moderator", kind, Some(key), content);
    };
    set("m.room.create", "", json!({ "room_version": "11" }));
    set("m.room.member", user, json!({ "membership": "join" }));
    set("m.room.power_levels", "", json!({ "users": { user: 100 } }));
    set("m.room.join_rules", "", json!({ "join_rule": "public" }));
    set("m.room.history_visibility", "", json!({ "history_visibility": visibility }));
    Fixture { one, two, room }
}

fn run(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test());
}

fn status(error: &FederationError) -> u16 {
    match error {
        FederationError::Refused { status, .. } => *status,
        other => panic!("{other}"),
    }
}

#[test]
fn a_user_of_another_server_joins_sends_and_leaves() {
    run(async || {
        let Fixture { one, two, room } = fixture("shared");
        let user = two.user("user");
        join(&two.homeserver, &two.client, &one.endpoint, &room, &user).await.unwrap();
        assert_eq!(one.membership(&room, &user).as_deref(), Some("join"));
        assert_eq!(two.membership(&room, &one.user("moderator")).as_deref(), Some("join"));
        let text = json!({ "body": "a message" });
        let message = two.make(&room, "user", "m.room.message", None, text.clone());
        let sent = send_events(&two.client, &one.endpoint, std::slice::from_ref(&message)).await;
        assert_eq!(sent.unwrap().get(message.id()), Some(&Ok(())));
        assert!(one.has(&room, &message));
        // And the other way round.
        let answer = one.make(&room, "moderator", "m.room.message", None, text);
        send_events(&one.client, &two.endpoint, std::slice::from_ref(&answer)).await.unwrap();
        assert!(two.has(&room, &answer));
        leave(&two.homeserver, &two.client, &one.endpoint, &room, &user).await.unwrap();
        assert_eq!(one.membership(&room, &user).as_deref(), Some("leave"));
    });
}

#[test]
fn a_server_asks_for_the_events_between() {
    run(async || {
        let Fixture { one, two, room } = fixture("shared");
        let user = two.user("user");
        join(&two.homeserver, &two.client, &one.endpoint, &room, &user).await.unwrap();
        let text = json!({ "body": "a message" });
        let first = two.make(&room, "user", "m.room.message", None, text.clone());
        let second = two.make(&room, "user", "m.room.message", None, text.clone());
        let sent = send_events(&two.client, &one.endpoint, std::slice::from_ref(&second)).await;
        assert_eq!(sent.unwrap().get(second.id()), Some(&Ok(())));
        assert!(one.has(&room, &first));
        // An event that the other server withholds is missing for good.
        let third = two.make(&room, "user", "m.room.message", None, text.clone());
        let fourth = two.make(&room, "user", "m.room.message", None, text);
        two.homeserver.lock().withhold(third.id().clone());
        let sent = send_events(&two.client, &one.endpoint, std::slice::from_ref(&fourth)).await;
        assert!(sent.unwrap()[fourth.id()].is_err());
        assert!(!one.has(&room, &fourth));
        two.homeserver.lock().release(third.id());
        send_events(&two.client, &one.endpoint, std::slice::from_ref(&fourth)).await.unwrap();
        assert!(one.has(&room, &fourth));
    });
}

#[test]
fn an_event_without_permission_or_signature_is_not_taken_in() {
    run(async || {
        let Fixture { one, two, room } = fixture("shared");
        let user = two.user("user");
        join(&two.homeserver, &two.client, &one.endpoint, &room, &user).await.unwrap();
        let access = json!({ "guest_access": "can_join" });
        let rejected = two.make(&room, "user", "m.room.guest_access", Some(""), access.clone());
        let sent = send_events(&two.client, &one.endpoint, std::slice::from_ref(&rejected)).await;
        assert!(sent.unwrap()[rejected.id()].is_err());
        let standing = one.homeserver.lock().room(&room).unwrap().standing(rejected.id());
        assert_eq!(standing, Some(EventStanding::Rejected));
        // Signed by the second server, in the name of a user of the first.
        let forged = {
            let homeserver = two.homeserver.lock();
            let known = homeserver.room(&room).unwrap();
            let draft = EventDraft {
                sender: one.user("moderator"),
                kind: "m.room.guest_access".to_owned(),
                state_key: Some(String::new()),
                content: access,
                redacts: None,
                sent_at: 2_000,
            };
            known.place(homeserver.identity(), &draft, &known.next_prev_events()).unwrap()
        };
        let sent = send_events(&two.client, &one.endpoint, std::slice::from_ref(&forged)).await;
        assert!(sent.unwrap()[forged.id()].is_err());
        assert!(!one.has(&room, &forged));
    });
}

#[test]
fn a_server_outside_a_room_is_given_nothing() {
    run(async || {
        let Fixture { one, two, room } = fixture("joined");
        let text = json!({ "body": "a message" });
        let hidden = one.make(&room, "moderator", "m.room.message", None, text.clone());
        let later = one.make(&room, "moderator", "m.room.message", None, text);
        let id = || -> OwnedEventId { hidden.id().clone() };
        let event = || get_event::v1::Request::new(id());
        let backfill =
            || get_backfill::v1::Request::new(room.clone(), vec![id()], UInt::from(5_u32));
        let missing = || {
            get_missing_events::v1::Request::new(room.clone(), Vec::new(), vec![later.id().clone()])
        };
        let ids = || get_room_state_ids::v1::Request::new(id(), room.clone());
        let to = &one.endpoint;
        assert_eq!(status(&two.client.call(to, event()).await.unwrap_err()), 403);
        assert_eq!(status(&two.client.call(to, backfill()).await.unwrap_err()), 403);
        assert_eq!(status(&two.client.call(to, missing()).await.unwrap_err()), 403);
        assert_eq!(status(&two.client.call(to, ids()).await.unwrap_err()), 403);
        // Inside, it is given the state, and no event that its users may not see.
        let user = two.user("user");
        join(&two.homeserver, &two.client, to, &room, &user).await.unwrap();
        assert_eq!(status(&two.client.call(to, event()).await.unwrap_err()), 404);
        // Events from before the setting are `shared`.
        let holds = |texts: &[Box<serde_json::value::RawValue>]| {
            assert!(!texts.is_empty());
            texts.iter().any(|text| text.get().contains("a message"))
        };
        assert!(!holds(&two.client.call(to, backfill()).await.unwrap().pdus));
        assert!(!holds(&two.client.call(to, missing()).await.unwrap().events));
        assert!(!two.client.call(to, ids()).await.unwrap().pdu_ids.is_empty());
    });
}

#[test]
fn a_server_that_is_unknown_or_signs_wrongly_is_refused() {
    run(async || {
        let Fixture { one, two, room } = fixture("shared");
        let stranger = start();
        let request =
            || get_room_state_ids::v1::Request::new("$event".try_into().unwrap(), room.clone());
        let error = stranger.client.call(&one.endpoint, request()).await.unwrap_err();
        assert_eq!(status(&error), 401);
        // Another key, in the name of the second server.
        let impostor = Arc::new(ServerIdentity::generate(two.endpoint.name.clone()));
        let client = FederationClient::new(impostor, Duration::from_secs(20)).unwrap();
        assert_eq!(status(&client.call(&one.endpoint, request()).await.unwrap_err()), 401);
        // A request for another server.
        let elsewhere = Endpoint { name: stranger.endpoint.name.clone(), ..one.endpoint.clone() };
        let error = two.client.call(&elsewhere, request()).await.unwrap_err();
        assert_eq!(status(&error), 401);
    });
}

#[test]
fn a_request_without_signature_or_too_large_is_refused() {
    run(async || {
        let one = start();
        let http =
            reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
        let put = async |path: &str, body: Vec<u8>, header: &str| {
            let url = format!("{}/_matrix/{path}", one.endpoint.url);
            let request = http.put(url).header("Authorization", header).body(body);
            request.send().await.unwrap().status().as_u16()
        };
        let send = "federation/v1/send/1";
        for header in ["", "Bearer x", "X-Matrix", "X-Matrix origin=\"a\",key=\"b\",sig=\"c\""] {
            assert_eq!(put(send, b"{}".to_vec(), header).await, 401, "{header}");
        }
        assert_eq!(put(send, vec![b' '; 2_000_001], "").await, 413);
        assert_eq!(put("federation/v1/nothing", Vec::new(), "").await, 404);
        assert_eq!(put("key/v2/server", Vec::new(), "").await, 405);
    });
}

#[test]
fn a_homeserver_without_federation_is_told_what_to_set() {
    let server = Embedded::start(Rules::find("latest").unwrap().profile()).unwrap();
    let ran = run_line(&format!("diff --federated --server {} --quiet", server.url()));
    assert_eq!(ran.code, Some(4), "{ran:?}");
    for hint in ["--federation-url", "docs/federation.md"] {
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
}

#[test]
fn federated_scenarios_need_a_known_format_and_a_known_id() {
    let line = "diff --federated --server http://127.0.0.1:1 --format sarif";
    let ran = run_line(line);
    assert_eq!((ran.code, ran.err.contains("--format json")), (Some(2), true), "{ran:?}");
    let line = "diff --federated --only none-*";
    assert_eq!(run_line(line).code, Some(3));
}

/// The causes in a JSON report, each as `point=option`.
fn causes(report: &Value) -> Vec<String> {
    let causes = report["causes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    causes.map(|c| format!("{}={}", text(&c["decision_point"]), text(&c["option"]))).collect()
}

#[test]
fn the_reference_beside_another_server_obeys_every_revision() {
    let revisions = Rules::published();
    assert!(revisions.len() > 10);
    for rules in revisions {
        let ran = run_line(&format!("diff --federated --rules {} --quiet", rules.id));
        assert_eq!(ran.code, Some(0), "{}: {ran:?}", rules.id);
    }
}

#[test]
fn a_defect_of_the_reference_is_found_and_named_over_federation() {
    for defect in ["revocation.from=own_users", "revocation.event=not_current", "join.gate=none"] {
        let line = format!("diff --federated --defect {defect} --format json --quiet");
        let ran = run_line(&line);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let report = ran.json();
        assert_eq!(causes(&report), [defect]);
        assert_eq!(report["unexplained"], 0);
    }
}

#[test]
fn a_defect_that_cannot_show_is_refused() {
    for (line, hint) in [
        ("diff --federated --defect concurrency.late_sweep", "diff --concurrent"),
        ("diff --concurrent --defect revocation.from=own_users", "diff --federated"),
        ("serve --defect redaction.from=own_users", "serve --federate"),
        ("diff --federated --defect revocation.frm=own_users", "did you mean `revocation.from"),
    ] {
        let ran = run_line(line);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
}

#[test]
fn eight_of_ten_defects_are_found_and_named_over_federation() {
    let ran = run_line("defects --against federation --format json --quiet");
    let report = ran.json();
    let defects = report["defects"].as_array().unwrap();
    let is_good = |defect: &&Value| {
        defect["named"]["rightly"] == true && !defect["caught_by"].as_array().unwrap().is_empty()
    };
    let good = defects.iter().filter(is_good).count();
    assert!(defects.len() > 20, "{}", defects.len());
    let bad: Vec<_> = defects.iter().filter(|defect| !is_good(defect)).collect();
    assert!(good * 10 >= defects.len() * 8, "{bad:#?}");
}
