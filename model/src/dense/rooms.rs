//! Several rooms, settled without exploring them together.
//!
//! A step about a room is decided by the accounts and that room, and changes nothing but that room. So
//! while no account changes, each room goes its own way, and what they reach together is the product
//! of what each reaches alone. A step about accounts moves every room at once, each by itself. Take
//! what is reached with some accounts for known, and a way from these to other accounts: the rooms
//! come there as a product, and so they go on. If what each room reaches from there is all that it
//! ever reaches with these accounts, whichever the way, then the product of it is all that the rooms
//! reach together, no more and no less. That one way is enough is not believed but looked at, for
//! every value of the accounts; where it is not, nothing is settled.
//!
//! States that exchanging guests makes alike are counted once, by Burnside's lemma: an exchange leaves
//! alone the product of what it leaves alone in each room.
//!
//! What the guarantees say is what they say of each room, and of the few steps that look at two.

use std::collections::BTreeMap;

use crate::guarantee::Verdicts;
use crate::sequential::Sequential;
use crate::state::Scope;
use crate::stop::Stop;
use crate::threads::each;
use crate::transition_system::Exploration;
use guest_access_rules::profile::Profile;

use super::Dense;
use super::accounts::{Accounts, Kind, Way, exchanges, kinds};
use super::cells::Cells;
use super::compile::Purpose;
use super::judges::Judges;
use super::part::{Common, Own, compose};

/// One room on its own.
struct Room {
    dense: Dense,
    kinds: Vec<Kind>,
    /// The codes visited, one bit each.
    visited: Vec<u64>,
    /// What is reached with the accounts at hand: each code with how many steps about the room change
    /// the state.
    reached: BTreeMap<Accounts, Vec<(u64, u32)>>,
    /// Which cells came up.
    seen: Vec<bool>,
}

/// What several rooms come to at `scope`, where `system` decides and `rules` promise: each room is
/// explored alone, its tables made and its cells judged on so many threads. `None` where that is not
/// enough. `progress` is told how many states of a room were visited.
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
        Room::of(system, rules, guests, true, threads)?,
        Room::of(system, rules, guests, false, threads)?,
    ];
    let mut found = Exploration::of_nothing();
    let mut explored = 0;
    let order = Accounts::in_order(&rooms[0].kinds, guests)?;
    for (accounts, ways) in order {
        let all = rooms.each_mut().map(|room| room.enter(accounts, &ways));
        // One and the same way for all rooms.
        (0..ways.len().max(1))
            .find(|way| rooms.iter_mut().zip(&all).all(|(room, all)| room.is_all(all, *way)))?;
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
    found.verdicts.add(rooms[0].judge(&judges, threads));
    if found.complete {
        found.verdicts.add(across(&rooms, system, rules, threads));
    }
    Some(found)
}

impl Room {
    fn of(
        system: &Profile,
        rules: &Profile,
        guests: usize,
        tagged: bool,
        threads: usize,
    ) -> Option<Self> {
        let cells = Cells::of(system, rules, guests, tagged, threads)?;
        let dense = cells.compile(Purpose {
            guests,
            alike: false,
            tabulates: |action| action.room().is_some(),
            // The cells that came up are judged in the end, on several threads.
            judges: None,
            profile: system.clone(),
        })?;
        let kinds = kinds(&cells, &dense)?;
        let words = usize::try_from(dense.codes() / 64 + 1).ok()?;
        let (reached, seen) = (BTreeMap::new(), vec![false; cells.cells.len()]);
        Some(Self { dense, kinds, visited: vec![0; words], reached, seen })
    }

    /// Explores what is reached with these accounts, by each of the ways into them.
    fn enter(&mut self, accounts: Accounts, ways: &[Way]) -> Entered {
        let seeds: Vec<Vec<u64>> = if ways.is_empty() {
            vec![vec![self.dense.beginning()]]
        } else {
            ways.iter().map(|way| self.through(way)).collect()
        };
        let mut all = Vec::new();
        let mut by_first = 0;
        for (number, seeds) in seeds.iter().enumerate() {
            self.go_on(seeds, &mut all);
            if number == 0 {
                by_first = all.len();
            }
        }
        for (code, _) in &all {
            for cell in self.dense.cells_of(*code) {
                self.seen[cell as usize] = true;
            }
        }
        let entered = Entered { seeds, by_first, all: all.len() };
        self.reached.insert(accounts, all);
        entered
    }

    /// The cells that came up.
    fn seen(&self) -> impl Iterator<Item = (u32, Common, Own)> {
        self.dense.cells().filter(|(cell, ..)| self.seen[*cell as usize])
    }

    /// One of all the cells that came up and are alike in this, for each.
    fn one_of_each<T: Ord>(&self, class: impl Fn(Common, Own) -> T) -> Vec<(Common, Own)> {
        let classed = self.seen().map(|(_, common, own)| (class(common, own), (common, own)));
        let one_of_each: BTreeMap<_, _> = classed.collect();
        one_of_each.into_values().collect()
    }

    /// What the guarantees say of the cells that came up.
    fn judge(&self, judges: &Judges, threads: usize) -> Verdicts {
        let seen: Vec<_> = self.seen().collect();
        let judge = |(cell, common, own): &(u32, Common, Own)| {
            self.dense.judge_cell(judges, *cell, *common, *own)
        };
        all_of(each(&seen, threads, judge))
    }

    /// Whether one of the ways alone leads to all that is reached.
    fn is_all(&mut self, entered: &Entered, way: usize) -> bool {
        if way == 0 {
            return entered.by_first == entered.all;
        }
        let known = std::mem::take(&mut self.visited);
        self.visited = vec![0; known.len()];
        let mut reached = Vec::new();
        self.go_on(&entered.seeds[way], &mut reached);
        self.visited = known;
        reached.len() == entered.all
    }

    /// What is reached by one way out of what was reached before.
    fn through(&self, way: &Way) -> Vec<u64> {
        let before = &self.reached[&way.from];
        before.iter().map(|(code, _)| way.take(&self.dense, &self.kinds, *code)).collect()
    }

    /// Goes on from these states by steps about the room.
    fn go_on(&mut self, seeds: &[u64], all: &mut Vec<(u64, u32)>) {
        let mut next = all.len();
        for code in seeds {
            if visit(&mut self.visited, *code) {
                all.push((*code, 0));
            }
        }
        while let Some((code, _)) = all.get(next).copied() {
            let (_, changes) = self.dense.visit_successors(code, &mut |code| {
                if visit(&mut self.visited, code) {
                    all.push((code, 0));
                }
            });
            all[next].1 = u32::try_from(changes).expect("there are not so many steps");
            next += 1;
        }
    }
}

/// What a room reaches with some accounts.
struct Entered {
    /// Where it begins, by each of the ways.
    seeds: Vec<Vec<u64>>,
    /// How many states it reaches by the first.
    by_first: usize,
    /// How many it reaches at all.
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
    /// Adds the product of what the rooms reach with these accounts; `None` if it cannot be counted.
    fn add_product(&mut self, rooms: &[Room; 2], scope: Scope, accounts: Accounts) -> Option<()> {
        let others = u32::try_from(scope.rooms - 1).ok()?;
        let of_accounts = accounts.changes(&rooms[0].kinds, scope.guests);
        let exchanges = exchanges(accounts, scope.guests);
        let (mut states, mut transitions) = (0u128, 0u128);
        for exchange in &exchanges {
            let [(first, first_changes), (other, other_changes)] = rooms.each_ref().map(|room| {
                let alike = room.reached[&accounts]
                    .iter()
                    .filter(|(code, _)| room.dense.exchanged(*code, exchange) == *code);
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
        let exchanges = exchanges.len() as u128;
        self.states += usize::try_from(states / exchanges).ok()?;
        self.transitions += usize::try_from(transitions / exchanges).ok()?;
        Some(())
    }
}

/// What the guarantees say of the steps that look at two rooms, for whatever a guest can be in the one
/// and in the other. They see of the room that they are about what a reader sees, and of the other no
/// more than its history visibility and the guest's membership.
fn across(rooms: &[Room; 2], system: &Profile, rules: &Profile, threads: usize) -> Verdicts {
    let model = Sequential::new(Scope { guests: 1, rooms: 2 }, system.clone(), rules.clone());
    let mut verdicts = Verdicts::NONE;
    for about in 0..rooms.len() {
        let here = rooms[about].one_of_each(|common, own| (common.as_read(), own));
        let there = rooms[1 - about]
            .one_of_each(|common, own| (common.as_seen_from_another(), own.as_seen_from_another()));
        let judge = |(common, own): &(Common, Own)| {
            let of_it = compose(system, *common, &[*own]);
            let mut verdicts = Verdicts::NONE;
            for (common, own) in there.iter().filter(|(_, there)| there.account == own.account) {
                let mut states = [of_it, compose(system, *common, &[*own])];
                states.rotate_right(about);
                let [mut state, other] = states;
                state.rooms[1] = other.rooms[0];
                verdicts.add(model.verdicts_across_rooms(&state, about));
            }
            verdicts
        };
        verdicts.add(all_of(each(&here, threads, judge)));
    }
    verdicts
}

/// What is said of all together.
fn all_of(said: Vec<Verdicts>) -> Verdicts {
    said.into_iter().fold(Verdicts::NONE, |mut all, said| {
        all.add(said);
        all
    })
}
