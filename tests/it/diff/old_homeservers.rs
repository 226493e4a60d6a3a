//! Homeservers of every age: other paths, other ways to register, and no guests at all.

use guest_access_rules::rules::Rules;
use serde_json::{Value, json};

use super::diff_vectors;
use super::layer::{Behind, Call, Layer, Reply, in_front_of, refusal};
use crate::cli::Ran;

/// Some vectors, which read and change every setting of a room.
const SOME: [&str; 4] = ["--only", "message-under-*", "--only", "room*"];

fn start(layer: Layer) -> String {
    in_front_of(Rules::find("latest").unwrap().profile(), layer)
}

fn diff(layer: Layer, args: &[&str]) -> Ran {
    let url = start(layer);
    let always = ["--server", &url, "--quiet", "--format", "json"];
    diff_vectors(always.iter().chain(&SOME).chain(args))
}

/// Asserts that the homeserver has no divergence, and that as much is compared as on the reference.
fn is_compared_as_the_reference(layer: Layer, args: &[&str]) {
    let reference = diff_vectors(["--quiet", "--format", "json"].iter().chain(&SOME));
    let ran = diff(layer, args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["divergences"], json!([]), "{ran:?}");
    assert_eq!(ran.json()["decisions"], reference.json()["decisions"], "{ran:?}");
}

fn registers_a_guest(call: &Call) -> bool {
    call.is("POST", &["register"]) && call.target.contains("kind=guest")
}

fn closed_by(behind: &Behind, call: &Call, status: u16, errcode: &str) -> Reply {
    if registers_a_guest(call) { refusal(status, errcode) } else { behind.forward(call) }
}

#[test]
fn a_homeserver_without_guests_is_reported() {
    let closed: [(Layer, &str); 4] = [
        (|behind, call| closed_by(behind, call, 403, "M_FORBIDDEN"), "403 M_FORBIDDEN"),
        (
            |behind, call| closed_by(behind, call, 403, "M_GUEST_ACCESS_FORBIDDEN"),
            "403 M_GUEST_ACCESS_FORBIDDEN",
        ),
        (|behind, call| closed_by(behind, call, 404, "M_UNRECOGNIZED"), "404 M_UNRECOGNIZED"),
        (|behind, call| closed_by(behind, call, 400, "M_UNKNOWN"), "400 M_UNKNOWN"),
    ];
    for (layer, answer) in closed {
        let ran = diff(layer, &[]);
        assert_eq!(ran.code, Some(4), "{ran:?}");
        assert!(ran.err.contains("registers no guests"), "{ran:?}");
        assert!(ran.err.contains(answer), "{ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
}

/// A guest's registration takes these stages.
fn authenticating(behind: &Behind, call: &Call, stages: &[&str]) -> Reply {
    if !registers_a_guest(call) {
        return behind.forward(call);
    }
    let auth = &call.json()["auth"];
    let stage = auth["type"].as_str();
    let is_proved = auth["session"] == "a-session"
        && stage.is_some_and(|stage| stages.contains(&stage))
        && (stage != Some("m.login.registration_token") || auth["token"] == "a-token");
    if is_proved {
        return behind.forward(call);
    }
    let info = json!({ "flows": [{ "stages": stages }], "params": {}, "session": "a-session" });
    (401, info)
}

#[test]
fn guests_authenticate_by_the_dummy_stage() {
    is_compared_as_the_reference(
        |behind, call| authenticating(behind, call, &["m.login.dummy"]),
        &[],
    );
}

#[test]
fn guests_authenticate_by_a_registration_token() {
    let layer: Layer = |behind, call| authenticating(behind, call, &["m.login.registration_token"]);
    is_compared_as_the_reference(layer, &["--registration-token", "a-token"]);
    let ran = diff(layer, &[]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("it asks for more than the dummy stage"), "{ran:?}");
}

/// The path of a state event has no slash at its end.
fn without_slash(behind: &Behind, call: &Call) -> Reply {
    if call.segments.get(2).is_none_or(|segment| segment != "state") {
        return behind.forward(call);
    }
    match &call.segments[3..] {
        [_, key] if key.is_empty() => refusal(404, "M_UNRECOGNIZED"),
        [_] => {
            let target = match call.target.split_once('?') {
                Some((path, query)) => format!("{path}/?{query}"),
                None => format!("{}/", call.target),
            };
            behind.forward(&Call { target, ..call.clone() })
        }
        _ => behind.forward(call),
    }
}

#[test]
fn the_slash_before_an_empty_state_key_is_optional() {
    is_compared_as_the_reference(without_slash, &[]);
}

/// Only the paths of r0 are known.
fn before_v1_1(behind: &Behind, call: &Call) -> Reply {
    if call.target.starts_with("/_matrix/client/versions") {
        return (200, json!({ "versions": ["r0.5.0", "r0.6.1"] }));
    }
    match call.target.strip_prefix("/_matrix/client/r0/") {
        Some(rest) => {
            let target = format!("/_matrix/client/v3/{rest}");
            behind.forward(&Call { target, ..call.clone() })
        }
        None if call.target.starts_with("/_matrix/client/v3/") => refusal(404, "M_UNRECOGNIZED"),
        None => behind.forward(call),
    }
}

#[test]
fn a_homeserver_before_v1_1_is_called_by_its_own_paths() {
    is_compared_as_the_reference(before_v1_1, &[]);
}

/// Only what r0 has is known, and messages are asked for from a place on.
fn before_v1_3(behind: &Behind, call: &Call) -> Reply {
    if call.target.starts_with("/_matrix/client/v1/") {
        return (404, Value::Null);
    }
    let reads = call.is("GET", &["rooms", "", "messages"]);
    let is_forwards = call.target.contains("dir=f");
    if reads && is_forwards && !call.target.contains("from=") {
        return refusal(400, "M_MISSING_PARAM");
    }
    let mut reply = before_v1_1(behind, call);
    if reads && !is_forwards && reply.0 == 200 && reply.1["end"].is_null() {
        reply.1["end"] = json!("s0");
    }
    reply
}

#[test]
fn a_homeserver_need_not_have_what_came_after_its_release() {
    let ran = diff(before_v1_3, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["divergences"], json!([]), "{report:#}");
    assert_eq!(report["older_release"], "r0.6.1");
    let not_compared = &report["not_compared"];
    assert_eq!(not_compared["failed"]["decisions"], 0, "{not_compared:#}");
    let because = not_compared["permitted"]["reasons"][0]["because"].as_str().unwrap();
    assert!(because.contains("does not implement"), "{not_compared:#}");
    let forwards = report["coverage"].as_array().unwrap().iter();
    let mut forwards = forwards.filter(|section| section["section"] == "chunk forwards");
    assert!(forwards.any(|section| section["due"].as_u64() > Some(0)), "{report:#}");
}
