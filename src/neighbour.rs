//! Takes part in the rooms of a homeserver as another homeserver, and compares what the homeserver does
//! with its guests with the rules.
//!
//! 1. *Connect*: a room is made on the server under test, our server joins, and a message of that room
//!    arrives at ours ([`run`]).
//! 2. *Run* each scenario of [`SCENARIOS`] in a room of its own: the users and the guests of the server
//!    under test act by the client-server API, and our server makes events and sends them in the order
//!    that the scenario says (`session`). What can be observed is read (`observe`).
//! 3. *Judge* each observation by what the rules predict (`prediction`), and by what every other permitted
//!    option predicts.
//! 4. *Find the causes*: a mistake is a cause if it predicts every answer that it predicts otherwise than
//!    the rules. It is a [`FederationMistake`](guest_access_rules::federation::FederationMistake), or a forbidden variant of the profile.
//!
//! The model decides what an event that counts does. State resolution, on our own graph of the room,
//! checks that each event is what its scenario says: accepted, overruled, soft-failed or rejected.

mod answer;
mod cause;
mod defect_runs;
mod judge;
mod judged_step;
mod mistake;
mod observe;
mod prediction;
mod resemblance;
mod result;
mod saved;
mod scenario;
mod scenarios;
mod session;
mod set_up;
mod step_error;
mod under_test;
mod words;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::StreamExt;
use guest_access_model::stop::Stop;
use guest_access_rules::rules::Rules;
use ruma::RoomVersionId;

use crate::subject::server::{NotRunKind, NotRunReason, Server, ServerError, SharedFixture};

pub use answer::Answer;
pub use defect_runs::{
    FederatedDefect, FederatedDefectError, FederatedDefectResult, federated_defects, run_defects,
};
pub use prediction::{Prediction, predictions};
pub use result::{
    FederatedCause, FederatedDivergence, FederatedNotRun, FederatedResult, ScenarioResult,
};
pub use saved::{FederatedReplay, SavedFederatedDivergence, SavedFederatedReport};
pub use scenario::{FederatedScenario, Label, Step};
pub use scenarios::SCENARIOS;
pub use set_up::{Neighbour, NeighbourError, NeighbourOptions};
pub use under_test::{ReferenceUnderTest, SETTLE_OF_REFERENCE};
pub use words::sentence;

use session::ScenarioRun;

/// The options of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number of scenarios that run at once.
    pub jobs: usize,
    /// The longest time to wait for an effect, and for an event to arrive.
    pub settle: Duration,
    /// Whether the rooms are kept, and not left and forgotten.
    pub keep: bool,
    /// The room version of every room [default: 11, else 10].
    pub room_version: Option<RoomVersionId>,
    /// When the run ends early.
    pub stop: Stop,
}

/// What a run shares.
struct Context<'a> {
    server: &'a Server,
    fixture: &'a SharedFixture,
    neighbour: &'a Neighbour,
    options: &'a Options,
}

impl Context<'_> {
    /// The version of every room; `None` if the homeserver offers none that this program knows.
    fn room_version(&self) -> Option<RoomVersionId> {
        let default = || self.server.room_version()?.try_into().ok();
        self.options.room_version.clone().or_else(default)
    }
}

/// Runs `scenarios` with the server under test, and judges them by `rules`. `progress` is called with the
/// number of finished scenarios.
///
/// # Errors
/// If the servers cannot exchange events, so that no scenario can be run.
pub async fn run(
    rules: &Rules,
    server: &Server,
    fixture: &SharedFixture,
    neighbour: &Neighbour,
    scenarios: &[&'static FederatedScenario],
    options: &Options,
    progress: impl Fn(usize),
) -> Result<FederatedResult, NeighbourError> {
    if let Some(version) = &options.room_version
        && !server.offers_room_version(version.as_str())
    {
        return Err(NeighbourError::RoomVersion { version: version.clone() });
    }
    let context = Context { server, fixture, neighbour, options };
    session::check(&context).await?;
    let done = Cell::new(0);
    let broken: RefCell<Option<ServerError>> = RefCell::new(None);
    let run_one = async |scenario: &'static FederatedScenario| {
        if options.stop.now() || broken.borrow().is_some() {
            let kind =
                broken.borrow().as_ref().map_or(NotRunKind::Stopped, ServerError::not_run_kind);
            return ScenarioRun::not_started(
                scenario,
                &NotRunReason::new(kind, "it did not start"),
            );
        }
        let run = session::run(&context, scenario).await;
        if let Some(error) = &run.broken {
            broken.borrow_mut().get_or_insert_with(|| error.clone());
        }
        done.set(done.get() + 1);
        progress(done.get());
        run
    };
    let runs = scenarios.iter().map(|scenario| run_one(scenario));
    let runs: Vec<_> =
        futures_util::stream::iter(runs).buffered(options.jobs.max(1)).collect().await;
    let finished = done.get() == scenarios.len() && broken.borrow().is_none();
    // A homeserver that is no longer waited for did not break off.
    let broken_off = broken.into_inner().filter(|error| !error.is_stop());
    Ok(judge::judge(rules, &runs, finished, broken_off))
}
