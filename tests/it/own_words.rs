//! Clauses, readings and guarantees that a rules file declares, in each report.

use std::path::PathBuf;

use crate::cli::{Folder, Ran, run};

const HEAD: &str = "id = \"p\"\nabout = \"A proposal.\"\nextends = \"v1.16\"\n";

/// A clause, a reading, and three guarantees that the file promises: one holds, one is violated, and the
/// premise of one never occurs.
const ENTRIES: &str = r#"
[[clause]]
id = "Stay-1"
force = "must"
place = "the proposal, section 2"
text = "A guest that left a room stays out."

[[reading]]
id = "Stay-A1"
clauses = ["Stay-1"]
question = "Does a homeserver tell guests its capabilities?"
default = "no"
because = "the text is silent"

[[may_allow]]
endpoint = "GET /capabilities"
reading = "Stay-A1"
clauses = ["Stay-1"]

[[refuse]]
endpoint = "PUT /rooms/{roomId}/state/{eventType}/{stateKey}"
clauses = ["Stay-1"]

[[guarantee]]
id = "closed-rooms-stay-closed"
actor = "guest"
actions = ["join"]
membership = ["leave"]
guest_access = ["forbidden"]
bound = "denied"

[[guarantee]]
id = "who-left-stays-out"
always = "a guest that left a room does not come back"
actor = "guest"
actions = ["join"]
membership = ["leave"]
bound = "denied"

[[guarantee]]
id = "knocking-guests-wait"
actor = "guest"
actions = ["join"]
membership = ["knock"]
bound = "denied"

[[promise]]
guarantee = "closed-rooms-stay-closed"
clauses = ["Stay-1"]
[[promise]]
guarantee = "who-left-stays-out"
clauses = ["Stay-1"]
[[promise]]
guarantee = "knocking-guests-wait"
clauses = ["Stay-1"]
"#;

const GUARANTEES: [&str; 3] =
    ["closed-rooms-stay-closed", "who-left-stays-out", "knocking-guests-wait"];

fn file(folder: &Folder, name: &str, text: &str) -> String {
    let path: PathBuf = folder.file(name, text);
    path.display().to_string()
}

fn proposal(folder: &Folder) -> String {
    file(folder, "p.toml", &format!("{HEAD}{ENTRIES}"))
}

/// `check` of the proposal, for its own guarantees.
fn check(path: &str, more: &[&str]) -> Ran {
    let guarantees = GUARANTEES.iter().flat_map(|id| ["--property", id]);
    run(["check", path, "--quiet"].into_iter().chain(guarantees).chain(more.iter().copied()))
}

#[test]
fn a_declared_guarantee_holds_or_fails_or_is_vacuous() {
    let folder = Folder::new();
    let path = proposal(&folder);
    let ran = check(&path, &["--guests", "1"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.text());
    for scope in [&["--guests", "2"][..], &["--guests", "1", "--rooms", "2"], &["--guests", "any"]]
    {
        let report = check(&path, &[scope, &["--format", "json"]].concat()).json();
        let statuses: Vec<_> = report["properties"]
            .as_array()
            .unwrap()
            .iter()
            .map(|property| property["status"].as_str().unwrap())
            .collect();
        assert_eq!(statuses, ["holds", "violated", "vacuous"], "{scope:?}");
        let steps = report["properties"][1]["counterexample"]["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 5, "{scope:?}");
    }
}

#[test]
fn a_declared_guarantee_is_compared_like_the_others() {
    let folder = Folder::new();
    let path = proposal(&folder);
    let ran = check(&path, &["--guests", "1", "--against", "v1.16"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for guarantee in GUARANTEES {
        assert!(ran.out.contains(guarantee), "{ran:?}");
    }
    assert!(ran.out.contains("not checked"), "{ran:?}");
    let report = run(["compare", "v1.16", &path, "--guests", "1", "--format", "json"]).json();
    let promised: Vec<_> = report["promises"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["guarantee"].as_str().unwrap())
        .collect();
    assert_eq!(promised, GUARANTEES);
    assert!(report["permitted"].to_string().contains("Stay-A1"), "{report}");
}

#[test]
fn a_finding_explains_a_clause_of_the_proposal() {
    let folder = Folder::new();
    let path = proposal(&folder);
    let report = check(&path, &["--guests", "1", "--format", "sarif"]).json();
    let taxa = report["runs"][0]["taxonomies"][0]["taxa"].to_string();
    assert!(taxa.contains("Stay-1") && taxa.contains("stays out"), "{taxa}");
}

#[test]
fn a_file_that_extends_another_has_its_words() {
    let folder = Folder::new();
    proposal(&folder);
    let second = "id = \"q\"\nabout = \"\"\nextends = \"p.toml\"\n[[refuse]]\nendpoint = \"GET /sync\"\nclauses = [\"Stay-1\"]\n";
    let path = file(&folder, "q.toml", second);
    for (word, means) in [
        ("Stay-1", "A guest that left a room stays out."),
        ("Stay-A1", "because: the text is silent"),
        ("who-left-stays-out", "premise: a guest takes the action `join`"),
    ] {
        let ran = run(["rules", &path, "--explain", word]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.contains(means), "{ran:?}");
        assert!(run(["rules", &path, "--vocabulary"]).out.contains(word));
        assert_eq!(run(["rules", "--explain", word]).code, Some(2));
    }
    let shown = run(["rules", &path]).out;
    assert!(shown.contains("who-left-stays-out") && shown.contains("Stay-1"), "{shown}");
}

#[test]
fn two_files_with_one_id_and_other_texts_are_refused() {
    let folder = Folder::new();
    let path = proposal(&folder);
    let changed = [
        ("stays out", "comes back", "the clause `Stay-1` otherwise: \"A guest that left"),
        ("\"no\"", "\"yes\"", "the reading `Stay-A1` otherwise: \"Does a homeserver"),
        ("[\"knock\"]", "[\"invite\"]", "another guarantee `knocking-guests-wait`"),
    ];
    for (from, to, message) in changed {
        let text = format!("{HEAD}{}", ENTRIES.replacen(from, to, 1));
        let other = file(&folder, "other.toml", &text);
        let ran = run(["compare", &path, &other]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(message) && ran.err.contains("other.toml:"), "{ran:?}");
    }
    let same = file(&folder, "same.toml", &format!("{HEAD}{ENTRIES}"));
    assert_eq!(run(["compare", &path, &same, "--guests", "1"]).code, Some(0));
}

#[test]
fn a_faulty_declaration_is_one_error() {
    let folder = Folder::new();
    for (right, wrong, message) in [
        ("force = \"must\"", "force = \"should\"", "there is no force `should`"),
        ("default = \"no\"", "default = \"\"", "write a text of one line"),
        ("[\"knock\"]", "[\"knocks\"]", "there is no membership `knocks`"),
    ] {
        let text = format!("{HEAD}{}", ENTRIES.replacen(right, wrong, 1));
        let ran = run(["rules", &file(&folder, "p.toml", &text)]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(message), "{ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
}

#[test]
fn a_scenario_cites_a_clause_of_its_rules() {
    let folder = Folder::new();
    let path = proposal(&folder);
    let scenario = r#"{"id": "s", "rules": "p.toml", "about": "", "clauses": ["Stay-1"], "steps": [{"as": "guest1", "do": "register as guest"}]}"#;
    let scenario = file(&folder, "s.json", scenario);
    let ran = run(["decide", &scenario, "--rules", &path]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = run(["decide", &scenario, "--rules", "v1.16"]);
    assert!(ran.err.contains("there is no clause `Stay-1`"), "{ran:?}");
}

#[test]
fn an_unknown_effect_leaves_only_guarantees_about_calls_known() {
    let folder = Folder::new();
    let entries = r#"
[[endpoint]]
id = "POST /rooms/{roomId}/later"
gives = "the events that the caller scheduled"
does = "sends an event later"
[[allow]]
endpoint = "POST /rooms/{roomId}/later"
when = ["room:joined"]
[[guarantee]]
id = "later-is-for-members"
actor = "guest"
actions = ["POST /rooms/{roomId}/later"]
membership = ["never", "invite", "knock", "leave", "ban"]
bound = "denied"
[[guarantee]]
id = "closed-rooms-stay-closed"
actor = "guest"
actions = ["join"]
membership = ["leave"]
guest_access = ["forbidden"]
bound = "denied"
[[guarantee]]
id = "strangers-read-nothing-hidden"
actor = "guest"
actions = ["read"]
membership = ["never"]
event_visibility = ["joined"]
bound = "gives_no_event"
"#;
    let path = file(&folder, "p.toml", &format!("{HEAD}{entries}"));
    for (guarantee, status, code) in [
        ("later-is-for-members", "holds", 0),
        ("closed-rooms-stay-closed", "unknown", 3),
        ("strangers-read-nothing-hidden", "unknown", 3),
    ] {
        let ran = run([
            "check",
            &path,
            "--guests",
            "1",
            "--quiet",
            "--format",
            "json",
            "--property",
            guarantee,
        ]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert_eq!(ran.json()["properties"][0]["status"], status, "{guarantee}");
    }
    // Without the condition the guarantee is violated: the endpoint itself says so.
    let open = entries.replace("when = [\"room:joined\"]\n", "");
    let path = file(&folder, "open.toml", &format!("{HEAD}{open}"));
    let ran =
        run(["check", &path, "--guests", "1", "--quiet", "--property", "later-is-for-members"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let call = "guest1 calls POST /rooms/{roomId}/later";
    assert!(ran.out.contains(call), "{ran:?}");
}
