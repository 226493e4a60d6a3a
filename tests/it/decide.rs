//! `decide`: the decision at each step, the options that are open, and the expectations.

use serde_json::{Value, json};

use crate::cli::{Folder, Ran, run, run_with_input};

/// Runs `decide` on these steps, with these further arguments.
fn decide(steps: &Value, args: &[&str]) -> Ran {
    let scenario = json!({
        "id": "a-scenario", "rules": "latest", "about": "What it shows.", "clauses": [], "steps": steps,
    });
    let folder = Folder::new();
    let path = folder.file("scenario.json", scenario.to_string()).display().to_string();
    run(["decide", &path].into_iter().chain(args.iter().copied()))
}

#[test]
fn each_step_is_decided_with_its_reason() {
    let ran = decide(
        &json!([
            {"as": "guest1", "do": "register as guest", "named": true},
            {"as": "moderator", "do": "send", "room": "room1", "type": "m.room.message", "event": "secret"},
            {"as": "guest1", "do": "GET /rooms/{roomId}/messages", "room": "room1"},
            {"as": "moderator", "do": "set history visibility", "room": "room1", "to": "world_readable"},
            {"as": "guest1", "do": "GET /rooms/{roomId}/messages", "room": "room1"},
            {"as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join"},
            {"as": "guest1", "do": "join", "room": "room1", "by": "alias"},
            {"as": "guest1", "do": "join", "room": "room1"},
            {"as": "guest1", "do": "GET /sync"},
            {"as": "guest1", "do": "GET /account/whoami"},
            {"as": "moderator", "do": "redact", "room": "room1", "setting": "m.room.guest_access"},
        ]),
        &[],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.text());
}

#[test]
fn a_call_about_which_no_rule_speaks_is_not_decided() {
    let steps = json!([
        {"as": "guest1", "do": "register as guest"},
        {"as": "user", "do": "POST /search", "expect": {"verdict": "allow"}},
        {"as": "guest1", "do": "GET /devices"},
        {"as": "nobody", "do": "GET /devices"},
        {"as": "nobody", "do": "GET /versions"},
    ]);
    let ran = decide(&steps, &["--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    let verdicts = report["steps"].as_array().unwrap().iter().map(|step| step["verdict"].clone());
    let expected = ["open", "not_decided", "allow", "deny", "allow"];
    assert_eq!(verdicts.collect::<Vec<_>>(), expected, "{report:#}");
    let text = decide(&steps, &[]).text();
    assert!(text.contains("the user calls POST /search: not decided\n"), "{text}");
}

#[test]
fn the_json_has_its_documented_form() {
    let ran = decide(
        &json!([
            {"as": "guest1", "do": "register as guest"},
            {"as": "guest1", "do": "log out", "expect": {"verdict": "open"}},
        ]),
        &["--format", "json"],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_json_snapshot!(ran.stable_json());
}

#[test]
fn an_unexpected_outcome_fails() {
    let ran = decide(
        &json!([
            {"as": "guest1", "do": "register as guest"},
            {"as": "moderator", "do": "send state", "room": "room1", "event": "e1"},
            {"as": "guest1", "do": "join", "room": "room1", "expect": {
                "verdict": "allow", "membership": {"room1": {"guest1": "join"}}
            }},
            {"as": "user", "do": "GET /rooms/{roomId}/state", "room": "room1", "expect": {
                "verdict": "allow", "not_sees": ["e1"]
            }},
            {"as": "guest1", "do": "GET /rooms/{roomId}/state", "room": "room1", "expect": {
                "verdict": "deny", "status": 404, "errcode": "M_NOT_FOUND"
            }},
        ]),
        &[],
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.text());
}

#[test]
fn other_rules_than_those_of_the_scenario_can_decide() {
    let steps = json!([
        {"as": "guest1", "do": "register as guest"},
        {"as": "guest1", "do": "GET /sync", "expect": {"verdict": "allow"}},
    ]);
    assert_eq!(decide(&steps, &[]).code, Some(0));
    assert_eq!(decide(&steps, &["--rules", "r0.0.0"]).code, Some(1));
}

/// A rules file that declares an endpoint, which is open to guests where `opened`.
fn declaring(opened: bool) -> String {
    let open = if opened { "[[allow]]\nendpoint = \"POST /peek\"\n" } else { "" };
    format!(
        "id = \"p\"\nabout = \"\"\nextends = \"latest\"\n[[endpoint]]\nid = \"POST /peek\"\ngives = \"{opened}\"\ndoes = \"nothing\"\n{open}"
    )
}

/// The scenario names one rules file, and `--rules` another one. Both declare the endpoint that the scenario
/// calls, and each decides its own.
#[test]
fn an_endpoint_of_a_scenario_is_one_of_the_rules_that_decide() {
    let folder = Folder::new();
    let opens = folder.file("opens.toml", declaring(true)).display().to_string();
    let closed = folder.file("closed.toml", declaring(false)).display().to_string();
    let verdict = |own: &str, rules: &[&str]| {
        let scenario = json!({
            "id": "a", "rules": own, "about": "", "clauses": [], "steps": [
                {"as": "guest1", "do": "register as guest"},
                {"as": "guest1", "do": "POST /peek"},
            ],
        });
        let path = folder.file("a.json", scenario.to_string()).display().to_string();
        let ran = run(["decide", &path, "--format", "json"].iter().chain(rules));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.json()["steps"][1]["verdict"].clone()
    };
    assert_eq!(verdict(&opens, &[]), "allow");
    assert_eq!(verdict(&closed, &[]), "deny");
    assert_eq!(verdict(&closed, &["--rules", &opens]), "allow");
    assert_eq!(verdict(&opens, &["--rules", &closed]), "deny");
    assert_eq!(verdict("latest", &["--rules", &opens]), "allow");
    // Where other rules decide, those of the scenario do not have to exist.
    assert_eq!(verdict("none.toml", &["--rules", &opens]), "allow");
}

#[test]
fn a_scenario_can_come_from_the_standard_input() {
    let scenario = r#"{"id": "a", "rules": "latest", "about": "", "clauses": [],
        "steps": [{"as": "server", "do": "restart"}]}"#;
    let ran = run_with_input("decide -", scenario);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("1. the server is restarted: allow"), "{ran:?}");
}
