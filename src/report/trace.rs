//! A trace as a sequence diagram: in SVG for a page, and in Mermaid for Markdown.

use std::fmt::Write;

use anstream::adapter::strip_str;
use guest_access_model::action::{Action, Actor};
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::{
    LABEL, ObservedStep, Scenario, ScenarioError, actor_name, outcome_in_words, sentence_with,
};
use maud::{Markup, html};

use super::diagram::{AnswerKind, DiagramAnswer, DiagramRow, svg};
use super::steps_in_words;
use super::steps_in_words::reason;

/// A trace.
#[derive(Debug)]
pub(super) enum Trace {
    /// Steps, one after the other.
    Steps {
        /// The steps, each with its answers.
        steps: Vec<(Action, Vec<DiagramAnswer>)>,
        /// The name of the tagged event.
        label: String,
        /// The reason for the last answer.
        because: String,
    },
    /// The events of calls that overlap, or of several homeservers, as sentences.
    Events(Vec<String>),
}

impl Trace {
    /// The trace of a scenario under the default profile of these rules.
    ///
    /// # Errors
    /// If a step cannot happen.
    pub(super) fn of(scenario: &Scenario, rules: &Rules) -> Result<Self, ScenarioError> {
        if !scenario.interleaving.is_empty() {
            let events = steps_in_words(scenario, rules)?;
            return Ok(Self::Events(
                events.iter().map(|event| strip_str(event).to_string()).collect(),
            ));
        }
        let profile = rules.profile();
        let outcomes = scenario.replay(&profile)?;
        let mut before = &guest_access_model::decide::initial(&profile);
        let mut steps = Vec::new();
        for (step, outcome) in scenario.steps.iter().zip(&outcomes) {
            let observed =
                ObservedStep { action: &step.action, before, outcome, label: scenario.label() };
            let decision = &outcome.observation.decision;
            let kind = if decision.allows() { AnswerKind::Allowed } else { AnswerKind::Denied };
            let words = outcome_in_words(decision, &observed.expect());
            steps.push((step.action, vec![DiagramAnswer { words, kind }]));
            before = &outcome.next;
        }
        let last = outcomes.last().map(|outcome| &outcome.observation.decision);
        let because = last.map(|decision| format!("Because {}.", reason(rules, decision)));
        Ok(Self::Steps {
            steps,
            label: scenario.label().unwrap_or(LABEL).to_owned(),
            because: because.unwrap_or_default(),
        })
    }

    /// The trace with these answers to its last step.
    pub(super) fn ending_with(mut self, answers: Vec<DiagramAnswer>) -> Self {
        if let Self::Steps { steps, .. } = &mut self
            && let Some((_, last)) = steps.last_mut()
        {
            *last = answers;
        }
        self
    }

    /// The reason for the last answer, as a sentence.
    pub(super) fn because(&self) -> Option<&str> {
        match self {
            Self::Steps { because, .. } => {
                Some(because).filter(|text| !text.is_empty()).map(|s| &**s)
            }
            Self::Events(_) => None,
        }
    }

    /// The trace as a diagram in SVG; events as a list.
    pub(super) fn svg(&self) -> Markup {
        match self {
            Self::Steps { steps, label, .. } => {
                let rows = steps
                    .iter()
                    .map(|(step, answers)| DiagramRow { step, answers: answers.clone() });
                svg(&rows.collect::<Vec<_>>(), label)
            }
            Self::Events(events) => html! { pre { @for event in events { (event) "\n" } } },
        }
    }

    /// The trace as a sequence diagram in Mermaid; events as notes.
    pub(super) fn mermaid(&self) -> String {
        let mut text = String::from("sequenceDiagram\n");
        match self {
            Self::Events(events) => {
                text += "    participant server\n";
                for event in events {
                    let _ = writeln!(text, "    Note over server: {}", message(event));
                }
            }
            Self::Steps { steps, label, .. } => {
                text += "    participant server\n";
                for (number, (step, answers)) in (1..).zip(steps) {
                    let by = actor_name(step.by);
                    let sentence = message(&sentence_with(step, label));
                    let _ = writeln!(text, "    {by}->>server: {number}. {sentence}");
                    for answer in answers.iter().filter(|_| step.by != Actor::Server) {
                        let _ = writeln!(text, "    server-->>{by}: {}", message(&answer.words));
                    }
                }
            }
        }
        text
    }
}

/// The text as a message of Mermaid, in which these characters are markup.
fn message(text: &str) -> String {
    let mut message = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' => message += "#35;",
            ';' => message += "#59;",
            '<' => message += "#lt;",
            '>' => message += "#gt;",
            c if c.is_control() => message.push(' '),
            c => message.push(c),
        }
    }
    message
}
