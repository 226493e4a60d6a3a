//! `diff --federated` beside a homeserver with faults: each run ends clearly.
//!
//! The homeserver is the reference. A proxy stands before its server-server API, or before ours, and changes
//! the answers.

use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use guest_access::federated_reference::FederatedReference;
use guest_access::federation::{
    FederationClient, FederationListener, ServerIdentity, join, send_events,
};
use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use ruma::OwnedServerName;
use ruma::api::federation::transactions::send_transaction_message;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::cli::{Ran, program, run_line};

use super::{fixture, run};

/// A change of an answer: the path, the status, and the body.
type Fault = fn(&str, &mut u16, &mut Vec<u8>);

/// Requests to this path go nowhere.
const BARRED: &str = "/_matrix/barred/";

/// A server that passes requests on, and changes the answers.
struct Proxy {
    url: String,
    _runtime: tokio::runtime::Runtime,
}

/// Passes requests on, but those whose path begins with `barred`.
fn proxy(target: &str, barred: &'static str, fault: Fault) -> Proxy {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = target.to_owned();
    let app =
        Router::new().fallback(move |request| pass_on(target.clone(), barred, fault, request));
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, app).await.unwrap();
    });
    Proxy { url, _runtime: runtime }
}

async fn pass_on(target: String, barred: &str, fault: Fault, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 10_000_000).await.unwrap();
    let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let sent = http
        .request(head.method, format!("{target}{}", head.uri))
        .headers(head.headers)
        .body(body)
        .send();
    let (mut status, mut body) = if head.uri.path().starts_with(barred) {
        (503, Vec::new())
    } else {
        let answer = sent.await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    };
    fault(head.uri.path(), &mut status, &mut body);
    Response::builder()
        .status(status)
        .header("Content-Type", "application/json")
        .body(Body::from(body))
        .unwrap()
}

/// The reference, with both of its APIs.
pub(super) struct Target {
    pub(super) clients: Embedded,
    pub(super) servers: FederatedReference,
}

pub(super) fn target(clock_ahead: i64) -> Target {
    let listener = FederationListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (profile, name) = (Rules::find("latest").unwrap().profile(), listener.local_name());
    let servers = FederatedReference::start(profile, None, name, listener).unwrap();
    let server = servers.server().with_clock_ahead(clock_ahead);
    Target { clients: Embedded::serving(server).unwrap(), servers }
}

/// Runs `diff --federated`, which reaches the reference by a proxy with this fault.
fn diff_beside(fault: Fault, more: &str) -> Ran {
    let target = target(0);
    let proxy = proxy(target.servers.url(), BARRED, fault);
    run_line(&format!(
        "diff --federated --server {} --federation-url {} --settle 200ms --quiet {more}",
        target.clients.url(),
        proxy.url
    ))
}

/// Changes the events of the state in the answer to a join.
fn change_state(path: &str, body: &mut Vec<u8>, change: fn(&mut Vec<Value>)) {
    if path.contains("/send_join/") {
        let mut answer: Value = serde_json::from_slice(body).unwrap();
        change(answer["state"].as_array_mut().unwrap());
        *body = answer.to_string().into_bytes();
    }
}

fn ends_clearly(ran: &Ran, hint: &str) {
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains(hint), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
}

#[test]
fn a_proxy_without_a_fault_changes_nothing() {
    let ran = diff_beside(|_, _, _| (), "--only revocation-from-elsewhere");
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn garbage_in_place_of_an_answer_is_told() {
    let ran = diff_beside(
        |path, _, body| {
            if path.contains("/make_join/") {
                *body = b"{\"event\": [\x1b[31m".to_vec();
            }
        },
        "",
    );
    ends_clearly(&ran, "answered with something else than the specification says");
    assert!(!ran.err.contains('\x1b'));
}

#[test]
fn garbage_later_keeps_a_step_from_being_judged() {
    let ran = diff_beside(
        |path, _, body| {
            if path.contains("/query/profile") {
                *body = b"<html>".to_vec();
            }
        },
        "--only nobody-is-told",
    );
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.contains("Not judged"), "{}", ran.out);
}

#[test]
fn an_event_of_a_megabyte_is_told() {
    let ran = diff_beside(
        |path, _, body| {
            change_state(path, body, |state| {
                state[0]["content"]["x"] = "x".repeat(1_000_000).into();
            });
        },
        "",
    );
    ends_clearly(&ran, "this is no event of a room");
    assert!(ran.err.len() < 2_000, "{}", ran.err.len());
}

#[test]
fn an_event_with_a_wrong_signature_is_told() {
    let ran = diff_beside(
        |path, _, body| {
            change_state(path, body, |state| {
                for by in state[0]["signatures"].as_object_mut().unwrap().values_mut() {
                    for signature in by.as_object_mut().unwrap().values_mut() {
                        *signature = "A".repeat(86).into();
                    }
                }
            });
        },
        "",
    );
    ends_clearly(&ran, "is not signed as it has to be");
}

#[test]
fn a_key_that_cannot_be_fetched_is_told() {
    let ran = diff_beside(
        |path, status, body| {
            if path.starts_with("/_matrix/key/") {
                (*status, *body) = (500, Vec::new());
            }
        },
        "",
    );
    ends_clearly(&ran, "is not signed as it has to be");
}

#[test]
fn a_homeserver_that_sends_nothing_is_told() {
    let target = target(0);
    let ours = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // The name of ours leads to a proxy that lets no transaction through.
    let transactions = "/_matrix/federation/v1/send/";
    let proxy = proxy(&format!("https://{ours}"), transactions, |_, _, _| ());
    let name = OwnedServerName::try_from("ours.test").unwrap();
    target.servers.add_peer(name, &proxy.url);
    let ran = run_line(&format!(
        "diff --federated --server {} --federation-url {} --federation-listen {ours} \
         --federation-name ours.test --settle 200ms --quiet",
        target.clients.url(),
        target.servers.url()
    ));
    ends_clearly(&ran, "sends it no events within 10s");
}

#[test]
fn a_clock_that_is_off_by_an_hour_changes_nothing() {
    for hours in [-1, 1] {
        let target = target(hours * 3_600_000);
        let ran = run_line(&format!(
            "diff --federated --server {} --federation-url {} --settle 200ms --quiet \
             --only message-* --only revocation-*",
            target.clients.url(),
            target.servers.url()
        ));
        assert_eq!(ran.code, Some(0), "{hours}: {ran:?}");
    }
}

#[test]
fn a_homeserver_that_dies_is_told_with_what_was_found_before() {
    let mut serve = program()
        .args("serve --listen 127.0.0.1:0 --federation-listen 127.0.0.1:0 --quiet".split(' '))
        .args(["--federate", "dying.test", "--defect", "join.gate=none"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(serve.stdout.take().unwrap()));
    let (clients, servers) = (lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap());
    let line = format!(
        "diff --federated --server {clients} --federation-url {servers} --jobs 1 --quiet \
         --format json"
    );
    let mut diff = program();
    diff.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let diff = diff.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(6));
    serve.kill().unwrap();
    serve.wait().unwrap();
    let ran = Ran::from(diff.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("the report holds what was found before"), "{}", ran.err);
    let report = ran.json();
    assert!(report["decisions"].as_u64().unwrap() > 0, "{report}");
    assert!(report["broken_off"].is_string(), "{report}");
}

/// Our listener answers whatever comes in a transaction, and goes on.
#[test]
fn whatever_a_transaction_holds_the_listener_goes_on() {
    run(async || {
        let fixture = fixture("shared");
        let (one, two, room) = (&fixture.one, &fixture.two, &fixture.room);
        let user = two.user("user");
        join(&two.homeserver, &two.client, &one.endpoint, room, &user).await.unwrap();
        let text = |body: String| json!({ "body": body });
        let fits = two.make(room, "user", "m.room.message", None, text("fits".to_owned()));
        let http =
            reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
        let put = async |body: Vec<u8>| {
            let url = format!("{}/_matrix/federation/v1/send/x", one.endpoint.url);
            http.put(url).body(body).send().await.unwrap().status().as_u16()
        };
        for body in [&b"\xff\xfe"[..], b"[[[[[[", b"{}", b"null", &vec![b'['; 100_000]] {
            assert_eq!(put(body.to_vec()).await, 401);
        }
        let sent = send_events(&two.client, &one.endpoint, std::slice::from_ref(&fits)).await;
        assert_eq!(sent.unwrap().get(fits.id()), Some(&Ok(())));
        // An event of a megabyte, one that is no event, and one that is no object.
        let large = json!({ "room_id": room, "type": "x".repeat(1_000_000) });
        let origin = two.endpoint.name.clone();
        let mut transaction = send_transaction_message::v1::Request::new(
            "1".into(),
            origin,
            ruma::MilliSecondsSinceUnixEpoch::now(),
        );
        transaction.pdus = [large, json!({ "room_id": room }), json!(7)]
            .iter()
            .map(|x| to_raw_value(x).unwrap())
            .collect();
        let answer = two.client.call(&one.endpoint, transaction).await.unwrap();
        assert!(answer.pdus.is_empty());
        // A stranger whose key nobody can fetch.
        let stranger = Arc::new(ServerIdentity::generate("localhost:1".try_into().unwrap()));
        let client = FederationClient::new(stranger, Duration::from_secs(5)).unwrap();
        let refused = send_events(&client, &one.endpoint, std::slice::from_ref(&fits)).await;
        assert!(refused.unwrap_err().is_refusal());
    });
}
