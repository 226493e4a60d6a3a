//! Renames the guests and the rooms of a step, so that steps which differ only in names become equal.

use guest_access_model::action::{Action, Operation, Place};
use guest_access_model::state::{MAX_GUESTS, State};

/// A renaming for one step. The guests get numbers in the order in which the step names them. The second
/// room becomes the first, unless the step reads: only the first room has the tagged event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renaming {
    guests: [u8; MAX_GUESTS],
    exchanges_rooms: bool,
}

impl Renaming {
    /// The renaming for a step.
    pub(super) fn of(step: &Action) -> Self {
        Self::with_others(step, &[])
    }

    /// The renaming in which the `others` follow the guests that the step names.
    pub(super) fn with_others(step: &Action, others: &[u8]) -> Self {
        let mut order: Vec<u8> = Vec::new();
        let rest = (0_u8..).take(MAX_GUESTS);
        for number in step.guests().chain(others.iter().copied()).chain(rest) {
            if !order.contains(&number) {
                order.push(number);
            }
        }
        let mut renaming = [0; MAX_GUESTS];
        for (new, old) in (0_u8..).zip(order) {
            if let Some(name) = renaming.get_mut(usize::from(old)) {
                *name = new;
            }
        }
        let reads = matches!(step.operation, Operation::Read(_) | Operation::ReadThroughOtherRoom);
        Self { guests: renaming, exchanges_rooms: !reads && step.room() == Some(1) }
    }

    /// The new number of a guest.
    pub(super) fn guest(self, number: u8) -> u8 {
        self.guests.get(usize::from(number)).copied().unwrap_or(number)
    }

    /// The new number of a room.
    pub(super) const fn room(self, number: usize) -> usize {
        match number {
            0 | 1 if self.exchanges_rooms => 1 - number,
            _ => number,
        }
    }

    /// The renamed step.
    pub(super) fn step(self, step: &Action) -> Action {
        let place = if self.exchanges_rooms { Place::Room(0) } else { step.place };
        Action { place, ..step.with_guests(|guest| self.guest(guest)) }
    }

    /// The renamed state.
    pub(super) fn state(self, state: &State) -> State {
        let mut renamed = *state;
        for (old, new) in self.guests.into_iter().enumerate() {
            let new = usize::from(new);
            renamed.accounts[new] = state.accounts[old];
            for (renamed, room) in renamed.rooms.iter_mut().zip(&state.rooms) {
                renamed.members[new] = room.members[old];
            }
            if let (Some(renamed), Some(tagged)) = (&mut renamed.tagged, &state.tagged) {
                renamed.relations[new] = tagged.relations[old];
            }
        }
        if self.exchanges_rooms {
            renamed.rooms.swap(0, 1);
            renamed.tagged = None;
        }
        renamed
    }
}
