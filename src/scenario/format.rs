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
    /// Who takes it.
    #[serde(rename = "as")]
    #[schemars(schema_with = "super::schema::actor")]
    pub(super) by: String,
    /// A verb, or an endpoint that is called or read by.
    #[serde(rename = "do")]
    #[schemars(schema_with = "super::schema::operation")]
    pub(super) deed: String,
    /// About which room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::place")]
    room: Option<String>,
    /// Whose account, or whose membership: a guest's; `set profile` takes the moderator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::target")]
    target: Option<String>,
    /// The new value of the setting: one of its values, `unknown` for a value of nobody's, or
    /// `malformed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::to")]
    to: Option<String>,
    /// Where the setting is sent: as state under a `wrong` key, or as a `message`; left out, as the
    /// room's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::under")]
    under: Option<String>,
    /// By which endpoint the membership changes: by `alias`, or by a `state_event`; left out, by the
    /// membership's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::by")]
    #[serde(rename = "by")]
    way: Option<String>,
    /// Which token is shown: the one `before_upgrade`, or one's own in `masquerade` as the moderator;
    /// left out, the newest of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::token")]
    token: Option<String>,
    /// The type of the event that is sent.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    #[schemars(schema_with = "super::schema::event_type")]
    kind: Option<String>,
    /// The setting that is redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::setting")]
    setting: Option<String>,
    /// The key of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::key")]
    key: Option<String>,
    /// Whether the registration asks for a name of the caller's choice.
    #[serde(default, skip_serializing_if = "is_false")]
    named: bool,
    /// The label of the event that the step sends; on `GET /rooms/{roomId}/event/{eventId}`, the
    /// event of another room that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<String>,
    /// What is expected of the step.
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
    /// This is neither a verb nor an endpoint. The second string is the most similar one.
    Deed(String, String),
    /// Something else.
    Other(String),
}

/// How a value of a setting is written.
fn spelled<T>(says: Says<T>, as_str: fn(T) -> &'static str) -> String {
    match says {
        Says::Value(value) => as_str(value),
        Says::Unknown => "unknown",
        Says::Malformed => "malformed",
    }
    .to_owned()
}
