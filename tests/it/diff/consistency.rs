//! A homeserver takes one option at each open question, for the whole run.

use std::sync::atomic::{AtomicUsize, Ordering};

use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Variant, Variants};
use serde_json::Value;

use super::diff_vectors;
use super::misbehaving::rewriting;
use crate::cli::{Folder, Ran, run};

/// The error code of the default option of `join.errcode`, and that of another option, padded to the
/// same length.
const DEFAULT_ERRCODE: &[u8] = b"\"M_GUEST_ACCESS_FORBIDDEN\"";
const OTHER_ERRCODE: &[u8] = b"\"M_FORBIDDEN\"             ";

/// An answer to a join, with the other error code.
fn with_other_errcode(mut answer: Vec<u8>) -> Vec<u8> {
    let place = answer.windows(DEFAULT_ERRCODE.len()).position(|part| part == DEFAULT_ERRCODE);
    if let Some(place) = place {
        answer[place..place + OTHER_ERRCODE.len()].copy_from_slice(OTHER_ERRCODE);
    }
    answer
}

/// Whether the call is a guest's denied attempt to join, by any endpoint.
fn is_denied_join(line: &str, answer: &[u8]) -> bool {
    let joins = line.starts_with("POST") && line.contains("/join");
    let is_join = joins || line.starts_with("PUT") && line.contains("/m.room.member/");
    is_join && answer.windows(DEFAULT_ERRCODE.len()).any(|part| part == DEFAULT_ERRCODE)
}

fn diff(url: &str, args: &[&str]) -> Ran {
    // In these vectors, guests try to join rooms that do not admit guests.
    let only = ["--only", "message-under-joined", "--only", "room"];
    let always = ["--server", url, "--quiet", "--jobs", "1"];
    diff_vectors(always.iter().chain(&only).chain(args))
}

/// The conflicts of the divergences that fail, which are all inconsistent.
fn conflicts(ran: &Ran) -> Vec<(String, String, String)> {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    let divergences = report["divergences"].as_array().unwrap();
    let failing = divergences.iter().filter(|divergence| divergence["permitted"] == false);
    let conflicts = failing.map(|divergence| {
        assert_eq!(divergence["kind"], "inconsistent", "{divergence:#}");
        assert_eq!(divergence["readings"], Value::Array(Vec::new()), "{divergence:#}");
        let [conflict] = &divergence["conflicts"].as_array().unwrap()[..] else {
            panic!("{divergence:#}")
        };
        assert_eq!(conflict["reading"], "A20", "{conflict:#}");
        let clauses = conflict["clauses"].as_array().unwrap();
        assert!(clauses.contains(&Value::from("GA-22")), "{conflict:#}");
        let text = |key: &str| conflict[key].as_str().unwrap().to_owned();
        (text("decision_point"), text("in_run"), text("here"))
    });
    let mut conflicts: Vec<_> = conflicts.collect();
    conflicts.dedup();
    conflicts
}

fn conflict(in_run: &str, here: &str) -> Vec<(String, String, String)> {
    vec![("join.errcode".to_owned(), in_run.to_owned(), here.to_owned())]
}

#[test]
fn another_option_for_the_whole_run_is_permitted() {
    let url =
        rewriting(
            |line, answer| {
                if is_denied_join(line, &answer) { with_other_errcode(answer) } else { answer }
            },
        );
    let ran = diff(&url, &["--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    let divergences = report["divergences"].as_array().unwrap();
    assert!(!divergences.is_empty());
    for divergence in divergences {
        assert_eq!(divergence["permitted"], true, "{divergence:#}");
        assert_eq!(divergence["readings"][0]["decision_point"], "join.errcode", "{divergence:#}");
    }
}

/// Options of many open questions, some of which matter together only.
const OPTIONS: [(&str, &str); 11] = [
    ("state.preview", "current"),
    ("room.closed_again", "answered"),
    ("revocation.trigger", "new_event_only"),
    ("revocation.memberships", "joined_invited_and_knocking"),
    ("join.errcode", "M_FORBIDDEN"),
    ("unlisted.errcode", "M_FORBIDDEN"),
    ("put_state.membership", "refused"),
    ("room.banned_reader", "refused"),
    ("visibility.invited", "once_joined"),
    ("deactivation.memberships", "left"),
    ("room.elsewhere", "not_found"),
];

#[test]
fn other_options_of_many_questions_are_permitted_too() {
    let variants = Variants::of(&Rules::find("latest").unwrap());
    let taken = OPTIONS.map(|(point, option)| {
        let is_it = |known: &Variant| known.point() == point && known.option() == option;
        let number = variants.all.iter().position(is_it).unwrap();
        assert!(variants.all[number].is_permitted());
        number
    });
    let server = Embedded::start(variants.profile(&taken)).unwrap();
    let ran = diff_vectors(["--server", &server.url(), "--quiet", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.json()["divergences"].as_array().unwrap().len() > 20);
}

#[test]
fn another_option_at_one_of_three_answers_is_inconsistent() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let url = rewriting(|line, answer| {
        let is_other = is_denied_join(line, &answer)
            && CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        if is_other { with_other_errcode(answer) } else { answer }
    });
    let ran = diff(&url, &["--format", "json"]);
    assert_eq!(conflicts(&ran), conflict("M_GUEST_ACCESS_FORBIDDEN", "M_FORBIDDEN"));
    // The report says so in words as well.
    let ran = diff(&url, &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("two answers to one question: `join.errcode`; A20"), "{}", ran.out);
}

#[test]
fn the_default_at_one_of_three_answers_is_inconsistent_too() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let url = rewriting(|line, answer| {
        let is_other = is_denied_join(line, &answer)
            && !CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        if is_other { with_other_errcode(answer) } else { answer }
    });
    let ran = diff(&url, &["--format", "json"]);
    assert_eq!(conflicts(&ran), conflict("M_FORBIDDEN", "M_GUEST_ACCESS_FORBIDDEN"));
}

/// A homeserver that refuses all unlisted endpoints but one with another error code than the default.
fn with_one_default() -> String {
    rewriting(
        |line, answer| {
            if is_denied_join(line, &answer) { answer } else { with_other_errcode(answer) }
        },
    )
}

#[test]
fn a_reading_with_an_exception_is_no_mistake_elsewhere() {
    let url = with_one_default();
    let ran = diff_vectors(["--server", &url, "--quiet", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let report = ran.json();
    let mut failing = 0;
    for divergence in report["divergences"].as_array().unwrap() {
        let is_inconsistent = divergence["kind"] == "inconsistent";
        failing += usize::from(is_inconsistent);
        assert_ne!(divergence["permitted"], is_inconsistent, "{divergence:#}");
    }
    assert!(failing > 0, "{report:#}");
    for cause in report["causes"].as_array().unwrap() {
        assert_eq!(cause["permitted"], true, "{cause:#}");
    }
}

/// A homeserver that refuses one of the unlisted endpoints with another error code than the rest.
fn with_one_exception() -> String {
    rewriting(
        |line, answer| {
            if line.contains("/voip/turnServer") { with_other_errcode(answer) } else { answer }
        },
    )
}

#[test]
fn a_replay_shows_an_inconsistent_divergence_again() {
    let folder = Folder::new();
    let on = |url: &str, more: [&str; 2]| {
        let always = ["--server", url, "--quiet", "--jobs", "1", "--format", "json"];
        always.into_iter().chain(more).map(str::to_owned).collect::<Vec<_>>()
    };
    let replay_on = |url: &str, more| run(["diff".to_owned()].into_iter().chain(on(url, more)));
    let found = diff_vectors(on(&with_one_exception(), ["--only", "accounts"]));
    assert_eq!(found.code, Some(1), "{}", found.err);
    let mut report = found.json();
    let is_inconsistent = |divergence: &Value| divergence["kind"] == "inconsistent";
    report["divergences"].as_array_mut().unwrap().retain(is_inconsistent);
    let number = report["divergences"].as_array().unwrap().len();
    assert!(number > 0);
    for divergence in report["divergences"].as_array().unwrap() {
        assert_eq!(divergence["conflicts"][0]["decision_point"], "unlisted.errcode");
    }
    let file = folder.file("report.json", report.to_string()).display().to_string();
    let again = replay_on(&with_one_exception(), ["--replay", &file]);
    assert_eq!((again.code, &again.json()["still_there"]), (Some(1), &number.into()), "{again:?}");
    // A homeserver that takes one option at both calls has none of the divergences.
    let default = replay_on(&rewriting(|_, answer| answer), ["--replay", &file]);
    assert_eq!((default.code, &default.json()["fixed"]), (Some(0), &number.into()), "{default:?}");
    let other = rewriting(|_, answer| with_other_errcode(answer));
    let other = replay_on(&other, ["--replay", &file]);
    assert_eq!((other.code, &other.json()["fixed"]), (Some(0), &number.into()), "{other:?}");
    // A report without the scenario of the rest of the run proves nothing.
    for divergence in report["divergences"].as_array_mut().unwrap() {
        divergence.as_object_mut().unwrap().remove("contrasts");
    }
    let file = folder.file("old.json", report.to_string()).display().to_string();
    let old = replay_on(&with_one_exception(), ["--replay", &file]);
    assert_eq!((old.code, &old.json()["could_not_run"]), (Some(3), &number.into()), "{old:?}");
}
