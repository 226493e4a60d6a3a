//! The product of rooms: several rooms, explored one after the other.
//!
//! An action about a room is decided by the accounts and that room, and changes only that room. So
//! while no account changes, the rooms change independently. Together they reach the product of the
//! states that each reaches alone. An action about accounts changes every room at once, each by itself.
//!
//! 1. Take the values of the accounts in an order in which every transition of accounts leads forward.
//! 2. For each value, enter each room by every transition of accounts that leads to this value, and
//!    explore the room by the actions about it.
//! 3. Look for one transition of accounts that alone leads every room to all its states. If there is
//!    none, the product is not exact, and the result is `None`.
//! 4. Add the product to the counts.
//!
//! States that differ by an exchange of guests are counted once, by Burnside's lemma. An exchange keeps
//! the product of the states that it keeps in each room.
//!
//! The verdicts are those on each room, and those on the few actions that look at two rooms.
//! `spec-notes/engine.md` has the argument.

use std::collections::BTreeMap;

use crate::state::Scope;
use crate::stop::Stop;
use crate::transition_system::Exploration;
use guest_access_rules::profile::Profile;

use super::accounts::{
    AccountAction, AccountTransition, SortedAccounts, account_actions, symmetries,
};
use super::compile::TableOptions;
use super::guest_views::GuestViews;
use super::judges::Judges;
use super::room_views::{RoomViews, verdicts_across_rooms};

/// One room, explored alone.
struct ExploredRoom {
    /// The tables of the room, and the views that were reached.
    views: RoomViews,
    account_actions: Vec<AccountAction>,
    /// The visited codes, one bit each.
    visited: Vec<u64>,
    /// The codes that are reached with each value of the accounts, each with the number of actions about
    /// the room that change the state.
    reached: BTreeMap<SortedAccounts, Vec<(u64, u32)>>,
}

/// Explores several rooms at `scope`, one after the other, of a homeserver with the profile `system`
/// under the profile `rules`. `threads` make the tables and judge the views. `None` if the rooms depend
/// on each other. Calls `progress` with the number of visited states, summed over the rooms.
pub fn explore_room_by_room(
    system: &Profile,
    rules: &Profile,
    scope: Scope,
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Exploration> {
    let guests = scope.guests;
    let mut rooms = [
        ExploredRoom::of(system, rules, guests, true, threads)?,
        ExploredRoom::of(system, rules, guests, false, threads)?,
    ];
    let mut found = Exploration::of_nothing();
    let mut explored = 0;
    let order = SortedAccounts::in_order(&rooms[0].account_actions, guests)?;
    for (accounts, transitions) in order {
        let all = rooms.each_mut().map(|room| room.enter(accounts, &transitions));
        // The same transition of accounts for all rooms.
        (0..transitions.len().max(1)).find(|transition| {
            rooms.iter_mut().zip(&all).all(|(room, all)| room.reaches_all(all, *transition))
        })?;
        explored += rooms.iter().map(|room| room.reached[&accounts].len()).sum::<usize>();
        progress(explored);
        let is_over = stop.now() || stop.most_states.is_some_and(|most| explored >= most);
        found.add_product(&rooms, scope, accounts)?;
        if is_over {
            found.complete = false;
            break;
        }
    }
    let judges = Judges::of(system, rules, guests);
    let [first, other] = rooms.each_ref().map(|room| &room.views);
    found.verdicts.add(first.judge(&judges, threads));
    if found.complete {
        found.verdicts.add(verdicts_across_rooms([first, other], system, rules, threads));
    }
    Some(found)
}

impl ExploredRoom {
    fn of(
        system: &Profile,
        rules: &Profile,
        guests: usize,
        tagged: bool,
        threads: usize,
    ) -> Option<Self> {
        let guest_views = GuestViews::of(system, rules, guests, tagged, threads)?;
        let dense = guest_views.compile(TableOptions {
            guests,
            sorts_guests: false,
            tabulates: |action| action.room().is_some(),
            // The reached views are judged in the end, on several threads.
            judges: None,
            profile: system.clone(),
        })?;
        let account_actions = account_actions(&guest_views, &dense)?;
        let words = usize::try_from(dense.codes() / 64 + 1).ok()?;
        let views = RoomViews { dense, reached: vec![false; guest_views.guest_views.len()] };
        Some(Self { views, account_actions, visited: vec![0; words], reached: BTreeMap::new() })
    }

    /// Explores the states of the room with these accounts, after each transition that leads to the
    /// accounts.
    fn enter(
        &mut self,
        accounts: SortedAccounts,
        transitions: &[AccountTransition],
    ) -> EnteredAccounts {
        let seeds: Vec<Vec<u64>> = if transitions.is_empty() {
            vec![vec![self.views.dense.initial_code()]]
        } else {
            transitions.iter().map(|transition| self.states_after(transition)).collect()
        };
        let mut all = Vec::new();
        let mut by_first_transition = 0;
        for (number, seeds) in seeds.iter().enumerate() {
            self.explore_from(seeds, &mut all);
            if number == 0 {
                by_first_transition = all.len();
            }
        }
        for (code, _) in &all {
            for view in self.views.dense.views_of(*code) {
                self.views.reached[view as usize] = true;
            }
        }
        let entered = EnteredAccounts { seeds, by_first_transition, all: all.len() };
        self.reached.insert(accounts, all);
        entered
    }

    /// Whether one of the transitions alone leads to every reached state.
    fn reaches_all(&mut self, entered: &EnteredAccounts, transition: usize) -> bool {
        if transition == 0 {
            return entered.by_first_transition == entered.all;
        }
        let known = std::mem::take(&mut self.visited);
        self.visited = vec![0; known.len()];
        let mut reached = Vec::new();
        self.explore_from(&entered.seeds[transition], &mut reached);
        self.visited = known;
        reached.len() == entered.all
    }

    /// The states right after one transition of the accounts.
    fn states_after(&self, transition: &AccountTransition) -> Vec<u64> {
        let before = &self.reached[&transition.from];
        before
            .iter()
            .map(|(code, _)| transition.take(&self.views.dense, &self.account_actions, *code))
            .collect()
    }

    /// Explores from these states by the actions about the room.
    fn explore_from(&mut self, seeds: &[u64], all: &mut Vec<(u64, u32)>) {
        let mut next = all.len();
        for code in seeds {
            if visit(&mut self.visited, *code) {
                all.push((*code, 0));
            }
        }
        while let Some((code, _)) = all.get(next).copied() {
            let (_, changes) = self.views.dense.visit_successors(code, &mut |code| {
                if visit(&mut self.visited, code) {
                    all.push((code, 0));
                }
            });
            all[next].1 = u32::try_from(changes).expect("there are not so many steps");
            next += 1;
        }
    }
}

/// The result of [`ExploredRoom::enter`].
struct EnteredAccounts {
    /// The states right after each of the transitions.
    seeds: Vec<Vec<u64>>,
    /// How many states are reached by the first transition.
    by_first_transition: usize,
    /// How many states are reached by all of them.
    all: usize,
}

fn place(code: u64) -> (usize, u64) {
    (usize::try_from(code / 64).expect("the words are in memory"), 1 << (code % 64))
}

fn visit(visited: &mut [u64], code: u64) -> bool {
    let (word, bit) = place(code);
    let is_new = visited[word] & bit == 0;
    visited[word] |= bit;
    is_new
}

impl Exploration {
    /// Adds the product of the states of the rooms with these accounts. `None` if the count overflows.
    fn add_product(
        &mut self,
        rooms: &[ExploredRoom; 2],
        scope: Scope,
        accounts: SortedAccounts,
    ) -> Option<()> {
        let others = u32::try_from(scope.rooms - 1).ok()?;
        let of_accounts = accounts.changes(&rooms[0].account_actions, scope.guests);
        let symmetries = symmetries(accounts, scope.guests);
        let (mut states, mut transitions) = (0u128, 0u128);
        for exchange in &symmetries {
            let [(first, first_changes), (other, other_changes)] = rooms.each_ref().map(|room| {
                let alike = room.reached[&accounts]
                    .iter()
                    .filter(|(code, _)| room.views.dense.exchanged(*code, exchange) == *code);
                alike.fold((0u128, 0u128), |(number, changes), (_, more)| {
                    (number + 1, changes + u128::from(*more))
                })
            });
            let product = first * other.pow(others);
            states += product;
            transitions += of_accounts * product + first_changes * other.pow(others);
            if let Some(rest) = others.checked_sub(1) {
                transitions += u128::from(others) * first * other_changes * other.pow(rest);
            }
        }
        let symmetries = symmetries.len() as u128;
        self.states += usize::try_from(states / symmetries).ok()?;
        self.transitions += usize::try_from(transitions / symmetries).ok()?;
        Some(())
    }
}
