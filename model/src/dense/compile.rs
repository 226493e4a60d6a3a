//! From guest views to tables.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;

use crate::action::{Action, Actor};
use guest_access_rules::profile::Profile;

use super::guest_views::{
    GuestView, GuestViews, NextView, UPGRADE_BY_OTHERS_TOKEN, view_after_tagging,
};
use super::judges::Judges;
use super::parts::{GuestState, RoomState};
use super::{Dense, GuestTransition, NONE, RoomTransition, Rows};

/// What to put into the tables.
pub(super) struct TableOptions {
    pub(super) guests: usize,
    /// Whether the states that differ by an exchange of guests have one code.
    pub(super) sorts_guests: bool,
    /// The actions to tabulate.
    pub(super) tabulates: fn(&Action) -> bool,
    pub(super) judges: Option<Judges>,
    pub(super) profile: Profile,
}

impl GuestViews {
    /// The tables. `None` if an action that names no guest leads to different room states for different
    /// guests.
    #[expect(clippy::cast_possible_truncation, reason = "a room does not have this many views")]
    pub(super) fn compile(&self, purpose: TableOptions) -> Option<Dense> {
        let TableOptions { guests, sorts_guests, tabulates, judges, profile } = purpose;
        // One bit for each action that names no guest.
        (self.room_actions.len() <= 64).then_some(())?;
        let tabulated =
            |actions: &[Action]| -> Vec<bool> { actions.iter().map(tabulates).collect() };
        let (guest_actions, room_actions) =
            (tabulated(&self.guest_actions), tabulated(&self.room_actions));
        let by_guest_action = |view: &GuestView| -> Vec<NextView> {
            let all = view.by_guest_action.iter().zip(&guest_actions).filter(|(_, is_in)| **is_in);
            all.filter_map(|(next, _)| next.filter(|next| next.changed)).collect()
        };
        let room_states: BTreeSet<_> =
            self.guest_views.iter().map(|view| view.room_state).collect();
        let guest_states: BTreeSet<_> =
            self.guest_views.iter().map(|view| view.guest_state).collect();
        let (room_states, guest_states): (Vec<_>, Vec<_>) =
            (room_states.into_iter().collect(), guest_states.into_iter().collect());
        u16::try_from(guest_states.len()).ok()?;
        let room_number = |room_state: &RoomState| {
            room_states.binary_search(room_state).map(|number| number as u32).ok()
        };
        let mut as_read = BTreeMap::new();
        let class_of = |view: &GuestView| {
            let next = as_read.len() as u32;
            *as_read.entry((view.room_state.as_read(), view.guest_state)).or_insert(next)
        };
        let as_read: Vec<u32> = self.guest_views.iter().map(class_of).collect();
        let classes = as_read.iter().max().map_or(0, |last| *last as usize + 1);
        let guest_number = |guest_state: &GuestState| {
            guest_states.binary_search(guest_state).map(|number| number as u16).ok()
        };
        let mut dense = Dense {
            guests,
            view: vec![NONE; room_states.len() * guest_states.len()],
            guest_transitions: Rows::new(),
            guest_changes: Vec::new(),
            by_others_token: Vec::new(),
            room_transitions: Rows::new(),
            room_changes: Vec::new(),
            columns: Vec::new(),
            sorts_guests,
            judged: self.guest_views.iter().map(|_| AtomicBool::new(judges.is_none())).collect(),
            as_read,
            judged_reads: (0..classes).map(|_| AtomicBool::new(false)).collect(),
            judges,
            room_states: Vec::new(),
            guest_states: Vec::new(),
            profile,
        };
        let mut number = 0;
        for with_same_room in
            self.guest_views.chunk_by(|one, other| one.room_state == other.room_state)
        {
            let room_state = room_number(&with_same_room[0].room_state)?;
            let mut columns: HashMap<Vec<u16>, u32> = HashMap::new();
            let mut column_number = |dense: &mut Dense, column: Vec<u16>| {
                *columns.entry(column).or_insert_with_key(|column| {
                    dense.columns.extend_from_slice(column);
                    (dense.columns.len() - column.len()) as u32
                })
            };
            let guest_numbers: Vec<u16> = with_same_room
                .iter()
                .map(|view| guest_number(&view.guest_state))
                .collect::<Option<_>>()?;
            // The column of an action that names no guest. A guest state without a view stays.
            let unchanged_column: Vec<u16> = (0..guest_states.len() as u16).collect();
            let mut transitions: Vec<RoomTransition> = Vec::new();
            for action in (0..room_actions.len()).filter(|action| room_actions[*action]) {
                let first = with_same_room[0].by_room_action[action];
                let mut column = unchanged_column.clone();
                let mut changed = false;
                for (view, guest_state) in with_same_room.iter().zip(&guest_numbers) {
                    let next = view.by_room_action[action];
                    if next.map(|next| next.room_state) != first.map(|next| next.room_state) {
                        return None;
                    }
                    if let Some(next) = next.filter(|next| next.changed) {
                        column[usize::from(*guest_state)] = guest_number(&next.guest_state)?;
                        changed = true;
                    }
                }
                if let Some(first) = first.filter(|_| changed) {
                    let room_state = room_number(&first.room_state)?;
                    let action =
                        RoomTransition { room_state, column: column_number(&mut dense, column) };
                    if !transitions.contains(&action) {
                        transitions.push(action);
                    }
                }
            }
            dense.room_transitions.push(transitions);
            // For each room state: the column that says how the states of the other guests change when
            // one guest sends the tagged event.
            let mut with_tagged_event: BTreeMap<RoomState, u32> = BTreeMap::new();
            for (view, guest_state) in with_same_room.iter().zip(&guest_numbers) {
                dense.view[room_state as usize * guest_states.len() + usize::from(*guest_state)] =
                    number;
                number += 1;
                let mut transitions: Vec<GuestTransition> = Vec::new();
                let by_guest_action = by_guest_action(view);
                for next in &by_guest_action {
                    let mut others = NONE;
                    if guests > 1 && next.room_state != view.room_state {
                        let known = with_tagged_event.get(&next.room_state).copied();
                        others = match known {
                            Some(column) => column,
                            None => {
                                let mut column = unchanged_column.clone();
                                for (other, guest_state) in
                                    with_same_room.iter().zip(&guest_numbers)
                                {
                                    let (_, next) = view_after_tagging(
                                        &dense.profile,
                                        next.room_state,
                                        other.guest_state,
                                    );
                                    column[usize::from(*guest_state)] = guest_number(&next)?;
                                }
                                column_number(&mut dense, column)
                            }
                        };
                        with_tagged_event.insert(next.room_state, others);
                    }
                    let (room_state, guest_state) =
                        (room_number(&next.room_state)?, guest_number(&next.guest_state)?);
                    let action = GuestTransition { room_state, guest_state, others };
                    if !transitions.contains(&action) {
                        transitions.push(action);
                    }
                }
                dense.guest_transitions.push(transitions);
                dense.guest_changes.push(u16::try_from(by_guest_action.len()).ok()?);
                let upgrade = Action::new(Actor::Guest(1), UPGRADE_BY_OTHERS_TOKEN);
                let by_others_token =
                    view.by_others_token.filter(|next| next.changed && tabulates(&upgrade));
                dense
                    .by_others_token
                    .push(by_others_token.and_then(|next| guest_number(&next.guest_state)));
                let bits = view.by_room_action.iter().zip(&room_actions).enumerate().map(
                    |(action, (next, is_in))| {
                        u64::from(*is_in && next.is_some_and(|next| next.changed)) << action
                    },
                );
                dense.room_changes.push(bits.fold(0, |all, bit| all | bit));
            }
        }
        (dense.room_states, dense.guest_states) = (room_states, guest_states);
        Some(dense)
    }
}
