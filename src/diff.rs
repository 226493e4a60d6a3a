//! Holding a homeserver against the rules, over HTTP.
//!
//! 1. *Plan*: which stories to tell ([`Story`]): scenarios that come from the model.
//! 2. *Run*: each is told on the homeserver, in rooms and by guests of its own, several at once; and
//!    judged, step by step, by everything that the rules permit.
//! 3. *Find the cause*: the smallest change of the profile under which the model does what the
//!    homeserver did, or the reference where the model knows too little.
//! 4. *Shrink*: for each divergence, the smallest scenario that still shows it.

mod asked;
mod cause;
mod found;
mod group;
mod history;
mod id;
mod judge;
mod listing;
mod plan;
mod reference;
mod replay;
mod runtime;
mod saved;
mod score;
mod script;
mod shrink;
mod signature;
mod story;
mod workers;

use std::time::{Duration, Instant};

use guest_access_model::stop::Stop;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::Variants;

use crate::subject::server::{Server, ServerError, UserAccount};

pub use found::{
    Asked, Came, Cause, Class, Divergence, Found, Kind, NotRun, Place, Question, Ran, ReadingTaken,
    Verdict,
};
pub use plan::stories;
pub use replay::{Fate, Replayed, replay};
pub use runtime::{Waited, wait_for};
pub use saved::{Saved, SavedDivergence, SavedError};
pub use score::{HIDDEN, Held, ScoreError, held};
pub use story::Story;

use group::groups;
use script::Scripts;
use story::{Teller, Told};
use workers::Workers;

/// How a homeserver is held against the rules.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many stories are told at once.
    pub jobs: usize,
    /// How long effects are waited for that a homeserver applies a little later.
    pub settle: Duration,
    /// Whether the rooms are left as they are.
    pub keep: bool,
    /// How long histories are tried at random, past the stories.
    pub explore_for: Option<Duration>,
    /// The seed of these histories.
    pub seed: u64,
    /// When to end early.
    pub stop: Stop,
}

/// Holds `server` against `rules`: tells `stories` on it, by the accounts that are `given` and new
/// ones in place of those that are not, and finds out in what it differs, and why. `progress` is told
/// how many stories were told so far.
///
/// # Errors
/// If nothing can be told at all: the homeserver registers nobody, or is not there.
pub async fn diff(
    rules: &Rules,
    server: &Server,
    given: &[UserAccount],
    stories: Vec<Story>,
    options: &Options,
    progress: impl Fn(usize, &str),
) -> Result<Found, ServerError> {
    let variants = Variants::of(rules);
    let fixtures = workers::fixtures(server, options.jobs.max(1), given).await?;
    let teller = Teller {
        server,
        variants: &variants,
        settle: options.settle,
        keep: options.keep,
        stop: options.stop.clone(),
    };
    let workers = Workers::new(teller, fixtures);
    let vectors: Vec<_> = stories.iter().map(|story| story.id.clone()).collect();
    let mut scenarios = stories.len();
    let mut told = workers.tell_all(stories, |done| progress(done, "vector")).await;
    if let Some(time) = options.explore_for {
        let until = Instant::now() + time;
        let histories = history::histories(&variants.default, options.seed);
        let histories = histories.take_while(|_| Instant::now() < until);
        let explored = workers.tell(histories, |done| progress(done, "random history")).await;
        scenarios += explored.len();
        told.extend(explored);
    }
    let finished = told.len() == scenarios && !workers.is_over();
    let run = told.iter().filter(|(_, told)| told.decisions > 0).count();
    let decisions = told.iter().map(|(_, told)| told.decisions).sum();
    let ran = asked::ran(&variants.default, &vectors, &told);
    let not_run = group::not_run(told.iter().map(|(_, told)| told));
    let parts: Vec<_> = told
        .into_iter()
        .flat_map(|(story, Told { parts, .. })| {
            parts.into_iter().map(move |part| (story.id.clone(), part))
        })
        .collect();
    let (ids, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let mut explanations = cause::explain(&variants, &parts);
    reference::explain_more(workers.teller(), &parts, &mut explanations).await;
    let groups = groups(&parts, &explanations);
    let shrunk = group::shrink(&workers, &variants, &groups, &parts, |done| {
        progress(done, "smaller scenario");
    });
    let shrunk = shrunk.await;
    workers.leave().await;
    let scripts = Scripts {
        url: server.client().url(),
        settle: options.settle,
        rules,
        profile: &variants.default,
    };
    Ok(Found {
        scenarios,
        run,
        decisions,
        divergences: group::divergences(
            scripts,
            &variants,
            &groups,
            &explanations,
            &ids,
            &parts,
            shrunk,
        ),
        causes: group::causes(rules, &variants, &explanations),
        not_run,
        ran,
        matrix: asked::matrix(&variants.default, &parts),
        broken_off: workers.broken_off(),
        finished,
    })
}
