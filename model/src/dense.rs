//! One room compiled to dense tables: numbers instead of structs, looked up instead of decided.
//!
//! What a guest may do in a room, and what comes of it, does not depend on other guests (this is what
//! `non_interference` promises, and more). So a state of a room is a tuple of small parts: what its
//! guests have in common, and what is each guest's own; and one guest's view of it, a *cell*, is a
//! state of the model with this guest alone. A step that names one guest is decided by its cell, and
//! leaves the others what they are, but that they witness the tagged event if the step sends it. A
//! step that names no guest is decided by what they have in common, and moves each guest by itself.
//! So all that can happen is tabulated for each cell once, by the model itself, and then looked up
//! for every number of guests.
//!
//! And so are the verdicts: what the guarantees say of a step in a state is what they say of it in the
//! cells of the guests; only `non_interference` asks for company, and company is whoever else is
//! registered. Each cell is judged once, when it is first visited, alone and in company; its reads once
//! for all the cells that a reader cannot tell apart.
//!
//! `spec-notes/engine.md` has the argument at length. It does not hold of every mistake: see
//! [`Dense::of`].

mod accounts;
mod cells;
mod compile;
mod decisions;
mod judges;
mod part;
mod rooms;

pub use decisions::{Decisions, Situation, StepNumber};
pub use rooms::explore_room_by_room;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::guarantee::Verdicts;
use crate::state::{Account, MAX_GUESTS, State};
use guest_access_rules::profile::Profile;

use cells::Cells;
use compile::Purpose;
use judges::{Judges, Which};
use part::{Common, Own, compose};

/// A room, compiled.
#[derive(Debug)]
pub struct Dense {
    guests: usize,
    /// Whether states that exchanging guests makes alike have one code.
    alike: bool,
    /// What guests can have in common, by number.
    commons: Vec<Common>,
    /// What can be a guest's own, by number.
    owns: Vec<Own>,
    /// The cell of each pair of those, or [`NONE`].
    cell: Vec<u32>,
    /// What comes of the steps that name the guest, by cell.
    own_moves: Rows<OwnMove>,
    /// How many of these change the state, by cell.
    own_changes: Vec<u16>,
    /// What the guest becomes by the step in which another guest shows its token for this one's, by
    /// cell, if that changes it.
    by_another: Vec<Option<u16>>,
    /// What comes of the steps that name no guest, by what the guests have in common.
    common_moves: Rows<CommonMove>,
    /// Which of the steps that name no guest change the state, by cell, one bit each.
    common_changes: Vec<u64>,
    /// What each own number becomes, in one move after the other.
    columns: Vec<u16>,
    /// Which cells are judged.
    judged: Vec<AtomicBool>,
    /// All that a reader can depend on of each cell, by number.
    as_read: Vec<u32>,
    /// For which of these the reads are judged.
    judged_reads: Vec<AtomicBool>,
    /// What judges them, where that is done as they are visited.
    judges: Option<Judges>,
    profile: Profile,
}

/// In place of a number, where there is none.
const NONE: u32 = u32::MAX;

/// What becomes of a guest by a step that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OwnMove {
    common: u32,
    own: u16,
    /// What becomes of the others: a column, or [`NONE`] where they stay what they are.
    others: u32,
}

/// What becomes of all by a step that names no guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CommonMove {
    common: u32,
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

    #[expect(clippy::cast_possible_truncation, reason = "a room has not so many cells")]
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
    common: u32,
    /// Those beyond the guests that there are stay 0.
    owns: [u16; MAX_GUESTS],
}

impl Dense {
    /// A room with so many guests in which `system` decides, held against what `rules` promise, with a
    /// tagged event or without; the tables are made on so many threads. `None` where a guest's doings
    /// depend on other guests:
    ///
    /// - the first guest is special, so that it matters which of them is named;
    /// - a guest's event that is refused removes the others all the same.
    ///
    /// What else would break the argument in the tables themselves is found as they are made.
    pub fn of(
        system: &Profile,
        rules: &Profile,
        guests: usize,
        tagged: bool,
        threads: usize,
    ) -> Option<Self> {
        Cells::of(system, rules, guests, tagged, threads)?.compile(Purpose {
            guests,
            alike: true,
            tabulates: |_| true,
            judges: Some(Judges::of(system, rules, guests)),
            profile: system.clone(),
        })
    }

    /// How many codes there are: every state's is less.
    pub fn codes(&self) -> u64 {
        let owns = self.owns.len() as u64;
        (0..self.guests).fold(self.commons.len() as u64, |codes, _| codes.saturating_mul(owns))
    }

    /// The code of the state in which everything begins.
    ///
    /// # Panics
    /// Never: the tables begin with it.
    pub fn beginning(&self) -> u64 {
        self.code_of(&crate::decide::initial(&self.profile)).expect("the tables begin with it")
    }

    /// The code of a state, if it is one of this room's that can be reached as far as the tables tell.
    pub fn code_of(&self, state: &State) -> Option<u64> {
        let (common, owns) = part::split(state, self.guests);
        let common = self.commons.binary_search(&common).ok()?;
        let mut numbers = Numbers { common: u32::try_from(common).ok()?, owns: [0; MAX_GUESTS] };
        for (number, own) in numbers.owns.iter_mut().zip(&owns) {
            *number = u16::try_from(self.owns.binary_search(own).ok()?).ok()?;
        }
        Some(self.code(numbers))
    }

    /// The state with this code.
    pub fn state_of(&self, code: u64) -> State {
        let numbers = self.numbers(code);
        let owns = numbers.owns[..self.guests].iter().map(|own| self.owns[usize::from(*own)]);
        compose(&self.profile, self.commons[numbers.common as usize], &owns.collect::<Vec<_>>())
    }

    /// The code of a state, or of all the states that exchanging guests makes alike.
    fn code(&self, numbers: Numbers) -> u64 {
        match self.guests {
            1 => self.code_of_so_many::<1>(numbers),
            2 => self.code_of_so_many::<2>(numbers),
            _ => self.code_of_so_many::<MAX_GUESTS>(numbers),
        }
    }

    #[inline]
    fn code_of_so_many<const GUESTS: usize>(&self, mut numbers: Numbers) -> u64 {
        let owns = &mut numbers.owns;
        if self.alike {
            // A few exchanges of neighbours sort so few.
            for round in 1..GUESTS {
                for guest in 0..GUESTS - round {
                    let (one, other) = (owns[guest], owns[guest + 1]);
                    (owns[guest], owns[guest + 1]) = (one.min(other), one.max(other));
                }
            }
        }
        let base = self.owns.len() as u64;
        let owns = owns[..GUESTS].iter();
        owns.fold(u64::from(numbers.common), |code, own| code * base + u64::from(*own))
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is left is less than the number of each"
    )]
    fn numbers(&self, mut code: u64) -> Numbers {
        let base = self.owns.len() as u64;
        let mut owns = [0; MAX_GUESTS];
        for own in owns[..self.guests].iter_mut().rev() {
            *own = (code % base) as u16;
            code /= base;
        }
        Numbers { common: code as u32, owns }
    }

    /// Reaches what the state with this code leads to, some of it more than once. Says how many steps
    /// change the state, and what the guarantees say of the cells that were not visited before.
    #[inline]
    pub fn visit_successors(&self, code: u64, reach: &mut impl FnMut(u64)) -> (Verdicts, usize) {
        match self.guests {
            1 => self.expand_so_many::<1>(code, reach),
            2 => self.expand_so_many::<2>(code, reach),
            _ => self.expand_so_many::<MAX_GUESTS>(code, reach),
        }
    }

    /// Where it is known how many guests there are, they stay in registers.
    #[inline]
    fn expand_so_many<const GUESTS: usize>(
        &self,
        code: u64,
        reach: &mut impl FnMut(u64),
    ) -> (Verdicts, usize) {
        let here = self.numbers(code);
        let mut verdicts = Verdicts::NONE;
        let (mut changes, mut common_changes) = (0, 0);
        let live_guests = self.live_guests(&here);
        for guest in 0..GUESTS {
            let cell = self.cell_of(here.common, here.owns[guest]);
            if !self.judged[cell as usize].load(Ordering::Relaxed) {
                verdicts.add(self.judge(cell, &here, guest));
            }
            changes += usize::from(self.own_changes[cell as usize]);
            common_changes |= self.common_changes[cell as usize];
            for action in self.own_moves.row(cell) {
                let mut next = here;
                next.common = action.common;
                if action.others != NONE {
                    self.move_all::<GUESTS>(&mut next, action.others);
                }
                next.owns[guest] = action.own;
                reach(self.code_of_so_many::<GUESTS>(next));
            }
            if let Some(own) = self.by_another[cell as usize] {
                let others = live_guests - usize::from(self.is_live_guest(here.owns[guest]));
                changes += others;
                if others > 0 {
                    let mut next = here;
                    next.owns[guest] = own;
                    reach(self.code_of_so_many::<GUESTS>(next));
                }
            }
        }
        for action in self.common_moves.row(here.common) {
            let mut next = here;
            next.common = action.common;
            self.move_all::<GUESTS>(&mut next, action.column);
            reach(self.code_of_so_many::<GUESTS>(next));
        }
        (verdicts, changes + common_changes.count_ones() as usize)
    }

    /// The cells of the guests.
    fn cells_of(&self, code: u64) -> impl Iterator<Item = u32> + use<'_> {
        let numbers = self.numbers(code);
        (0..self.guests).map(move |guest| self.cell_of(numbers.common, numbers.owns[guest]))
    }

    /// Every cell, with what its guest has in common with others and what is its own.
    fn cells(&self) -> impl Iterator<Item = (u32, Common, Own)> {
        let owns = self.owns.len();
        let cells = self.cell.iter().enumerate().filter(|(_, cell)| **cell != NONE);
        cells.map(move |(place, cell)| (*cell, self.commons[place / owns], self.owns[place % owns]))
    }

    fn number_of(&self, own: Own) -> Option<u16> {
        self.owns.binary_search(&own).ok().and_then(|number| u16::try_from(number).ok())
    }

    /// The code of the state with each guest's place filled from another's.
    fn exchanged(&self, code: u64, from: &[usize; MAX_GUESTS]) -> u64 {
        let numbers = self.numbers(code);
        let owns = from.map(|guest| numbers.owns[guest]);
        self.code(Numbers { owns, ..numbers })
    }

    #[inline]
    fn cell_of(&self, common: u32, own: u16) -> u32 {
        self.cell[common as usize * self.owns.len() + usize::from(own)]
    }

    #[inline]
    fn move_all<const GUESTS: usize>(&self, numbers: &mut Numbers, column: u32) {
        for own in &mut numbers.owns[..GUESTS] {
            *own = self.columns[column as usize + usize::from(*own)];
        }
    }

    fn is_live_guest(&self, own: u16) -> bool {
        self.owns[usize::from(own)].account == Account::Guest
    }

    fn live_guests(&self, here: &Numbers) -> usize {
        here.owns[..self.guests].iter().filter(|own| self.is_live_guest(**own)).count()
    }

    /// What the guarantees say of every step that can be taken in this guest's cell.
    #[cold]
    fn judge(&self, cell: u32, here: &Numbers, guest: usize) -> Verdicts {
        self.judged[cell as usize].store(true, Ordering::Relaxed);
        let own = self.owns[usize::from(here.owns[guest])];
        let common = self.commons[here.common as usize];
        self.judges.as_ref().map_or(Verdicts::NONE, |by| self.judge_cell(by, cell, common, own))
    }

    fn judge_cell(&self, judges: &Judges, cell: u32, common: Common, own: Own) -> Verdicts {
        let mut verdicts = judges.judge(common, own, Which::Others);
        let as_read = self.as_read[cell as usize] as usize;
        if !self.judged_reads[as_read].swap(true, Ordering::Relaxed) {
            verdicts.add(judges.judge(common, own, Which::Reads));
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
    fn a_mistake_that_makes_guests_depend_on_others_has_no_tables() {
        let rules = Rules::find("latest").unwrap();
        let has_tables = |mistake: &str| {
            let defect = guest_access_rules::variant::find(&rules, mistake).unwrap();
            Dense::of(&defect.profile, &rules.profile(), 1, true, 1).is_some()
        };
        assert!(!has_tables("registration.first_guest=administrator"));
        assert!(!has_tables("revocation.rejected_event=revokes"));
        assert!(has_tables("join.gate=none"));
    }

    /// Homeservers that keep to the rules, and that make each of the mistakes.
    fn right_and_mistaken(rules: &Rules) -> Vec<Profile> {
        let mistaken = defects(rules).into_iter().map(|defect| defect.profile);
        std::iter::once(rules.profile()).chain(mistaken).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// The lemma behind the tables, for the rules and for every mistake alike: what the tables
        /// lead to is what the model leads to, step by step.
        #[test]
        fn what_is_looked_up_is_what_is_decided(
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
                // What a step leaves as it is need not be reached again, and may be.
                reached.insert(code.unwrap());
                decided.insert(code.unwrap());
                prop_assert_eq!(reached, decided);
                if plain.distinct.is_empty() {
                    break;
                }
                state = turn.get(&plain.distinct).next;
            }
        }

        /// The lemma behind the verdicts, for the rules and for every mistake alike: what the
        /// guarantees say of a state, in which others have just registered, is what they say of its
        /// cells.
        #[test]
        fn what_is_said_of_the_cells_is_what_is_said_of_the_state(
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
                let (common, mut owns) = part::split(&state, guests);
                owns.resize(MAX_GUESTS, Own::REGISTERED);
                let all = compose(system, common, &owns);
                let mut said = Verdicts::NONE;
                for own in owns {
                    said.add(judges.judge(common, own, Which::Others));
                    // No reader can tell who may join.
                    said.add(judges.judge(common.as_read(), own, Which::Reads));
                }
                let mut decided = most.successors(&all).verdicts;
                if guests == 2 {
                    // The one who has just registered is company, and need not have any.
                    for verdicts in [&mut said, &mut decided] {
                        OF_OTHERS.iter().for_each(|g| verdicts.exercised.remove(g));
                    }
                }
                // Who has just registered and is alone has no company yet: then more is said of its
                // cell, and nothing less.
                let is_alone = !state.accounts[..guests].contains(&Account::Guest);
                if guests == 2 && is_alone {
                    decided.add(said);
                }
                prop_assert_eq!(said, decided, "{:?}", all);
                let moves = few.successors(&state).distinct;
                if moves.is_empty() {
                    break;
                }
                state = turn.get(&moves).next;
            }
        }
    }
}
