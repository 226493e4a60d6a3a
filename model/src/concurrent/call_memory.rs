//! What a call in flight remembers of its reads.
//!
//! Two reductions keep every verdict and leave far fewer states:
//!
//! 1. A call forgets what no later stage reads.
//! 2. One room represents all rooms about which the rules give the same answers.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::action::{Credential, Operation};
use crate::state::{Account, Kind, ReaderRelation, Room, Standing, Tagged};
use guest_access_rules::discipline::{Reads, Rechecks};
use guest_access_rules::vocabulary::{Decision, GuestAccess, HistoryVisibility, Membership};

use super::calls::{ShownToken, guest_of};
use super::{Concurrent, ConcurrentState};

/// The representative rooms, by what the calls read.
#[derive(Debug, Default)]
pub(super) struct Representatives(RwLock<BTreeMap<ReadByCall, Room>>);

/// What a kind of call has read: the token, unless the call looks up the token again, and the room.
type ReadByCall = (u8, Option<ShownToken>, Room);

/// The remembered token of a call that looks up the token again.
const NOBODY: ShownToken = ShownToken { account: Account::Absent, with: Credential::Own };

impl Concurrent {
    /// Whether the check of a call looks up the token again. (A refused call has no later stage.)
    pub(super) fn looks_up_token_again(&self) -> bool {
        self.discipline.reads == Reads::Snapshot
            || matches!(self.discipline.rechecks, Rechecks::Token | Rechecks::Everything)
    }

    /// What a call remembers of its token until the check.
    pub(super) fn keep_token(&self, shown_token: ShownToken) -> ShownToken {
        if self.merges_stages && self.looks_up_token_again() { NOBODY } else { shown_token }
    }

    /// What a call remembers of its token and the room until the *act*.
    pub(super) fn keep(
        &self,
        current: &ConcurrentState,
        number: usize,
        shown_token: ShownToken,
        room: Room,
    ) -> (ShownToken, Room) {
        let nothing = self.initial_state.rooms[0];
        match self.discipline.rechecks {
            _ if !self.merges_stages => (shown_token, room),
            Rechecks::Everything => (NOBODY, nothing),
            Rechecks::Room => (shown_token, nothing),
            Rechecks::Token => {
                (NOBODY, self.representative(current.calls[number].kind, None, room))
            }
            Rechecks::Nothing => (
                shown_token,
                self.representative(current.calls[number].kind, Some(shown_token), room),
            ),
        }
    }

    /// The representative of a room: the first room about which the rules give the same answers to this
    /// token, or to every token.
    fn representative(&self, kind: u8, shown_token: Option<ShownToken>, room: Room) -> Room {
        let key = (kind, shown_token, room);
        let known = self.representatives.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&key) {
            return *found;
        }
        drop(known);
        let action = self.kinds[usize::from(kind)].action;
        let Some(guest) = guest_of(&action) else {
            // A change of a setting reads nothing of the room.
            return self.initial_state.rooms[0];
        };
        let tokens = shown_token.map_or_else(every_token, |shown_token| vec![shown_token]);
        let readable = |room: Room| -> Vec<_> {
            let tagged = events(guest).map(Some).chain([None]);
            let tagged = tagged
                .filter(|event| event.is_none() || matches!(action.operation, Operation::Read(_)));
            let pairs = tagged.flat_map(|event| tokens.iter().map(move |token| (event, *token)));
            let readable = pairs.map(|(event, shown_token)| {
                let outcome = self.decided(&action, shown_token, room, event)?;
                let Decision { status, errcode, .. } = outcome.observation.decision;
                let membership = outcome.next.rooms[0].members[guest];
                let change = (membership != room.members[guest]).then_some(membership);
                Some((status, errcode, outcome.observation.answer, change))
            });
            readable.collect()
        };
        let wanted = readable(room);
        let found = self.rooms(guest).find(|other| readable(*other) == wanted).unwrap_or(room);
        self.representatives.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, found);
        found
    }

    /// Every room, as far as the rules distinguish rooms for one guest.
    fn rooms(&self, guest: usize) -> impl Iterator<Item = Room> {
        let nothing = self.initial_state.rooms[0];
        let settings = HistoryVisibility::ALL.iter().flat_map(|visibility| {
            GuestAccess::ALL.iter().map(|guest_access| (*visibility, *guest_access))
        });
        settings.flat_map(move |(visibility, guest_access)| {
            Membership::ALL.iter().map(move |membership| {
                let mut room = nothing;
                room.visibility = Some(visibility);
                room.guest_access = guest_access;
                room.members[guest] = *membership;
                room
            })
        })
    }
}

/// Every account and token.
fn every_token() -> Vec<ShownToken> {
    let accounts = Account::ALL.iter().filter(|account| **account != Account::Absent);
    let tokens = accounts.flat_map(|account| {
        [Credential::Own, Credential::BeforeUpgrade]
            .map(|with| ShownToken { account: *account, with })
    });
    tokens.collect()
}

/// Every message, as far as the rules distinguish messages for one guest.
fn events(guest: usize) -> impl Iterator<Item = Tagged> {
    HistoryVisibility::ALL.iter().flat_map(move |visibility| {
        let standings =
            Standing::ALL.iter().flat_map(|standing| [(standing, false), (standing, true)]);
        standings.map(move |(standing, joined_later)| {
            let mut relations = [ReaderRelation::STRANGER; crate::state::MAX_GUESTS];
            relations[guest] = ReaderRelation { before: *standing, after: *standing, joined_later };
            Tagged { kind: Kind::Message, before: *visibility, after: *visibility, relations }
        })
    })
}
