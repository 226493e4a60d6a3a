//! Linearizability of a growing history (M. Herlihy and J. Wing, *Linearizability: a correctness condition
//! for concurrent objects*, 1990): the orders of the calls so far that explain all answers so far.
//!
//! An [`Explanation`] is one such order. Each call is at an instant between its start and its answer, and
//! the sequential rules give the observed answers. An explanation consists of the state that the order
//! leads to, and of the answer of each call in flight that the order already has.
//!
//! When a call is answered:
//!
//! 1. Extend each explanation by every sequence of calls in flight that ends with this call.
//! 2. Drop the explanations in which the call has another answer.
//! 3. If no explanation is left, the history is not linearizable.
//!
//! An order gets a call only when an answer needs the call. A call that could have its place earlier can
//! still have its place then, because calls that start in between only add orders. (This is just-in-time
//! linearization: G. Lowe, *Testing for linearizability*, 2017.)
//!
//! The checker of recordings has a search of its own, for finished histories: `contention/linearization.rs`
//! of the crate `guest_access` compares the two.

use serde::{Deserialize, Serialize};

use crate::action::Operation;
use crate::canonical_form::normal_form;
use crate::decide::outcome;
use crate::state::State;

use super::calls::{Call, Response};
use super::stages::no_deed;
use super::{Concurrent, ConcurrentState};

/// One order of the calls so far that explains every answer so far.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Explanation {
    /// The state that the order leads to.
    pub state: State,
    /// For each call in flight its answer, if the order already has the call.
    pub answers: Vec<Option<Response>>,
}

/// The explanations after the answer to a call.
pub(super) struct AnswerExplanations {
    pub(super) explanations: Vec<Explanation>,
    /// Whether some order has another answer to the call, or leads to another state.
    pub(super) orders_matter: bool,
}

impl Explanation {
    pub(super) fn of(state: State) -> Self {
        Self { state, answers: Vec::new() }
    }

    pub(super) fn begins(&mut self) {
        self.answers.push(None);
    }
}

impl Concurrent {
    /// Returns the explanations of the answer `said` to the call with this number.
    pub(super) fn explain(
        &self,
        current: &ConcurrentState,
        number: usize,
        answer_given: Response,
    ) -> AnswerExplanations {
        let (mut explanations, mut possible) = (Vec::new(), Vec::new());
        let mut known: Vec<Explanation> = current.explained.clone();
        let mut next = 0;
        while let Some(explanation) = known.get(next).cloned() {
            next += 1;
            if let Some(already) = explanation.answers[number] {
                let mut rest = explanation;
                rest.answers.remove(number);
                possible.push((already, rest));
                continue;
            }
            for (other, call) in current.calls.iter().enumerate() {
                if explanation.answers[other].is_some() {
                    continue;
                }
                let Some((state, answer)) = self.in_sequence(call, &explanation.state) else {
                    continue;
                };
                let mut then = Explanation { state, answers: explanation.answers.clone() };
                then.answers[other] = Some(answer);
                if !known.contains(&then) {
                    known.push(then);
                }
            }
        }
        let orders_matter = possible
            .iter()
            .any(|(answer, rest)| (answer, rest.state) != (&possible[0].0, possible[0].1.state));
        explanations
            .extend(possible.into_iter().filter(|(a, _)| *a == answer_given).map(|(_, rest)| rest));
        explanations.sort_unstable();
        explanations.dedup();
        AnswerExplanations { explanations, orders_matter }
    }

    /// The next state and the answer of a call by the sequential rules. An action of the server that has
    /// no outcome in this state changes nothing.
    fn in_sequence(&self, call: &Call, state: &State) -> Option<(State, Response)> {
        let action = self.action_in(call, state);
        let outcome = match action.operation {
            Operation::EndToken(_) => {
                outcome(&self.profile, state, &action).unwrap_or_else(|| no_deed(state))
            }
            _ => outcome(&self.profile, state, &action)?,
        };
        Some((normal_form(&self.profile, &outcome.next), Response::of(&outcome.observation)))
    }
}
