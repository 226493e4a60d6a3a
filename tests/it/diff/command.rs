//! The command: its report, its exit codes, and its secrets.

use std::time::Instant;

use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use serde_json::{Value, json};

use super::diff_vectors;
use crate::cli::{Folder, run, wrapped};

fn http(url: &str, path: &str, body: &Value) -> Value {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::new();
    let answer = client.post(format!("{url}{path}")).json(body).send().unwrap();
    serde_json::from_str(&answer.text().unwrap()).unwrap()
}

#[test]
fn without_a_server_the_reference_is_compared() {
    let began = Instant::now();
    let ran = run(["diff", "--quiet", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    for (key, value) in [
        ("rules", json!("v1.17")),
        ("complete", json!(true)),
        ("broken_off", json!(null)),
        ("divergences", json!([])),
        ("causes", json!([])),
        ("unexplained", json!(0)),
    ] {
        assert_eq!(report[key], value, "{key}: {report}");
    }
    assert!(report["requests"].as_u64().unwrap() > report["decisions"].as_u64().unwrap());
    let (seconds, waiting) = (&report["seconds"], &report["waiting_seconds"]);
    assert!(waiting.as_f64() <= seconds.as_f64() && seconds.as_f64() > Some(0.0));
    assert!(began.elapsed().as_secs_f64() >= seconds.as_f64().unwrap());
    assert!(report["run"]["command"].as_str().unwrap().starts_with("guest-access diff"));
}

#[test]
fn the_scenarios_of_a_folder_are_run_as_the_vectors_are() {
    let folder = Folder::new();
    let written = folder.path("vectors").display().to_string();
    assert_eq!(run(["vectors", "--quiet", "--out", &written]).code, Some(0));
    let defect = variant::find(&Rules::find("latest").unwrap(), "join.gate=none").unwrap();
    let server = Embedded::start(defect.profile).unwrap();
    let report = |more: &[&str]| {
        let url = server.url();
        let always = ["diff", "--quiet", "--format", "jsonl", "--server", &url, "--only", "room-*"];
        let ran = run(always.iter().chain(more));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        ran.out
    };
    assert_eq!(report(&["--scenarios", &written]), report(&[]));
}

#[test]
fn a_folder_without_scenarios_is_refused() {
    let folder = Folder::new();
    let refused = |name: &str| {
        let path = folder.path(name).display().to_string();
        let ran = run(["diff", "--quiet", "--scenarios", &path]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        format!("{name}\n  {}", folder.without_path(&ran.err))
    };
    let registration = json!({
        "id": "a", "rules": "latest", "about": "", "clauses": [],
        "steps": [{ "as": "guest1", "do": "register as guest" }],
    });
    let mut impossible = registration.clone();
    impossible["steps"] = json!([{ "as": "guest1", "do": "log out" }]);
    for (path, content) in [
        ("empty/index.json", "{}".to_owned()),
        ("wrong/a.json", "{".to_owned()),
        ("twice/a.json", registration.to_string()),
        ("twice/b.json", registration.to_string()),
        ("impossible/a.json", impossible.to_string()),
    ] {
        std::fs::create_dir_all(folder.path(path).parent().unwrap()).unwrap();
        folder.file(path, content);
    }
    let names = ["missing", "empty", "wrong", "twice", "impossible"];
    insta::assert_snapshot!(names.map(refused).concat());
}

/// A scenario of a guest that asks for `GET /sync` and expects to be allowed.
fn scenario_for(rules: &str, expect: &str) -> String {
    json!({
        "id": "a", "rules": rules, "about": "", "clauses": [], "steps": [
            { "as": "guest1", "do": "register as guest" },
            { "as": "guest1", "do": "GET /sync", "expect": { "verdict": expect } },
        ],
    })
    .to_string()
}

#[test]
fn a_scenario_for_other_rules_or_outcomes_is_refused() {
    let folder = Folder::new();
    let proposal = "id = \"p\"\nabout = \"\"\nextends = \"v1.17\"\n";
    let proposal = folder.file("p.toml", proposal).display().to_string();
    let missing = folder.path("missing.toml").display().to_string();
    let scenarios = folder.path("scenarios");
    std::fs::create_dir(&scenarios).unwrap();
    let diff = |text: &str, args: &[&str]| {
        std::fs::write(scenarios.join("a.json"), text).unwrap();
        let always = ["diff", "--quiet", "--scenarios", scenarios.to_str().unwrap()];
        run(always.iter().chain(args))
    };
    let mut messages = String::new();
    for (text, args) in [
        (scenario_for("v1.2", "allow"), &[][..]),
        (scenario_for("v1.17", "allow"), &["--rules", &proposal]),
        (scenario_for(&missing, "allow"), &[]),
        (scenario_for("v1.17", "deny"), &[]),
        (scenario_for("v1.17", "open"), &[]),
    ] {
        let ran = diff(&text, args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        messages += &ran.err;
    }
    insta::assert_snapshot!(wrapped(&folder.without_path(&messages)));
    for (text, args) in [
        (scenario_for("latest", "allow"), &[][..]),
        (scenario_for("v1.19", "allow"), &["--rules", "v1.17"]),
        (scenario_for(&proposal, "allow"), &["--rules", &proposal]),
        (scenario_for("p", "allow"), &["--rules", &proposal]),
        (scenario_for("v1.2", "deny"), &["--only", "b", "--explore-for", "1s"]),
    ] {
        let ran = diff(&text, args);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
}

#[test]
fn a_filter_that_matches_nothing_gives_no_verdict() {
    let ran = run(["diff", "--only", "no-such-*", "--quiet"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.err, "no scenario matches, so nothing was there to check\n");
}

#[test]
fn no_output_contains_a_secret() {
    let server = Embedded::start(Rules::find("latest").unwrap().profile()).unwrap();
    let url = server.url();
    let password = "correct-horse-battery";
    let register = json!({
        "username": "mallory", "password": password, "auth": { "type": "m.login.dummy" },
    });
    http(&url, "/_matrix/client/v3/register", &register);
    let other = json!({
        "username": "trent", "password": "other", "auth": { "type": "m.login.dummy" },
    });
    let other = http(&url, "/_matrix/client/v3/register", &other);
    let token = other["access_token"].as_str().unwrap();
    for format in ["text", "json"] {
        let user = format!("mallory:{password}");
        let ran = diff_vectors([
            "--server",
            &url,
            "--user",
            &user,
            "--token",
            token,
            "--format",
            format,
            "--registration-token",
            "a-secret-word",
        ]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for secret in [password, token, "a-secret-word", "made-up-token"] {
            assert!(!ran.out.contains(secret), "{secret} is in {}", ran.out);
            assert!(!ran.err.contains(secret), "{secret} is in {}", ran.err);
        }
    }
}

#[test]
fn a_message_about_the_command_line_has_no_secrets() {
    for (args, says) in [
        (["--server", "nonsense"], "is no address of a homeserver"),
        (["--server", "http://me:secret@localhost"], "must not hold a user or a password"),
        (["--user", "nobody"], "it has to be `NAME:PASSWORD`"),
        (["--only", "[secret"], "invalid value"),
    ] {
        let ran = run([&["diff"][..], &args].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
        let shows = ran.err.contains("secret") && !says.starts_with("invalid");
        assert!(!shows, "{ran:?}");
    }
}
