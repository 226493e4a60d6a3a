//! Making the tables: every cell that can come up, and what every step makes of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::AtomicBool;

use crate::decide::{initial, outcome};
use crate::profile::Profile;
use crate::reduce::forget;
use crate::sequential::Sequential;
use crate::state::{Scope, State};
use crate::step::{Act, Actor, Step, Upgrade};
use crate::steps::steps;

use super::part::{Common, Own, compose, split};
use super::{CommonMove, Dense, NONE, OwnMove, Rows};

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Becomes {
    common: Common,
    own: Own,
    /// Whether the state is another one, and be it in something that is forgotten.
    changed: bool,
}

/// One cell, and what every step makes of it.
#[derive(Debug)]
struct Cell {
    common: Common,
    own: Own,
    /// By each step that names the guest and can be taken.
    by_own: Vec<Becomes>,
    /// By each step that names no guest, if it can be taken.
    by_common: Vec<Option<Becomes>>,
    /// By an upgrade for which another guest shows its token, if it can be taken.
    by_another: Option<Becomes>,
}

/// Every cell that can come up.
pub(super) struct Cells {
    cells: Vec<Cell>,
}

/// The search for them.
struct Making<'a> {
    system: &'a Profile,
    guests: usize,
    naming: Vec<Step>,
    naming_none: Vec<Step>,
    cells: Vec<Cell>,
    known: HashSet<(Common, Own)>,
    waiting: Vec<(Common, Own)>,
    owns_with: BTreeMap<Common, Vec<Own>>,
    /// What the guests can have in common after one of them was named in a step that sent the tagged
    /// event.
    taggings: BTreeMap<Common, BTreeSet<Common>>,
}

impl Cells {
    pub(super) fn of(
        system: &Profile,
        rules: &Profile,
        guests: usize,
        tagged: bool,
    ) -> Option<Self> {
        let one = Scope { guests: 1, rooms: 1 };
        let changing =
            steps(one, &[system, rules]).into_iter().filter(|step| !step.act.only_asks());
        let (naming, naming_none) =
            changing.filter(|step| tagged || !step.tag).partition(names_a_guest);
        let mut making = Making {
            system,
            guests,
            naming,
            naming_none,
            cells: Vec::new(),
            known: HashSet::new(),
            waiting: Vec::new(),
            owns_with: BTreeMap::new(),
            taggings: BTreeMap::new(),
        };
        let (common, owns) = split(&forget(system, &initial(system)), 1);
        making.add(common, owns[0]);
        while let Some((common, own)) = making.waiting.pop() {
            making.work_out(common, own)?;
        }
        Some(Self { cells: making.cells })
    }
}

impl Making<'_> {
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
        let (common, own) = witness(self.system, common, own);
        self.add(common, own);
    }

    /// Works out what becomes of a cell; `None` if it shows that cells are not enough.
    fn work_out(&mut self, common: Common, own: Own) -> Option<()> {
        let state = compose(self.system, common, &[own]);
        let becomes = |state: &State, step: &Step| {
            let next = outcome(self.system, state, step)?.next;
            let (common, owns) = split(&forget(self.system, &next), 1);
            Some(Becomes { common, own: owns[0], changed: next != *state })
        };
        let by_own: Vec<_> = self.naming.iter().filter_map(|step| becomes(&state, step)).collect();
        let by_common: Vec<_> = self.naming_none.iter().map(|step| becomes(&state, step)).collect();
        let others_token = Act::Upgrade(Upgrade::OthersToken { of: 0, with: 1 });
        let with_another = compose(self.system, common, &[own, Own::REGISTERED]);
        let by_another = Some(Step::new(Actor::Guest(1), others_token))
            .filter(|_| self.guests > 1)
            .and_then(|step| becomes(&with_another, &step));
        for next in by_own.iter().chain(by_common.iter().flatten()).chain(&by_another) {
            self.add(next.common, next.own);
        }
        if self.guests > 1 {
            for next in by_own.iter().filter(|next| next.common != common) {
                // One guest's step may change what all have in common by sending the tagged event,
                // and by nothing else.
                if !next.common.only_tags(common) {
                    return None;
                }
                if self.taggings.entry(common).or_default().insert(next.common) {
                    for other in self.owns_with[&common].clone() {
                        self.add_witness(next.common, other);
                    }
                }
            }
            if by_another.is_some_and(|next| next.common != common) {
                return None;
            }
        }
        self.cells.push(Cell { common, own, by_own, by_common, by_another });
        Some(())
    }
}

/// What a guest's cell becomes when another guest's step sends the tagged event.
fn witness(system: &Profile, common: Common, own: Own) -> (Common, Own) {
    let state = compose(system, common, &[own.witnessing()]);
    let (common, owns) = split(&forget(system, &state), 1);
    (common, owns[0])
}

/// Whether the step is by a guest or about one.
fn names_a_guest(step: &Step) -> bool {
    let about_one = matches!(
        step.act,
        Act::Invite(_)
            | Act::Kick(_)
            | Act::Ban(_)
            | Act::Unban(_)
            | Act::EndToken(_)
            | Act::RegisterOver(_)
            | Act::Upgrade(_)
    );
    about_one || matches!(step.by, Actor::Guest(_))
}

impl Cells {
    /// The tables; `None` if what a step does that names no guest depends on the guest after all.
    #[expect(clippy::cast_possible_truncation, reason = "a room has not so many cells")]
    pub(super) fn compile(
        mut self,
        guests: usize,
        alone: Sequential,
        in_company: Option<Sequential>,
        profile: Profile,
    ) -> Option<Dense> {
        self.cells.sort_unstable_by_key(|cell| (cell.common, cell.own));
        let commons: BTreeSet<_> = self.cells.iter().map(|cell| cell.common).collect();
        let owns: BTreeSet<_> = self.cells.iter().map(|cell| cell.own).collect();
        let (commons, owns): (Vec<_>, Vec<_>) =
            (commons.into_iter().collect(), owns.into_iter().collect());
        u16::try_from(owns.len()).ok()?;
        // One bit for each of the steps that name no guest.
        self.cells.first().filter(|cell| cell.by_common.len() <= 64)?;
        let common_number =
            |common: &Common| commons.binary_search(common).map(|number| number as u32).ok();
        let own_number = |own: &Own| owns.binary_search(own).map(|number| number as u16).ok();
        let mut dense = Dense {
            guests,
            cell: vec![NONE; commons.len() * owns.len()],
            own_moves: Rows::new(),
            own_changes: Vec::new(),
            by_another: Vec::new(),
            common_moves: Rows::new(),
            common_changes: Vec::new(),
            columns: Vec::new(),
            judged: self.cells.iter().map(|_| AtomicBool::new(false)).collect(),
            alone,
            in_company,
            commons: Vec::new(),
            owns: Vec::new(),
            profile,
        };
        let mut number = 0;
        for with_common in self.cells.chunk_by(|one, other| one.common == other.common) {
            let common = common_number(&with_common[0].common)?;
            let mut columns: HashMap<Vec<u16>, u32> = HashMap::new();
            let mut column = |dense: &mut Dense, becomes: Vec<u16>| {
                *columns.entry(becomes).or_insert_with_key(|becomes| {
                    dense.columns.extend_from_slice(becomes);
                    (dense.columns.len() - becomes.len()) as u32
                })
            };
            // What each guest becomes by a step that names none: those that are not here stay.
            let unmoved: Vec<u16> = (0..owns.len() as u16).collect();
            let mut moves: Vec<CommonMove> = Vec::new();
            for step in 0..with_common[0].by_common.len() {
                let first = with_common[0].by_common[step];
                let mut becomes = unmoved.clone();
                let mut changed = false;
                for cell in with_common {
                    let next = cell.by_common[step];
                    if next.map(|next| next.common) != first.map(|next| next.common) {
                        return None;
                    }
                    let Some(next) = next else { continue };
                    becomes[usize::from(own_number(&cell.own)?)] = own_number(&next.own)?;
                    changed |= next.changed;
                }
                if let Some(first) = first.filter(|_| changed) {
                    let common = common_number(&first.common)?;
                    let step = CommonMove { common, column: column(&mut dense, becomes) };
                    if !moves.contains(&step) {
                        moves.push(step);
                    }
                }
            }
            dense.common_moves.push(moves);
            // What the others become when the step that names one sends the tagged event.
            let mut witnessing: BTreeMap<Common, u32> = BTreeMap::new();
            for cell in with_common {
                dense.cell[common as usize * owns.len() + usize::from(own_number(&cell.own)?)] =
                    number;
                number += 1;
                let mut moves: Vec<OwnMove> = Vec::new();
                for next in cell.by_own.iter().filter(|next| next.changed) {
                    let mut others = NONE;
                    if guests > 1 && next.common != cell.common {
                        let known = witnessing.get(&next.common).copied();
                        others = match known {
                            Some(column) => column,
                            None => {
                                let mut becomes = unmoved.clone();
                                for other in with_common {
                                    let (_, own) = witness(&dense.profile, next.common, other.own);
                                    becomes[usize::from(own_number(&other.own)?)] =
                                        own_number(&own)?;
                                }
                                column(&mut dense, becomes)
                            }
                        };
                        witnessing.insert(next.common, others);
                    }
                    let (common, own) = (common_number(&next.common)?, own_number(&next.own)?);
                    let step = OwnMove { common, own, others };
                    if !moves.contains(&step) {
                        moves.push(step);
                    }
                }
                dense.own_moves.push(moves);
                let changes = cell.by_own.iter().filter(|next| next.changed).count();
                dense.own_changes.push(u16::try_from(changes).ok()?);
                let by_another = cell.by_another.filter(|next| next.changed);
                dense.by_another.push(by_another.and_then(|next| own_number(&next.own)));
                let bits =
                    cell.by_common.iter().enumerate().map(|(step, next)| {
                        u64::from(next.is_some_and(|next| next.changed)) << step
                    });
                dense.common_changes.push(bits.fold(0, |all, bit| all | bit));
            }
        }
        (dense.commons, dense.owns) = (commons, owns);
        Some(dense)
    }
}
