//! The options that a homeserver may take at open questions, and assignments of options to
//! questions.

use std::collections::BTreeSet;

use guest_access_rules::variant::Variant;
use schemars::JsonSchema;
use serde::Serialize;

/// An option that a homeserver may take at a decision point.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct TakenOption {
    /// The decision point, or `endpoint.` and the endpoint.
    pub point: String,
    /// The option.
    pub option: String,
    /// The reading on which the default option rests. Absent if the text is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
}

impl TakenOption {
    /// The option that a variant takes.
    pub fn of(variant: &Variant) -> Self {
        Self {
            point: variant.point_id(),
            option: variant.option(),
            reading: variant.reading().map(str::to_owned),
        }
    }
}

/// The number of an option in its [`OpenOptions`]. Numbers are in the order of the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OptionNumber(usize);

/// The options other than the defaults at all open questions, numbered in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOptions(Vec<TakenOption>);

impl OpenOptions {
    /// Numbers these options, each once.
    pub fn new(options: impl IntoIterator<Item = TakenOption>) -> Self {
        Self(options.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// The number of an option, if the option is among these.
    pub fn number(&self, option: &TakenOption) -> Option<OptionNumber> {
        self.0.binary_search(option).ok().map(OptionNumber)
    }

    /// The option with a number.
    ///
    /// # Panics
    /// If the number is one of other options.
    pub fn get(&self, number: OptionNumber) -> &TakenOption {
        &self.0[number.0]
    }

    /// Every number, in order.
    pub fn numbers(&self) -> impl Iterator<Item = OptionNumber> + use<> {
        (0..self.0.len()).map(OptionNumber)
    }

    /// Whether two options answer the same question.
    pub fn same_point(&self, one: OptionNumber, other: OptionNumber) -> bool {
        self.get(one).point == self.get(other).point
    }
}

/// One option for each of some open questions. Every other question has its default.
///
/// Assignments are ordered: the one with fewer options comes first, and of two with as many the one
/// whose options come first. So the default is the first of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Assignment(Vec<OptionNumber>);

impl Assignment {
    /// The assignment in which every question has its default.
    pub const DEFAULT: Self = Self(Vec::new());

    /// The options that are taken, in order.
    pub fn options(&self) -> &[OptionNumber] {
        &self.0
    }

    /// Whether every question has its default.
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an option is taken.
    pub fn takes(&self, option: OptionNumber) -> bool {
        self.0.binary_search(&option).is_ok()
    }

    /// The option that is taken at the decision point of `option`; `None` for the default.
    pub fn at_point_of(&self, option: OptionNumber, among: &OpenOptions) -> Option<OptionNumber> {
        self.0.iter().copied().find(|taken| among.same_point(*taken, option))
    }

    /// The assignment with an option, in place of whatever is taken at its decision point.
    #[must_use]
    pub fn with(&self, option: OptionNumber, among: &OpenOptions) -> Self {
        let others = self.0.iter().copied().filter(|taken| !among.same_point(*taken, option));
        let mut options: Vec<_> = others.chain([option]).collect();
        options.sort_unstable();
        Self(options)
    }

    /// The assignment with the default in place of an option.
    #[must_use]
    pub fn without(&self, option: OptionNumber) -> Self {
        Self(self.0.iter().copied().filter(|taken| *taken != option).collect())
    }

    /// The assignment with these options beside its own; `None` if one of its own excludes one of
    /// these.
    pub fn extended(&self, options: &[OptionNumber], among: &OpenOptions) -> Option<Self> {
        let mut extended = self.clone();
        for option in options {
            match extended.at_point_of(*option, among) {
                None => extended = extended.with(*option, among),
                Some(taken) if taken == *option => {}
                Some(_) => return None,
            }
        }
        Some(extended)
    }

    /// The options by what they are called.
    pub fn named(&self, among: &OpenOptions) -> Vec<TakenOption> {
        self.0.iter().map(|option| among.get(*option).clone()).collect()
    }
}

impl Ord for Assignment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Assignment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
