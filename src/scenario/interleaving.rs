//! What happens when, in a scenario whose calls overlap or whose homeservers are several: the stages
//! that each call passes, one after the other, with those of the others in between; and what reaches
//! which server.

use std::collections::BTreeMap;

use guest_access_model::action::{Answer, Observation};
use guest_access_model::concurrent::{Passes, Told as ConcurrentTold};
use guest_access_model::decide::Outcome;
use guest_access_model::federated::MAX_SERVERS;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{Decision, Membership};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actor::server;
use super::{Expect, LABEL, ObservedStep, Scenario, ScenarioStep, sentence_with};

/// Something that happens: a step is taken as a whole, its call passes one stage, or the event that it
/// sent reaches another server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Happening")]
pub struct InterleavingEntry {
    /// The number of the step, from 1.
    #[schemars(range(min = 1))]
    pub step: usize,
    /// The server on which it is taken; where it has been taken already, the server that its event
    /// reaches. Left out where there is one server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::server")]
    pub server: Option<String>,
    /// The stage that its call passes; left out, all of it is done in one instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::stage")]
    pub stage: Option<Passes>,
    /// What the call is answered with it, if that answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Expect>,
    /// The memberships that it changes where it answers nothing, by room and name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::schema::membership")]
    pub membership: BTreeMap<String, BTreeMap<String, Membership>>,
}

impl Scenario {
    /// The scenario of these moves of the concurrent model. Its steps are the calls in the order in
    /// which they begin. What each is answered stands where it is answered, and nothing is said to be
    /// expected: the rules have no answer for a call that overlaps another, but one for each order.
    pub fn from_concurrent_trace(
        id: impl Into<String>,
        rules: &Rules,
        about: impl Into<String>,
        clauses: Vec<String>,
        moves: &[ConcurrentTold],
    ) -> Self {
        let mut steps: Vec<ScenarioStep> = Vec::new();
        for told in moves {
            if told.call == steps.len() {
                let action = told.taken.action;
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
            interleaving: moves.iter().map(InterleavingEntry::of).collect(),
        }
    }

    /// What happens, in words, a line for each.
    pub(crate) fn interleaving_in_words(&self) -> Vec<String> {
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
    fn of(told: &ConcurrentTold) -> Self {
        const NOTHING: Observation =
            Observation { decision: Decision::allow(&[], ""), answer: Answer::Nothing };
        let observation = told.answered.unwrap_or(NOTHING);
        let outcome = Outcome { observation, next: told.after };
        let action = &told.taken.action;
        let observed =
            ObservedStep { action, before: &told.before, outcome: &outcome, label: Some(LABEL) };
        let mut answered = observed.expect();
        let membership = if told.answered.is_none() {
            std::mem::take(&mut answered.membership)
        } else {
            BTreeMap::new()
        };
        Self {
            step: told.call + 1,
            server: None,
            stage: told.taken.stage.map(|(_, stage)| stage),
            answered: told.answered.map(|_| answered),
            membership,
        }
    }
}

/// What is wrong with what is said to happen, if anything is: where, and what would be right.
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

fn words(stage: Passes) -> &'static str {
    match stage {
        Passes::Start => "it starts",
        Passes::Authenticate => "its token is looked at",
        Passes::Check => "it is checked",
        Passes::Operation => "it acts",
        Passes::List => "it looks up whom to remove",
        Passes::Remove => "it removes a member",
        Passes::End => "it ends",
        Passes::Answer => "it is answered",
    }
}
