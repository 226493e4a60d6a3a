//! A room: its timeline, and its state before and after each event of it.

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
    /// Its id.
    pub id: OwnedRoomId,
    timeline: Vec<Entry>,
    now: StateAt,
    /// Who has forgotten it, and at which length of the timeline.
    forgotten: BTreeMap<OwnedUserId, usize>,
}

/// One event of the timeline, and the state of the room before it.
#[derive(Debug, Clone)]
struct Entry {
    event: Arc<Event>,
    before: StateAt,
}

/// The state of a room at some moment: the places of its state events in the timeline, and what
/// its settings mean.
#[derive(Debug, Clone)]
pub(super) struct StateAt {
    places: Arc<Vec<usize>>,
    pub(super) settings: Settings,
}

impl StateAt {
    /// The places of the state events in the timeline, oldest piece of state first.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().copied()
    }
}

impl Room {
    pub(super) fn new(id: OwnedRoomId, choices: &Choices) -> Self {
        let now = StateAt { places: Arc::default(), settings: Settings::of_a_new_room(choices) };
        Self { id, timeline: Vec::new(), now, forgotten: BTreeMap::new() }
    }

    /// The events of the room, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.timeline.iter().map(|entry| entry.event.as_ref())
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.timeline.len()
    }

    /// Whether there is no event at all, which no room that was created can say of itself.
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

    /// What the settings mean now.
    pub fn settings(&self) -> Settings {
        self.now.settings
    }

    /// What the settings meant before the event at this place.
    pub fn settings_before(&self, place: usize) -> Settings {
        self.before(place).settings
    }

    /// What the settings meant after the event at this place.
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

    /// Whether `user` was joined at any moment after the event at this place. Whoever is joined
    /// once the event has been sent is joined at the moment after it.
    pub fn was_joined_after(&self, place: usize, user: &UserId) -> bool {
        self.membership_after(place, user) == Membership::Join
            || (place + 1..self.len()).any(|later| {
                let event = self.event(later);
                event.is_state(MEMBER, user.as_str()) && membership_by(event) == Membership::Join
            })
    }

    /// The place of the event with which `user` was last joined no more, if it ever was joined.
    pub(super) fn place_of_leaving(&self, user: &UserId) -> Option<usize> {
        (0..self.len()).rev().find(|&place| {
            self.event(place).is_state(MEMBER, user.as_str())
                && self.membership_before(place, user) == Membership::Join
                && self.membership_after(place, user) != Membership::Join
        })
    }

    /// Lets `user` have forgotten the room, until its membership changes.
    pub(super) fn forget(&mut self, user: OwnedUserId) {
        self.forgotten.insert(user, self.len());
    }

    /// Whether `user` has forgotten the room, and its membership is still what it was then.
    pub(super) fn is_forgotten_by(&self, user: &UserId) -> bool {
        self.forgotten
            .get(user)
            .is_some_and(|&length| self.membership_before(length, user) == self.membership(user))
    }

    /// Those whose membership is known, with it.
    pub(super) fn members(&self) -> impl Iterator<Item = (OwnedUserId, Membership)> + '_ {
        self.now.places().map(|place| self.event(place)).filter_map(|event| {
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

    /// The event that is the setting named `kind` now, if there is one.
    pub fn setting(&self, kind: &str, choices: &Choices) -> Option<&Event> {
        self.events().rev().find(|event| settings::is_setting(event, kind, choices))
    }

    /// Adds `event` to the end of the timeline, and carries it into the state.
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
        let event = event.redacted(&self.id, self.event(redaction));
        self.timeline[redacted].event = Arc::new(event);
    }
}

/// The membership that a `m.room.member` event says.
pub(super) fn membership_by(event: &Event) -> Membership {
    event.text("membership").and_then(Membership::from_spelling).unwrap_or(Membership::Leave)
}
