//! Wrong input: every message says where the fault is and what would be right, and the exit code is 2.

use std::fmt::Write;

use crate::cli::{Folder, run, run_line, wrapped};

/// What the program says to a file that is wrong, without the folder's path.
fn complaint(command: &str, name: &str, content: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let path = folder.file(name, content);
    let ran = run([command.into(), path.into_os_string()]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    folder.without_path(&ran.err)
}

/// A rules file that extends the latest, with these lines.
fn rules(lines: &str) -> String {
    format!("id = \"p\"\nabout = \"A proposal.\"\nextends = \"latest\"\n{lines}\n")
}

/// A scenario with this second step.
fn scenario(step: &str) -> String {
    format!(
        r#"{{
  "id": "a", "rules": "latest", "about": "", "clauses": [],
  "steps": [
    {{"as": "guest1", "do": "register as guest"}},
    {step}
  ]
}}"#
    )
}

/// Rules that declare an endpoint with these entries.
fn declared(entries: &str) -> String {
    rules(&format!("[[endpoint]]\n{entries}\ngives = \"nothing\"\ndoes = \"nothing\""))
}

#[test]
fn wrong_rules_files() {
    let cases = [
        ("not TOML", "id = \"p\nabout = 1".to_owned()),
        ("unknown key", rules("guest = true")),
        ("unknown endpoint", rules("[[allow]]\nendpoint = \"GET /rooms/{roomId}/message\"")),
        ("a declaration without a method", declared("id = \"/peek\"")),
        ("a declaration of a known endpoint", declared("id = \"GET /sync\"")),
        (
            "a declaration of a known endpoint with another placeholder",
            declared("id = \"GET /rooms/{room}/messages\""),
        ),
        (
            "a declaration that says nothing",
            rules("[[endpoint]]\nid = \"POST /peek\"\ngives = \"\"\ndoes = \"nothing\""),
        ),
        (
            "a declaration with the path of another endpoint",
            declared("id = \"POST /peek\"\npath = \"/_matrix/client/v1/poke\""),
        ),
        (
            "a declaration with unknown credentials",
            declared("id = \"POST /peek\"\nauth = \"guest\""),
        ),
        (
            "a declaration that does not say what the endpoint gives",
            rules("[[endpoint]]\nid = \"POST /peek\""),
        ),
        (
            "allowed and refused",
            rules("[[allow]]\nendpoint = \"GET /sync\"\n[[refuse]]\nendpoint = \"GET /sync\""),
        ),
        (
            "required and silent",
            rules("[points]\n\"join.gate\" = { required = \"none\", silent = \"none\" }"),
        ),
        (
            "a condition about a room where a call names none",
            rules("[[allow]]\nendpoint = \"GET /sync\"\nwhen = [\"room:world_readable\"]"),
        ),
        (
            "a condition about an event where a call sends none",
            rules(
                "[[allow]]\nendpoint = \"GET /account/whoami\"\nwhen = [\"event_type:m.room.message\"]",
            ),
        ),
        (
            "a condition about a profile where a call names none",
            rules("[[allow]]\nendpoint = \"GET /devices\"\nwhen = [\"key:displayname\"]"),
        ),
        ("unknown option", rules("[points]\n\"join.gate\" = { required = \"nobody\" }")),
        ("unknown clause", rules("[[promise]]\nguarantee = \"join_gate\"\nclauses = [\"GA-999\"]")),
        ("unknown revision", "id = \"p\"\nabout = \"\"\nextends = \"v9.9\"".to_owned()),
        ("extends nothing", "id = \"p\"\nabout = \"\"".to_owned()),
    ];
    let mut messages = String::new();
    for (what, text) in cases {
        let _ = write!(messages, "{what}\n  {}", complaint("rules", "p.toml", text));
    }
    insta::assert_snapshot!(wrapped(&messages));
}

#[test]
fn wrong_scenarios() {
    let step = scenario;
    let labelled = r#"{"as": "moderator", "do": "send state", "room": "room1", "event": "e1"},
    {"as": "moderator", "do": "send state", "room": "room1", "event": "e2"}"#;
    let cases = [
        ("not JSON", "{\"id\": \"a\",\n\"rules\"".to_owned()),
        ("no object", "[]".to_owned()),
        ("a step that is no object", step(r#"["guest1", "log out"]"#)),
        (
            "an expectation that is no object",
            step(r#"{"as": "guest1", "do": "log out", "expect": ["allow"]}"#),
        ),
        ("unknown key", step(r#"{"as": "guest1", "do": "join", "rooms": "room1"}"#)),
        (
            "unknown key of an expectation",
            step(r#"{"as": "guest1", "do": "log out", "expect": {"verdict": "deny", "code": 1}}"#),
        ),
        ("unknown actor", step(r#"{"as": "guest9", "do": "join", "room": "room1"}"#)),
        ("unknown verb", step(r#"{"as": "guest1", "do": "joins", "room": "room1"}"#)),
        ("unknown endpoint", step(r#"{"as": "guest1", "do": "GET /rooms/{roomId}/message"}"#)),
        ("endpoint with a verb", step(r#"{"as": "guest1", "do": "POST /register"}"#)),
        ("unknown room", step(r#"{"as": "guest1", "do": "join", "room": "room7"}"#)),
        ("no room", step(r#"{"as": "guest1", "do": "join"}"#)),
        (
            "field of another verb",
            step(r#"{"as": "guest1", "do": "join", "room": "room1", "to": "shared"}"#),
        ),
        (
            "unknown value",
            step(r#"{"as": "moderator", "do": "set guest access", "room": "room1", "to": "open"}"#),
        ),
        ("unknown way", step(r#"{"as": "guest1", "do": "leave", "room": "room1", "by": "alias"}"#)),
        ("no target", step(r#"{"as": "moderator", "do": "invite", "room": "room1"}"#)),
        (
            "target that is no guest",
            step(r#"{"as": "moderator", "do": "invite", "room": "room1", "target": "user"}"#),
        ),
        ("action of another actor", step(r#"{"as": "guest1", "do": "restart"}"#)),
        (
            "token of another actor",
            step(r#"{"as": "user", "do": "log out", "token": "masquerade"}"#),
        ),
        ("second label", step(labelled)),
        ("label of no event", step(r#"{"as": "guest1", "do": "log out", "event": "e1"}"#)),
        (
            "unknown label",
            step(
                r#"{"as": "guest1", "do": "GET /sync", "expect": {"verdict": "allow", "sees": ["e7"]}}"#,
            ),
        ),
        (
            "unknown clause",
            step(r#"{"as": "guest1", "do": "log out"}"#).replace("[]", "[\"GA-999\"]"),
        ),
        (
            "no steps",
            r#"{"id": "a", "rules": "latest", "about": "", "clauses": [], "steps": []}"#.to_owned(),
        ),
    ];
    let mut messages = String::new();
    for (what, text) in cases {
        let _ = write!(messages, "{what}\n  {}", complaint("decide", "a.json", text));
    }
    insta::assert_snapshot!(wrapped(&messages));
}

#[test]
fn impossible_steps() {
    let steps = [
        r#"{"as": "guest1", "do": "register as guest"}"#,
        r#"{"as": "guest2", "do": "log out"}"#,
        r#"{"as": "guest1", "do": "log out", "token": "before_upgrade"}"#,
        r#"{"as": "moderator", "do": "kick", "room": "room1", "target": "guest1"}"#,
        r#"{"as": "moderator", "do": "unban", "room": "room1", "target": "guest1"}"#,
        r#"{"as": "user", "do": "invite", "room": "room1", "target": "guest1"}"#,
        r#"{"as": "moderator", "do": "redact", "room": "room1", "setting": "m.room.guest_access"}"#,
        r#"{"as": "moderator", "do": "redact", "room": "room1", "setting": "m.room.history_visibility"}"#,
        r#"{"as": "moderator", "do": "set history visibility", "room": "room1", "to": "shared", "event": "e1"}"#,
        r#"{"as": "guest1", "do": "join", "room": "room1", "event": "e1"}"#,
        r#"{"as": "guest1", "do": "GET /sync", "room": "room1"}"#,
        r#"{"as": "guest1", "do": "GET /rooms/{roomId}/messages"}"#,
        r#"{"as": "guest1", "do": "leave", "room": "elsewhere"}"#,
        r#"{"as": "guest2", "do": "upgrade", "target": "guest1"}"#,
    ];
    let mut messages = String::new();
    for step in steps {
        let _ = write!(messages, "{step}\n  {}", complaint("decide", "a.json", scenario(step)));
    }
    insta::assert_snapshot!(wrapped(&messages));
}

#[test]
fn files_that_are_no_text_or_too_large() {
    let not_text = [b"{\n\"id\": \"".as_slice(), &[0xff, 0xfe]].concat();
    insta::assert_snapshot!(complaint("decide", "a.json", &not_text));
    insta::assert_snapshot!(complaint("rules", "p.toml", &not_text));
    let folder = Folder::new();
    for (command, name) in [("decide", "a.json"), ("rules", "p.toml")] {
        let path = folder.file(name, "");
        // Of a file with a hole of 100 MB nothing is read but its size, or its first megabyte.
        std::fs::File::options().write(true).open(&path).unwrap().set_len(100 << 20).unwrap();
        let ran = run([command.into(), path.into_os_string()]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        insta::assert_snapshot!(folder.without_path(&ran.err));
    }
    let ran = run(["decide".into(), folder.path("none.json").into_os_string()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    insta::assert_snapshot!(folder.without_path(&ran.err));
}

#[test]
fn the_rules_of_a_scenario() {
    let folder = Folder::new();
    let proposal = folder.file("wrong.toml", rules("guest = true"));
    let missing = folder.path("missing.toml");
    let mut messages = String::new();
    for named in [missing.display().to_string(), proposal.display().to_string(), "v9.9".to_owned()]
    {
        let text = scenario(r#"{"as": "guest1", "do": "POST /peek"}"#);
        let path = folder.file("a.json", text.replace("\"latest\"", &format!("\"{named}\"")));
        let ran = run(["decide".into(), path.into_os_string()]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        messages += &ran.err;
    }
    let places = format!("`{}`", missing.display());
    assert!(messages.contains(&format!("looked for at {places}")), "{messages}");
    insta::assert_snapshot!(wrapped(&folder.without_path(&messages)));
}

#[test]
fn files_that_extend_each_other() {
    let folder = Folder::new();
    let text =
        |id: &str, extends: &str| format!("id = \"{id}\"\nabout = \"\"\nextends = \"{extends}\"\n");
    let one = folder.file("one.toml", text("one", "two.toml"));
    folder.file("two.toml", text("two", "one.toml"));
    let ran = run(["check".into(), one.into_os_string()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    insta::assert_snapshot!(folder.without_path(&ran.err));
}

#[test]
fn files_that_extend_too_many_others() {
    let folder = Folder::new();
    let text =
        |id: &str, extends: &str| format!("id = \"{id}\"\nabout = \"\"\nextends = \"{extends}\"\n");
    for number in 0..3_000 {
        let next = format!("r{}.toml", number + 1);
        folder.file(&format!("r{number}.toml"), text(&format!("r{number}"), &next));
    }
    let last = folder.file("r3000.toml", text("r3000", "v1.16"));
    let ran = run(["check".into(), folder.path("r0.toml").into_os_string()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    insta::assert_snapshot!(folder.without_path(&ran.err));
    // A chain of as many files as are permitted is read.
    let near = folder.path("r2950.toml").into_os_string();
    let ran = run(["rules".into(), near, "--format".into(), "json".into()]);
    assert_eq!(ran.code, Some(0), "{ran:?} {last:?}");
}

#[test]
fn wrong_command_lines() {
    let lines = [
        "check v9.9",
        "check --property join_gates",
        "check --guests 4",
        "check --guests 0",
        "check --rooms 3",
        "check --timeout soon",
        "check --workers 0",
        "check --max-states 0",
        "check --model concurrent --rooms 2",
        "check --model concurrent --discipline nobody",
        "check --model concurrent --property confinement",
        "check --model federated --servers 9",
        "check --discipline locks",
        "check --format yaml",
        "history --format junit",
        "explore --listen nowhere",
        "decide",
        "rules v9.9",
        "guess",
    ];
    let mut messages = String::new();
    for line in lines {
        let ran = run_line(line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        let first: Vec<_> = ran.err.lines().take_while(|line| !line.is_empty()).collect();
        let _ = writeln!(messages, "{line}\n  {}", first.join("\n  "));
    }
    insta::assert_snapshot!(wrapped(&messages));
}

#[test]
fn unwritable_reports() {
    let ran = run_line("rules --output /nonexistent/report.txt");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    insta::assert_snapshot!(ran.err);
}
