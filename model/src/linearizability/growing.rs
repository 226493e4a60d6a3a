//! The search in a history that still grows: the orders of the calls so far that explain all answers so
//! far.
//!
//! An [`Explanation`] is one such order, as far as later answers depend on it. It has the state that
//! the order leads to, and the answers of those calls in flight that the order already has.
//!
//! When a call is answered:
//!
//! 1. Extend each explanation by every sequence of calls in flight that ends with this call.
//! 2. Drop the explanations in which the call has another answer.
//! 3. If no explanation is left, the history is not linearizable.
//!
//! An order gets a call only when an answer needs the call. Waiting loses no order: calls that start in
//! the meantime only add orders. (This is just-in-time linearization: G. Lowe, *Testing for
//! linearizability*, 2017.)

use serde::{Deserialize, Serialize};

use super::SequentialSpecification;

/// One order of the calls so far that explains every answer so far.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Explanation<State, Answer> {
    /// The state that the order leads to.
    pub state: State,
    /// For each call in flight its answer, if the order already has the call.
    pub answers: Vec<Option<Answer>>,
}

/// The explanations after the answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerExplanations<State, Answer> {
    /// The explanations of all answers so far, sorted, each once. The answered call is no longer in
    /// flight.
    pub explanations: Vec<Explanation<State, Answer>>,
    /// Whether some order has another answer to the call, or leads to another state.
    pub orders_matter: bool,
}

impl<State, Answer> Explanation<State, Answer> {
    /// The explanation of a history without calls in flight that has led to this state.
    pub const fn of(state: State) -> Self {
        Self { state, answers: Vec::new() }
    }

    /// Adds a call that starts, as the last call in flight.
    pub fn begin(&mut self) {
        self.answers.push(None);
    }
}

/// Returns the explanations after an answer to a call in flight, which has the number `answered` among
/// the calls `in_flight`.
pub fn explain_answer<S>(
    specification: &S,
    explanations: &[Explanation<S::State, S::Answer>],
    in_flight: &[S::Operation],
    (answered, observation): (usize, &S::Observation),
) -> AnswerExplanations<S::State, S::Answer>
where
    S: SequentialSpecification<State: Ord, Answer: Clone + Ord>,
{
    let mut possible = Vec::new();
    let mut known = explanations.to_vec();
    let mut next = 0;
    while let Some(explanation) = known.get(next).cloned() {
        next += 1;
        if let Some(already) = explanation.answers[answered].clone() {
            let mut rest = explanation;
            rest.answers.remove(answered);
            possible.push((already, rest));
            continue;
        }
        for (other, operation) in in_flight.iter().enumerate() {
            if explanation.answers[other].is_some() {
                continue;
            }
            let Some((state, answer)) = specification.step(&explanation.state, operation) else {
                continue;
            };
            let mut then = Explanation { state, answers: explanation.answers.clone() };
            then.answers[other] = Some(answer);
            if !known.contains(&then) {
                known.push(then);
            }
        }
    }
    let orders_matter = possible.iter().any(|(answer, rest)| {
        let (first, of_first) = &possible[0];
        (answer, &rest.state) != (first, &of_first.state)
    });
    let fitting =
        possible.into_iter().filter(|(answer, _)| specification.fits(answer, observation));
    let mut explanations: Vec<_> = fitting.map(|(_, rest)| rest).collect();
    explanations.sort_unstable();
    explanations.dedup();
    AnswerExplanations { explanations, orders_matter }
}
