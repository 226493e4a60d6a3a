//! A mistake that is switched on is made, over HTTP too.

use serde_json::json;

use super::client::World;

#[test]
fn guests_join_where_they_may_not_if_the_gate_is_open() {
    for (mistake, status) in [(None, 403), (Some("join.gate=none"), 200)] {
        let world = World::of("latest", mistake);
        let moderator = world.user("moderator");
        let room = world.open_room(&moderator);
        world.set_guest_access(&moderator, &room, "forbidden");
        let joined = world.post(&world.guest(), &format!("v3/rooms/{room}/join"), json!({}));
        assert_eq!(joined.status, status, "{joined:?}");
    }
}

#[test]
fn guests_stay_where_nothing_is_revoked() {
    for (mistake, after) in [(None, "leave"), (Some("revocation.effect=none"), "join")] {
        let world = World::of("latest", mistake);
        let (moderator, guest) = (world.user("moderator"), world.guest());
        let room = world.open_room(&moderator);
        world.post(&guest, &format!("v3/rooms/{room}/join"), json!({})).ok();
        world.set_guest_access(&moderator, &room, "forbidden");
        let path = format!("v3/rooms/{room}/state/m.room.member/{}", guest.user_id);
        assert_eq!(world.get(&moderator, &path).ok()["membership"], after);
    }
}

#[test]
fn an_endpoint_that_is_opened_by_mistake_is_open() {
    let id = "GET /voip/turnServer";
    let mistake = format!("endpoint.{id}=open");
    // There is nothing to it, so whoever is let in is told that.
    for (mistake, status) in [(None, 403), (Some(mistake.as_str()), 404)] {
        let world = World::of("latest", mistake);
        assert_eq!(world.get(&world.guest(), "v3/voip/turnServer").status, status);
    }
}

#[test]
fn who_is_named_in_the_query_is_believed_only_by_mistake() {
    for (mistake, status) in [(None, 403), (Some("authentication.masquerade=honoured"), 200)] {
        let world = World::of("latest", mistake);
        let moderator = world.user("moderator");
        let path = format!("v3/capabilities?user_id={}", moderator.user_id);
        assert_eq!(world.get(&world.guest(), &path).status, status);
    }
}

#[test]
fn who_has_no_password_counts_as_a_guest_only_by_mistake() {
    for (mistake, status) in [(None, 200), (Some("registration.known_by=no_password"), 403)] {
        let world = World::of("latest", mistake);
        let auth = json!({ "type": "m.login.dummy" });
        let user = world.register("", &json!({ "username": "user", "auth": auth })).ok();
        let token = user["access_token"].as_str().unwrap();
        let request = world.request("GET", "v3/capabilities").bearer_auth(token);
        assert_eq!(request.send().unwrap().status().as_u16(), status);
    }
}
