//! `compare`: every decision that differs.

use guest_access_rules::rules::Rules;
use serde_json::{Value, json};

use crate::cli::{Folder, Ran, run, run_line};

#[test]
fn each_difference_is_reported_with_a_shortest_witness() {
    let ran = run_line("compare v1.1 v1.2");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.text());
}

#[test]
fn the_json_has_its_documented_form() {
    let report = run_line("compare v1.12 v1.16 --format json").stable_json();
    insta::assert_json_snapshot!(report);
}

#[test]
fn names_of_the_same_rules_are_equivalent() {
    let ran = run_line("compare v1.17 v1.19 --format json");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["verdict"], "equivalent");
    assert_eq!(report["differences"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_proposal_is_compared_like_a_revision() {
    let report = run_line("compare v1.16 examples/proposals/no-kick.toml --format json").json();
    assert_eq!(report["verdict"], "more_permissive");
    let differences = report["differences"].as_array().unwrap();
    assert!(differences.iter().all(|difference| difference["witness"]["steps"].is_array()));
}

#[test]
fn the_number_of_workers_does_not_change_what_is_found() {
    for line in [
        "compare draft-2015-11-05 r0.0.0",
        "compare v1.2 v1.1",
        "compare v1.1 v1.2 --guests 2 --max-states 3000",
    ] {
        let with = |workers: u8| {
            let ran = run_line(&format!("{line} --format json --quiet --workers {workers}"));
            (ran.code, ran.stable_json())
        };
        let one = with(1);
        assert!(one.1["differences"].as_array().is_some_and(|found| !found.is_empty()), "{line}");
        assert_eq!(with(3), one, "{line}");
    }
}

/// The state limit leaves no verdict; what was found by then is told in full.
#[test]
fn every_difference_of_every_pair_has_a_witness_that_happens() {
    let published = Rules::published();
    for from in &published {
        for to in published.iter().filter(|to| to.id != from.id) {
            let line =
                format!("compare {} {} --max-states 100 --format json --quiet", from.id, to.id);
            let ran = run_line(&line);
            assert_eq!(ran.code, Some(3), "{ran:?}");
            for difference in ran.json()["differences"].as_array().unwrap() {
                assert!(difference["witness"]["steps"].as_array().is_some_and(|s| !s.is_empty()));
            }
        }
    }
}

/// What `compare` reports of a proposal that has these entries and extends `base`.
fn compared(base: &str, entries: &str) -> serde_json::Value {
    let folder = Folder::new();
    let head = format!("id = \"p\"\nabout = \"A proposal.\"\nextends = \"{base}\"\n");
    let path = folder.file("p.toml", format!("{head}{entries}")).display().to_string();
    let ran = run(["compare", base, &path, "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.json()
}

#[test]
fn what_a_homeserver_may_do_is_compared_beside_the_default() {
    for (base, entries, verdict) in [
        ("v1.16", "[points]\n\"events.no_room\" = { required = \"refused\" }", "narrower"),
        (
            "v1.16",
            "[points]\n\"revocation.effect\" = { default = \"leave\", also = [\"none\"], reading = \"A2\" }",
            "wider",
        ),
        (
            "v1.12",
            "[[may_allow]]\nendpoint = \"GET /room_summary/{roomIdOrAlias}\"\nreading = \"A19\"",
            "wider",
        ),
    ] {
        let report = compared(base, entries);
        assert_eq!(report["verdict"], "equivalent", "{entries}");
        assert_eq!(report["permitted"]["verdict"], verdict, "{entries}");
        let change = &report["permitted"]["changes"][0];
        assert!(change["effect"]["witness"]["steps"].is_array(), "{change}");
    }
}

#[test]
fn a_room_that_never_set_its_guest_access_is_compared() {
    let report =
        compared("v1.16", "[points]\n\"guest_access.absent\" = { required = \"can_join\" }");
    assert_eq!(report["verdict"], "more_permissive");
}

#[test]
fn an_endpoint_opened_to_joined_guests_is_shown_in_their_room() {
    let entries =
        "[[allow]]\nendpoint = \"PUT /rooms/{roomId}/typing/{userId}\"\nwhen = [\"room:joined\"]";
    let report = compared("v1.16", entries);
    assert_eq!(report["verdict"], "more_permissive");
    let difference = &report["differences"][0];
    assert!(difference["when"].as_array().unwrap().contains(&"membership: join".into()));
    let steps = difference["witness"]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["room"], "room1", "{steps:?}");
}

#[test]
fn content_that_no_rule_looks_at_is_not_compared_and_said_so() {
    let report = compared("v1.16", "[[allow]]\nendpoint = \"POST /search\"");
    assert_eq!(report["unseen"][0]["endpoint"], "POST /search");
}

/// `compare`, in this format, of two rules files that declare one endpoint, each with its own entries.
fn compared_declarations(entries: [&str; 2], format: &str) -> Ran {
    let folder = Folder::new();
    let head = "id = \"p\"\nabout = \"A proposal.\"\nextends = \"v1.16\"\n[[endpoint]]\nid = \"POST /rooms/{roomId}/peek\"\n";
    let [from, to] = [("a.toml", entries[0]), ("b.toml", entries[1])]
        .map(|(name, entries)| folder.file(name, format!("{head}{entries}")).into_os_string());
    let ran = run(["compare".into(), from, to, "--format".into(), format.into()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

#[test]
fn one_id_of_two_endpoints_is_never_equivalent() {
    let open = "[[allow]]\nendpoint = \"POST /rooms/{roomId}/peek\"\n";
    let declared = |lines: &str, more: &str| format!("{lines}\n{more}");
    let of_room = "gives = \"the events of the room\"\ndoes = \"nothing\"";
    for (other, opened) in [
        ("gives = \"the members of the room\"\ndoes = \"nothing\"", ""),
        ("gives = \"the events of the room\"\ndoes = \"lets the caller peek\"", open),
        ("auth = \"other\"\ngives = \"the events of the room\"\ndoes = \"nothing\"", open),
        (
            "path = \"/_matrix/client/v1/rooms/{roomId}/peek\"\ngives = \"the events of the room\"\ndoes = \"nothing\"",
            "",
        ),
    ] {
        let entries = [declared(of_room, opened), declared(other, opened)];
        let report = compared_declarations(entries.each_ref().map(String::as_str), "json").json();
        assert_eq!(report["verdict"], "incomparable", "{report}");
        let redeclared = &report["redeclared"][0];
        assert_eq!(redeclared["endpoint"], "POST /rooms/{roomId}/peek", "{report}");
        assert_ne!(redeclared["before"], redeclared["after"], "{report}");
    }
    let same = [declared(of_room, open), declared(of_room, open)];
    let report = compared_declarations(same.each_ref().map(String::as_str), "json").json();
    assert_eq!((&report["verdict"], &report["redeclared"]), (&"equivalent".into(), &().into()));
}

#[test]
fn what_each_of_two_endpoints_of_one_id_gives_is_said() {
    let open = "[[allow]]\nendpoint = \"POST /rooms/{roomId}/peek\"\n";
    let entries = [
        format!("gives = \"the events of the room\"\ndoes = \"nothing\"\n{open}"),
        format!("gives = \"the members of the room\"\ndoes = \"lets the caller peek\"\n{open}"),
    ];
    let ran = compared_declarations(entries.each_ref().map(String::as_str), "text");
    insta::assert_snapshot!(ran.text());
}

#[test]
fn a_new_endpoint_without_a_token_is_not_compared_and_said_so() {
    let entries =
        "[[endpoint]]\nid = \"GET /peek\"\nauth = \"none\"\ngives = \"events\"\ndoes = \"nothing\"";
    assert_eq!(compared("v1.16", entries)["unseen"][0]["endpoint"], "GET /peek");
}

#[test]
fn a_new_endpoint_that_stays_closed_is_named() {
    let declared = "[[endpoint]]\nid = \"POST /peek\"\ngives = \"events\"\ndoes = \"nothing\"\n";
    assert_eq!(compared("v1.16", declared)["closed"], json!(["POST /peek"]));
    let opened = format!("{declared}[[allow]]\nendpoint = \"POST /peek\"\n");
    assert_eq!(compared("v1.16", &opened)["closed"], Value::Null);
}

#[test]
fn a_mistake_between_two_guests_or_two_rooms_is_compared() {
    for (point, option) in [("upgrade.token", "any_guest"), ("visibility.other_room", "given")] {
        let report =
            compared("v1.16", &format!("[points]\n\"{point}\" = {{ required = \"{option}\" }}"));
        assert_eq!(report["verdict"], "more_permissive", "{point}");
        assert!(report["differences"][0]["witness"]["steps"].is_array(), "{point}");
    }
}

#[test]
fn a_promise_that_is_given_up_is_reported() {
    let withdrawn = "[[withdraw]]\nguarantee = \"revocation\"\nbecause = \"guests may stay\"";
    let report = compared("v1.16", withdrawn);
    let change =
        json!([{ "guarantee": "revocation", "promised": false, "because": "guests may stay" }]);
    assert_eq!((&report["verdict"], &report["promises"]), (&"equivalent".into(), &change));
}

#[test]
fn an_answer_is_told_with_its_question_and_by_its_effect() {
    let folder = Folder::new();
    let text = "id = \"p\"\nabout = \"\"\nextends = \"latest\"\n[points]\n\"leave.forgets\" = { required = \"remembers\" }\n\"revocation.effect\" = { default = \"leave\", also = [\"none\"], reading = \"A2\" }\n";
    let path = folder.file("p.toml", text).display().to_string();
    let ran = run(["compare", "latest", &path, "--quiet"]);
    for part in [
        "What happens to the guests in a room when the room's guest access stops being `can_join`? Nothing.",
        "opens by its effect, where called by a moderator, for instance: ",
        "by default: allow, room1 by guest1 is `remembered`",
        "by this answer: allow, room1 by guest1 is `forgotten`",
    ] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn an_opened_endpoint_with_an_unchecked_effect_is_not_compared() {
    for endpoint in ["POST /logout/all", "POST /delete_devices", "POST /rooms/{roomId}/forget"] {
        let report = compared("v1.16", &format!("[[allow]]\nendpoint = \"{endpoint}\""));
        assert_eq!(report["unseen"][0]["endpoint"], endpoint);
    }
}

#[test]
fn what_a_homeserver_without_a_list_opens_is_not_compared() {
    for entries in [
        "\"unlisted.endpoint\" = { default = \"refused\", also = [\"served\"], reading = \"A4\" }",
        "\"registration.first_guest\" = { required = \"administrator\" }",
    ] {
        let report = compared("v1.16", &format!("[points]\n{entries}"));
        let unseen = report["unseen"].as_array().unwrap();
        assert!(unseen.iter().any(|of| of["endpoint"] == "POST /search"), "{entries}");
    }
}
