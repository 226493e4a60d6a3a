//! What a divergence is called: a name by which it is known again in the next run, and in a list that
//! somebody keeps.
//!
//! The name says how bad it is and where: `leak-get-rooms-messages-4c1f09ab`. Its end is made of all
//! that makes two divergences the same, and of nothing else: no number, no order, no scenario in which
//! it happened to be seen.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::scenario::{LABEL, ScenarioStep};

use super::signature::Signature;

/// How many bytes of the hash a name ends with.
const BYTES: usize = 4;

/// The name of what this is the signature of, where the decision points in `cause` explain it.
pub(super) fn id(signature: &Signature, cause: Option<&str>) -> String {
    let Signature { kind, step, by, expected, observed, permitted } = signature;
    let event = step.tag.then(|| LABEL.to_owned());
    let told = ScenarioStep { action: *step, event, expect: None };
    let step = serde_json::to_string(&told).expect("a step can be written");
    let permitted = if *permitted { "permitted" } else { "" };
    let parts = [kind.as_str(), &step, by, expected, observed, permitted, cause.unwrap_or("")];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let hash = hash.finalize();
    let mut id = format!("{}-{}-", kind.as_str(), place(&told));
    for byte in &hash[..BYTES] {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// The endpoint, or else the verb, in small letters and hyphens, without the parameters of its path.
fn place(told: &ScenarioStep) -> String {
    let step = serde_json::to_value(told).unwrap_or_default();
    let operation_phrase = step["do"].as_str().unwrap_or_default();
    let words = operation_phrase.split([' ', '/', '_', '.']).filter(|word| !word.starts_with('{'));
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::{Action, Actor, Operation, Place};
    use guest_access_rules::endpoint::KNOWN;

    use super::super::found::Kind;
    use super::*;

    fn signature() -> Signature {
        let read = Action::new(Actor::Guest(0), Operation::Read(KNOWN.event));
        Signature {
            kind: Kind::Leak,
            step: Action { place: Place::Room(0), ..read },
            by: "a guest",
            expected: "deny 403 M_FORBIDDEN".to_owned(),
            observed: "allow, gives e1".to_owned(),
            permitted: false,
        }
    }

    #[test]
    fn a_name_says_how_bad_it_is_and_where() {
        let id = id(&signature(), None);
        assert!(id.starts_with("leak-get-rooms-event-"), "{id}");
    }

    #[test]
    fn a_name_is_another_where_anything_is_that_tells_two_divergences_apart() {
        let one = signature();
        let others = [
            Signature { kind: Kind::Error, ..one.clone() },
            Signature { by: "a former guest", ..one.clone() },
            Signature { expected: "allow".to_owned(), ..one.clone() },
            Signature { observed: "allow".to_owned(), ..one.clone() },
            Signature { permitted: true, ..one.clone() },
            Signature { step: Action { place: Place::Elsewhere, ..one.step }, ..one.clone() },
        ];
        let mut ids: Vec<_> = others.iter().map(|other| id(other, None)).collect();
        ids.extend([id(&one, None), id(&one, Some("join.gate")), id(&one, Some("whoami"))]);
        ids.sort();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{ids:?}");
        assert_eq!(id(&one, None), id(&signature(), None));
    }
}
