//! What a client can observe of two homeservers that take the same steps.

use guest_access_model::action::Answer;
use guest_access_model::decide::Outcome;
use guest_access_model::state::State;

/// Whether a client can observe a difference between two outcomes of an action: in the answer, or in
/// the memberships of the rooms afterwards.
pub(super) fn is_observable(one: &Outcome, other: &Outcome, tagged: bool) -> bool {
    let (a, b) = (&one.observation, &other.observation);
    let mut rooms = one.next.rooms.iter().zip(&other.next.rooms);
    // Before an event is tagged, an answer cannot give it.
    let gave = |answer: Answer| match answer {
        Answer::Gave { .. } if !tagged => Answer::Nothing,
        answer => answer,
    };
    !a.decision.is_like(&b.decision)
        || gave(a.answer) != gave(b.answer)
        || rooms.any(|(one, other)| (one.members, one.user) != (other.members, other.user))
}

/// The places of the steps at which a client can distinguish two homeservers that took the same actions:
/// as far as both could take them.
pub(super) fn distinguishing_steps(
    one: &[(State, Outcome)],
    other: &[(State, Outcome)],
) -> Vec<usize> {
    let outcomes = one.iter().zip(other).enumerate();
    let differing = outcomes.filter(|(_, ((before, one), (_, other)))| {
        is_observable(one, other, before.tagged.is_some())
    });
    differing.map(|(place, _)| place).collect()
}
