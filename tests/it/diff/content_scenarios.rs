//! Homeservers that are wrong only in a history that no vector has: `diff` finds them by its own scenarios.

use guest_access::diff::{DiffResult, Divergence, plan_content};
use guest_access_rules::rules::Rules;
use guest_access_scenarios::permitted::DivergenceKind;
use serde_json::{Value, json};

use super::content::rooms;
use super::found::{RULES, options, result_at};
use super::layer::{Behind, Call, Layer, Reply, in_front_of};

pub(super) fn result(layer: Layer) -> DiffResult {
    let url = in_front_of(RULES.profile(), layer);
    result_at(&url, plan_content(&RULES), &options())
}

/// Asserts that each divergence is of this kind, cites this clause, and says this of what was observed.
fn is_found(layer: Layer, kind: DivergenceKind, clause: &str, observed: &str) -> Vec<Divergence> {
    let found = result(layer).divergences;
    assert!(!found.is_empty());
    for divergence in &found {
        assert_eq!(divergence.kind, kind, "{divergence:#?}");
        assert!(divergence.clauses.iter().any(|cited| cited == clause), "{divergence:#?}");
        assert!(divergence.observed.contains(observed), "{divergence:#?}");
        assert!(divergence.reproduced, "{divergence:#?}");
    }
    found
}

fn is_later_sync(call: &Call) -> bool {
    call.is("GET", &["sync"]) && call.target.contains("since=")
}

#[test]
fn the_reference_has_no_divergence_under_any_rules() {
    for rules in Rules::published() {
        let server = guest_access_reference::serve::Embedded::start(rules.profile()).unwrap();
        let scenarios = plan_content(&rules);
        let result = super::found::result_under(&rules, &server.url(), scenarios, &options());
        assert!(result.divergences.is_empty(), "{}: {:#?}", rules.id, result.divergences);
        assert_eq!(result.run, result.scenarios, "{}: {:?}", rules.id, result.broken_off);
    }
}

/// A sync since the last one gives no message of a joined room.
fn news_have_no_messages(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if is_later_sync(call) {
        for (_, room) in rooms(&mut reply.1, "join") {
            let events = room["timeline"]["events"].as_array_mut().unwrap();
            events.retain(|event| event["type"] != "m.room.message");
        }
    }
    reply
}

#[test]
fn news_that_a_sync_leaves_out_are_found() {
    is_found(news_have_no_messages, DivergenceKind::Refusal, "CS-71", "`rooms since`");
}

/// A sync since the last one gives a left room up to now.
fn left_rooms_go_on(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if is_later_sync(call) {
        for (room, left) in rooms(&mut reply.1, "leave") {
            let newest = behind.as_creator(room, "messages?dir=b&limit=1")["chunk"][0].take();
            let events = left["timeline"]["events"].as_array_mut().unwrap();
            if events.iter().all(|event| event["event_id"] != newest["event_id"]) {
                events.push(newest);
            }
        }
    }
    reply
}

#[test]
fn news_of_a_left_room_are_found() {
    is_found(left_rooms_go_on, DivergenceKind::Leak, "HV-20", "`rooms.leave.timeline`");
}

/// `POST /forget` does nothing.
fn nothing_is_forgotten(behind: &Behind, call: &Call) -> Reply {
    let forgets = call.is("POST", &["rooms", "", "forget"]);
    if forgets && behind.caller(call).is_some() { (200, json!({})) } else { behind.forward(call) }
}

#[test]
fn a_room_that_is_not_forgotten_is_found() {
    is_found(nothing_is_forgotten, DivergenceKind::Effect, "CS-49", "not forgotten");
}

/// The joined members are all who have a membership.
fn all_members_are_joined(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "joined_members"]) && reply.0 == 200 {
        let members = behind.as_creator(&call.segments[1], "members");
        for member in members["chunk"].as_array().unwrap() {
            reply.1["joined"][member["state_key"].as_str().unwrap()] = json!({});
        }
    }
    reply
}

#[test]
fn members_who_are_not_joined_are_found() {
    is_found(all_members_are_joined, DivergenceKind::Effect, "CS-60", "`joined`");
}

/// A message counts as sent under `joined` if the visibility is one that nobody knows.
fn unknown_is_joined(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if let (true, Some(user)) =
        (call.is("GET", &["rooms", "", "messages"]) && reply.0 == 200, behind.caller(call))
    {
        let events = behind.as_creator(&call.segments[1], "messages?dir=f&limit=1000");
        let (mut is_known, mut is_joined) = (true, false);
        let mut hidden = Vec::new();
        for event in events["chunk"].as_array().unwrap() {
            if event["type"] == "m.room.history_visibility" {
                let value = &event["content"]["history_visibility"];
                is_known = ["joined", "shared", "world_readable"].iter().any(|is| value == is);
            }
            is_joined |= event["state_key"] == user && event["content"]["membership"] == "join";
            if !is_known && !is_joined && event["type"] == "m.room.message" {
                hidden.push(event["event_id"].clone());
            }
        }
        let chunk = reply.1["chunk"].as_array_mut().unwrap();
        chunk.retain(|event| !hidden.contains(&event["event_id"]));
    }
    reply
}

#[test]
fn messages_under_an_unknown_visibility_are_missed() {
    is_found(unknown_is_joined, DivergenceKind::Refusal, "GA-37", "a message");
}

/// A revocation is answered and not stored, if a guest with a display name is joined.
fn named_guests_stay(behind: &Behind, call: &Call) -> Reply {
    let sets = call.is("PUT", &["rooms", "", "state", "m.room.guest_access", ""]);
    if sets && call.json()["guest_access"] == "forbidden" {
        let members = behind.as_creator(&call.segments[1], "joined_members");
        let names = members["joined"].as_object().unwrap().values();
        if names.filter(|member| member["display_name"].is_string()).count() > 0 {
            return (200, json!({ "event_id": "$made-up:reference" }));
        }
    }
    behind.forward(call)
}

#[test]
fn a_named_guest_that_stays_is_found() {
    let found = result(named_guests_stay).divergences;
    assert!(found.iter().any(|divergence| divergence.kind == DivergenceKind::Effect), "{found:#?}");
}

/// `messages` gives a member what was sent under `joined` between two of its stays.
fn between_stays_is_as_joined(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "messages"]) && reply.0 == 200 && behind.is_guest(call) {
        let room = &call.segments[1];
        let user = behind.caller(call).unwrap();
        if behind.membership(room, &user).as_deref() == Some("join") {
            reply.1 = behind.as_creator(room, "messages?dir=b&limit=1000");
        }
    }
    reply
}

#[test]
fn messages_between_two_stays_are_found() {
    let found = result(between_stays_is_as_joined).divergences;
    let is_it = |divergence: &&Divergence| {
        divergence.kind == DivergenceKind::Leak
            && divergence.seen_in.iter().any(|id| id == "content-between-stays")
    };
    assert!(found.iter().any(|divergence| is_it(&divergence)), "{found:#?}");
}

/// A message is answered, and not stored.
fn messages_are_lost(behind: &Behind, call: &Call) -> Reply {
    let sends = call.is("PUT", &["rooms", "", "send", "m.room.message", ""]);
    if sends && behind.has_room(&call.segments[1]) {
        return (200, json!({ "event_id": "$made-up:reference" }));
    }
    behind.forward(call)
}

#[test]
fn a_message_that_is_not_stored_is_found() {
    let found = result(messages_are_lost).divergences;
    let is_it = |divergence: &&Divergence| {
        divergence.kind == DivergenceKind::Refusal
            && divergence.clauses.iter().any(|cited| cited == "CS-54")
            && divergence.observed.contains("not stored")
    };
    assert!(found.iter().any(|divergence| is_it(&divergence)), "{found:#?}");
}

/// The events that the layer names in a page of relations or of threads, as the creator of the room reads them.
fn page_of(behind: &Behind, call: &Call, pick: fn(&Value) -> bool) -> Reply {
    let mut reply = behind.forward(call);
    if gives_relations(call) && reply.0 == 200 {
        let events = behind.as_creator(&call.segments[1], "messages?dir=b&limit=1000");
        let events = events["chunk"].as_array().unwrap().iter();
        reply.1["chunk"] = events.filter(|event| pick(event)).cloned().collect();
    }
    reply
}

fn gives_relations(call: &Call) -> bool {
    // The paths of relations and of threads begin with v1.
    let is_of = |key: &str| call.segments.get(2).is_some_and(|segment| segment == key);
    call.segments.first().is_some_and(|first| first == "rooms")
        && (is_of("relations") || is_of("threads"))
}

fn is_reply(event: &Value) -> bool {
    event["content"]["m.relates_to"]["event_id"].is_string()
}

/// The relations of an event are all that there are, whoever asks.
fn relations_are_unchecked(behind: &Behind, call: &Call) -> Reply {
    if call.segments.iter().any(|segment| segment == "threads") {
        return behind.forward(call);
    }
    page_of(behind, call, is_reply)
}

#[test]
fn relations_that_a_reader_may_not_see_are_found() {
    let found = result(relations_are_unchecked).divergences;
    assert!(!found.is_empty());
    for divergence in &found {
        assert_eq!(divergence.kind, DivergenceKind::Leak, "{divergence:#?}");
        assert!(divergence.reproduced, "{divergence:#?}");
    }
    let cites = |clause: &str| {
        found.iter().any(|divergence| divergence.clauses.iter().any(|cited| cited == clause))
    };
    assert!(cites("HV-20") && cites("RP-10"), "{found:#?}");
}

/// A page of relations or of threads lacks its oldest event.
fn pages_are_short(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if gives_relations(call) && reply.0 == 200 {
        reply.1["chunk"].as_array_mut().unwrap().pop();
    }
    reply
}

#[test]
fn relations_and_threads_that_are_missing_are_found() {
    let found = result(pages_are_short).divergences;
    for divergence in &found {
        assert_eq!(divergence.kind, DivergenceKind::Refusal, "{divergence:#?}");
    }
    for clause in ["CS-81", "CS-82"] {
        let cites = |divergence: &&Divergence| divergence.clauses.iter().any(|one| one == clause);
        assert!(found.iter().any(|divergence| cites(&divergence)), "{clause}: {found:#?}");
    }
}

/// The relations of an event, and the threads, are all messages that the reader may see.
fn everything_is_related(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if gives_relations(call) && reply.0 == 200 {
        let target = format!("/_matrix/client/v3/rooms/{}/messages?dir=b", call.segments[1]);
        let page = behind.request("GET", &target, call.token.as_deref(), b"");
        let events = page.1["chunk"].as_array().unwrap().iter();
        reply.1["chunk"] = events.filter(|event| event["state_key"].is_null()).cloned().collect();
    }
    reply
}

#[test]
fn relations_that_are_none_are_found() {
    let found = result(everything_is_related).divergences;
    for divergence in &found {
        assert_eq!(divergence.kind, DivergenceKind::Effect, "{divergence:#?}");
        assert!(divergence.observed.contains("do not belong there"), "{divergence:#?}");
    }
    for clause in ["CS-81", "CS-82"] {
        let cites = |divergence: &&Divergence| divergence.clauses.iter().any(|one| one == clause);
        assert!(found.iter().any(|divergence| cites(&divergence)), "{clause}: {found:#?}");
    }
}

/// An erasure is not stored.
fn nothing_is_erased(behind: &Behind, call: &Call) -> Reply {
    if !call.is("POST", &["account", "deactivate"]) {
        return behind.forward(call);
    }
    let mut body = call.json();
    body["erase"] = json!(false);
    behind.request("POST", &call.target, call.token.as_deref(), body.to_string().as_bytes())
}

#[test]
fn an_erasure_that_is_not_stored_is_found() {
    is_found(nothing_is_erased, DivergenceKind::Leak, "CS-51", "`content of an erased sender`");
}

/// An erased sender is hidden from everybody but the creator of the room.
fn the_erased_are_hidden(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("POST", &["account", "deactivate"]) && reply.0 == 200 {
        behind.note("erased", &behind.caller(call).unwrap());
    }
    if call.is("GET", &["rooms", "", "messages"]) && reply.0 == 200 && behind.is_guest(call) {
        for event in reply.1["chunk"].as_array_mut().unwrap() {
            if behind.has_note("erased", event["sender"].as_str().unwrap()) {
                event["content"] = json!({});
            }
        }
    }
    reply
}

#[test]
fn an_erasure_that_hides_too_much_is_found() {
    let found = result(the_erased_are_hidden).divergences;
    let cites = |divergence: &&Divergence| divergence.clauses.iter().any(|one| one == "CS-52");
    assert!(found.iter().any(|divergence| cites(&divergence)), "{found:#?}");
    assert!(
        found.iter().all(|divergence| divergence.kind == DivergenceKind::Refusal),
        "{found:#?}"
    );
}
