//! Homeservers on which a call changes more than it may: memberships that its caller does not ask for, and those in
//! other rooms. And what those read who left, and what the directory shows.

use guest_access::diff::Divergence;
use guest_access_scenarios::permitted::DivergenceKind;
use serde_json::{Value, json};

use super::content_scenarios::result;
use super::facts::{FURTHER, changed, is_noticed_on};
use super::layer::{Behind, Call, Layer, Reply};

/// Asserts that on the scenarios for the content of answers a divergence is of this kind, cites this clause and
/// is described by these words.
fn is_found(layer: Layer, kind: DivergenceKind, clause: &str, words: &str) {
    let found = result(layer).divergences;
    let is_it = |divergence: &&Divergence| {
        divergence.kind == kind
            && divergence.clauses.iter().any(|cited| cited == clause)
            && divergence.observed.contains(words)
            && divergence.reproduced
    };
    assert!(found.iter().any(|divergence| is_it(&divergence)), "{found:#?}");
}

/// A new display name lets a guest into the rooms in which it has this membership.
fn names_let_in(behind: &Behind, call: &Call, membership: &str) -> Reply {
    let reply = behind.forward(call);
    if call.is("PUT", &["profile", "", "displayname"]) && reply.0 == 200 {
        let user = behind.caller(call).unwrap();
        for room in behind.rooms() {
            if behind.membership(&room, &user).as_deref() == Some(membership) {
                let target = format!("/_matrix/client/v3/rooms/{room}/join");
                behind.request("POST", &target, call.token.as_deref(), b"{}");
            }
        }
    }
    reply
}

#[test]
fn a_name_that_lets_an_invited_guest_in_is_found() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        names_let_in(behind, call, "invite")
    }
    is_found(layer, DivergenceKind::Effect, "CS-28", "is `join` in room1");
}

#[test]
fn a_name_that_lets_a_removed_guest_in_is_found() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        names_let_in(behind, call, "leave")
    }
    is_found(layer, DivergenceKind::Effect, "CS-28", "is `join` in room1");
}

/// A kick removes a guest from every room.
fn kicks_are_everywhere(behind: &Behind, call: &Call) -> Reply {
    let reply = behind.forward(call);
    if call.is("POST", &["rooms", "", "kick"]) && reply.0 == 200 {
        let user = call.json()["user_id"].as_str().unwrap().to_owned();
        for room in behind.rooms() {
            if behind.membership(&room, &user).as_deref() == Some("join") {
                behind.kick(&room, &user);
            }
        }
    }
    reply
}

#[test]
fn a_kick_from_every_room_is_found() {
    is_found(kicks_are_everywhere, DivergenceKind::Effect, "CS-7", "is `leave` in room2");
}

/// A member who left is given only what was sent before.
fn former_members_preview_nothing(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["rooms", "", "messages"]) && reply.0 == 200 {
        let room = &call.segments[1];
        let user = behind.caller(call).unwrap();
        if behind.membership(room, &user).as_deref() == Some("leave") {
            let all = behind.as_creator(room, "messages?dir=b&limit=1000");
            let all = all["chunk"].as_array().unwrap();
            let later = all.iter().take_while(|event| event["state_key"] != *user);
            let later: Vec<_> = later.map(|event| event["event_id"].clone()).collect();
            let chunk = reply.1["chunk"].as_array_mut().unwrap();
            chunk.retain(|event| !later.contains(&event["event_id"]));
        }
    }
    reply
}

#[test]
fn a_former_member_who_reads_less_than_a_stranger_is_found() {
    let kind = DivergenceKind::Refusal;
    is_found(former_members_preview_nothing, kind, "HV-11", "does not give e1");
}

/// A sync gives the state of a left room as it is now.
fn left_rooms_have_the_state_of_now(behind: &Behind, call: &Call) -> Reply {
    let mut reply = behind.forward(call);
    if call.is("GET", &["sync"]) {
        for (room, left) in super::content::rooms(&mut reply.1, "leave") {
            left["state"]["events"] = behind.as_creator(room, "state");
        }
    }
    reply
}

#[test]
fn the_state_of_now_in_a_left_room_is_found() {
    let words = "gives in `rooms.leave.state` a state event";
    is_found(left_rooms_have_the_state_of_now, DivergenceKind::Leak, "CS-23", words);
}

/// The directory says of no room that it may be viewed, or that guests may join.
fn no_room_is_open(behind: &Behind, call: &Call, key: &str) -> Reply {
    changed(behind, call, &["publicRooms"], |directory| {
        for room in directory["chunk"].as_array_mut().unwrap() {
            room[key] = json!(false);
        }
    })
}

#[test]
fn an_open_room_that_the_directory_calls_closed_is_found() {
    fn unread(behind: &Behind, call: &Call) -> Reply {
        no_room_is_open(behind, call, "world_readable")
    }
    fn unjoined(behind: &Behind, call: &Call) -> Reply {
        no_room_is_open(behind, call, "guest_can_join")
    }
    let kind = DivergenceKind::Effect;
    is_found(unread, kind, "CS-47", "the directory is not right about `world_readable`");
    is_found(unjoined, kind, "CS-76", "the directory is not right about `guest_can_join`");
}

#[test]
fn a_directory_of_all_rooms_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        changed(behind, call, &["publicRooms"], |directory| {
            let entry = |room: String| json!({ "room_id": room, "num_joined_members": 1 });
            let all: Vec<Value> = behind.rooms().into_iter().map(entry).collect();
            directory["chunk"] = all.into();
        })
    }
    let words = "a room that is not published is not hidden";
    is_noticed_on(FURTHER, layer, "effect", "CS-80", words);
}
