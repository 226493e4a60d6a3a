//! Locks: what calls hold, and which calls wait.

use crate::action::{Action, Operation, Says};
use guest_access_rules::discipline::{Holds, Readers};
use guest_access_rules::vocabulary::GuestAccess;

use super::calls::{CallInFlight, Stage, guest_of};
use super::{Concurrent, ConcurrentState};

/// Whether the action is a change of guest access that can remove members.
pub(super) fn revokes(action: &Action) -> bool {
    matches!(action.operation, Operation::SetGuestAccess(says, _) if says != Says::Value(GuestAccess::CanJoin))
}

impl Concurrent {
    /// Whether a call neither holds locks nor waits for locks.
    fn ignores_locks(&self, call: &CallInFlight) -> bool {
        let reads = matches!(self.kind(call).action.operation, Operation::Read(_));
        reads && self.discipline.readers == Readers::HoldNothing
    }

    /// Whether another call holds the lock of the guest.
    pub(super) fn user_is_held(
        &self,
        current: &ConcurrentState,
        number: usize,
        guest: usize,
    ) -> bool {
        !self.ignores_locks(&current.calls[number])
            && self.others(current, number).any(|call| {
                let action = &self.kind(call).action;
                match self.discipline.holds {
                    Holds::Nothing | Holds::Room => false,
                    Holds::User => guest_of(action) == Some(guest) && call.stage != Stage::Started,
                    Holds::RoomAndUser => {
                        guest_of(action) == Some(guest) && call.stage != Stage::Started
                            || revokes(action) && holds_room(call)
                    }
                }
            })
    }

    /// Whether another call holds a lock that the call needs for its check.
    pub(super) fn room_is_held(&self, current: &ConcurrentState, number: usize) -> bool {
        let action = &self.kind(&current.calls[number]).action;
        if self.ignores_locks(&current.calls[number]) {
            return false;
        }
        let held = action.room().is_some()
            && self
                .others(current, number)
                .any(|call| self.kind(call).action.room() == action.room() && holds_room(call));
        let users_held = || {
            revokes(action)
                && self.scope.guests().any(|guest| self.user_is_held(current, number, guest.into()))
        };
        match self.discipline.holds {
            Holds::Nothing | Holds::User => false,
            Holds::Room => held,
            Holds::RoomAndUser => held || users_held(),
        }
    }

    /// The other calls that may hold locks.
    fn others<'a>(
        &'a self,
        current: &'a ConcurrentState,
        number: usize,
    ) -> impl Iterator<Item = &'a CallInFlight> {
        let others = current.calls.iter().enumerate().filter(move |(other, _)| *other != number);
        others.map(|(_, call)| call).filter(|call| !self.ignores_locks(call))
    }

    /// Whether some call in flight waits, and whether some call can go on.
    pub(super) fn waiting(&self, current: &ConcurrentState) -> (bool, bool) {
        let goes_on = |number| self.execute_stage(current, number).is_some();
        let can: Vec<bool> = (0..current.calls.len()).map(goes_on).collect();
        (can.contains(&false), can.contains(&true))
    }
}

fn holds_room(call: &CallInFlight) -> bool {
    !matches!(call.stage, Stage::Started | Stage::Authenticated(_))
}
