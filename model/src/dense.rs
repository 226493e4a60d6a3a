//! Dense tables: the states of one room as numbers, whose successors are looked up and not decided.
//!
//! What a guest may do in a room does not depend on other guests (`non_interference` promises this,
//! and the tables need a little more). So the state of a room splits into parts:
//!
//! - the *room state*, which all guests share: the settings, and the class of the tagged event;
//! - a *guest state* for each guest: account, membership, relation to the tagged event;
//! - a *guest view*: the room state with one guest state. It is a state of the model with this guest
//!   alone.
//!
//! The tables are made in three steps:
//!
//! 1. Find every guest view that can be reached (`guest_views.rs`).
//! 2. Let the model decide every action in every view, and number the results (`compile.rs`).
//! 3. Judge each view when it is first visited, alone and beside a second guest (`judges.rs`).
//!
//! Then the successors of a state with any number of guests are looked up, view by view. With several
//! rooms not even that is necessary (`rooms.rs`). For any number of guests and rooms no state is visited:
//! every view is judged (`any_number.rs`).
//!
//! `spec-notes/engine.md` has the argument. It does not hold for every mistake: see [`Dense::of`].

mod accounts;
mod any_number;
mod compile;
mod decisions;
mod guest_views;
mod judges;
mod parts;
mod room_views;
mod rooms;

pub use any_number::{EveryView, NumberOfRooms, judge_every_view};
pub use decisions::{ActionNumber, Decisions, Situation};
pub use rooms::explore_room_by_room;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::guarantee::Verdicts;
use crate::state::{Account, MAX_GUESTS, State};
use guest_access_rules::profile::Profile;

use compile::TableOptions;
use guest_views::GuestViews;
use judges::{ActionClass, Judges};
use parts::{GuestState, RoomState, compose};

/// The tables of a room.
#[derive(Debug)]
pub struct Dense {
    guests: usize,
    /// Whether the states that differ by an exchange of guests have one code.
    sorts_guests: bool,
    /// Every room state, by number.
    room_states: Vec<RoomState>,
    /// Every guest state, by number.
    guest_states: Vec<GuestState>,
    /// The view of each pair of these, or [`NONE`].
    view: Vec<u32>,
    /// The transitions by the actions that name the guest, by view.
    guest_transitions: Rows<GuestTransition>,
    /// How many of these actions change the state, by view.
    guest_changes: Vec<u16>,
    /// The guest state after an upgrade of the guest that shows another guest's token, by view, if that
    /// is another state.
    by_others_token: Vec<Option<u16>>,
    /// The transitions by the actions that name no guest, by room state.
    room_transitions: Rows<RoomTransition>,
    /// Which actions that name no guest change the state, by view, one bit each.
    room_changes: Vec<u64>,
    /// The next number of each guest state, one column for each transition.
    columns: Vec<u16>,
    /// Which views are judged.
    judged: Vec<AtomicBool>,
    /// The class of each view: views of a class differ in nothing that a read depends on.
    as_read: Vec<u32>,
    /// For which of these classes the reads are judged.
    judged_reads: Vec<AtomicBool>,
    /// The judges, if views are judged when they are visited.
    judges: Option<Judges>,
    profile: Profile,
}

/// Stands in place of a number where there is none.
const NONE: u32 = u32::MAX;

/// A transition by an action that names the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct GuestTransition {
    room_state: u32,
    guest_state: u16,
    /// The next states of all other guests: a column, or [`NONE`] if they do not change.
    others: u32,
}

/// A transition by an action that names no guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RoomTransition {
    room_state: u32,
    column: u32,
}

/// Rows of different lengths, one after the other.
#[derive(Debug)]
struct Rows<T> {
    ends: Vec<u32>,
    all: Vec<T>,
}

impl<T> Rows<T> {
    fn new() -> Self {
        Self { ends: vec![0], all: Vec::new() }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a room does not have this many views")]
    fn push(&mut self, row: impl IntoIterator<Item = T>) {
        self.all.extend(row);
        self.ends.push(self.all.len() as u32);
    }

    fn row(&self, number: u32) -> &[T] {
        let number = number as usize;
        &self.all[self.ends[number] as usize..self.ends[number + 1] as usize]
    }
}

/// A state of a room, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    room_state: u32,
    /// 0 for guests beyond the scope.
    guest_states: [u16; MAX_GUESTS],
}

impl Dense {
    /// The tables of a room with `guests` guests, made on `threads` threads. The homeserver follows the
    /// profile `system`, and the profile `rules` judges it. `tagged` says whether there is a tagged
    /// event. `None` if guests depend on each other:
    ///
    /// - the first guest is special, so it matters which guest is named;
    /// - a rejected event of a guest removes the other guests.
    ///
    /// Everything else that would break the argument is checked while the tables are made.
    pub fn of(
        system: &Profile,
        rules: &Profile,
        guests: usize,
        tagged: bool,
        threads: usize,
    ) -> Option<Self> {
        GuestViews::of(system, rules, guests, tagged, threads)?.compile(TableOptions {
            guests,
            sorts_guests: true,
            tabulates: |_| true,
            judges: Some(Judges::of(system, rules, guests)),
            profile: system.clone(),
        })
    }

    /// The number of codes: the code of every state is less.
    pub fn codes(&self) -> u64 {
        let guest_states = self.guest_states.len() as u64;
        (0..self.guests)
            .fold(self.room_states.len() as u64, |codes, _| codes.saturating_mul(guest_states))
    }

    /// The code of the initial state.
    ///
    /// # Panics
    /// Never: the tables begin with it.
    pub fn initial_code(&self) -> u64 {
        self.code_of(&crate::decide::initial(&self.profile)).expect("the tables begin with it")
    }

    /// The code of a state, if its room state and its guest states are in the tables.
    pub fn code_of(&self, state: &State) -> Option<u64> {
        let (room_state, guest_states) = parts::split(state, self.guests);
        let room_state = self.room_states.binary_search(&room_state).ok()?;
        let mut numbers =
            Numbers { room_state: u32::try_from(room_state).ok()?, guest_states: [0; MAX_GUESTS] };
        for (number, guest_state) in numbers.guest_states.iter_mut().zip(&guest_states) {
            *number = u16::try_from(self.guest_states.binary_search(guest_state).ok()?).ok()?;
        }
        Some(self.code(numbers))
    }

    /// The state with this code.
    pub fn state_of(&self, code: u64) -> State {
        let numbers = self.numbers(code);
        let guest_states = numbers.guest_states[..self.guests]
            .iter()
            .map(|guest_state| self.guest_states[usize::from(*guest_state)]);
        compose(
            &self.profile,
            self.room_states[numbers.room_state as usize],
            &guest_states.collect::<Vec<_>>(),
        )
    }

    /// The code of a state, or of all the states that differ from it by an exchange of guests.
    fn code(&self, numbers: Numbers) -> u64 {
        match self.guests {
            1 => self.code_of_so_many::<1>(numbers),
            2 => self.code_of_so_many::<2>(numbers),
            _ => self.code_of_so_many::<MAX_GUESTS>(numbers),
        }
    }

    #[inline]
    fn code_of_so_many<const GUESTS: usize>(&self, mut numbers: Numbers) -> u64 {
        let guest_states = &mut numbers.guest_states;
        if self.sorts_guests {
            // Bubble sort: there are at most three guests.
            for round in 1..GUESTS {
                for guest in 0..GUESTS - round {
                    let (one, other) = (guest_states[guest], guest_states[guest + 1]);
                    (guest_states[guest], guest_states[guest + 1]) =
                        (one.min(other), one.max(other));
                }
            }
        }
        let base = self.guest_states.len() as u64;
        let guest_states = guest_states[..GUESTS].iter();
        guest_states.fold(u64::from(numbers.room_state), |code, guest_state| {
            code * base + u64::from(*guest_state)
        })
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is left is less than the number of each"
    )]
    fn numbers(&self, mut code: u64) -> Numbers {
        let base = self.guest_states.len() as u64;
        let mut guest_states = [0; MAX_GUESTS];
        for guest_state in guest_states[..self.guests].iter_mut().rev() {
            *guest_state = (code % base) as u16;
            code /= base;
        }
        Numbers { room_state: code as u32, guest_states }
    }

    /// Calls `reach` with the code of each successor, at least once. Returns how many actions change the
    /// state, and the verdicts on the views that were not visited before.
    #[inline]
    pub fn visit_successors(&self, code: u64, reach: &mut impl FnMut(u64)) -> (Verdicts, usize) {
        match self.guests {
            1 => self.expand_so_many::<1>(code, reach),
            2 => self.expand_so_many::<2>(code, reach),
            _ => self.expand_so_many::<MAX_GUESTS>(code, reach),
        }
    }

    /// With the number of guests as a constant, their numbers stay in registers.
    #[inline]
    fn expand_so_many<const GUESTS: usize>(
        &self,
        code: u64,
        reach: &mut impl FnMut(u64),
    ) -> (Verdicts, usize) {
        let here = self.numbers(code);
        let mut verdicts = Verdicts::NONE;
        let (mut changes, mut room_changes) = (0, 0);
        let live_guests = self.live_guests(&here);
        for guest in 0..GUESTS {
            let view = self.view_of(here.room_state, here.guest_states[guest]);
            if !self.judged[view as usize].load(Ordering::Relaxed) {
                verdicts.add(self.judge(view, &here, guest));
            }
            changes += usize::from(self.guest_changes[view as usize]);
            room_changes |= self.room_changes[view as usize];
            for action in self.guest_transitions.row(view) {
                let mut next = here;
                next.room_state = action.room_state;
                if action.others != NONE {
                    self.move_all::<GUESTS>(&mut next, action.others);
                }
                next.guest_states[guest] = action.guest_state;
                reach(self.code_of_so_many::<GUESTS>(next));
            }
            if let Some(guest_state) = self.by_others_token[view as usize] {
                let others =
                    live_guests - usize::from(self.is_live_guest(here.guest_states[guest]));
                changes += others;
                if others > 0 {
                    let mut next = here;
                    next.guest_states[guest] = guest_state;
                    reach(self.code_of_so_many::<GUESTS>(next));
                }
            }
        }
        for action in self.room_transitions.row(here.room_state) {
            let mut next = here;
            next.room_state = action.room_state;
            self.move_all::<GUESTS>(&mut next, action.column);
            reach(self.code_of_so_many::<GUESTS>(next));
        }
        (verdicts, changes + room_changes.count_ones() as usize)
    }

    /// The views of the guests.
    fn views_of(&self, code: u64) -> impl Iterator<Item = u32> + use<'_> {
        let numbers = self.numbers(code);
        (0..self.guests)
            .map(move |guest| self.view_of(numbers.room_state, numbers.guest_states[guest]))
    }

    /// Every view, with its room state and its guest state.
    fn guest_views(&self) -> impl Iterator<Item = (u32, RoomState, GuestState)> {
        let guest_states = self.guest_states.len();
        let guest_views = self.view.iter().enumerate().filter(|(_, view)| **view != NONE);
        guest_views.map(move |(place, view)| {
            (*view, self.room_states[place / guest_states], self.guest_states[place % guest_states])
        })
    }

    fn number_of(&self, guest_state: GuestState) -> Option<u16> {
        self.guest_states
            .binary_search(&guest_state)
            .ok()
            .and_then(|number| u16::try_from(number).ok())
    }

    /// The code of the state in which guest `n` has the state of guest `from[n]`.
    fn exchanged(&self, code: u64, from: &[usize; MAX_GUESTS]) -> u64 {
        let numbers = self.numbers(code);
        let guest_states = from.map(|guest| numbers.guest_states[guest]);
        self.code(Numbers { guest_states, ..numbers })
    }

    #[inline]
    fn view_of(&self, room_state: u32, guest_state: u16) -> u32 {
        self.view[room_state as usize * self.guest_states.len() + usize::from(guest_state)]
    }

    #[inline]
    fn move_all<const GUESTS: usize>(&self, numbers: &mut Numbers, column: u32) {
        for guest_state in &mut numbers.guest_states[..GUESTS] {
            *guest_state = self.columns[column as usize + usize::from(*guest_state)];
        }
    }

    fn is_live_guest(&self, guest_state: u16) -> bool {
        self.guest_states[usize::from(guest_state)].account == Account::Guest
    }

    fn live_guests(&self, here: &Numbers) -> usize {
        here.guest_states[..self.guests]
            .iter()
            .filter(|guest_state| self.is_live_guest(**guest_state))
            .count()
    }

    /// The verdicts on every action in the view of this guest.
    #[cold]
    fn judge(&self, view: u32, here: &Numbers, guest: usize) -> Verdicts {
        self.judged[view as usize].store(true, Ordering::Relaxed);
        let guest_state = self.guest_states[usize::from(here.guest_states[guest])];
        let room_state = self.room_states[here.room_state as usize];
        self.judges
            .as_ref()
            .map_or(Verdicts::NONE, |by| self.judge_view(by, view, room_state, guest_state))
    }

    fn judge_view(
        &self,
        judges: &Judges,
        view: u32,
        room_state: RoomState,
        guest_state: GuestState,
    ) -> Verdicts {
        let mut verdicts = judges.judge(room_state, guest_state, ActionClass::Others);
        let as_read = self.as_read[view as usize] as usize;
        if !self.judged_reads[as_read].swap(true, Ordering::Relaxed) {
            verdicts.add(judges.judge(room_state, guest_state, ActionClass::Reads));
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::guarantee::OF_OTHERS;
    use crate::sequential::Sequential;
    use crate::state::Scope;
    use crate::transition_system::TransitionSystem;
    use guest_access_rules::rules::Rules;
    use guest_access_rules::variant::defects;

    #[test]
    fn a_mistake_that_makes_guests_interfere_has_no_tables() {
        let rules = Rules::find("latest").unwrap();
        let has_tables = |mistake: &str| {
            let defect = guest_access_rules::variant::find(&rules, mistake).unwrap();
            Dense::of(&defect.profile, &rules.profile(), 1, true, 1).is_some()
        };
        assert!(!has_tables("registration.first_guest=administrator"));
        assert!(!has_tables("revocation.rejected_event=revokes"));
        assert!(has_tables("join.gate=none"));
    }

    /// The profile of the rules, and the profile of each mistake.
    fn right_and_mistaken(rules: &Rules) -> Vec<Profile> {
        let mistaken = defects(rules).into_iter().map(|defect| defect.profile);
        std::iter::once(rules.profile()).chain(mistaken).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// The lemma behind the tables, for the rules and for every mistake. In each state of a random
        /// walk, tables and model give the same successors.
        #[test]
        fn successors_by_the_tables_are_the_successors_by_the_model(
            mistake in any::<Index>(),
            guests in 1..=3usize,
            walk in prop::collection::vec(any::<Index>(), 1..60),
        ) {
            let rules = Rules::find("latest").unwrap();
            let systems = right_and_mistaken(&rules);
            let system = mistake.get(&systems);
            let Some(dense) = Dense::of(system, &rules.profile(), guests, true, 2) else {
                return Ok(());
            };
            let scope = Scope { guests, rooms: 1 };
            let model = Sequential::new(scope, system.clone(), rules.profile());
            let mut state = model.initial();
            for turn in walk {
                let plain = model.successors(&state);
                let code = dense.code_of(&state);
                prop_assert!(code.is_some(), "{:?}", state);
                let mut reached = BTreeSet::new();
                let (_, changes) = dense.visit_successors(code.unwrap(), &mut |code| {
                    reached.insert(code);
                });
                prop_assert_eq!(changes, plain.transitions);
                let mut decided: BTreeSet<_> =
                    plain.distinct.iter().map(|taken| dense.code_of(&taken.next).unwrap()).collect();
                // An action that changes nothing may reach the state again.
                reached.insert(code.unwrap());
                decided.insert(code.unwrap());
                prop_assert_eq!(reached, decided);
                if plain.distinct.is_empty() {
                    break;
                }
                state = turn.get(&plain.distinct).next;
            }
        }

        /// The lemma behind the verdicts, for the rules and for every mistake. Where the other guests
        /// have just registered, a state and its views have the same verdicts.
        #[test]
        fn verdicts_on_the_views_are_the_verdicts_on_the_state(
            mistake in any::<Index>(),
            guests in 1..=2usize,
            walk in prop::collection::vec(any::<Index>(), 1..60),
        ) {
            let rules = Rules::find("latest").unwrap();
            let systems = right_and_mistaken(&rules);
            let system = mistake.get(&systems);
            if Dense::of(system, &rules.profile(), 1, true, 1).is_none() {
                return Ok(());
            }
            let judges = Judges::of(system, &rules.profile(), MAX_GUESTS);
            let model = |guests| {
                Sequential::new(Scope { guests, rooms: 1 }, system.clone(), rules.profile())
            };
            let (few, most) = (model(guests), model(MAX_GUESTS));
            let mut state = few.initial();
            for turn in walk {
                let (room_state, mut guest_states) = parts::split(&state, guests);
                guest_states.resize(MAX_GUESTS, GuestState::REGISTERED);
                let all = compose(system, room_state, &guest_states);
                let mut judged = Verdicts::NONE;
                for guest_state in guest_states {
                    judged.add(judges.judge(room_state, guest_state, ActionClass::Others));
                    // No read depends on who may join.
                    judged.add(judges.judge(room_state.as_read(), guest_state, ActionClass::Reads));
                }
                let mut decided = most.successors(&all).verdicts;
                if guests == 2 {
                    // The new guest can interfere; whether anyone interferes with it is left out.
                    for verdicts in [&mut judged, &mut decided] {
                        OF_OTHERS.iter().for_each(|g| verdicts.exercised.remove(g));
                    }
                }
                // If the new guest is the only live one, the second guest of its view is not in the
                // state. Then the view has more verdicts than the state.
                let is_alone = !state.accounts[..guests].contains(&Account::Guest);
                if guests == 2 && is_alone {
                    decided.add(judged);
                }
                prop_assert_eq!(judged, decided, "{:?}", all);
                let successors = few.successors(&state).distinct;
                if successors.is_empty() {
                    break;
                }
                state = turn.get(&successors).next;
            }
        }
    }
}
