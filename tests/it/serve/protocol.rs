//! What the specification asks of every answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use guest_access_rules::endpoint::EndpointId;
use serde_json::json;

use super::client::{Answer, World};

#[test]
fn an_ordinary_registration_goes_through_a_stage_and_a_guests_does_not() {
    let world = World::new();
    let asked = world.register("", &json!({ "username": "user", "password": "secret" }));
    assert_eq!(asked.status, 401);
    assert_eq!(asked.body["flows"], json!([{ "stages": ["m.login.dummy"] }]));
    let session = asked.body["session"].as_str().unwrap();
    let another = json!({ "type": "m.login.terms", "session": session });
    assert_eq!(world.register("", &json!({ "auth": another })).status, 401);
    let auth = json!({ "type": "m.login.dummy", "session": session });
    let body = json!({ "username": "user", "password": "secret", "auth": auth });
    assert_eq!(world.register("", &body).ok()["user_id"], "@user:reference.test");
    assert_eq!(world.register("", &body).verdict(), (400, "M_USER_IN_USE"));
    assert_eq!(world.register("?kind=guest", &json!({})).status, 200);
}

#[test]
fn deactivation_asks_for_the_token_before_the_stage() {
    let world = World::new();
    let user = world.user("user");
    let mut stranger = user.clone();
    stranger.token = "made-up".to_owned();
    let path = "v3/account/deactivate";
    assert_eq!(world.post(&stranger, path, json!({})).verdict(), (401, "M_UNKNOWN_TOKEN"));
    assert!(world.post(&user, path, json!({})).body["flows"].is_array());
    let auth = json!({ "auth": { "type": "m.login.dummy" } });
    world.post(&user, path, auth).ok();
    assert_eq!(world.get(&user, "v3/account/whoami").verdict(), (401, "M_UNKNOWN_TOKEN"));
}

#[test]
fn a_body_that_is_no_json_and_one_of_another_shape_are_told_apart() {
    let world = World::new();
    let user = world.user("user");
    let send = |body: &'static str| {
        let request = world.request("POST", "v3/createRoom").bearer_auth(&user.token);
        Answer::from(request.body(body).send().unwrap())
    };
    assert_eq!(send("{").verdict(), (400, "M_NOT_JSON"));
    assert_eq!(send(r#"{"invite": 1}"#).verdict(), (400, "M_BAD_JSON"));
    assert_eq!(world.get(&user, "v3/sync?timeout=soon").verdict(), (400, "M_INVALID_PARAM"));
    let not_utf8 = world.get(&user, "v3/profile/%ff");
    assert_eq!(not_utf8.verdict(), (400, "M_INVALID_PARAM"));
}

#[test]
fn a_body_in_which_everything_may_be_left_out_may_be_left_out() {
    let world = World::new();
    let user = world.user("user");
    let room = world.open_room(&user);
    world.call(&user, "POST", &format!("v3/rooms/{room}/leave"), None).ok();
    world.call(&user, "POST", "v3/join/%23open:reference.test", None).ok();
    let invite = world.call(&user, "POST", &format!("v3/rooms/{room}/invite"), None);
    assert_eq!(invite.verdict(), (400, "M_BAD_JSON"));
    let state = format!("v3/rooms/{room}/state/m.room.topic");
    assert_eq!(world.call(&user, "PUT", &state, None).verdict(), (400, "M_NOT_JSON"));
}

#[test]
fn who_may_not_call_an_endpoint_is_not_told_what_is_wrong_with_the_request() {
    let world = World::new();
    let guest = world.guest();
    let request = world.request("POST", "v3/createRoom").body("{");
    let nobody = Answer::from(request.try_clone().unwrap().send().unwrap());
    assert_eq!(nobody.verdict(), (401, "M_MISSING_TOKEN"));
    let guest = Answer::from(request.bearer_auth(&guest.token).send().unwrap());
    assert_eq!(guest.verdict(), (403, "M_GUEST_ACCESS_FORBIDDEN"));
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    // The server answers as soon as the body is too large and then closes the connection, which may
    // break off a client that is still sending. So neither request has a byte that the server leaves
    // unread: the first has no body at all, the second ends with the first byte beyond the limit.
    let limit = 8 * 1024 * 1024;
    let declared = format!("Content-Length: {}\r\n\r\n", limit + 1);
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", limit + 1);
    let world = World::new();
    let user = world.user("user");
    for (headers_end, body) in [(declared, vec![]), (chunked, vec![0; limit + 1])] {
        let address = world.server.url().replace("http://", "");
        let mut connection = TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer {}\r\nConnection: close\r\n{headers_end}",
            user.token
        );
        connection.write_all(head.as_bytes()).unwrap();
        connection.write_all(&body).unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
        assert!(response.contains("M_TOO_LARGE"), "{response}");
    }
}

#[test]
fn what_no_text_knows_is_unrecognized() {
    let world = World::new();
    let guest = world.guest();
    assert_eq!(world.get(&guest, "v3/nothing").verdict(), (404, "M_UNRECOGNIZED"));
    assert_eq!(world.get(&guest, "/").verdict(), (404, "M_UNRECOGNIZED"));
    let delete = world.call(&guest, "DELETE", "v3/sync", None);
    assert_eq!(delete.verdict(), (405, "M_UNRECOGNIZED"));
}

#[test]
fn every_answer_lets_pages_of_other_origins_in() {
    let world = World::new();
    let headers = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS"),
        ("access-control-allow-headers", "X-Requested-With, Content-Type, Authorization"),
    ];
    for (method, path, status) in [
        ("OPTIONS", "v3/sync", 200),
        ("OPTIONS", "v3/nothing", 200),
        ("GET", "versions", 200),
        ("GET", "v3/sync", 401),
        ("GET", "v3/nothing", 404),
    ] {
        let response = world.request(method, path).send().unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        for (name, value) in headers {
            assert_eq!(response.headers()[name], value, "{method} {path}");
        }
    }
}

#[test]
fn the_token_is_in_the_header_or_in_the_query_and_older_paths_are_the_same() {
    let world = World::new();
    let user = world.user("user");
    for path in ["v3/account/whoami", "r0/account/whoami"] {
        assert_eq!(world.get(&user, path).ok()["user_id"], user.user_id.as_str());
        let path = format!("{path}?access_token={}", user.token);
        let answer = Answer::from(world.request("GET", &path).send().unwrap());
        assert_eq!(answer.ok()["user_id"], user.user_id.as_str());
    }
}

#[test]
fn a_client_finds_what_it_looks_for_when_it_starts() {
    let world = World::new();
    let user = world.user("user");
    let versions = Answer::from(world.request("GET", "versions").send().unwrap()).ok();
    assert!(versions["versions"].as_array().unwrap().contains(&json!("v1.16")));
    let capabilities = world.get(&user, "v3/capabilities").ok();
    assert_eq!(capabilities["capabilities"]["m.room_versions"]["default"], "11");
    assert!(world.get(&user, "v3/pushrules/").ok()["global"].is_object());
    let filter = json!({ "room": { "timeline": { "limit": 1 } } });
    let path = format!("v3/user/{}/filter", user.user_id);
    let id = world.post(&user, &path, filter.clone()).ok()["filter_id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(world.get(&user, &format!("{path}/{id}")).ok(), filter);
    let room = world.open_room(&user);
    let last = world.say(&user, &room, "last");
    for filter in [id, &filter.to_string()] {
        let request = world.request("GET", "v3/sync").query(&[("filter", filter)]);
        let sync = Answer::from(request.bearer_auth(&user.token).send().unwrap()).ok();
        let timeline = &sync["rooms"]["join"][&room]["timeline"];
        assert_eq!(super::client::ids(&timeline["events"]), [last.as_str()]);
        assert_eq!(timeline["limited"], true);
    }
}

#[test]
fn no_body_whatever_breaks_the_server() {
    let world = World::new();
    let user = world.user("user");
    let bodies = [
        "",
        "{}",
        "[]",
        "null",
        "1",
        "{\"type\":1}",
        "{\"auth\":{}}",
        "{\"auth\":1}",
        "{\"type\":\"m.login.password\"}",
        "{\"type\":\"m.login.none\"}",
        "[[[[[[[[",
        "\u{0}",
    ];
    for endpoint in EndpointId::all().filter(|endpoint| endpoint.get().method() != "GET") {
        for body in bodies {
            let path = endpoint.get().path.replace(['{', '}'], "");
            let request = world.request(endpoint.get().method(), &path).bearer_auth(&user.token);
            let answer = Answer::from(request.body(body).send().unwrap());
            assert!(answer.status < 500, "{endpoint}: {body}: {answer:?}");
        }
    }
}
