//! The sequential specification of the calls of the concurrent model, by which the model judges
//! linearizability at every answer.
//!
//! The specification state is the state of the sequential model. An operation is a call. The state of
//! the concurrent model contains every explanation of the answers so far. [`crate::linearizability`]
//! defines explanations, and extends them at each answer.

use crate::action::Operation;
use crate::canonical_form::normal_form;
use crate::decide::outcome;
use crate::linearizability::{self, AnswerExplanations, SequentialSpecification, explain_answer};
use crate::state::State;

use super::calls::{CallInFlight, VisibleAnswer};
use super::stages::unchanged;
use super::{Concurrent, ConcurrentState};

/// One order of the calls so far that explains every answer so far.
pub type Explanation = linearizability::Explanation<State, VisibleAnswer>;

impl SequentialSpecification for Concurrent {
    type State = State;
    type Operation = CallInFlight;
    type Answer = VisibleAnswer;
    type Observation = VisibleAnswer;

    fn init(&self) -> State {
        self.initial_state
    }

    /// The next state and the answer of a call by the sequential rules. An action of the server that has
    /// no outcome in this state changes nothing.
    fn step(&self, state: &State, call: &CallInFlight) -> Option<(State, VisibleAnswer)> {
        let action = self.action_in(call, state);
        let outcome = match action.operation {
            Operation::EndToken(_) => {
                outcome(&self.profile, state, &action).unwrap_or_else(|| unchanged(state))
            }
            _ => outcome(&self.profile, state, &action)?,
        };
        Some((normal_form(&self.profile, &outcome.next), VisibleAnswer::of(&outcome.observation)))
    }

    fn fits(&self, answer: &VisibleAnswer, observation: &VisibleAnswer) -> bool {
        answer == observation
    }
}

impl Concurrent {
    /// Returns the explanations of `answer_given`, the answer to the call with this number.
    pub(super) fn explain(
        &self,
        current: &ConcurrentState,
        number: usize,
        answer_given: VisibleAnswer,
    ) -> AnswerExplanations<State, VisibleAnswer> {
        explain_answer(self, &current.explanations, &current.calls, (number, &answer_given))
    }
}
