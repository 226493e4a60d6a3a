//! Runs the divergences of a saved report again: which are fixed, and which still occur?
//!
//! One scenario shows most divergences by its last step. An inconsistent divergence takes two scenarios:
//! its own, and one that shows the option of the rest of the run. It still occurs if no assignment of
//! options explains both.

use std::iter;

use guest_access_model::action::Action;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::Variants;

use crate::subject::server::{Server, ServerError, UserAccount};

use super::Options;
use super::consistency::mark_inconsistent;
use super::judge::StepRecord;
use super::runner::ScenarioRunner;
use super::saved::SavedDivergence;
use super::scenario_run::{ContentPlan, Difference, PlannedScenario, ScenarioRun, Segment};
use super::signature::Signature;
use super::step_result::StepResult;
use super::workers::{self, Workers};

/// The outcome of a divergence's replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// The homeserver now does what the default profile expects.
    Fixed {
        /// The observed outcome, in words.
        now: String,
    },
    /// The homeserver still diverges.
    StillThere {
        /// The observed outcome, in words.
        now: String,
        /// Whether a reading permits the observed outcome.
        permitted: bool,
    },
    /// The replay could not judge the divergence.
    CouldNotRun {
        /// The reason.
        because: String,
    },
}

/// The result of a replay.
#[derive(Debug)]
pub struct ReplayResult {
    /// The outcome of each divergence, in their order.
    pub outcomes: Vec<ReplayOutcome>,
    /// The error that ended the replay early, if one did.
    pub broken_off: Option<ServerError>,
}

/// Runs the scenarios of these divergences on `server` again, and judges their last steps by `rules`.
///
/// # Errors
/// If no scenario can run: the homeserver registers nobody, or does not answer.
pub async fn replay(
    rules: &Rules,
    server: &Server,
    accounts: &[UserAccount],
    divergences: &[SavedDivergence],
    options: &Options,
    progress: impl Fn(usize, &str),
) -> Result<ReplayResult, ServerError> {
    let variants = Variants::of(rules);
    let jobs = options.jobs.clamp(1, divergences.len().max(1));
    let fixtures = workers::fixtures(server, jobs, accounts).await?;
    let runner = ScenarioRunner {
        server,
        rules,
        variants: &variants,
        settle: options.settle,
        keep: options.keep,
        content: options.content,
        stop: options.stop.clone(),
    };
    let workers = Workers::new(runner, fixtures);
    let plan = divergences.iter().flat_map(scenarios);
    let runs = workers.run(plan, |done| progress(done, "scenario")).await;
    workers.leave().await;
    let mut runs = runs.into_iter();
    let outcomes = divergences.iter().map_while(|divergence| {
        let expected = 1 + divergence.contrasts.len();
        let runs: Vec<_> = runs.by_ref().take(expected).collect();
        (runs.len() == expected).then(|| outcome_of_runs(&variants, divergence, &runs))
    });
    let outcomes: Vec<_> = outcomes.collect();
    // The run ends with the divergences that were not reached.
    let because =
        workers.broken_off().map_or("the time limit ended the run".to_owned(), |e| e.to_string());
    let not_reached = ReplayOutcome::CouldNotRun { because };
    let outcomes = outcomes.into_iter().chain(std::iter::repeat(not_reached));
    let outcomes = outcomes.take(divergences.len()).collect();
    Ok(ReplayResult { outcomes, broken_off: workers.broken_off() })
}

/// The scenarios of a divergence: its own, then those that show the option of the rest of the run.
fn scenarios(divergence: &SavedDivergence) -> impl Iterator<Item = PlannedScenario> {
    let scenarios = iter::once(&divergence.scenario).chain(&divergence.contrasts);
    scenarios.map(|scenario| PlannedScenario {
        id: scenario.id.clone(),
        steps: scenario.steps.iter().map(|step| step.action).collect(),
        content: ContentPlan::Whole,
        is_trial: false,
    })
}

/// The outcome of a divergence, by the runs of its scenarios.
fn outcome_of_runs(
    variants: &Variants,
    divergence: &SavedDivergence,
    runs: &[(PlannedScenario, ScenarioRun)],
) -> ReplayOutcome {
    let last_steps = runs.iter().map(|(scenario, run)| LastStep::of(run, &scenario.steps));
    let last_steps = match last_steps.collect::<Result<Vec<_>, _>>() {
        Ok(last_steps) => last_steps,
        Err(because) => return ReplayOutcome::CouldNotRun { because },
    };
    let one = &last_steps[0];
    if !divergence.is_inconsistent {
        return match one.difference() {
            None => ReplayOutcome::Fixed { now: one.now() },
            Some(difference) => {
                let permitted = !difference.variants.is_empty();
                ReplayOutcome::StillThere { now: one.now(), permitted }
            }
        };
    }
    if divergence.contrasts.is_empty() {
        let because = "the report has no scenario that shows the option of the rest of the run, so \
                       nothing is there to compare with; run `diff`";
        return ReplayOutcome::CouldNotRun { because: because.to_owned() };
    }
    // No step speaks for a mistake: a replay looks for no causes.
    let mut segments: Vec<_> = last_steps.iter().map(|last| last.segment.clone()).collect();
    mark_inconsistent(variants, &mut segments, &[], |_| false);
    let mut differences = segments.iter().flat_map(|segment| &segment.differences);
    let mut now_different = last_steps.iter().filter_map(LastStep::difference);
    if differences.any(|found| found.inconsistency.is_some())
        || now_different.any(|found| found.variants.is_empty())
    {
        return ReplayOutcome::StillThere { now: one.now(), permitted: false };
    }
    let now = format!("{}; the scenarios of the report agree in one option", one.now());
    ReplayOutcome::Fixed { now }
}

/// The last step of a scenario that ran to its end.
struct LastStep<'a> {
    segment: &'a Segment,
    at: usize,
}

impl<'a> LastStep<'a> {
    /// # Errors
    /// If the last of these steps was not compared: why.
    fn of(run: &'a ScenarioRun, steps: &[Action]) -> Result<Self, String> {
        let not_run = || run.not_run.first().map(|not_run| not_run.because.clone());
        let segment = run.segments.first().filter(|segment| !segment.log.is_empty());
        let Some(segment) = segment else {
            return Err(not_run().unwrap_or_else(|| "the scenario has no steps".to_owned()));
        };
        let last = Self { segment, at: segment.log.len() - 1 };
        let record = last.record();
        if let Some(reason) = record.observed.verdict.not_run() {
            return Err(format!("step {}: {}", last.at + 1, reason.because));
        }
        if segment.log.len() < steps.len() {
            return Err(match (&run.broken, record.diverges) {
                (Some(error), _) => error.to_string(),
                (None, true) => {
                    let now = last.now();
                    format!("step {} already diverges from the rules: {now}", last.at + 1)
                }
                (None, false) => not_run().unwrap_or_else(|| {
                    "a step before the last is impossible under these rules".to_owned()
                }),
            });
        }
        match (last.difference(), &record.unseen) {
            (None, Some(unseen)) => Err(format!("step {}: {}", last.at + 1, unseen.because)),
            _ => Ok(last),
        }
    }

    fn record(&self) -> &'a StepRecord {
        &self.segment.log[self.at]
    }

    fn difference(&self) -> Option<&'a Difference> {
        self.segment.difference_at(self.at)
    }

    /// The observed outcome, in words.
    fn now(&self) -> String {
        let record = self.record();
        let observed = if let Some(difference) = self.difference() {
            Signature::of(difference, record).observed
        } else {
            let before = self.segment.before(self.at);
            StepResult::observed(record, before.is_some_and(|before| before.tagged.is_some()))
        };
        observed.in_words()
    }
}
