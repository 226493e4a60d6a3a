//! Defects of the reference show over HTTP.

use serde_json::json;

use super::client::Fixture;

#[test]
fn a_guest_joins_a_closed_room_without_the_join_gate() {
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
fn guests_stay_without_a_revocation() {
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
fn a_defect_opens_an_endpoint_to_guests() {
    let id = "GET /voip/turnServer";
    let mistake = format!("endpoint.{id}=open");
    // The server does not implement the endpoint, so an allowed caller gets 404.
    for (mistake, status) in [(None, 403), (Some(mistake.as_str()), 404)] {
        let fixture = Fixture::of("latest", mistake);
        assert_eq!(fixture.get(&fixture.guest(), "v3/voip/turnServer").status, status);
    }
}

#[test]
fn only_a_defect_honours_the_user_id_of_the_query() {
    for (mistake, status) in [(None, 403), (Some("authentication.masquerade=honoured"), 200)] {
        let fixture = Fixture::of("latest", mistake);
        let moderator = fixture.user("moderator");
        let path = format!("v3/capabilities?user_id={}", moderator.user_id);
        assert_eq!(fixture.get(&fixture.guest(), &path).status, status);
    }
}

#[test]
fn only_a_defect_treats_a_user_without_a_password_as_a_guest() {
    for (mistake, status) in [(None, 200), (Some("registration.known_by=no_password"), 403)] {
        let fixture = Fixture::of("latest", mistake);
        let auth = json!({ "type": "m.login.dummy" });
        let user = fixture.register("", &json!({ "username": "user", "auth": auth })).ok();
        let token = user["access_token"].as_str().unwrap();
        let request = fixture.request("GET", "v3/capabilities").bearer_auth(token);
        assert_eq!(request.send().unwrap().status().as_u16(), status);
    }
}
