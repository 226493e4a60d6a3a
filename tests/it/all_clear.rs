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

#[test]
fn an_answer_that_the_base_permits_is_no_broken_promise() {
    let entries = "[points]\n\"leave.forgets\" = { required = \"forgets\" }\n";
    let ran = check(entries, &["availability"], &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for part in [
        "availability  as permitted before",
        "broken by what v1.16 permits already: leave.forgets=forgets",
    ] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn the_base_is_named_as_the_file_names_it() {
    let folder = Folder::new();
    let text = "id = \"p\"\nabout = \"\"\nextends = \"latest\"\n[[refuse]]\nendpoint = \"GET /rooms/{roomId}/messages\"\n[points]\n\"revocation.effect\" = { required = \"none\" }\n";
    let path = folder.file("p.toml", text).display().to_string();
    let ran = run(["check", &path, "--guests", "1", "--quiet", "--property", "availability"]);
    assert!(ran.out.contains("broken as latest promised it"), "{ran:?}");
    assert!(ran.out.contains("`revocation.effect` is `none`, which latest forbids"), "{ran:?}");
}

#[test]
fn a_call_that_ends_tokens_or_takes_rooms_away_is_told() {
    for (endpoint, told, entitlement) in [
        ("POST /logout/all", "ends every token of the caller (it ends tokens", "holds"),
        ("POST /delete_devices", "ends their tokens (it ends tokens", "holds"),
        ("DELETE /devices/{deviceId}", "ends its token (it ends tokens", "holds"),
        ("POST /rooms/{roomId}/forget", "has left from what the caller may read", "unknown"),
    ] {
        let entries = format!("[[allow]]\nendpoint = \"{endpoint}\"\n");
        let more = ["--format", "json"];
        let of = |guarantee: &str| {
            let ran = check(&entries, &[guarantee], &more);
            ran.json()["properties"][0]["status"].as_str().unwrap().to_owned()
        };
        assert_eq!((of("join_gate"), of("availability")), ("holds".into(), entitlement.into()));
        let ran = check(&entries, &["join_gate"], &[]);
        assert!(ran.out.contains(told), "{told}: {ran:?}");
    }
}

#[test]
fn a_call_that_misses_a_condition_is_owed_nothing() {
    let joined = |endpoint: &str| {
        format!("[[allow]]\nendpoint = \"{endpoint}\"\nwhen = [\"room:joined\"]\n")
    };
    for (endpoint, guarantee) in [
        ("GET /rooms/{roomId}/threads", "read_entitlement"),
        ("POST /rooms/{roomId}/join", "clear_refusals"),
    ] {
        let ran = check(&joined(endpoint), &[guarantee], &["--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.json()["properties"][0]["status"], "holds", "{endpoint}");
    }
}

#[test]
fn a_homeserver_without_a_list_opens_what_no_rule_looks_at() {
    for (point, default, other) in [
        ("unlisted.endpoint", "refused", "served"),
        ("registration.first_guest", "plain", "administrator"),
    ] {
        for answer in [
            format!("{{ required = \"{other}\" }}"),
            format!("{{ default = \"{default}\", also = [\"{other}\"], reading = \"A4\" }}"),
        ] {
            let entries = format!("[points]\n\"{point}\" = {answer}\n");
            let ran = check(&entries, &["revocation"], &[]);
            assert!(ran.out.contains("so nothing is known of revocation"), "{answer}: {ran:?}");
            assert!(ran.out.contains("POST /search gives room content"), "{answer}: {ran:?}");
        }
    }
}
