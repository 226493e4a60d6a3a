//! Any number of guests and rooms: every view that some guest can have of some room, judged once.
//!
//! What happens to a guest's view depends on no other guest, but for one thing: an action of another
//! guest may send the tagged event. So the views that guests have, however many there are, are among
//! those that these steps find:
//!
//! 1. Begin with the view of a guest in a new room.
//! 2. Take every action of the guest, and every action that names no guest.
//! 3. Wherever such an action of some guest sends the tagged event, let the event reach every view of the
//!    same room state.
//! 4. Repeat this until there is no new view.
//!
//! Step 3 does not ask whether the two guests can have their views at the same time. So there may be more
//! views than any run reaches, and never fewer. A guarantee that no view violates holds for any number of
//! guests. `spec-notes/engine.md` has the argument, also for rooms.

use crate::guarantee::Verdicts;
use guest_access_rules::profile::Profile;

use super::accounts::account_actions;
use super::compile::TableOptions;
use super::guest_views::GuestViews;
use super::judges::Judges;
use super::room_views::{RoomViews, verdicts_across_rooms};

/// The rooms of a check of any number of guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberOfRooms {
    /// One room.
    One,
    /// Any number.
    Any,
}

/// Every view, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EveryView {
    /// The number of views.
    pub views: usize,
    /// The number of actions that change a view, over all views.
    pub transitions: usize,
    /// The verdicts on all views. No number of guests and rooms has other violations.
    pub verdicts: Verdicts,
}

/// The guests that stand for any number: one whose view it is, and another.
const GUESTS: usize = 2;

/// Judges every view of a homeserver with the profile `system` under the profile `rules`, on this number
/// of threads. `None` if one guest's view is not enough: guests depend on each other, or rooms do.
pub fn judge_every_view(
    system: &Profile,
    rules: &Profile,
    rooms: NumberOfRooms,
    threads: usize,
) -> Option<EveryView> {
    let judges = Judges::of(system, rules, GUESTS);
    let mut found = EveryView { views: 0, transitions: 0, verdicts: Verdicts::NONE };
    let first = found.add_room(system, rules, true, threads)?;
    found.verdicts.add(first.judge(&judges, threads));
    if rooms == NumberOfRooms::Any {
        let other = found.add_room(system, rules, false, threads)?;
        found.verdicts.add(other.judge(&judges, threads));
        found.verdicts.add(verdicts_across_rooms([&first, &other], system, rules, threads));
    }
    Some(found)
}

impl EveryView {
    /// Adds every view of the first room, which has the tagged event, or of another room.
    fn add_room(
        &mut self,
        system: &Profile,
        rules: &Profile,
        tagged: bool,
        threads: usize,
    ) -> Option<RoomViews> {
        let guest_views = GuestViews::of(system, rules, GUESTS, tagged, threads)?;
        let dense = guest_views.compile(TableOptions {
            guests: GUESTS,
            sorts_guests: true,
            tabulates: |_| true,
            judges: None,
            profile: system.clone(),
        })?;
        // An action about accounts acts on each room alike, and an action about a room on no account.
        account_actions(&guest_views, &dense)?;
        self.views += guest_views.guest_views.len();
        self.transitions += guest_views.changes();
        Some(RoomViews { dense, reached: vec![true; guest_views.guest_views.len()] })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::dense::parts::split;
    use crate::state::MAX_GUESTS;
    use crate::transition_system::TransitionSystem;
    use crate::{sequential::Sequential, state::Scope};
    use guest_access_rules::rules::Rules;
    use guest_access_rules::variant::defects;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// In each state of a random walk of three guests, the view of each guest is among those that two
        /// guests stand for: by the rules, and by every mistake.
        #[test]
        fn two_guests_have_every_view_of_three(
            mistake in any::<Index>(),
            walk in prop::collection::vec(any::<Index>(), 1..80),
        ) {
            let rules = Rules::find("latest").unwrap();
            let mistaken = defects(&rules).into_iter().map(|defect| defect.profile);
            let systems: Vec<_> = std::iter::once(rules.profile()).chain(mistaken).collect();
            let system = mistake.get(&systems);
            let Some(found) = GuestViews::of(system, &rules.profile(), GUESTS, true, 1) else {
                return Ok(());
            };
            let known: HashSet<_> = found
                .guest_views
                .iter()
                .map(|view| (view.room_state, view.guest_state))
                .collect();
            let scope = Scope { guests: MAX_GUESTS, rooms: 1 };
            let model = Sequential::new(scope, system.clone(), rules.profile());
            let mut state = model.initial();
            for turn in walk {
                let (room_state, guest_states) = split(&state, MAX_GUESTS);
                for guest_state in guest_states {
                    prop_assert!(known.contains(&(room_state, guest_state)), "{:?}", state);
                }
                let successors = model.successors(&state).distinct;
                if successors.is_empty() {
                    break;
                }
                state = turn.get(&successors).next;
            }
        }
    }
}
