//! The JSON Schema of rules files. Editors complete and check a rules file by the schema.

use std::collections::BTreeSet;
use std::fmt::Display;

use guest_access_rules::clause::{CLAUSES, Force, READINGS};
use guest_access_rules::decision_point::{POINTS, Point};
use guest_access_rules::endpoint::{Auth, Changes, EndpointId};
use guest_access_rules::guarantee::{
    ActorKind, Bound, GuaranteeId, MembershipAtEvent, OperationKind,
};
use guest_access_rules::key::{Key, KeyValue};
use guest_access_rules::profile::Condition;
use guest_access_rules::rules::{CLAUSE_ID, GUARANTEE_ID, READING_ID};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership};
use serde_json::{Map, Value, json};

/// The JSON Schema of rules files, published as `schema/rules.json`. The words are those of
/// `rules --vocabulary`.
///
/// The schema accepts every rules file that the program reads. It also accepts some that the program
/// refuses, such as a file that extends a file which does not exist.
pub fn schema() -> Value {
    let mut schema = entry(Key::top(), None);
    let top = [
        // The newest draft that taplo knows.
        ("$schema", "http://json-schema.org/draft-07/schema#"),
        ("title", "Rules"),
        ("description", "The rules of a revision or of a proposal, for `guest-access`."),
    ];
    for (key, text) in top {
        schema[key] = json!(text);
    }
    schema["definitions"] = json!({
        "auth": one_of(Auth::ALL.iter().map(|auth| auth.as_str())),
        "changes": one_of(Changes::ALL.iter().map(|changes| changes.as_str())),
        "clause": or_declared(&one_of(CLAUSES.iter().map(|clause| clause.id)), CLAUSE_ID),
        "condition": one_of(Condition::ALL.iter().map(|condition| condition.as_str())),
        "endpoint": endpoint(),
        "guarantee": or_declared(
            &one_of(GuaranteeId::all().map(|guarantee| guarantee.get().id)),
            GUARANTEE_ID,
        ),
        "reading": or_declared(&one_of(READINGS.iter().map(|reading| reading.id)), READING_ID),
    });
    schema
}

/// A word of one of the definitions.
fn word(definition: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{definition}") })
}

/// A table with these keys; an entry about `point`, if one is named.
fn entry(keys: impl Iterator<Item = &'static Key>, point: Option<&Point>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for key in keys {
        let mut value = value(key, point);
        value["description"] = json!(key.means);
        properties.insert(key.name_in_entry().to_owned(), value);
        required.extend(key.is_required.then_some(key.name_in_entry()));
    }
    let mut entry =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        entry["required"] = json!(required);
    }
    entry
}

/// The values of a key.
fn value(key: &'static Key, point: Option<&Point>) -> Value {
    match key.value {
        KeyValue::Text => json!({ "type": "string" }),
        KeyValue::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        KeyValue::Date => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
        KeyValue::Endpoint => word("endpoint"),
        KeyValue::Path => json!({ "type": "string", "pattern": "^/_matrix/" }),
        KeyValue::Auth => word("auth"),
        KeyValue::Changes => list(&word("changes")),
        KeyValue::Conditions => list(&word("condition")),
        KeyValue::Guarantee => word("guarantee"),
        KeyValue::Reading => word("reading"),
        KeyValue::Clauses => list(&word("clause")),
        KeyValue::Force => words(Force::ALL),
        KeyValue::ClauseId => id(CLAUSE_ID),
        KeyValue::ReadingId => id(READING_ID),
        KeyValue::GuaranteeId => id(GUARANTEE_ID),
        KeyValue::Actor => words(ActorKind::ALL),
        KeyValue::Actions => {
            situation(&json!({ "anyOf": [words(OperationKind::ALL), word("endpoint")] }))
        }
        KeyValue::Bound => words(Bound::ALL),
        KeyValue::Memberships => situation(&words(Membership::ALL)),
        KeyValue::MembershipsAtEvent => situation(&words(MembershipAtEvent::ALL)),
        KeyValue::GuestAccesses => situation(&words(GuestAccess::ALL)),
        KeyValue::HistoryVisibilities => situation(&words(HistoryVisibility::ALL)),
        KeyValue::JoinRules => situation(&words(JoinRule::ALL)),
        KeyValue::PointOption => option(point),
        KeyValue::PointOptions => list(&option(point)),
        KeyValue::Entries => list(&entry(key.keys_of_an_entry(), None)),
        KeyValue::Points => points(key),
    }
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    json!({ "enum": words.collect::<Vec<_>>() })
}

/// Each of these words.
fn words<T: Display>(all: &[T]) -> Value {
    json!({ "enum": all.iter().map(ToString::to_string).collect::<Vec<_>>() })
}

/// An id of this pattern.
fn id(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// One of the known words, or an id that a file declares.
fn or_declared(known: &Value, pattern: &str) -> Value {
    json!({ "anyOf": [known, id(pattern)] })
}

/// A list of at least one item.
fn situation(items: &Value) -> Value {
    json!({ "type": "array", "items": items, "minItems": 1 })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// An endpoint of the specification, or one that a file declares. A path may be written as a whole, with
/// other names of its parameters.
fn endpoint() -> Value {
    let known: BTreeSet<String> = EndpointId::all().map(|endpoint| endpoint.to_string()).collect();
    let any = json!({ "type": "string", "pattern": "^([A-Za-z]+ +)?/" });
    json!({ "anyOf": [{ "enum": known }, any] })
}

/// Each option of the point, with its meaning.
fn option(point: Option<&Point>) -> Value {
    let options = point.map_or(&[][..], |point| point.options);
    let options = options.iter().map(|o| json!({ "const": o.id, "description": o.means() }));
    json!({ "oneOf": options.collect::<Vec<_>>() })
}

fn points(key: &'static Key) -> Value {
    let points = POINTS.iter().map(|point| {
        let mut entry = entry(key.keys_of_an_entry(), Some(point));
        entry["description"] = json!(point.question());
        // Exactly one of the three says what the answer is.
        let one = ["required", "default", "silent"].map(|key| json!({ "required": [key] }));
        entry["oneOf"] = json!(one);
        (point.id.to_owned(), entry)
    });
    let properties: Map<_, _> = points.collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}
