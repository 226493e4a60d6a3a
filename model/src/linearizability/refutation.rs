//! A short proof that a history has no linearization, which ignores the order of the calls.
//!
//! 1. Start with the initial state. Apply every call, and every operation that may come at any time, to
//!    each state found so far, until no new state is found. Apply a call with an observed answer only
//!    where the answer fits. Every prefix of every linearization leads to one of these states.
//! 2. If an observed answer fits in none of these states, there is no linearization.
//! 3. If none of these states is a final state, there is no linearization.
//!
//! The number of orders grows with the factorial of the number of calls that overlap. The number of states
//! does not. So where one answer is impossible at any time, these steps prove it at once.

use std::collections::HashSet;

use super::{FinalCondition, SequentialSpecification};

/// The number of states after which the proof gives up.
const MAX_STATES: usize = 4_096;

/// An operation, and the answer that was observed, if one was.
pub type Occurrence<'a, S> = (
    &'a <S as SequentialSpecification>::Operation,
    Option<&'a <S as SequentialSpecification>::Observation>,
);

/// Whether a history with these operations has no linearization that leads to a final state, whatever the
/// order. `false` says nothing.
pub(super) fn is_refuted<S: SequentialSpecification>(
    specification: &S,
    operations: &[Occurrence<'_, S>],
    is_final: Option<FinalCondition<'_, S::State>>,
) -> bool {
    let operations = distinct(specification, operations);
    let mut states = vec![specification.init()];
    let mut known: HashSet<S::State> = states.iter().cloned().collect();
    let mut possible = vec![false; operations.len()];
    let mut next = 0;
    while let Some(state) = states.get(next).cloned() {
        next += 1;
        for (place, (operation, observation)) in operations.iter().enumerate() {
            let Some((to, answer)) = specification.step(&state, operation) else { continue };
            if observation.is_some_and(|seen| !specification.fits(&answer, seen)) {
                continue;
            }
            possible[place] = true;
            if known.insert(to.clone()) {
                states.push(to);
            }
        }
        if states.len() > MAX_STATES {
            return false;
        }
    }
    let is_impossible = |(place, (_, observation)): (usize, &Occurrence<'_, S>)| {
        observation.is_some() && !possible[place]
    };
    operations.iter().enumerate().any(is_impossible)
        || is_final.is_some_and(|is_final| !states.iter().any(is_final))
}

/// The operations without those that are like an earlier one.
pub fn distinct<'a, S: SequentialSpecification>(
    specification: &S,
    operations: &[Occurrence<'a, S>],
) -> Vec<Occurrence<'a, S>> {
    let mut distinct: Vec<Occurrence<'a, S>> = Vec::new();
    for one in operations.iter().copied() {
        if !distinct.iter().any(|other| specification.is_alike(*other, one)) {
            distinct.push(one);
        }
    }
    distinct
}
