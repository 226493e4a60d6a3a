//! What a state leads to, and what the guarantees say of every step that can be taken in it.
//!
//! Much of that is the same in many states, and is worked out once. What only asks and names no
//! room depends on the accounts alone. A step about one room is decided by the accounts, that room
//! and the tagged event if it is an event of that room; so where there are several rooms, what can
//! be done in one of them is worked out once, whatever the others are. That a guest's steps are
//! decided so is what `non_interference` says, and this guarantee is judged in every state anew, on
//! all that the state says; for all steps alike, a test holds the expansion against the plain one.

use crate::guarantee::{OF_OTHERS, about};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use crate::action::{Action, Operation, Place};
use crate::canonical_form::{canonical_form, normal_form, sort_guests};
use crate::guarantee::Verdicts;
use crate::state::{Account, MAX_GUESTS, MAX_ROOMS, Scope, State, TAGGED_ROOM};
use crate::transition_system::{self, Successor};
use guest_access_rules::guarantee::GuaranteeSet;

use super::Sequential;

type Successors = transition_system::Successors<State, Action>;

/// A step, with the guarantees that can say anything of it.
pub(crate) type Judged = (Action, GuaranteeSet);

/// Every step that is tried in every state.
#[derive(Debug)]
pub(super) struct Tried {
    /// Those that are about one room, by its number.
    in_room: [Vec<Judged>; MAX_ROOMS],
    /// Those that may be about everything.
    anywhere: Vec<Judged>,
    /// Those that are about no room and only ask.
    questions: Vec<Judged>,
    /// Those about one room of which something is said that takes the others to be known.
    interfering: Vec<Judged>,
}

impl Tried {
    pub(super) fn new(scope: Scope, actions: Vec<Action>) -> Self {
        let mut tried = Self {
            in_room: Default::default(),
            anywhere: Vec::new(),
            questions: Vec::new(),
            interfering: Vec::new(),
        };
        for action in actions {
            let guarantees = about(&action);
            let questions = matches!(
                action.operation,
                Operation::Call(_) | Operation::WhoAmI | Operation::SetProfile { .. }
            );
            match action.room() {
                _ if questions => tried.questions.push((action, guarantees)),
                Some(room)
                    if scope.rooms > 1 && action.operation != Operation::ReadThroughOtherRoom =>
                {
                    tried.in_room[room].push((action, guarantees));
                    let of_others = guarantees.intersection(OF_OTHERS);
                    if !of_others.is_empty() {
                        tried.interfering.push((action, of_others));
                    }
                }
                _ => tried.anywhere.push((action, guarantees)),
            }
        }
        tried
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Judged> {
        self.but_questions().chain(&self.questions)
    }

    fn but_questions(&self) -> impl Iterator<Item = &Judged> {
        self.in_room.iter().flatten().chain(&self.anywhere)
    }
}

/// What is known already.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What is said of all the questions, by the accounts.
    answers: RwLock<BTreeMap<[Account; MAX_GUESTS], Verdicts>>,
    /// What the steps about a room lead to, by the room and the state in no room but it.
    in_room: [RwLock<HashMap<State, Arc<Successors>>>; MAX_ROOMS],
}

impl Sequential {
    /// What `state` leads to.
    pub(super) fn expansion_by_rooms(&self, state: &State) -> Successors {
        let mut successors = Successors { verdicts: self.answers(state), ..Successors::default() };
        self.add(&mut successors, state, &self.tried.anywhere, |next| {
            canonical_form(&self.system, self.scope, next)
        });
        for room in 0..self.tried.in_room.len() {
            let alike = self.in_room(room, state);
            successors.verdicts.add(alike.verdicts);
            successors.transitions += alike.transitions;
            successors.distinct.extend(alike.distinct.iter().map(|taken| {
                let next = state.with_room_of(room, &taken.next);
                Successor { next: sort_guests(&self.system, self.scope, next), ..*taken }
            }));
        }
        successors.verdicts.add(self.verdicts_of(state, &self.tried.interfering));
        successors
    }

    /// What is said of the steps that can depend on several rooms and are about this one: by the
    /// guarantees that look beyond the room which a step is about, and, with the first room, of the
    /// reads that name none, or look for its tagged event through another one.
    pub(crate) fn verdicts_across_rooms(&self, state: &State, room: usize) -> Verdicts {
        let reads = self.tried.anywhere.iter().filter(|(action, _)| {
            room == TAGGED_ROOM && action.operation.only_asks() && action.place != Place::Elsewhere
        });
        let interfering = self.tried.interfering.iter();
        let interfering = interfering.filter(|(action, _)| action.room() == Some(room));
        self.verdicts_of(state, reads.chain(interfering))
    }

    /// Every step that is tried, but for those that are about no room and only ask.
    pub(crate) fn judged_actions(&self) -> impl Iterator<Item = &Judged> {
        self.tried.but_questions()
    }

    /// What is said of these steps, as far as they can be taken.
    pub(crate) fn verdicts_of<'a>(
        &self,
        state: &State,
        actions: impl IntoIterator<Item = &'a Judged>,
    ) -> Verdicts {
        let mut verdicts = Verdicts::NONE;
        for (action, guarantees) in actions {
            if let Some((_, said)) = self.take(state, action, *guarantees) {
                verdicts.add(said);
            }
        }
        verdicts
    }

    /// Adds what these steps lead to, where `reduce` reduces a state.
    fn add(
        &self,
        successors: &mut Successors,
        state: &State,
        actions: &[Judged],
        reduce: impl Fn(&State) -> State,
    ) {
        for (action, guarantees) in actions {
            let Some((next, verdicts)) = self.take(state, action, *guarantees) else {
                continue;
            };
            successors.add(*action, (next != *state).then(|| reduce(&next)), verdicts);
        }
    }

    /// What is said of all the questions in `state`.
    pub(crate) fn answers(&self, state: &State) -> Verdicts {
        let known = self.known.answers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdicts) = known.get(&state.accounts) {
            return *verdicts;
        }
        drop(known);
        let all = self.verdicts_of(state, &self.tried.questions);
        let mut known = self.known.answers.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(state.accounts, all);
        all
    }

    /// What the steps about this room lead to. What the moves say of the other rooms means nothing.
    fn in_room(&self, room: usize, state: &State) -> Arc<Successors> {
        let state = state.in_no_room_but(room, &self.initial());
        let known = self.known.in_room[room].read().unwrap_or_else(PoisonError::into_inner);
        if let Some(successors) = known.get(&state) {
            return successors.clone();
        }
        drop(known);
        let mut successors = Successors::default();
        self.add(&mut successors, &state, &self.tried.in_room[room], |next| {
            normal_form(&self.system, next)
        });
        let successors = Arc::new(successors);
        let mut known = self.known.in_room[room].write().unwrap_or_else(PoisonError::into_inner);
        known.insert(state, successors.clone());
        successors
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::transition_system::TransitionSystem;
    use guest_access_rules::rules::Rules;
    use guest_access_rules::variant::defects;

    /// The states that the moves lead to, in an order of their own.
    fn reached(successors: &Successors) -> Vec<State> {
        let mut states: Vec<_> = successors.distinct.iter().map(|taken| taken.next).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    proptest! {
        /// The lemma behind the shortcut, for the rules and for every mistake alike.
        #[test]
        fn a_step_about_a_room_is_decided_by_that_room(
            mistake in any::<Index>(),
            (guests, rooms) in prop::sample::select(vec![(1, 2), (2, 2), (2, 1)]),
            walk in prop::collection::vec(any::<Index>(), 1..60),
        ) {
            let rules = Rules::find("latest").unwrap();
            let mut systems = vec![rules.profile()];
            systems.extend(defects(&rules).into_iter().map(|defect| defect.profile));
            let system = mistake.get(&systems).clone();
            let model = Sequential::new(Scope { guests, rooms }, system, rules.profile());
            let mut state = model.initial();
            for turn in walk {
                let short = model.successors(&state);
                let plain = transition_system::Successors::of_each_action(&model, &state);
                prop_assert_eq!(short.verdicts, plain.verdicts);
                prop_assert_eq!(short.transitions, plain.transitions);
                prop_assert_eq!(reached(&short), reached(&plain));
                if plain.distinct.is_empty() {
                    break;
                }
                state = turn.get(&plain.distinct).next;
            }
        }
    }
}
