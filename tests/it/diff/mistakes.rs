//! Homeservers with one mistake that no decision point has: `diff` finds the mistake and says what it is.

use guest_access_rules::rules::Rules;
use serde_json::Value;

use super::diff_vectors;
use super::layer::{Behind, Call, Layer, Reply, in_front_of, refusal};

/// The divergences that `diff` finds at the reference behind the layer, which all have this kind.
fn found(layer: Layer, kind: &str) -> Vec<Value> {
    let url = in_front_of(Rules::find("latest").unwrap().profile(), layer);
    let ran = diff_vectors(["--server", &url, "--quiet", "--format", "json"]);
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
    for divergence in found(media_fail_for_guests, "failure") {
        assert!(divergence["endpoint"].as_str().unwrap().contains("/media/"), "{divergence:#}");
        assert_eq!(divergence["expected"], "deny 403 M_GUEST_ACCESS_FORBIDDEN", "{divergence:#}");
        assert_eq!(divergence["observed"], "fail 500 M_UNKNOWN", "{divergence:#}");
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
    let found = found(no_null_character_is_stored, "failure");
    let [divergence] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(divergence["reproduced"], true, "{divergence:#}");
    let script = divergence["curl"].as_str().unwrap();
    assert!(script.contains(r#"{"guest_access": "can_join\u0000"}"#), "{script}");
}
