//! The judgement of a run by the rules.

use std::fmt::Write;

use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Variant, permitted};
use sha2::{Digest, Sha256};

use crate::diff::{ID_SCHEME, ReadingTaken};
use crate::subject::server::ServerError;

use super::answer::Answer;
use super::cause::causes;
use super::judged_step::JudgedStep;
use super::prediction::predictions;
use super::result::{FederatedDivergence, FederatedNotRun, FederatedResult, ScenarioResult};
use super::scenario::{FederatedScenario, Step};
use super::session::ScenarioRun;

/// The number of bytes of the hash in an id.
const BYTES: usize = 4;

/// Judges the runs of the scenarios.
pub(super) fn judge(
    rules: &Rules,
    runs: &[ScenarioRun],
    finished: bool,
    broken_off: Option<ServerError>,
) -> FederatedResult {
    let profile = rules.profile();
    let judged = |run: &ScenarioRun| run.scenario.steps.iter().enumerate();
    let steps: Vec<JudgedStep<'_>> = runs
        .iter()
        .flat_map(|run| {
            let judged = judged(run).filter(|(_, step)| FederatedScenario::is_judged(step));
            let predicted = predictions(&profile, None, run.scenario);
            judged.zip(predicted).zip(&run.observed).enumerate().map(
                |(number, (((index, _), prediction), observed))| JudgedStep {
                    scenario: run.scenario,
                    step: index + 1,
                    number,
                    prediction,
                    observed,
                },
            )
        })
        .collect();
    let variants = permitted(rules);
    let mut divergences = Vec::new();
    // The places of the divergences.
    let mut places = Vec::new();
    for (place, judged) in steps.iter().enumerate() {
        let (Some(expected), Ok(observed)) = (&judged.prediction.answer, judged.observed) else {
            continue;
        };
        let Some(kind) = expected.divergence(observed) else { continue };
        let readings = readings(&variants, judged, observed);
        divergences.push(FederatedDivergence {
            id: id(judged.scenario, judged.step, expected, observed),
            kind,
            scenario: judged.scenario,
            step: judged.step,
            expected: expected.clone(),
            observed: observed.clone(),
            because: judged.prediction.because,
            clauses: judged.prediction.clauses.clone(),
            readings,
            cause: None,
        });
        places.push(place);
    }
    let found = places.iter().zip(&divergences);
    // What the rules permit needs no mistake as its cause.
    let wrong = found.filter(|(_, divergence)| divergence.readings.is_empty());
    let causes = causes(rules, &steps, wrong.map(|(place, _)| *place).collect());
    for (place, divergence) in places.iter().zip(&mut divergences) {
        divergence.cause = causes.iter().position(|(_, explains)| explains.contains(place));
    }
    divergences.sort_by_key(|divergence| divergence.kind);
    FederatedResult {
        scenarios: runs.iter().map(|run| summary(run, &steps)).collect(),
        divergences,
        causes: causes.into_iter().map(|(cause, _)| cause).collect(),
        not_run: steps.iter().filter_map(not_run).collect(),
        broken_off,
        finished,
    }
}

/// The readings under which the rules predict what was observed.
fn readings(variants: &[Variant], step: &JudgedStep<'_>, observed: &Answer) -> Vec<ReadingTaken> {
    let predicts = |variant: &&Variant| {
        let predicted = predictions(&variant.profile, None, step.scenario);
        let answer = predicted.get(step.number).and_then(|predicted| predicted.answer.as_ref());
        answer.is_some_and(|answer| answer.divergence(observed).is_none())
    };
    variants.iter().filter(predicts).map(ReadingTaken::of).collect()
}

fn not_run(step: &JudgedStep<'_>) -> Option<FederatedNotRun> {
    let reason = step.observed.as_ref().err()?.clone();
    Some(FederatedNotRun { scenario: step.scenario.id, step: step.step, reason })
}

fn summary(run: &ScenarioRun, steps: &[JudgedStep<'_>]) -> ScenarioResult {
    let mut result =
        ScenarioResult { scenario: run.scenario.id, decisions: 0, open: 0, not_run: 0 };
    for step in steps.iter().filter(|step| step.scenario.id == run.scenario.id) {
        match (&step.prediction.answer, step.observed) {
            (_, Err(_)) => result.not_run += 1,
            (None, Ok(_)) => result.open += 1,
            (Some(_), Ok(_)) => result.decisions += 1,
        }
    }
    result
}

/// The id of a divergence: the kind, the scenario, and a hash of the step and both answers. No sentence is
/// part of the hash, so the id survives a change of the words.
fn id(scenario: &FederatedScenario, step: usize, expected: &Answer, observed: &Answer) -> String {
    let kind = expected.divergence(observed).map_or("none", |kind| kind.as_str());
    let data = |answer: &Answer| match answer {
        Answer::Alike(told) => format!("alike {}", told.is_ok()),
        answer => answer.to_string(),
    };
    let step: Option<&Step> = scenario.steps.get(step - 1);
    let hashed = format!("{ID_SCHEME} {kind} {step:?} {} {}", data(expected), data(observed));
    let hash = Sha256::digest(hashed.as_bytes());
    let mut id = format!("{kind}-{}-", scenario.id);
    for byte in &hash[..BYTES] {
        let _ = write!(id, "{byte:02x}");
    }
    id
}
