//! Steps that are taken one after the other, each with its outcome under one profile.

use guest_access_model::action::Action;
use guest_access_model::decide::{Outcome, outcome};
use guest_access_model::state::State;
use guest_access_rules::profile::Profile;

/// A step of a sequence, and its outcome where the step stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct TakenStep {
    /// The number of the step in the sequence, from 0.
    pub(super) number: usize,
    /// The state in which the step is taken.
    pub(super) before: State,
    pub(super) step: Action,
    /// The outcome; none, if the step is impossible in this state.
    pub(super) outcome: Option<Outcome>,
}

impl TakenStep {
    /// The state after the step. An impossible step changes nothing.
    pub(super) fn after(&self) -> State {
        self.outcome.map_or(self.before, |outcome| outcome.next)
    }

    /// Whether the step is possible and the rules allow it.
    pub(super) fn is_allowed(&self) -> bool {
        self.outcome.is_some_and(|outcome| outcome.observation.decision.allows())
    }

    /// Whether the step changes the state.
    pub(super) fn changes_state(&self) -> bool {
        self.after() != self.before
    }
}

/// Takes these steps from `first` on. Each step is taken in the state that the steps before it lead to.
pub(super) fn take_steps<'a>(
    profile: &'a Profile,
    first: State,
    steps: impl IntoIterator<Item = &'a Action>,
) -> impl Iterator<Item = TakenStep> {
    let mut state = first;
    steps.into_iter().enumerate().map(move |(number, step)| {
        let taken = TakenStep {
            number,
            before: state,
            step: *step,
            outcome: outcome(profile, &state, step),
        };
        state = taken.after();
        taken
    })
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::{Actor, Operation};
    use guest_access_model::decide::initial;
    use guest_access_rules::rules::Rules;
    use guest_access_rules::vocabulary::MembershipEndpoint;

    use super::*;

    #[test]
    fn each_step_is_taken_after_those_before_it() {
        let profile = Rules::find("latest").unwrap().profile();
        let by_guest = |operation| Action::new(Actor::Guest(0), operation);
        let join = by_guest(Operation::Join(MembershipEndpoint::Own)).at(0);
        let register = by_guest(Operation::Register { named: false });
        let steps = [join, register, join, register];
        let taken: Vec<_> = take_steps(&profile, initial(&profile), &steps).collect();
        let possible = taken.iter().map(|taken| taken.outcome.is_some());
        // Nobody joins without an account, and an account is registered once.
        assert_eq!(possible.collect::<Vec<_>>(), [false, true, true, false]);
        // A room does not admit guests before somebody says so.
        let allowed: Vec<_> =
            taken.iter().filter(|taken| taken.is_allowed()).map(|taken| taken.number).collect();
        assert_eq!(allowed, [1]);
        assert!(taken.iter().all(|taken| taken.changes_state() == taken.is_allowed()));
        for pair in taken.windows(2) {
            assert_eq!(pair[0].after(), pair[1].before);
        }
    }
}
