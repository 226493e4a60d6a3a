//! Divergences that a run could lose: they show only in the repetition of a scenario, in a further call of a read,
//! or after one shape of a setting. And clauses that only one kind of divergence cites.

use serde_json::{Value, json};

use super::facts::{FURTHER, is_noticed_on, report_on};
use super::layer::{Behind, Call, Reply, refusal};

fn sets_guest_access(call: &Call) -> bool {
    call.is("PUT", &["rooms", "", "state", "m.room.guest_access", ""])
}

/// The first revocation removes the guests, and the later ones are answered and not stored. Kicks are answered,
/// and remove nobody.
fn only_the_first_revocation_counts(behind: &Behind, call: &Call) -> Reply {
    if sets_guest_access(call) && call.json()["guest_access"] == "forbidden" {
        if behind.has_note("a revocation", "") {
            return (200, json!({ "event_id": "$made-up:reference" }));
        }
        behind.note("a revocation", "");
    }
    let kicks = call.is("POST", &["rooms", "", "kick"]);
    if kicks { (200, json!({})) } else { behind.forward(call) }
}

/// The kick leads astray, so the read is run in a second room, after the steps that lead there.
const LEAD: &str = r#"{
  "id": "lead", "rules": "latest", "about": "a lead that is repeated", "clauses": [], "steps": [
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "guest1", "do": "register as guest" },
    { "as": "guest2", "do": "register as guest" },
    { "as": "guest1", "do": "join", "room": "room1" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "forbidden" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "guest2", "do": "join", "room": "room1" },
    { "as": "moderator", "do": "kick", "room": "room1", "target": "guest2" },
    { "as": "user", "do": "GET /rooms/{roomId}/state", "room": "room1" }
  ]
}"#;

#[test]
fn a_step_that_fails_only_when_it_is_repeated_is_a_divergence() {
    let (code, report) = report_on(LEAD, only_the_first_revocation_counts);
    assert_eq!(code, Some(1), "{report:#}");
    let found = report["divergences"].as_array().unwrap();
    let is_it = |divergence: &&Value| {
        divergence["kind"] == "effect"
            && divergence["endpoint"] == "PUT /rooms/{roomId}/state/{eventType}/{stateKey}"
            && divergence["observed"].as_str().unwrap().contains("guest1 is `join` in room1")
            && divergence["reproduced"] == true
    };
    assert!(found.iter().any(|divergence| is_it(&divergence)), "{found:#?}");
    assert_eq!(report["not_compared"]["failed"]["decisions"], 0, "{report:#}");
}

#[test]
fn a_further_call_that_is_refused_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let is_filtered = call.target.contains("members?membership=");
        if is_filtered { refusal(403, "M_FORBIDDEN") } else { behind.forward(call) }
    }
    let words = "does not give in `state` the reader's own member event";
    is_noticed_on(FURTHER, layer, "refusal", "CS-22", words);
}

/// Guest access has contents that are no value of the specification.
const MALFORMED: &str = r#"{
  "id": "malformed", "rules": "latest", "about": "contents that let nobody in", "clauses": [], "steps": [
    { "as": "guest1", "do": "register as guest" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "malformed" }
  ]
}"#;

/// A list of values lets guests join, if one of them is `can_join`.
fn a_list_lets_in(behind: &Behind, call: &Call) -> Reply {
    let reply = behind.forward(call);
    if call.is("POST", &["rooms", "", "join"]) && reply.0 == 403 && behind.is_guest(call) {
        let room = &call.segments[1];
        let setting = behind.as_creator(room, "state/m.room.guest_access/");
        if setting["guest_access"].as_array().is_some_and(|list| list.contains(&json!("can_join")))
        {
            return (200, json!({ "room_id": room }));
        }
    }
    reply
}

#[test]
fn a_guest_tries_to_join_after_each_shape_of_a_setting() {
    let (code, report) = report_on(MALFORMED, Behind::forward);
    assert_eq!(code, Some(0), "{report:#}");
    is_noticed_on(MALFORMED, a_list_lets_in, "leak", "GA-22", "allow");
}

/// A guest that chose its name is upgraded, and guest access ends; another is turned away from its invite.
const CITED: &str = r#"{
  "id": "cited", "rules": "latest", "about": "clauses of their own", "clauses": [], "steps": [
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "guest1", "do": "register as guest", "named": true },
    { "as": "guest1", "do": "join", "room": "room1" },
    { "as": "guest1", "do": "upgrade" },
    { "as": "guest2", "do": "register as guest" },
    { "as": "moderator", "do": "invite", "room": "room1", "target": "guest2" },
    { "as": "moderator", "do": "kick", "room": "room1", "target": "guest2", "event": "e1" },
    { "as": "guest2", "do": "GET /rooms/{roomId}/event/{eventId}", "room": "room1" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "forbidden" }
  ]
}"#;

#[test]
fn a_registration_that_refuses_a_parameter_cites_its_clause() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let is_named = call.target.contains("kind=guest") && call.json()["username"].is_string();
        if is_named { refusal(400, "M_INVALID_PARAM") } else { behind.forward(call) }
    }
    is_noticed_on(CITED, layer, "refusal", "RG-10", "deny 400 M_INVALID_PARAM");
}

#[test]
fn a_former_guest_that_a_revocation_removes_cites_its_clause() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let reply = behind.forward(call);
        if call.json()["guest_access_token"].is_string()
            && let Some(user) = reply.1["user_id"].as_str()
        {
            behind.note("upgraded", user);
        }
        if sets_guest_access(call) && call.json()["guest_access"] == "forbidden" {
            let room = &call.segments[1];
            let members = behind.as_creator(room, "joined_members");
            for user in members["joined"].as_object().unwrap().keys() {
                if behind.has_note("upgraded", user) {
                    behind.kick(room, user);
                }
            }
        }
        reply
    }
    is_noticed_on(CITED, layer, "effect", "GA-32", "guest1 is `leave` in room1");
}

#[test]
fn an_own_member_event_that_is_not_shown_cites_its_clause() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let reply = behind.forward(call);
        if call.is("GET", &["rooms", "", "event", ""]) && reply.0 == 404 && behind.is_guest(call) {
            let [_, room, _, event] = &call.segments[..] else { return reply };
            return (200, behind.as_creator(room, &format!("event/{event}")));
        }
        reply
    }
    is_noticed_on(CITED, layer, "leak", "HV-25", "gives e1");
}

#[test]
fn a_guest_without_a_token_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let mut reply = behind.forward(call);
        if call.target.contains("kind=guest") && call.json()["inhibit_login"] == true {
            let fields = reply.1.as_object_mut().unwrap();
            fields.retain(|key, _| key == "user_id");
        }
        reply
    }
    is_noticed_on(CITED, layer, "effect", "RG-10", "and the access token is not given");
}

/// A change of the setting shows itself to the invited. A former guest and the user ask for an event by its time.
const OPEN: &str = r#"{
  "id": "open", "rules": "latest", "about": "open questions", "clauses": [], "steps": [
    { "as": "guest1", "do": "register as guest" },
    { "as": "guest2", "do": "register as guest" },
    { "as": "guest2", "do": "upgrade" },
    { "as": "moderator", "do": "set history visibility", "room": "room1", "to": "invited" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "moderator", "do": "invite", "room": "room1", "target": "guest1" },
    { "as": "guest2", "do": "GET /rooms/{roomId}/timestamp_to_event", "room": "room1" },
    { "as": "user", "do": "GET /rooms/{roomId}/timestamp_to_event", "room": "room1" },
    { "as": "moderator", "do": "set history visibility", "room": "room1", "to": "joined", "event": "e1" },
    { "as": "guest1", "do": "GET /rooms/{roomId}/event/{eventId}", "room": "room1" },
    { "as": "moderator", "do": "set history visibility", "room": "room1", "to": "world_readable" },
    { "as": "guest1", "do": "GET /events", "room": "room1" }
  ]
}"#;

#[test]
fn a_preview_by_events_is_no_evidence_of_a_reading() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let mut reply = behind.forward(call);
        if call.is("GET", &["events"]) && behind.is_guest(call) && reply.0 == 200 {
            reply.1["chunk"] = json!([]);
        }
        reply
    }
    let (code, report) = report_on(OPEN, layer);
    assert_eq!(code, Some(0), "{report:#}");
    let because = report["not_compared"]["permitted"]["reasons"][0]["because"].as_str();
    assert!(
        because.is_some_and(|because| because.contains("a preview may leave out")),
        "{report:#}"
    );
}

#[test]
fn a_stranger_may_be_refused_an_event_by_its_time() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let is_by_time = call.is("GET", &["rooms", "", "timestamp_to_event"]);
        let user = behind.caller(call).unwrap_or_default();
        let is_in = || behind.membership(&call.segments[1], &user).as_deref() == Some("join");
        if is_by_time && !is_in() { refusal(403, "M_FORBIDDEN") } else { behind.forward(call) }
    }
    let (code, report) = report_on(OPEN, layer);
    assert_eq!(code, Some(0), "{report:#}");
}

/// The second setting repeats the first.
const REPEATED: &str = r#"{
  "id": "repeated", "rules": "latest", "about": "a setting is repeated", "clauses": [], "steps": [
    { "as": "guest1", "do": "register as guest" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "guest1", "do": "join", "room": "room1" }
  ]
}"#;

#[test]
fn a_repeated_setting_may_be_answered_and_not_sent_again() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        if !sets_guest_access(call) {
            return behind.forward(call);
        }
        let room = &call.segments[1];
        if behind.as_creator(room, "state/m.room.guest_access/") == call.json() {
            return (200, json!({ "event_id": "$made-up:reference" }));
        }
        behind.forward(call)
    }
    let (code, report) = report_on(REPEATED, layer);
    assert_eq!(code, Some(0), "{report:#}");
}
