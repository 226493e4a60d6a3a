//! Compares a homeserver with the rules, over HTTP.
//!
//! 1. *Plan* the scenarios to run: the vectors, which come from the model ([`plan()`]), or the scenarios of a
//!    folder ([`plan_from()`]).
//! 2. *Run* each scenario on the homeserver, in rooms and by guests of its own, several at once. Judge
//!    each step by everything that the rules permit of the step.
//! 3. *Find the causes*: the smallest variants under which the model does what the homeserver did.
//!    Where two mistakes explain the same, run a scenario of which they predict different outcomes. Replay
//!    unexplained divergences on the mutated reference, since the model knows too little of some.
//! 4. *Judge the run*: a homeserver takes one option at each open question. A step that takes another
//!    option than the rest of the run is an `inconsistent` divergence.
//! 5. *Group* the differences that are the same divergence.
//! 6. *Try* smaller scenarios: for each divergence, find the smallest scenario that still shows it.
//! 7. *Assemble* the result.
//!
//! | step | module |
//! |---|---|
//! | plan | `plan`, `history` (random histories) |
//! | run | `workers`, `runner`, `judge`, `listing`; recorded in `scenario_run` |
//! | causes | `cause`, `experiment`, `mutated_reference` |
//! | compare the content | `content`: the events of each answer, by the reference; a `content_difference` is part of a step's record |
//! | judge the run | `consistency`; all that is known of the run is in `run_record` |
//! | group | `grouping`, by a `signature`, which is made of a `caller` and two `step_result`s |
//! | try | `trials`, `shrink` |
//! | assemble | `assembly`, `id`, `script`, `matrix`; the result is in `result` |

mod assembly;
mod caller;
mod cause;
mod consistency;
mod content;
mod content_difference;
mod content_scenarios;
mod defect_runs;
mod experiment;
mod further;
mod grouping;
mod history;
mod id;
mod judge;
mod listing;
mod matrix;
mod mutated_reference;
mod open_question;
mod plan;
mod read_class;
mod renaming;
mod replay;
mod result;
mod run_record;
mod runner;
mod runtime;
mod saved;
mod scenario_run;
mod script;
mod shrink;
mod signature;
mod step_result;
mod taken_step;
mod trials;
mod violation;
mod workers;

use std::time::{Duration, Instant};

use guest_access_model::stop::Stop;
use guest_access_rules::decision_point::RegistrationGuests;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::Variants;

use crate::subject::server::{NotRunKind, NotRunReason, Server, ServerError, UserAccount};

pub use content::{ContentCheck, SectionCoverage};
pub use defect_runs::{DefectResult, DefectRunError, HIDDEN, diff_defects};
pub use id::ID_SCHEME;
pub use plan::{PlanError, plan, plan_content, plan_from, plan_vectors};
pub use replay::{ReplayOutcome, ReplayResult, replay};
pub use result::{
    AnswerClass, CallTarget, Cause, CellVerdict, Circumstances, DiffResult, Divergence, MatrixCell,
    NotCompared, NotComparedReason, NotComparedTotal, NotRun, Query, ReadingConflict, ReadingTaken,
    RivalCause, ScenarioSummary,
};
pub use runtime::{RunDuration, wait_for};
pub(crate) use saved::saved_text;
pub use saved::{SavedDivergence, SavedError, SavedReport};
pub use scenario_run::PlannedScenario;

use content::ContentCoverage;
use run_record::RunRecord;
use runner::ScenarioRunner;
use scenario_run::ScenarioRun;
use script::Scripts;
use workers::Workers;

/// The options of a comparison.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number of scenarios that run at once.
    pub jobs: usize,
    /// The longest time to wait for an effect that the homeserver applies after its answer.
    pub settle: Duration,
    /// Whether the rooms are kept, and not left and forgotten.
    pub keep: bool,
    /// Whether every event of an answer is compared with what its reader may be given.
    pub content: bool,
    /// How long random histories run after the scenarios; `None` for no histories.
    pub explore_for: Option<Duration>,
    /// The seed of the random histories.
    pub seed: u64,
    /// When the run ends early.
    pub stop: Stop,
}

/// Compares `server` with `rules`: runs `scenarios` on the homeserver. The first of the `accounts` is
/// the moderator, and the second is the ordinary user; missing accounts are registered. `progress` is
/// called with the number of finished scenarios.
///
/// # Errors
/// If no scenario can be run: the homeserver registers nobody, or does not answer.
pub async fn diff(
    rules: &Rules,
    server: &Server,
    accounts: &[UserAccount],
    scenarios: Vec<PlannedScenario>,
    options: &Options,
    progress: impl Fn(usize, &str),
) -> Result<DiffResult, ServerError> {
    let variants = Variants::of(rules);
    let fixtures = workers::fixtures(server, options.jobs.max(1), accounts).await?;
    if variants.default.choices.registration_guests == RegistrationGuests::Open {
        server.registers_guests().await?;
    }
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
    let vectors = scenarios.clone();
    let mut planned = scenarios.len();
    let mut runs = workers.run_all(scenarios, |done| progress(done, "vector")).await;
    if let Some(time) = options.explore_for {
        let until = Instant::now() + time;
        let histories = history::histories(&variants.default, options.seed);
        let histories = histories.take_while(|_| Instant::now() < until);
        let explored = workers.run(histories, |done| progress(done, "random history")).await;
        planned += explored.len();
        runs.extend(explored);
    }
    let finished = runs.len() == planned && !workers.is_over();
    let run = runs.iter().filter(|(_, run)| run.decisions > 0).count();
    let decisions = runs.iter().map(|(_, run)| run.decisions).sum();
    runs.extend(not_started(&vectors, &runs, workers.broken_off().as_ref()));
    let ids: Vec<_> = vectors.into_iter().map(|scenario| scenario.id).collect();
    let ran = matrix::summaries(&variants.default, &ids, &runs);
    let not_run = assembly::not_run(runs.iter().map(|(_, run)| run));
    let entries: Vec<_> = runs.iter().flat_map(|(_, run)| &run.not_run).collect();
    let not_compared = NotCompared::of(&entries);
    let mut coverage = ContentCoverage::default();
    for (_, run) in &runs {
        coverage.add(&run.coverage);
    }
    let segments = runs.into_iter().flat_map(|(_, run)| run.segments).collect();
    let record = RunRecord::of(&workers, segments).await;
    let groups = grouping::groups(&record.segments);
    let smaller = |done| progress(done, "smaller scenario");
    let demonstrated = trials::demonstrate(&workers, groups, &record.segments, smaller).await;
    workers.leave().await;
    let scripts = Scripts {
        url: server.client().url(),
        settle: options.settle,
        rules,
        profile: &variants.default,
    };
    Ok(DiffResult {
        scenarios: planned,
        run,
        decisions,
        divergences: assembly::divergences(scripts, &variants, &record, &demonstrated),
        causes: assembly::causes(rules, &variants, &record),
        not_run,
        not_compared,
        ran,
        matrix: matrix::matrix(&variants.default, &record.segments),
        coverage: coverage.sections(),
        broken_off: workers.broken_off(),
        finished,
    })
}

/// The scenarios of `planned` that are not among `runs`, since the run ended before.
fn not_started(
    planned: &[PlannedScenario],
    runs: &[(PlannedScenario, ScenarioRun)],
    broken_off: Option<&ServerError>,
) -> Vec<(PlannedScenario, ScenarioRun)> {
    let kind = broken_off.map_or(NotRunKind::Stopped, ServerError::not_run_kind);
    let reason = NotRunReason::new(kind, "the scenario did not start");
    let started = |scenario: &&PlannedScenario| runs.iter().any(|(run, _)| run.id == scenario.id);
    let not_started = planned.iter().filter(|scenario| !started(scenario));
    let run = |scenario: &PlannedScenario| {
        let mut run = ScenarioRun::default();
        run.rest_not_run(scenario, scenario.steps.len(), &reason);
        (scenario.clone(), run)
    };
    not_started.map(run).collect()
}
