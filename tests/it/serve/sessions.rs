//! Typical sessions of guests, users and moderators.

use serde_json::{Value, json};

use super::client::{Fixture, ids};

#[test]
fn a_guest_peeks_joins_sends_and_is_removed_by_a_revocation() {
    let fixture = Fixture::new();
    let moderator = fixture.user("moderator");
    let room = fixture.open_room(&moderator);
    let hello = fixture.say(&moderator, &room, "hello");

    let guest = fixture.guest();
    assert_eq!(fixture.get(&guest, "v3/account/whoami").ok()["is_guest"], true);
    let peeked = fixture.get(&guest, &format!("v3/rooms/{room}/initialSync?limit=1")).ok();
    assert_eq!(ids(&peeked["messages"]["chunk"]), [hello.as_str()]);
    assert_eq!(fixture.get(&guest, "v3/sync").ok()["rooms"], Value::Null);

    fixture.post(&guest, &format!("v3/rooms/{room}/join"), json!({})).ok();
    let event = fixture.say(&guest, &room, "hi");
    let sync = fixture.get(&moderator, "v3/sync").ok();
    let since = sync["next_batch"].as_str().unwrap();
    assert!(ids(&sync["rooms"]["join"][&room]["timeline"]["events"]).contains(&event.as_str()));

    fixture.set_guest_access(&moderator, &room, "forbidden");
    let path = format!("v3/rooms/{room}/state/m.room.member/{}", guest.user_id);
    assert_eq!(fixture.get(&moderator, &path).ok()["membership"], "leave");
    let news = fixture.get(&guest, &format!("v3/sync?since={since}")).ok();
    assert!(news["rooms"]["leave"].get(&room).is_some(), "{news}");
    let again = fixture.post(&guest, &format!("v3/rooms/{room}/join"), json!({}));
    assert_eq!(again.verdict(), (403, "M_GUEST_ACCESS_FORBIDDEN"));
}

#[test]
fn an_upgraded_guest_logs_in_with_a_password() {
    let fixture = Fixture::new();
    let guest = fixture.guest();
    let name = guest.user_id[1..].split(':').next().unwrap().to_owned();
    let body = json!({
        "username": name,
        "password": "secret",
        "guest_access_token": guest.token,
        "auth": { "type": "m.login.dummy" },
    });
    assert_eq!(fixture.register("", &body).ok()["user_id"], guest.user_id.as_str());
    let flows: Value = fixture.request("GET", "v3/login").send().unwrap().json().unwrap();
    assert_eq!(flows["flows"][0]["type"], "m.login.password");
    let login = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": name },
        "password": "secret",
    });
    let logged_in = fixture.request("POST", "v3/login").json(&login).send().unwrap();
    let logged_in: Value = logged_in.json().unwrap();
    assert_eq!(logged_in["user_id"], guest.user_id.as_str());
    assert_eq!(fixture.get(&guest, "v3/account/whoami").verdict(), (401, "M_UNKNOWN_TOKEN"));
}

#[test]
fn a_room_has_the_state_of_its_creation_request() {
    let fixture = Fixture::new();
    let moderator = fixture.user("moderator");
    let body = json!({
        "preset": "private_chat",
        "room_version": "10",
        "name": "A room",
        "power_level_content_override": { "invite": 70 },
        "visibility": "public",
    });
    let room = fixture.post(&moderator, "v3/createRoom", body).ok();
    let room = room["room_id"].as_str().unwrap();
    let state = |kind: &str| fixture.get(&moderator, &format!("v3/rooms/{room}/state/{kind}")).ok();
    assert_eq!(state("m.room.create")["room_version"], "10");
    assert_eq!(state("m.room.create")["creator"], moderator.user_id.as_str());
    assert_eq!(state("m.room.power_levels")["invite"], 70);
    assert_eq!(state("m.room.guest_access/")["guest_access"], "can_join");
    let public: Value = fixture.request("GET", "v3/publicRooms").send().unwrap().json().unwrap();
    assert_eq!(public["chunk"][0]["name"], "A room");

    let unknown = fixture.post(&moderator, "v3/createRoom", json!({ "room_version": "x" }));
    assert_eq!(unknown.verdict(), (400, "M_UNSUPPORTED_ROOM_VERSION"));
    fixture.open_room(&moderator);
    let taken = fixture.post(&moderator, "v3/createRoom", json!({ "room_alias_name": "open" }));
    assert_eq!(taken.verdict(), (400, "M_ROOM_IN_USE"));
}

#[test]
fn a_moderator_invites_kicks_bans_unbans_and_redacts() {
    let fixture = Fixture::new();
    let (moderator, user) = (fixture.user("moderator"), fixture.user("user"));
    let room = fixture.open_room(&moderator);
    let membership = || {
        let path = format!("v3/rooms/{room}/state/m.room.member/{}", user.user_id);
        fixture.get(&moderator, &path).ok()["membership"].as_str().unwrap().to_owned()
    };
    for (action, after) in
        [("invite", "invite"), ("kick", "leave"), ("ban", "ban"), ("unban", "leave")]
    {
        let path = format!("v3/rooms/{room}/{action}");
        fixture.post(&moderator, &path, json!({ "user_id": user.user_id })).ok();
        assert_eq!(membership(), after, "{action}");
    }
    let event = fixture.say(&moderator, &room, "secret");
    fixture.put(&moderator, &format!("v3/rooms/{room}/redact/{event}/1"), json!({})).ok();
    let event = fixture.get(&moderator, &format!("v3/rooms/{room}/event/{event}")).ok();
    assert_eq!(event["content"], json!({}));
    let leave = format!("v3/rooms/{room}/leave");
    let forget = format!("v3/rooms/{room}/forget");
    assert_eq!(fixture.post(&moderator, &forget, json!({})).verdict(), (400, "M_UNKNOWN"));
    fixture.post(&moderator, &leave, json!({})).ok();
    fixture.post(&moderator, &forget, json!({})).ok();
}

#[test]
fn downloaded_media_equal_the_upload() {
    let fixture = Fixture::new();
    let moderator = fixture.user("moderator");
    let upload = fixture.request("POST", "/_matrix/media/v3/upload").bearer_auth(&moderator.token);
    let upload = upload.header("Content-Type", "text/plain").body("some text").send().unwrap();
    let upload: Value = upload.json().unwrap();
    let media = upload["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap().to_owned();
    for path in [format!("v1/media/download/{media}"), format!("v1/media/download/{media}/a.txt")] {
        let request = fixture.request("GET", &path).bearer_auth(&fixture.guest().token);
        let response = request.send().unwrap();
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert_eq!(response.text().unwrap(), "some text");
    }
}
