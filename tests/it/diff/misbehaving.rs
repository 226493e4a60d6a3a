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

/// The answer to a call, by the number and the request line of the call. `None` passes the call on to the
/// reference.
type Misbehaviour = fn(usize, &str) -> Option<Reply>;

enum Reply {
    /// Sends these bytes, and closes the connection.
    Bytes(Vec<u8>),
    /// Sends nothing, and keeps the connection open longer than any timeout.
    Silence,
    /// Closes the connection, and accepts no other.
    Death,
}

/// The rewritten answer, by the request line and the answer of the reference.
type Rewriting = fn(&str, Vec<u8>) -> Vec<u8>;

/// A homeserver that misbehaves. Returns its URL.
fn misbehaving(misbehaviour: Misbehaviour) -> String {
    misbehaving_and_rewriting(misbehaviour, |_, answer| answer)
}

/// The reference with rewritten answers. Returns its URL.
pub(super) fn rewriting(rewriting: Rewriting) -> String {
    misbehaving_and_rewriting(|_, _| None, rewriting)
}

fn misbehaving_and_rewriting(misbehaviour: Misbehaviour, rewriting: Rewriting) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reference = Embedded::start(Rules::find("latest").unwrap().profile()).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let (calls, real) = (Arc::clone(&calls), reference.url());
            if misbehaviour(calls.load(Ordering::Relaxed), "")
                .is_some_and(|r| matches!(r, Reply::Death))
            {
                return;
            }
            std::thread::spawn(move || answer(stream, &calls, &real, misbehaviour, rewriting));
        }
    });
    url
}

/// Answers one call, and closes the connection.
fn answer(
    mut stream: TcpStream,
    calls: &AtomicUsize,
    real: &str,
    misbehaviour: Misbehaviour,
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
    match misbehaviour(number, &line) {
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

/// Runs `diff` on the homeserver.
fn diff(url: &str) -> Ran {
    diff_with_timeout(url, "30s")
}

/// Runs `diff` with this timeout for a call.
fn diff_with_timeout(url: &str, time: &str) -> Ran {
    run(["diff", "--server", url, "--only", "*", "--jobs", "2", "--call-timeout", time, "--quiet"])
}

#[test]
fn an_unreachable_homeserver_is_reported_at_once() {
    let ran = diff("http://127.0.0.1:1");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.starts_with("error: the homeserver cannot be reached: "), "{ran:?}");
    assert_eq!(ran.out, "");
}

#[test]
fn another_kind_of_server_is_recognised() {
    let page = misbehaving(|_, _| Some(reply("200 OK", "text/html", "<html>hello</html>")));
    let elsewhere = misbehaving(|_, _| {
        let head = "HTTP/1.1 302 Found\r\nlocation: http://example.org/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        Some(Reply::Bytes(head.as_bytes().to_vec()))
    });
    let cut = misbehaving(|_, _| Some(json("{\"versions\": [\"v1.1")));
    let other = misbehaving(|_, _| Some(json("{\"versions\": 7}")));
    let rude = misbehaving(|_, _| Some(Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec())));
    for (url, says) in [
        (page, "a page of HTML"),
        (elsewhere, "was answered with a redirect"),
        (cut, "that are no JSON"),
        (other, "JSON of another form"),
        (rude, "broke off"),
    ] {
        let ran = diff(&url);
        assert_eq!(ran.code, Some(4), "{says}: {ran:?}");
        assert!(ran.err.contains(says), "{says}: {ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
}

#[test]
fn a_silent_homeserver_is_given_up_after_the_call_timeout() {
    let silent = misbehaving(|_, _| Some(Reply::Silence));
    let ran = diff_with_timeout(&silent, "1s");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("was not answered within 1s"), "{ran:?}");
}

#[test]
fn an_endless_answer_is_cut_off() {
    let url = misbehaving(|_, _| {
        let mut endless = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\"".to_vec();
        endless.resize(100_000_000, b'a');
        Some(Reply::Bytes(endless))
    });
    let ran = diff(&url);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("more than 8 MB"), "{ran:?}");
}

#[test]
fn without_registration_the_message_asks_for_accounts() {
    let url = misbehaving(|_, line| {
        let body = "{\"errcode\": \"M_FORBIDDEN\", \"error\": \"no\"}";
        line.contains("/register").then(|| reply("403 Forbidden", "application/json", body))
    });
    let ran = diff(&url);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("--user NAME:PASSWORD"), "{ran:?}");
}

#[test]
fn results_before_the_homeserver_dies_are_kept() {
    let url = misbehaving(|number, _| (number > 900).then_some(Reply::Death));
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
fn a_malformed_answer_ends_only_its_own_scenario() {
    let url = misbehaving(|_, line| {
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
fn a_rate_limited_call_is_repeated_after_the_wait() {
    let url = misbehaving(|number, _| {
        let body = "{\"errcode\": \"M_LIMIT_EXCEEDED\", \"retry_after_ms\": 20}";
        let limited = number % 50 == 10;
        limited.then(|| reply("429 Too Many Requests", "application/json", body))
    });
    let ran = run(["diff", "--server", &url, "--quiet", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.json()["rate_limited"].as_u64().unwrap() > 10, "{ran:?}");
}

/// The report of one vector on a homeserver that misbehaves at some endpoints only.
fn report_of_one_vector(url: &str, time: &str) -> serde_json::Value {
    let only = "message-under-world-readable";
    let args = ["--only", only, "--call-timeout", time, "--format", "json"];
    let ran = run(["diff", "--quiet", "--server", url].iter().chain(&args));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["broken_off"], serde_json::Value::Null, "{report}");
    assert!(report["decisions"].as_u64().unwrap() > 0, "{report}");
    report
}

/// Whether the report gives this reason, about this endpoint, for a step that was not run.
fn has_reason(report: &serde_json::Value, endpoint: &str, what: &str) -> bool {
    let not_run = report["not_run"].as_array().unwrap();
    not_run.iter().any(|entry| {
        let because = entry["because"].as_str().unwrap();
        because.contains(endpoint) && because.contains(what)
    })
}

/// The target of a redirect, to which no client may connect.
static ELSEWHERE: std::sync::LazyLock<(TcpListener, String)> = std::sync::LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
});

#[test]
fn each_malformed_answer_is_reported_and_the_rest_is_judged() {
    let url = misbehaving(|_, line| {
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
    let report = report_of_one_vector(&url, "30s");
    for (endpoint, what) in [
        ("GET /rooms/{roomId}/messages", "a page of HTML"),
        ("GET /rooms/{roomId}/initialSync", "that are no JSON"),
        ("GET /rooms/{roomId}/context/{eventId}", "more than 8 MB"),
        ("", "the homeserver answers with a redirect (302)"),
    ] {
        assert!(has_reason(&report, endpoint, what), "{endpoint}: {:#}", report["not_run"]);
    }
    let connection = ELSEWHERE.0.accept();
    assert!(connection.is_err(), "a redirect was followed: {connection:?}");
}

/// The events whose context a client has requested.
static REQUESTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

#[test]
fn the_smallest_scenario_keeps_a_query_that_matters() {
    let url = misbehaving(|_, line| {
        let event = |of: &str| line.split_once(of)?.1.split(['?', ' ']).next().map(str::to_owned);
        if let Some(event) = event("/context/") {
            REQUESTED.lock().unwrap().insert(event);
            return Some(reply("418 I'm a teapot", "application/json", r#"{"errcode":"A"}"#));
        }
        // Without a sent event, the requested id is the same in every scenario.
        let was_sent = |event: &String| !event.contains("AAAA");
        let requested_before = |event: String| REQUESTED.lock().unwrap().contains(&event);
        let is_asked = event("/event/").filter(was_sent).is_some_and(requested_before);
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
fn the_list_of_members_is_compared_with_at_too() {
    let url = misbehaving(|_, line| {
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
fn a_hanging_call_ends_only_its_own_scenario() {
    let url = misbehaving(|_, line| line.contains("/context/").then_some(Reply::Silence));
    let report = report_of_one_vector(&url, "1s");
    assert!(has_reason(&report, "/context/", "was not answered within 1s"), "{report:#}");
}
