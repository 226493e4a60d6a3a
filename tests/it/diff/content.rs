//! Homeservers that give wrong events in one section of an answer: `diff` names the section and the clause.
//! And neighbours of these mistakes that the texts permit.

use guest_access_rules::rules::Rules;
use serde_json::{Value, json};

use super::diff_vectors;
use super::layer::{Behind, Call, Layer, Reply, in_front_of};

/// The report of `diff` on a few scenarios, for the reference behind the layer.
fn report(layer: Layer) -> (Option<i32>, Value) {
    let url = in_front_of(Rules::find("latest").unwrap().profile(), layer);
    let only = ["--only", "*-under-joined", "--only", "invite-withdrawn-under-shared"];
    let always = ["--server", &url, "--quiet", "--format", "json"];
    let ran = diff_vectors(always.into_iter().chain(only));
    (ran.code, ran.json())
}

/// Asserts that a divergence is of this kind and in this section, and cites this clause, and that every
/// divergence of content shows again.
fn is_found(layer: Layer, kind: &str, section: &str, clause: &str) {
    let (code, report) = report(layer);
    assert_eq!(code, Some(1), "{report:#}");
    let found = report["divergences"].as_array().unwrap();
    // The event of a scenario may be among the wrong events, and is judged by itself.
    let is_of_content = |divergence: &&Value| divergence["curl"].is_null();
    let found: Vec<_> = found.iter().filter(is_of_content).collect();
    for divergence in &found {
        assert_eq!(divergence["reproduced"], true, "{divergence:#}");
    }
    let verb = if kind == "leak" { "gives" } else { "does not give" };
    let words = format!("{verb}{section}");
    let is_it = |divergence: &&&Value| {
        divergence["kind"] == kind
            && divergence["observed"].as_str().unwrap().contains(&words)
            && divergence["clauses"].as_array().unwrap().contains(&json!(clause))
    };
    assert!(found.iter().any(|divergence| is_it(&divergence)), "{found:#?}");
}

/// The timeline of a room, newest first, as the creator of the room reads it.
fn timeline(behind: &Behind, room: &str) -> Value {
    behind.as_creator(room, "messages?dir=b&limit=1000")["chunk"].take()
}

/// The state of a room, as the creator of the room reads it.
fn state(behind: &Behind, room: &str) -> Value {
    behind.as_creator(room, "state")
}

/// The rooms in this section of a sync.
pub(super) fn rooms<'a>(
    sync: &'a mut Value,
    section: &str,
) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    let rooms = sync.get_mut("rooms").and_then(|rooms| rooms.get_mut(section));
    rooms.and_then(Value::as_object_mut).into_iter().flatten()
}

/// `rooms.leave` of a sync has the whole timeline.
fn left_rooms_are_whole(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["sync"]) {
        for (room, left) in rooms(&mut reply.1, "leave") {
            left["timeline"]["events"] = timeline(behind, room);
        }
        if let Some(user) = behind.caller(call) {
            for room in behind.rooms() {
                if behind.membership(&room, &user).as_deref() == Some("leave") {
                    let events = timeline(behind, &room);
                    reply.1["rooms"]["leave"][&room]["timeline"]["events"] = events;
                }
            }
        }
    }
    reply
}

#[test]
fn a_left_room_that_is_given_whole_is_found() {
    is_found(left_rooms_are_whole, "leak", " in `rooms.leave.timeline`", "HV-6");
}

/// The events around an event are given unchecked.
fn neighbours_are_unchecked(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "context", ""]) && reply.0 == 200 {
        reply.1["events_before"] = timeline(behind, &call.segments[1]);
    }
    reply
}

#[test]
fn neighbours_that_the_reader_may_not_see_are_found() {
    is_found(neighbours_are_unchecked, "leak", " in `events_before`", "HV-6");
}

/// The state around an event is the whole state.
fn state_of_context_is_unchecked(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "context", ""]) && reply.0 == 200 {
        reply.1["state"] = state(behind, &call.segments[1]);
    }
    reply
}

#[test]
fn state_that_the_reader_may_not_read_is_found() {
    is_found(state_of_context_is_unchecked, "leak", " in `state`", "HV-6");
}

/// The messages hold all events of the state.
fn messages_hold_the_state(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "messages"]) && reply.0 == 200 && behind.is_guest(call) {
        let state = state(behind, &call.segments[1]);
        let chunk = reply.1["chunk"].as_array_mut().unwrap();
        for event in state.as_array().unwrap() {
            if !chunk.iter().any(|known| known["event_id"] == event["event_id"]) {
                chunk.push(event.clone());
            }
        }
    }
    reply
}

#[test]
fn state_events_among_messages_are_found() {
    is_found(messages_hold_the_state, "leak", " a", "HV-6");
}

/// State events among messages come with the content that they replaced, whoever reads.
fn replaced_content_is_unchecked(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "messages"]) && reply.0 == 200 {
        let events = timeline(behind, &call.segments[1]);
        let events = events.as_array().unwrap();
        let chunk = reply.1["chunk"].as_array_mut().unwrap();
        for given in chunk.iter_mut().filter(|event| event["state_key"].is_string()) {
            let is_it = |event: &&Value| event["event_id"] == given["event_id"];
            let is_alike = |event: &&Value| {
                event["type"] == given["type"] && event["state_key"] == given["state_key"]
            };
            let mut older = events.iter().skip_while(|event| !is_it(event)).skip(1);
            if let Some(replaced) = older.find(is_alike) {
                given["unsigned"] = json!({ "prev_content": replaced["content"] });
            }
        }
    }
    reply
}

#[test]
fn replaced_content_that_the_reader_may_not_see_is_found() {
    is_found(replaced_content_is_unchecked, "leak", " in `unsigned.prev_content`", "HV-6");
}

/// Guests are not given the guest access of a room.
fn guests_miss_a_setting(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "state"]) && reply.0 == 200 && behind.is_guest(call) {
        let events = reply.1.as_array_mut().unwrap();
        events.retain(|event| event["type"] != "m.room.guest_access");
    }
    reply
}

#[test]
fn state_that_guests_miss_is_found() {
    is_found(guests_miss_a_setting, "refusal", " in `state`", "CS-22");
}

/// Guests are not given the creation of a room.
fn guests_miss_the_creation(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    let sync = call.is("GET", &["sync"]) && behind.is_guest(call);
    for (_, joined) in rooms(&mut reply.1, "join").filter(|_| sync) {
        for list in ["timeline", "state"] {
            if let Some(events) = joined[list]["events"].as_array_mut() {
                events.retain(|event| event["type"] != "m.room.create");
            }
        }
    }
    reply
}

#[test]
fn state_that_a_sync_leaves_out_is_found() {
    is_found(guests_miss_the_creation, "refusal", " in `rooms.join.state`", "CS-22");
}

/// The answer to a call, where a sync lists no rooms of this section.
fn without_rooms(section: &str, behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["sync"])
        && let Some(rooms) = reply.1["rooms"].as_object_mut()
    {
        rooms.remove(section);
    }
    reply
}

/// A sync never says which rooms the caller left.
fn left_rooms_are_not_listed(behind: &Behind, call: &Call) -> Reply {
    without_rooms("leave", behind, call)
}

#[test]
fn a_left_room_that_a_sync_leaves_out_is_found() {
    is_found(left_rooms_are_not_listed, "refusal", " in `rooms.leave`", "CS-43");
}

/// Read forwards, the messages lack state events.
fn messages_differ_by_direction(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "messages"])
        && call.target.contains("dir=f")
        && let Some(chunk) = reply.1["chunk"].as_array_mut()
    {
        chunk.retain(|event| event["state_key"] != "");
    }
    reply
}

#[test]
fn messages_that_one_direction_leaves_out_are_found() {
    is_found(messages_differ_by_direction, "refusal", " in `chunk forwards`", "GA-37");
}

/// A sync lists no rooms to which the caller is invited.
fn invites_are_not_listed(behind: &Behind, call: &Call) -> Reply {
    without_rooms("invite", behind, call)
}

#[test]
fn an_invite_that_a_sync_leaves_out_is_found() {
    is_found(invites_are_not_listed, "refusal", " in `rooms.invite`", "GA-31");
}

/// The excerpt of an invite has the messages of the room.
fn excerpts_hold_messages(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["sync"]) {
        for (room, invited) in rooms(&mut reply.1, "invite") {
            let mut events = timeline(behind, room);
            for event in events.as_array_mut().into_iter().flatten() {
                event.as_object_mut().unwrap().remove("event_id");
            }
            invited["invite_state"]["events"] = events;
        }
    }
    reply
}

#[test]
fn messages_in_the_excerpt_of_an_invite_are_found() {
    is_found(excerpts_hold_messages, "leak", " in `rooms.invite.invite_state`", "HV-6");
}

/// The newest message of a room is aggregated into each event.
fn hidden_events_are_aggregated(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "messages"]) && behind.is_guest(call) {
        let all = timeline(behind, &call.segments[1]);
        let newest = all.as_array().unwrap().iter().find(|event| event["state_key"].is_null());
        for event in reply.1["chunk"].as_array_mut().into_iter().flatten() {
            event["unsigned"]["m.relations"]["m.thread"]["latest_event"] = json!(newest);
        }
    }
    reply
}

#[test]
fn an_unseen_event_in_an_aggregation_is_found() {
    let section = " in `unsigned.m.thread.latest_event`";
    is_found(hidden_events_are_aggregated, "leak", section, "HV-6");
}

/// Guests are given the messages of others without their content.
fn messages_are_empty(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "messages"]) && behind.is_guest(call) {
        for event in reply.1["chunk"].as_array_mut().into_iter().flatten() {
            if event["state_key"].is_null() {
                event["content"] = json!({});
            }
        }
    }
    reply
}

#[test]
fn messages_without_their_content_are_found() {
    is_found(messages_are_empty, "refusal", " in `content`", "GA-37");
}

/// Guests are given redacted events with a content.
fn redactions_are_not_applied(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "messages"]) && behind.is_guest(call) {
        for event in reply.1["chunk"].as_array_mut().into_iter().flatten() {
            if event["unsigned"]["redacted_because"].is_object() {
                event["content"]["body"] = json!("as before the redaction");
            }
        }
    }
    reply
}

#[test]
fn a_redaction_that_is_not_applied_is_found() {
    is_found(redactions_are_not_applied, "leak", " in `content`", "CS-17");
}

/// Asserts that no divergence fails.
fn is_clean(layer: Layer) {
    let (code, report) = report(layer);
    assert_eq!(code, Some(0), "{report:#}");
}

/// The events around an event may be few.
fn context_has_no_neighbours(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "context", ""]) && reply.0 == 200 {
        reply.1["events_before"] = json!([]);
        reply.1["events_after"] = json!([]);
    }
    reply
}

/// A homeserver chooses how many messages `initialSync` has.
fn initial_sync_is_short(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "initialSync"])
        && let Some(chunk) = reply.1["messages"]["chunk"].as_array_mut()
    {
        chunk.drain(..chunk.len().saturating_sub(5));
    }
    reply
}

/// A timeline may be shorter than its limit, if the homeserver says so.
fn timelines_are_short(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["sync"]) {
        for (_, joined) in rooms(&mut reply.1, "join") {
            let events = joined["timeline"]["events"].as_array_mut().unwrap();
            let cut: Vec<_> = events.drain(..events.len().saturating_sub(5)).collect();
            if !cut.is_empty() {
                joined["timeline"]["limited"] = json!(true);
            }
            // The state after the timeline is as before.
            let Some(state) = joined["state"]["events"].as_array_mut() else { continue };
            for event in cut.into_iter().filter(|event| event["state_key"].is_string()) {
                let is_same = |other: &Value| {
                    other["type"] == event["type"] && other["state_key"] == event["state_key"]
                };
                state.retain(|other| !is_same(other));
                state.push(event);
            }
        }
    }
    reply
}

/// A joined reader may be given the state of the room in either list of a sync.
fn state_stands_in_the_timeline(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["sync"]) {
        for (_, joined) in rooms(&mut reply.1, "join") {
            let Some(state) = joined.get_mut("state").map(Value::take) else { continue };
            joined["state"]["events"] = json!([]);
            let events = joined["timeline"]["events"].as_array_mut().unwrap();
            events.splice(0..0, state["events"].as_array().into_iter().flatten().cloned());
        }
    }
    reply
}

#[test]
fn what_the_texts_permit_of_an_answer_is_clean() {
    is_clean(context_has_no_neighbours);
    is_clean(state_stands_in_the_timeline);
    is_clean(initial_sync_is_short);
    is_clean(timelines_are_short);
}

/// A section whose events are unknown to `diff` is not called compared.
fn messages_have_other_ids(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "initialSync"]) && reply.0 == 200 {
        for event in reply.1["messages"]["chunk"].as_array_mut().into_iter().flatten() {
            event.as_object_mut().unwrap().remove("event_id");
        }
    }
    reply
}

#[test]
fn a_section_that_was_not_compared_is_not_called_compared() {
    let sections = |layer| {
        let (_, report) = report(layer);
        let coverage = report["coverage"].as_array().unwrap().clone();
        let section = |section: &Value| {
            let text = |key: &str| section[key].as_str().unwrap().to_owned();
            let is_given = section["given"].as_u64().unwrap() > 0;
            let is_checked = section["checks"].as_array().unwrap().contains(&json!("events"));
            assert_eq!(is_checked, is_given, "{section}");
            is_given.then(|| (text("endpoint"), text("section")))
        };
        coverage.iter().filter_map(section).collect::<Vec<_>>()
    };
    let section = ("GET /rooms/{roomId}/initialSync".to_owned(), "messages".to_owned());
    assert!(sections(Behind::forward).contains(&section));
    assert!(!sections(messages_have_other_ids).contains(&section));
}
