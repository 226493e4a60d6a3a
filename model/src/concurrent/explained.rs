//! Whether one order of all calls explains every answer: linearizability, as Herlihy and Wing have it
//! (*Linearizability: a correctness condition for concurrent objects*, 1990), followed along the way.
//!
//! An [`Explanation`] is one way in which the calls so far can have been put in one order, each at an
//! instant between its start and its answer, so that the sequential rules give the answers that were
//! given: the state that this order leads to, and for each call in flight, what it is to be answered
//! if the order has it already. All explanations are kept. When a call is answered, each is carried
//! on by every order of calls in flight that ends in this one, and those in which it would be
//! answered otherwise are dropped. If none is left, no order explains the answers.
//!
//! A call takes its place in the order no earlier than an answer needs it: everything that could be
//! put in the order before can be put there then, since the calls that start in between only add to
//! what is possible. (Lowe calls it just-in-time linearization: *Testing for linearizability*, 2017.)

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
    /// For each call in flight, what it is answered if the order has it already.
    pub said: Vec<Option<Response>>,
}

/// What the answer to one call leaves.
pub(super) struct Explained {
    pub(super) explanations: Vec<Explanation>,
    /// Whether some order would have had the call answered otherwise, or would have led elsewhere.
    pub(super) orders_matter: bool,
}

impl Explanation {
    pub(super) fn of(state: State) -> Self {
        Self { state, said: Vec::new() }
    }

    pub(super) fn begins(&mut self) {
        self.said.push(None);
    }
}

impl Concurrent {
    /// The call with this number is answered so.
    pub(super) fn explain(
        &self,
        current: &ConcurrentState,
        number: usize,
        said: Response,
    ) -> Explained {
        let (mut explanations, mut possible) = (Vec::new(), Vec::new());
        let mut known: Vec<Explanation> = current.explained.clone();
        let mut next = 0;
        while let Some(explanation) = known.get(next).cloned() {
            next += 1;
            if let Some(already) = explanation.said[number] {
                let mut rest = explanation;
                rest.said.remove(number);
                possible.push((already, rest));
                continue;
            }
            for (other, call) in current.calls.iter().enumerate() {
                if explanation.said[other].is_some() {
                    continue;
                }
                let Some((state, answer)) = self.in_sequence(call, &explanation.state) else {
                    continue;
                };
                let mut then = Explanation { state, said: explanation.said.clone() };
                then.said[other] = Some(answer);
                if !known.contains(&then) {
                    known.push(then);
                }
            }
        }
        let orders_matter = possible
            .iter()
            .any(|(answer, rest)| (answer, rest.state) != (&possible[0].0, possible[0].1.state));
        explanations.extend(possible.into_iter().filter(|(a, _)| *a == said).map(|(_, rest)| rest));
        explanations.sort_unstable();
        explanations.dedup();
        Explained { explanations, orders_matter }
    }

    /// What the sequential rules do with a call in this state. The server's own deed is nothing where
    /// there is nothing to do.
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
