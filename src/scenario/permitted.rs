//! What the rules permit of a step beside what our readings expect of it, and whether what was
//! observed is any of it.
//!
//! A homeserver reads an open question one way, and stays with it. So what it does is permitted if
//! the same options explain every step: none other than ours, one other, or two. (Two together can
//! permit what neither does: a call denied by one reading, with an error code chosen by another.) Of
//! two options the first that expects something else of a step is the one that counts, unless the
//! step lists the pair; and both have nothing more to say where either has not.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Expect, Observed, Told, Verdict};

/// An option that a homeserver may take at a decision point.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct TakenOption {
    /// The decision point, or `endpoint.` and the endpoint.
    pub point: String,
    /// The option.
    pub option: String,
    /// The reading on which our own rests, if it rests on one; none where the text is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
}

/// What may come of a step where the text is read otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Permitted {
    /// The option that a homeserver takes of which this is expected, or the two.
    #[schemars(length(min = 1, max = 2))]
    pub options: Vec<TakenOption>,
    /// What is expected. Left out, the step cannot be taken by this reading, and neither it nor what
    /// follows says anything of a homeserver that reads so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

/// What came of a step, held against all that is permitted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is what our readings expect, and so was all before it.
    AsExpected,
    /// It is permitted: these options explain it, and all before it.
    AsPermitted(Vec<TakenOption>),
    /// Nothing that is permitted explains it: in this it differs from what our readings expect.
    Differs(Vec<String>),
}

/// Judges a homeserver step by step.
///
/// A step that nothing explains is left out of what the next ones are judged by.
#[derive(Debug, Clone)]
pub struct Judge<'a> {
    steps: &'a [Told],
    otherwise: &'a [Vec<Permitted>],
    options: Vec<&'a TakenOption>,
    /// What explains every step so far, ours first.
    explanations: Vec<Explanation>,
}

/// The options that a homeserver may have taken, by their numbers.
#[derive(Debug, Clone, Copy)]
struct Explanation {
    one: Option<usize>,
    other: Option<usize>,
    /// Whether it came to a step that it cannot take.
    ended: bool,
}

impl<'a> Judge<'a> {
    /// A judge of a homeserver that takes these steps, of which the rules permit this beside what is
    /// expected.
    pub fn new(steps: &'a [Told], otherwise: &'a [Vec<Permitted>]) -> Self {
        let named = otherwise.iter().flatten().flat_map(|permitted| &permitted.options);
        let options: Vec<_> = named.collect::<BTreeSet<_>>().into_iter().collect();
        let ours = Explanation { one: None, other: None, ended: false };
        let mut explanations = vec![ours];
        let ones = 0..options.len();
        explanations.extend(ones.clone().map(|one| Explanation { one: Some(one), ..ours }));
        for one in ones.clone() {
            let others = ones.clone().skip(one + 1);
            let pairs = others.filter(|other| options[one].point != options[*other].point);
            let pair = |other| Explanation { one: Some(one), other: Some(other), ..ours };
            explanations.extend(pairs.map(pair));
        }
        Self { steps, otherwise, options, explanations }
    }

    /// Judges the step with this number by what was observed of it.
    pub fn step(&mut self, number: usize, observed: &Observed<'_>) -> Judgement {
        let Some(expect) = self.steps[number].expect.as_ref() else {
            return Judgement::AsExpected;
        };
        let verdict = Verdict::of(&observed.outcome.observation.decision);
        let differences = observed.differences(expect, verdict);
        let permitted = &self.otherwise[number];
        let usual = if differences.is_empty() { Met::Yes } else { Met::No };
        let mut ones = vec![None; self.options.len()];
        let mut pairs = Vec::new();
        for Permitted { options, expect } in permitted {
            let met = match expect {
                None => Met::Ends,
                Some(expect) if observed.differences(expect, verdict).is_empty() => Met::Yes,
                Some(_) => Met::No,
            };
            match options.as_slice() {
                [one] => ones[self.number(one)] = Some(met),
                [one, other] => pairs.push((self.number(one), self.number(other), met)),
                _ => {}
            }
        }
        let of_pair = |one, other| {
            let listed = pairs.iter().find(|(a, b, _)| (*a, *b) == (one, other));
            listed.map(|(_, _, met)| *met)
        };
        let met = |explanation: &Explanation| match (explanation.one, explanation.other) {
            (Some(one), Some(other)) => match (ones[one], ones[other]) {
                (Some(Met::Ends), _) | (_, Some(Met::Ends)) => Met::Ends,
                (of_one, of_other) => of_pair(one, other).or(of_one).or(of_other).unwrap_or(usual),
            },
            (Some(one), None) => ones[one].unwrap_or(usual),
            _ => usual,
        };
        let explains = |explanation: &Explanation| {
            let met = if explanation.ended { Met::Ends } else { met(explanation) };
            (met != Met::No).then_some(Explanation { ended: met == Met::Ends, ..*explanation })
        };
        let left: Vec<Explanation> = self.explanations.iter().filter_map(explains).collect();
        let Some(first) = left.first().copied() else {
            return Judgement::Differs(differences);
        };
        self.explanations = left;
        let taken = first.one.into_iter().chain(first.other);
        let taken: Vec<_> = taken.map(|number| self.options[number].clone()).collect();
        if taken.is_empty() { Judgement::AsExpected } else { Judgement::AsPermitted(taken) }
    }
}

impl Judge<'_> {
    /// The number of an option that the vector names.
    fn number(&self, option: &TakenOption) -> usize {
        self.options.binary_search(&option).expect("every option that is named was numbered")
    }
}

/// Whether what was observed is what an explanation expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Yes,
    No,
    /// The explanation expects nothing from here on.
    Ends,
}
