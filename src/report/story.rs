//! A scenario as a story that a person can read.

use guest_access_model::rules::Rules;
use guest_access_model::vocabulary::Decision;

use crate::scenario::{Expect, LABEL, Observed, Scenario, ScenarioError, sentence_with};

use super::{in_force, paint, style};

/// The steps as numbered sentences, each with what the rules' default profile decides, and the
/// reason for the last.
///
/// # Errors
/// If a step cannot happen.
pub fn lines(scenario: &Scenario, rules: &Rules) -> Result<Vec<String>, ScenarioError> {
    let profile = rules.profile();
    let outcomes = scenario.replay(&profile)?;
    let mut lines = Vec::new();
    let mut before = &guest_access_model::decide::initial(&profile);
    for ((number, told), outcome) in (1..).zip(&scenario.steps).zip(&outcomes) {
        let observed =
            Observed { step: &told.step, before, outcome, label: scenario.label() }.expect();
        let decision = &outcome.observation.decision;
        let sentence = sentence_with(&told.step, scenario.label().unwrap_or(LABEL));
        lines.push(format!("{number}. {sentence}: {}", came_of(decision, &observed)));
        if number == scenario.steps.len() {
            lines.push(format!("   because {}", reason(rules, decision)));
        }
        before = &outcome.next;
    }
    Ok(lines)
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
    let Expect { verdict, status, errcode, .. } = expect;
    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
    let errcode = errcode.map(|errcode| format!(" {errcode}")).unwrap_or_default();
    format!("{}{status}{errcode}{}", verdict.as_str(), rest(expect))
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
    for (room, members) in &observed.membership {
        let members = members.iter();
        told.extend(members.map(|(who, now)| format!("{who} is now `{now}` in {room}")));
    }
    told.into_iter().map(|told| format!(", {told}")).collect()
}
