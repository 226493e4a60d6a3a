//! A room: its timeline, and its state before and after each event.

use std::collections::BTreeMap;
use std::sync::Arc;

use guest_access_rules::decision_point::Choices;
use guest_access_rules::vocabulary::{JoinRule, Membership};
use ruma::{EventId, OwnedRoomId, OwnedUserId, UserId};

use super::event::{Event, JOIN_RULES, MEMBER};
use super::settings::{self, Settings};

/// A room in which the server takes part.
#[derive(Debug, Clone)]
pub struct Room {
    /// The room id.
    pub id: OwnedRoomId,
    timeline: Vec<Entry>,
    now: StateAt,
    /// The users who have forgotten the room, and the length of the timeline at that time.
    forgotten: BTreeMap<OwnedUserId, usize>,
    /// The users whom leaving made forget the room, and the length of the timeline at that time.
    forgotten_by_leaving: BTreeMap<OwnedUserId, usize>,
}

/// One event of the timeline, and the state of the room before it.
#[derive(Debug, Clone)]
struct Entry {
    event: Arc<Event>,
    before: StateAt,
}

/// The state of a room at one time: the places of the state events in the timeline, and the settings.
#[derive(Debug, Clone)]
pub(super) struct StateAt {
    places: Arc<Vec<usize>>,
    pub(super) settings: Settings,
}

impl StateAt {
    /// The places of the state events in the timeline, in the order in which their keys were first set.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().copied()
    }
}

impl Room {
    pub(super) fn new(id: OwnedRoomId, choices: &Choices) -> Self {
        let now = StateAt { places: Arc::default(), settings: Settings::of_a_new_room(choices) };
        Self {
            id,
            timeline: Vec::new(),
            now,
            forgotten: BTreeMap::new(),
            forgotten_by_leaving: BTreeMap::new(),
        }
    }

    /// The events of the room, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.timeline.iter().map(|entry| entry.event.as_ref())
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.timeline.len()
    }

    /// Whether the room has no event. Every created room has an event.
    pub fn is_empty(&self) -> bool {
        self.timeline.is_empty()
    }

    /// The event at this place of the timeline.
    pub fn event(&self, place: usize) -> &Event {
        &self.timeline[place].event
    }

    /// The place of the event with this id.
    pub fn place_of(&self, id: &EventId) -> Option<usize> {
        self.events().position(|event| event.id == id)
    }

    /// The place of the first event whose number on the server's clock is beyond `number`.
    pub(super) fn place_after(&self, number: u64) -> usize {
        self.timeline.partition_point(|entry| entry.event.number <= number)
    }

    /// The state now.
    pub(super) fn now(&self) -> &StateAt {
        &self.now
    }

    /// The state before the event at this place.
    pub(super) fn before(&self, place: usize) -> &StateAt {
        self.timeline.get(place).map_or(&self.now, |entry| &entry.before)
    }

    /// The state after the event at this place.
    pub(super) fn after(&self, place: usize) -> &StateAt {
        self.before(place + 1)
    }

    /// The settings now.
    pub fn settings(&self) -> Settings {
        self.now.settings
    }

    /// The settings before the event at this place.
    pub fn settings_before(&self, place: usize) -> Settings {
        self.before(place).settings
    }

    /// The settings after the event at this place.
    pub fn settings_after(&self, place: usize) -> Settings {
        self.after(place).settings
    }

    /// The membership of `user` now.
    pub fn membership(&self, user: &UserId) -> Membership {
        self.membership_in(&self.now, user)
    }

    /// The membership of `user` before the event at this place.
    pub fn membership_before(&self, place: usize, user: &UserId) -> Membership {
        self.membership_in(self.before(place), user)
    }

    /// The membership of `user` after the event at this place.
    pub fn membership_after(&self, place: usize, user: &UserId) -> Membership {
        self.membership_in(self.after(place), user)
    }

    fn membership_in(&self, state: &StateAt, user: &UserId) -> Membership {
        self.state_event(state, MEMBER, user.as_str())
            .map_or(Membership::Never, |place| membership_by(self.event(place)))
    }

    /// Whether `user` was joined at any time after the event at this place. A user who is joined directly
    /// after the event counts.
    pub fn was_joined_after(&self, place: usize, user: &UserId) -> bool {
        self.membership_after(place, user) == Membership::Join
            || (place + 1..self.len()).any(|later| {
                let event = self.event(later);
                event.is_state(MEMBER, user.as_str()) && membership_by(event) == Membership::Join
            })
    }

    /// The place of the last event that ended a join of `user`, if there is one.
    pub(super) fn place_of_leaving(&self, user: &UserId) -> Option<usize> {
        (0..self.len()).rev().find(|&place| {
            self.event(place).is_state(MEMBER, user.as_str())
                && self.membership_before(place, user) == Membership::Join
                && self.membership_after(place, user) != Membership::Join
        })
    }

    /// Marks the room as forgotten by `user`, until the membership of `user` changes.
    pub(super) fn forget(&mut self, user: OwnedUserId) {
        self.forgotten.insert(user, self.len());
    }

    /// Whether `user` has forgotten the room, and the membership of `user` has not changed since.
    pub(super) fn is_forgotten_by(&self, user: &UserId) -> bool {
        self.forgotten
            .get(user)
            .is_some_and(|&length| self.membership_before(length, user) == self.membership(user))
    }

    /// Marks the room as forgotten by `user`, who has just left, until the membership changes.
    pub(super) fn forget_by_leaving(&mut self, user: OwnedUserId) {
        self.forgotten_by_leaving.insert(user, self.len());
    }

    /// Whether leaving made `user` forget the room, and `user` is still out of the room.
    pub fn has_forgotten_by_leaving(&self, user: &UserId) -> bool {
        self.forgotten_by_leaving.get(user).is_some_and(|&length| {
            let later = (length..self.len())
                .filter(|&place| self.event(place).is_state(MEMBER, user.as_str()));
            later.into_iter().all(|place| self.membership_after(place, user) == Membership::Leave)
        })
    }

    /// Whether `user` was ever joined.
    pub fn was_ever_joined(&self, user: &UserId) -> bool {
        (0..self.len()).any(|place| {
            let event = self.event(place);
            event.is_state(MEMBER, user.as_str()) && membership_by(event) == Membership::Join
        })
    }

    /// All users with a membership, and their memberships.
    pub(super) fn members(&self) -> impl Iterator<Item = (OwnedUserId, Membership)> + '_ {
        self.members_before(self.len())
    }

    /// All users with a membership before the event at this place, and their memberships.
    pub(super) fn members_before(
        &self,
        place: usize,
    ) -> impl Iterator<Item = (OwnedUserId, Membership)> + '_ {
        self.before(place).places().map(|place| self.event(place)).filter_map(|event| {
            let user = UserId::parse(event.state_key.as_deref()?).ok()?;
            (event.kind == MEMBER).then(|| (user, membership_by(event)))
        })
    }

    /// The join rule now.
    pub fn join_rule(&self) -> JoinRule {
        self.state_event(&self.now, JOIN_RULES, "")
            .and_then(|place| self.event(place).text("join_rule"))
            .and_then(JoinRule::from_spelling)
            .unwrap_or(JoinRule::Invite)
    }

    /// The place of the state event of this type and state key in `state`.
    pub(super) fn state_event(&self, state: &StateAt, kind: &str, key: &str) -> Option<usize> {
        state.places().find(|&place| self.event(place).is_state(kind, key))
    }

    /// The current state event of this type and state key.
    pub fn current(&self, kind: &str, key: &str) -> Option<&Event> {
        self.state_event(&self.now, kind, key).map(|place| self.event(place))
    }

    /// The newest event that sets the setting with the event type `kind`.
    pub fn setting(&self, kind: &str, choices: &Choices) -> Option<&Event> {
        self.events().rev().find(|event| settings::is_setting(event, kind, choices))
    }

    /// Appends `event` to the timeline, and updates the state.
    pub(super) fn append(&mut self, event: Event, choices: &Choices) {
        let place = self.timeline.len();
        let before = self.now.clone();
        self.now.settings = before.settings.after(&event, choices);
        if let Some(key) = &event.state_key {
            let replaced = self.state_event(&before, &event.kind, key);
            let places = Arc::make_mut(&mut self.now.places);
            match places.iter_mut().find(|place| Some(**place) == replaced) {
                Some(old) => *old = place,
                None => places.push(place),
            }
        }
        let redacts = event.redacts().and_then(|id| self.place_of(&id));
        self.timeline.push(Entry { event: Arc::new(event), before });
        if let Some(redacted) = redacts {
            self.redact(redacted, place, choices);
        }
    }

    fn redact(&mut self, redacted: usize, redaction: usize, choices: &Choices) {
        let event = Arc::clone(&self.timeline[redacted].event);
        if self.setting(&event.kind, choices).is_some_and(|setting| setting.id == event.id) {
            self.now.settings = self.now.settings.after_redaction(&event, choices);
        }
        let event = event.redacted(self.event(redaction));
        self.timeline[redacted].event = Arc::new(event);
    }
}

/// The membership in a `m.room.member` event.
pub(super) fn membership_by(event: &Event) -> Membership {
    event.text("membership").and_then(Membership::from_spelling).unwrap_or(Membership::Leave)
}
