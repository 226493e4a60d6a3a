//! Differences in rooms whose settings were never set.
//!
//! Both homeservers begin in their own initial state. While a setting was never set, each
//! homeserver assumes the value that its own rules give, so the two states differ. The search goes on
//! only after an action with the same outcome for both: the differences after a difference are
//! consequences.

use crate::decide::{Outcome, initial, outcome};
use crate::guarantee::NeverSet;
use crate::shortest_trace::Search;
use crate::state::{MAX_ROOMS, State};
use crate::stop::Stop;

use super::classification::{direction, side};
use super::difference_search::{DifferenceSearch, DifferentDecision};
use super::{Direction, Leader};

/// A state of each homeserver, and which settings of each room were never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Pair {
    from: State,
    to: State,
    never_set: [NeverSet; MAX_ROOMS],
}

impl DifferenceSearch<'_> {
    /// Compares both in rooms whose settings were never set, if the two assume different values there.
    pub(super) fn search_new_rooms(&mut self, stop: &Stop) {
        let first = Pair {
            from: initial(self.from),
            to: initial(self.to),
            never_set: [NeverSet::BOTH; MAX_ROOMS],
        };
        if first.from == first.to {
            return;
        }
        let mut search = Search::new([first]);
        while let Some(number) = search.next_state() {
            if stop.now() || stop.most_states.is_some_and(|most| number >= most) {
                self.complete = false;
                return;
            }
            if self.only_first && !self.found.is_empty() {
                return;
            }
            let pair = search.states()[number];
            for action in self.actions {
                let room = action.room().unwrap_or(0);
                let never_set_here = pair.never_set[room];
                if action.room().is_some() && never_set_here.leaves_nothing_to(action.operation) {
                    continue;
                }
                let one = outcome(self.from, &pair.from, action);
                let other = outcome(self.to, &pair.to, action);
                let (Some(one), Some(other)) = (one, other) else { continue };
                self.contexts += 1;
                let allowed = one.observation.decision.allows();
                let mut never_set = pair.never_set;
                if allowed && action.room().is_some() {
                    for profile in [self.from, self.to] {
                        never_set[room] = never_set[room].after(profile, action.operation);
                    }
                }
                let shown = [&one, &other].map(|outcome| by_the_clauses(outcome, never_set));
                if let Some(direction) = direction(&shown[0], &shown[1]) {
                    let leader = match direction {
                        Direction::Closes => Leader::From,
                        Direction::Opens | Direction::Changes => Leader::To,
                    };
                    let state = by_the_clauses_state(pair.to, pair.never_set);
                    let sides = (side(&one), side(&other));
                    let never_set = never_set_here;
                    let differing =
                        DifferentDecision { direction, sides, state: &state, action, never_set };
                    self.note(&differing, leader, true, || search.trace(number, *action));
                    continue;
                }
                let next = Pair { from: one.next, to: other.next, never_set };
                if next != pair && next.from != next.to {
                    search.reach(number, *action, next);
                }
            }
        }
    }
}

/// The outcome without the values that a homeserver assumes for settings that were never set.
fn by_the_clauses(outcome: &Outcome, never_set: [NeverSet; MAX_ROOMS]) -> Outcome {
    Outcome { next: by_the_clauses_state(outcome.next, never_set), ..*outcome }
}

fn by_the_clauses_state(mut state: State, never_set: [NeverSet; MAX_ROOMS]) -> State {
    for (room, never_set) in never_set.into_iter().enumerate() {
        state = never_set.by_the_clauses(room, state);
    }
    // The setting at an earlier event is a consequence of the assumed value.
    state.tagged = None;
    state
}
