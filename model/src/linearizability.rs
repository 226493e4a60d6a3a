//! Linearizability: whether one order of overlapping calls explains all their answers (M. Herlihy and
//! J. Wing, *Linearizability: a correctness condition for concurrent objects*, 1990).
//!
//! # What linearizability is
//! A *sequential specification* says how an object answers calls that come one after the other. A server
//! takes several calls at once. A *history* lists its calls, each with the time of its start, and with
//! its answer and the time of the answer. A *linearization* of a history is one order of the calls with
//! two properties:
//!
//! - Each call takes place at one instant between its start and its answer. So if one call was answered
//!   before another call started, it comes before that call. A call without an answer may take place at
//!   any time after its start, or not at all.
//! - The sequential specification gives every observed answer, if the calls come in this order.
//!
//! A history with a linearization is *linearizable*: no client can tell the server from one that takes
//! one call at a time.
//!
//! # How a specification is stated
//! The names are those of porcupine (A. Athalye, 2017), whose models consist of `partition`, `init` and
//! `step`:
//!
//! | here | meaning |
//! |---|---|
//! | [`SequentialSpecification::init`] | the specification state before the first operation |
//! | [`SequentialSpecification::step`] | the next state after an operation, and its answer |
//! | [`SequentialSpecification::fits`] | whether an observed answer is the answer of the specification |
//! | [`SequentialSpecification::is_read_only`] | whether an operation changes no state; speeds up the search |
//! | [`SequentialSpecification::is_alike`] | whether two calls can change places; speeds up the search |
//! | [`PartitionedSpecification::partition`] | the parts of a history that can be checked by themselves |
//!
//! # Example
//! A register holds one number, and is 0 at first. Two clients write 1 and read while the writing goes on.
//!
//! ```
//! use guest_access_model::linearizability::{Call, HistorySearch, SearchResult, SequentialSpecification};
//!
//! struct Register;
//!
//! #[derive(Debug, Clone, Copy, PartialEq, Eq)]
//! enum Operation {
//!     Write(u32),
//!     Read,
//! }
//! use Operation::{Read, Write};
//!
//! impl SequentialSpecification for Register {
//!     type State = u32;
//!     type Operation = Operation;
//!     type Answer = u32;
//!     type Observation = u32;
//!
//!     fn init(&self) -> u32 {
//!         0
//!     }
//!
//!     fn step(&self, state: &u32, operation: &Operation) -> Option<(u32, u32)> {
//!         match operation {
//!             Write(value) => Some((*value, *value)),
//!             Read => Some((*state, *state)),
//!         }
//!     }
//!
//!     fn fits(&self, answer: &u32, observation: &u32) -> bool {
//!         answer == observation
//!     }
//! }
//!
//! // The call with a number does an operation from `start` to `end`, and is answered `answer`.
//! let call = |number, operation, start, end, answer| {
//!     Call { number, operation, start, answer: Some((end, answer)) }
//! };
//! let write = call(0, Write(1), 0, 90, 1);
//! let search = |calls: &[Call<Operation, u32>]| HistorySearch::of(&Register, calls).run();
//!
//! // The first read comes before the write, and the second one after the write.
//! let linearizable = [write.clone(), call(1, Read, 10, 20, 0), call(2, Read, 30, 40, 1)];
//! let SearchResult::Linearization(order) = search(&linearizable) else { unreachable!() };
//! assert_eq!(order, [1, 0, 2]);
//!
//! // A read returns the new value, and a later one the old value: no order explains both.
//! let new_before_old = [write, call(1, Read, 10, 20, 1), call(2, Read, 30, 40, 0)];
//! assert!(matches!(search(&new_before_old), SearchResult::None(_)));
//! ```
//!
//! # Two searches
//! There are two algorithms, each for another input:
//!
//! | | [`HistorySearch`] | [`explain_answer`] |
//! |---|---|---|
//! | input | a finished history | a history that still grows, one answer at a time |
//! | used by | the check of recordings | the concurrent model |
//! | strategy | depth first, until one linearization is found | all explanations, at every answer |
//! | when a call takes its place | whenever it is a candidate | only when an answer needs it |
//! | kept of the beginning of an order | the set of its calls, and the state | the state, and the answers of the calls in flight |
//! | result | a linearization, or dead ends for a report; or a limit was reached | the explanations that remain, and whether the order matters |
//! | calls at any time, a final state, a limit | yes | no |
//!
//! Both use the same specification. Both drop an order that has the same calls and leads to the same
//! state as another one (G. Lowe, *Testing for linearizability*, 2017). Both extend an order only by calls
//! that have started, and let a call without an answer take place or not. The tests compare both with
//! every order that there is.
//!
//! # Why no crate
//! The `LinearizabilityTester` of stateright keeps no set of explored orders, and takes exponential time
//! in the number of overlapping calls. `todc-utils` keeps such a set, but was last released in 2023. Both
//! answer yes or no only, and a report needs the dead ends.

mod growing;
mod refutation;
mod whole;

#[cfg(test)]
mod tests;

use std::hash::Hash;

pub use growing::{AnswerExplanations, Explanation, explain_answer};
pub use refutation::{Occurrence, distinct};
pub use whole::{
    CallSet, DeadEnd, HistorySearch, MAX_DEAD_ENDS, MAX_PREFIXES, SearchOutcome, SearchResult,
    candidates,
};

/// How an object answers operations that come one after the other.
pub trait SequentialSpecification {
    /// The specification state.
    type State: Clone + Eq + Hash;
    /// What a call does.
    type Operation;
    /// The answer to an operation by the specification.
    type Answer;
    /// An observed answer, which may show less than the answer of the specification.
    type Observation;

    /// The specification state before the first operation.
    fn init(&self) -> Self::State;

    /// The next state and the answer of an operation; `None` if nobody can do the operation in this
    /// state.
    fn step(
        &self,
        state: &Self::State,
        operation: &Self::Operation,
    ) -> Option<(Self::State, Self::Answer)>;

    /// Whether an observed answer is the answer of the specification.
    fn fits(&self, answer: &Self::Answer, observation: &Self::Observation) -> bool;

    /// Whether two calls, each an operation and its observed answer, have the same effect and the same
    /// answer in every state.
    ///
    /// `false` is always correct. `true` lets [`HistorySearch`] try fewer orders.
    fn is_alike(
        &self,
        _one: (&Self::Operation, Option<&Self::Observation>),
        _other: (&Self::Operation, Option<&Self::Observation>),
    ) -> bool {
        false
    }

    /// Whether the operation changes no state in which its observed answer fits; without an observed
    /// answer, whether the operation changes no state at all.
    ///
    /// `false` is always correct. `true` lets [`HistorySearch`] try fewer orders.
    fn is_read_only(
        &self,
        _operation: &Self::Operation,
        _observation: Option<&Self::Observation>,
    ) -> bool {
        false
    }
}

/// A specification under which parts of a history can be checked by themselves.
///
/// A linearization of the history has to contain a linearization of each partition. So a partition without
/// a linearization proves that the history has none.
pub trait PartitionedSpecification: SequentialSpecification {
    /// A history of the whole object.
    type History;
    /// A part of a history.
    type Partition;

    /// The partitions of a history.
    fn partition(history: &Self::History) -> Vec<Self::Partition>;
}

/// A call of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<Operation, Observation> {
    /// The number of the call in the whole history, which a partition keeps.
    pub number: usize,
    /// What the call does.
    pub operation: Operation,
    /// The time of the start, on any clock.
    pub start: u64,
    /// The time of the answer on the same clock, and the observed answer. A call without an answer may
    /// have taken place at any time after its start, or not at all.
    pub answer: Option<(u64, Observation)>,
}

/// Whether a state may be the last of a linearization.
pub type FinalCondition<'a, State> = &'a dyn Fn(&State) -> bool;

/// A call of a history of `S`.
pub type CallOf<S> =
    Call<<S as SequentialSpecification>::Operation, <S as SequentialSpecification>::Observation>;

impl<Operation, Observation> Call<Operation, Observation> {
    /// The observed answer.
    pub fn observation(&self) -> Option<&Observation> {
        self.answer.as_ref().map(|(_, observation)| observation)
    }
}
