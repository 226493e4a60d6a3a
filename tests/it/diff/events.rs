//! Homeservers that say of an event, besides its content, what is not so. And neighbours that the texts permit.

use serde_json::{Value, json};

use super::facts::{LIFE, changed, is_noticed, report_on};
use super::layer::{Behind, Call, Reply};

/// The messages that guests read, with another value in a field of each event.
fn with_field(behind: &Behind, call: &Call, change: fn(&mut Value)) -> Reply {
    changed(behind, call, &["rooms", "", "messages"], |messages| {
        messages["chunk"].as_array_mut().unwrap().iter_mut().for_each(change);
    })
}

#[test]
fn events_with_another_sender_are_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        with_field(behind, call, |event| event["sender"] = json!("@somebody:reference"))
    }
    is_noticed(layer, "effect", "CS-79", "gives in `sender` another value than the event has");
}

#[test]
fn events_of_another_type_are_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        with_field(behind, call, |event| event["type"] = json!("m.room.message"))
    }
    is_noticed(layer, "effect", "CS-79", "gives in `type` another value than the event has");
}

#[test]
fn state_events_without_a_state_key_are_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        with_field(behind, call, |event| {
            event.as_object_mut().unwrap().remove("state_key");
        })
    }
    is_noticed(layer, "effect", "CS-79", "gives in `state_key` another value than the event has");
}

#[test]
fn messages_that_are_stored_under_another_type_are_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        let target = call.target.replace("/send/m.room.message/", "/send/org.example.other/");
        behind.forward(&Call { target, ..call.clone() })
    }
    let words = "and the event is not stored under its type and its state key";
    is_noticed(layer, "effect", "CS-79", words);
}

#[test]
fn an_untrue_membership_at_an_event_is_noticed() {
    fn layer(behind: &Behind, call: &Call) -> Reply {
        with_field(behind, call, |event| event["unsigned"]["membership"] = json!("join"))
    }
    let words = "names in `unsigned.membership` another membership than that of the reader";
    is_noticed(layer, "effect", "CS-78", words);
}

/// The events that guests read, with the membership of the reader at each.
fn memberships_are_told(behind: &Behind, call: &Call) -> Reply {
    let reader = behind.caller(call).unwrap_or_default();
    changed(behind, call, &["rooms", "", "messages"], |messages| {
        let all = behind.as_creator(&call.segments[1], "messages?dir=f&limit=1000");
        let all = all["chunk"].as_array().unwrap();
        for event in messages["chunk"].as_array_mut().unwrap() {
            let place = all.iter().position(|known| known["event_id"] == event["event_id"]);
            let own = all[..=place.unwrap()].iter().rev();
            let own = own.filter(|event| event["type"] == "m.room.member");
            let own = own.filter(|event| event["state_key"] == *reader).take(1);
            let mut own = own.map(|event| event["content"]["membership"].clone());
            event["unsigned"]["membership"] = own.next().unwrap_or_else(|| json!("leave"));
        }
    })
}

#[test]
fn the_membership_at_an_event_may_be_told() {
    let (code, report) = report_on(LIFE, memberships_are_told);
    assert_eq!(code, Some(0), "{report:#}");
    let sections = report["coverage"].to_string();
    assert!(sections.contains("unsigned.membership"), "{sections}");
}
