//! `check`: a proposal that breaks a promise gets no all-clear, and one that breaks none gets no alarm.

use crate::cli::{Folder, Ran, run};

/// `check` of a proposal that has these entries, for these guarantees or for all.
fn check(entries: &str, guarantees: &[&str], more: &[&str]) -> Ran {
    let folder = Folder::new();
    let head = "id = \"p\"\nabout = \"A proposal.\"\nextends = \"v1.16\"\n";
    let path = folder.file("p.toml", format!("{head}{entries}")).display().to_string();
    let guarantees = guarantees.iter().flat_map(|guarantee| ["--property", guarantee]);
    let scope = ["check", &path, "--guests", "1", "--quiet"];
    run(scope.into_iter().chain(guarantees).chain(more.iter().copied()))
}

#[test]
fn answers_that_only_together_break_a_promise_fail() {
    // The base permits a homeserver to open `POST /join/{roomIdOrAlias}`.
    let entries = "[points]\n\"join.gate_by_alias\" = { default = \"holds\", also = [\"waived\"], reading = \"A2\" }\n";
    let ran = check(entries, &["join_gate"], &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in [
        "join_gate  fails by a new answer",
        "join.gate_by_alias=waived and endpoint.POST /join/{roomIdOrAlias}=open",
        "guest1 joins room1 by POST /join: allow",
    ] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn a_second_file_takes_no_break_out_of_sight() {
    let folder = Folder::new();
    let first = "id = \"a\"\nabout = \"\"\nextends = \"v1.16\"\n[[refuse]]\nendpoint = \"GET /rooms/{roomId}/messages\"\n";
    folder.file("a.toml", first);
    let second = "id = \"b\"\nabout = \"\"\nextends = \"a.toml\"\n";
    let path = folder.file("b.toml", second).display().to_string();
    let ran = run(["check", &path, "--guests", "1", "--quiet", "--property", "availability"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("broken as v1.16 promised it"), "{ran:?}");
}

#[test]
fn a_promise_given_anew_is_named() {
    let entries = "[[refuse]]\nendpoint = \"GET /rooms/{roomId}/messages\"\n[[promise]]\nguarantee = \"availability\"\nclauses = [\"GA-2\"]\n";
    let ran = check(entries, &["availability"], &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("own list of endpoints judges: availability"), "{ran:?}");
    assert!(ran.out.contains("GA-13: `GET /rooms/{roomId}/messages` is closed"), "{ran:?}");
}

#[test]
fn a_promise_that_another_model_judges_is_no_all_clear() {
    let entries = "[[promise]]\nguarantee = \"revocation_everywhere\"\n";
    let ran = check(entries, &[], &["--max-states", "5", "--format", "json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.json()["not_judged"], serde_json::json!(["revocation_everywhere"]));
}

#[test]
fn an_effect_makes_only_what_it_can_change_unknown() {
    let entries = |changes: &str| {
        format!(
            "[[endpoint]]\nid = \"POST /report\"\ngives = \"nothing\"\ndoes = \"tells the administrators\"\n{changes}\n[[allow]]\nendpoint = \"POST /report\"\n"
        )
    };
    for (changes, revocation, account_end) in [
        ("", "unknown", "unknown"),
        ("changes = [\"accounts\"]", "unknown", "unknown"),
        ("changes = [\"rooms\"]", "unknown", "holds"),
        ("changes = []", "holds", "holds"),
    ] {
        let ran = check(&entries(changes), &["revocation", "account_end"], &["--format", "json"]);
        let expected = if revocation == "holds" { 0 } else { 3 };
        assert_eq!(ran.code, Some(expected), "{changes}: {ran:?}");
        let report = ran.json();
        let status = |place: usize| report["properties"][place]["status"].as_str().unwrap();
        assert_eq!([status(0), status(1)], [revocation, account_end], "{changes}");
    }
}
