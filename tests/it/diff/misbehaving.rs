//! Homeservers that misbehave: a clear message, the right exit code, and no panic.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use serde_json::{Value, json};

use super::layer::{Layer, in_front_of};
use super::{diff_vectors, vectors};
use crate::cli::{Folder, Ran, program, run};

/// The answer to a call, by the number and the request line of the call. `None` passes the call on to the
/// reference.
type Misbehaviour = fn(usize, &str) -> Option<Reply>;

/// The reply of a homeserver that misbehaves.
pub(crate) enum Reply {
    /// Sends these bytes, and closes the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes one by one, with a pause after each.
    Drip(Vec<u8>, Duration),
    /// Sends nothing, and keeps the connection open longer than any timeout.
    Silence,
    /// Closes the connection, and accepts no other.
    Death,
}

/// The rewritten answer, by the request line and the answer of the reference.
type Rewriting = fn(&str, Vec<u8>) -> Vec<u8>;

/// A homeserver that misbehaves. Returns its URL.
pub(crate) fn misbehaving(
    misbehaviour: impl Fn(usize, &str) -> Option<Reply> + Send + Sync + 'static,
) -> String {
    misbehaving_and_rewriting(misbehaviour, |_, answer| answer)
}

/// The reference with rewritten answers. Returns its URL.
pub(super) fn rewriting(rewriting: Rewriting) -> String {
    misbehaving_and_rewriting(|_, _| None, rewriting)
}

fn misbehaving_and_rewriting(
    misbehaviour: impl Fn(usize, &str) -> Option<Reply> + Send + Sync + 'static,
    rewriting: Rewriting,
) -> String {
    let misbehaviour = Arc::new(misbehaviour);
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
            let misbehaviour = Arc::clone(&misbehaviour);
            std::thread::spawn(move || answer(stream, &calls, &real, &*misbehaviour, rewriting));
        }
    });
    url
}

/// Answers one call, and closes the connection.
fn answer(
    mut stream: TcpStream,
    calls: &AtomicUsize,
    real: &str,
    misbehaviour: &dyn Fn(usize, &str) -> Option<Reply>,
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
        Some(Reply::Drip(bytes, pause)) => {
            for byte in bytes {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
                std::thread::sleep(pause);
            }
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

fn json_reply(body: &str) -> Reply {
    reply("200 OK", "application/json", body)
}

/// Runs `diff` on the homeserver.
fn diff(url: &str) -> Ran {
    diff_with_timeout(url, "30s")
}

/// Runs `diff` with this timeout for a call.
fn diff_with_timeout(url: &str, time: &str) -> Ran {
    diff_vectors(["--server", url, "--only", "*", "--jobs", "2", "--call-timeout", time, "--quiet"])
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
    let cut = misbehaving(|_, _| Some(json_reply("{\"versions\": [\"v1.1")));
    let other = misbehaving(|_, _| Some(json_reply("{\"versions\": 7}")));
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
    let ran = diff_vectors([
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
        (line.starts_with("GET") && line.contains("/messages"))
            .then(|| json_reply("{\"chunk\": 7}"))
    });
    let ran = diff_vectors(["--server", &url, "--quiet", "--only", "room*", "--format", "json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    assert!(report["decisions"].as_u64().unwrap() > 500, "{report}");
    let failed = &report["not_compared"]["failed"];
    assert_eq!(kinds(failed), BTreeSet::from(["malformed"]), "{failed:#}");
    let not_run = report["not_run"].as_array().unwrap();
    let of_messages = |entry: &&serde_json::Value| {
        let because = entry["because"].as_str().unwrap();
        because.contains("GET /rooms/{roomId}/messages was answered with JSON of another form")
    };
    assert!(not_run.iter().any(|entry| of_messages(&entry)), "{not_run:#?}");
}

/// Adds a number to every list of an answer that has a value in it.
fn with_a_number_in_each_list(value: &mut Value) {
    match value {
        Value::Array(values) => {
            values.iter_mut().for_each(with_a_number_in_each_list);
            values.push(json!(7));
        }
        Value::Object(fields) => fields.values_mut().for_each(with_a_number_in_each_list),
        _ => {}
    }
}

#[test]
fn a_number_in_a_list_is_told_at_every_endpoint() {
    let numbers: Layer = |behind, call| {
        let mut reply = behind.forward(call);
        let is_read = call.method == "GET" && reply.0 == 200 && behind.is_guest(call);
        // The session goes on from the place of a sync.
        if is_read && !call.is("GET", &["sync"]) {
            with_a_number_in_each_list(&mut reply.1);
        }
        reply
    };
    let url = in_front_of(Rules::find("latest").unwrap().profile(), numbers);
    let ran = diff_vectors(["--server", &url, "--quiet", "--format", "json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["divergences"], json!([]), "{report:#}");
    for endpoint in [
        "GET /events",
        "GET /rooms/{roomId}/context/{eventId}",
        "GET /rooms/{roomId}/initialSync",
        "GET /rooms/{roomId}/members",
        "GET /rooms/{roomId}/messages",
        "GET /rooms/{roomId}/state",
        "GET /publicRooms",
    ] {
        let what = format!("{endpoint} was answered with JSON of another form");
        assert!(has_reason(&report, &what, "is a number, and has to be"), "{endpoint}");
    }
}

#[test]
fn a_rate_limited_call_is_repeated_after_the_wait() {
    let url = misbehaving(|number, _| {
        let body = "{\"errcode\": \"M_LIMIT_EXCEEDED\", \"retry_after_ms\": 20}";
        let limited = number % 50 == 10;
        limited.then(|| reply("429 Too Many Requests", "application/json", body))
    });
    let ran = diff_vectors(["--server", &url, "--quiet", "--only", "room*", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.json()["rate_limited"].as_u64().unwrap() > 10, "{ran:?}");
}

/// Asks every client to wait for a minute.
fn wait_a_minute() -> Reply {
    let body = "{\"errcode\": \"M_LIMIT_EXCEEDED\", \"retry_after_ms\": 60000}";
    reply("429 Too Many Requests", "application/json", body)
}

/// The longest time that such a run may take on a busy machine. A single wait would take longer, if the
/// end of the run did not cut it.
const SOON: Duration = Duration::from_secs(100);

#[test]
fn a_rate_limit_does_not_outlast_the_time_limit() {
    let after: [Misbehaviour; 3] = [
        |_, _| Some(wait_a_minute()),
        |number, _| (number > 2).then(wait_a_minute),
        |number, _| (number > 400).then(wait_a_minute),
    ];
    for limiting in after {
        let url = misbehaving(limiting);
        let began = Instant::now();
        let ran =
            diff_vectors(["--server", &url, "--quiet", "--timeout", "10s", "--only", "room*"]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(began.elapsed() < SOON, "{:?}: {ran:?}", began.elapsed());
    }
}

#[test]
fn silence_does_not_outlast_the_time_limit() {
    let url = misbehaving(|number, _| (number > 400).then_some(Reply::Silence));
    let began = Instant::now();
    let args = ["--quiet", "--timeout", "10s", "--only", "room*", "--format", "json"];
    let ran = diff_vectors(["--server", &url].iter().chain(&args));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(began.elapsed() < SOON, "{:?}: {ran:?}", began.elapsed());
    let report = ran.json();
    assert_eq!((&report["complete"], &report["broken_off"]), (&json!(false), &Value::Null));
    assert!(report["decisions"].as_u64() > Some(0), "{report:#}");
}

#[test]
fn an_interrupt_ends_the_waits_and_keeps_the_report() {
    let url = misbehaving(|number, _| (number > 400).then(wait_a_minute));
    let mut command = program();
    command.args(["diff", "--scenarios", vectors(), "--server", &url, "--quiet"]);
    command.args(["--only", "room*", "--format", "json"]).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(10));
    let began = Instant::now();
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(began.elapsed() < SOON, "{:?}: {ran:?}", began.elapsed());
    let report = ran.json();
    assert_eq!(report["complete"], false, "{report:#}");
    assert!(report["decisions"].as_u64() > Some(0), "{report:#}");
}

/// The report of one vector on a homeserver that misbehaves at some endpoints only.
fn report_of_one_vector(url: &str, time: &str) -> serde_json::Value {
    let only = "message-under-world-readable";
    let args = ["--only", only, "--call-timeout", time, "--format", "json"];
    let ran = diff_vectors(["--quiet", "--server", url].iter().chain(&args));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["broken_off"], serde_json::Value::Null, "{report}");
    assert_eq!(report["divergences"], json!([]), "{report}");
    assert!(report["decisions"].as_u64().unwrap() > 0, "{report}");
    assert!(report["not_compared"]["failed"]["decisions"].as_u64().unwrap() > 0, "{report}");
    report
}

/// The kinds of the reasons for which decisions were not compared.
fn kinds(total: &Value) -> BTreeSet<&str> {
    let reasons = total["reasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["kind"].as_str().unwrap()).collect()
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
            Some(json_reply("{\"room_id\": \"!a:b\", \"messages\": {\"chu"))
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
    let ran = diff_vectors(["--quiet", "--server", &url, "--only", only, "--format", "json"]);
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
        is_asked.then(|| json_reply("{\"chunk\": []}"))
    });
    let ran = diff_vectors(["--quiet", "--server", &url, "--only", "room*", "--format", "json"]);
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

/// A proxy that answers 502 with a page of HTML once the homeserver has answered so many calls.
fn bad_gateway(number: usize, calls: usize) -> Option<Reply> {
    let page = "<html><h1>502 Bad Gateway</h1></html>";
    (number >= calls).then(|| reply("502 Bad Gateway", "text/html", page))
}

/// Asserts that the text, the page, JUnit and the JSON Lines say that something was not compared. No
/// output may say that there is no divergence.
fn says_what_was_not_compared(url: &str, only: &str, kind: &str, args: &[&str]) {
    let folder = Folder::new();
    let formats = ["json", "html", "junit", "jsonl"];
    let also = |format: &&str| format!("{format}={}", folder.path(format).display());
    let also: Vec<_> = formats.iter().map(also).collect();
    let also = also.iter().flat_map(|also| ["--also", also]);
    let first = ["--quiet", "--jobs", "2", "--server", url, "--only", only];
    let ran = diff_vectors(first.into_iter().chain(also).chain(args.iter().copied()));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let read = |format| std::fs::read_to_string(folder.path(format)).unwrap();
    let report: Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(report["divergences"], json!([]), "{report:#}");
    let failed = &report["not_compared"]["failed"];
    let (decisions, scenarios) = (&failed["decisions"], &failed["scenarios"]);
    assert!(decisions.as_u64() > Some(0) && scenarios.as_u64() > Some(0), "{failed:#}");
    assert!(kinds(failed).contains(kind), "{failed:#}");
    let in_words = ["decision", "scenario", "not compared"];
    let verdict = ran.out.lines().nth(3).unwrap();
    assert!(in_words.iter().all(|words| verdict.contains(words)), "{verdict}");
    assert!(verdict.starts_with("no verdict: ") || verdict.starts_with("no step was judged; "));
    let first = failed["reasons"][0]["because"].as_str().unwrap();
    assert!(ran.out.contains(&format!("  not compared: {first} (")), "{}", ran.out);
    let page = read("html");
    assert!(page.contains(" not compared</span>"), "{page}");
    assert!(!page.contains("<h1>502"), "{page}");
    for output in [&page, &ran.out] {
        let plain = output.matches("no divergence").count();
        assert_eq!(plain, output.matches("no divergence in the rest").count(), "{output}");
    }
    let xml = read("junit");
    assert!(xml.contains("<error") && xml.contains("not compared: "), "{xml}");
    let skipped = report["ran"].as_array().unwrap().iter();
    let skipped = skipped.filter(|ran| ran["not_compared"].as_u64() > Some(0)).count();
    assert_eq!(read("jsonl").matches(r#"{"Action":"skip""#).count(), skipped);
}

#[test]
fn a_gateway_that_fails_after_a_while_gives_no_verdict() {
    let after: [Misbehaviour; 3] = [
        |number, _| bad_gateway(number, 60),
        |number, _| bad_gateway(number, 200),
        |number, _| bad_gateway(number, 900),
    ];
    for failing in after {
        says_what_was_not_compared(&misbehaving(failing), "room*", "server_failure", &[]);
    }
}

#[test]
fn a_failure_in_json_is_no_success_either() {
    let url = misbehaving(|number, _| {
        let body = r#"{"errcode": "M_UNKNOWN", "error": "Internal server error"}"#;
        (number >= 200).then(|| reply("500 Internal Server Error", "application/json", body))
    });
    let ran = diff_vectors(["--quiet", "--server", &url, "--only", "room*", "--format", "json"]);
    assert!(matches!(ran.code, Some(1 | 3)), "{ran:?}");
    let report = ran.json();
    assert!(report["not_compared"]["failed"]["scenarios"].as_u64() > Some(3), "{report:#}");
    for divergence in report["divergences"].as_array().unwrap() {
        assert_eq!(divergence["kind"], "failure", "{divergence:#}");
    }
}

#[test]
fn a_place_in_a_stream_that_is_a_number_gives_no_verdict() {
    // The guests of `events-*` read a stream, so those scenarios cannot be set up.
    let url = rewriting(|line, answer| {
        if !line.contains("/sync") {
            return answer;
        }
        let answer = String::from_utf8(answer).unwrap();
        let Some((before, rest)) = answer.split_once(r#""next_batch":""#) else {
            return answer.into_bytes();
        };
        let (batch, after) = rest.split_once('"').unwrap();
        // The number is as long as the text, so that the length of the answer stays the same.
        format!(r#"{before}"next_batch":{}{after}"#, "1".repeat(batch.len() + 2)).into_bytes()
    });
    says_what_was_not_compared(&url, "*", "malformed", &[]);
}

#[test]
fn answers_without_any_json_give_no_verdict() {
    let url = misbehaving(|number, _| (number >= 60).then(|| json_reply("{\"chunk\":")));
    says_what_was_not_compared(&url, "room*", "malformed", &[]);
}

#[test]
fn calls_that_time_out_give_no_verdict() {
    let url = misbehaving(|_, line| line.contains("/context/").then_some(Reply::Silence));
    let args = ["--call-timeout", "1s"];
    says_what_was_not_compared(&url, "message-under-world-readable", "timeout", &args);
}

#[test]
fn memberships_that_nobody_can_list_give_no_verdict() {
    // The moderator reads the memberships without `at`.
    let url = misbehaving(|_, line| {
        let lists = line.contains("/members ") && line.starts_with("GET");
        lists.then(|| json_reply(r#"{"chunk": [{"state_key": 7}]}"#))
    });
    says_what_was_not_compared(&url, "guest-access*", "effect_unseen", &[]);
}

#[test]
fn a_room_that_cannot_be_prepared_is_no_refused_parameter() {
    // After the set-up, the only rooms with an own guest access are those in which a guest calls endpoints
    // that need power. 502 there must not look like a refusal of made-up parameters.
    let url = misbehaving(|_, line| {
        let page = "<html></html>";
        line.contains("m.room.power_levels").then(|| reply("502 Bad", "text/html", page))
    });
    says_what_was_not_compared(&url, "accounts", "server_failure", &[]);
}

#[test]
fn an_endpoint_that_is_missing_needs_no_comparison() {
    let url = misbehaving(|_, line| {
        let body = r#"{"errcode": "M_UNRECOGNIZED", "error": "unknown"}"#;
        let missing = ["/context/", "/initialSync", "/events?", "/relations/", "/publicRooms"];
        let is_missing = missing.iter().any(|part| line.contains(part));
        is_missing.then(|| reply("404 Not Found", "application/json", body))
    });
    let ran = diff_vectors(["--quiet", "--server", &url, "--only", "room*", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let not_compared = &ran.json()["not_compared"];
    assert_eq!(not_compared["failed"]["decisions"], 0, "{not_compared:#}");
    assert!(not_compared["permitted"]["decisions"].as_u64() > Some(100), "{not_compared:#}");
    let kinds = kinds(&not_compared["permitted"]);
    assert!(kinds.contains("not_implemented"), "{kinds:?}");
    let ran = diff_vectors(["--quiet", "--server", &url, "--only", "message-under-*"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out.lines().nth(3), Some("no divergence"), "{}", ran.out);
    assert!(ran.out.contains("\nnot compared, as is permitted: "), "{}", ran.out);
}

#[test]
fn a_baseline_hides_no_failure() {
    let folder = Folder::new();
    let known = folder.path("known.toml").display().to_string();
    std::fs::write(&known, "rules = \"v1.17\"\nids = 3\n").unwrap();
    let url = misbehaving(|number, _| bad_gateway(number, 200));
    says_what_was_not_compared(&url, "room*", "server_failure", &["--baseline", &known]);
    let url = misbehaving(|number, _| bad_gateway(number, 200));
    says_what_was_not_compared(&url, "room*", "server_failure", &["--write-baseline", &known]);
}

#[test]
fn a_replay_that_sees_no_memberships_calls_nothing_fixed() {
    let folder = Folder::new();
    let report = folder.path("report.json").display().to_string();
    let latest = Rules::find("latest").unwrap();
    let defect = variant::find(&latest, "revocation.effect=none").unwrap();
    let defective = Embedded::start(defect.profile).unwrap();
    let always = ["diff", "--quiet", "--format", "json", "--settle", "0s"];
    let here = ["--server", &defective.url(), "--only", "room-[4-7]", "--output", &report];
    assert_eq!(run(always.iter().chain(&here)).code, Some(1));
    let blind = misbehaving(|_, line| {
        let lists = line.contains("/members ") && line.starts_with("GET");
        lists.then(|| reply("502 Bad Gateway", "text/html", "<html></html>"))
    });
    let again = run(always.iter().chain(&["--server", &blind, "--replay", &report]));
    assert_eq!(again.code, Some(3), "{again:?}");
    assert_eq!(again.json()["fixed"], 0, "{again:?}");
    let healthy =
        run(always.iter().chain(&["--server", &rewriting(|_, a| a), "--replay", &report]));
    assert_eq!(healthy.code, Some(0), "{healthy:?}");
}

#[test]
fn a_round_whose_reads_are_malformed_gives_no_verdict() {
    let url = misbehaving(|_, line| {
        let reads = ["/messages", "/event/", "/context/", "/initialSync"];
        let is_malformed = line.starts_with("GET") && reads.iter().any(|part| line.contains(part));
        is_malformed.then(|| json_reply("{\"chunk\": 7, \u{1b}[31m"))
    });
    let args = ["--concurrent", "--for", "1ms", "--length", "30", "--seed", "7"];
    let ran = run(["diff", "--quiet", "--server", &url].iter().chain(&args));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.contains("\nno verdict: "), "{}", ran.out);
    assert!(ran.out.contains("without an answer that can be checked"), "{}", ran.out);
    let ran = run(["diff", "--quiet", "--server", &url, "--format", "json"].iter().chain(&args));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["complete"], false, "{report:#}");
    assert!(report["failed_calls"].as_u64() > Some(0), "{report:#}");
    assert!(!report["failures"].as_array().unwrap().is_empty(), "{report:#}");
}
