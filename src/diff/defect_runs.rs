//! Which mistakes are found over HTTP, and named for what they are.

use std::io;
use std::time::Duration;

use guest_access_model::stop::Stop;
use guest_access_model::threads::each_until;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{JOINED_BY, Variant, Variants};

use crate::serve::Embedded;
use crate::subject::server::{Limits, Proof, Server, ServerError};

use super::{Cause, DiffResult, Options, PlannedScenario, diff, wait_for};

/// What was found of the reference with one defect, over HTTP.
#[derive(Debug)]
pub struct DefectResult {
    /// The defect.
    pub defect: Variant,
    /// The decision point that the defect answers wrongly; several, joined, for one that takes several.
    pub point: String,
    /// Why it cannot show, if it cannot show over HTTP.
    pub hidden: Option<&'static str>,
    /// What was found.
    pub result: DiffResult,
}

/// What no homeserver that is asked over HTTP shows of itself, by decision point, and why:
/// `spec-notes/vectors.md` has it too.
pub const HIDDEN: &[(&str, &str)] = &[
    (
        "registration.first_guest",
        "it shows only in the first account of a homeserver, and the moderator's comes before",
    ),
    (
        "registration.known_by",
        "it shows only in accounts without a password, and everybody is registered with one",
    ),
    ("history_visibility.absent", "every room is created with the setting"),
    (
        "GET /user/{userId}/rooms/{roomId}/account_data/{type}",
        "nothing is there for a guest to be given, and it may put nothing there",
    ),
];

impl DefectResult {
    /// Whether what the rules do not permit was found.
    pub fn is_found(&self) -> bool {
        self.result.divergences.iter().any(|divergence| !divergence.is_permitted())
    }

    /// Whether all that was found is explained by the decision point of the defect, and by nothing
    /// else; by any of them, if it takes several.
    pub fn is_named(&self) -> bool {
        let own = |point: &str| self.point.split(JOINED_BY).any(|own| own == point);
        let causes = &self.result.causes;
        let is_own = |cause: &Cause| cause.decision_point.split(JOINED_BY).all(own);
        self.is_found()
            && causes.iter().all(|cause| is_own(cause) && !cause.permitted)
            && self.result.divergences.iter().all(|divergence| divergence.cause.is_some())
    }
}

/// Why a mistaken reference could not be held against the rules.
#[derive(Debug, thiserror::Error)]
pub enum DefectRunError {
    /// There is no port or no thread to be had.
    #[error("the reference homeserver cannot be started")]
    Runtime(#[from] io::Error),
    /// It could not be talked to.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Holds each of these defects under `rules`, as a mistaken reference over HTTP, against the rules by
/// telling `scenarios`. `progress` is told how many were looked at. `None` if it was stopped before it
/// was done.
///
/// # Errors
/// If a reference cannot be started, or cannot be talked to.
pub fn diff_defects(
    rules: &Rules,
    defects: &[Variant],
    scenarios: &[PlannedScenario],
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Result<Vec<DefectResult>, DefectRunError>> {
    let variants = Variants::of(rules);
    let look = |defect: &Variant| {
        let variant = variants.of_profile(&defect.profile);
        let point = variant.map_or_else(|| defect.id.clone(), Variant::point);
        let result = result(rules, defect, scenarios, stop)?;
        let hidden = HIDDEN.iter().find(|(at, _)| *at == point).map(|(_, why)| *why);
        Ok(DefectResult { defect: defect.clone(), point, hidden, result })
    };
    let results = each_until(defects, threads, look, stop, progress)?;
    Some(results.into_iter().collect())
}

/// How many stories are told at once: the reference takes one call at a time.
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
        // What the reference does, it has done when it answers.
        settle: Duration::ZERO,
        // Nobody comes after us.
        keep: true,
        explore_for: None,
        seed: 0,
        stop: stop.clone(),
    };
    let asked = async {
        let server = Server::meet(&reference.url(), Limits::default(), Proof::default()).await?;
        diff(rules, &server, &[], scenarios.to_vec(), &options, |_, _| ()).await
    };
    let mut result = wait_for(asked)?.0?;
    result.broken_off.take().map_or(Ok(result), |error| Err(error.into()))
}
