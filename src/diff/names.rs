//! Names by which divergences are compared: the guests and the room of a step, renamed by the order in
//! which the step names them.

use guest_access_model::action::{Action, Operation, Place};
use guest_access_model::state::{MAX_GUESTS, State};

/// New names for the guests of a step, by the order in which it names them, and for its room: the
/// first, unless it is what the step reads there that matters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    guests: [u8; MAX_GUESTS],
    exchanges_rooms: bool,
}

impl Names {
    pub(super) fn of(step: &Action) -> Self {
        Self::with_others(step, &[])
    }

    /// The same, where these guests come next after those that the step names.
    pub(super) fn with_others(step: &Action, others: &[u8]) -> Self {
        let mut order: Vec<u8> = Vec::new();
        let rest = (0_u8..).take(MAX_GUESTS);
        for number in step.guests().chain(others.iter().copied()).chain(rest) {
            if !order.contains(&number) {
                order.push(number);
            }
        }
        let mut names = [0; MAX_GUESTS];
        for (new, old) in (0_u8..).zip(order) {
            if let Some(name) = names.get_mut(usize::from(old)) {
                *name = new;
            }
        }
        let reads = matches!(step.operation, Operation::Read(_) | Operation::ReadThroughOtherRoom);
        Self { guests: names, exchanges_rooms: !reads && step.room() == Some(1) }
    }

    pub(super) fn guest(self, number: u8) -> u8 {
        self.guests.get(usize::from(number)).copied().unwrap_or(number)
    }

    /// The number of the room that had this number.
    pub(super) const fn room(self, number: usize) -> usize {
        match number {
            0 | 1 if self.exchanges_rooms => 1 - number,
            _ => number,
        }
    }

    /// The step by the guests' new names.
    pub(super) fn step(self, step: &Action) -> Action {
        let place = if self.exchanges_rooms { Place::Room(0) } else { step.place };
        Action { place, ..step.with_guests(|guest| self.guest(guest)) }
    }

    /// The state by the guests' new names.
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
