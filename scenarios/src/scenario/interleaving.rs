//! The interleaving of a scenario whose calls overlap, or that has several homeservers: the stages of
//! all calls in the order in which they happen, and which event reaches which server.

use std::collections::BTreeMap;

use guest_access_model::action::{Answer, Observation};
use guest_access_model::concurrent::{ConcurrentTraceStep, StageName};
use guest_access_model::decide::Outcome;
use guest_access_model::federated::MAX_SERVERS;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{Decision, Membership};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actor::server;
use super::{Expect, LABEL, ObservedStep, Scenario, ScenarioStep, sentence_with};

/// One entry of an interleaving: a step is taken as a whole; the call of a step passes one stage; or the
/// event of a step reaches another server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Happening")]
pub struct InterleavingEntry {
    /// The number of the step, from 1.
    #[schemars(range(min = 1))]
    pub step: usize,
    /// The server on which the step is taken; in later entries of the step, the server that its event
    /// reaches. Left out where there is one server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::server")]
    pub server: Option<String>,
    /// The stage that the call passes. Left out where the whole step happens in one instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::stage")]
    pub stage: Option<StageName>,
    /// The answer to the call, if this entry answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Expect>,
    /// The memberships that an entry without an answer changes, by room and name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::schema::membership")]
    pub membership: BTreeMap<String, BTreeMap<String, Membership>>,
}

impl Scenario {
    /// The scenario of a trace of the concurrent model. The steps are the calls, in the order in which
    /// they begin. Each answer stands in the entry that answers the call. The steps expect nothing: the
    /// rules have no single answer to overlapping calls, but one for each order.
    pub fn from_concurrent_trace(
        id: impl Into<String>,
        rules: &Rules,
        about: impl Into<String>,
        clauses: Vec<String>,
        transitions: &[ConcurrentTraceStep],
    ) -> Self {
        let mut steps: Vec<ScenarioStep> = Vec::new();
        for transition in transitions {
            if transition.call == steps.len() {
                let action = transition.action.action;
                let event = action.tag.then(|| LABEL.to_owned());
                steps.push(ScenarioStep { action, event, expect: None });
            }
        }
        Self {
            id: id.into(),
            rules: rules.id.clone(),
            about: about.into(),
            clauses,
            steps,
            interleaving: transitions.iter().map(InterleavingEntry::of).collect(),
        }
    }

    /// The entries in words, one line each.
    pub fn interleaving_in_words(&self) -> Vec<String> {
        let label = self.label().unwrap_or(LABEL);
        let mut begun: Vec<Option<usize>> = vec![None; self.steps.len()];
        let lines = (1..).zip(&self.interleaving).map(|(line, happening)| {
            let number = happening.step - 1;
            let sentence = sentence_with(&self.steps[number].action, label);
            let first = begun[number];
            begun[number] = first.or(Some(line));
            let call = letter(number);
            match (&happening.server, happening.stage, first) {
                (Some(server), _, None) => format!("{server}: {sentence}"),
                (Some(server), _, Some(first)) => format!("{server}: what came of {first} arrives"),
                (None, None, _) => sentence,
                (None, Some(stage), None) => format!("{sentence}, call {call}: {}", words(stage)),
                (None, Some(stage), Some(_)) => format!("call {call}: {}", words(stage)),
            }
        });
        lines.collect()
    }
}

impl InterleavingEntry {
    fn of(transition: &ConcurrentTraceStep) -> Self {
        const NOTHING: Observation =
            Observation { decision: Decision::allow(&[], ""), answer: Answer::Nothing };
        let observation = transition.observation.unwrap_or(NOTHING);
        let outcome = Outcome { observation, next: transition.after };
        let action = &transition.action.action;
        let observed = ObservedStep {
            action,
            before: &transition.before,
            outcome: &outcome,
            label: Some(LABEL),
        };
        let mut answered = observed.expect();
        let membership = if transition.observation.is_none() {
            std::mem::take(&mut answered.membership)
        } else {
            BTreeMap::new()
        };
        Self {
            step: transition.call + 1,
            server: None,
            stage: transition.action.stage.map(|(_, stage)| stage),
            answered: transition.observation.map(|_| answered),
            membership,
        }
    }
}

/// What is wrong with an interleaving, if anything: the number of the entry, and what would be right.
pub(super) fn fault(
    interleaving_in_words: &[InterleavingEntry],
    steps: usize,
) -> Option<(usize, String)> {
    let mut begun = 0;
    for (number, happening) in interleaving_in_words.iter().enumerate() {
        let step = happening.step;
        if let Some(name) = happening.server.as_deref().filter(|name| !is_a_server(name)) {
            return Some((
                number,
                format!("there is no server `{name}`; there are server1 to server3"),
            ));
        }
        if step == 0 || step > steps {
            return Some((number, format!("there is no step {step}; there are 1 to {steps}")));
        }
        if step > begun + 1 {
            let message = format!("step {step} begins before step {}", begun + 1);
            return Some((
                number,
                format!("{message}; steps are listed in the order in which they begin"),
            ));
        }
        begun = begun.max(step);
    }
    let last = interleaving_in_words.len().checked_sub(1)?;
    (begun < steps)
        .then(|| (last, format!("step {} never begins; leave it out, or let it", begun + 1)))
}

/// Whether this is the name of a server.
fn is_a_server(name: &str) -> bool {
    (0..MAX_SERVERS).any(|number| server(number) == name)
}

/// The name of a call.
fn letter(number: usize) -> char {
    u8::try_from(number).ok().and_then(|number| b'a'.checked_add(number)).map_or('?', char::from)
}

fn words(stage: StageName) -> &'static str {
    match stage {
        StageName::Start => "it starts",
        StageName::Authenticate => "its token is looked at",
        StageName::Check => "it is checked",
        StageName::Act => "it acts",
        StageName::List => "it looks up whom to remove",
        StageName::Remove => "it removes a member",
        StageName::End => "it ends",
        StageName::Answer => "it is answered",
    }
}
