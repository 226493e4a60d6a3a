//! One observed step, compared with what the default and other options expect of the step.

use std::collections::BTreeMap;

use super::{Assignment, OptionNumber};

/// How an observation compares with an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The observation is as expected.
    Meets,
    /// The observation is not as expected.
    Differs,
    /// A homeserver that takes this option cannot come to the step. The option expects nothing of
    /// the step, nor of any later step of the scenario.
    Ends,
}

/// One observed step, compared with what the default, single options and pairs of options expect.
///
/// An assignment expects of the step the first of these:
/// 1. nothing, if one of its options or pairs ends here;
/// 2. what its first listed pair expects;
/// 3. what its first listed option expects;
/// 4. what the default expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMatches {
    by_default: bool,
    singles: BTreeMap<OptionNumber, Match>,
    pairs: BTreeMap<(OptionNumber, OptionNumber), Match>,
}

impl StepMatches {
    /// A step that no option tells from the default; `meets` says whether the observation is what
    /// the default expects.
    pub const fn by_default(meets: bool) -> Self {
        Self { by_default: meets, singles: BTreeMap::new(), pairs: BTreeMap::new() }
    }

    /// Lists what one option expects.
    pub fn list(&mut self, option: OptionNumber, found: Match) {
        self.singles.insert(option, found);
    }

    /// Lists what two options expect together.
    pub fn list_pair(&mut self, one: OptionNumber, other: OptionNumber, found: Match) {
        self.pairs.insert((one.min(other), one.max(other)), found);
    }

    /// Whether the observation is what the default expects.
    pub const fn meets_default(&self) -> bool {
        self.by_default
    }

    /// Whether the default, an option or a pair explains the step. It explains the step if it expects
    /// the observation, or if a homeserver that takes it cannot come to the step.
    pub(super) fn is_explainable(&self) -> bool {
        self.by_default || self.listed().any(|(_, found)| found != Match::Differs)
    }

    /// How the observation compares with what an assignment expects.
    pub fn by(&self, assignment: &Assignment) -> Match {
        self.deciding(assignment).1
    }

    /// The options of an assignment that determine the expectation of the step, and how the observation
    /// compares with this expectation. No options stand for the default.
    pub(super) fn deciding(&self, assignment: &Assignment) -> (Vec<OptionNumber>, Match) {
        let mut first: Option<(Vec<OptionNumber>, Match)> = None;
        for (options, found) in self.listed() {
            if !options.iter().all(|option| assignment.takes(*option)) {
                continue;
            }
            if found == Match::Ends {
                return (options, found);
            }
            first.get_or_insert((options, found));
        }
        let by_default = if self.by_default { Match::Meets } else { Match::Differs };
        first.unwrap_or((Vec::new(), by_default))
    }

    /// The listed pairs, then the listed options, each with its match.
    pub(super) fn listed(&self) -> impl Iterator<Item = (Vec<OptionNumber>, Match)> {
        let pairs = self.pairs.iter().map(|((one, other), found)| (vec![*one, *other], *found));
        let singles = self.singles.iter().map(|(option, found)| (vec![*option], *found));
        pairs.chain(singles)
    }

    /// The pairs and the options whose expectation the observation meets, the single options first.
    pub(super) fn met(&self) -> impl Iterator<Item = Vec<OptionNumber>> {
        self.with(Match::Meets)
    }

    /// The pairs and the options that cannot come to the step.
    pub(super) fn ending(&self) -> impl Iterator<Item = Vec<OptionNumber>> {
        self.with(Match::Ends)
    }

    fn with(&self, wanted: Match) -> impl Iterator<Item = Vec<OptionNumber>> {
        let singles = self.singles.iter().filter(move |(_, found)| **found == wanted);
        let pairs = self.pairs.iter().filter(move |(_, found)| **found == wanted);
        let singles = singles.map(|(option, _)| vec![*option]);
        singles.chain(pairs.map(|((one, other), _)| vec![*one, *other]))
    }
}
