//! Runs several scenarios at once on one homeserver.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::time::Duration;

use futures_util::future::join_all;

use crate::subject::server::{Server, ServerError, SharedFixture};

use super::runner::ScenarioRunner;
use super::scenario_run::{PlannedScenario, ScenarioRun};

/// How long the runner waits before it asks a homeserver that did not answer whether it is still there.
const BREATH: Duration = Duration::from_millis(500);

/// Runs scenarios, as many at once as there are fixtures, each by accounts of its own.
#[derive(Debug)]
pub(super) struct Workers<'a> {
    runner: ScenarioRunner<'a>,
    fixtures: Vec<SharedFixture>,
    /// Why the homeserver is asked no further.
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

    /// Runs the scenarios that `scenarios` gives. Returns the runs in that order. `progress` is told how
    /// many scenarios were run so far.
    pub(super) async fn run(
        &self,
        scenarios: impl Iterator<Item = PlannedScenario>,
        progress: impl Fn(usize),
    ) -> Vec<(PlannedScenario, ScenarioRun)> {
        let scenarios = RefCell::new(scenarios.enumerate());
        let done = Cell::new(0);
        let runs = RefCell::new(Vec::new());
        let work = self.fixtures.iter().map(|fixture| async {
            while !self.is_over() {
                let Some((number, scenario)) = scenarios.borrow_mut().next() else { return };
                let run = self.runner.run(fixture, &scenario).await;
                if run.broken.as_ref().is_some_and(ServerError::is_broken_line) {
                    self.see_whether_it_answers().await;
                }
                runs.borrow_mut().push((number, scenario, run));
                done.set(done.get() + 1);
                progress(done.get());
            }
        });
        join_all(work).await;
        let mut runs = runs.into_inner();
        runs.sort_by_key(|(number, ..)| *number);
        runs.into_iter().map(|(_, scenario, run)| (scenario, run)).collect()
    }

    /// Leaves the rooms that wait for another scenario.
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
    async fn see_whether_it_answers(&self) {
        tokio::time::sleep(BREATH).await;
        if let Err(error) = self.runner.server.answers().await {
            self.broken_off.borrow_mut().get_or_insert(error);
        }
    }
}

/// The helpers of so many workers.
///
/// # Errors
/// If the homeserver registers nobody.
pub(super) async fn fixtures(
    server: &Server,
    jobs: usize,
    given: &[crate::subject::server::UserAccount],
) -> Result<Vec<SharedFixture>, ServerError> {
    // The first alone: what goes wrong goes wrong once.
    let mut fixtures = vec![server.fixture(given).await?];
    let others = (1..jobs).map(|_| server.fixture(given));
    for other in join_all(others).await {
        fixtures.push(other?);
    }
    Ok(fixtures)
}
