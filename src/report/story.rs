//! A scenario as a story that a person can read.

use guest_access_model::rules::Rules;
use guest_access_model::vocabulary::Decision;

use crate::scenario::{Expect, Observed, Scenario, ScenarioError, Verdict, sentence};

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
        lines.push(format!("{number}. {}: {}", sentence(&told.step), came_of(decision, &observed)));
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

/// What came of a step, in short.
pub(super) fn came_of(decision: &Decision, observed: &Expect) -> String {
    let style = if Verdict::of(decision) == Verdict::Allow { style::GOOD } else { style::BAD };
    let mut text = paint(style, decision);
    for label in &observed.sees {
        text += &format!(", gives {label}");
    }
    for label in &observed.not_sees {
        text += &format!(", does not give {label}");
    }
    match observed.is_guest {
        Some(true) => text += ", says that it is a guest",
        Some(false) => text += ", says that it is no guest",
        None => {}
    }
    match observed.named {
        Some(true) => text += ", with the name it asked for",
        Some(false) => text += ", with a name of the server's choice",
        None => {}
    }
    for (room, members) in &observed.membership {
        for (who, membership) in members {
            text += &format!(", {who} is now `{membership}` in {room}");
        }
    }
    text
}
