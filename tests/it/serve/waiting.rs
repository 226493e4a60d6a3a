//! Long polling: `GET /sync` and `GET /events` answer at the next event, and not before.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Fixture, ids};

/// Longer than any test takes.
const LONG: &str = "60000";

#[test]
fn a_sync_is_answered_at_the_next_event() {
    let fixture = Fixture::new();
    let moderator = fixture.user("moderator");
    let room = fixture.open_room(&moderator);
    let since = fixture.get(&moderator, "v3/sync").ok()["next_batch"].as_str().unwrap().to_owned();
    let path = format!("v3/sync?timeout={LONG}&since={since}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.get(&moderator, &path).ok());
        std::thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished());
        let event = fixture.say(&moderator, &room, "news");
        let sync = waiting.join().unwrap();
        assert_eq!(ids(&sync["rooms"]["join"][&room]["timeline"]["events"]), [event.as_str()]);
    });
}

#[test]
fn a_waiting_previewer_gets_the_next_event_of_its_room_only() {
    let fixture = Fixture::new();
    let moderator = fixture.user("moderator");
    let room = fixture.open_room(&moderator);
    let other = fixture.post(&moderator, "v3/createRoom", serde_json::json!({})).ok();
    let other = other["room_id"].as_str().unwrap();
    let guest = fixture.guest();
    let path = format!("v3/events?timeout={LONG}&room_id={room}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.get(&guest, &path).ok());
        std::thread::sleep(Duration::from_millis(200));
        fixture.say(&moderator, other, "elsewhere");
        std::thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished());
        let event = fixture.say(&moderator, &room, "news");
        assert_eq!(ids(&waiting.join().unwrap()["chunk"]), [event.as_str()]);
    });
}

#[test]
fn the_timeout_ends_the_waiting_and_a_refusal_does_not_wait() {
    let fixture = Fixture::new();
    let moderator = fixture.user("moderator");
    let since = fixture.get(&moderator, "v3/sync").ok()["next_batch"].as_str().unwrap().to_owned();
    let began = Instant::now();
    let sync = fixture.get(&moderator, &format!("v3/sync?timeout=300&since={since}")).ok();
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(sync["rooms"], Value::Null);

    let refused = fixture.get(&fixture.guest(), &format!("v3/events?timeout={LONG}"));
    assert_eq!(refused.verdict(), (400, "M_MISSING_PARAM"));
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_waiting_call_is_answered_when_the_server_ends() {
    let fixture = Fixture::new();
    let moderator = fixture.user("moderator");
    let since = fixture.get(&moderator, "v3/sync").ok()["next_batch"].as_str().unwrap().to_owned();
    let request = fixture
        .request("GET", &format!("v3/sync?timeout={LONG}&since={since}"))
        .bearer_auth(&moderator.token);
    let waiting = std::thread::spawn(move || request.send().unwrap().status().as_u16());
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    drop(fixture);
    assert_eq!(waiting.join().unwrap(), 200);
    assert!(began.elapsed() < Duration::from_secs(10));
}
