//! The search for guest views: every view that can be reached, and its successors.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::action::{Action, Actor, Operation, Upgrade};
use crate::actions::actions;
use crate::canonical_form::normal_form;
use crate::decide::{initial, outcome};
use crate::state::{Scope, State};
use crate::threads::each;
use guest_access_rules::decision_point::{FirstGuest, RejectedEvent};
use guest_access_rules::profile::Profile;

use super::parts::{GuestState, RoomState, compose, split};

/// An upgrade of the first guest that shows the token of the second.
pub(super) const UPGRADE_BY_OTHERS_TOKEN: Operation =
    Operation::Upgrade(Upgrade::OthersToken { of: 0, with: 1 });

/// A successor of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextView {
    pub(super) room_state: RoomState,
    pub(super) guest_state: GuestState,
    /// Whether the action changes the state, even if the normal form stays the same.
    pub(super) changed: bool,
}

/// A view, and its successor by every action.
#[derive(Debug)]
pub(super) struct GuestView {
    pub(super) room_state: RoomState,
    pub(super) guest_state: GuestState,
    /// The successor by each action that names the guest, if the action can happen.
    pub(super) by_guest_action: Vec<Option<NextView>>,
    /// The successor by each action that names no guest, if the action can happen.
    pub(super) by_room_action: Vec<Option<NextView>>,
    /// The successor by an upgrade of the guest with another guest's token, if the upgrade can happen.
    pub(super) by_others_token: Option<NextView>,
}

/// Every view that can be reached, sorted.
pub(super) struct GuestViews {
    pub(super) guest_views: Vec<GuestView>,
    /// The actions that name a guest, in the order of [`GuestView::by_guest_action`].
    pub(super) guest_actions: Vec<Action>,
    /// The actions that name no guest, in the order of [`GuestView::by_room_action`].
    pub(super) room_actions: Vec<Action>,
}

/// The search, while it runs.
struct ViewSearch<'a> {
    system: &'a Profile,
    guests: usize,
    guest_actions: Vec<Action>,
    room_actions: Vec<Action>,
    guest_views: Vec<GuestView>,
    known: HashSet<(RoomState, GuestState)>,
    waiting: Vec<(RoomState, GuestState)>,
    guests_with: BTreeMap<RoomState, Vec<GuestState>>,
    /// For each room state: the room states after an action of some guest that sent the tagged
    /// event.
    taggings: BTreeMap<RoomState, BTreeSet<RoomState>>,
}

impl GuestViews {
    /// Every view of a guest that is alone. A guest that is alone depends on no other guest.
    pub(super) fn alone(system: &Profile) -> Self {
        let guest_views = ViewSearch::new(system, system, 1, true).search(1);
        guest_views.expect("a guest that is alone depends on no other guest")
    }

    /// Every view of a room with this number of guests, computed on this number of threads. `None` for
    /// the mistakes that [`Dense::of`] names.
    ///
    /// [`Dense::of`]: super::Dense::of
    pub(super) fn of(
        system: &Profile,
        rules: &Profile,
        guests: usize,
        tagged: bool,
        threads: usize,
    ) -> Option<Self> {
        let choices = &system.choices;
        if choices.first_guest != FirstGuest::Plain
            || choices.rejected_event == RejectedEvent::Revokes
        {
            return None;
        }
        ViewSearch::new(system, rules, guests, tagged).search(threads)
    }

    /// How many actions change a view, over all views.
    pub(super) fn changes(&self) -> usize {
        let changes = |view: &GuestView| {
            let by_actions = view.by_guest_action.iter().chain(&view.by_room_action);
            let next = by_actions.chain([&view.by_others_token]).flatten();
            next.filter(|next| next.changed).count()
        };
        self.guest_views.iter().map(changes).sum()
    }
}

impl<'a> ViewSearch<'a> {
    fn new(system: &'a Profile, rules: &Profile, guests: usize, tagged: bool) -> Self {
        let one = Scope { guests: 1, rooms: 1 };
        let changing = actions(one, &[system, rules])
            .into_iter()
            .filter(|action| !action.operation.only_asks());
        let (guest_actions, room_actions) = changing
            .filter(|action| tagged || !action.tag)
            .partition(|action| action.guests().next().is_some());
        Self {
            system,
            guests,
            guest_actions,
            room_actions,
            guest_views: Vec::new(),
            known: HashSet::new(),
            waiting: Vec::new(),
            guests_with: BTreeMap::new(),
            taggings: BTreeMap::new(),
        }
    }

    fn search(mut self, threads: usize) -> Option<GuestViews> {
        let (room_state, guest_states) = split(&normal_form(self.system, &initial(self.system)), 1);
        self.add(room_state, guest_states[0]);
        while !self.waiting.is_empty() {
            let round = std::mem::take(&mut self.waiting);
            for view in each(&round, threads, |(room_state, guest_state)| {
                self.view(*room_state, *guest_state)
            }) {
                self.add_successors(&view)?;
                self.guest_views.push(view);
            }
        }
        let Self { mut guest_views, guest_actions, room_actions, .. } = self;
        guest_views.sort_unstable_by_key(|view| (view.room_state, view.guest_state));
        Some(GuestViews { guest_views, guest_actions, room_actions })
    }

    /// Adds a view, and the views after another guest's action sent the tagged event.
    fn add(&mut self, room_state: RoomState, guest_state: GuestState) {
        if !self.known.insert((room_state, guest_state)) {
            return;
        }
        self.waiting.push((room_state, guest_state));
        self.guests_with.entry(room_state).or_default().push(guest_state);
        for tagged in self.taggings.get(&room_state).cloned().unwrap_or_default() {
            self.add_with_tagged_event(tagged, guest_state);
        }
    }

    fn add_with_tagged_event(&mut self, room_state: RoomState, guest_state: GuestState) {
        let (room_state, guest_state) = view_after_tagging(self.system, room_state, guest_state);
        self.add(room_state, guest_state);
    }

    /// The view with its successors.
    fn view(&self, room_state: RoomState, guest_state: GuestState) -> GuestView {
        let state = compose(self.system, room_state, &[guest_state]);
        let successor = |state: &State, action: &Action| {
            let next = outcome(self.system, state, action)?.next;
            if next == *state {
                return Some(NextView { room_state, guest_state, changed: false });
            }
            let (room_state, guest_states) = split(&normal_form(self.system, &next), 1);
            Some(NextView { room_state, guest_state: guest_states[0], changed: true })
        };
        let with_another = compose(self.system, room_state, &[guest_state, GuestState::REGISTERED]);
        let by_others_token = Some(Action::new(Actor::Guest(1), UPGRADE_BY_OTHERS_TOKEN));
        let by_others_token = by_others_token.filter(|_| self.guests > 1);
        GuestView {
            room_state,
            guest_state,
            by_guest_action: self
                .guest_actions
                .iter()
                .map(|action| successor(&state, action))
                .collect(),
            by_room_action: self
                .room_actions
                .iter()
                .map(|action| successor(&state, action))
                .collect(),
            by_others_token: by_others_token.and_then(|action| successor(&with_another, &action)),
        }
    }

    /// Adds the successors of a view. `None` if an action of a guest changes more than
    /// the guest's own state and the tagged event: then views cannot replace states.
    fn add_successors(&mut self, view: &GuestView) -> Option<()> {
        let GuestView { room_state, by_guest_action, by_room_action, by_others_token, .. } = view;
        let successor =
            by_guest_action.iter().chain(by_room_action).flatten().chain(by_others_token);
        for next in successor.filter(|next| next.changed) {
            self.add(next.room_state, next.guest_state);
        }
        if self.guests > 1 {
            for next in
                by_guest_action.iter().flatten().filter(|next| next.room_state != *room_state)
            {
                // An action of one guest may change the room state only by sending the tagged
                // event.
                if !next.room_state.only_tags(*room_state) {
                    return None;
                }
                if self.taggings.entry(*room_state).or_default().insert(next.room_state) {
                    for other in self.guests_with[room_state].clone() {
                        self.add_with_tagged_event(next.room_state, other);
                    }
                }
            }
            if by_others_token.is_some_and(|next| next.room_state != *room_state) {
                return None;
            }
        }
        Some(())
    }
}

/// The view of a guest after another guest's action sent the tagged event.
pub(super) fn view_after_tagging(
    system: &Profile,
    room_state: RoomState,
    guest_state: GuestState,
) -> (RoomState, GuestState) {
    let state = compose(system, room_state, &[guest_state.with_tagged_event()]);
    let (room_state, guest_states) = split(&normal_form(system, &state), 1);
    (room_state, guest_states[0])
}
