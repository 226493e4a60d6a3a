//! `diff --concurrent` and `replay`: recordings of concurrent calls and their linearizability.

use std::path::Path;

use guest_access::contention::{Recording, schema};
use serde_json::{Value, json};

use crate::cli::{Folder, Ran, run};

/// Runs the words of `line`, with the path of the folder in place of FOLDER.
fn run_in(folder: &Folder, line: &str) -> Ran {
    let path = folder.path("").display().to_string();
    run(line.split_whitespace().map(|word| word.replace("FOLDER", &path)))
}

fn kinds(report: &Value) -> Vec<(bool, String)> {
    let violations = report["violations"].as_array().unwrap();
    let of = |violation: &Value| {
        (violation["race"].as_bool().unwrap(), violation["kind"].as_str().unwrap().to_owned())
    };
    violations.iter().map(of).collect()
}

#[test]
fn the_reference_is_linearizable_and_records_by_the_schema() {
    let folder = Folder::new();
    let line = "diff --concurrent --for 2s --seed 3 --quiet --format json --record FOLDER/h.jsonl";
    let ran = run_in(&folder, line);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!(kinds(&report), []);
    assert!(report["calls"].as_u64() > Some(100), "{report}");
    assert!(report["overlapping"].as_u64() > Some(100), "{report}");
    assert_eq!(report["readings"], json!([]));
    assert_eq!(report["unanswered"], 0);
    assert_eq!(report["complete"], true);

    let recording = std::fs::read_to_string(folder.path("h.jsonl")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::to_value(schema()).unwrap()).unwrap();
    for line in recording.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let error = validator.iter_errors(&value).next();
        assert!(error.is_none(), "{error:?}: {line}");
    }
    // No token, no password, no user id and no event id: only names.
    for secret in ["token", "password", "@", "$", "!"] {
        assert!(!recording.contains(secret), "{secret}");
    }

    let again = run_in(&folder, "replay FOLDER/h.jsonl --quiet --format json");
    assert_eq!(again.code, Some(0), "{again:?}");
    let replayed = again.json();
    for same in ["rounds", "calls", "overlapping", "parts", "violations", "readings", "undecided"] {
        assert_eq!(report[same], replayed[same], "{same}");
    }
}

/// Runs until the checker finds the concurrency defect by a violation that is `sought`. The replay of the
/// recording has to report the same violations.
fn is_found(defect: &str, sought: impl Fn(bool, &str) -> bool) {
    let folder = Folder::new();
    // The machine decides which calls overlap, so the test allows several runs of a few rounds each.
    for seed in 1..=40 {
        let line = format!(
            "diff --concurrent --for 400ms --seed {seed} --quiet --format json \
             --defect concurrency.{defect} --settle 200ms --record FOLDER/h.jsonl"
        );
        let ran = run_in(&folder, &line);
        let report = ran.json();
        if !kinds(&report).iter().any(|(race, kind)| sought(*race, kind)) {
            continue;
        }
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let replayed = run_in(&folder, "replay FOLDER/h.jsonl --quiet --format json");
        assert_eq!(replayed.code, Some(1), "{replayed:?}");
        assert_eq!(report["violations"], replayed.json()["violations"]);
        return;
    }
    panic!("{defect} was not found");
}

#[test]
fn a_join_checked_before_a_revocation_is_found() {
    is_found("check_then_act", |race, kind| race && (kind == "effect" || kind == "leak"));
}

#[test]
fn a_call_that_outlives_the_log_out_is_found() {
    is_found("token_at_start", |race, _| race);
}

#[test]
fn a_read_by_outdated_settings_is_found() {
    is_found("late_answer", |race, kind| race && kind == "leak");
}

#[test]
fn a_sweep_that_follows_the_answer_is_found() {
    is_found("late_sweep", |race, kind| race && (kind == "leak" || kind == "effect"));
}

#[test]
fn an_upgrade_that_ends_the_old_token_late_is_found() {
    is_found("upgrade_in_stages", |race, _| race);
}

const HEAD: &str = r#"{"line":"recording","format":1,"rules":"latest"}"#;

fn replayed(lines: &[&str]) -> Ran {
    let folder = Folder::new();
    let path = folder.path("h.jsonl");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let ran = run_in(&folder, "replay FOLDER/h.jsonl --quiet");
    Ran { err: ran.err.replace(&path.display().to_string(), "h.jsonl"), ..ran }
}

#[test]
fn an_error_in_a_recording_names_its_line() {
    let register = r#"{"line":"call","round":1,"client":1,"step":{"as":"guest1","do":"register as guest"},"start":1,"end":5,"answer":{"verdict":"allow","status":200}}"#;
    let send = r#"{"line":"call","round":1,"client":2,"step":{"as":"moderator","do":"send","type":"m.room.message","room":"room1"},"event":"e1","start":1,"end":5,"answer":{"verdict":"allow","status":200}}"#;
    let wrong = |with: &str, from: &str, to: &str| with.replace(from, to);
    for (lines, says) in [
        (vec![""], "h.jsonl:1: the file is empty; a recording begins with"),
        (vec![register], "h.jsonl:1: the first line has to be the header, with"),
        (vec![HEAD, "{"], "h.jsonl:2: EOF while parsing an object; schema/recording.json"),
        (vec![HEAD, HEAD], "h.jsonl:2: a second header, for `latest`; a recording has one header"),
        (
            vec![r#"{"line":"recording","format":2,"rules":"latest"}"#],
            "h.jsonl:1: the format is 2; this program reads format 1",
        ),
        (
            vec![HEAD, &wrong(register, "guest1", "guest9")],
            "h.jsonl:2: there is no actor `guest9`; the actors are moderator, user",
        ),
        (
            vec![HEAD, &wrong(register, "register as guest", "register as a guest")],
            "h.jsonl:2: there is no operation `register as a guest`; did you mean `register as guest`?",
        ),
        (
            vec![HEAD, &wrong(register, r#""end":5"#, r#""end":0"#)],
            "h.jsonl:2: the call ends at 0, before its start at 1",
        ),
        (
            vec![HEAD, &wrong(register, r#""end":5,"#, "")],
            "h.jsonl:2: the call has an answer and no `end`",
        ),
        (
            vec![HEAD, &wrong(register, "200", "403")],
            "h.jsonl:2: `allow` needs a status from 200 to 299",
        ),
        (
            vec![HEAD, &wrong(register, r#""start""#, r#""event":"e1","start""#)],
            "h.jsonl:2: `guest1 registers as a guest` sends no event with a name; leave `event` out",
        ),
        (
            vec![HEAD, &wrong(send, "room1", "room2")],
            "h.jsonl:2: a recording has only one room in each round, `room1`",
        ),
        (
            vec![HEAD, send, &wrong(send, r#""client":2"#, r#""client":3"#)],
            "h.jsonl:3: the event of line 2 of this round has the name `e1` too",
        ),
        (
            vec![HEAD, send, &wrong(register, r#""client":1"#, r#""client":2"#)],
            "h.jsonl:3: client 2 begins this call before the answer to its call of line 2",
        ),
        (
            vec![HEAD, &wrong(register, "200", r#"200,"gave":["e7"]"#)],
            "h.jsonl:2: no call of this round sends an event with the name `e7`",
        ),
        (
            vec![HEAD, r#"{"line":"end","round":1,"memberships":{"guest7":"join"}}"#],
            "h.jsonl:2: there is no guest `guest7`; there are guest1, guest2, guest3",
        ),
        (vec![HEAD, r#"{"line":"call","round":1}"#], "h.jsonl:2: missing field `client`"),
        (
            vec![r#"{"line":"recording","format":1,"rules":"v9"}"#, register],
            "h.jsonl was made by rules that are not known here; name them by `--rules`",
        ),
    ] {
        let ran = replayed(&lines);
        assert_eq!(ran.code, Some(2), "{lines:?}: {ran:?}");
        assert!(ran.err.contains(says), "{says}\n{}", ran.err);
        assert_eq!(ran.out, "");
    }
    let nothing = replayed(&[HEAD]);
    assert_eq!(nothing.code, Some(3), "{nothing:?}");
    assert_eq!(replayed(&[HEAD, register, send]).code, Some(0));
}

#[test]
fn a_violation_without_overlap_is_a_sequence() {
    let register = r#"{"line":"call","round":1,"client":1,"step":{"as":"guest1","do":"register as guest"},"start":1,"end":5,"answer":{"verdict":"allow","status":200}}"#;
    let join = r#"{"line":"call","round":1,"client":1,"step":{"as":"guest1","do":"join","room":"room1"},"start":6,"end":9,"answer":{"verdict":"allow","status":200}}"#;
    let ran = replayed(&[HEAD, register, join]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("1. sequence, leak: guest1 joins room1"), "{}", ran.out);
    assert!(
        ran.out.contains("the violation is no race, and `diff` finds such a divergence too"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("deny 403 M_GUEST_ACCESS_FORBIDDEN"), "{}", ran.out);
}

const REGISTER: &str = r#"{"line":"call","round":1,"client":1,"step":{"as":"guest1","do":"register as guest"},"start":1,"end":6,"answer":{"verdict":"allow","status":200}}"#;
const JOINED_ROOMS: &str = r#"{"line":"call","round":1,"client":1,"step":{"as":"guest1","do":"GET /joined_rooms"},"start":10,"end":15,"answer":{"verdict":"deny","status":403,"errcode":"M_FORBIDDEN"}}"#;

/// The call, in the second round.
fn in_round_2(call: &str) -> String {
    call.replace(r#""round":1"#, r#""round":2"#)
}

#[test]
fn two_options_of_one_question_are_inconsistent() {
    let folder = Folder::new();
    let register = in_round_2(REGISTER);
    let other = in_round_2(JOINED_ROOMS).replace("M_FORBIDDEN", "M_GUEST_ACCESS_FORBIDDEN");
    let lines = [HEAD, REGISTER, JOINED_ROOMS, &register, &other];
    std::fs::write(folder.path("h.jsonl"), lines.join("\n") + "\n").unwrap();
    let line = "replay FOLDER/h.jsonl --quiet --format";
    let ran = run_in(&folder, &format!("{line} json"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["violations"], json!([]));
    assert_eq!(report["undecided"], json!([]));
    assert_eq!(report["readings"], json!([]), "of the two options, neither is permitted");
    let inconsistent = report["inconsistent"].as_array().unwrap();
    let [one] = inconsistent.as_slice() else { panic!("{report}") };
    assert_eq!(one["kind"], "inconsistent");
    let rounds = [&one["in_run_part"]["round"], &one["here_part"]["round"]];
    assert!(rounds == [&json!(1), &json!(2)] || rounds == [&json!(2), &json!(1)], "{one}");
    for format in ["text", "html"] {
        let ran = run_in(&folder, &format!("{line} {format}"));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(!ran.out.contains("every partition has an order"), "{}", ran.out);
        for key in ["decision_point", "in_run", "here"] {
            assert!(ran.out.contains(one[key].as_str().unwrap()), "{key}: {}", ran.out);
        }
        for round in ["round 1: guest1", "round 2: guest1"] {
            assert!(ran.out.contains(round), "{round}: {}", ran.out);
        }
        assert!(!ran.out.contains("Permitted by another reading"), "{}", ran.out);
    }
}

#[test]
fn what_the_time_limit_leaves_is_undecided() {
    let folder = Folder::new();
    let lines = [HEAD, REGISTER, JOINED_ROOMS];
    std::fs::write(folder.path("h.jsonl"), lines.join("\n") + "\n").unwrap();
    let line = "replay FOLDER/h.jsonl --timeout 0s --quiet --format";
    let ran = run_in(&folder, &format!("{line} json"));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["complete"], false);
    let undecided = json!([{"round": 1, "of": "guest1", "event": null, "search": "linearization"}]);
    assert_eq!(report["undecided"], undecided);
    for format in ["text", "html"] {
        let ran = run_in(&folder, &format!("{line} {format}"));
        let says = "round 1: guest1: whether some order explains its answers";
        assert!(ran.out.contains(says), "{}", ran.out);
        assert!(!ran.out.contains("every partition has an order"), "{}", ran.out);
    }
}

#[test]
fn readings_of_two_questions_are_one_assignment() {
    let upgrade = r#"{"line":"call","round":2,"client":1,"step":{"as":"guest1","do":"upgrade"},"start":10,"end":15,"answer":{"verdict":"allow","status":200}}"#;
    let whoami = r#"{"line":"call","round":2,"client":1,"step":{"as":"guest1","do":"GET /account/whoami"},"start":20,"end":25,"answer":{"verdict":"allow","status":200,"is_guest":false}}"#;
    let lines = [HEAD, REGISTER, JOINED_ROOMS, &in_round_2(REGISTER), upgrade, whoami];
    let ran = replayed(&lines);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("every partition has an order"), "{}", ran.out);
}

#[test]
fn conflicting_arguments_are_refused() {
    for (line, says) in [
        ("diff --clients 3", "--concurrent"),
        ("diff --concurrent --only x", "cannot be used with"),
        ("diff --concurrent --format junit", "with `--concurrent` the report is `text`"),
        ("diff --concurrent --defect concurrency.hope", "there is no defect `concurrency.hope`"),
        ("diff --concurrent --server http://127.0.0.1:1 --defect x", "cannot be used with"),
        ("replay /nowhere/at-all.jsonl", "/nowhere/at-all.jsonl: the recording cannot be read"),
    ] {
        let ran = run(line.split_whitespace());
        assert_eq!(ran.code, Some(2), "{line}: {ran:?}");
        assert!(ran.err.contains(says), "{line}: {}", ran.err);
    }
    let gone = run("diff --concurrent --quiet --server http://127.0.0.1:1".split_whitespace());
    assert_eq!(gone.code, Some(4), "{gone:?}");
}

#[test]
fn the_published_schema_is_the_one_that_is_made() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/recording.json");
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made);
}

/// Reading and writing a recording changes nothing.
#[test]
fn a_recording_is_written_as_it_was_read() {
    let folder = Folder::new();
    run_in(&folder, "diff --concurrent --for 0s --seed 5 --quiet --record FOLDER/h.jsonl");
    let path = folder.path("h.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(Recording::load(&path).unwrap().to_jsonl(), text);
}
