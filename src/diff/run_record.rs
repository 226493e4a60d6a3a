//! The record of a run: the observations, the explanations of the differences, and the options that the
//! homeserver takes.

use super::cause::{self, VariantExplanation};
use super::consistency::mark_inconsistent;
use super::experiment::{ROUNDS, experiments};
use super::mutated_reference;
use super::scenario_run::Segment;
use super::workers::Workers;

/// The record of a run.
#[derive(Debug)]
pub(super) struct RunRecord {
    /// The observations.
    pub(super) segments: Vec<Segment>,
    /// The explanations of the differences, the one of the most differences first.
    pub(super) explanations: Vec<VariantExplanation>,
    /// The permitted variants that the homeserver takes for the whole run.
    pub(super) assignment: Vec<usize>,
}

impl RunRecord {
    /// Explains the differences in these segments, after experiments that tell mistakes apart, and finds the steps that contradict the rest of the
    /// run.
    pub(super) async fn of(workers: &Workers<'_>, mut segments: Vec<Segment>) -> Self {
        let runner = workers.runner();
        let variants = runner.variants;
        let mut explanations = cause::explain(variants, &segments);
        for round in 1..=ROUNDS {
            let experiments = experiments(round, variants, &explanations);
            if experiments.is_empty() || workers.is_over() {
                break;
            }
            let runs = workers.run_all(experiments, |_| ()).await;
            segments.extend(runs.into_iter().flat_map(|(_, run)| run.segments));
            explanations = cause::explain(variants, &segments);
        }
        mutated_reference::explain_more(runner, &segments, &mut explanations).await;
        for (number, explanation) in explanations.iter().enumerate() {
            for id in &explanation.differences {
                let difference = &mut segments[id.segment].differences[id.number];
                difference.cause.get_or_insert(number);
            }
        }
        let is_permitted = |known: &VariantExplanation| variants.are_permitted(&known.variants);
        let is_mistake = |cause: usize| !is_permitted(&explanations[cause]);
        let causes = explanations.iter().filter(|known| is_permitted(known));
        let causes: Vec<usize> = causes.flat_map(|known| known.variants.iter().copied()).collect();
        let assignment = mark_inconsistent(variants, &mut segments, &causes, is_mistake);
        Self { segments, explanations, assignment }
    }
}
