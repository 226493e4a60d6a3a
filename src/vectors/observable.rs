//! What a client can observe of two homeservers that take the same steps.

use guest_access_model::action::{Action, Answer};
use guest_access_model::decide::Outcome;
use guest_access_model::state::State;
use guest_access_rules::profile::Profile;

use crate::permitted::follow;

/// Whether a client can observe a difference between two outcomes of an action: in the answer, or in
/// the memberships of the rooms afterwards.
pub(super) fn is_observable(one: &Outcome, other: &Outcome, tagged: bool) -> bool {
    let (a, b) = (&one.observation, &other.observation);
    let members = |state: &State| state.rooms.map(|room| (room.members, room.user));
    // Before an event is tagged, an answer cannot give it.
    let gave = |answer: Answer| match answer {
        Answer::Gave { .. } if !tagged => Answer::Nothing,
        answer => answer,
    };
    !a.decision.is_like(&b.decision)
        || gave(a.answer) != gave(b.answer)
        || members(&one.next) != members(&other.next)
}

/// The places of the actions at which a client can tell `other` from `default`: as far as both can
/// take them.
pub(super) fn distinguishing_steps(
    default: &Profile,
    other: &Profile,
    actions: &[Action],
) -> Vec<usize> {
    let outcomes = follow(default, actions).into_iter().zip(follow(other, actions)).enumerate();
    let differing = outcomes.filter(|(_, ((before, one), (_, other)))| {
        is_observable(one, other, before.tagged.is_some())
    });
    differing.map(|(place, _)| place).collect()
}
