//! The steps of a scenario as sentences.

use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::Decision;
use guest_access_scenarios::scenario::{
    Expect, LABEL, ObservedStep, Scenario, ScenarioError, Verdict, effects_in_words,
    memberships_in_words, sentence_with, verdict_in_words,
};

use super::{paint, style};

/// The steps as numbered sentences, each with what the rules' default profile decides, and the
/// reason for the last.
///
/// # Errors
/// If a step cannot happen.
pub fn steps_in_words(scenario: &Scenario, rules: &Rules) -> Result<Vec<String>, ScenarioError> {
    if !scenario.interleaving.is_empty() {
        return Ok(overlapping_steps(scenario));
    }
    let profile = rules.profile();
    let outcomes = scenario.replay(&profile)?;
    let mut lines = Vec::new();
    let mut before = &guest_access_model::decide::initial(&profile);
    for ((number, step), outcome) in (1..).zip(&scenario.steps).zip(&outcomes) {
        let observed =
            ObservedStep { action: &step.action, before, outcome, label: scenario.label() }
                .expect();
        let decision = &outcome.observation.decision;
        let sentence = sentence_with(&step.action, scenario.label().unwrap_or(LABEL));
        lines.push(format!("{number}. {sentence}: {}", outcome_in_words(decision, &observed)));
        if number == scenario.steps.len() {
            lines.push(format!("   because {}", reason(rules, decision)));
        }
        before = &outcome.next;
    }
    Ok(lines)
}

/// The events of an interleaving in their order, and the answers to the calls.
fn overlapping_steps(scenario: &Scenario) -> Vec<String> {
    let interleaving_in_words =
        (1..).zip(scenario.interleaving_in_words()).zip(&scenario.interleaving);
    let lines = interleaving_in_words.map(|((number, words), happening)| {
        let answer = match (&happening.answered, happening.stage) {
            (None, _) => memberships_in_words(&happening.membership),
            (Some(answered), _) if happening.server.is_some() => {
                format!(": {}", answer_in_colour(answered))
            }
            (Some(answered), None) => format!(": {}", answer_in_colour(answered)),
            (Some(answered), Some(_)) => {
                format!(", and is answered: {}", answer_in_colour(answered))
            }
        };
        format!("{number}. {words}{answer}")
    });
    lines.collect()
}

/// An observed answer, in short and in colour.
fn answer_in_colour(observed: &Expect) -> String {
    let style = if observed.verdict == Verdict::Allow { style::GOOD } else { style::BAD };
    format!("{}{}", paint(style, verdict_in_words(observed)), effects_in_words(observed))
}

/// The reason for a decision, with its clauses.
pub(super) fn reason(rules: &Rules, decision: &Decision) -> String {
    let clauses = rules.in_force(decision.clauses);
    if clauses.is_empty() {
        decision.because.to_owned()
    } else {
        format!("{} ({})", decision.because, clauses.join(", "))
    }
}

/// The outcome of a step, in short and in colour.
pub(super) fn outcome_in_words(decision: &Decision, observed: &Expect) -> String {
    let style = if decision.allows() { style::GOOD } else { style::BAD };
    format!("{}{}", paint(style, decision), effects_in_words(observed))
}
