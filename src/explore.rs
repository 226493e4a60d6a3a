//! The page of `explore`: the model, one action at a time.
//!
//! The page is a client of a small API without state. A [`TraceRequest`] has the names of one or two rules
//! and the steps of a trace. The [`TraceAnswer`] has what each rules decide about every step, the state
//! after the last step, who may see each event, and the actions that can happen next.
//!
//! 1. `request` reads the steps. They have the form of the steps of a scenario.
//! 2. `side` takes the steps by the default profile of one of the rules.
//! 3. `timeline` follows each event of the trace: who is given the event, and by which call.
//! 4. `choices` lists the actions that can happen next, by actor.
//!
//! ```
//! use guest_access::explore::{Explorer, TraceRequest};
//!
//! let explorer = Explorer::new(&["v1.16".to_owned()])?;
//! let request: TraceRequest = serde_json::from_str(r#"{
//!     "rules": ["v1.16"], "guests": 1, "rooms": 1,
//!     "steps": [{"as": "guest1", "do": "register as guest"}]
//! }"#).unwrap();
//! let answer = explorer.answer(&request)?;
//! assert_eq!(answer.sides[0].steps[0].outcome, "allow");
//! # Ok::<(), guest_access::explore::ExploreError>(())
//! ```

mod choices;
mod error;
mod request;
mod side;
mod timeline;

use std::collections::BTreeMap;

use guest_access_model::action::Action;
use guest_access_model::state::Scope;
use guest_access_rules::clause::{CLAUSES, Clause, READINGS, Reading};
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::Scenario;
use serde::Serialize;

pub use choices::{ActorChoices, Choice, ChoiceGroup, ChoiceOutcome, ChoiceSubject};
pub use error::ExploreError;
pub use request::{ScenarioRequest, TraceRequest};
pub use side::{RoomReport, Side, StepAnswer};
pub use timeline::{EventReport, Reader};

/// The rules that the page can explore.
#[derive(Debug)]
pub struct Explorer {
    /// The rules by name, in the order in which the page lists them.
    rules: Vec<(String, Rules)>,
}

/// The rules, and the words that the page explains.
#[derive(Debug, Clone, Serialize)]
pub struct Vocabulary {
    /// The rules, in the order in which the page lists them.
    pub rules: Vec<RulesEntry>,
    /// The text of each clause, by id.
    pub clauses: BTreeMap<&'static str, &'static str>,
    /// The question of each reading and our default answer, by id.
    pub readings: BTreeMap<&'static str, String>,
}

/// Rules that the page can explore.
#[derive(Debug, Clone, Serialize)]
pub struct RulesEntry {
    /// The name that a request has.
    pub name: String,
    /// The rules in one sentence.
    pub about: String,
}

/// What the rules of a request decide about its trace.
#[derive(Debug, Clone, Serialize)]
pub struct TraceAnswer {
    /// The number of guests, which is at least that of the trace.
    pub guests: usize,
    /// The number of rooms, which is at least that of the trace.
    pub rooms: usize,
    /// The trace under each of the rules.
    pub sides: Vec<Side>,
    /// The actions that can happen next under one of the rules at least.
    pub choices: Vec<ActorChoices>,
}

impl Explorer {
    /// An explorer of the rules with these names, and of every published revision.
    ///
    /// # Errors
    /// If there are no such rules.
    pub fn new(names: &[String]) -> Result<Self, ExploreError> {
        let mut rules: Vec<(String, Rules)> = Vec::new();
        let published = Rules::published().into_iter().rev().map(|rules| rules.id);
        for name in names.iter().cloned().chain(published) {
            if !rules.iter().any(|(known, _)| *known == name) {
                let found = Rules::find(&name)?;
                rules.push((name, found));
            }
        }
        Ok(Self { rules })
    }

    /// The rules, and the words that the page explains.
    pub fn vocabulary(&self) -> Vocabulary {
        let entry = |(name, rules): &(String, Rules)| RulesEntry {
            name: name.clone(),
            about: rules.about.clone(),
        };
        let clauses = self.rules.iter().flat_map(|(_, rules)| rules.declared_clauses.clone());
        let readings = self.rules.iter().flat_map(|(_, rules)| rules.declared_readings.clone());
        let clauses = CLAUSES.iter().chain(clauses).map(|clause: &Clause| (clause.id, clause.text));
        Vocabulary {
            rules: self.rules.iter().map(entry).collect(),
            clauses: clauses.collect(),
            readings: READINGS
                .iter()
                .chain(readings)
                .map(|of: &Reading| (of.id, format!("{} Here: {}.", of.question, of.default)))
                .collect(),
        }
    }

    /// What the rules of the request decide about its trace.
    ///
    /// # Errors
    /// If the request names rules that the page does not have, or a step is none.
    pub fn answer(&self, request: &TraceRequest) -> Result<TraceAnswer, ExploreError> {
        let named = self.named(&request.rules)?;
        let actions = request.actions(&named)?;
        let scope = scope(request, &actions);
        let sides = named.iter().map(|(name, rules)| Side::new(name, rules, &actions, scope));
        let sides: Vec<_> = sides.collect::<Result<_, _>>()?;
        let rules: Vec<_> = named.iter().map(|(_, rules)| *rules).collect();
        let choices = choices::choices(&rules, &sides, scope);
        Ok(TraceAnswer { guests: scope.guests, rooms: scope.rooms, sides, choices })
    }

    /// The trace of the request as a scenario under its first rules. Steps that cannot happen are left out.
    ///
    /// # Errors
    /// If the request names rules that the page does not have, or a step is none, or the trace has no step
    /// that can happen.
    pub fn scenario(&self, request: &ScenarioRequest) -> Result<Scenario, ExploreError> {
        let ScenarioRequest { trace, follow } = request;
        let named = self.named(&trace.rules)?;
        let actions = trace.actions(&named)?;
        let (name, rules) = named[0];
        let followed = follow.filter(|step| *step < actions.len());
        let steps = side::happening(&rules.profile(), &actions, followed);
        if steps.is_empty() {
            return Err(ExploreError::NoSteps);
        }
        let about = format!("A trace under {name}, {} steps.", steps.len());
        let mut scenario = Scenario::from_trace("explored", rules, about, Vec::new(), &steps)?;
        name.clone_into(&mut scenario.rules);
        Ok(scenario)
    }

    /// The rules with these names.
    fn named(&self, names: &[String]) -> Result<Vec<(&str, &Rules)>, ExploreError> {
        if !(1..=2).contains(&names.len()) {
            return Err(ExploreError::RulesCount { count: names.len() });
        }
        let find = |name: &String| {
            let found = self.rules.iter().find(|(known, _)| known == name);
            let known = || self.rules.iter().map(|(known, _)| known.as_str()).collect::<Vec<_>>();
            found.map(|(name, rules)| (name.as_str(), rules)).ok_or_else(|| {
                ExploreError::UnknownRules { name: name.clone(), known: known().join(", ") }
            })
        };
        names.iter().map(find).collect()
    }
}

/// The scope of the request, and at least that of its actions.
fn scope(request: &TraceRequest, actions: &[Action]) -> Scope {
    let guests = actions.iter().flat_map(Action::guests).map(|guest| usize::from(guest) + 1);
    let rooms = actions.iter().filter_map(Action::room).map(|room| room + 1);
    Scope {
        guests: guests.chain([request.guests, 1]).max().unwrap_or(1),
        rooms: rooms.chain([request.rooms, 1]).max().unwrap_or(1),
    }
}
