//! What a client can observe of two homeservers that take the same steps.

use guest_access_model::action::{Action, Answer};
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::State;
use guest_access_rules::profile::Profile;

/// Whether a client could tell the two outcomes of a step apart, at once or by asking who is in the
/// rooms.
pub(super) fn is_observable(one: &Outcome, other: &Outcome, tagged: bool) -> bool {
    let (a, b) = (&one.observation, &other.observation);
    let members = |state: &State| state.rooms.map(|room| (room.members, room.user));
    // Of the tagged event nothing can be said before there is one.
    let gave = |answer: Answer| match answer {
        Answer::Gave { .. } if !tagged => Answer::Nothing,
        answer => answer,
    };
    !a.decision.is_like(&b.decision)
        || gave(a.answer) != gave(b.answer)
        || members(&one.next) != members(&other.next)
}

/// The places of the steps by which `other` is told apart from `right`.
pub(super) fn distinguishing_steps(
    right: &Profile,
    other: &Profile,
    steps: &[Action],
) -> Vec<usize> {
    let (mut here, mut there) = (initial(right), initial(other));
    let mut places = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        // What cannot be done by the other says no more of the steps that follow.
        let (Some(one), Some(two)) = (outcome(right, &here, step), outcome(other, &there, step))
        else {
            break;
        };
        if is_observable(&one, &two, here.tagged.is_some()) {
            places.push(place);
        }
        (here, there) = (one.next, two.next);
    }
    places
}
