//! The symmetry reduction. States have one canonical form if they differ only in the order of the calls
//! in flight, or in the names of the guests.

use crate::action::Action;
use crate::canonical_form::exchange;
use crate::state::State;
use guest_access_rules::decision_point::FirstGuest;

use super::calls::{ListedGuests, Stage};
use super::{Concurrent, ConcurrentState};

impl Concurrent {
    /// The canonical form of a state: the least state up to a permutation of the guests and of the calls in
    /// flight.
    pub(super) fn in_order(&self, current: ConcurrentState) -> ConcurrentState {
        let mut first = sorted(current);
        if self.profile.choices.first_guest != FirstGuest::Plain {
            return first;
        }
        // These exchanges of neighbours lead to every permutation of at most three guests.
        let orders: &[&[usize]] = match self.scope.guests {
            1 => &[],
            2 => &[&[0]],
            _ => &[&[0], &[0, 1], &[0, 1, 0], &[1], &[1, 0]],
        };
        let original = first.clone();
        for exchanges in orders {
            let exchanged = exchanges
                .iter()
                .fold(original.clone(), |current, guest| self.exchanged(current, *guest));
            first = first.min(sorted(exchanged));
        }
        first
    }

    /// The state with this guest and the next one exchanged.
    fn exchanged(&self, mut current: ConcurrentState, guest: usize) -> ConcurrentState {
        let swap = |state: &mut State| exchange(state, guest, guest + 1);
        swap(&mut current.server);
        for explanation in &mut current.explanations {
            swap(&mut explanation.state);
        }
        for call in &mut current.calls {
            let action = rename_guest(&self.kinds[usize::from(call.kind)].action, guest);
            let kind = self.kinds.iter().position(|kind| kind.action == action);
            call.kind = kind.and_then(|kind| u8::try_from(kind).ok()).unwrap_or(call.kind);
            match &mut call.stage {
                Stage::Checked(_, room) => room.members.swap(guest, guest + 1),
                Stage::Sweeping(Some(listed)) => {
                    let turn = |other| match other {
                        other if other == guest => guest + 1,
                        other if other == guest + 1 => guest,
                        other => other,
                    };
                    let guests = 0..current.server.accounts.len();
                    *listed =
                        guests.filter(|g| listed.contains(*g)).map(turn).collect::<ListedGuests>();
                }
                _ => {}
            }
        }
        current
    }
}

/// The action with a guest and the next one exchanged.
fn rename_guest(action: &Action, guest: usize) -> Action {
    let turn = |other: u8| match usize::from(other) {
        number if number == guest => other + 1,
        number if number == guest + 1 => other - 1,
        _ => other,
    };
    action.with_guests(turn)
}

/// The state with its calls in flight and its explanations sorted.
fn sorted(mut current: ConcurrentState) -> ConcurrentState {
    // Bubble sort, because the explanations have to follow each exchange.
    for round in 1..current.calls.len() {
        for call in 0..current.calls.len() - round {
            if current.calls[call] > current.calls[call + 1] {
                current.calls.swap(call, call + 1);
                for explanation in &mut current.explanations {
                    explanation.answers.swap(call, call + 1);
                }
            }
        }
    }
    current.explanations.sort_unstable();
    current.explanations.dedup();
    current
}
