//! The form of answers: of which kind each value is, and which keys have to be there.
//!
//! Whatever is compared of an answer is read from these places. A value of another kind would look like a
//! value that is missing. So such an answer is malformed, and its step is not compared.
//!
//! Nothing is read from the answers to other calls: that a call is allowed says everything. So they have no form.
//!
//! Keys that no form names are free. A key whose value is `null` counts as missing.

use serde_json::Value;

/// The form of a JSON value.
#[derive(Debug)]
enum Form {
    Text,
    Number,
    Flag,
    /// An object with these keys, and with others.
    Object(&'static [Key]),
    /// A list of values of one form.
    List(&'static Form),
    /// An object whose keys are ids, with values of one form.
    ById(&'static Form),
}

/// A key of an object.
#[derive(Debug)]
enum Key {
    /// The key has to be there.
    Due(&'static str, &'static Form),
    /// The key may be missing.
    May(&'static str, &'static Form),
}

use Form::{ById, Flag, List, Number, Object, Text};
use Key::{Due, May};

/// What the path of a fault says of an entry of a list, and of a value under an id.
const ANY: &str = "*";

const ANYTHING_BY_KEY: Form = Object(&[]);

const UNSIGNED: Form = Object(&[
    May("age", &Number),
    May("membership", &Text),
    May("prev_content", &ANYTHING_BY_KEY),
    May("m.relations", &ANYTHING_BY_KEY),
]);

/// An event that a room has.
const EVENT: Form = Object(&[
    Due("event_id", &Text),
    Due("type", &Text),
    May("sender", &Text),
    May("state_key", &Text),
    May("room_id", &Text),
    May("content", &ANYTHING_BY_KEY),
    May("origin_server_ts", &Number),
    May("unsigned", &UNSIGNED),
]);
const EVENTS: Form = List(&EVENT);
const EVENTS_OF_SYNC: Form = Object(&[May("events", &EVENTS)]);

/// An event without an id: in an excerpt of the state, of a device, or of an account.
const OTHER_EVENT: Form = Object(&[
    Due("type", &Text),
    May("sender", &Text),
    May("state_key", &Text),
    May("content", &ANYTHING_BY_KEY),
]);
const OTHER_EVENTS: Form = Object(&[May("events", &List(&OTHER_EVENT))]);

/// A page of a timeline.
const PAGE: Form = Object(&[
    Due("chunk", &EVENTS),
    May("start", &Text),
    May("end", &Text),
    May("state", &EVENTS),
    May("next_batch", &Text),
    May("prev_batch", &Text),
]);
const STREAM: Form =
    Object(&[Due("chunk", &List(&OTHER_EVENT)), May("start", &Text), May("end", &Text)]);
const CONTEXT: Form = Object(&[
    May("event", &EVENT),
    May("events_before", &EVENTS),
    May("events_after", &EVENTS),
    May("state", &EVENTS),
    May("start", &Text),
    May("end", &Text),
]);
const INITIAL_SYNC: Form = Object(&[
    Due("room_id", &Text),
    May("membership", &Text),
    May("messages", &PAGE),
    May("state", &EVENTS),
    May("visibility", &Text),
    May("account_data", &List(&OTHER_EVENT)),
]);
const EVENT_AT_TIME: Form = Object(&[Due("event_id", &Text), Due("origin_server_ts", &Number)]);
const JOINED_MEMBERS: Form = Object(&[Due(
    "joined",
    &ById(&Object(&[May("display_name", &Text), May("avatar_url", &Text)])),
)]);
const MEMBERS: Form = Object(&[Due("chunk", &EVENTS)]);

const TIMELINE_OF_SYNC: Form =
    Object(&[May("events", &EVENTS), May("limited", &Flag), May("prev_batch", &Text)]);
const ROOM_OF_SYNC: Form = Object(&[
    May("timeline", &TIMELINE_OF_SYNC),
    May("state", &EVENTS_OF_SYNC),
    May("state_after", &EVENTS_OF_SYNC),
    May("ephemeral", &OTHER_EVENTS),
    May("account_data", &OTHER_EVENTS),
]);
const SYNC: Form = Object(&[
    Due("next_batch", &Text),
    May(
        "rooms",
        &Object(&[
            May("join", &ById(&ROOM_OF_SYNC)),
            May("leave", &ById(&ROOM_OF_SYNC)),
            May("invite", &ById(&Object(&[May("invite_state", &OTHER_EVENTS)]))),
            May("knock", &ById(&Object(&[May("knock_state", &OTHER_EVENTS)]))),
        ]),
    ),
    May("to_device", &OTHER_EVENTS),
    May("account_data", &OTHER_EVENTS),
    May("presence", &OTHER_EVENTS),
]);

/// What a directory, a hierarchy and a summary say of a room.
const ROOM_ENTRY: Form = Object(&[
    Due("room_id", &Text),
    May("world_readable", &Flag),
    May("guest_can_join", &Flag),
    May("num_joined_members", &Number),
    May("name", &Text),
    May("topic", &Text),
    May("join_rule", &Text),
    May("canonical_alias", &Text),
    May("membership", &Text),
    May("children_state", &List(&OTHER_EVENT)),
]);
const DIRECTORY: Form = Object(&[
    Due("chunk", &List(&ROOM_ENTRY)),
    May("next_batch", &Text),
    May("prev_batch", &Text),
    May("total_room_count_estimate", &Number),
]);
const HIERARCHY: Form = Object(&[Due("rooms", &List(&ROOM_ENTRY)), May("next_batch", &Text)]);
const ALIAS: Form = Object(&[May("room_id", &Text), May("servers", &List(&Text))]);
const PUBLISHED: Form = Object(&[May("visibility", &Text)]);
const ALIASES: Form = Object(&[Due("aliases", &List(&Text))]);

const PROFILE: Form = Object(&[May("displayname", &Text), May("avatar_url", &Text)]);
const WHOAMI: Form =
    Object(&[Due("user_id", &Text), May("device_id", &Text), May("is_guest", &Flag)]);
const ACCOUNT: Form =
    Object(&[Due("user_id", &Text), May("access_token", &Text), May("device_id", &Text)]);
const UPLOADED: Form = Object(&[Due("content_uri", &Text)]);
const STATE_CONTENT: Form = ANYTHING_BY_KEY;

/// The calls whose allowed answers have a form, with the form.
const FORMS: [(&str, &Form); 28] = [
    ("GET /rooms/{roomId}/messages", &PAGE),
    ("GET /rooms/{roomId}/relations/{eventId}", &PAGE),
    ("GET /rooms/{roomId}/relations/{eventId}/{relType}", &PAGE),
    ("GET /rooms/{roomId}/relations/{eventId}/{relType}/{eventType}", &PAGE),
    ("GET /rooms/{roomId}/threads", &PAGE),
    ("GET /rooms/{roomId}/timestamp_to_event", &EVENT_AT_TIME),
    ("GET /events", &STREAM),
    ("GET /rooms/{roomId}/context/{eventId}", &CONTEXT),
    ("GET /rooms/{roomId}/event/{eventId}", &EVENT),
    ("GET /rooms/{roomId}/initialSync", &INITIAL_SYNC),
    ("GET /rooms/{roomId}/joined_members", &JOINED_MEMBERS),
    ("GET /rooms/{roomId}/members", &MEMBERS),
    ("GET /rooms/{roomId}/state", &EVENTS),
    ("GET /rooms/{roomId}/state/{eventType}/{stateKey}", &STATE_CONTENT),
    ("GET /sync", &SYNC),
    ("GET /publicRooms", &DIRECTORY),
    ("POST /publicRooms", &DIRECTORY),
    ("GET /rooms/{roomId}/hierarchy", &HIERARCHY),
    ("GET /room_summary/{roomIdOrAlias}", &ROOM_ENTRY),
    ("GET /directory/room/{roomAlias}", &ALIAS),
    ("GET /directory/list/room/{roomId}", &PUBLISHED),
    ("GET /rooms/{roomId}/aliases", &ALIASES),
    ("GET /profile/{userId}", &PROFILE),
    ("GET /profile/{userId}/{keyName}", &PROFILE),
    ("GET /account/whoami", &WHOAMI),
    ("POST /register", &ACCOUNT),
    ("POST /login", &ACCOUNT),
    ("POST /_matrix/media/v3/upload", &UPLOADED),
];

/// What is wrong with the form of an allowed answer to this call. The text quotes nothing of the answer.
pub(super) fn form_fault(call: &str, answer: &Value) -> Option<String> {
    let (_, form) = FORMS.iter().find(|(known, _)| *known == call)?;
    form.fault(answer, &mut Vec::new())
}

impl Form {
    /// The first fault of a value at this path.
    fn fault(&self, value: &Value, path: &mut Vec<&'static str>) -> Option<String> {
        let due = match (self, value) {
            (Text, Value::String(_)) | (Number, Value::Number(_)) | (Flag, Value::Bool(_)) => {
                return None;
            }
            (List(form), Value::Array(values)) => {
                return values.iter().find_map(|value| form.fault_at(ANY, value, path));
            }
            (ById(form), Value::Object(values)) => {
                return values.values().find_map(|value| form.fault_at(ANY, value, path));
            }
            (Object(keys), Value::Object(fields)) => {
                return keys.iter().find_map(|key| {
                    let (Due(name, form) | May(name, form)) = key;
                    match fields.get(*name).filter(|value| !value.is_null()) {
                        Some(value) => form.fault_at(name, value, path),
                        None if matches!(key, Due(..)) => {
                            Some(format!("{} lacks the key `{name}`", place(path)))
                        }
                        None => None,
                    }
                });
            }
            (Text, _) => "a text",
            (Number, _) => "a number",
            (Flag, _) => "true or false",
            (List(_), _) => "a list",
            (Object(_) | ById(_), _) => "an object",
        };
        Some(format!("{} is {}, and has to be {due}", place(path), kind(value)))
    }

    fn fault_at(
        &self,
        name: &'static str,
        value: &Value,
        path: &mut Vec<&'static str>,
    ) -> Option<String> {
        path.push(name);
        let fault = self.fault(value, path);
        path.pop();
        fault
    }
}

fn place(path: &[&str]) -> String {
    if path.is_empty() { "the answer".to_owned() } else { format!("`{}`", path.join(".")) }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::endpoint::EndpointId;
    use serde_json::{Map, json};

    use super::*;

    /// A value of this form, with every key.
    fn example(form: &Form) -> Value {
        match form {
            Text => json!("text"),
            Number => json!(7),
            Flag => json!(true),
            List(form) => json!([example(form)]),
            ById(form) => json!({ "!id:s": example(form) }),
            Object(keys) => {
                let keys = keys
                    .iter()
                    .map(|(Due(name, form) | May(name, form))| ((*name).to_owned(), example(form)));
                Value::Object(keys.collect::<Map<_, _>>())
            }
        }
    }

    /// The pointers to the values of this form in its example, each with its kind.
    fn places(form: &Form, at: &str, found: &mut Vec<(String, &'static str)>) {
        found.push((at.to_owned(), kind(&example(form))));
        match form {
            Text | Number | Flag => {}
            List(form) => places(form, &format!("{at}/0"), found),
            ById(form) => places(form, &format!("{at}/!id:s"), found),
            Object(keys) => {
                for key in *keys {
                    let (Due(name, form) | May(name, form)) = key;
                    places(form, &format!("{at}/{name}"), found);
                }
            }
        }
    }

    #[test]
    fn a_value_of_another_kind_is_told_wherever_it_stands() {
        let others = [json!(true), json!(7), json!("text"), json!([]), json!({})];
        let mut tried = 0;
        for (call, form) in FORMS {
            let whole = example(form);
            assert_eq!(form_fault(call, &whole), None, "{call}: {whole}");
            let mut found = Vec::new();
            places(form, "", &mut found);
            for (at, is) in found {
                for other in others.iter().filter(|other| kind(other) != is) {
                    let mut answer = whole.clone();
                    *answer.pointer_mut(&at).unwrap() = other.clone();
                    let fault = form_fault(call, &answer).unwrap();
                    assert!(fault.contains(&format!(" is {}, ", kind(other))), "{at}: {fault}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 1_000, "{tried}");
    }

    #[test]
    fn a_missing_key_is_told_only_where_it_is_due() {
        let event = json!({ "event_id": "$e", "type": "t" });
        let of = |event: Value| form_fault("GET /rooms/{roomId}/state", &json!([event]));
        assert_eq!(of(event), None);
        assert_eq!(of(json!({ "event_id": "$e", "type": "t", "state_key": null })), None);
        let fault = of(json!({ "type": "t" })).unwrap();
        assert_eq!(fault, "`*` lacks the key `event_id`");
        let sync = json!({ "next_batch": "x", "rooms": { "join": { "!r:s": 7 } } });
        let fault = form_fault("GET /sync", &sync).unwrap();
        assert_eq!(fault, "`rooms.join.*` is a number, and has to be an object");
    }

    #[test]
    fn every_answer_with_content_of_rooms_has_a_form() {
        for (call, _) in FORMS {
            assert!(EndpointId::find(call).is_some(), "{call}");
        }
        for endpoint in EndpointId::all().filter(|endpoint| endpoint.get().gives.is_some()) {
            let has_form = FORMS.iter().any(|(call, _)| *call == endpoint.get().id);
            assert!(has_form, "{endpoint}");
        }
    }
}
