//! The id of a divergence, by which later runs and baselines recognise the divergence.
//!
//! An id consists of the kind, the endpoint or the operation, and a hash:
//! `leak-get-rooms-messages-4c1f09ab`. The hash covers the kind, the step, the caller, and the expected
//! and the observed result. It also covers the decision points that explain the divergence, and those
//! at which the homeserver takes two options. The hash covers no words, no counts, no order, and no
//! scenario.

use std::fmt::Write;

use guest_access_scenarios::scenario::{LABEL, ScenarioStep};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::signature::Signature;

/// The version of the scheme of the ids. Ids of different schemes cannot be compared.
///
/// Scheme 1 hashed sentences. Scheme 2 had no fault of the content, and hashed its reader always.
pub const ID_SCHEME: u32 = 3;

/// The number of bytes of the hash in an id.
const BYTES: usize = 4;

/// The decision points that explain a divergence, with the options.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct IdCause<'a> {
    pub(super) decision_point: &'a str,
    pub(super) option: &'a str,
}

/// A decision point at which a homeserver takes two options.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct IdSwitch<'a> {
    pub(super) decision_point: &'a str,
    pub(super) in_run: &'a str,
    pub(super) here: &'a str,
}

/// The id of the divergence with this signature and this cause.
pub(super) fn id(
    signature: &Signature,
    cause: Option<IdCause<'_>>,
    switches: &[IdSwitch<'_>],
) -> String {
    let Signature { kind, step, by, expected, observed, permitted, switches: _ } = signature;
    let event = step.tag.then(|| LABEL.to_owned());
    let step = ScenarioStep { action: *step, event, expect: None };
    let hashed = (ID_SCHEME, kind, &step, by, expected, observed, permitted, cause, switches);
    let hashed = serde_json::to_vec(&hashed).expect("the parts of an id can be written");
    let hash = Sha256::digest(&hashed);
    let mut id = format!("{}-{}-", kind.as_str(), place(&step));
    for byte in &hash[..BYTES] {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// The endpoint or, without one, the operation, in lower case with hyphens, without path parameters.
fn place(step: &ScenarioStep) -> String {
    let step = serde_json::to_value(step).unwrap_or_default();
    let operation_phrase = step["do"].as_str().unwrap_or_default();
    let words = operation_phrase.split([' ', '/', '_', '.']).filter(|word| !word.starts_with('{'));
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::{Action, Actor, Operation, Place};
    use guest_access_rules::endpoint::KNOWN;

    use super::super::caller::CallerKind;
    use super::super::step_result::{DecisionResult, ErrorResult, StepResult, TaggedEventGiven};
    use super::*;
    use guest_access_scenarios::permitted::DivergenceKind;

    fn result(decision: DecisionResult, tagged_event: Option<TaggedEventGiven>) -> StepResult {
        let memberships = Vec::new();
        StepResult {
            decision,
            tagged_event,
            is_guest: None,
            named: None,
            effect: None,
            memberships,
            content: None,
        }
    }

    fn signature() -> Signature {
        let read = Action::new(Actor::Guest(0), Operation::Read(KNOWN.event));
        let denied = ErrorResult { status: 403, errcode: Some("M_FORBIDDEN".to_owned()) };
        Signature {
            kind: DivergenceKind::Leak,
            step: Action { place: Place::Room(0), ..read },
            by: CallerKind::Guest,
            expected: result(DecisionResult::Deny(denied), None),
            observed: result(DecisionResult::Allow, Some(TaggedEventGiven::Yes)),
            permitted: false,
            switches: Vec::new(),
        }
    }

    /// A changed id breaks the baselines of all users. To change ids on purpose, raise [`ID_SCHEME`], and
    /// add an entry to the changelog.
    #[test]
    fn ids_are_those_of_the_scheme() {
        let cause = IdCause { decision_point: "join.gate", option: "none" };
        let switch =
            IdSwitch { decision_point: "join.errcode", in_run: "forbidden", here: "other" };
        let ids = [
            id(&signature(), None, &[]),
            id(&signature(), Some(cause), &[]),
            id(&signature(), None, &[switch]),
        ];
        assert_eq!(
            ids,
            [
                "leak-get-rooms-event-8bfb9e8e",
                "leak-get-rooms-event-449ca68d",
                "leak-get-rooms-event-591dc454",
            ]
        );
    }

    #[test]
    fn every_part_of_a_divergence_changes_the_id() {
        let one = signature();
        let allowed = result(DecisionResult::Allow, None);
        let others = [
            Signature { kind: DivergenceKind::Error, ..one.clone() },
            Signature { by: CallerKind::FormerGuest, ..one.clone() },
            Signature { expected: allowed.clone(), ..one.clone() },
            Signature { observed: allowed, ..one.clone() },
            Signature { permitted: true, ..one.clone() },
            Signature { step: Action { place: Place::Elsewhere, ..one.step }, ..one.clone() },
        ];
        let mut ids: Vec<_> = others.iter().map(|other| id(other, None, &[])).collect();
        let cause = |decision_point| IdCause { decision_point, option: "none" };
        ids.extend(["join.gate", "whoami"].map(|point| id(&one, Some(cause(point)), &[])));
        ids.push(id(&one, None, &[]));
        ids.sort();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{ids:?}");
    }
}
