//! The events in the response of one call that reads.

use guest_access_rules::endpoint::{EndpointId, Gives};
use serde::Deserialize;
use serde_json::Value;

use super::error::ServerError;
use super::requests::NOTE;
use super::response::Response;

/// The fields of an event that matter here.
#[derive(Debug, Deserialize)]
struct ListedEvent {
    event_id: String,
    #[serde(rename = "type", default)]
    kind: String,
}

/// A homeserver may give fewer events than the request asks for. It gives at least so many, if there
/// are so many.
const LEAST_PAGE: usize = 20;

/// The ids of the events in the response to a read, and whether the response holds all events that the
/// caller may read. `room` is the room of a sync; `about` is the event that the request names.
pub(super) fn listed_events(
    endpoint: EndpointId,
    response: &Response,
    room: &str,
    about: Option<&str>,
) -> Result<(Option<Vec<String>>, bool), ServerError> {
    let answer: Value = response.json()?;
    let timeline = |events: &Value| ids(events, |_| true);
    let state = |events: &Value| ids(events, |event| event.kind == NOTE);
    Ok(match endpoint.get().gives {
        Some(Gives::Timeline) => (Some(timeline(&answer["chunk"])), answer.get("end").is_none()),
        Some(Gives::InitialSync) => {
            let page = &answer["messages"];
            let listed = [timeline(&page["chunk"]), state(&answer["state"])].concat();
            // The homeserver gives the end of a page even where no earlier page exists.
            let events = page["chunk"].as_array().map_or(0, Vec::len);
            (Some(listed), events < LEAST_PAGE)
        }
        Some(Gives::Stream) => (Some(timeline(&answer["chunk"])), false),
        Some(Gives::State) => (Some(state(&answer)), true),
        Some(Gives::Event) => {
            let event = answer.get("event").unwrap_or(&answer);
            let id = event["event_id"].as_str().map(str::to_owned);
            (Some(id.into_iter().collect()), true)
        }
        Some(Gives::StateEvent) => (Some(about.into_iter().map(str::to_owned).collect()), true),
        Some(Gives::Sync) => {
            let room = &answer["rooms"]["join"][room];
            // A state event stands in one of two lists.
            let listed = [
                timeline(&room["timeline"]["events"]),
                state(&room["state"]["events"]),
                state(&room["state_after"]["events"]),
            ];
            (Some(listed.concat()), room["timeline"]["limited"].as_bool() != Some(true))
        }
        Some(Gives::Members) | None => (None, false),
    })
}

/// The ids of the events in a list that `counts` accepts.
fn ids(events: &Value, counts: impl Fn(&ListedEvent) -> bool) -> Vec<String> {
    let events = events.as_array().map(Vec::as_slice).unwrap_or_default();
    let events = events.iter().filter_map(|event| ListedEvent::deserialize(event).ok());
    events.filter(counts).map(|event| event.event_id).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(id: &str, body: &Value) -> (Option<Vec<String>>, bool) {
        let body = body.to_string().into_bytes();
        let response = Response { call: id.to_owned(), status: 200, body };
        listed_events(EndpointId::find(id).unwrap(), &response, "!r:s", Some("$about")).unwrap()
    }

    fn list(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_timeline_is_whole_where_no_page_follows() {
        let messages = "GET /rooms/{roomId}/messages";
        let event = json!({ "event_id": "$a", "type": "m.room.message" });
        let page = json!({ "chunk": [event, 7], "end": "t1" });
        assert_eq!(listed(messages, &page), (Some(list(&["$a"])), false));
        assert_eq!(listed(messages, &json!({ "chunk": [event] })), (Some(list(&["$a"])), true));
    }

    #[test]
    fn of_the_state_only_notes_are_listed() {
        let note = json!({ "event_id": "$note", "type": NOTE });
        let member = json!({ "event_id": "$member", "type": "m.room.member" });
        let state = json!([note, member]);
        assert_eq!(listed("GET /rooms/{roomId}/state", &state), (Some(list(&["$note"])), true));
        let room = json!({ "timeline": { "events": [member], "limited": true },
            "state": { "events": [note] } });
        let sync = json!({ "rooms": { "join": { "!r:s": room } } });
        assert_eq!(listed("GET /sync", &sync), (Some(list(&["$member", "$note"])), false));
    }

    #[test]
    fn a_list_of_members_lists_no_events() {
        assert_eq!(listed("GET /rooms/{roomId}/members", &json!({ "chunk": [] })), (None, false));
    }
}
