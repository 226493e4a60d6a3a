//! `explore`: the API of the page, and the page in a browser.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::cli::{Folder, program, run, run_line};

/// The page, served until the value is dropped.
struct Site {
    child: Child,
    url: String,
}

impl Site {
    fn start(args: &[&str]) -> Self {
        let mut child = program()
            .args(["explore", "--listen", "127.0.0.1:0"])
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let (_, url) = line.split_once("http://").unwrap();
        let url = format!("http://{}", url.split('/').next().unwrap());
        Self { child, url }
    }

    fn post(&self, path: &str, body: &Value) -> Response {
        client().post(format!("{}{path}", self.url)).body(body.to_string()).send().unwrap()
    }

    fn trace(&self, rules: &[&str], steps: &Value) -> Value {
        let answer = self.post("/api/trace", &trace(rules, steps));
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

fn trace(rules: &[&str], steps: &Value) -> Value {
    json!({ "rules": rules, "guests": 1, "rooms": 1, "steps": steps })
}

fn register() -> Value {
    json!({ "as": "guest1", "do": "register as guest" })
}

/// A room that is opened late: one event before, one after, and a read.
fn opened_late() -> Value {
    let message =
        json!({ "as": "moderator", "do": "send", "room": "room1", "type": "m.room.message" });
    json!([
        register(),
        message,
        { "as": "moderator", "do": "set history visibility", "room": "room1", "to": "world_readable" },
        message,
        { "as": "guest1", "do": "GET /rooms/{roomId}/messages", "room": "room1" },
    ])
}

#[test]
fn a_port_in_use_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ran = run(["explore", "--listen", &address]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("cannot be listened on; name another"), "{ran:?}");
}

#[test]
fn unknown_rules_are_refused_before_the_page_is_served() {
    let ran = run_line("explore v0.0 --listen 127.0.0.1:0");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("v0.0"), "{ran:?}");
}

#[test]
fn each_step_has_its_decision_and_each_event_its_readers() {
    let site = Site::start(&[]);
    let side = &site.trace(&["v1.16"], &opened_late())["sides"][0];
    let read = &side["steps"][4];
    assert_eq!((&read["gives"], &read["withholds"]), (&json!([2, 3]), &json!([1])), "{read}");
    let decided = &read["decided"];
    assert_eq!(decided["verdict"], "allow", "{read}");
    assert!(decided["clauses"].as_array().unwrap().contains(&"GA-37".into()), "{read}");
    assert!(decided["because"].as_str().unwrap().contains("world_readable"), "{read}");
    let sees: Vec<_> =
        side["events"].as_array().unwrap().iter().map(|e| &e["readers"][0]["sees"]).collect();
    assert_eq!(sees, [false, true, true]);
    assert!(!side["events"][0]["readers"][0]["clauses"].as_array().unwrap().is_empty());
    assert_eq!(side["accounts"], json!({ "guest1": "guest" }));
    assert_eq!(side["rooms"][0]["history_visibility"], "world_readable");
}

#[test]
fn the_draft_and_its_successor_differ_side_by_side() {
    let site = Site::start(&[]);
    let answer = site.trace(&["draft-2015-11-05", "v1.16"], &opened_late());
    let gives = [0, 1].map(|side| answer["sides"][side]["steps"][4]["gives"].clone());
    assert_eq!(gives, [json!([1, 2, 3]), json!([2, 3])]);
}

#[test]
fn the_next_actions_are_those_that_can_happen() {
    let site = Site::start(&[]);
    let labels = |answer: &Value, actor: &str| -> Vec<String> {
        let actors = answer["choices"].as_array().unwrap();
        let of = actors.iter().find(|of| of["actor"] == actor).unwrap();
        let groups = of["groups"].as_array().unwrap().iter();
        let choices = groups.flat_map(|group| group["choices"].as_array().unwrap());
        choices.map(|choice| choice["label"].as_str().unwrap().to_owned()).collect()
    };
    let registers = "registers as a guest".to_owned();
    let before = site.trace(&["latest"], &json!([]));
    assert!(labels(&before, "guest1").contains(&registers));
    let after = site.trace(&["latest"], &json!([register()]));
    let labels = labels(&after, "guest1");
    assert!(!labels.contains(&registers));
    // Every endpoint can be called, and not only one of each class.
    for label in ["calls GET /capabilities", "calls POST /createRoom", "joins room1"] {
        assert!(labels.contains(&label.to_owned()), "{label}: {labels:?}");
    }
    // Each choice is a step that the API accepts.
    let steps: Vec<_> = after["choices"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|of| of["groups"].as_array().unwrap())
        .flat_map(|group| group["choices"].as_array().unwrap())
        .map(|choice| (choice["step"].clone(), choice["outcomes"][0].clone()))
        .collect();
    for (step, outcome) in steps.iter().step_by(9) {
        let answer = site.trace(&["latest"], &json!([register(), step]));
        let decided = &answer["sides"][0]["steps"][1]["decided"]["observed"]["verdict"];
        assert_eq!(decided, outcome, "{step}");
    }
}

#[test]
fn an_action_that_cannot_happen_changes_nothing() {
    let site = Site::start(&[]);
    let steps = json!([{ "as": "guest1", "do": "join", "room": "room1" }, register()]);
    let side = &site.trace(&["latest"], &steps)["sides"][0];
    assert_eq!(side["steps"][0]["outcome"], "cannot happen here");
    assert_eq!(side["steps"][0]["decided"], Value::Null);
    assert_eq!(side["steps"][1]["decided"]["observed"]["verdict"], "allow");
}

#[test]
fn the_events_of_the_second_room_have_readers_too() {
    let site = Site::start(&[]);
    let mut steps = opened_late();
    for step in steps.as_array_mut().unwrap().iter_mut().skip(1) {
        step["room"] = "room2".into();
    }
    let answer = site.trace(&["latest"], &steps);
    assert_eq!(answer["rooms"], 2);
    let events = answer["sides"][0]["events"].as_array().unwrap();
    let seen: Vec<_> = events.iter().map(|e| (&e["room"], &e["readers"][0]["sees"])).collect();
    let room = json!("room2");
    assert_eq!(seen, [(&room, &json!(false)), (&room, &json!(true)), (&room, &json!(true))]);
}

#[test]
fn bans_and_knocks_are_in_the_timeline() {
    let site = Site::start(&["v1.16"]);
    let by_moderator = |what: &str, more: Value| {
        let mut step = json!({ "as": "moderator", "do": what, "room": "room1" });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    let target = || json!({ "target": "guest1" });
    let steps = json!([
        register(),
        by_moderator("set guest access", json!({ "to": "can_join" })),
        by_moderator("set history visibility", json!({ "to": "joined" })),
        { "as": "guest1", "do": "join", "room": "room1" },
        by_moderator("ban", target()),
        by_moderator("unban", target()),
    ]);
    let events = site.trace(&["v1.16"], &steps)["sides"][0]["events"].clone();
    let seen = |step: usize| {
        let event = events.as_array().unwrap().iter().find(|event| event["step"] == step).unwrap();
        event["readers"][0]["sees"].clone()
    };
    // HV-25: the membership before the ban shows the ban, and nothing shows the unban.
    assert_eq!((seen(3), seen(4), seen(5)), (true.into(), true.into(), false.into()));
    let folder = Folder::new();
    let allow = "[[allow]]\nendpoint = \"POST /knock/{roomIdOrAlias}\"\n";
    let rules = format!("id = \"p\"\nabout = \"\"\nextends = \"v1.16\"\n{allow}");
    let rules = folder.file("p.toml", rules).display().to_string();
    let steps = json!([
        register(),
        by_moderator("set join rule", json!({ "to": "knock" })),
        by_moderator("set history visibility", json!({ "to": "world_readable" })),
        { "as": "guest1", "do": "knock", "room": "room1" },
    ]);
    let site = Site::start(&[&rules]);
    let events = site.trace(&[&rules], &steps)["sides"][0]["events"].clone();
    let knock = events.as_array().unwrap().last().unwrap();
    assert_eq!((&knock["step"], &knock["readers"][0]["sees"]), (&3.into(), &true.into()));
}

#[test]
fn a_saved_trace_is_a_scenario_that_comes_out_as_expected() {
    let site = Site::start(&[]);
    let request = json!({ "trace": trace(&["v1.16"], &opened_late()), "follow": 1 });
    let text = site.post("/api/scenario", &request).text().unwrap();
    let folder = Folder::new();
    let path = folder.file("explored.json", &text).display().to_string();
    let ran = run(["decide", &path]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("all as the scenario expects"), "{ran:?}");
    assert!(ran.out.contains("does not give e1"), "{ran:?}");
    // The embedded reference does what the scenario expects.
    let folder = folder.path("").display().to_string();
    let ran = run(["diff", "--scenarios", &folder, "--rules", "v1.16", "--quiet"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_proposal_is_explored_with_the_endpoint_that_it_declares() {
    let file = "examples/proposals/msc4140-delayed-events.toml";
    let site = Site::start(&["v1.16", file]);
    let call = json!({ "as": "guest1", "do": "GET /delayed_events" });
    let answer = site.trace(&["v1.16", file], &json!([register(), call]));
    let verdicts =
        [0, 1].map(|side| answer["sides"][side]["steps"][1]["decided"]["verdict"].clone());
    assert_eq!(verdicts, ["deny", "allow"]);
}

#[test]
fn a_wrong_request_is_refused_with_its_reason() {
    let site = Site::start(&[]);
    let some = json!([register()]);
    for (body, part) in [
        (json!({}), "is not the JSON"),
        (trace(&[], &some), "one or two rules"),
        (trace(&["latest", "latest", "latest"], &some), "one or two rules"),
        // Only files that the command line names are read.
        (trace(&["examples/proposals/no-kick.toml"], &some), "the page has no rules"),
        (trace(&["latest"], &json!([{ "as": "guest9", "do": "join" }])), "guest9"),
        (trace(&["latest"], &json!([{ "as": "guest1", "do": "fly" }])), "fly"),
        (trace(&["latest"], &json!(vec![register(); 201])), "at most 200"),
        (json!({ "rules": ["latest"], "guests": 9, "rooms": 1, "steps": [] }), "1 to 3 guests"),
    ] {
        let answer = site.post("/api/trace", &body);
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let error = answer.json::<Value>().unwrap()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(part), "{part}: {error}");
    }
    let empty = json!({ "trace": trace(&["latest"], &json!([])), "follow": null });
    assert_eq!(site.post("/api/scenario", &empty).status(), StatusCode::BAD_REQUEST);
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let site = Site::start(&[]);
    for path in ["/", "/explore.css", "/explore.js"] {
        let answer = client().get(format!("{}{path}", site.url)).send().unwrap();
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("'none'"));
        let text = answer.text().unwrap();
        for elsewhere in ["http://", "https://", "@import", "innerHTML"] {
            assert!(!text.contains(elsewhere), "{path}: {elsewhere}");
        }
    }
}

const READY: &str = "document.body.dataset.ready === 'yes'";

/// Chooses the button with this text.
fn click(browser: &mut Browser, text: &str) {
    let find = format!(
        "[...document.querySelectorAll('button')].find((b) => b.innerText.trim().endsWith({}))",
        json!(text)
    );
    browser.wait_for(&format!("Boolean({find})"));
    browser.evaluate(&format!("{find}.click()"));
}

/// Waits until the trace has this many steps.
fn wait_for_steps(browser: &mut Browser, steps: usize) {
    browser.wait_for(&format!("document.querySelectorAll('#steps > li').length === {steps}"));
}

#[test]
fn the_page_shows_a_story_and_takes_actions_back() {
    let Some(mut browser) = Browser::start("the page of `explore`") else { return };
    let site = Site::start(&["v1.16"]);
    browser.open(&site.url, READY);
    browser.check_looks("explore-begin");

    click(&mut browser, "A room is opened late: the past stays hidden");
    wait_for_steps(&mut browser, 5);
    let text = browser.text();
    for part in [
        "The answer has the event of step 3, 4.",
        "The answer does not have the event of step 2.",
        "sent while the room was shared",
        "guest1 sees it",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    browser.evaluate("document.querySelector('#steps .clause').click()");
    browser.wait_for("Boolean(document.querySelector('#steps .clause-text'))");
    browser.check_looks("explore-story");

    click(&mut browser, "Undo");
    wait_for_steps(&mut browser, 4);
    click(&mut browser, "logs out");
    wait_for_steps(&mut browser, 5);
    click(&mut browser, "Save as scenario");
    browser.wait_for("document.body.innerText.includes('Saved as explored.json.')");

    let link = browser.evaluate("location.href");
    browser.open("about:blank", "true");
    browser.open(link.as_str().unwrap(), READY);
    wait_for_steps(&mut browser, 5);
    assert!(browser.text().contains("guest1 logs out"));
}

#[test]
fn the_page_shows_two_rules_side_by_side() {
    let Some(mut browser) = Browser::start("`explore` side by side") else { return };
    let site = Site::start(&["draft-2015-11-05", "v1.16"]);
    browser.open(&site.url, READY);
    click(&mut browser, "A room is opened late: the past stays hidden");
    wait_for_steps(&mut browser, 5);
    assert_eq!(browser.evaluate("document.querySelectorAll('#steps .differs').length"), 2);
    browser.check_looks("explore-beside");
}

#[test]
fn the_page_of_compare_fits_and_is_dark_in_the_dark() {
    let Some(mut browser) = Browser::start("the page of `compare`") else { return };
    let folder = Folder::new();
    let page = folder.path("compare.html");
    let out = page.display().to_string();
    let ran = run(["compare", "v1.1", "v1.2", "--format", "html", "--output", &out, "--quiet"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    browser.open(&format!("file://{out}"), "document.querySelector('svg.diagram') !== null");
    browser.check_looks("compare");
}
