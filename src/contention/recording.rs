//! A recording: the overlapping calls of several clients, each with its start, its end and its answer.

use std::collections::BTreeMap;

use guest_access_model::action::{Action, Operation};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};
use guest_access_scenarios::scenario::WrittenAction;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const FORMAT: u32 = 1;

/// The recording of a homeserver.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The header.
    pub header: RecordingHeader,
    /// The rounds, in order.
    pub rounds: Vec<Round>,
}

/// A round: the calls of several clients in a new room with new guests, and the final state.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Round {
    /// The number of the round.
    pub number: u32,
    /// The calls, by their start.
    pub calls: Vec<RecordedCall>,
    /// The final state, if one was observed.
    pub end: Option<RoundEnd>,
}

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "line", rename_all = "snake_case", expecting = "a line, which is an object")]
#[schemars(rename = "Line")]
pub(super) enum RecordingLine {
    /// The first line, which says what the recording is about.
    Recording(RecordingHeader),
    /// A call.
    Call(RecordedCall),
    /// The final state of a round.
    End(RoundEnd),
}

/// Returns the JSON Schema of a line of a recording, published as `schema/recording.json`.
pub fn schema() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<RecordingLine>()
}

/// The header of a recording: the rules, and the homeserver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "About")]
pub struct RecordingHeader {
    /// The version of the format, which is 1.
    pub format: u32,
    /// The rules that the homeserver should follow: a revision's id or alias, or the path of a rules file.
    pub rules: String,
    /// The name and the version that the homeserver gives of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Software>,
    /// The seed from which the calls were chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// The software of a homeserver, as the homeserver names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Software {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
}

/// A call, with its start, its end and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a call, which is an object")]
#[schemars(rename = "Call")]
pub struct RecordedCall {
    /// The number of the round.
    pub round: u32,
    /// The number of the client. A client waits for an answer before its next call.
    pub client: u32,
    /// The action, written as a step of a scenario. The only room is `room1`. A recording has no actions of
    /// the homeserver itself.
    pub step: WrittenAction,
    /// Whether the call shows the token from the guest's upgrade, and not the token from the registration.
    #[serde(default, skip_serializing_if = "is_false")]
    pub upgraded: bool,
    /// The name of the event that the call sends. The recorder chooses the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The name of the event that the call requests or redacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The start, in microseconds since the round began. The start is not later than the sending of the call.
    pub start: u64,
    /// The end, which is not earlier than the arrival of the answer. Left out if no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// The answer. Left out if no answer came, or if the answer was malformed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<RecordedAnswer>,
    /// The reason why there is no answer.
    #[serde(rename = "untold", default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an answer, which is an object")]
#[schemars(rename = "Answer")]
pub struct RecordedAnswer {
    /// Whether the call was allowed.
    pub verdict: AnswerVerdict,
    /// The HTTP status.
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// The error code of a denial, if the denial has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errcode: Option<String>,
    /// The names of the given events: all events of the timeline, and of the state those that
    /// `send state` sent. Left out if the recorder did not look at the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave: Option<Vec<String>>,
    /// Whether `gave` names every event of the answer. If not, the answer may have left out events because
    /// of its length.
    #[serde(default, skip_serializing_if = "is_false")]
    pub whole: bool,
    /// What `GET /account/whoami` says of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_guest: Option<bool>,
}

/// Whether a call was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Verdict")]
pub enum AnswerVerdict {
    /// The call was allowed.
    Allow,
    /// The call was denied.
    Deny,
}

/// The final state of a round, as the moderator reads it when no call is in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "End")]
pub struct RoundEnd {
    /// The round.
    pub round: u32,
    /// The guests' memberships.
    #[schemars(schema_with = "super::schema::memberships")]
    pub memberships: BTreeMap<String, Membership>,
    /// The history visibility, if it was one of the specification's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::visibility")]
    pub history_visibility: Option<HistoryVisibility>,
    /// The guest access, if it was one of the specification's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::guest_access")]
    pub guest_access: Option<GuestAccess>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Recording {
    /// The number of calls.
    pub fn calls(&self) -> usize {
        self.rounds.iter().map(|round| round.calls.len()).sum()
    }
}

impl RecordedCall {
    /// The step.
    pub const fn step(&self) -> &Action {
        &self.step.0
    }

    /// Whether this call ended before the other call began.
    pub fn precedes(&self, other: &Self) -> bool {
        self.end.is_some_and(|end| end < other.start)
    }
}

/// Whether an operation sends an event that can have a name.
pub(super) const fn sends(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Send(_)
            | Operation::SendState
            | Operation::SetVisibility(..)
            | Operation::SetGuestAccess(..)
            | Operation::SetJoinRule(_)
    )
}
