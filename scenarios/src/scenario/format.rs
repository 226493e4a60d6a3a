//! A step as JSON, and the action of the model that it stands for. Either converts to the other without
//! loss.

mod reading;
mod writing;

use guest_access_model::action::Says;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Expect;

/// A step as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a step, which is an object")]
#[schemars(rename = "Step")]
pub(super) struct StepEntry {
    /// The actor that takes the step.
    #[serde(rename = "as")]
    #[schemars(schema_with = "super::schema::actor")]
    pub(super) by: String,
    /// A verb, or the endpoint that the step calls.
    #[serde(rename = "do")]
    #[schemars(schema_with = "super::schema::operation")]
    pub(super) operation_name: String,
    /// The room of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::place")]
    room: Option<String>,
    /// The target user: a guest, whose account or membership the step concerns; the moderator for
    /// `set profile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::target")]
    target: Option<String>,
    /// The new value of the setting: a value of the specification, `unknown` for a value that the
    /// specification does not have, or `malformed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::to")]
    to: Option<String>,
    /// How the setting is sent: as a state event with a `wrong` state key, or as a `message`. If left out,
    /// as the state event of the setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::under")]
    under: Option<String>,
    /// The endpoint that changes the membership: by `alias`, or by a `state_event`. If left out, the
    /// membership's own endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::by")]
    #[serde(rename = "by")]
    way: Option<String>,
    /// The token of the call: the token from `before_upgrade`, or the actor's own token in `masquerade`
    /// as the moderator. If left out, the actor's newest token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::token")]
    token: Option<String>,
    /// The type of the event that the step sends.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    #[schemars(schema_with = "super::schema::event_type")]
    kind: Option<String>,
    /// The setting whose event the step redacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::setting")]
    setting: Option<String>,
    /// The key of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::key")]
    key: Option<String>,
    /// Whether the registration requests a user name.
    #[serde(default, skip_serializing_if = "is_false")]
    named: bool,
    /// The label of the event that the step sends. With `GET /rooms/{roomId}/event/{eventId}`, the label
    /// of the event that the step requests through another room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<String>,
    /// The expected outcome of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expect: Option<Expect>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Why JSON is no step.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nobody has this name. The second string lists the known names.
    Actor(String, String),
    /// This is neither a verb nor an endpoint. The second string suggests a similar one, if there is
    /// one.
    UnknownOperation(String, String),
    /// Something else.
    Other(String),
}

/// How a value of a setting is written.
fn spelling<T>(says: Says<T>, as_str: fn(T) -> &'static str) -> String {
    match says {
        Says::Value(value) => as_str(value),
        Says::Unknown => "unknown",
        Says::Malformed => "malformed",
    }
    .to_owned()
}
