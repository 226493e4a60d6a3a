//! Running the divergences of a saved report again: which are fixed, and which are still there.

use guest_access_model::action::Action;
use guest_access_model::decide::initial;
use guest_access_model::state::State;
use guest_access_rules::rules::Rules;

use crate::subject::server::{CallVerdict, Server, ServerError, UserAccount};

use super::Options;
use super::saved::SavedDivergence;
use super::signature::{Signature, seen};
use super::story::{Story, Teller, Told};
use super::workers::{self, Workers};
use guest_access_rules::variant::Variants;

/// What became of a divergence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The homeserver does as our readings of the rules say.
    Fixed {
        /// What it does.
        now: String,
    },
    /// It still does otherwise.
    StillThere {
        /// What it does.
        now: String,
        /// Whether a reading of the rules permits that.
        permitted: bool,
    },
    /// Whether it does is not known.
    CouldNotRun {
        /// Why.
        because: String,
    },
}

/// What came of running divergences again.
#[derive(Debug)]
pub struct Replayed {
    /// What became of each, in their order.
    pub fates: Vec<Fate>,
    /// Why the homeserver was asked no further, if it was not.
    pub broken_off: Option<ServerError>,
}

/// Runs the scenarios of these divergences on `server` again, and judges their last steps by `rules`.
///
/// # Errors
/// If nothing can be run at all: the homeserver registers nobody, or is not there.
pub async fn replay(
    rules: &Rules,
    server: &Server,
    given: &[UserAccount],
    divergences: &[SavedDivergence],
    options: &Options,
    progress: impl Fn(usize, &str),
) -> Result<Replayed, ServerError> {
    let variants = Variants::of(rules);
    let jobs = options.jobs.clamp(1, divergences.len().max(1));
    let fixtures = workers::fixtures(server, jobs, given).await?;
    let teller = Teller {
        server,
        variants: &variants,
        settle: options.settle,
        keep: options.keep,
        stop: options.stop.clone(),
    };
    let workers = Workers::new(teller, fixtures);
    let story = |divergence: &SavedDivergence| Story {
        id: divergence.id.clone(),
        steps: divergence.scenario.steps.iter().map(|told| told.action).collect(),
    };
    let stories = divergences.iter().map(story);
    let told = workers.tell(stories, |done| progress(done, "divergence")).await;
    workers.leave().await;
    let first = initial(&variants.default);
    let fates = told.iter().map(|(story, told)| fate(told, &story.steps, &first));
    // Those that were not reached are the last.
    let because = workers.broken_off().map_or("the time was up".to_owned(), |e| e.to_string());
    let not_reached = Fate::CouldNotRun { because };
    let fates = fates.chain(std::iter::repeat(not_reached)).take(divergences.len()).collect();
    Ok(Replayed { fates, broken_off: workers.broken_off() })
}

/// What became of the divergence that these steps showed by the last.
fn fate(told: &Told, steps: &[Action], first: &State) -> Fate {
    let could_not_run = |because: String| Fate::CouldNotRun { because };
    let part = told.parts.first();
    let Some((part, last)) = part.and_then(|part| Some((part, part.log.last()?))) else {
        let because = told.not_run.first().map(|not_run| not_run.because.clone());
        return could_not_run(because.unwrap_or_else(|| "it has no steps".to_owned()));
    };
    let at = part.log.len() - 1;
    let before = at.checked_sub(1).map_or(first, |before| &part.log[before].after);
    let now = seen(last, before.tagged.is_some());
    if let CallVerdict::Inconclusive(why) = &last.observed.verdict {
        return could_not_run(format!("step {}: {why}", at + 1));
    }
    if part.log.len() < steps.len() {
        let because = match (&told.broken, last.diverges) {
            (Some(error), _) => error.to_string(),
            (None, true) => {
                format!("step {} came out otherwise than by the rules already: {now}", at + 1)
            }
            (None, false) => match told.not_run.first() {
                Some(not_run) => not_run.because.clone(),
                None => "a step before the last cannot happen by these rules".to_owned(),
            },
        };
        return could_not_run(because);
    }
    match part.differences.iter().find(|difference| difference.at == at) {
        None => Fate::Fixed { now },
        Some(difference) => Fate::StillThere {
            now: Signature::of(difference, last).observed,
            permitted: !difference.variants.is_empty(),
        },
    }
}
