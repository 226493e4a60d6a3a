//! Which situations are explored once: calls in flight have no order among them, and no rule names a
//! guest.

use crate::action::Action;
use crate::canonical_form::exchange;
use crate::state::State;
use guest_access_rules::decision_point::FirstGuest;

use super::calls::{Listed, Stage};
use super::{Concurrent, Situation};

impl Concurrent {
    /// The situation that stands for all those that only differ in which guest is which, or in which
    /// of the calls in flight began first.
    pub(super) fn in_order(&self, situation: Situation) -> Situation {
        let mut first = sorted(situation);
        if self.profile.choices.first_guest != FirstGuest::Plain {
            return first;
        }
        // A few exchanges of neighbours lead through every order of so few.
        let orders: &[&[usize]] = match self.scope.guests {
            1 => &[],
            2 => &[&[0]],
            _ => &[&[0], &[0, 1], &[0, 1, 0], &[1], &[1, 0]],
        };
        let original = first.clone();
        for exchanges in orders {
            let exchanged = exchanges
                .iter()
                .fold(original.clone(), |situation, guest| self.exchanged(situation, *guest));
            first = first.min(sorted(exchanged));
        }
        first
    }

    /// The situation with this guest and the next one exchanged.
    fn exchanged(&self, mut situation: Situation, guest: usize) -> Situation {
        let swap = |state: &mut State| exchange(state, guest, guest + 1);
        swap(&mut situation.server);
        for explanation in &mut situation.explained {
            swap(&mut explanation.state);
        }
        for call in &mut situation.calls {
            let action = renamed(&self.kinds[usize::from(call.kind)].action, guest);
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
                    let guests = 0..situation.server.accounts.len();
                    *listed = guests.filter(|g| listed.contains(*g)).map(turn).collect::<Listed>();
                }
                _ => {}
            }
        }
        situation
    }
}

/// The step as it is once a guest and the next one are exchanged.
fn renamed(action: &Action, guest: usize) -> Action {
    let turn = |other: u8| match usize::from(other) {
        number if number == guest => other + 1,
        number if number == guest + 1 => other - 1,
        _ => other,
    };
    action.with_guests(turn)
}

/// The calls in flight, and what explains them, in an order of their own.
fn sorted(mut situation: Situation) -> Situation {
    // A few exchanges of neighbours sort so few.
    for round in 1..situation.calls.len() {
        for call in 0..situation.calls.len() - round {
            if situation.calls[call] > situation.calls[call + 1] {
                situation.calls.swap(call, call + 1);
                for explanation in &mut situation.explained {
                    explanation.said.swap(call, call + 1);
                }
            }
        }
    }
    situation.explained.sort_unstable();
    situation.explained.dedup();
    situation
}
