//! The outcome of a step in words.

use std::collections::BTreeMap;

use guest_access_rules::vocabulary::{Decision, Membership};

use super::Expect;

/// The outcome of a step on one line: the decision, and what the caller could observe beside it.
pub fn outcome_in_words(decision: &Decision, observed: &Expect) -> String {
    format!("{decision}{}", effects_in_words(observed))
}

/// The expectation of a step on one line.
pub fn expectation_in_words(expect: &Expect) -> String {
    format!("{}{}", verdict_in_words(expect), effects_in_words(expect))
}

/// The expected verdict, with the status and the error code of a denial.
pub fn verdict_in_words(expect: &Expect) -> String {
    let Expect { verdict, status, errcode, .. } = expect;
    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
    let errcode = errcode.map(|errcode| format!(" {errcode}")).unwrap_or_default();
    format!("{}{status}{errcode}", verdict.as_str())
}

/// What the caller could observe beside the decision, each part after a comma.
pub fn effects_in_words(observed: &Expect) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(observed.sees.iter().map(|label| format!("gives {label}")));
    parts.extend(observed.not_sees.iter().map(|label| format!("does not give {label}")));
    parts.extend(
        observed
            .is_guest
            .map(|is_guest| format!("says that it is {} guest", if is_guest { "a" } else { "no" })),
    );
    parts.extend(observed.named.map(|named| {
        let name = if named { "the name it asked for" } else { "a name of the server's choice" };
        format!("with {name}")
    }));
    let parts: String = parts.into_iter().map(|part| format!(", {part}")).collect();
    parts + &memberships_in_words(&observed.membership)
}

/// The memberships that a step changed, each after a comma.
pub fn memberships_in_words(membership: &BTreeMap<String, BTreeMap<String, Membership>>) -> String {
    let members = membership.iter().flat_map(|(room, members)| {
        members.iter().map(move |(who, now)| format!(", {who} is now `{now}` in {room}"))
    });
    members.collect()
}
