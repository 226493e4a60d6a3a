//! The requirements of the specification for every answer.

use guest_access_rules::endpoint::EndpointId;
use serde_json::json;

use super::client::{Answer, Fixture};

#[test]
fn only_the_registration_of_a_user_demands_a_stage() {
    let fixture = Fixture::new();
    let response = fixture.register("", &json!({ "username": "user", "password": "secret" }));
    assert_eq!(response.status, 401);
    assert_eq!(response.body["flows"], json!([{ "stages": ["m.login.dummy"] }]));
    let session = response.body["session"].as_str().unwrap();
    let another = json!({ "type": "m.login.terms", "session": session });
    assert_eq!(fixture.register("", &json!({ "auth": another })).status, 401);
    let auth = json!({ "type": "m.login.dummy", "session": session });
    let body = json!({ "username": "user", "password": "secret", "auth": auth });
    assert_eq!(fixture.register("", &body).ok()["user_id"], "@user:reference.test");
    assert_eq!(fixture.register("", &body).verdict(), (400, "M_USER_IN_USE"));
    assert_eq!(fixture.register("?kind=guest", &json!({})).status, 200);
}

#[test]
fn deactivation_asks_for_the_token_before_the_stage() {
    let fixture = Fixture::new();
    let user = fixture.user("user");
    let mut stranger = user.clone();
    stranger.token = "made-up".to_owned();
    let path = "v3/account/deactivate";
    assert_eq!(fixture.post(&stranger, path, json!({})).verdict(), (401, "M_UNKNOWN_TOKEN"));
    assert!(fixture.post(&user, path, json!({})).body["flows"].is_array());
    let auth = json!({ "auth": { "type": "m.login.dummy" } });
    fixture.post(&user, path, auth).ok();
    assert_eq!(fixture.get(&user, "v3/account/whoami").verdict(), (401, "M_UNKNOWN_TOKEN"));
}

#[test]
fn not_json_and_bad_json_are_different_errors() {
    let fixture = Fixture::new();
    let user = fixture.user("user");
    let send = |body: &'static str| {
        let request = fixture.request("POST", "v3/createRoom").bearer_auth(&user.token);
        Answer::from(request.body(body).send().unwrap())
    };
    assert_eq!(send("{").verdict(), (400, "M_NOT_JSON"));
    assert_eq!(send(r#"{"invite": 1}"#).verdict(), (400, "M_BAD_JSON"));
    assert_eq!(fixture.get(&user, "v3/sync?timeout=soon").verdict(), (400, "M_INVALID_PARAM"));
    let not_utf8 = fixture.get(&user, "v3/profile/%ff");
    assert_eq!(not_utf8.verdict(), (400, "M_INVALID_PARAM"));
}

#[test]
fn a_body_of_optional_fields_may_be_left_out() {
    let fixture = Fixture::new();
    let user = fixture.user("user");
    let room = fixture.open_room(&user);
    fixture.call(&user, "POST", &format!("v3/rooms/{room}/leave"), None).ok();
    fixture.call(&user, "POST", "v3/join/%23open:reference.test", None).ok();
    let invite = fixture.call(&user, "POST", &format!("v3/rooms/{room}/invite"), None);
    assert_eq!(invite.verdict(), (400, "M_BAD_JSON"));
    let state = format!("v3/rooms/{room}/state/m.room.topic");
    assert_eq!(fixture.call(&user, "PUT", &state, None).verdict(), (400, "M_NOT_JSON"));
}

#[test]
fn a_forbidden_call_gets_the_refusal_before_a_parse_error() {
    let fixture = Fixture::new();
    let guest = fixture.guest();
    let request = fixture.request("POST", "v3/createRoom").body("{");
    let nobody = Answer::from(request.try_clone().unwrap().send().unwrap());
    assert_eq!(nobody.verdict(), (401, "M_MISSING_TOKEN"));
    let guest = Answer::from(request.bearer_auth(&guest.token).send().unwrap());
    assert_eq!(guest.verdict(), (403, "M_GUEST_ACCESS_FORBIDDEN"));
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    // The server answers at the first byte beyond the limit, and closes the connection while a client may
    // still be sending. So the first byte beyond the limit is the last byte of the body.
    let limit = 8 * 1024 * 1024;
    let fixture = Fixture::new();
    let user = fixture.user("user");
    let request = fixture.request("POST", "/_matrix/media/v3/upload").bearer_auth(&user.token);
    let answer = Answer::from(request.body(vec![0; limit + 1]).send().unwrap());
    assert_eq!(answer.verdict(), (413, "M_TOO_LARGE"));
}

#[test]
fn an_unknown_endpoint_is_unrecognized() {
    let fixture = Fixture::new();
    let guest = fixture.guest();
    assert_eq!(fixture.get(&guest, "v3/nothing").verdict(), (404, "M_UNRECOGNIZED"));
    assert_eq!(fixture.get(&guest, "/").verdict(), (404, "M_UNRECOGNIZED"));
    let delete = fixture.call(&guest, "DELETE", "v3/sync", None);
    assert_eq!(delete.verdict(), (405, "M_UNRECOGNIZED"));
}

#[test]
fn every_response_has_the_cors_headers() {
    let fixture = Fixture::new();
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
        let response = fixture.request(method, path).send().unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        for (name, value) in headers {
            assert_eq!(response.headers()[name], value, "{method} {path}");
        }
    }
}

#[test]
fn header_and_query_tokens_and_older_paths_are_accepted() {
    let fixture = Fixture::new();
    let user = fixture.user("user");
    for path in ["v3/account/whoami", "r0/account/whoami"] {
        assert_eq!(fixture.get(&user, path).ok()["user_id"], user.user_id.as_str());
        let path = format!("{path}?access_token={}", user.token);
        let answer = Answer::from(fixture.request("GET", &path).send().unwrap());
        assert_eq!(answer.ok()["user_id"], user.user_id.as_str());
    }
}

#[test]
fn a_client_finds_what_it_looks_for_when_it_starts() {
    let fixture = Fixture::new();
    let user = fixture.user("user");
    let versions = Answer::from(fixture.request("GET", "versions").send().unwrap()).ok();
    assert!(versions["versions"].as_array().unwrap().contains(&json!("v1.16")));
    let capabilities = fixture.get(&user, "v3/capabilities").ok();
    assert_eq!(capabilities["capabilities"]["m.room_versions"]["default"], "11");
    assert!(fixture.get(&user, "v3/pushrules/").ok()["global"].is_object());
    let filter = json!({ "room": { "timeline": { "limit": 1 } } });
    let path = format!("v3/user/{}/filter", user.user_id);
    let id = fixture.post(&user, &path, filter.clone()).ok()["filter_id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(fixture.get(&user, &format!("{path}/{id}")).ok(), filter);
    let room = fixture.open_room(&user);
    let last = fixture.say(&user, &room, "last");
    for filter in [id, &filter.to_string()] {
        let request = fixture.request("GET", "v3/sync").query(&[("filter", filter)]);
        let sync = Answer::from(request.bearer_auth(&user.token).send().unwrap()).ok();
        let timeline = &sync["rooms"]["join"][&room]["timeline"];
        assert_eq!(super::client::ids(&timeline["events"]), [last.as_str()]);
        assert_eq!(timeline["limited"], true);
    }
}

#[test]
fn no_body_breaks_the_server() {
    let fixture = Fixture::new();
    let user = fixture.user("user");
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
            let request = fixture.request(endpoint.get().method(), &path).bearer_auth(&user.token);
            let answer = Answer::from(request.body(body).send().unwrap());
            assert!(answer.status < 500, "{endpoint}: {body}: {answer:?}");
        }
    }
}
