//! The summary of each scenario, and the matrix of all judged steps.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::{Action, Actor, Answer, Operation, Place};
use guest_access_model::decide::{Outcome, outcome};
use guest_access_model::state::State;
use guest_access_rules::profile::Profile;
use guest_access_scenarios::scenario::{operation_phrase, sentence};

use crate::subject::server::{EventPresence, ResponseContent};

use super::caller::CallerKind;
use super::judge::StepRecord;
use super::renaming::Renaming;
use super::result::{
    AnswerClass, CallTarget, CellVerdict, Circumstances, MatrixCell, Query, ScenarioSummary,
};
use super::scenario_run::{PlannedScenario, ScenarioRun, Segment};
use super::signature::Signature;

/// The summary of each scenario: first the planned vectors in their order, then the random histories.
pub(super) fn summaries(
    default: &Profile,
    vectors: &[String],
    runs: &[(PlannedScenario, ScenarioRun)],
) -> Vec<ScenarioSummary> {
    let mut ran: BTreeMap<&str, &ScenarioRun> = BTreeMap::new();
    ran.extend(runs.iter().map(|(scenario, run)| (&*scenario.id, run)));
    let vectors = vectors.iter().filter_map(|id| Some((id, true, ran.remove(&**id)?)));
    let vectors = vectors.collect::<Vec<_>>();
    let others = runs.iter().filter(|(scenario, _)| ran.contains_key(&*scenario.id));
    let others = others.map(|(scenario, run)| (&scenario.id, false, run));
    let all = vectors.into_iter().chain(others);
    all.map(|(id, is_vector, run)| {
        let failed = run.not_run.iter().filter(|not_run| not_run.failure);
        ScenarioSummary {
            scenario: id.clone(),
            is_vector,
            decisions: run.decisions,
            not_run: reasons(run),
            not_run_kinds: run.not_run.iter().map(|not_run| not_run.kind).collect(),
            not_compared: failed.map(|not_run| not_run.decisions).sum(),
            queries: if is_vector { queries(default, run) } else { BTreeSet::new() },
        }
    })
    .collect()
}

/// The reasons why steps of a scenario did not run, each reason once.
fn reasons(run: &ScenarioRun) -> Vec<String> {
    let reasons = run.not_run.iter().map(|not_run| match &not_run.step {
        Some(step) => format!("{step}: {}", not_run.because),
        None => not_run.because.clone(),
    });
    reasons.collect::<BTreeSet<_>>().into_iter().collect()
}

fn queries(default: &Profile, run: &ScenarioRun) -> BTreeSet<Query> {
    let judged_steps = run.segments.iter().flat_map(|segment| judged_steps(default, segment));
    judged_steps.map(|step| query(&step.record.step, &step.before)).collect()
}

/// The query of a step: the step with renamed guests, and the kind of its caller.
fn query(step: &Action, before: &State) -> Query {
    let renaming = Renaming::of(step);
    Query {
        step: sentence(&renaming.step(step)),
        by: CallerKind::of(step, before).in_words().to_owned(),
    }
}

/// The matrix of all judged steps, by class.
pub(super) fn matrix(default: &Profile, segments: &[Segment]) -> Vec<MatrixCell> {
    let mut classes: BTreeMap<
        Circumstances,
        BTreeMap<(AnswerClass, AnswerClass, CellVerdict), usize>,
    > = BTreeMap::new();
    for segment in segments {
        for step in judged_steps(default, segment) {
            let answers = (step.expected(), step.observed(), step.verdict(segment));
            *classes.entry(step.class()).or_default().entry(answers).or_default() += 1;
        }
    }
    let cells = classes.into_iter().flat_map(|(class, answers)| {
        answers.into_iter().map(move |((expected, observed, verdict), count)| MatrixCell {
            class: class.clone(),
            expected,
            observed,
            verdict,
            count,
        })
    });
    cells.collect()
}

/// A judged step, with the state before it.
struct JudgedStep<'a> {
    at: usize,
    before: State,
    record: &'a StepRecord,
    /// The outcome by the default profile.
    expected: Outcome,
}

/// The judged steps of a segment, without the steps that only repeat an earlier segment.
fn judged_steps<'a>(
    default: &'a Profile,
    segment: &'a Segment,
) -> impl Iterator<Item = JudgedStep<'a>> {
    let records = segment.log.iter().enumerate().skip(segment.known);
    records.filter(|(_, record)| record.is_answered()).filter_map(|(at, record)| {
        let before = segment.before(at)?;
        let expected = outcome(default, &before, &record.step)?;
        Some(JudgedStep { at, before, record, expected })
    })
}

impl JudgedStep<'_> {
    fn class(&self) -> Circumstances {
        let Self { before, record: StepRecord { step, .. }, .. } = self;
        let room = step.room().map(|number| &before.rooms[number]);
        let membership = match step.by {
            Actor::Guest(number) => room.map(|room| room.members[usize::from(number)]),
            Actor::User => room.map(|room| room.user),
            _ => None,
        };
        Circumstances {
            operation: operation_name(step),
            by: CallerKind::of(step, before).in_words().to_owned(),
            place: match step.place {
                Place::Room(_) => CallTarget::Room,
                Place::Elsewhere => CallTarget::Elsewhere,
                Place::Nowhere => CallTarget::Nowhere,
            },
            membership: membership.map(guest_access_rules::vocabulary::Membership::as_str),
            history_visibility: room.map(|room| {
                room.visibility.map_or("none that can be read", |visibility| visibility.as_str())
            }),
            guest_access: room.map(|room| room.guest_access.as_str()),
        }
    }

    fn expected(&self) -> AnswerClass {
        let observation = &self.expected.observation;
        match observation.answer {
            _ if !observation.decision.allows() => AnswerClass::Denied,
            Answer::Gave { tagged } if self.before.tagged.is_some() => {
                AnswerClass::of_presence(tagged)
            }
            _ => AnswerClass::Allowed,
        }
    }

    fn observed(&self) -> AnswerClass {
        let observed = &self.record.observed;
        match &observed.content {
            _ if !observed.is_allowed() => AnswerClass::Denied,
            ResponseContent::Gave(EventPresence::CutOff) => self.expected(),
            ResponseContent::Gave(presence) if self.before.tagged.is_some() => {
                AnswerClass::of_presence(!matches!(presence, EventPresence::Absent))
            }
            _ => AnswerClass::Allowed,
        }
    }

    fn verdict(&self, segment: &Segment) -> CellVerdict {
        let difference = segment.difference_at(self.at);
        match difference {
            None => CellVerdict::AsExpected,
            Some(difference) => {
                let Signature { kind, permitted, .. } = Signature::of(difference, self.record);
                if permitted { CellVerdict::Permitted } else { CellVerdict::Diverges(kind) }
            }
        }
    }
}

/// The name of the operation: the endpoint, if the step is a single call; otherwise the phrase.
fn operation_name(step: &Action) -> String {
    match step.operation {
        Operation::Read(endpoint) | Operation::Call(endpoint) => endpoint.to_string(),
        _ => operation_phrase(Renaming::of(step).step(step).operation),
    }
}
