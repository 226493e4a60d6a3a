//! A recording: the overlapping calls of several clients, each with its start, its end and its answer.

use std::collections::BTreeMap;

use guest_access_model::action::{Action, Operation};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::scenario::WrittenAction;

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
    pub calls: Vec<Call>,
    /// The final state, if one was observed.
    pub end: Option<RoundEnd>,
}

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(super) enum Line {
    /// The first line: of what it is a recording.
    Recording(RecordingHeader),
    /// A call.
    Call(Call),
    /// How a round ended.
    End(RoundEnd),
}

/// Returns the JSON Schema of a line of a recording, published as `schema/recording.json`.
pub fn schema() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<Line>()
}

/// Of what a recording is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "About")]
pub struct RecordingHeader {
    /// The version of the format, which is 1.
    pub format: u32,
    /// The rules that the homeserver is to keep to: a revision's id or alias, or the path of a rules
    /// file.
    pub rules: String,
    /// What the homeserver calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Software>,
    /// The seed from which the calls were chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// What a homeserver calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Software {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A call: who made it, when, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// In which round.
    pub round: u32,
    /// By which client. A client waits for an answer before its next call.
    pub client: u32,
    /// Who does what, as scenarios write it. Of rooms there is `room1` alone, and there is none of the
    /// homeserver's own deeds.
    pub step: WrittenAction,
    /// Whether it shows the token that the guest's upgrade gave, and not that of its registration.
    #[serde(default, skip_serializing_if = "is_false")]
    pub upgraded: bool,
    /// The name of the event that it sends, of the recorder's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The name of the event that it asks for, or redacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// When it began: not after it was sent, in microseconds since the round began.
    pub start: u64,
    /// When it was answered: not before the answer was there. None, if no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// The answer; none, if none came, or none that can be understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Why there is no answer.
    #[serde(rename = "untold", default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Whether the call was allowed.
    pub verdict: AnswerVerdict,
    /// The HTTP status.
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// The error code of a denial, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errcode: Option<String>,
    /// The names of the events that it gives: those of the timeline, and of the state those sent by
    /// `send state`. Left out, it was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave: Option<Vec<String>>,
    /// Whether an event that `gave` does not name was not given. Where it is not, an answer may have
    /// left out events for its length.
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
    /// It was.
    Allow,
    /// It was not.
    Deny,
}

/// How a round ended: what the moderator saw when nothing was in flight any more.
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
    /// How many calls there are.
    pub fn calls(&self) -> usize {
        self.rounds.iter().map(|round| round.calls.len()).sum()
    }
}

impl Call {
    /// The step.
    pub const fn step(&self) -> &Action {
        &self.step.0
    }

    /// Whether it was over before the other began.
    pub fn precedes(&self, other: &Self) -> bool {
        self.end.is_some_and(|end| end < other.start)
    }
}

/// Whether an act sends an event that can have a name.
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
