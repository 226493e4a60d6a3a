//! Finds the causes: the smallest variants of the profile under which the model does what the
//! homeserver did.
//!
//! A variant *contradicts* the run at a step if the model agrees less with the homeserver with the variant
//! than without it. The model may agree on the whole observation, only on whether the call is allowed, or
//! on neither ([`Agreement`]).
//!
//! 1. Of the variants that do not contradict the run, take the one that explains the most differences.
//! 2. If no variant explains any, take the best pair of variants.
//! 3. Repeat this for the differences that are left, until nothing explains any of them.

use std::collections::BTreeSet;

use guest_access_model::decide::initial;
use guest_access_model::threads;
use guest_access_rules::profile::Profile;
use guest_access_rules::variant::Variants;

use super::judge::outcome_as_asked;
use super::scenario_run::{DifferenceId, Segment};

/// A variant, or a pair of variants, with the differences that it explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VariantExplanation {
    pub(super) variants: Vec<usize>,
    pub(super) differences: Vec<DifferenceId>,
    /// The other mistakes that explain the same differences, if the variants are a mistake. The run does not show
    /// which of them it is.
    pub(super) rivals: Vec<Vec<usize>>,
}

/// The explanations of the differences in these segments, in the order in which they were found.
pub(super) fn explain(variants: &Variants, segments: &[Segment]) -> Vec<VariantExplanation> {
    let mut search = ExplanationSearch::new(variants, segments);
    let mut found = Vec::new();
    while let Some(mut explanation) = search.best_single().or_else(|| search.best_pair()) {
        explanation.rivals = search.rivals(&explanation);
        search.take(&explanation);
        found.push(explanation);
    }
    found
}

/// The differences in these segments that no explanation explains.
pub(super) fn unexplained(
    segments: &[Segment],
    explanations: &[VariantExplanation],
) -> Vec<DifferenceId> {
    let all = segments.iter().enumerate().flat_map(|(number, segment)| {
        (0..segment.differences.len())
            .map(move |difference| DifferenceId { segment: number, number: difference })
    });
    let is_open = |here: &_| !explanations.iter().any(|e| e.differences.contains(here));
    all.filter(is_open).collect()
}

/// How far the model agrees with the homeserver about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Agreement {
    /// One allows the call, and the other does not.
    Nothing,
    /// Both allow the call, or neither does.
    Decision,
    /// The model expects the observation.
    Observation,
}

struct ExplanationSearch<'a> {
    variants: &'a Variants,
    segments: &'a [Segment],
    /// The variants that were taken so far.
    taken: Vec<usize>,
    /// For each segment and step: how far the model under the taken variants agrees.
    agreements: Vec<Vec<Agreement>>,
    /// The differences that are not explained yet, segment by segment.
    open: Vec<DifferenceId>,
}

impl<'a> ExplanationSearch<'a> {
    fn new(variants: &'a Variants, segments: &'a [Segment]) -> Self {
        let agreements = segments
            .iter()
            .map(|segment| agreements(&variants.default, segment).collect())
            .collect();
        Self { variants, segments, taken: Vec::new(), agreements, open: unexplained(segments, &[]) }
    }

    fn best_single(&self) -> Option<VariantExplanation> {
        let candidates = self.candidates().into_iter().map(|variant| vec![variant]);
        self.best(&candidates.collect::<Vec<_>>())
    }

    /// The other single mistakes that explain all that a single mistake explains.
    fn rivals(&self, explanation: &VariantExplanation) -> Vec<Vec<usize>> {
        let is_single_mistake =
            explanation.variants.len() == 1 && !self.variants.are_permitted(&explanation.variants);
        if !is_single_mistake {
            return Vec::new();
        }
        let explains_all = |variants: &Vec<usize>| {
            let fewer = explanation.differences.len() - 1;
            let found = self.differences(variants, fewer).unwrap_or_default();
            explanation.differences.iter().all(|one| found.contains(one))
        };
        let others = self.candidates().into_iter().map(|variant| vec![variant]);
        // A mistake that also has the options of the cause is no rival: fewer options explain as much.
        let own = |variants: &[usize]| &self.variants.all[variants[0]].edits;
        let has_the_cause = |variants: &[usize]| {
            own(&explanation.variants).iter().all(|edit| own(variants).contains(edit))
        };
        let others = others
            .filter(|variants| !has_the_cause(variants) && !self.variants.are_permitted(variants));
        others.filter(explains_all).collect()
    }

    /// The best pair of variants, where no variant alone explains a difference. A variant of an
    /// endpoint is in no pair, because a second variant would explain no more differences.
    fn best_pair(&self) -> Option<VariantExplanation> {
        if self.open.is_empty() {
            return None;
        }
        let points: Vec<_> = self
            .candidates()
            .into_iter()
            .filter(|variant| self.variants.all[*variant].endpoints().is_none())
            .collect();
        let pairs = points
            .iter()
            .enumerate()
            .flat_map(|(number, one)| points[number + 1..].iter().map(|other| vec![*one, *other]));
        let pairs = pairs.filter(|pair| !self.variants.exclude_each_other(pair[0], pair[1]));
        self.best(&pairs.collect::<Vec<_>>())
    }

    /// The variants that can change the outcome of a step that is not explained yet.
    fn candidates(&self) -> Vec<usize> {
        let called: BTreeSet<_> =
            self.open.iter().map(|id| self.segments[id.segment].called(id.number)).collect();
        let apart = |variant: &usize| {
            !self.taken.iter().any(|taken| self.variants.exclude_each_other(*taken, *variant))
        };
        let concerned = |variant: &usize| {
            called.iter().any(|called| self.variants.all[*variant].concerns(*called))
        };
        (0..self.variants.all.len()).filter(apart).filter(concerned).collect()
    }

    /// The candidate that explains the most differences; the first, if several explain as many.
    fn best(&self, candidates: &[Vec<usize>]) -> Option<VariantExplanation> {
        let threads = threads::available();
        let shares: Vec<_> = candidates.chunks(candidates.len().div_ceil(threads).max(1)).collect();
        let found = threads::each(&shares, threads, |share| self.best_of_share(share));
        let better = |best: VariantExplanation, other: VariantExplanation| {
            if other.differences.len() > best.differences.len() { other } else { best }
        };
        found.into_iter().flatten().reduce(better)
    }

    fn best_of_share(&self, candidates: &[Vec<usize>]) -> Option<VariantExplanation> {
        let mut best: Option<VariantExplanation> = None;
        for variants in candidates {
            let most = best.as_ref().map_or(0, |best| best.differences.len());
            let Some(differences) = self.differences(variants, most) else { continue };
            let (variants, rivals) = (variants.clone(), Vec::new());
            best = Some(VariantExplanation { variants, differences, rivals });
        }
        best
    }

    /// The differences that these variants explain, if there are more than `most`, and if the variants
    /// contradict no step.
    fn differences(&self, variants: &[usize], most: usize) -> Option<Vec<DifferenceId>> {
        let profile = self.with(variants);
        let mut differences = Vec::new();
        let mut remaining = self.open.len();
        for of_segment in self.open.chunk_by(|one, other| one.segment == other.segment) {
            if differences.len() + remaining <= most {
                return None;
            }
            let number = of_segment[0].segment;
            let after = self.same_and_more(&profile, number)?;
            let at = |difference: usize| self.segments[number].differences[difference].at;
            differences.extend(of_segment.iter().filter(|id| after[at(id.number)]));
            remaining -= of_segment.len();
        }
        if differences.len() <= most || self.is_needless_mistake(variants, &differences) {
            return None;
        }
        let is_open = |number: &usize| self.open.iter().any(|open| open.segment == *number);
        let mut others = (0..self.segments.len()).filter(|number| !is_open(number));
        others.all(|number| self.same_and_more(&profile, number).is_some()).then_some(differences)
    }

    /// Whether the variants are no permitted answer, and one permitted answer explains each of the
    /// differences.
    fn is_needless_mistake(&self, variants: &[usize], differences: &[DifferenceId]) -> bool {
        let permitted =
            |id: &DifferenceId| &*self.segments[id.segment].differences[id.number].variants;
        let explains_all = |answer: &Vec<usize>| {
            differences.iter().all(|difference| permitted(difference).contains(answer))
        };
        !self.variants.are_permitted(variants)
            && differences.first().is_some_and(|first| permitted(first).iter().any(explains_all))
    }

    /// For each step of a segment: whether the model with this profile expects the observation. `None`
    /// if the profile contradicts the segment.
    fn same_and_more(&self, profile: &Profile, number: usize) -> Option<Vec<bool>> {
        let after = agreements(profile, &self.segments[number]).zip(&self.agreements[number]);
        after
            .map(|(after, before)| (after >= *before).then_some(after == Agreement::Observation))
            .collect()
    }

    fn with(&self, variants: &[usize]) -> Profile {
        let all: Vec<_> = self.taken.iter().chain(variants).copied().collect();
        self.variants.profile(&all)
    }

    fn take(&mut self, explanation: &VariantExplanation) {
        self.taken.extend(&explanation.variants);
        self.open.retain(|open| !explanation.differences.contains(open));
        let profile = self.variants.profile(&self.taken);
        self.agreements =
            self.segments.iter().map(|segment| agreements(&profile, segment).collect()).collect();
    }
}

/// For each step of a segment: how far the model agrees. After an unexpected observation, the model goes
/// on from the state in which the step left the homeserver.
fn agreements(profile: &Profile, segment: &Segment) -> impl Iterator<Item = Agreement> {
    let mut state = initial(profile);
    segment.log.iter().map(move |taken| {
        let outcome = outcome_as_asked(profile, &state, &taken.step);
        let allows = outcome.map(|outcome| outcome.observation.decision.allows());
        let outcome = outcome.filter(|outcome| taken.fits(outcome));
        state = outcome.map_or(taken.after, |outcome| outcome.next);
        match (outcome, allows) {
            (Some(_), _) => Agreement::Observation,
            (None, Some(allows)) if allows == taken.observed.is_allowed() => Agreement::Decision,
            (None, _) => Agreement::Nothing,
        }
    })
}
