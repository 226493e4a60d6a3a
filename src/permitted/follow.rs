//! Taking actions one after the other by a profile.

use guest_access_model::action::Action;
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::State;
use guest_access_rules::profile::Profile;

/// Takes these actions from the initial state where `profile` decides: the state before each, and
/// its outcome. The list ends before the first action that cannot happen.
pub fn follow(profile: &Profile, actions: &[Action]) -> Vec<(State, Outcome)> {
    let mut before = initial(profile);
    let outcomes = actions.iter().map_while(|action| {
        let outcome = outcome(profile, &before, action)?;
        Some((std::mem::replace(&mut before, outcome.next), outcome))
    });
    outcomes.collect()
}
