//! Homeservers whose answers say what is not so, or whose calls lack their effect. Each is a layer in front
//! of the reference, and `diff` cites the sentence that the layer violates.

use std::fs;

use guest_access_rules::rules::Rules;
use serde_json::{Value, json};

use super::layer::{Behind, Call, Layer, Reply, in_front_of};
use crate::cli::run;

/// The life of a guest in a room, in which each effect and each fact shows at least once.
pub(super) const LIFE: &str = r#"{
  "id": "life", "rules": "latest", "about": "a guest in a room", "clauses": [], "steps": [
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "moderator", "do": "set history visibility", "room": "room1", "to": "world_readable" },
    { "as": "guest1", "do": "register as guest" },
    { "as": "guest1", "do": "GET /account/whoami" },
    { "as": "guest1", "do": "GET /rooms/{roomId}/initialSync", "room": "room1" },
    { "as": "guest1", "do": "join", "room": "room1" },
    { "as": "guest1", "do": "set profile", "key": "displayname" },
    { "as": "guest1", "do": "send", "room": "room1", "type": "m.room.message" },
    { "as": "moderator", "do": "send state", "room": "room1", "event": "e1" },
    { "as": "guest1", "do": "send", "room": "room1", "type": "m.room.message" },
    { "as": "guest1", "do": "GET /rooms/{roomId}/messages", "room": "room1" },
    { "as": "guest1", "do": "GET /rooms/{roomId}/context/{eventId}", "room": "room1" },
    { "as": "guest1", "do": "GET /rooms/{roomId}/initialSync", "room": "room1" },
    { "as": "guest1", "do": "GET /rooms/{roomId}/state/{eventType}/{stateKey}", "room": "room1" },
    { "as": "user", "do": "GET /rooms/{roomId}/joined_members", "room": "room1" },
    { "as": "guest1", "do": "PUT /sendToDevice/{eventType}/{txnId}" },
    { "as": "guest1", "do": "GET /media/thumbnail/{serverName}/{mediaId}" },
    { "as": "moderator", "do": "kick", "room": "room1", "target": "guest1" },
    { "as": "guest1", "do": "GET /sync" }
  ]
}"#;

/// What the further calls of reads need: two syncs with news between them, a list of members of which one
/// has left, and the read of a state event by somebody who may not read the room.
pub(super) const FURTHER: &str = r#"{
  "id": "further", "rules": "latest", "about": "reads that ask in other ways", "clauses": [], "steps": [
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "guest1", "do": "register as guest" },
    { "as": "guest2", "do": "register as guest" },
    { "as": "guest2", "do": "GET /rooms/{roomId}/state/{eventType}/{stateKey}", "room": "room1" },
    { "as": "guest1", "do": "join", "room": "room1" },
    { "as": "guest2", "do": "join", "room": "room1" },
    { "as": "guest1", "do": "GET /sync" },
    { "as": "guest1", "do": "GET /rooms/{roomId}/members", "room": "room1" },
    { "as": "guest2", "do": "leave", "room": "room1" },
    { "as": "moderator", "do": "send", "room": "room1", "type": "m.room.message", "event": "e1" },
    { "as": "guest1", "do": "GET /sync" },
    { "as": "guest1", "do": "GET /rooms/{roomId}/members", "room": "room1" },
    { "as": "guest2", "do": "GET /rooms/{roomId}/messages", "room": "room1" },
    { "as": "user", "do": "POST /rooms/{roomId}/forget" },
    { "as": "guest1", "do": "GET /directory/room/{roomAlias}" },
    { "as": "guest1", "do": "GET /publicRooms" }
  ]
}"#;

/// The report of `diff` on the life of a guest, for the reference behind the layer.
fn report(layer: Layer) -> (Option<i32>, Value) {
    report_on(LIFE, layer)
}

/// The report of `diff` on this scenario, for the reference behind the layer.
pub(super) fn report_on(scenario: &str, layer: Layer) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("scenario.json"), scenario).unwrap();
    let url = in_front_of(Rules::find("latest").unwrap().profile(), layer);
    let scenarios = folder.path().to_str().unwrap();
    let ran =
        run(["diff", "--scenarios", scenarios, "--server", &url, "--quiet", "--format", "json"]);
    (ran.code, ran.json())
}

/// Asserts that a divergence of this kind cites this clause and is described by these words.
pub(super) fn is_noticed(layer: Layer, kind: &str, clause: &str, words: &str) {
    is_noticed_on(LIFE, layer, kind, clause, words);
}

/// Asserts that on this scenario a divergence of this kind cites this clause and is described by these words.
pub(super) fn is_noticed_on(scenario: &str, layer: Layer, kind: &str, clause: &str, words: &str) {
    let (code, report) = report_on(scenario, layer);
    assert_eq!(code, Some(1), "{report:#}");
    let found = report["divergences"].as_array().unwrap();
    let is_it = |divergence: &&Value| {
        let clauses = divergence["clauses"].as_array().unwrap();
        divergence["kind"] == kind
            && clauses.contains(&json!(clause))
            && divergence["observed"].as_str().unwrap().contains(words)
    };
    assert!(found.iter().any(|divergence| is_it(&divergence)), "{found:#?}");
}

/// The answer to this read by a guest, changed by `change` if it is allowed.
pub(super) fn changed(
    behind: &Behind,
    call: &Call,
    pattern: &[&str],
    change: impl FnOnce(&mut Value),
) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", pattern) && reply.0 == 200 && behind.is_guest(call) {
        change(&mut reply.1);
    }
    reply
}

/// The answer of the reference to the call without this parameter.
fn without(behind: &Behind, call: &Call, parameter: &str) -> Reply {
    let target = call.target.replace(parameter, "");
    behind.forward(&Call { target, ..call.clone() })
}

#[test]
fn the_reference_has_all_facts_and_effects() {
    let (code, report) = report(Behind::forward);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["decisions"], 19, "{report:#}");
}

#[test]
fn the_reference_answers_further_reads_as_it_has_to() {
    let (code, report) = report_on(FURTHER, Behind::forward);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["decisions"], 16, "{report:#}");
}

#[test]
fn a_second_sync_without_news_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["sync"], |sync| {
            if call.target.contains("since=") {
                sync["rooms"] = json!({});
            }
        })
    }
    let words = "does not give in `rooms since`";
    is_noticed_on(FURTHER, layer, "refusal", "CS-71", words);
}

#[test]
fn a_second_sync_that_repeats_events_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let later = call.target.contains("since=");
        changed(behind, call, &["sync"], |sync| {
            for (room, joined) in super::content::rooms(sync, "join").filter(|_| later) {
                let all = behind.as_creator(room, "messages?dir=f&limit=1000");
                let all = all["chunk"].as_array().unwrap();
                let events = joined["timeline"]["events"].as_array_mut().unwrap();
                let is_new = |event: &Value| {
                    events.first().is_some_and(|new| new["event_id"] == event["event_id"])
                };
                if let Some(new) = all.iter().position(is_new) {
                    events.insert(0, all[new - 1].clone());
                }
            }
        })
    }
    let words = "gives in `rooms since` events that the last sync gave";
    is_noticed_on(FURTHER, layer, "effect", "CS-71", words);
}

#[test]
fn a_sync_without_the_state_after_the_timeline_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        without(behind, call, "use_state_after=true")
    }
    let words = "does not give in `rooms.join.state_after`";
    is_noticed_on(FURTHER, layer, "refusal", "CS-77", words);
}

#[test]
fn members_of_now_in_place_of_earlier_ones_are_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let is_list = call.segments.last().is_some_and(|last| last.starts_with("members"));
        let target =
            call.target.split(if is_list { "at=" } else { "\0" }).next().unwrap_or_default();
        behind.forward(&Call { target: target.to_owned(), ..call.clone() })
    }
    let words = "gives in `chunk at` members that are newer";
    is_noticed_on(FURTHER, layer, "effect", "CS-74", words);
}

#[test]
fn a_filter_that_opens_hidden_messages_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let mut reply = behind.forward(call);
        if call.is("GET", &["rooms", "", "messages"])
            && call.target.contains("filter=")
            && behind.is_guest(call)
        {
            reply = (200, behind.as_creator(&call.segments[1], "messages?dir=b&limit=1000"));
        }
        reply
    }
    is_noticed_on(FURTHER, layer, "leak", "HV-20", "a message");
}

#[test]
fn the_history_of_a_forgotten_room_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        if call.is("POST", &["rooms", "", "forget"]) {
            (200, json!({}))
        } else {
            behind.forward(call)
        }
    }
    is_noticed_on(FURTHER, layer, "effect", "CS-49", "and the room is not forgotten");
}

#[test]
fn a_forgotten_room_that_a_sync_lists_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let mut reply = behind.forward(call);
        let Some(user) = behind.caller(call) else { return reply };
        if call.is("POST", &["rooms", "", "forget"]) {
            behind.note(&call.segments[1], &user);
        }
        if call.is("GET", &["sync"]) {
            let forgotten = behind.rooms().into_iter().filter(|room| behind.has_note(room, &user));
            for room in forgotten {
                reply.1["rooms"]["leave"][room] = json!({ "timeline": { "events": [] } });
            }
        }
        reply
    }
    is_noticed_on(FURTHER, layer, "effect", "CS-49", "and the room is not forgotten");
}

#[test]
fn an_alias_that_leads_to_another_room_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["directory", "room", ""], |answer| {
            answer["room_id"] = json!("!another:reference");
        })
    }
    is_noticed_on(FURTHER, layer, "effect", "CS-75", "and the room of the alias is not named");
}

#[test]
fn a_directory_that_says_that_rooms_may_be_viewed_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["publicRooms"], |answer| {
            for room in answer["chunk"].as_array_mut().unwrap() {
                room["world_readable"] = json!(true);
            }
        })
    }
    is_noticed_on(FURTHER, layer, "effect", "CS-47", "right about `world_readable`");
}

#[test]
fn a_directory_that_says_that_no_guest_may_join_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["publicRooms"], |answer| {
            for room in answer["chunk"].as_array_mut().unwrap() {
                room["guest_can_join"] = json!(false);
            }
        })
    }
    is_noticed_on(FURTHER, layer, "effect", "CS-76", "right about `guest_can_join`");
}

#[test]
fn a_filtered_list_of_all_members_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        without(behind, call, "membership=join")
    }
    let words = "gives in `chunk` members of another membership";
    is_noticed_on(FURTHER, layer, "effect", "CS-72", words);
}

#[test]
fn a_filtered_list_without_the_members_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["rooms", "", "members"], |members| {
            if call.target.contains("membership=join") {
                members["chunk"] = json!([]);
            }
        })
    }
    let words = "does not give in `state` the reader's own member event";
    is_noticed_on(FURTHER, layer, "refusal", "CS-22", words);
}

#[test]
fn state_of_another_type_given_to_a_stranger_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let reply = behind.forward(call);
        if call.is("GET", &["rooms", "", "state", "m.room.power_levels", ""]) && reply.0 != 200 {
            return (200, behind.as_creator(&call.segments[1], "state/m.room.power_levels"));
        }
        reply
    }
    is_noticed_on(FURTHER, layer, "leak", "HV-6", "gives in `state` a state event");
}

#[test]
fn a_left_room_without_its_end_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["sync"], |sync| {
            for (_, left) in sync["rooms"]["leave"].as_object_mut().into_iter().flatten() {
                *left = json!({});
            }
        })
    }
    is_noticed(layer, "refusal", "CS-44", "does not give in `rooms.leave.timeline`");
}

#[test]
fn a_left_room_among_the_joined_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["sync"], |sync| {
            for (room, _) in sync["rooms"]["leave"].clone().as_object().into_iter().flatten() {
                sync["rooms"]["join"][room] = json!({});
            }
        })
    }
    is_noticed(layer, "effect", "CS-55", "lists in `rooms.join`");
}

#[test]
fn a_wrong_membership_in_initial_sync_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["rooms", "", "initialSync"], |room| {
            room["membership"] = json!("join");
        })
    }
    is_noticed(layer, "effect", "CS-57", "names in `membership` another membership");
}

#[test]
fn an_initial_sync_without_state_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["rooms", "", "initialSync"], |room| room["state"] = json!([]))
    }
    is_noticed(layer, "refusal", "CS-56", "does not give in `state`");
}

#[test]
fn a_state_event_without_content_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["rooms", "", "state", "", ""], |content| *content = json!({}))
    }
    is_noticed(layer, "refusal", "CS-64", "does not give in `content`");
}

#[test]
fn a_join_that_names_another_room_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let mut reply = behind.forward(call);
        if call.is("POST", &["rooms", "", "join"]) && behind.is_guest(call) {
            reply.1["room_id"] = json!("!another:reference.test");
        }
        reply
    }
    is_noticed(layer, "effect", "CS-61", "the joined room is not named");
}

#[test]
fn an_account_without_a_device_is_noticed() {
    fn no_device_of_whoami(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["account", "whoami"], |account| account["device_id"] = Value::Null)
    }
    fn no_device_of_registration(behind: &Behind, call: &Call) -> Reply {
        let mut reply = behind.forward(call);
        if call.is("POST", &["register"]) && call.target.contains("kind=guest") {
            reply.1.as_object_mut().unwrap().remove("device_id");
        }
        reply
    }
    is_noticed(no_device_of_whoami, "effect", "CS-62", "the device is not named");
    is_noticed(no_device_of_registration, "effect", "RG-15", "the device is not named");
}

#[test]
fn messages_in_a_wrong_order_are_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["rooms", "", "messages"], |page| {
            page["chunk"].as_array_mut().unwrap().reverse();
        })
    }
    is_noticed(layer, "effect", "CS-58", "gives in `chunk` the events in a wrong order");
}

#[test]
fn neighbours_on_the_wrong_side_are_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["rooms", "", "context", ""], |context| {
            let before = context["events_before"].take();
            context["events_before"] = context["events_after"].take();
            context["events_after"] = before;
        })
    }
    is_noticed(layer, "effect", "CS-59", "the events in a wrong order");
}

#[test]
fn a_context_with_a_part_of_the_state_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["rooms", "", "context", ""], |context| {
            let state = context["state"].as_array_mut().unwrap();
            state.retain(|event| event["type"] == "m.room.create");
        })
    }
    is_noticed(layer, "refusal", "CS-65", "does not give in `state`");
}

#[test]
fn content_that_is_not_stored_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let mut call = call.clone();
        if call.is("PUT", &["rooms", "", "send", "m.room.message", ""]) && behind.is_guest(&call) {
            call.body = br#"{"msgtype":"m.text","body":""}"#.to_vec();
        }
        behind.forward(&call)
    }
    is_noticed(layer, "refusal", "CS-54", "the content that was sent is not stored");
}

#[test]
fn a_name_outside_the_member_events_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let mut reply = behind.forward(call);
        if call.is("GET", &["rooms", "", "members"]) && !behind.is_guest(call) {
            for event in reply.1["chunk"].as_array_mut().into_iter().flatten() {
                event["content"].as_object_mut().unwrap().remove("displayname");
            }
        }
        reply
    }
    is_noticed(layer, "effect", "CS-28", "the display name is not in the member events");
}

#[test]
fn a_message_that_no_device_gets_is_noticed() {
    fn lost(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["sync"], |sync| sync["to_device"] = json!({}))
    }
    is_noticed(lost, "effect", "CS-63", "the message is not delivered");
}

#[test]
fn a_message_that_every_device_gets_is_noticed() {
    fn for_all(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["sync"], |sync| {
            for message in sync["to_device"]["events"].as_array_mut().into_iter().flatten() {
                message["sender"] = json!("@somebody:reference");
            }
        })
    }
    is_noticed(for_all, "effect", "CS-63", "the messages to others are not kept from the caller");
}

#[test]
fn a_message_that_a_device_gets_twice_is_noticed() {
    fn again(behind: &Behind, call: &Call) -> Reply {
        // Without the place of the last sync, the reference gives the message once more.
        let target = call.target.replace("since=", "nothing=");
        behind.forward(&Call { target, ..call.clone() })
    }
    is_noticed(again, "effect", "CS-63", "the message is not delivered once");
}

#[test]
fn a_thumbnail_that_is_empty_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        if call.target.contains("/media/thumbnail/") && behind.is_guest(call) {
            return (200, Value::Null);
        }
        behind.forward(call)
    }
    is_noticed(layer, "effect", "CS-69", "the answer is not a picture");
}

#[test]
fn joined_members_without_the_guests_are_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let mut reply = behind.forward(call);
        if call.is("GET", &["rooms", "", "joined_members"]) && reply.0 == 200 {
            reply.1["joined"] = json!({});
        }
        reply
    }
    is_noticed(layer, "effect", "CS-60", "names in `joined` others than the joined members");
}
