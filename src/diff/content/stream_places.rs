//! The places in a timeline for which the tokens of syncs stand.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_rules::endpoint::Gives;
use ruma::OwnedUserId;
use serde_json::Value;

use crate::subject::server::{ReadAnswer, RoomTimeline};

use super::places::Places;

/// The tokens that readers were given by syncs.
#[derive(Debug, Default)]
pub(super) struct StreamPlaces<'a> {
    /// The actions whose syncs ended at a place in the stream, by the reader and the token.
    ends: BTreeMap<(OwnedUserId, &'a str), usize>,
    /// The first events of the timelines in syncs, by the reader and the token for the place before.
    first_events: BTreeMap<(OwnedUserId, &'a str), &'a str>,
    /// The joined rooms in the syncs that ended at a place, by the reader and the token.
    joined: BTreeMap<(OwnedUserId, &'a str), &'a Value>,
}

impl<'a> StreamPlaces<'a> {
    /// The tokens in these answers.
    pub(super) fn of(answers: &'a [ReadAnswer]) -> Self {
        let mut places = Self::default();
        for answer in answers.iter().filter(|it| it.endpoint.get().gives == Some(Gives::Sync)) {
            let key = |token| (answer.reader.clone(), token);
            if let Some(token) = answer.body["next_batch"].as_str() {
                places.ends.insert(key(token), answer.action);
                places.joined.insert(key(token), &answer.body["rooms"]["join"]);
            }
            // Only the timeline of a first sync that leaves out earlier events has a place before it. Synapse
            // 1.163.2 names another place in other syncs.
            let is_first = answer.request.parameter("since").is_none();
            let rooms = answer.body["rooms"]["join"].as_object().filter(|_| is_first);
            let timelines = rooms.into_iter().flatten().map(|(_, room)| &room["timeline"]);
            for timeline in timelines.filter(|timeline| timeline["limited"] == true) {
                let first = timeline["events"][0]["event_id"].as_str();
                if let (Some(token), Some(first)) = (timeline["prev_batch"].as_str(), first) {
                    places.first_events.insert(key(token), first);
                }
            }
        }
        places
    }

    /// How long the timeline was, at most, at the place from which a sync goes on; `None` for other answers.
    pub(super) fn since(&self, answer: &ReadAnswer, places: &Places) -> Option<usize> {
        let since = answer.request.parameter("since")?;
        let action = self.ends.get(&(answer.reader.clone(), since))?;
        Some(*places.at(*action).end())
    }

    /// The places of the events in the timeline of a joined room that the sync before gave in this timeline
    /// too. A reader that joined anew is given the timeline anew.
    pub(super) fn repeated(&self, answer: &ReadAnswer, timeline: &RoomTimeline) -> Vec<usize> {
        let ids = |joined: &'a Value| {
            let events = joined[timeline.id.as_str()]["timeline"]["events"].as_array();
            events.into_iter().flatten().filter_map(|event| event["event_id"].as_str())
        };
        let since = answer.request.parameter("since");
        let earlier = since.and_then(|since| self.joined.get(&(answer.reader.clone(), since)));
        let given: BTreeSet<&str> = earlier.into_iter().flat_map(|joined| ids(joined)).collect();
        let now =
            answer.body["rooms"]["join"][timeline.id.as_str()]["timeline"]["events"].as_array();
        let now = now.into_iter().flatten().filter_map(|event| event["event_id"].as_str());
        let places: Vec<_> =
            now.filter_map(|id| Some((id, timeline.place_of(id.try_into().ok()?)?))).collect();
        let is_own = |(_, place): &(&str, usize)| {
            timeline.events[*place].is_state("m.room.member", answer.reader.as_str())
        };
        if places.iter().any(is_own) {
            return Vec::new();
        }
        places.into_iter().filter(|(id, _)| given.contains(id)).map(|(_, place)| place).collect()
    }

    /// How long the timeline was at the place for which the request asks by `at`; `None` if the request asks
    /// for no place, or not for one that a sync gave, or for one before the session: the state at its
    /// beginning has no order.
    pub(super) fn at(&self, answer: &ReadAnswer, timeline: &RoomTimeline) -> Option<usize> {
        let at = answer.request.parameter("at")?;
        let first = self.first_events.get(&(answer.reader.clone(), at))?;
        timeline.place_of((*first).try_into().ok()?).filter(|place| *place >= timeline.start)
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::endpoint::{EndpointId, KNOWN};
    use serde_json::json;

    use super::*;
    use crate::subject::server::Request;

    fn answer(request: Request, body: Value) -> ReadAnswer {
        let endpoint = EndpointId::find(request.call).unwrap();
        ReadAnswer { action: 0, reader: "@reader:s".try_into().unwrap(), endpoint, request, body }
    }

    /// The answer to a first sync that gives the event after the place `token`.
    fn sync(token: &str, event: &str, limited: bool) -> ReadAnswer {
        let events = json!([{ "event_id": event }]);
        let timeline = json!({ "events": events, "prev_batch": token, "limited": limited });
        let rooms = json!({ "join": { "!room:s": { "timeline": timeline } } });
        let sync = EndpointId::find("GET /sync").unwrap();
        answer(Request::to(sync, []), json!({ "rooms": rooms, "next_batch": "end" }))
    }

    #[test]
    fn only_a_place_in_the_timeline_of_the_session_is_known() {
        let event = |id: &str| {
            let event = json!({
                "event_id": id, "sender": "@u:s", "type": "m.room.name", "content": {},
            });
            serde_json::from_value(event).unwrap()
        };
        let timeline = RoomTimeline {
            id: "!room:s".try_into().unwrap(),
            events: ["$state", "$other", "$first", "$second"].map(event).to_vec(),
            start: 2,
        };
        let answers = [
            sync("before the session", "$other", true),
            sync("in the timeline", "$second", true),
            sync("of a whole timeline", "$first", false),
        ];
        let stream = StreamPlaces::of(&answers);
        let at = |token: &str| {
            let request = Request::to(KNOWN.members, ["!room:s"]).query("at", token);
            stream.at(&answer(request, json!({})), &timeline)
        };
        assert_eq!(at("in the timeline"), Some(3));
        for token in ["before the session", "of a whole timeline", "of nobody"] {
            assert_eq!(at(token), None, "{token}");
        }
    }
}
