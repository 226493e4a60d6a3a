//! What becomes of the accounts, and with them of every room at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::{Account, MAX_GUESTS};

use super::cells::{Becomes, Cell, Cells};
use super::{Dense, NONE};

/// The accounts of the guests, in order; those beyond the guests that there are stay absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Accounts([Account; MAX_GUESTS]);

/// Whom a step about accounts is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// One guest.
    One,
    /// One guest, while another is one with a live token.
    OneByAnother,
    /// Every guest.
    Everyone,
}

/// A step about accounts.
#[derive(Debug)]
pub(super) struct Kind {
    whom: Whom,
    /// What an account becomes, where the step can be taken.
    accounts: BTreeMap<Account, Account>,
    /// What becomes of a guest, by its cell; [`NONE`] where the step cannot be taken.
    owns: Vec<u32>,
}

/// Every step about accounts; `None` if one changes what it must not, or depends on more.
pub(super) fn kinds(cells: &Cells, dense: &Dense) -> Option<Vec<Kind>> {
    let is_still = |account, next: &Becomes| account == next.own.account;
    let mut kinds = Vec::new();
    let mut add = |whom, becomes: Vec<Option<Becomes>>| {
        let mut kind = Kind { whom, accounts: BTreeMap::new(), owns: Vec::new() };
        let mut taken: BTreeMap<Account, bool> = BTreeMap::new();
        for (cell, next) in cells.cells.iter().zip(&becomes) {
            let account = cell.own.account;
            if *taken.entry(account).or_insert(next.is_some()) != next.is_some() {
                return None;
            }
            kind.owns.push(match next {
                None => NONE,
                Some(next) => {
                    let known = *kind.accounts.entry(account).or_insert(next.own.account);
                    let accounts_alone =
                        next.common == cell.common && (is_still(account, next) != next.changed);
                    if known != next.own.account || !accounts_alone {
                        return None;
                    }
                    u32::from(dense.number_of(next.own)?)
                }
            });
        }
        kinds.push(kind);
        Some(())
    };
    let by_cell = |of: &dyn Fn(&Cell) -> Option<Becomes>| -> Vec<Option<Becomes>> {
        cells.cells.iter().map(of).collect()
    };
    let naming = (0..cells.naming.len())
        .map(|number| (Whom::One, &cells.naming[number], by_cell(&|cell| cell.by_own[number])));
    let naming_none = (0..cells.naming_none.len()).map(|number| {
        let becomes = by_cell(&|cell| cell.by_common[number]);
        (Whom::Everyone, &cells.naming_none[number], becomes)
    });
    for (whom, action, becomes) in naming.chain(naming_none) {
        if action.room().is_none() {
            add(whom, becomes)?;
            continue;
        }
        // A step about a room leaves the accounts as they are.
        let leaves = |(cell, next): (&Cell, &Option<Becomes>)| {
            next.is_none_or(|next| is_still(cell.own.account, &next))
        };
        cells.cells.iter().zip(&becomes).all(leaves).then_some(())?;
    }
    add(Whom::OneByAnother, by_cell(&|cell| cell.by_another))?;
    Some(kinds)
}

/// A way from some accounts to others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) from: Accounts,
    kind: usize,
    /// Whom it is about; everyone, if nobody.
    guest: Option<usize>,
    /// Where each guest's place is filled from, so that the accounts are in order again.
    order: [usize; MAX_GUESTS],
}

impl Way {
    /// What a room's state becomes.
    pub(super) fn take(&self, dense: &Dense, kinds: &[Kind], code: u64) -> u64 {
        let mut numbers = dense.numbers(code);
        let kind = &kinds[self.kind];
        for guest in 0..dense.guests {
            if self.guest.is_none_or(|one| one == guest) {
                let cell = dense.cell_of(numbers.common, numbers.owns[guest]);
                let own = kind.owns[cell as usize];
                numbers.owns[guest] = u16::try_from(own).expect("it can be taken");
            }
        }
        let owns = numbers.owns;
        for (place, from) in self.order.iter().enumerate() {
            numbers.owns[place] = owns[*from];
        }
        dense.code(numbers)
    }
}

impl Accounts {
    const NOBODYS: Self = Self([Account::Absent; MAX_GUESTS]);

    /// What the accounts become by a step about this guest, or about all; `None` if it cannot be
    /// taken, or changes nothing.
    fn after(self, kind: &Kind, guest: Option<usize>, guests: usize) -> Option<Self> {
        if kind.whom == Whom::OneByAnother {
            let another = |(number, account): (usize, &Account)| {
                Some(number) != guest && *account == Account::Guest
            };
            self.0.iter().take(guests).enumerate().position(another)?;
        }
        let mut next = self;
        for (number, account) in next.0.iter_mut().enumerate().take(guests) {
            if guest.is_none_or(|one| one == number) {
                *account = *kind.accounts.get(account)?;
            }
        }
        (next != self).then_some(next)
    }

    /// Everything that steps about accounts can be taken about.
    fn targets(kind: &Kind, guests: usize) -> impl Iterator<Item = Option<usize>> + use<> {
        let everyone = kind.whom == Whom::Everyone;
        let all = everyone.then_some(None).into_iter();
        all.chain((0..if everyone { 0 } else { guests }).map(Some))
    }

    /// How many steps about accounts change these.
    pub(super) fn changes(self, kinds: &[Kind], guests: usize) -> u128 {
        let mut changes = 0;
        for kind in kinds {
            for guest in Self::targets(kind, guests) {
                if self.after(kind, guest, guests).is_some() {
                    let others =
                        self.0.iter().take(guests).enumerate().filter(|(number, account)| {
                            Some(*number) != guest && **account == Account::Guest
                        });
                    changes += match kind.whom {
                        Whom::OneByAnother => others.count() as u128,
                        _ => 1,
                    };
                }
            }
        }
        changes
    }

    /// The accounts that can come up, up to an exchange of guests, each after all from which a way
    /// leads to it, and these ways. `None` if some lead back.
    pub(super) fn in_order(kinds: &[Kind], guests: usize) -> Option<Vec<(Self, Vec<Way>)>> {
        let mut into: BTreeMap<Self, Vec<Way>> = BTreeMap::from([(Self::NOBODYS, Vec::new())]);
        let mut waiting = vec![Self::NOBODYS];
        while let Some(from) = waiting.pop() {
            for (number, kind) in kinds.iter().enumerate() {
                for guest in Self::targets(kind, guests) {
                    let Some(next) = from.after(kind, guest, guests) else { continue };
                    let (next, order) = next.sorted(guests);
                    let is_new = !into.contains_key(&next);
                    let ways = into.entry(next).or_default();
                    for exchange in exchanges(next, guests) {
                        let order = std::array::from_fn(|place| order[exchange[place]]);
                        ways.push(Way { from, kind: number, guest, order });
                    }
                    if is_new {
                        waiting.push(next);
                    }
                }
            }
        }
        let mut order: Vec<(Self, Vec<Way>)> = Vec::new();
        let mut done = BTreeSet::new();
        while order.len() < into.len() {
            let ready = into.iter().find(|(accounts, ways)| {
                !done.contains(*accounts) && ways.iter().all(|way| done.contains(&way.from))
            });
            let (accounts, ways) = ready?;
            done.insert(*accounts);
            order.push((*accounts, ways.clone()));
        }
        Some(order)
    }

    /// The accounts in order, and from which guest each place is filled.
    fn sorted(self, guests: usize) -> (Self, [usize; MAX_GUESTS]) {
        let mut order: [usize; MAX_GUESTS] = std::array::from_fn(|guest| guest);
        order[..guests].sort_by_key(|guest| self.0[*guest]);
        (Self(order.map(|guest| self.0[guest])), order)
    }
}

/// The exchanges of guests that leave the accounts as they are, as where each place is filled from.
pub(super) fn exchanges(accounts: Accounts, guests: usize) -> Vec<[usize; MAX_GUESTS]> {
    let mut all = vec![std::array::from_fn(|guest| guest)];
    let mut next = 0;
    while let Some(exchange) = all.get(next).copied() {
        for one in 0..guests {
            for other in one + 1..guests {
                let mut exchanged: [usize; MAX_GUESTS] = exchange;
                exchanged.swap(one, other);
                if accounts.0[one] == accounts.0[other] && !all.contains(&exchanged) {
                    all.push(exchanged);
                }
            }
        }
        next += 1;
    }
    all
}
