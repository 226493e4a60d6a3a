//! Making the tables: every cell that can come up, and what every step makes of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::action::{Action, Actor, Operation, Upgrade};
use crate::actions::actions;
use crate::canonical_form::normal_form;
use crate::decide::{initial, outcome};
use crate::state::{Scope, State};
use crate::threads::each;
use guest_access_rules::decision_point::{FirstGuest, RejectedEvent};
use guest_access_rules::profile::Profile;

use super::part::{Common, Own, compose, split};

/// An upgrade of the first guest for which the second shows its token.
pub(super) const OTHERS_TOKEN: Operation =
    Operation::Upgrade(Upgrade::OthersToken { of: 0, with: 1 });

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Becomes {
    pub(super) common: Common,
    pub(super) own: Own,
    /// Whether the state is another one, and be it in something that is forgotten.
    pub(super) changed: bool,
}

/// One cell, and what every step makes of it.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) common: Common,
    pub(super) own: Own,
    /// By each step that names the guest, if it can be taken.
    pub(super) by_own: Vec<Option<Becomes>>,
    /// By each step that names no guest, if it can be taken.
    pub(super) by_common: Vec<Option<Becomes>>,
    /// By an upgrade for which another guest shows its token, if it can be taken.
    pub(super) by_another: Option<Becomes>,
}

/// Every cell that can come up, in order.
pub(super) struct Cells {
    pub(super) cells: Vec<Cell>,
    /// The steps that name a guest, in the order in which a cell has what comes of them.
    pub(super) naming: Vec<Action>,
    /// The steps that name none.
    pub(super) naming_none: Vec<Action>,
}

/// The search for them.
struct Making<'a> {
    system: &'a Profile,
    guests: usize,
    naming: Vec<Action>,
    naming_none: Vec<Action>,
    cells: Vec<Cell>,
    known: HashSet<(Common, Own)>,
    waiting: Vec<(Common, Own)>,
    owns_with: BTreeMap<Common, Vec<Own>>,
    /// What the guests can have in common after one of them was named in a step that sent the tagged
    /// event.
    taggings: BTreeMap<Common, BTreeSet<Common>>,
}

impl Cells {
    /// Every cell of a guest that is alone, whatever the mistakes.
    pub(super) fn alone(system: &Profile) -> Self {
        let cells = Making::new(system, system, 1, true).make(1);
        cells.expect("nobody is there on whom a cell could depend")
    }

    /// Every cell of a room with so many guests, worked out on so many threads; `None` for the mistakes
    /// that [`Dense::of`] names.
    ///
    /// [`Dense::of`]: super::Dense::of
    pub(super) fn of(
        system: &Profile,
        rules: &Profile,
        guests: usize,
        tagged: bool,
        threads: usize,
    ) -> Option<Self> {
        let choices = &system.choices;
        if choices.first_guest != FirstGuest::Plain
            || choices.rejected_event == RejectedEvent::Revokes
        {
            return None;
        }
        Making::new(system, rules, guests, tagged).make(threads)
    }
}

impl<'a> Making<'a> {
    fn new(system: &'a Profile, rules: &Profile, guests: usize, tagged: bool) -> Self {
        let one = Scope { guests: 1, rooms: 1 };
        let changing = actions(one, &[system, rules])
            .into_iter()
            .filter(|action| !action.operation.only_asks());
        let (naming, naming_none) = changing
            .filter(|action| tagged || !action.tag)
            .partition(|action| action.guests().next().is_some());
        Self {
            system,
            guests,
            naming,
            naming_none,
            cells: Vec::new(),
            known: HashSet::new(),
            waiting: Vec::new(),
            owns_with: BTreeMap::new(),
            taggings: BTreeMap::new(),
        }
    }

    fn make(mut self, threads: usize) -> Option<Cells> {
        let (common, owns) = split(&normal_form(self.system, &initial(self.system)), 1);
        self.add(common, owns[0]);
        while !self.waiting.is_empty() {
            let round = std::mem::take(&mut self.waiting);
            for cell in each(&round, threads, |(common, own)| self.cell(*common, *own)) {
                self.go_on_from(&cell)?;
                self.cells.push(cell);
            }
        }
        let Self { mut cells, naming, naming_none, .. } = self;
        cells.sort_unstable_by_key(|cell| (cell.common, cell.own));
        Some(Cells { cells, naming, naming_none })
    }

    /// Adds a cell, and what it is once another guest's step sent the tagged event.
    fn add(&mut self, common: Common, own: Own) {
        if !self.known.insert((common, own)) {
            return;
        }
        self.waiting.push((common, own));
        self.owns_with.entry(common).or_default().push(own);
        for tagged in self.taggings.get(&common).cloned().unwrap_or_default() {
            self.add_witness(tagged, own);
        }
    }

    fn add_witness(&mut self, common: Common, own: Own) {
        let (common, own) = normal_cell(self.system, common, own);
        self.add(common, own);
    }

    /// Works out what becomes of a cell.
    fn cell(&self, common: Common, own: Own) -> Cell {
        let state = compose(self.system, common, &[own]);
        let becomes = |state: &State, action: &Action| {
            let next = outcome(self.system, state, action)?.next;
            if next == *state {
                return Some(Becomes { common, own, changed: false });
            }
            let (common, owns) = split(&normal_form(self.system, &next), 1);
            Some(Becomes { common, own: owns[0], changed: true })
        };
        let with_another = compose(self.system, common, &[own, Own::REGISTERED]);
        let by_another = Some(Action::new(Actor::Guest(1), OTHERS_TOKEN));
        let by_another = by_another.filter(|_| self.guests > 1);
        Cell {
            common,
            own,
            by_own: self.naming.iter().map(|action| becomes(&state, action)).collect(),
            by_common: self.naming_none.iter().map(|action| becomes(&state, action)).collect(),
            by_another: by_another.and_then(|action| becomes(&with_another, &action)),
        }
    }

    /// Adds what becomes of a cell; `None` if it shows that cells are not enough.
    fn go_on_from(&mut self, cell: &Cell) -> Option<()> {
        let Cell { common, by_own, by_common, by_another, .. } = cell;
        let becomes = by_own.iter().chain(by_common).flatten().chain(by_another);
        for next in becomes.filter(|next| next.changed) {
            self.add(next.common, next.own);
        }
        if self.guests > 1 {
            for next in by_own.iter().flatten().filter(|next| next.common != *common) {
                // One guest's step may change what all have in common by sending the tagged event,
                // and by nothing else.
                if !next.common.only_tags(*common) {
                    return None;
                }
                if self.taggings.entry(*common).or_default().insert(next.common) {
                    for other in self.owns_with[common].clone() {
                        self.add_witness(next.common, other);
                    }
                }
            }
            if by_another.is_some_and(|next| next.common != *common) {
                return None;
            }
        }
        Some(())
    }
}

/// What a guest's cell becomes when another guest's step sends the tagged event.
pub(super) fn normal_cell(system: &Profile, common: Common, own: Own) -> (Common, Own) {
    let state = compose(system, common, &[own.witnessing()]);
    let (common, owns) = split(&normal_form(system, &state), 1);
    (common, owns[0])
}
