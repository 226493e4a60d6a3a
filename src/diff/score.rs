//! Which mistakes are found over HTTP, and named for what they are.

use std::io;
use std::time::Duration;

use guest_access_model::stop::Stop;
use guest_access_model::threads::each_until;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{JOINED_BY, Variant, Variants};

use crate::serve::Embedded;
use crate::subject::server::{Limits, Proof, Server, ServerError};

use super::{Cause, Found, Options, Story, diff, wait_for};

/// What was found of the reference with one defect, over HTTP.
#[derive(Debug)]
pub struct Held {
    /// The defect.
    pub defect: Variant,
    /// The decision point that the defect answers wrongly; several, joined, for one that takes several.
    pub point: String,
    /// Why it cannot show, if it cannot show over HTTP.
    pub hidden: Option<&'static str>,
    /// What was found.
    pub found: Found,
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

impl Held {
    /// Whether what the rules do not permit was found.
    pub fn is_found(&self) -> bool {
        self.found.divergences.iter().any(|divergence| !divergence.is_permitted())
    }

    /// Whether all that was found is explained by the decision point of the defect, and by nothing
    /// else; by any of them, if it takes several.
    pub fn is_named(&self) -> bool {
        let own = |point: &str| self.point.split(JOINED_BY).any(|own| own == point);
        let causes = &self.found.causes;
        let is_own = |cause: &Cause| cause.decision_point.split(JOINED_BY).all(own);
        self.is_found()
            && causes.iter().all(|cause| is_own(cause) && !cause.permitted)
            && self.found.divergences.iter().all(|divergence| divergence.cause.is_some())
    }
}

/// Why a mistaken reference could not be held against the rules.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// There is no port or no thread to be had.
    #[error("the reference homeserver cannot be started")]
    Runtime(#[from] io::Error),
    /// It could not be talked to.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Holds each of these defects under `rules`, as a mistaken reference over HTTP, against the rules by
/// telling `stories`. `progress` is told how many were looked at. `None` if it was stopped before it
/// was done.
///
/// # Errors
/// If a reference cannot be started, or cannot be talked to.
pub fn held(
    rules: &Rules,
    defects: &[Variant],
    stories: &[Story],
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Result<Vec<Held>, ScoreError>> {
    let variants = Variants::of(rules);
    let look = |defect: &Variant| {
        let variant = variants.of_profile(&defect.profile);
        let point = variant.map_or_else(|| defect.id.clone(), |variant| variant.point());
        let found = found(rules, defect, stories, stop)?;
        let hidden = HIDDEN.iter().find(|(at, _)| *at == point).map(|(_, why)| *why);
        Ok(Held { defect: defect.clone(), point, hidden, found })
    };
    let held = each_until(defects, threads, look, stop, progress)?;
    Some(held.into_iter().collect())
}

/// How many stories are told at once: the reference takes one call at a time.
const JOBS: usize = 2;

fn found(
    rules: &Rules,
    defect: &Variant,
    stories: &[Story],
    stop: &Stop,
) -> Result<Found, ScoreError> {
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
        diff(rules, &server, &[], stories.to_vec(), &options, |_, _| ()).await
    };
    let mut found = wait_for(asked)?.0?;
    found.broken_off.take().map_or(Ok(found), |error| Err(error.into()))
}
