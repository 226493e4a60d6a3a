//! Smaller scenarios: for each divergence, the smallest scenario that is known to show it.
//!
//! 1. Run the model's own shortest trace into the relevant state of the divergence.
//! 2. If the trace does not show the divergence, run parts of the scenario that showed it. First run
//!    only the steps that matter to the last step. Then add the queries of the users whom the last step
//!    is about. Then run all steps that may change anything. Then run the whole scenario. For a
//!    difference of content, what matters are the settings, the memberships of the reader, and the step
//!    that sent the event.
//!    If they send a setting in one of many shapes, send other shapes before.
//! 3. If a scenario from step 2 shows the divergence, leave out one half of its steps, then the other
//!    half. Then leave out quarters, and so on. Divergences that nothing permits come first.

use std::collections::{BTreeSet, HashSet};

use guest_access_model::action::{Action, Operation};
use guest_access_rules::profile::Profile;

use crate::subject::server::{MOST_SHAPES, setting_shapes};

use super::grouping::Group;
use super::runner::{may_change_anything, possible};
use super::scenario_run::{ContentPlan, PlannedScenario, Segment};
use super::shrink::{ShortestTraces, relevant_steps, shorter};
use super::workers::Workers;

/// The most scenarios that step 3 runs. Each costs a homeserver accounts and events, and shortens the
/// scenario only a little.
const MOST_TRIALS: usize = 16;

/// The number of steps from which on a scenario that shows a difference of content is shortened. What
/// matters to such a difference is known, so most of these scenarios are short already.
const LONG: usize = 30;

/// The number of relevant states for which the program looks for a shortest trace, if a divergence
/// occurred in many.
const MOST_SITUATIONS: usize = 20;

/// A divergence with the smallest scenario that is known to show it.
#[derive(Debug, Clone)]
pub(super) struct DemonstratedDivergence {
    pub(super) group: Group,
    pub(super) demonstration: Demonstration,
}

/// A scenario that shows a divergence by its last step.
#[derive(Debug, Clone)]
pub(super) struct Demonstration {
    pub(super) steps: Vec<Action>,
    /// The sets of variants of our readings. Under each set there is no divergence.
    pub(super) variants: Vec<Vec<usize>>,
    /// Whether the scenario, run by itself, showed the divergence.
    pub(super) reproduced: bool,
    /// The segment that showed the divergence, and at which step.
    pub(super) segment: Segment,
    pub(super) at: usize,
}

/// Finds the smallest scenario for each group.
pub(super) async fn demonstrate(
    workers: &Workers<'_>,
    groups: Vec<Group>,
    segments: &[Segment],
    progress: impl Fn(usize),
) -> Vec<DemonstratedDivergence> {
    let profile = &workers.runner().variants.default;
    let traces = ShortestTraces::new(profile);
    let divergences = groups.into_iter().map(|group| {
        let demonstration = as_seen(&group, segments);
        DemonstratedDivergence { group, demonstration }
    });
    let mut trials =
        Trials { workers, progress, divergences: divergences.collect(), tried: HashSet::new() };
    trials.run_missing(|group| shortest(group, &traces, segments)).await;
    let mut to_shorten = trials.missing();
    trials
        .run_missing(|group| {
            relevant_to_content(group, profile, segments)
                .or_else(|| Some(relevant(group, profile, segments, false)))
        })
        .await;
    let of_decision = |group: &Group| group.signature.observed.content.is_none();
    let with_queries = |group: &Group| relevant(group, profile, segments, true);
    trials.run_missing(|group| of_decision(group).then(|| with_queries(group))).await;
    trials.run_missing(|group| Some(as_seen(group, segments).steps)).await;
    let whole = |group: &Group| whole_scenario(group, segments);
    trials.run_missing(|group| Some(whole(group))).await;
    for earlier in 1..=MOST_SHAPES {
        trials.run_missing(|group| in_another_shape(group, profile, segments, earlier)).await;
    }
    let found = &trials.divergences;
    to_shorten.retain(|number| {
        let DemonstratedDivergence { group, demonstration } = &found[*number];
        demonstration.reproduced && (of_decision(group) || demonstration.steps.len() > LONG)
    });
    to_shorten.sort_by_key(|number| found[*number].group.signature.permitted);
    trials.shorten(profile, &to_shorten).await;
    trials.divergences
}

/// A scenario to run, with the number of the divergence that it may show.
type Trial = (usize, Vec<Action>);

/// Runs scenarios to find out whether they show the divergence of a longer scenario.
struct Trials<'a, P> {
    workers: &'a Workers<'a>,
    progress: P,
    /// The smallest scenario that is known, for each divergence.
    divergences: Vec<DemonstratedDivergence>,
    /// The scenarios that were run.
    tried: HashSet<Trial>,
}

impl<P: Fn(usize)> Trials<'_, P> {
    /// The divergences without a known scenario that shows the divergence when it runs alone.
    fn missing(&self) -> Vec<usize> {
        let numbers = 0..self.divergences.len();
        numbers.filter(|number| !self.divergences[*number].demonstration.reproduced).collect()
    }

    /// Runs a scenario for each divergence that is missing.
    async fn run_missing(&mut self, scenario: impl Fn(&Group) -> Option<Vec<Action>>) {
        let missing = self.missing().into_iter();
        let trials =
            missing.filter_map(|number| Some((number, scenario(&self.divergences[number].group)?)));
        let trials = trials.filter(|trial| !self.tried.contains(trial)).collect();
        self.run(trials).await;
    }

    /// Leaves steps out of the scenarios of these divergences.
    async fn shorten(&mut self, profile: &Profile, to_shorten: &[usize]) {
        let steps = |divergences: &[DemonstratedDivergence], number: usize| {
            divergences[number].demonstration.steps.len()
        };
        let longest = to_shorten.iter().map(|number| steps(&self.divergences, *number)).max();
        let mut size = longest.unwrap_or_default() / 2;
        let mut remaining = MOST_TRIALS;
        while size > 0 && remaining > 0 && !self.workers.is_over() {
            let trials = to_shorten.iter().flat_map(|number| {
                let scenario = &self.divergences[*number].demonstration.steps;
                shorter(profile, scenario, size).into_iter().map(|steps| (*number, steps))
            });
            let trials: Vec<_> =
                trials.filter(|trial| !self.tried.contains(trial)).take(remaining).collect();
            remaining -= trials.len();
            let length = |divergences: &[DemonstratedDivergence]| {
                to_shorten.iter().map(|number| steps(divergences, *number)).sum::<usize>()
            };
            let before = length(&self.divergences);
            self.run(trials).await;
            // If a scenario became shorter, try the same size again.
            if length(&self.divergences) == before {
                size /= 2;
            }
        }
    }

    /// Runs each of these scenarios alone. Keeps a scenario that shows its divergence and is shorter
    /// than the shortest known scenario.
    async fn run(&mut self, trials: Vec<Trial>) {
        if trials.is_empty() || self.workers.is_over() {
            return;
        }
        let content = |number: usize| {
            let DemonstratedDivergence { group, demonstration } = &self.divergences[number];
            match group.signature.observed.content {
                Some(_) => ContentPlan::Compared(demonstration.segment.further.clone()),
                None => ContentPlan::Skipped,
            }
        };
        let scenario = |(number, (divergence, steps)): (usize, &Trial)| PlannedScenario {
            id: format!("smaller-{number}"),
            steps: steps.clone(),
            content: content(*divergence),
            is_trial: true,
        };
        let scenarios: Vec<_> = trials.iter().enumerate().map(scenario).collect();
        let runs = self.workers.run_all(scenarios, &self.progress).await;
        for ((number, steps), (_, run)) in trials.iter().zip(runs) {
            let Some(at) = steps.len().checked_sub(1) else { continue };
            let DemonstratedDivergence { group, demonstration: known } =
                &mut self.divergences[*number];
            let better = !known.reproduced || steps.len() < known.steps.len();
            let shown = group.signature.shown_by(&run, at).filter(|_| better);
            if let Some((segment, variants)) = shown {
                *known = Demonstration {
                    steps: steps.clone(),
                    variants: variants.to_vec(),
                    reproduced: true,
                    segment: segment.clone(),
                    at,
                };
            }
        }
        self.tried.extend(trials);
    }
}

/// All that was done and asked before the divergence in the scenario in which it was seen first, but
/// for steps that led astray.
fn before(group: &Group, segments: &[Segment]) -> Vec<Action> {
    let (segment, difference) = group.first(segments);
    let answered = segment.log[..difference.at].iter().filter(|record| record.is_answered());
    let before = answered.filter(|record| !record.diverges || !may_change_anything(&record.step));
    before.map(|record| record.step).collect()
}

/// The whole scenario in which the divergence was seen first.
fn whole_scenario(group: &Group, segments: &[Segment]) -> Vec<Action> {
    let (segment, difference) = group.first(segments);
    let mut steps = before(group, segments);
    steps.push(segment.log[difference.at].step);
    steps
}

/// The scenario in which the divergence was seen first, as far as it led there.
fn as_seen(group: &Group, segments: &[Segment]) -> Demonstration {
    let (segment, difference) = group.first(segments);
    let mut steps = before(group, segments);
    // A step that changes nothing by the rules may have changed something on the homeserver.
    steps.retain(|step| step.tag || may_change_anything(step));
    steps.push(segment.log[difference.at].step);
    Demonstration {
        steps,
        variants: difference.variants.clone(),
        reproduced: false,
        segment: segment.clone(),
        at: difference.at,
    }
}

/// The first scenario that showed the divergence, reduced to the steps that matter to its last step.
/// With `has_queries`, the earlier queries of the users of the last step stay.
fn relevant(
    group: &Group,
    profile: &Profile,
    segments: &[Segment],
    has_queries: bool,
) -> Vec<Action> {
    let (segment, difference) = group.first(segments);
    let record = &segment.log[difference.at];
    relevant_steps(profile, difference, record, &before(group, segments), has_queries)
}

/// The relevant steps, after so many `earlier` settings of the kind of the last one among them that has many
/// shapes: so that one sends another shape. `None` if there is no such setting, or if it has fewer shapes.
fn in_another_shape(
    group: &Group,
    profile: &Profile,
    segments: &[Segment],
    earlier: usize,
) -> Option<Vec<Action>> {
    let steps = relevant(group, profile, segments, false);
    let last = steps.iter().rfind(|step| setting_shapes(step) > 1)?;
    if earlier > setting_shapes(last) {
        return None;
    }
    let again = Action { tag: false, ..*last };
    Some(std::iter::repeat_n(again, earlier).chain(steps.iter().copied()).collect())
}

/// The first scenario that showed a difference of content, reduced to the steps that matter to the
/// reader or to the event.
fn relevant_to_content(
    group: &Group,
    profile: &Profile,
    segments: &[Segment],
) -> Option<Vec<Action>> {
    let (segment, difference) = group.first(segments);
    let record = &segment.log[difference.at];
    let sent_by = record.content.first()?.sent_by;
    let sender = sent_by.and_then(|number| segment.log.get(number)).map(|record| &record.step);
    // A setting in many shapes, if the event was sent right after one: any of the shapes may matter.
    let before_sender = sent_by.and_then(|number| segment.log.get(number.checked_sub(1)?));
    let shaped = before_sender.map(|record| record.step).filter(|step| setting_shapes(step) > 1);
    let is_shaped = |step: &Action| shaped.is_some_and(|known| known.operation == step.operation);
    let guests: BTreeSet<u8> =
        record.step.guests().chain(sender.into_iter().flat_map(Action::guests)).collect();
    let is_relevant = |number: &usize| {
        let step = &segment.log[*number].step;
        let changes = segment.before(*number) != Some(segment.log[*number].after);
        let sets = matches!(
            step.operation,
            Operation::SetVisibility(..)
                | Operation::SetGuestAccess(..)
                | Operation::RedactSetting(_)
                | Operation::SetJoinRule(_)
        );
        let of_guests = step.guests().any(|guest| guests.contains(&guest));
        let follows_shape =
            number.checked_sub(1).is_some_and(|previous| is_shaped(&segment.log[previous].step));
        Some(*number) == sent_by
            || step.tag
            || changes && (sets || of_guests)
            || is_shaped(step)
            || follows_shape && matches!(step.operation, Operation::Send(_))
    };
    let steps = (0..difference.at).filter(is_relevant).map(|number| segment.log[number].step);
    let steps: Vec<_> = steps.chain([record.step]).collect();
    let (steps, _) = possible(profile, &steps, |_| false);
    Some(steps)
}

/// The shortest trace into the situation of any of the differences.
fn shortest(
    group: &Group,
    traces: &ShortestTraces<'_>,
    segments: &[Segment],
) -> Option<Vec<Action>> {
    let occurrences = group.occurrences.iter().take(MOST_SITUATIONS);
    let found = occurrences.filter_map(|id| {
        let segment = &segments[id.segment];
        let difference = &segment.differences[id.number];
        traces.shortest(difference, &segment.log[difference.at])
    });
    found.min_by_key(Vec::len)
}
