//! Homeservers with one mistake that no decision point has: `diff` finds the mistake and says what it is.

use guest_access_rules::rules::Rules;
use serde_json::{Value, json};

use super::diff_vectors;
use super::layer::{Behind, Call, Layer, Reply, in_front_of, refusal};

/// The divergences that these vectors show at the reference behind the layer, which all have this kind.
fn found(layer: Layer, kind: &str, only: &str) -> Vec<Value> {
    let url = in_front_of(Rules::find("latest").unwrap().profile(), layer);
    let ran = diff_vectors(["--server", &url, "--quiet", "--only", only, "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    let report = ran.json();
    let found = report["divergences"].as_array().unwrap();
    for divergence in found {
        assert_eq!(divergence["kind"], kind, "{divergence:#}");
    }
    found.clone()
}

/// Media endpoints that no guest may call fail when a guest calls them.
fn media_fail_for_guests(behind: &Behind, call: &Call) -> Reply {
    let reply = behind.forward(call);
    let is_of_media = call.target.contains("/media/");
    let is_refused = reply.1["errcode"] == "M_GUEST_ACCESS_FORBIDDEN";
    if is_of_media && is_refused { refusal(500, "M_UNKNOWN") } else { reply }
}

#[test]
fn a_failure_in_place_of_a_denial_is_a_divergence() {
    for divergence in found(media_fail_for_guests, "failure", "accounts") {
        assert!(divergence["endpoint"].as_str().unwrap().contains("/media/"), "{divergence:#}");
        assert_eq!(divergence["expected"], "deny 403 M_GUEST_ACCESS_FORBIDDEN", "{divergence:#}");
        assert_eq!(divergence["observed"], "fail 500 M_UNKNOWN", "{divergence:#}");
    }
}

#[test]
fn a_failure_without_a_body_is_a_divergence() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let reply = media_fail_for_guests(behind, call);
        if reply.0 == 500 { (500, Value::Null) } else { reply }
    }
    for divergence in found(layer, "failure", "accounts") {
        assert_eq!(divergence["observed"], "fail 500 without an error code", "{divergence:#}");
    }
}

/// A guest access that has a null character in its value cannot be stored.
fn no_null_character_is_stored(behind: &Behind, call: &Call) -> Reply {
    let sets = call.is("PUT", &["rooms", "", "state", "m.room.guest_access", ""]);
    let body = call.json();
    let value = body["guest_access"].as_str().unwrap_or_default();
    if sets && value.contains('\0') { refusal(500, "M_UNKNOWN") } else { behind.forward(call) }
}

#[test]
fn a_shape_of_a_setting_that_fails_is_a_divergence() {
    let found = found(no_null_character_is_stored, "failure", "room*");
    let [divergence] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(divergence["reproduced"], true, "{divergence:#}");
    // The clauses on sending say who may send, and no clause demands that each content is stored.
    assert_eq!(divergence["clauses"], json!([]), "{divergence:#}");
    let script = divergence["curl"].as_str().unwrap();
    assert!(script.contains(r#"{"guest_access": "can_join\u0000"}"#), "{script}");
}

/// A display name is set to another one than the call says, and removed names are set too.
fn another_name_is_stored(behind: &Behind, call: &Call) -> Reply {
    let writes = ["PUT", "DELETE"].iter().any(|method| call.is(method, &["profile", "", NAME]));
    if !writes {
        return behind.forward(call);
    }
    let body = json!({ NAME: "Somebody" }).to_string().into_bytes();
    behind.forward(&Call { method: "PUT".to_owned(), body, ..call.clone() })
}

const NAME: &str = "displayname";

#[test]
fn a_display_name_that_is_not_stored_is_a_divergence() {
    let found = found(another_name_is_stored, "effect", "accounts");
    let says = |what: &str| {
        let (expected, observed) =
            (format!("allow, and the display name is {what}"), format!("not {what}"));
        found.iter().any(|divergence| {
            divergence["expected"] == expected
                && divergence["observed"].as_str().unwrap().ends_with(&observed)
                && divergence["curl"].as_str().unwrap().contains("compare 'the display name is")
        })
    };
    assert!(says("stored") && says("removed"), "{found:#?}");
}

/// The registration of a guest takes the device id that the body asks for.
fn the_device_is_as_asked_for(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    let body = call.json();
    if call.target.contains("kind=guest") && reply.0 == 200 && body["device_id"].is_string() {
        reply.1["device_id"] = body["device_id"].clone();
    }
    reply
}

#[test]
fn a_device_that_a_guest_chooses_is_a_divergence() {
    let found = found(the_device_is_as_asked_for, "effect", "accounts");
    let is_it = |divergence: &&Value| {
        divergence["observed"] == "allow, and the homeserver has not picked the device"
            && divergence["clauses"] == json!(["RG-11"])
    };
    let divergence = found.iter().find(is_it).unwrap();
    let script = divergence["curl"].as_str().unwrap();
    assert!(script.contains("compare 'picks the device'"), "{script}");
}

fn downloads(call: &Call) -> bool {
    call.target.starts_with("/_matrix/client/v1/media/download/")
}

/// Guests get no media, whatever the media.
fn no_media_for_guests(behind: &Behind, call: &Call) -> Reply {
    let reply = behind.forward(call);
    let is_theirs = downloads(call) && behind.is_guest(call) && reply.0 == 200;
    if is_theirs { refusal(404, "M_NOT_FOUND") } else { reply }
}

#[test]
fn media_that_only_users_get_are_a_divergence() {
    let found = found(no_media_for_guests, "refusal", "accounts");
    assert_eq!(found.len(), 2, "{found:#?}");
    for divergence in found {
        assert_eq!(divergence["by"], "a guest", "{divergence:#}");
        assert_eq!(divergence["observed"], "deny 404 M_NOT_FOUND", "{divergence:#}");
        let script = divergence["curl"].as_str().unwrap();
        assert!(script.contains("media_id"), "{script}");
    }
}

/// Every download gives the same file.
fn one_file_for_all(behind: &Behind, call: &Call) -> Reply {
    let reply = behind.forward(call);
    if downloads(call) && reply.0 == 200 { (200, json!("another file")) } else { reply }
}

#[test]
fn a_download_of_another_file_is_a_divergence() {
    for divergence in found(one_file_for_all, "effect", "accounts") {
        let observed = "allow, and the file is not the one that was uploaded";
        assert_eq!(divergence["observed"], observed, "{divergence:#}");
    }
}

/// Nobody may upload media.
fn no_uploads(behind: &Behind, call: &Call) -> Reply {
    let uploads = call.method == "POST" && call.target.ends_with("/media/v3/upload");
    let reply = behind.forward(call);
    if uploads && reply.0 == 200 { refusal(403, "M_FORBIDDEN") } else { reply }
}

#[test]
fn a_homeserver_may_refuse_uploads() {
    let url = in_front_of(Rules::find("latest").unwrap().profile(), no_uploads);
    let ran = diff_vectors(["--server", &url, "--quiet", "--only", "accounts", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    let report = ran.json();
    let reasons = report["not_compared"]["permitted"]["reasons"].as_array().unwrap();
    let says = |reason: &Value| {
        let because = reason["because"].as_str().unwrap();
        reason["kind"] == "beyond_the_rules" && because.starts_with("there is no file to download")
    };
    assert!(reasons.iter().any(says), "{reasons:#?}");
}
