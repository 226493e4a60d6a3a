//! Homeservers that misbehave: a clear message, the right exit code, and no panic.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use guest_access::serve::Embedded;
use guest_access_rules::rules::Rules;
use serde_json::Value;

use crate::cli::{Ran, run};

/// What is answered to the call with this number, of this line: `None` to pass it on to a homeserver
/// that knows its manners.
type Manners = fn(usize, &str) -> Option<Reply>;

enum Reply {
    /// This, and the connection ends.
    Bytes(Vec<u8>),
    /// Nothing, for longer than anybody waits.
    Silence,
    /// Nothing, and nobody is there any more.
    Death,
}

/// What is made of an answer to the call of this line, before the answer is sent.
type Rewriting = fn(&str, Vec<u8>) -> Vec<u8>;

/// A homeserver with these manners.
fn with(manners: Manners) -> String {
    with_both(manners, |_, answer| answer)
}

/// The reference, with answers that are rewritten.
pub(super) fn rewriting(rewriting: Rewriting) -> String {
    with_both(|_, _| None, rewriting)
}

fn with_both(manners: Manners, rewriting: Rewriting) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reference = Embedded::start(Rules::find("latest").unwrap().profile()).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let (calls, real) = (Arc::clone(&calls), reference.url());
            if manners(calls.load(Ordering::Relaxed), "").is_some_and(|r| matches!(r, Reply::Death))
            {
                return;
            }
            std::thread::spawn(move || answer(stream, &calls, &real, manners, rewriting));
        }
    });
    url
}

/// Answers one call, and ends the connection.
fn answer(
    mut stream: TcpStream,
    calls: &AtomicUsize,
    real: &str,
    manners: Manners,
    rewriting: Rewriting,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0_usize);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            head += &line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let number = calls.fetch_add(1, Ordering::Relaxed);
    let line = head.lines().next().unwrap_or_default().to_owned();
    match manners(number, &line) {
        Some(Reply::Bytes(bytes)) => {
            let _ = stream.write_all(&bytes);
        }
        Some(Reply::Silence) => std::thread::sleep(std::time::Duration::from_secs(60)),
        Some(Reply::Death) => {}
        None => {
            let mut other = TcpStream::connect(real.trim_start_matches("http://")).unwrap();
            other.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).unwrap();
            other.write_all(&body).unwrap();
            let mut answer = Vec::new();
            let _ = other.read_to_end(&mut answer);
            let _ = stream.write_all(&rewriting(&line, answer));
        }
    }
}

fn reply(status: &str, kind: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    Reply::Bytes([head.as_bytes(), body.as_bytes()].concat())
}

fn json(body: &str) -> Reply {
    reply("200 OK", "application/json", body)
}

/// What comes of holding it against the rules.
fn held(url: &str) -> Ran {
    held_for(url, "30s")
}

/// The same, where one call may take so long.
fn held_for(url: &str, time: &str) -> Ran {
    run(["diff", "--server", url, "--only", "*", "--jobs", "2", "--call-timeout", time, "--quiet"])
}

#[test]
fn where_nobody_is_that_is_said_at_once() {
    let ran = held("http://127.0.0.1:1");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.starts_with("error: the homeserver cannot be reached: "), "{ran:?}");
    assert_eq!(ran.out, "");
}

#[test]
fn what_is_no_homeserver_is_told_from_one() {
    let page = with(|_, _| Some(reply("200 OK", "text/html", "<html>hello</html>")));
    let elsewhere = with(|_, _| {
        let head = "HTTP/1.1 302 Found\r\nlocation: http://example.org/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        Some(Reply::Bytes(head.as_bytes().to_vec()))
    });
    let cut = with(|_, _| Some(json("{\"versions\": [\"v1.1")));
    let other = with(|_, _| Some(json("{\"versions\": 7}")));
    let rude = with(|_, _| Some(Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec())));
    for (url, says) in [
        (page, "a page of HTML"),
        (elsewhere, "was answered with a redirect"),
        (cut, "that are no JSON"),
        (other, "JSON of another form"),
        (rude, "broke off"),
    ] {
        let ran = held(&url);
        assert_eq!(ran.code, Some(4), "{says}: {ran:?}");
        assert!(ran.err.contains(says), "{says}: {ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
}

#[test]
fn who_does_not_answer_is_waited_for_as_long_as_a_call_may_take() {
    let silent = with(|_, _| Some(Reply::Silence));
    let ran = held_for(&silent, "1s");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("was not answered within 1s"), "{ran:?}");
}

#[test]
fn an_answer_without_an_end_is_cut_off() {
    let url = with(|_, _| {
        let mut endless = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\"".to_vec();
        endless.resize(100_000_000, b'a');
        Some(Reply::Bytes(endless))
    });
    let ran = held(&url);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("more than 8 MB"), "{ran:?}");
}

#[test]
fn a_homeserver_that_registers_nobody_is_a_matter_of_the_command_line() {
    let url = with(|_, line| {
        let body = "{\"errcode\": \"M_FORBIDDEN\", \"error\": \"no\"}";
        line.contains("/register").then(|| reply("403 Forbidden", "application/json", body))
    });
    let ran = held(&url);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("--user NAME:PASSWORD"), "{ran:?}");
}

#[test]
fn what_was_found_before_a_homeserver_dies_is_kept() {
    let url = with(|number, _| (number > 900).then_some(Reply::Death));
    let ran = run([
        "diff",
        "--server",
        &url,
        "--jobs",
        "2",
        "--call-timeout",
        "2s",
        "--quiet",
        "--format",
        "json",
    ]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let report = ran.json();
    assert!(report["decisions"].as_u64().unwrap() > 100, "{report}");
    assert_eq!(report["complete"], false);
    assert!(report["broken_off"].as_str().unwrap().contains("cannot be reached"), "{report}");
    assert!(ran.err.contains("the report holds what was found before"), "{}", ran.err);
}

#[test]
fn what_cannot_be_read_of_one_endpoint_does_not_end_the_rest() {
    let url = with(|_, line| {
        (line.starts_with("GET") && line.contains("/messages")).then(|| json("{\"chunk\": 7}"))
    });
    let ran = run(["diff", "--server", &url, "--quiet", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert!(report["decisions"].as_u64().unwrap() > 1000, "{report}");
    let not_run = report["not_run"].as_array().unwrap();
    let of_messages = |entry: &&serde_json::Value| {
        let because = entry["because"].as_str().unwrap();
        because.contains("GET /rooms/{roomId}/messages was answered with JSON of another form")
    };
    assert!(not_run.iter().any(|entry| of_messages(&entry)), "{not_run:#?}");
}

#[test]
fn a_homeserver_that_asks_to_wait_is_waited_for() {
    let url = with(|number, _| {
        let body = "{\"errcode\": \"M_LIMIT_EXCEEDED\", \"retry_after_ms\": 20}";
        let limited = number % 50 == 10;
        limited.then(|| reply("429 Too Many Requests", "application/json", body))
    });
    let ran = run(["diff", "--server", &url, "--quiet", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.json()["rate_limited"].as_u64().unwrap() > 10, "{ran:?}");
}

/// What one vector makes of a homeserver that misbehaves at some endpoints only.
fn of_one_vector(url: &str, time: &str) -> serde_json::Value {
    let only = "message-under-world-readable";
    let args = ["--only", only, "--call-timeout", time, "--format", "json"];
    let ran = run(["diff", "--quiet", "--server", url].iter().chain(&args));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["broken_off"], serde_json::Value::Null, "{report}");
    assert!(report["decisions"].as_u64().unwrap() > 0, "{report}");
    report
}

/// Whether something was not run since a call of this endpoint came to this.
fn says(report: &serde_json::Value, endpoint: &str, what: &str) -> bool {
    let not_run = report["not_run"].as_array().unwrap();
    not_run.iter().any(|entry| {
        let because = entry["because"].as_str().unwrap();
        because.contains(endpoint) && because.contains(what)
    })
}

/// Nobody is to come here.
static ELSEWHERE: std::sync::LazyLock<(TcpListener, String)> = std::sync::LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
});

#[test]
fn each_answer_that_is_none_is_told_and_the_rest_is_judged() {
    let url = with(|_, line| {
        let is = |part: &str| line.starts_with("GET") && line.contains(part);
        if is("/messages?") {
            Some(reply("200 OK", "text/html", "<html>hello</html>"))
        } else if is("/initialSync") {
            Some(json("{\"room_id\": \"!a:b\", \"messages\": {\"chu"))
        } else if is("/context/") {
            let mut huge = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\"".to_vec();
            huge.resize(100_000_000, b'a');
            Some(Reply::Bytes(huge))
        } else if is("/event/") {
            let to = &ELSEWHERE.1;
            let head = format!(
                "HTTP/1.1 302 Found\r\nlocation: {to}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            Some(Reply::Bytes(head.into_bytes()))
        } else {
            None
        }
    });
    let report = of_one_vector(&url, "30s");
    for (endpoint, what) in [
        ("GET /rooms/{roomId}/messages", "a page of HTML"),
        ("GET /rooms/{roomId}/initialSync", "that are no JSON"),
        ("GET /rooms/{roomId}/context/{eventId}", "more than 8 MB"),
        ("", "the homeserver answers with a redirect (302)"),
    ] {
        assert!(says(&report, endpoint, what), "{endpoint}: {:#}", report["not_run"]);
    }
    let came = ELSEWHERE.0.accept();
    assert!(came.is_err(), "a redirect was followed to {came:?}");
}

/// The events whose context was asked for.
static ASKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

#[test]
fn what_shows_only_after_another_question_has_that_in_its_scenario() {
    let url = with(|_, line| {
        let event = |of: &str| line.split_once(of)?.1.split(['?', ' ']).next().map(str::to_owned);
        if let Some(event) = event("/context/") {
            ASKED.lock().unwrap().insert(event);
            return Some(reply("418 I'm a teapot", "application/json", r#"{"errcode":"A"}"#));
        }
        // What is asked for where no event was sent is the same in every story.
        let was_sent = |event: &String| !event.contains("AAAA");
        let asked_before = |event: String| ASKED.lock().unwrap().contains(&event);
        let is_asked = event("/event/").filter(was_sent).is_some_and(asked_before);
        is_asked.then(|| reply("418 I'm a teapot", "application/json", r#"{"errcode":"B"}"#))
    });
    let only = "message-under-world-readable";
    let ran = run(["diff", "--quiet", "--server", &url, "--only", only, "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    let asks = |divergence: &Value, endpoint: &str| {
        let steps = divergence["scenario"]["steps"].as_array().unwrap();
        steps.iter().any(|step| step["do"] == endpoint)
    };
    let (context, event) =
        ("GET /rooms/{roomId}/context/{eventId}", "GET /rooms/{roomId}/event/{eventId}");
    let found = report["divergences"].as_array().unwrap();
    let (after, before): (Vec<_>, Vec<_>) = found.iter().partition(|one| asks(one, event));
    assert!(!after.is_empty() && !before.is_empty(), "{report:#}");
    for divergence in found {
        assert_eq!(divergence["reproduced"], true, "{divergence:#}");
        assert!(asks(divergence, context), "{divergence:#}");
        let script = divergence["curl"].as_str().unwrap();
        assert!(script.contains("/context/"), "{script}");
    }
    assert!(before.iter().all(|divergence| !asks(divergence, event)));
}

#[test]
fn what_is_listed_of_members_is_looked_at_with_a_place_too() {
    let url = with(|_, line| {
        let is_asked = line.contains("/members?") && line.contains("at=");
        is_asked.then(|| json("{\"chunk\": []}"))
    });
    let ran = run(["diff", "--quiet", "--server", &url, "--only", "*", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    let found = report["divergences"].as_array().unwrap();
    assert!(!found.is_empty());
    for divergence in found {
        assert_eq!(divergence["endpoint"], "GET /rooms/{roomId}/members", "{divergence:#}");
        assert_eq!(divergence["kind"], "refusal", "{divergence:#}");
        let (expected, observed) = (&divergence["expected"], &divergence["observed"]);
        let says = |text: &Value, what: &str| text.as_str().unwrap().contains(what);
        assert!(says(expected, "is listed as `join` with `at`"), "{divergence:#}");
        assert!(says(observed, "is listed as `never` with `at`"), "{divergence:#}");
        let clauses = divergence["clauses"].as_array().unwrap();
        assert!(clauses.iter().any(|clause| clause == "CS-22"), "{divergence:#}");
        let script = divergence["curl"].as_str().unwrap();
        assert!(script.contains("compare 'lists with at'"), "{script}");
    }
}

#[test]
fn a_call_that_hangs_ends_one_story_and_no_more() {
    let url = with(|_, line| line.contains("/context/").then_some(Reply::Silence));
    let report = of_one_vector(&url, "1s");
    assert!(says(&report, "/context/", "was not answered within 1s"), "{report:#}");
}
