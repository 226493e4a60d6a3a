//! The transitions of the accounts, which change every room at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::{Account, MAX_GUESTS};

use super::guest_views::{GuestView, GuestViews, NextView};
use super::{Dense, NONE};

/// The accounts of the guests, sorted; those beyond the scope stay absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortedAccounts([Account; MAX_GUESTS]);

/// Which guests an action about accounts affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affected {
    /// One guest.
    One,
    /// One guest, if another guest has a live guest's token.
    OneByAnother,
    /// Every guest.
    Everyone,
}

/// An action about accounts.
#[derive(Debug)]
pub(super) struct AccountAction {
    affected: Affected,
    /// The next account for each account with which the action can happen.
    accounts: BTreeMap<Account, Account>,
    /// The next guest state by view; [`NONE`] where the action cannot happen.
    guest_states: Vec<u32>,
}

/// Every action about accounts. `None` if one of them changes or depends on more than the accounts.
pub(super) fn account_actions(
    guest_views: &GuestViews,
    dense: &Dense,
) -> Option<Vec<AccountAction>> {
    let is_same = |account, next: &NextView| account == next.guest_state.account;
    let mut account_actions = Vec::new();
    let mut add = |affected, next_views: Vec<Option<NextView>>| {
        let mut account_action =
            AccountAction { affected, accounts: BTreeMap::new(), guest_states: Vec::new() };
        let mut possible: BTreeMap<Account, bool> = BTreeMap::new();
        for (view, next) in guest_views.guest_views.iter().zip(&next_views) {
            let account = view.guest_state.account;
            if *possible.entry(account).or_insert(next.is_some()) != next.is_some() {
                return None;
            }
            account_action.guest_states.push(match next {
                None => NONE,
                Some(next) => {
                    let next_account =
                        *account_action.accounts.entry(account).or_insert(next.guest_state.account);
                    let accounts_alone = next.room_state == view.room_state
                        && (is_same(account, next) != next.changed);
                    if next_account != next.guest_state.account || !accounts_alone {
                        return None;
                    }
                    u32::from(dense.number_of(next.guest_state)?)
                }
            });
        }
        account_actions.push(account_action);
        Some(())
    };
    let next_views_by = |of: &dyn Fn(&GuestView) -> Option<NextView>| -> Vec<Option<NextView>> {
        guest_views.guest_views.iter().map(of).collect()
    };
    let guest_actions = (0..guest_views.guest_actions.len()).map(|number| {
        (
            Affected::One,
            &guest_views.guest_actions[number],
            next_views_by(&|view| view.by_guest_action[number]),
        )
    });
    let room_actions = (0..guest_views.room_actions.len()).map(|number| {
        let next_views = next_views_by(&|view| view.by_room_action[number]);
        (Affected::Everyone, &guest_views.room_actions[number], next_views)
    });
    for (affected, action, next_views) in guest_actions.chain(room_actions) {
        if action.room().is_none() {
            add(affected, next_views)?;
            continue;
        }
        // An action about a room does not change the accounts.
        let keeps_account = |(view, next): (&GuestView, &Option<NextView>)| {
            next.is_none_or(|next| is_same(view.guest_state.account, &next))
        };
        guest_views.guest_views.iter().zip(&next_views).all(keeps_account).then_some(())?;
    }
    add(Affected::OneByAnother, next_views_by(&|view| view.by_others_token))?;
    Some(account_actions)
}

/// A transition from one value of the accounts to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct AccountTransition {
    pub(super) from: SortedAccounts,
    account_action: usize,
    /// The affected guest; `None` for every guest.
    guest: Option<usize>,
    /// The permutation that sorts the accounts again: place `n` is filled from guest `order[n]`.
    order: [usize; MAX_GUESTS],
}

impl AccountTransition {
    /// The code of the room's state after the transition.
    pub(super) fn take(&self, dense: &Dense, account_actions: &[AccountAction], code: u64) -> u64 {
        let mut numbers = dense.numbers(code);
        let account_action = &account_actions[self.account_action];
        for guest in 0..dense.guests {
            if self.guest.is_none_or(|one| one == guest) {
                let view = dense.view_of(numbers.room_state, numbers.guest_states[guest]);
                let guest_state = account_action.guest_states[view as usize];
                numbers.guest_states[guest] = u16::try_from(guest_state).expect("it can be taken");
            }
        }
        let guest_states = numbers.guest_states;
        for (place, from) in self.order.iter().enumerate() {
            numbers.guest_states[place] = guest_states[*from];
        }
        dense.code(numbers)
    }
}

impl SortedAccounts {
    const ABSENT: Self = Self([Account::Absent; MAX_GUESTS]);

    /// The accounts after an action about this guest, or about every guest. `None` if the action cannot
    /// happen, or changes nothing.
    fn after(
        self,
        account_action: &AccountAction,
        guest: Option<usize>,
        guests: usize,
    ) -> Option<Self> {
        if account_action.affected == Affected::OneByAnother {
            let another = |(number, account): (usize, &Account)| {
                Some(number) != guest && *account == Account::Guest
            };
            self.0.iter().take(guests).enumerate().position(another)?;
        }
        let mut next = self;
        for (number, account) in next.0.iter_mut().enumerate().take(guests) {
            if guest.is_none_or(|one| one == number) {
                *account = *account_action.accounts.get(account)?;
            }
        }
        (next != self).then_some(next)
    }

    /// The guests that an action can affect, one by one, or all at once.
    fn affected_guests(
        account_action: &AccountAction,
        guests: usize,
    ) -> impl Iterator<Item = Option<usize>> + use<> {
        let everyone = account_action.affected == Affected::Everyone;
        let all = everyone.then_some(None).into_iter();
        all.chain((0..if everyone { 0 } else { guests }).map(Some))
    }

    /// How many actions about accounts change these accounts.
    pub(super) fn changes(self, account_actions: &[AccountAction], guests: usize) -> u128 {
        let mut changes = 0;
        for account_action in account_actions {
            for guest in Self::affected_guests(account_action, guests) {
                if self.after(account_action, guest, guests).is_some() {
                    let others =
                        self.0.iter().take(guests).enumerate().filter(|(number, account)| {
                            Some(*number) != guest && **account == Account::Guest
                        });
                    changes += match account_action.affected {
                        Affected::OneByAnother => others.count() as u128,
                        _ => 1,
                    };
                }
            }
        }
        changes
    }

    /// The reachable values of the accounts, up to an exchange of guests, each with the transitions
    /// that lead to it. A value comes after every value from which a transition leads to it. `None` if
    /// there is a cycle.
    pub(super) fn in_order(
        account_actions: &[AccountAction],
        guests: usize,
    ) -> Option<Vec<(Self, Vec<AccountTransition>)>> {
        let mut incoming: BTreeMap<Self, Vec<AccountTransition>> =
            BTreeMap::from([(Self::ABSENT, Vec::new())]);
        let mut waiting = vec![Self::ABSENT];
        while let Some(from) = waiting.pop() {
            for (number, account_action) in account_actions.iter().enumerate() {
                for guest in Self::affected_guests(account_action, guests) {
                    let Some(next) = from.after(account_action, guest, guests) else { continue };
                    let (next, order) = next.sort_guest_numbers(guests);
                    let is_new = !incoming.contains_key(&next);
                    let transitions = incoming.entry(next).or_default();
                    for exchange in symmetries(next, guests) {
                        let order = std::array::from_fn(|place| order[exchange[place]]);
                        transitions.push(AccountTransition {
                            from,
                            account_action: number,
                            guest,
                            order,
                        });
                    }
                    if is_new {
                        waiting.push(next);
                    }
                }
            }
        }
        let mut order: Vec<(Self, Vec<AccountTransition>)> = Vec::new();
        let mut earlier = BTreeSet::new();
        while order.len() < incoming.len() {
            let ready = incoming.iter().find(|(accounts, transitions)| {
                !earlier.contains(*accounts)
                    && transitions.iter().all(|transition| earlier.contains(&transition.from))
            });
            let (accounts, transitions) = ready?;
            earlier.insert(*accounts);
            order.push((*accounts, transitions.clone()));
        }
        Some(order)
    }

    /// The accounts sorted, and the permutation that sorts them.
    fn sort_guest_numbers(self, guests: usize) -> (Self, [usize; MAX_GUESTS]) {
        let mut order: [usize; MAX_GUESTS] = std::array::from_fn(|guest| guest);
        order[..guests].sort_by_key(|guest| self.0[*guest]);
        (Self(order.map(|guest| self.0[guest])), order)
    }
}

/// The permutations of the guests that keep the accounts.
pub(super) fn symmetries(accounts: SortedAccounts, guests: usize) -> Vec<[usize; MAX_GUESTS]> {
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
