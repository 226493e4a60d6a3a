//! Views of a room, judged: each alone and beside a second guest, and each with a view of another room.

use std::collections::BTreeMap;

use crate::guarantee::{Verdicts, on_reads};
use crate::sequential::Sequential;
use crate::state::Scope;
use crate::threads::each;
use guest_access_rules::profile::Profile;

use super::Dense;
use super::judges::Judges;
use super::parts::{GuestState, RoomState, compose};

/// The tables of a room, and some of the views in them.
pub(super) struct RoomViews {
    pub(super) dense: Dense,
    /// Which views are judged, by their numbers.
    pub(super) reached: Vec<bool>,
}

impl RoomViews {
    /// The reached views.
    fn reached(&self) -> impl Iterator<Item = (u32, RoomState, GuestState)> {
        self.dense.guest_views().filter(|(view, ..)| self.reached[*view as usize])
    }

    /// One view for each class of the reached views.
    fn one_of_each<T: Ord>(
        &self,
        class: impl Fn(RoomState, GuestState) -> T,
    ) -> Vec<(RoomState, GuestState)> {
        let classed = self.reached().map(|(_, room_state, guest_state)| {
            (class(room_state, guest_state), (room_state, guest_state))
        });
        let one_of_each: BTreeMap<_, _> = classed.collect();
        one_of_each.into_values().collect()
    }

    /// The verdicts on the reached views.
    pub(super) fn judge(&self, judges: &Judges, threads: usize) -> Verdicts {
        let reached: Vec<_> = self.reached().collect();
        let judge = |(view, room_state, guest_state): &(u32, RoomState, GuestState)| {
            self.dense.judge_view(judges, *view, *room_state, *guest_state)
        };
        all_of(each(&reached, threads, judge))
    }
}

/// The verdicts on the actions that look at two rooms, for every pair of a view of the one room and a
/// view of the other. Such an action depends on what a reader sees of its own room, and on the history
/// visibility and the guest's membership of the other. A declared guarantee may also ask who may join
/// the room that is read.
pub(super) fn verdicts_across_rooms(
    rooms: [&RoomViews; 2],
    system: &Profile,
    rules: &Profile,
    threads: usize,
) -> Verdicts {
    let model = Sequential::new(Scope { guests: 1, rooms: 2 }, system.clone(), rules.clone());
    let mut verdicts = Verdicts::NONE;
    let is_read_alone = on_reads().is_empty();
    for about in 0..rooms.len() {
        let here = rooms[about].one_of_each(|room_state, guest_state| {
            (if is_read_alone { room_state.as_read() } else { room_state }, guest_state)
        });
        let there = rooms[1 - about].one_of_each(|room_state, guest_state| {
            (room_state.as_seen_from_another(), guest_state.as_seen_from_another())
        });
        let judge = |(room_state, guest_state): &(RoomState, GuestState)| {
            let own_room = compose(system, *room_state, &[*guest_state]);
            let mut verdicts = Verdicts::NONE;
            for (room_state, guest_state) in
                there.iter().filter(|(_, there)| there.account == guest_state.account)
            {
                let mut states = [own_room, compose(system, *room_state, &[*guest_state])];
                states.rotate_right(about);
                let [mut state, other] = states;
                state.rooms[1] = other.rooms[0];
                verdicts.add(model.verdicts_across_rooms(&state, about));
            }
            verdicts
        };
        verdicts.add(all_of(each(&here, threads, judge)));
    }
    verdicts
}

/// The union of these verdicts.
fn all_of(verdicts: Vec<Verdicts>) -> Verdicts {
    verdicts.into_iter().fold(Verdicts::NONE, |mut all, verdicts| {
        all.add(verdicts);
        all
    })
}
