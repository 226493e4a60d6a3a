//! Homeservers that do what the texts leave open: no divergence fails.

use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Variant, Variants};
use serde_json::{Value, json};

use super::diff_vectors;
use super::facts::report_on;
use super::layer::{Behind, Call, Layer, Reply, in_front_of, refusal};

/// Asserts that `diff` finds no divergence that fails, and that the run takes this option.
fn is_permitted(layer: Layer, point: &str, option: &str) {
    let url = in_front_of(Rules::find("latest").unwrap().profile(), layer);
    let ran = diff_vectors(["--server", &url, "--quiet", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    let report = ran.json();
    let divergences = report["divergences"].as_array().unwrap();
    let mut readings = divergences.iter().flat_map(|one| one["readings"].as_array().unwrap());
    let is_taken =
        |reading: &Value| reading["decision_point"] == point && reading["option"] == option;
    assert!(readings.any(is_taken), "{report:#}");
}

/// POST leave by who has left is 200, and changes nothing.
fn leaving_twice_is_answered(behind: &Behind, call: &Call) -> Reply {
    if call.is("POST", &["rooms", "", "leave"])
        && let Some(user) = behind.caller(call)
        && behind.membership(&call.segments[1], &user).as_deref() == Some("leave")
    {
        return (200, json!({}));
    }
    behind.forward(call)
}

/// Leaving a room by oneself forgets the room, until the membership changes.
fn leaving_forgets_the_room(behind: &Behind, call: &Call) -> Reply {
    let Some(user) = behind.caller(call) else { return behind.forward(call) };
    let [rooms, room, kind, ..] = &call.segments[..] else { return behind.forward(call) };
    if rooms != "rooms" {
        return behind.forward(call);
    }
    if call.method == "GET" && behind.has_note(room, &user) {
        if behind.membership(room, &user).as_deref() != Some("leave") {
            behind.erase_note(room, &user);
        } else if !behind.is_world_readable(room) {
            match &**kind {
                "event" | "context" => return refusal(404, "M_NOT_FOUND"),
                "messages" | "state" | "members" | "initialSync" => {
                    return refusal(403, "M_FORBIDDEN");
                }
                _ => {}
            }
        }
    }
    let reply = behind.forward(call);
    let by_state_event = call.is("PUT", &["rooms", "", "state", "m.room.member", ""])
        && call.json()["membership"] == "leave";
    if reply.0 == 200 && (kind == "leave" || by_state_event) {
        behind.note(room, &user);
    }
    reply
}

/// The room summary is answered without a token, and to guests.
fn summary_without_a_token(behind: &Behind, call: &Call) -> Reply {
    if call.method != "GET" || call.segments.first().is_none_or(|first| first != "room_summary") {
        return behind.forward(call);
    }
    let room = &call.segments[1];
    if behind.has_room(room) {
        let summary = json!({
            "room_id": room, "num_joined_members": 1, "world_readable": false,
            "guest_can_join": false, "join_rule": "public",
        });
        (200, summary)
    } else {
        refusal(404, "M_NOT_FOUND")
    }
}

/// A guest who neither is nor was joined is refused the room, unless the room is `world_readable`.
fn never_joined_is_refused(behind: &Behind, call: &Call) -> Reply {
    let reads = ["messages", "state", "members", "initialSync"];
    if let Some(user) = behind.caller(call)
        && let [rooms, room, kind, ..] = &call.segments[..]
        && rooms == "rooms"
        && call.method == "GET"
        && reads.contains(&&**kind)
    {
        let membership = behind.membership(room, &user);
        if membership.as_deref() == Some("join") {
            behind.note(room, &user);
        } else if membership.as_deref() == Some("leave")
            && !behind.has_note(room, &user)
            && !behind.is_world_readable(room)
        {
            return refusal(403, "M_FORBIDDEN");
        }
    }
    let joins = call.is("POST", &["join", ""])
        || call.is("POST", &["rooms", "", "join"])
        || call.is("PUT", &["rooms", "", "state", "m.room.member", ""])
            && call.json()["membership"] == "join";
    let reply = behind.forward(call);
    if joins && reply.0 == 200 {
        let in_path = call.segments.get(1).cloned().unwrap_or_default();
        let room = reply.1["room_id"].as_str().map_or(in_path, str::to_owned);
        if let Some(user) = behind.caller(call) {
            behind.note(&room, &user);
        }
    }
    reply
}

#[test]
fn a_leave_of_those_who_left_may_be_answered() {
    is_permitted(leaving_twice_is_answered, "leave.again", "who_left_answered");
}

#[test]
fn leaving_may_forget_the_room() {
    is_permitted(leaving_forgets_the_room, "leave.forgets", "forgets");
}

#[test]
fn the_room_summary_may_be_answered_without_a_token() {
    is_permitted(summary_without_a_token, "authentication.room_summary", "unread");
}

#[test]
fn those_who_never_joined_may_be_refused() {
    is_permitted(never_joined_is_refused, "room.turned_away", "as_stranger");
}

/// Guests are told of every room that it does not exist, when they ask for its summary.
fn summaries_are_not_found(behind: &Behind, call: &Call) -> Reply {
    let is_of_guest = call.is("GET", &["room_summary", ""]) && behind.is_guest(call);
    if is_of_guest { refusal(404, "M_NOT_FOUND") } else { behind.forward(call) }
}

#[test]
fn the_room_of_a_summary_may_be_unknown_to_guests() {
    let url = in_front_of(Rules::find("latest").unwrap().profile(), summaries_are_not_found);
    let only = ["--only", "accounts", "--format", "json"];
    let ran = diff_vectors(["--server", &url, "--quiet"].iter().chain(&only));
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    let reasons = ran.json()["not_compared"]["permitted"]["reasons"].to_string();
    assert!(reasons.contains("A70"), "{reasons}");
}

/// A guest that leaves after a kick, knocks twice while the join rule changes, and joins although it is banned
/// and the room is closed to guests.
const OPEN_QUESTIONS: &str = r#"{
  "id": "open", "rules": "latest", "about": "what no text ranks or names", "clauses": [], "steps": [
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "guest1", "do": "register as guest" },
    { "as": "guest1", "do": "join", "room": "room1" },
    { "as": "moderator", "do": "kick", "room": "room1", "target": "guest1" },
    { "as": "guest1", "do": "leave", "room": "room1" },
    { "as": "moderator", "do": "set join rule", "room": "room1", "to": "knock" },
    { "as": "guest1", "do": "knock", "room": "room1", "by": "state_event" },
    { "as": "moderator", "do": "set join rule", "room": "room1", "to": "invite" },
    { "as": "guest1", "do": "knock", "room": "room1", "by": "state_event" },
    { "as": "moderator", "do": "ban", "room": "room1", "target": "guest1" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "forbidden" },
    { "as": "guest1", "do": "join", "room": "room1" }
  ]
}"#;

#[test]
fn answers_that_no_text_ranks_are_not_accused() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let membership = || behind.membership(&call.segments[1], &behind.caller(call)?);
        let knocks = call.is("PUT", &["rooms", "", "state", "m.room.member", ""])
            && call.json()["membership"] == "knock";
        if call.is("POST", &["rooms", "", "leave"]) && membership().as_deref() == Some("leave") {
            (200, json!({}))
        } else if knocks && membership().as_deref() == Some("knock") {
            (200, json!({ "event_id": "$again" }))
        } else if call.is("POST", &["rooms", "", "join"]) && membership().as_deref() == Some("ban")
        {
            refusal(403, "M_GUEST_ACCESS_FORBIDDEN")
        } else {
            behind.forward(call)
        }
    }
    let (code, report) = report_on(OPEN_QUESTIONS, layer);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["decisions"], 9, "{report:#}");
    let reasons = report["not_compared"]["permitted"]["reasons"].to_string();
    for question in ["A63", "A22"] {
        assert!(reasons.contains(question), "{reasons}");
    }
}

/// Three homeservers, which together take every answer to the open questions about leaving, joining and
/// knocking again, error codes, strangers and the room summary.
const HOMESERVERS: [&[(&str, &str)]; 3] = [
    &[
        ("registration.taken_errcode", "M_INVALID_USERNAME"),
        ("upgrade.dead_token", "M_UNKNOWN_TOKEN"),
        ("join.elsewhere", "forbidden"),
        ("join.again", "refused"),
        ("join.banned_errcode", "M_BAD_STATE"),
        ("leave.again", "who_left_answered"),
        ("leave.again_by_state_event", "who_left_answered"),
        ("knock.again", "refused"),
        ("knock.banned_errcode", "M_BAD_STATE"),
        ("context.unseen", "M_FORBIDDEN"),
        ("room.turned_away", "as_stranger"),
        ("authentication.room_summary", "optional"),
    ],
    &[
        ("registration.taken_errcode", "M_EXCLUSIVE"),
        ("upgrade.dead_token", "M_USER_IN_USE"),
        ("join.elsewhere", "no_server"),
        ("leave.again", "answered"),
        ("leave.forgets", "forgets"),
        ("room.banned_reader", "as_stranger"),
        ("authentication.room_summary", "unread"),
    ],
    &[("endpoint.GET /room_summary/{roomIdOrAlias}", "open")],
];

#[test]
fn every_answer_to_these_questions_is_permitted_over_http() {
    let variants = Variants::of(&Rules::find("latest").unwrap());
    for options in HOMESERVERS {
        let number = |&(point, option): &(&str, &str)| {
            let is_it = |known: &Variant| known.point_id() == point && known.option() == option;
            let number = variants.all.iter().position(is_it);
            let number = number.unwrap_or_else(|| panic!("{point}={option}"));
            assert!(variants.all[number].is_permitted(), "{point}={option}");
            number
        };
        let taken: Vec<_> = options.iter().map(number).collect();
        let server = Embedded::start(variants.profile(&taken)).unwrap();
        let ran = diff_vectors(["--server", &server.url(), "--quiet", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{options:?}: {}", ran.out);
    }
}
