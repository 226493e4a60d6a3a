//! A scenario as a story that a person can read.

use std::collections::BTreeMap;

use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{Decision, Membership};

use crate::scenario::{
    Expect, LABEL, ObservedStep, Scenario, ScenarioError, Verdict, sentence_with,
};

use super::{in_force, paint, style};

/// The steps as numbered sentences, each with what the rules' default profile decides, and the
/// reason for the last.
///
/// # Errors
/// If a step cannot happen.
pub fn lines(scenario: &Scenario, rules: &Rules) -> Result<Vec<String>, ScenarioError> {
    if !scenario.interleaving.is_empty() {
        return Ok(overlapping(scenario));
    }
    let profile = rules.profile();
    let outcomes = scenario.replay(&profile)?;
    let mut lines = Vec::new();
    let mut before = &guest_access_model::decide::initial(&profile);
    for ((number, told), outcome) in (1..).zip(&scenario.steps).zip(&outcomes) {
        let observed =
            ObservedStep { action: &told.action, before, outcome, label: scenario.label() }
                .expect();
        let decision = &outcome.observation.decision;
        let sentence = sentence_with(&told.action, scenario.label().unwrap_or(LABEL));
        lines.push(format!("{number}. {sentence}: {}", came_of(decision, &observed)));
        if number == scenario.steps.len() {
            lines.push(format!("   because {}", reason(rules, decision)));
        }
        before = &outcome.next;
    }
    Ok(lines)
}

/// What happens, one thing after the other, and what the calls are answered.
fn overlapping(scenario: &Scenario) -> Vec<String> {
    let interleaving_in_words =
        (1..).zip(scenario.interleaving_in_words()).zip(&scenario.interleaving);
    let lines = interleaving_in_words.map(|((number, words), happening)| {
        let came_of = match (&happening.answered, happening.stage) {
            (None, _) => changed(&happening.membership).concat(),
            (Some(answered), _) if happening.server.is_some() => format!(": {}", painted(answered)),
            (Some(answered), None) => format!(": {}", painted(answered)),
            (Some(answered), Some(_)) => format!(", and is answered: {}", painted(answered)),
        };
        format!("{number}. {words}{came_of}")
    });
    lines.collect()
}

/// An expectation that was met, in short and in colour.
fn painted(observed: &Expect) -> String {
    let style = if observed.verdict == Verdict::Allow { style::GOOD } else { style::BAD };
    format!("{}{}", paint(style, verdict(observed)), rest(observed))
}

/// The reason for a decision, with its clauses.
pub(super) fn reason(rules: &Rules, decision: &Decision) -> String {
    let clauses = in_force(rules, decision.clauses);
    if clauses.is_empty() {
        decision.because.to_owned()
    } else {
        format!("{} ({})", decision.because, clauses.join(", "))
    }
}

/// What came of a step, in short and in colour.
pub(super) fn came_of(decision: &Decision, observed: &Expect) -> String {
    let style = if decision.allows() { style::GOOD } else { style::BAD };
    format!("{}{}", paint(style, decision), rest(observed))
}

/// What came of a step, in short.
pub fn told(decision: &Decision, observed: &Expect) -> String {
    format!("{decision}{}", rest(observed))
}

/// What is expected of a step, in short.
pub fn told_expect(expect: &Expect) -> String {
    format!("{}{}", verdict(expect), rest(expect))
}

fn verdict(expect: &Expect) -> String {
    let Expect { verdict, status, errcode, .. } = expect;
    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
    let errcode = errcode.map(|errcode| format!(" {errcode}")).unwrap_or_default();
    format!("{}{status}{errcode}", verdict.as_str())
}

/// What came of a step beside the decision.
fn rest(observed: &Expect) -> String {
    let mut told: Vec<String> = Vec::new();
    told.extend(observed.sees.iter().map(|label| format!("gives {label}")));
    told.extend(observed.not_sees.iter().map(|label| format!("does not give {label}")));
    told.extend(
        observed
            .is_guest
            .map(|is_guest| format!("says that it is {} guest", if is_guest { "a" } else { "no" })),
    );
    told.extend(observed.named.map(|named| {
        let name = if named { "the name it asked for" } else { "a name of the server's choice" };
        format!("with {name}")
    }));
    let told: String = told.into_iter().map(|told| format!(", {told}")).collect();
    told + &changed(&observed.membership).concat()
}

/// The memberships that something changed.
fn changed(membership: &BTreeMap<String, BTreeMap<String, Membership>>) -> Vec<String> {
    let members = membership.iter().flat_map(|(room, members)| {
        members.iter().map(move |(who, now)| format!(", {who} is now `{now}` in {room}"))
    });
    members.collect()
}
