//! The events in an answer, section by section.

use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use ruma::OwnedEventId;
use serde_json::Value;

use crate::subject::server::{ReadAnswer, RoomTimeline};

use super::event_fields::EventFields;

/// An event in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GivenEvent {
    /// The section: the keys that lead to the event, without the id of the room.
    pub(super) section: String,
    pub(super) id: OwnedEventId,
    pub(super) content: Value,
    /// The content of the state event that this one replaced, if the answer has it.
    pub(super) previous: Option<Value>,
    pub(super) fields: EventFields,
}

impl GivenEvent {
    /// The section of the content of events in this section.
    pub(super) fn content_section(&self) -> String {
        format!("{}.content", self.section).trim_start_matches('.').to_owned()
    }
}

/// The name of the section that is the whole answer: the state, for an endpoint that gives state.
fn whole(endpoint: EndpointId) -> &'static str {
    match endpoint.get().gives {
        Some(Gives::State | Gives::Members) => "state",
        _ => "",
    }
}

/// The events in an answer.
pub(super) fn given(answer: &ReadAnswer) -> Vec<GivenEvent> {
    let mut given = Vec::new();
    let mut path = Vec::new();
    collect(&answer.body, &mut path, answer.endpoint, &mut given);
    given
}

fn collect<'a>(
    value: &'a Value,
    path: &mut Vec<&'a str>,
    endpoint: EndpointId,
    given: &mut Vec<GivenEvent>,
) {
    match value {
        Value::Array(values) => {
            for value in values {
                collect(value, path, endpoint, given);
            }
        }
        Value::Object(fields) => {
            let text = |key: &str| fields.get(key).and_then(Value::as_str);
            if let (Some(id), Some(_)) = (text("event_id"), text("type")) {
                let id = OwnedEventId::try_from(id);
                let content = fields.get("content").cloned().unwrap_or_default();
                let section = section(path, endpoint);
                let unsigned = fields.get("unsigned");
                let previous = unsigned.and_then(|unsigned| unsigned.get("prev_content"));
                let previous = previous.filter(|content| content.is_object()).cloned();
                let fields = EventFields::of(fields);
                given.extend(id.map(|id| GivenEvent { section, id, content, previous, fields }));
                // A homeserver aggregates the relations of an event: the newest event of a thread.
                if let Some(relations) = unsigned.and_then(|unsigned| unsigned.get("m.relations")) {
                    path.push("unsigned");
                    collect(relations, path, endpoint, given);
                    path.pop();
                }
                return;
            }
            for (key, value) in fields {
                path.push(key);
                collect(value, path, endpoint, given);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The stripped events of a room in a sync, each with its section. They have no event id.
pub(super) fn stripped<'a>(
    answer: &'a ReadAnswer,
    room: &'a str,
) -> impl Iterator<Item = (&'static str, &'a Value)> {
    const SECTIONS: [(&str, &str, &str); 2] = [
        ("invite", "invite_state", "rooms.invite.invite_state"),
        ("knock", "knock_state", "rooms.knock.knock_state"),
    ];
    SECTIONS.into_iter().flat_map(move |(membership, list, section)| {
        let events = &answer.body["rooms"][membership][room][list]["events"];
        events.as_array().into_iter().flatten().map(move |event| (section, event))
    })
}

/// The name of the section at this path.
fn section(path: &[&str], endpoint: EndpointId) -> String {
    // An id of a room stands in the path of a sync, and `chunk` and `events` say nothing by themselves.
    let keys = path.iter().filter(|key| !key.starts_with('!'));
    let keys: Vec<_> = keys.copied().filter(|key| !matches!(*key, "chunk" | "events")).collect();
    if keys.is_empty() { whole(endpoint).to_owned() } else { keys.join(".") }
}

/// Whether the pages of one direction reach the end of the timeline: no page follows, or they hold the
/// oldest event (backwards) or the newest (forwards).
pub(super) fn is_whole_timeline(pages: &[&ReadAnswer], oldest: &str, newest: &str) -> bool {
    let holds =
        |id: &str| pages.iter().flat_map(|page| given(page)).any(|event| event.id.as_str() == id);
    let Some(last) = pages.last() else { return false };
    let is_limited = last.body.get("end").is_some_and(|end| !end.is_null());
    let is_empty = last.body["chunk"].as_array().is_some_and(Vec::is_empty);
    let is_backwards = last.request.parameter("dir") == Some("b");
    !is_limited
        || is_empty && last.body["end"] == last.body["start"]
        || holds(if is_backwards { oldest } else { newest })
}

/// Whether an answer is a first sync that asks for this room.
pub(super) fn is_first_sync(answer: &ReadAnswer, room: &RoomTimeline) -> bool {
    let rooms = &sync_filter(answer)["room"]["rooms"];
    answer.endpoint.get().gives == Some(Gives::Sync)
        && answer.request.parameter("since").is_none()
        && rooms.as_array().is_none_or(|rooms| rooms.iter().any(|id| *id == room.id.as_str()))
}

/// The filter of a sync.
pub(super) fn sync_filter(answer: &ReadAnswer) -> Value {
    let filter = answer.request.parameter("filter").unwrap_or_default();
    serde_json::from_str(filter).unwrap_or_default()
}

/// What a sync gives of a room in this section of its `rooms`, if it lists the room there.
pub(super) fn listed_room<'a>(
    answer: &'a ReadAnswer,
    section: &str,
    room: &RoomTimeline,
) -> Option<&'a Value> {
    let rooms = section.split('.').fold(&answer.body, |body, key| &body[key]);
    Some(&rooms[room.id.as_str()]).filter(|room| room.is_object())
}

/// Whether an answer is about this room alone.
pub(super) fn is_about(answer: &ReadAnswer, timeline: &RoomTimeline) -> bool {
    answer.request.segments().any(|segment| segment == timeline.id.as_str())
}

/// The pages of all messages among these answers that were read in this direction.
pub(super) fn pages<'a>(answers: &[&'a ReadAnswer], direction: &str) -> Vec<&'a ReadAnswer> {
    let is_page = |answer: &&&ReadAnswer| {
        answer.endpoint == KNOWN.messages
            && answer.request.parameter("dir") == Some(direction)
            && answer.request.parameter("filter").is_none()
    };
    answers.iter().filter(is_page).copied().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::subject::server::Request;

    fn answer(endpoint: EndpointId, body: Value) -> ReadAnswer {
        let reader = "@reader:s".try_into().unwrap();
        let request = Request::to(endpoint, ["!room:s"]).query("dir", "b");
        ReadAnswer { action: 0, reader, endpoint, request, body }
    }

    fn sections(endpoint: EndpointId, body: Value) -> Vec<(String, String)> {
        let given = given(&answer(endpoint, body)).into_iter();
        given.map(|event| (event.section, event.id.to_string())).collect()
    }

    #[test]
    fn each_event_has_the_section_in_which_it_stands() {
        let event = |id: &str| json!({ "event_id": id, "type": "m.room.name" });
        let redacted = json!({ "event_id": "$a", "type": "t", "unsigned": { "by": event("$x") } });
        let sync = EndpointId::find("GET /sync").unwrap();
        let room =
            json!({ "timeline": { "events": [redacted] }, "state": { "events": [event("$b")] } });
        let body = json!({ "rooms": { "leave": { "!room:s": room } }, "next_batch": "x" });
        let expected = [("rooms.leave.state", "$b"), ("rooms.leave.timeline", "$a")];
        assert_eq!(sections(sync, body), expected.map(|(s, id)| (s.to_owned(), id.to_owned())));
        let members = sections(KNOWN.members, json!({ "chunk": [event("$m")] }));
        assert_eq!(members, [("state".to_owned(), "$m".to_owned())]);
    }

    #[test]
    fn pages_are_whole_at_the_end_of_the_timeline() {
        let page = |body| answer(KNOWN.messages, body);
        let event = json!({ "event_id": "$create", "type": "m.room.create" });
        for (body, expected) in [
            (json!({ "chunk": [], "start": "a" }), true),
            (json!({ "chunk": [], "start": "a", "end": "a" }), true),
            (json!({ "chunk": [], "start": "a", "end": "b" }), false),
            (json!({ "chunk": [event], "start": "a", "end": "b" }), true),
        ] {
            assert_eq!(is_whole_timeline(&[&page(body)], "$create", "$newest"), expected);
        }
    }
}
