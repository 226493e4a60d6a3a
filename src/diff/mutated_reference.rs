//! Replays unexplained divergences on the mutated reference.
//!
//! The model keeps one event of a room; the reference keeps all of them. A mistake that affects every
//! event also affects events that the model does not keep. So the reference with that mistake runs the
//! same scenario, and the mistake explains the divergence if the reference does what the homeserver
//! did.

use std::collections::BTreeSet;
use std::time::Duration;

use guest_access_reference::serve::Embedded;
use guest_access_rules::profile::Profile;

use crate::subject::server::{Limits, Proof, Server};

use super::cause::{VariantExplanation, unexplained};
use super::runner::ScenarioRunner;
use super::scenario_run::{ContentPlan, DifferenceId, PlannedScenario, ScenarioRun, Segment};
use super::signature::Signature;
use super::workers::{self, Workers};

/// The number of scenarios that run at once. The reference takes one call at a time.
const JOBS: usize = 2;

/// Adds to each mistake the unexplained differences that the reference with the mistake shows too.
pub(super) async fn explain_more(
    runner: &ScenarioRunner<'_>,
    segments: &[Segment],
    explanations: &mut [VariantExplanation],
) {
    for number in 0..explanations.len() {
        let VariantExplanation { variants, .. } = &explanations[number];
        if runner.variants.are_permitted(variants) {
            continue;
        }
        let open = unexplained(segments, explanations);
        let concerned = |id: &DifferenceId| {
            let called = segments[id.segment].called(id.number);
            variants.iter().any(|variant| runner.variants.all[*variant].concerns(called))
        };
        let open: Vec<_> = open.into_iter().filter(concerned).collect();
        let profile = runner.variants.profile(variants);
        // If the reference cannot be started, the differences stay unexplained.
        let Some(more) = done_by(runner, profile, segments, &open).await else { return };
        explanations[number].differences.extend(more);
    }
}

/// Those differences that the reference with this profile shows too; `None` if the reference cannot be
/// started.
async fn done_by(
    runner: &ScenarioRunner<'_>,
    profile: Profile,
    segments: &[Segment],
    open: &[DifferenceId],
) -> Option<Vec<DifferenceId>> {
    let numbers: BTreeSet<_> = open.iter().map(|id| id.segment).collect();
    if numbers.is_empty() {
        return Some(Vec::new());
    }
    let reference = Embedded::start(profile).ok()?;
    let server =
        Server::connect(&reference.url(), Limits::default(), Proof::default()).await.ok()?;
    let fixtures = workers::fixtures(&server, JOBS, &[]).await.ok()?;
    // The reference applies every effect before it answers, and its rooms need no cleaning.
    let runner = ScenarioRunner {
        server: &server,
        rules: runner.rules,
        variants: runner.variants,
        settle: Duration::ZERO,
        keep: true,
        content: runner.content,
        stop: runner.stop.clone(),
    };
    let plan = numbers.iter().map(|number| PlannedScenario {
        id: number.to_string(),
        steps: segments[*number].log.iter().map(|record| record.step).collect(),
        content: ContentPlan::Compared(segments[*number].further.clone()),
        is_trial: false,
    });
    let runs = Workers::new(runner, fixtures).run_all(plan.collect(), |_| ()).await;
    let runs: Vec<_> = numbers.into_iter().zip(runs).collect();
    let same = runs.iter().flat_map(|(number, (_, run))| {
        let of_segment = open.iter().filter(move |id| id.segment == *number);
        of_segment.filter(move |id| does_the_same(run, &segments[*number], id.number))
    });
    Some(same.copied().collect())
}

/// Whether a run of the same steps shows the same difference, and no difference where the segment has
/// none.
fn does_the_same(run: &ScenarioRun, segment: &Segment, difference: usize) -> bool {
    let here = &segment.differences[difference];
    let signature = Signature::of(here, &segment.log[here.at]);
    let Some((again, _)) = signature.shown_by(run, here.at) else { return false };
    let mut others = again.differences.iter().filter(|other| other.at >= segment.known);
    others.all(|other| segment.differences.iter().any(|known| known.at == other.at))
}
