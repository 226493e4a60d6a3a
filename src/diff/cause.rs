//! Finding the cause: the smallest change of the profile under which the model does what the
//! homeserver did.
//!
//! A change explains a divergence if the model with it says the same as was seen, at that step and
//! at every other step of every story at which the model said the same without it. The change that
//! explains most is taken, then the one that explains most of the rest, until none explains any.

use std::collections::BTreeSet;

use guest_access_model::decide::initial;
use guest_access_model::threads;
use guest_access_rules::profile::Profile;

use super::judge::outcome_as_asked;
use super::story::Part;
use guest_access_rules::variant::Variants;

/// A change, or two, with the divergences that it explains: the number of the part, and of the
/// difference in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Explanation {
    pub(super) variants: Vec<usize>,
    pub(super) explains: Vec<(usize, usize)>,
}

/// The explanations of the differences in these parts, those that explain most first.
pub(super) fn explain(variants: &Variants, parts: &[Part]) -> Vec<Explanation> {
    let mut search = Search::new(variants, parts);
    let mut found = Vec::new();
    while let Some(explanation) = search.best_single().or_else(|| search.best_pair()) {
        search.take(&explanation);
        found.push(explanation);
    }
    found
}

/// The differences in these parts that none of these explains.
pub(super) fn unexplained(parts: &[Part], explanations: &[Explanation]) -> Vec<(usize, usize)> {
    let all = parts.iter().enumerate().flat_map(|(number, part)| {
        (0..part.differences.len()).map(move |difference| (number, difference))
    });
    let is_open = |here: &_| !explanations.iter().any(|e| e.explains.contains(here));
    all.filter(is_open).collect()
}

struct Search<'a> {
    variants: &'a Variants,
    parts: &'a [Part],
    /// The changes that were taken so far.
    taken: Vec<usize>,
    /// For each part and step, whether the model says the same with what was taken.
    same: Vec<Vec<bool>>,
    /// What is not explained yet, part by part.
    open: Vec<(usize, usize)>,
}

impl<'a> Search<'a> {
    fn new(variants: &'a Variants, parts: &'a [Part]) -> Self {
        let same = parts.iter().map(|part| same(&variants.default, part).collect()).collect();
        Self { variants, parts, taken: Vec::new(), same, open: unexplained(parts, &[]) }
    }

    fn best_single(&self) -> Option<Explanation> {
        let candidates = self.candidates().into_iter().map(|variant| vec![variant]);
        self.best(&candidates.collect::<Vec<_>>())
    }

    /// Two changes at once, where none alone explains anything. Endpoints' own points explain alone
    /// what they explain.
    fn best_pair(&self) -> Option<Explanation> {
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

    /// The changes that can have a part in what is open.
    fn candidates(&self) -> Vec<usize> {
        let called: BTreeSet<_> = self
            .open
            .iter()
            .map(|(part, difference)| self.parts[*part].called(*difference))
            .collect();
        let apart = |variant: &usize| {
            !self.taken.iter().any(|taken| self.variants.exclude_each_other(*taken, *variant))
        };
        let concerned = |variant: &usize| {
            called.iter().any(|called| self.variants.all[*variant].concerns(*called))
        };
        (0..self.variants.all.len()).filter(apart).filter(concerned).collect()
    }

    /// Of these, the one that explains most; the earlier, if two explain as much.
    fn best(&self, candidates: &[Vec<usize>]) -> Option<Explanation> {
        let threads = threads::available();
        let shares: Vec<_> = candidates.chunks(candidates.len().div_ceil(threads).max(1)).collect();
        let found = threads::each(&shares, threads, |share| self.best_of_share(share));
        let better = |best: Explanation, other: Explanation| {
            if other.explains.len() > best.explains.len() { other } else { best }
        };
        found.into_iter().flatten().reduce(better)
    }

    fn best_of_share(&self, candidates: &[Vec<usize>]) -> Option<Explanation> {
        let mut best: Option<Explanation> = None;
        for variants in candidates {
            let most = best.as_ref().map_or(0, |best| best.explains.len());
            let Some(explains) = self.explains(variants, most) else { continue };
            best = Some(Explanation { variants: variants.clone(), explains });
        }
        best
    }

    /// What these changes explain, if it is more than `most` and they contradict nothing.
    fn explains(&self, variants: &[usize], most: usize) -> Option<Vec<(usize, usize)>> {
        let profile = self.with(variants);
        let mut explains = Vec::new();
        let mut left = self.open.len();
        for of_part in self.open.chunk_by(|(one, _), (other, _)| one == other) {
            if explains.len() + left <= most {
                return None;
            }
            let number = of_part[0].0;
            let after = self.same_and_more(&profile, number)?;
            let at = |difference: usize| self.parts[number].differences[difference].at;
            explains.extend(of_part.iter().filter(|(_, difference)| after[at(*difference)]));
            left -= of_part.len();
        }
        if explains.len() <= most {
            return None;
        }
        let is_open = |number: &usize| self.open.iter().any(|(open, _)| open == number);
        let mut others = (0..self.parts.len()).filter(|number| !is_open(number));
        others.all(|number| self.same_and_more(&profile, number).is_some()).then_some(explains)
    }

    /// For each step of a part, whether the model says the same as was seen with this profile; `None`
    /// if it contradicts: it said the same before, and says otherwise now.
    fn same_and_more(&self, profile: &Profile, number: usize) -> Option<Vec<bool>> {
        let after = same(profile, &self.parts[number]).zip(&self.same[number]);
        after.map(|(after, before)| (after || !before).then_some(after)).collect()
    }

    fn with(&self, variants: &[usize]) -> Profile {
        let all: Vec<_> = self.taken.iter().chain(variants).copied().collect();
        self.variants.profile(&all)
    }

    fn take(&mut self, explanation: &Explanation) {
        self.taken.extend(&explanation.variants);
        self.open.retain(|open| !explanation.explains.contains(open));
        let profile = self.variants.profile(&self.taken);
        self.same = self.parts.iter().map(|part| same(&profile, part).collect()).collect();
    }
}

/// For each step of a part, whether the model says the same as was seen. Where it does not, it goes on
/// from the state in which the step was found to have left the homeserver.
fn same(profile: &Profile, part: &Part) -> impl Iterator<Item = bool> {
    let mut state = initial(profile);
    part.log.iter().map(move |taken| {
        let outcome = outcome_as_asked(profile, &state, &taken.step);
        let outcome = outcome.filter(|outcome| taken.fits(outcome));
        state = outcome.map_or(taken.after, |outcome| outcome.next);
        outcome.is_some()
    })
}
