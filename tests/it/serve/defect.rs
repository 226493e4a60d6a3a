//! A mistake that is switched on is made, over HTTP too.

use serde_json::json;

use super::client::Fixture;

#[test]
fn guests_join_where_they_may_not_if_the_gate_is_open() {
    for (mistake, status) in [(None, 403), (Some("join.gate=none"), 200)] {
        let fixture = Fixture::of("latest", mistake);
        let moderator = fixture.user("moderator");
        let room = fixture.open_room(&moderator);
        fixture.set_guest_access(&moderator, &room, "forbidden");
        let joined = fixture.post(&fixture.guest(), &format!("v3/rooms/{room}/join"), json!({}));
        assert_eq!(joined.status, status, "{joined:?}");
    }
}

#[test]
fn guests_stay_where_nothing_is_revoked() {
    for (mistake, after) in [(None, "leave"), (Some("revocation.effect=none"), "join")] {
        let fixture = Fixture::of("latest", mistake);
        let (moderator, guest) = (fixture.user("moderator"), fixture.guest());
        let room = fixture.open_room(&moderator);
        fixture.post(&guest, &format!("v3/rooms/{room}/join"), json!({})).ok();
        fixture.set_guest_access(&moderator, &room, "forbidden");
        let path = format!("v3/rooms/{room}/state/m.room.member/{}", guest.user_id);
        assert_eq!(fixture.get(&moderator, &path).ok()["membership"], after);
    }
}

#[test]
fn an_endpoint_that_is_opened_by_mistake_is_open() {
    let id = "GET /voip/turnServer";
    let mistake = format!("endpoint.{id}=open");
    // There is nothing to it, so whoever is let in is told that.
    for (mistake, status) in [(None, 403), (Some(mistake.as_str()), 404)] {
        let fixture = Fixture::of("latest", mistake);
        assert_eq!(fixture.get(&fixture.guest(), "v3/voip/turnServer").status, status);
    }
}

#[test]
fn who_is_named_in_the_query_is_believed_only_by_mistake() {
    for (mistake, status) in [(None, 403), (Some("authentication.masquerade=honoured"), 200)] {
        let fixture = Fixture::of("latest", mistake);
        let moderator = fixture.user("moderator");
        let path = format!("v3/capabilities?user_id={}", moderator.user_id);
        assert_eq!(fixture.get(&fixture.guest(), &path).status, status);
    }
}

#[test]
fn who_has_no_password_counts_as_a_guest_only_by_mistake() {
    for (mistake, status) in [(None, 200), (Some("registration.known_by=no_password"), 403)] {
        let fixture = Fixture::of("latest", mistake);
        let auth = json!({ "type": "m.login.dummy" });
        let user = fixture.register("", &json!({ "username": "user", "auth": auth })).ok();
        let token = user["access_token"].as_str().unwrap();
        let request = fixture.request("GET", "v3/capabilities").bearer_auth(token);
        assert_eq!(request.send().unwrap().status().as_u16(), status);
    }
}
