//! The report of `check`.

mod changes;
mod document;
mod findings;
mod number;
mod overlapping;
mod permitted;
mod text;

use std::collections::BTreeMap;

use guest_access_model::check::{Finding, Report, Status};
use guest_access_model::dense::NumberOfRooms;
use guest_access_model::executor::Encoding;
use guest_access_model::lockstep::{Lockstep, Mismatch};
use guest_access_model::state::Scope;
use guest_access_rules::endpoint::Changes;
use guest_access_rules::guarantee::{Blocks, Guarantee, GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::{Rules, Withdrawal};
use guest_access_scenarios::scenario::{Scenario, ScenarioError};
use serde::Serialize;

use super::{Run, UncheckedEndpoint, is_rules_file};

pub use changes::{ChangesReport, VerdictChange, VerdictReport};
pub use document::{html, markdown};
pub use findings::{github, sarif};
pub use number::Number;
pub use overlapping::Disciplines;
pub use permitted::{BreaksBase, FailsBy, LostClauseReport, PermittedReport};

/// The result for one revision at one scope.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// The revision.
    pub rules: String,
    /// The model that was explored.
    pub model: &'static str,
    /// The number of guests.
    pub guests: Number,
    /// The number of rooms.
    pub rooms: Number,
    /// The executor that explored the states.
    pub engine: &'static str,
    /// The encoding of the states.
    pub encoding: Encoding,
    /// The checked homeserver: the reference, or a defect.
    pub subject: String,
    /// The discipline of overlapping calls; absent if the model has no overlapping calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discipline: Option<DisciplineReport>,
    /// The greatest number of calls in flight; absent if this number is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<usize>,
    /// Whether every reachable state was explored.
    pub complete: bool,
    /// The limit or the interrupt that ended the exploration, if it is not complete.
    pub ended_by: Option<&'static str>,
    /// The number of explored states; of views, if the encoding is `guest_views`.
    pub states: usize,
    /// The number of transitions of the explored states: actions that change the state.
    pub transitions: usize,
    /// The length of the longest of the shortest traces to a state; null if several threads explored.
    pub depth: Option<usize>,
    /// The duration of the exploration.
    pub seconds: f64,
    /// The most memory that the program had; null where the system does not say.
    pub peak_bytes: Option<u64>,
    /// The result for each guarantee.
    pub properties: Vec<Property>,
    /// The answers that were checked besides the default; absent if none was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permitted: Option<PermittedReport>,
    /// The clauses whose rule a proposal takes away or contradicts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_clauses: Vec<LostClauseReport>,
    /// The guarantees of the base that a proposal promises anew, with a list of endpoints of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub promised_anew: Vec<&'static str>,
    /// The promised guarantees that another model judges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<&'static str>,
    /// The unchecked endpoints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<UncheckedEndpoint>,
    /// The run that made the report.
    pub run: Run,
    /// The rules as the user names them; for a file, their id.
    #[serde(skip)]
    pub called: String,
    /// The path of the rules file; `None` for a revision.
    #[serde(skip)]
    file: Option<String>,
    /// The scope of the report whose results for the permitted answers are repeated here.
    #[serde(skip)]
    repeats: Option<String>,
    /// The rules.
    #[serde(skip)]
    source: Rules,
}

/// The result for one guarantee.
#[derive(Debug, Clone, Serialize)]
pub struct Property {
    /// The guarantee.
    pub id: &'static str,
    /// The statement of the guarantee.
    pub always: &'static str,
    /// Whether the revision promises it.
    pub promised: bool,
    /// What was found.
    pub status: Status,
    /// The clauses that promise it.
    pub clauses: Vec<String>,
    /// The revision that withdrew the promise, if an earlier revision gave it.
    pub withdrawn: Option<WithdrawnPromise>,
    /// A shortest counterexample.
    pub counterexample: Option<Scenario>,
    /// The answers that the rules permit besides the default, and that break it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fails_by: Vec<FailsBy>,
    /// The violation of the promise that the base of the proposal gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaks_base: Option<BreaksBase>,
}

/// A promise that is not kept up.
#[derive(Debug, Clone, Serialize)]
pub struct WithdrawnPromise {
    /// The revision that withdrew it.
    pub by: String,
    /// Why.
    pub because: String,
    /// The clauses that say so.
    pub clauses: Vec<String>,
}

impl From<&Withdrawal> for WithdrawnPromise {
    fn from(withdrawal: &Withdrawal) -> Self {
        let Withdrawal { by, because, clauses } = withdrawal.clone();
        Self { by, because, clauses }
    }
}

/// A discipline: how a homeserver keeps overlapping calls apart.
#[derive(Debug, Clone, Serialize)]
pub struct DisciplineReport {
    /// The name of the discipline, or its options.
    pub id: String,
    /// The discipline in words.
    pub about: String,
    /// Whether the promises of the revision have to hold. Otherwise the report only shows the broken
    /// ones.
    pub held: bool,
    /// The options of the discipline, by point.
    pub options: BTreeMap<&'static str, &'static str>,
}

/// An exploration, and its result.
#[derive(Debug, Clone, Copy)]
pub struct ExplorationReport<'a> {
    /// The model.
    pub model: &'static str,
    /// The scope.
    pub scope: Scope,
    /// The engine.
    pub engine: &'static str,
    /// The subject.
    pub subject: &'a str,
    /// The most memory that the program had, in bytes.
    pub peak_bytes: Option<u64>,
    /// The limit or the interrupt that ended the exploration, if it is not complete.
    pub ended_by: Option<&'static str>,
}

/// Why a report that was to cover any number of guests covers its own numbers alone.
const DEPENDENCE: &str =
    "guests that depend on each other, so that no argument covers more of them";

/// The property that the subject and the model decide alike.
pub const AGREEMENT: &str = "agreement";
const AGREEMENT_ALWAYS: &str =
    "the subject decides every call as the model does, gives the same and comes to the same state";

impl CheckReport {
    /// The report of an exploration under `rules`.
    ///
    /// # Errors
    /// If a counterexample cannot happen under the rules, which would be a mistake of the model's.
    pub fn new(
        rules: &Rules,
        explored: ExplorationReport<'_>,
        found: &Report,
        run: Run,
    ) -> Result<Self, ScenarioError> {
        Self::with_scenarios(rules, rules.promised(), explored, found, run, |heading, trace| {
            let ScenarioHeading { id, about, clauses } = heading;
            Scenario::from_trace(id, rules, about, clauses, trace)
        })
    }

    /// The report of a check of `rules`. `scenario` makes a scenario of each counterexample. The report
    /// calls the guarantees in `promised` promised.
    ///
    /// # Errors
    /// If a counterexample cannot happen, which would be a mistake of the model's.
    pub fn with_scenarios<T>(
        rules: &Rules,
        promised: GuaranteeSet,
        explored: ExplorationReport<'_>,
        found: &Report<T>,
        run: Run,
        scenario: impl Fn(ScenarioHeading, &[T]) -> Result<Scenario, ScenarioError>,
    ) -> Result<Self, ScenarioError> {
        let properties = found.findings.iter().map(|finding| {
            let promised = promised.contains(finding.guarantee);
            Property::of(rules, promised, finding, &scenario)
        });
        Ok(Self {
            rules: rules.id.clone(),
            called: rules.id.clone(),
            file: None,
            model: explored.model,
            guests: Number::Exactly(explored.scope.guests),
            rooms: Number::Exactly(explored.scope.rooms),
            engine: explored.engine,
            encoding: found.encoding,
            subject: explored.subject.to_owned(),
            discipline: None,
            in_flight: None,
            complete: found.explored.complete,
            ended_by: explored.ended_by.filter(|_| !found.explored.complete),
            states: found.explored.states,
            transitions: found.explored.transitions,
            depth: found.explored.depth,
            seconds: found.took.as_secs_f64(),
            peak_bytes: explored.peak_bytes,
            properties: properties.collect::<Result<_, _>>()?,
            permitted: None,
            lost_clauses: Vec::new(),
            promised_anew: Vec::new(),
            not_judged: Vec::new(),
            unseen: Vec::new(),
            run,
            repeats: None,
            source: rules.clone(),
        })
    }

    /// Notes that the report covers any number of guests, and of rooms if `rooms` is any number.
    pub fn cover_any_number(&mut self, rooms: NumberOfRooms) {
        self.guests = Number::Any;
        if rooms == NumberOfRooms::Any {
            self.rooms = Number::Any;
        }
    }

    /// Notes that the report was to cover any number of guests, and covers its own numbers alone.
    pub fn cover_no_other_number(&mut self) {
        self.complete = false;
        self.ended_by = Some(DEPENDENCE);
    }

    /// Names the rules as the user does. If `name` is the path of their file, each scenario names the file.
    pub fn name_rules(&mut self, name: &str) {
        if !is_rules_file(name) {
            name.clone_into(&mut self.called);
            return;
        }
        self.file = Some(name.to_owned());
        let scenarios = self.properties.iter_mut().flat_map(|property| {
            let by = property.fails_by.iter_mut().map(|by| &mut by.counterexample);
            let of_base =
                property.breaks_base.iter_mut().map(|of_base| &mut of_base.counterexample);
            property.counterexample.iter_mut().chain(by).chain(of_base)
        });
        for scenario in scenarios {
            name.clone_into(&mut scenario.rules);
        }
    }

    /// The number of required guarantees.
    pub fn checked(&self) -> usize {
        let alone = self.properties.len() == 1;
        let is_checked =
            |p: &&Property| p.status != Status::NotPromised && (alone || p.id != AGREEMENT);
        self.properties.iter().filter(is_checked).count()
    }

    /// Adds the result of lockstep: whether the subject agrees with the model of `rules`.
    ///
    /// # Errors
    /// If the trace to a difference cannot happen, which would be a mistake of the model's.
    pub fn add_agreement(&mut self, rules: &Rules, found: &Lockstep) -> Result<(), ScenarioError> {
        let about = format!("Breaks `{AGREEMENT}`: {AGREEMENT_ALWAYS}.");
        let scenario = |mismatch: &Mismatch| {
            let id = format!("{}-{AGREEMENT}", rules.id);
            Scenario::from_trace(id, rules, about, Vec::new(), &mismatch.trace)
        };
        self.properties.push(Property {
            id: AGREEMENT,
            always: AGREEMENT_ALWAYS,
            promised: false,
            status: match (&found.mismatch, found.complete) {
                (Some(_), _) => Status::Violated,
                (None, false) => Status::Unknown,
                (None, true) => Status::Holds,
            },
            clauses: Vec::new(),
            withdrawn: None,
            counterexample: found.mismatch.as_ref().map(scenario).transpose()?,
            fails_by: Vec::new(),
            breaks_base: None,
        });
        self.complete &= found.complete || found.mismatch.is_some();
        Ok(())
    }

    /// Notes the guarantees that the file of a proposal promises, and that the explored model does not
    /// judge.
    pub fn add_not_judged(&mut self, rules: &Rules, judged: GuaranteeSet) {
        let not_judged = rules.own_promises.without(judged).iter();
        self.not_judged = not_judged.map(|guarantee| guarantee.get().id).collect();
    }

    /// The properties with this status.
    pub fn with_status(&self, status: Status) -> impl Iterator<Item = &Property> {
        self.properties.iter().filter(move |property| property.status == status)
    }

    /// Whether it is held to what the revision promises.
    pub fn is_held(&self) -> bool {
        self.discipline.as_ref().is_none_or(|discipline| discipline.held)
    }

    /// Whether a guarantee that was to hold is violated, or vacuous, or fails by an answer that a proposal
    /// permits and its base forbids.
    pub fn fails(&self) -> bool {
        if !self.is_held() {
            return false;
        }
        let fails = |p: &Property| matches!(p.status, Status::Violated | Status::Vacuous);
        self.properties.iter().any(fails) || self.fails_by_a_new_answer()
    }

    /// Notes the open endpoints whose content or effect no rule looks at. If there is such content, no
    /// guarantee about content holds: its status is unknown, unless it is violated anyway. If such an
    /// effect may change rooms, only guarantees about accounts and calls hold. If it may change accounts,
    /// only guarantees about who may call an endpoint hold. If it takes away what the caller may read, no
    /// guarantee about what a guest is due holds.
    pub fn add_unseen(&mut self, rules: &Rules) {
        self.unseen = UncheckedEndpoint::of(rules.unchecked_endpoints());
        if self.unseen.is_empty() {
            return;
        }
        let some = |is: &dyn Fn(&UncheckedEndpoint) -> bool| self.unseen.iter().any(is);
        let declared = rules.declared_guarantees;
        let mut unknown = GuaranteeSet::EMPTY;
        if some(&|unseen| unseen.gives.is_some()) {
            let declared = declared.with_blocks(Blocks::are_of_all_content);
            unknown = unknown.union(GuaranteeSet::ON_CONTENT).union(declared);
        }
        // The verdict on a declared guarantee rests on rooms and on accounts, or on calls alone.
        let all = rules.guarantees().without(declared.with_blocks(Blocks::are_of_calls_alone));
        if some(&|unseen| unseen.may_change(Changes::Rooms)) {
            unknown = unknown.union(all.without(GuaranteeSet::WHATEVER_ROOMS_BECOME));
        }
        if some(&|unseen| unseen.may_change(Changes::Accounts)) {
            unknown = unknown.union(all.without(GuaranteeSet::WHATEVER_CALLS_CHANGE));
        }
        if some(&|unseen| unseen.may_change(Changes::Reading)) {
            let declared = declared.with_blocks(Blocks::are_of_reads_that_are_due);
            unknown = unknown.union(GuaranteeSet::ON_WHAT_IS_DUE).union(declared);
        }
        let is_unknown = |guarantee: GuaranteeId| unknown.contains(guarantee);
        for property in &mut self.properties {
            let is_unknown = GuaranteeId::find(property.id).is_some_and(is_unknown);
            if property.status == Status::Holds && is_unknown {
                property.status = Status::Unknown;
            }
        }
    }

    /// Whether something was checked, every state was explored, no property is unknown, and the model
    /// judges each promise of a proposal.
    pub fn has_a_verdict(&self) -> bool {
        let is_known = self.with_status(Status::Unknown).next().is_none();
        self.complete && is_known && self.not_judged.is_empty() && self.checked() > 0
    }
}

/// The heading of a scenario.
#[derive(Debug, Clone)]
pub struct ScenarioHeading {
    /// The id that it gets.
    pub id: String,
    /// The explanation of the scenario.
    pub about: String,
    /// The clauses that promise the broken guarantee.
    pub clauses: Vec<String>,
}

impl Property {
    fn of<T>(
        rules: &Rules,
        promised: bool,
        finding: &Finding<T>,
        scenario: impl Fn(ScenarioHeading, &[T]) -> Result<Scenario, ScenarioError>,
    ) -> Result<Self, ScenarioError> {
        let guarantee: &Guarantee = finding.guarantee.get();
        let withdrawal = rules.withdrawn.get(&finding.guarantee);
        let clauses = rules.promises.get(&finding.guarantee).cloned().unwrap_or_default();
        let about = format!("Breaks `{}`: {}.", guarantee.id, guarantee.always);
        let of_trace = |trace: &Vec<_>| {
            let id = format!("{}-{}", rules.id, guarantee.id);
            scenario(ScenarioHeading { id, about: about.clone(), clauses: clauses.clone() }, trace)
        };
        Ok(Self {
            id: guarantee.id,
            always: guarantee.always,
            promised,
            status: finding.status,
            counterexample: finding.counterexample.as_ref().map(of_trace).transpose()?,
            withdrawn: withdrawal.map(WithdrawnPromise::from),
            clauses,
            fails_by: Vec::new(),
            breaks_base: None,
        })
    }
}
