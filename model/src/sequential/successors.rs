//! The successors of a state, and the verdicts on every action in it.
//!
//! Many states share successors and verdicts, so they are cached:
//!
//! | actions | depend on | cached by |
//! |---|---|---|
//! | queries that name no room | the accounts | the accounts |
//! | actions about one room, if there are several | the accounts, that room, the tagged event if it is of that room | that part of the state |
//! | all others | the whole state | nothing |
//!
//! The second row is the claim of `non_interference`. So this guarantee is judged anew in every state,
//! on the whole state. A test compares the cached successors with those computed action by action.

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

/// An action, with the guarantees whose premise it can meet.
pub(crate) type JudgedAction = (Action, GuaranteeSet);

/// Every action of the model, by what it depends on.
#[derive(Debug)]
pub(super) struct ModelActions {
    /// The actions about one room, by its number.
    in_room: [Vec<JudgedAction>; MAX_ROOMS],
    /// The actions that may depend on the whole state.
    anywhere: Vec<JudgedAction>,
    /// The queries that name no room.
    queries: Vec<JudgedAction>,
    /// The actions about one room that a guarantee judges by the other rooms too.
    interfering: Vec<JudgedAction>,
}

impl ModelActions {
    pub(super) fn new(scope: Scope, actions: Vec<Action>) -> Self {
        let mut model = Self {
            in_room: Default::default(),
            anywhere: Vec::new(),
            queries: Vec::new(),
            interfering: Vec::new(),
        };
        for action in actions {
            let guarantees = about(&action);
            let is_query = action.place == Place::Nowhere
                && matches!(
                    action.operation,
                    Operation::Call(_) | Operation::WhoAmI | Operation::SetProfile { .. }
                );
            match action.room() {
                _ if is_query => model.queries.push((action, guarantees)),
                Some(room)
                    if scope.rooms > 1 && action.operation != Operation::ReadThroughOtherRoom =>
                {
                    model.in_room[room].push((action, guarantees));
                    let of_others = guarantees.intersection(OF_OTHERS);
                    if !of_others.is_empty() {
                        model.interfering.push((action, of_others));
                    }
                }
                _ => model.anywhere.push((action, guarantees)),
            }
        }
        model
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &JudgedAction> {
        self.but_queries().chain(&self.queries)
    }

    fn but_queries(&self) -> impl Iterator<Item = &JudgedAction> {
        self.in_room.iter().flatten().chain(&self.anywhere)
    }
}

/// Successors and verdicts that were computed before.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// The verdicts on all queries that name no room, by the accounts.
    query_verdicts: RwLock<BTreeMap<[Account; MAX_GUESTS], Verdicts>>,
    /// The successors by the actions about a room, by the room and the state of only that room.
    in_room: [RwLock<HashMap<State, Arc<Successors>>>; MAX_ROOMS],
}

impl Sequential {
    /// The successors of `state`, with those of each room from the cache.
    pub(super) fn expansion_by_rooms(&self, state: &State) -> Successors {
        let mut successors =
            Successors { verdicts: self.query_verdicts(state), ..Successors::default() };
        self.add(&mut successors, state, &self.actions.anywhere, |next| {
            canonical_form(&self.system, self.scope, next)
        });
        for room in 0..self.actions.in_room.len() {
            let alike = self.in_room(room, state);
            successors.verdicts.add(alike.verdicts);
            successors.transitions += alike.transitions;
            successors.distinct.extend(alike.distinct.iter().map(|taken| {
                let next = state.with_room_of(room, &taken.next);
                Successor { next: sort_guests(&self.system, self.scope, next), ..*taken }
            }));
        }
        successors.verdicts.add(self.verdicts_of(state, &self.actions.interfering));
        successors
    }

    /// The verdicts on the actions about this room that can depend on several rooms. These are the
    /// verdicts by the guarantees that read more than the action's room. For the first room, they are
    /// also the verdicts on the reads that name no room, or that request the tagged event through
    /// another room.
    pub(crate) fn verdicts_across_rooms(&self, state: &State, room: usize) -> Verdicts {
        let reads = self.actions.anywhere.iter().filter(|(action, _)| {
            room == TAGGED_ROOM && action.operation.only_asks() && action.place != Place::Elsewhere
        });
        let interfering = self.actions.interfering.iter();
        let interfering = interfering.filter(|(action, _)| action.room() == Some(room));
        self.verdicts_of(state, reads.chain(interfering))
    }

    /// Every action, except the queries that name no room.
    pub(crate) fn judged_actions(&self) -> impl Iterator<Item = &JudgedAction> {
        self.actions.but_queries()
    }

    /// The verdicts on those of these actions that can happen.
    pub(crate) fn verdicts_of<'a>(
        &self,
        state: &State,
        actions: impl IntoIterator<Item = &'a JudgedAction>,
    ) -> Verdicts {
        let mut verdicts = Verdicts::NONE;
        for (action, guarantees) in actions {
            if let Some((_, judged)) = self.apply(state, action, *guarantees) {
                verdicts.add(judged);
            }
        }
        verdicts
    }

    /// Adds the successors by these actions, each in the normal form that `normal_form` gives.
    fn add(
        &self,
        successors: &mut Successors,
        state: &State,
        actions: &[JudgedAction],
        normal_form: impl Fn(&State) -> State,
    ) {
        for (action, guarantees) in actions {
            let Some((next, verdicts)) = self.apply(state, action, *guarantees) else {
                continue;
            };
            successors.add(*action, (next != *state).then(|| normal_form(&next)), verdicts);
        }
    }

    /// The verdicts on all queries that name no room, in `state`.
    pub(crate) fn query_verdicts(&self, state: &State) -> Verdicts {
        let known = self.cache.query_verdicts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdicts) = known.get(&state.accounts) {
            return *verdicts;
        }
        drop(known);
        let all = self.verdicts_of(state, &self.actions.queries);
        let mut known = self.cache.query_verdicts.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(state.accounts, all);
        all
    }

    /// The successors by the actions about this room. Only this room of each next state has a meaning.
    fn in_room(&self, room: usize, state: &State) -> Arc<Successors> {
        let state = state.in_no_room_but(room, &self.initial());
        let known = self.cache.in_room[room].read().unwrap_or_else(PoisonError::into_inner);
        if let Some(successors) = known.get(&state) {
            return successors.clone();
        }
        drop(known);
        let mut successors = Successors::default();
        self.add(&mut successors, &state, &self.actions.in_room[room], |next| {
            normal_form(&self.system, next)
        });
        let successors = Arc::new(successors);
        let mut known = self.cache.in_room[room].write().unwrap_or_else(PoisonError::into_inner);
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

    /// The distinct next states, sorted.
    fn reached(successors: &Successors) -> Vec<State> {
        let mut states: Vec<_> = successors.distinct.iter().map(|taken| taken.next).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    proptest! {
        /// The lemma behind the cache, for the rules and for every mistake.
        #[test]
        fn an_action_about_a_room_is_decided_by_that_room(
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
