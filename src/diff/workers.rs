//! Runs several scenarios at once on one homeserver.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::time::Duration;

use futures_util::future::join_all;

use crate::subject::server::{Server, ServerError, SharedFixture};

use super::runner::ScenarioRunner;
use super::scenario_run::{PlannedScenario, ScenarioRun};

/// The wait between a failed call and the call that checks whether the homeserver still answers.
const WAIT_BEFORE_CHECK: Duration = Duration::from_millis(500);

/// Runs scenarios at once: one for each fixture, and each fixture has its own accounts.
#[derive(Debug)]
pub(super) struct Workers<'a> {
    runner: ScenarioRunner<'a>,
    fixtures: Vec<SharedFixture>,
    /// The error that ended the run early.
    broken_off: RefCell<Option<ServerError>>,
}

impl<'a> Workers<'a> {
    pub(super) const fn new(runner: ScenarioRunner<'a>, fixtures: Vec<SharedFixture>) -> Self {
        Self { runner, fixtures, broken_off: RefCell::new(None) }
    }

    pub(super) const fn runner(&self) -> &ScenarioRunner<'a> {
        &self.runner
    }

    /// Runs these scenarios, the longest first, so that in the end no worker waits for a long one.
    /// Returns the runs in the order of `scenarios`.
    pub(super) async fn run_all(
        &self,
        scenarios: Vec<PlannedScenario>,
        progress: impl Fn(usize),
    ) -> Vec<(PlannedScenario, ScenarioRun)> {
        let mut scenarios: Vec<_> = scenarios.into_iter().enumerate().collect();
        scenarios.sort_by_key(|(_, scenario)| Reverse(scenario.steps.len()));
        let places: Vec<_> = scenarios.iter().map(|(place, _)| *place).collect();
        let runs = self.run(scenarios.into_iter().map(|(_, scenario)| scenario), progress).await;
        let mut runs: Vec<_> = places.into_iter().zip(runs).collect();
        runs.sort_by_key(|(place, _)| *place);
        runs.into_iter().map(|(_, run)| run).collect()
    }

    /// Runs the scenarios of an iterator. Returns the runs in the same order. `progress` is called with the
    /// number of finished scenarios.
    pub(super) async fn run(
        &self,
        scenarios: impl Iterator<Item = PlannedScenario>,
        progress: impl Fn(usize),
    ) -> Vec<(PlannedScenario, ScenarioRun)> {
        let scenarios = RefCell::new(scenarios.enumerate());
        let finished = Cell::new(0);
        let runs = RefCell::new(Vec::new());
        let work = self.fixtures.iter().map(|fixture| async {
            while !self.is_over() {
                let Some((number, scenario)) = scenarios.borrow_mut().next() else { return };
                let run = self.runner.run(fixture, &scenario).await;
                if run.broken.as_ref().is_some_and(ServerError::is_broken_line) && !self.is_over() {
                    self.check_that_it_answers().await;
                }
                runs.borrow_mut().push((number, scenario, run));
                finished.set(finished.get() + 1);
                progress(finished.get());
            }
        });
        join_all(work).await;
        let mut runs = runs.into_inner();
        runs.sort_by_key(|(number, ..)| *number);
        runs.into_iter().map(|(_, scenario, run)| (scenario, run)).collect()
    }

    /// Leaves the rooms that are kept for further scenarios.
    pub(super) async fn leave(&self) {
        if self.broken_off.borrow().is_none() {
            join_all(self.fixtures.iter().map(|h| self.runner.server.leave_vacant(h))).await;
        }
    }

    /// Why no further call is made, if the run broke off.
    pub(super) fn broken_off(&self) -> Option<ServerError> {
        self.broken_off.borrow().clone()
    }

    /// Whether no further call is made: the time is up, or the homeserver does not answer.
    pub(super) fn is_over(&self) -> bool {
        self.runner.stop.now() || self.broken_off.borrow().is_some()
    }

    /// Asks for the versions of the specification. One call may fail for any reason; a homeserver that
    /// does not answer this one either is gone.
    async fn check_that_it_answers(&self) {
        tokio::time::sleep(WAIT_BEFORE_CHECK).await;
        let answers = self.runner.server.answers().await;
        if let Err(error) = answers
            && !error.is_stop()
        {
            self.broken_off.borrow_mut().get_or_insert(error);
        }
    }
}

/// The fixtures for this number of workers.
///
/// # Errors
/// If the homeserver registers nobody.
pub(super) async fn fixtures(
    server: &Server,
    jobs: usize,
    accounts: &[crate::subject::server::UserAccount],
) -> Result<Vec<SharedFixture>, ServerError> {
    // Make the first fixture alone, so that a homeserver that registers nobody gives one error.
    let mut fixtures = vec![server.fixture(accounts).await?];
    let others = (1..jobs).map(|_| server.fixture(accounts));
    for other in join_all(others).await {
        fixtures.push(other?);
    }
    Ok(fixtures)
}
