//! Runs `diff` on the reference with each defect: does `diff` find the defect, and name its decision
//! point?

use std::io;
use std::time::Duration;

use guest_access_model::stop::Stop;
use guest_access_model::threads::each_until;
use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{JOINED_BY, Variant, Variants};

use crate::subject::server::{Limits, Proof, Server, ServerError};

use super::{Cause, DiffResult, Options, PlannedScenario, diff, wait_for};

/// The result of `diff` for the reference with one defect.
#[derive(Debug)]
pub struct DefectResult {
    /// The defect.
    pub defect: Variant,
    /// The decision point of the defect; several are joined by `and`.
    pub point: String,
    /// Why the defect cannot show over HTTP, if it cannot.
    pub hidden: Option<&'static str>,
    /// The result of `diff`.
    pub result: DiffResult,
}

/// The decision points whose options do not show over HTTP, each with the reason. `spec-notes/vectors.md`
/// has the same table.
pub const HIDDEN: &[(&str, &str)] = &[
    (
        "registration.first_guest",
        "it shows only in the first account of a homeserver, which is the moderator's",
    ),
    (
        "registration.known_by",
        "it shows only in accounts without a password, and `diff` registers every account with one",
    ),
    ("history_visibility.absent", "every room is created with the setting"),
    (
        "GET /user/{userId}/rooms/{roomId}/account_data/{type}",
        "a guest has nothing to read there, because it may put nothing there",
    ),
];

impl DefectResult {
    /// Whether `diff` found a divergence that the rules forbid.
    pub fn is_found(&self) -> bool {
        self.result.divergences.iter().any(|divergence| !divergence.is_permitted())
    }

    /// Whether the decision point of the defect explains every divergence, and no other point is named. If
    /// the defect has several decision points, each of them may explain a divergence.
    pub fn is_named(&self) -> bool {
        let own = |point: &str| self.point.split(JOINED_BY).any(|own| own == point);
        let causes = &self.result.causes;
        let is_own = |cause: &Cause| cause.decision_point.split(JOINED_BY).all(own);
        self.is_found()
            && causes.iter().all(|cause| is_own(cause) && !cause.permitted)
            && self.result.divergences.iter().all(|divergence| divergence.cause.is_some())
    }
}

/// Why a defective reference could not be compared with the rules.
#[derive(Debug, thiserror::Error)]
pub enum DefectRunError {
    /// The system has no free port or no thread.
    #[error("the reference homeserver cannot be started")]
    Runtime(#[from] io::Error),
    /// A call to the reference failed.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Compares the reference with each of these defects with `rules`, over HTTP, by running `scenarios`.
/// `progress` is called with the number of finished defects. The result is `None` if `stop` ended the run
/// early.
///
/// # Errors
/// If a reference cannot be started, or a call to it fails.
pub fn diff_defects(
    rules: &Rules,
    defects: &[Variant],
    scenarios: &[PlannedScenario],
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Result<Vec<DefectResult>, DefectRunError>> {
    let variants = Variants::of(rules);
    let run = |defect: &Variant| {
        let variant = variants.of_profile(&defect.profile);
        let point = variant.map_or_else(|| defect.id.clone(), Variant::point);
        let result = result(rules, defect, scenarios, stop)?;
        let hidden = HIDDEN.iter().find(|(at, _)| *at == point).map(|(_, why)| *why);
        Ok(DefectResult { defect: defect.clone(), point, hidden, result })
    };
    let results = each_until(defects, threads, run, stop, progress)?;
    Some(results.into_iter().collect())
}

/// The number of scenarios that run at once. More would not help: the reference takes one call at a time.
const JOBS: usize = 2;

fn result(
    rules: &Rules,
    defect: &Variant,
    scenarios: &[PlannedScenario],
    stop: &Stop,
) -> Result<DiffResult, DefectRunError> {
    let reference = Embedded::start(defect.profile.clone())?;
    let options = Options {
        jobs: JOBS,
        // The reference applies every effect before it answers.
        settle: Duration::ZERO,
        // The server ends after the run, so its rooms need no cleaning.
        keep: true,
        content: false,
        explore_for: None,
        seed: 0,
        stop: stop.clone(),
    };
    let comparison = async {
        let server = Server::connect(&reference.url(), Limits::default(), Proof::default()).await?;
        diff(rules, &server, &[], scenarios.to_vec(), &options, |_, _| ()).await
    };
    let mut result = wait_for(comparison)?.0?;
    result.broken_off.take().map_or(Ok(result), |error| Err(error.into()))
}
