//! Runs the divergences of a saved report again: which are fixed, and which still occur?

use guest_access_model::action::Action;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::Variants;

use crate::subject::server::{Server, ServerError, UserAccount};

use super::Options;
use super::runner::ScenarioRunner;
use super::saved::SavedDivergence;
use super::scenario_run::{PlannedScenario, ScenarioRun};
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
        variants: &variants,
        settle: options.settle,
        keep: options.keep,
        stop: options.stop.clone(),
    };
    let workers = Workers::new(runner, fixtures);
    let scenario = |divergence: &SavedDivergence| PlannedScenario {
        id: divergence.id.clone(),
        steps: divergence.scenario.steps.iter().map(|step| step.action).collect(),
    };
    let plan = divergences.iter().map(scenario);
    let runs = workers.run(plan, |done| progress(done, "divergence")).await;
    workers.leave().await;
    let outcomes = runs.iter().zip(divergences).map(|((scenario, run), divergence)| {
        if divergence.is_inconsistent {
            let because = "one scenario does not show whether a run is inconsistent; run `diff`";
            return ReplayOutcome::CouldNotRun { because: because.to_owned() };
        }
        outcome_of_run(run, &scenario.steps)
    });
    // The run ends with the divergences that were not reached.
    let because =
        workers.broken_off().map_or("the time limit ended the run".to_owned(), |e| e.to_string());
    let not_reached = ReplayOutcome::CouldNotRun { because };
    let outcomes = outcomes.chain(std::iter::repeat(not_reached)).take(divergences.len()).collect();
    Ok(ReplayResult { outcomes, broken_off: workers.broken_off() })
}

/// The outcome of the divergence that the last of these steps showed.
fn outcome_of_run(run: &ScenarioRun, steps: &[Action]) -> ReplayOutcome {
    let could_not_run = |because: String| ReplayOutcome::CouldNotRun { because };
    let segment = run.segments.first();
    let Some((segment, last)) = segment.and_then(|segment| Some((segment, segment.log.last()?)))
    else {
        let because = run.not_run.first().map(|not_run| not_run.because.clone());
        return could_not_run(because.unwrap_or_else(|| "the scenario has no steps".to_owned()));
    };
    let at = segment.log.len() - 1;
    let has_tagged_event = segment.before(at).is_some_and(|before| before.tagged.is_some());
    let now = StepResult::observed(last, has_tagged_event).in_words();
    if let Some(reason) = last.observed.verdict.not_run() {
        return could_not_run(format!("step {}: {}", at + 1, reason.because));
    }
    if segment.log.len() < steps.len() {
        let because = match (&run.broken, last.diverges) {
            (Some(error), _) => error.to_string(),
            (None, true) => {
                format!("step {} already diverges from the rules: {now}", at + 1)
            }
            (None, false) => match run.not_run.first() {
                Some(not_run) => not_run.because.clone(),
                None => "a step before the last is impossible under these rules".to_owned(),
            },
        };
        return could_not_run(because);
    }
    match (segment.difference_at(at), &last.unseen) {
        (None, Some(unseen)) => could_not_run(format!("step {}: {}", at + 1, unseen.because)),
        (None, None) => ReplayOutcome::Fixed { now },
        (Some(difference), _) => ReplayOutcome::StillThere {
            now: Signature::of(difference, last).observed.in_words(),
            permitted: !difference.variants.is_empty(),
        },
    }
}
