//! From cells to tables.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;

use crate::action::{Action, Actor};
use guest_access_rules::profile::Profile;

use super::cells::{Becomes, Cell, Cells, OTHERS_TOKEN, normal_cell};
use super::judges::Judges;
use super::part::{Common, Own};
use super::{CommonMove, Dense, NONE, OwnMove, Rows};

/// What the tables are made for.
pub(super) struct Purpose {
    pub(super) guests: usize,
    /// Whether states that exchanging guests makes alike are one.
    pub(super) alike: bool,
    /// The steps to tabulate.
    pub(super) tabulates: fn(&Action) -> bool,
    pub(super) judges: Option<Judges>,
    pub(super) profile: Profile,
}

impl Cells {
    /// The tables; `None` if what a step does that names no guest depends on the guest after all.
    #[expect(clippy::cast_possible_truncation, reason = "a room has not so many cells")]
    pub(super) fn compile(&self, purpose: Purpose) -> Option<Dense> {
        let Purpose { guests, alike, tabulates, judges, profile } = purpose;
        // One bit for each of the steps that name no guest.
        (self.naming_none.len() <= 64).then_some(())?;
        let tabulated =
            |actions: &[Action]| -> Vec<bool> { actions.iter().map(tabulates).collect() };
        let (naming, naming_none) = (tabulated(&self.naming), tabulated(&self.naming_none));
        let by_own = |cell: &Cell| -> Vec<Becomes> {
            let all = cell.by_own.iter().zip(&naming).filter(|(_, is_in)| **is_in);
            all.filter_map(|(next, _)| next.filter(|next| next.changed)).collect()
        };
        let commons: BTreeSet<_> = self.cells.iter().map(|cell| cell.common).collect();
        let owns: BTreeSet<_> = self.cells.iter().map(|cell| cell.own).collect();
        let (commons, owns): (Vec<_>, Vec<_>) =
            (commons.into_iter().collect(), owns.into_iter().collect());
        u16::try_from(owns.len()).ok()?;
        let common_number =
            |common: &Common| commons.binary_search(common).map(|number| number as u32).ok();
        let mut as_read = BTreeMap::new();
        let class_of = |cell: &Cell| {
            let next = as_read.len() as u32;
            *as_read.entry((cell.common.as_read(), cell.own)).or_insert(next)
        };
        let as_read: Vec<u32> = self.cells.iter().map(class_of).collect();
        let classes = as_read.iter().max().map_or(0, |last| *last as usize + 1);
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
            alike,
            judged: self.cells.iter().map(|_| AtomicBool::new(judges.is_none())).collect(),
            as_read,
            judged_reads: (0..classes).map(|_| AtomicBool::new(false)).collect(),
            judges,
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
            let own_numbers: Vec<u16> =
                with_common.iter().map(|cell| own_number(&cell.own)).collect::<Option<_>>()?;
            // What each guest becomes by a step that names none: those that are not here stay.
            let unmoved: Vec<u16> = (0..owns.len() as u16).collect();
            let mut moves: Vec<CommonMove> = Vec::new();
            for action in (0..naming_none.len()).filter(|action| naming_none[*action]) {
                let first = with_common[0].by_common[action];
                let mut becomes = unmoved.clone();
                let mut changed = false;
                for (cell, own) in with_common.iter().zip(&own_numbers) {
                    let next = cell.by_common[action];
                    if next.map(|next| next.common) != first.map(|next| next.common) {
                        return None;
                    }
                    if let Some(next) = next.filter(|next| next.changed) {
                        becomes[usize::from(*own)] = own_number(&next.own)?;
                        changed = true;
                    }
                }
                if let Some(first) = first.filter(|_| changed) {
                    let common = common_number(&first.common)?;
                    let action = CommonMove { common, column: column(&mut dense, becomes) };
                    if !moves.contains(&action) {
                        moves.push(action);
                    }
                }
            }
            dense.common_moves.push(moves);
            // What the others become when the step that names one sends the tagged event.
            let mut witnessing: BTreeMap<Common, u32> = BTreeMap::new();
            for (cell, own) in with_common.iter().zip(&own_numbers) {
                dense.cell[common as usize * owns.len() + usize::from(*own)] = number;
                number += 1;
                let mut moves: Vec<OwnMove> = Vec::new();
                let by_own = by_own(cell);
                for next in &by_own {
                    let mut others = NONE;
                    if guests > 1 && next.common != cell.common {
                        let known = witnessing.get(&next.common).copied();
                        others = match known {
                            Some(column) => column,
                            None => {
                                let mut becomes = unmoved.clone();
                                for (other, own) in with_common.iter().zip(&own_numbers) {
                                    let (_, next) =
                                        normal_cell(&dense.profile, next.common, other.own);
                                    becomes[usize::from(*own)] = own_number(&next)?;
                                }
                                column(&mut dense, becomes)
                            }
                        };
                        witnessing.insert(next.common, others);
                    }
                    let (common, own) = (common_number(&next.common)?, own_number(&next.own)?);
                    let action = OwnMove { common, own, others };
                    if !moves.contains(&action) {
                        moves.push(action);
                    }
                }
                dense.own_moves.push(moves);
                dense.own_changes.push(u16::try_from(by_own.len()).ok()?);
                let upgrade = Action::new(Actor::Guest(1), OTHERS_TOKEN);
                let by_another = cell.by_another.filter(|next| next.changed && tabulates(&upgrade));
                dense.by_another.push(by_another.and_then(|next| own_number(&next.own)));
                let bits = cell.by_common.iter().zip(&naming_none).enumerate().map(
                    |(action, (next, is_in))| {
                        u64::from(*is_in && next.is_some_and(|next| next.changed)) << action
                    },
                );
                dense.common_changes.push(bits.fold(0, |all, bit| all | bit));
            }
        }
        (dense.commons, dense.owns) = (commons, owns);
        Some(dense)
    }
}
