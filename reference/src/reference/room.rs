//! A room: its timeline, and its state before and after each event.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use guest_access_rules::decision_point::Choices;
use guest_access_rules::vocabulary::{JoinRule, Membership};
use ruma::{EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, UserId};

use super::event::{Event, GUEST_ACCESS, HISTORY_VISIBILITY, JOIN_RULES, MEMBER};
use super::settings::{self, Settings};

/// A room in which the server takes part.
#[derive(Debug, Clone)]
pub struct Room {
    /// The room id.
    pub id: OwnedRoomId,
    timeline: Vec<Entry>,
    now: StateAt,
    index: Arc<Index>,
    /// The users who have forgotten the room, and the length of the timeline at that time.
    forgotten: BTreeMap<OwnedUserId, usize>,
    /// The users whom leaving made forget the room, and the length of the timeline at that time.
    forgotten_by_leaving: BTreeMap<OwnedUserId, usize>,
}

/// The places of the events on which the answers to a reader depend. A read looks at these events, and not
/// at all events.
#[derive(Debug, Clone, Default)]
struct Index {
    /// The places of the member events of each user, in order.
    members: BTreeMap<String, Vec<usize>>,
    /// The places of the events that are about the history visibility or change it, in order.
    visibility: Vec<usize>,
    /// The places of the events of a shared room, whose ids have no number.
    ids: BTreeMap<OwnedEventId, usize>,
}

/// One event of the timeline, and the state of the room before it.
#[derive(Debug, Clone)]
struct Entry {
    event: Arc<Event>,
    before: StateAt,
    /// The state after the event in a room that other servers share. There, the next event of the timeline
    /// need not follow this one. `None` in every other room.
    after: Option<StateAt>,
    /// Whether the event is part of the timeline. A soft-failed event is not.
    is_shown: bool,
}

/// A state of a room that other servers share, as the graph has it.
#[derive(Debug, Clone, Default)]
pub struct GraphState {
    /// The events that the state follows directly.
    pub after: Vec<OwnedEventId>,
    /// The state events.
    pub events: Vec<OwnedEventId>,
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
            index: Arc::default(),
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
        // The server's own ids have the number of the event. A replica has ids of another server.
        let by_number = number_in(id)
            .map(|number| self.place_after(number.saturating_sub(1)))
            .filter(|&place| self.timeline.get(place).is_some_and(|entry| entry.event.id == id));
        by_number
            .or_else(|| self.index.ids.get(id).copied())
            .or_else(|| self.events().position(|event| event.id == id))
    }

    /// The place of the first event that is not older than `time`.
    pub(super) fn place_at_time(&self, time: MilliSecondsSinceUnixEpoch) -> usize {
        if self.is_shared() {
            // The times of events from elsewhere are not in order.
            let first = self.events().position(|event| event.time >= time);
            return first.unwrap_or(self.len());
        }
        self.timeline.partition_point(|entry| entry.event.time < time)
    }

    /// Whether other servers share the room, so that its events form a graph.
    fn is_shared(&self) -> bool {
        self.timeline.first().is_some_and(|entry| entry.after.is_some())
    }

    /// Whether the event at this place is part of the timeline.
    pub(super) fn is_shown(&self, place: usize) -> bool {
        self.timeline.get(place).is_some_and(|entry| entry.is_shown)
    }

    /// The places of the member events of `user`, in order.
    fn member_events(&self, user: &UserId) -> &[usize] {
        self.index.members.get(user.as_str()).map_or(&[], Vec::as_slice)
    }

    /// The places of the member events of `user` from `place` on, in order.
    fn member_events_from(&self, place: usize, user: &UserId) -> &[usize] {
        let own = self.member_events(user);
        &own[own.partition_point(|own| *own < place)..]
    }

    /// The parts of `places` in each of which every event meets the same history visibility and the same
    /// membership of `user`, in order. An event that changes either is a part by itself.
    pub(super) fn parts(
        &self,
        user: Option<&UserId>,
        places: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = Range<usize>> + use<> {
        let own = user.map_or(&[][..], |user| self.member_events(user));
        let mut changes = Vec::new();
        if self.is_shared() {
            // Two events in a row may stand on different branches of the graph.
            changes.extend(places.clone());
        }
        for all in [&self.index.visibility, own] {
            let within = |bound: usize| all.partition_point(|place| *place < bound);
            changes
                .extend(&all[within(places.start)..within(places.end).max(within(places.start))]);
        }
        changes.sort_unstable();
        changes.dedup();
        let mut parts = Vec::with_capacity(2 * changes.len() + 1);
        let mut start = places.start;
        for change in changes {
            parts.push(start..change);
            parts.push(change..change + 1);
            start = change + 1;
        }
        parts.push(start..places.end);
        parts.into_iter().filter(|part| !part.is_empty())
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
        let after = self.timeline.get(place).and_then(|entry| entry.after.as_ref());
        after.unwrap_or_else(|| self.before(place + 1))
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
        self.membership_before(self.len(), user)
    }

    /// The membership of `user` before the event at this place.
    pub fn membership_before(&self, place: usize, user: &UserId) -> Membership {
        if self.is_shared() {
            return self.membership_in(self.before(place), user);
        }
        let own = self.member_events(user);
        let before = &own[..own.partition_point(|own| *own < place)];
        before.last().map_or(Membership::Never, |&place| membership_by(self.event(place)))
    }

    /// The membership of `user` after the event at this place.
    pub fn membership_after(&self, place: usize, user: &UserId) -> Membership {
        if self.is_shared() {
            return self.membership_in(self.after(place), user);
        }
        self.membership_before(place + 1, user)
    }

    fn membership_in(&self, state: &StateAt, user: &UserId) -> Membership {
        let event = self.state_event(state, MEMBER, user.as_str());
        event.map_or(Membership::Never, |place| membership_by(self.event(place)))
    }

    fn is_join(&self, place: usize) -> bool {
        membership_by(self.event(place)) == Membership::Join
    }

    /// Whether `user` was joined at any time after the event at this place. A user who is joined directly
    /// after the event counts.
    pub fn was_joined_after(&self, place: usize, user: &UserId) -> bool {
        self.membership_after(place, user) == Membership::Join
            || self.member_events_from(place + 1, user).iter().any(|&later| self.is_join(later))
    }

    /// The place of the last event that ended a join of `user`, if there is one.
    pub(super) fn place_of_leaving(&self, user: &UserId) -> Option<usize> {
        let own = self.member_events(user);
        let ends_a_join = |pair: &&[usize]| self.is_join(pair[0]) && !self.is_join(pair[1]);
        own.windows(2).rev().find(ends_a_join).map(|pair| pair[1])
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
            let mut later = self.member_events_from(length, user).iter();
            later.all(|&place| membership_by(self.event(place)) == Membership::Leave)
        })
    }

    /// Whether `user` was ever joined.
    pub fn was_ever_joined(&self, user: &UserId) -> bool {
        self.place_of_joining(user).is_some()
    }

    /// The place of the event by which `user` joined the room for the first time.
    pub(super) fn place_of_joining(&self, user: &UserId) -> Option<usize> {
        self.member_events(user).iter().copied().find(|&place| self.is_join(place))
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
        self.now = self.state_with(&before, &event, place, choices);
        if event.kind == MEMBER
            && let Some(user) = event.state_key.clone()
        {
            Arc::make_mut(&mut self.index).members.entry(user).or_default().push(place);
        }
        let redacts = event.redacts().and_then(|id| self.place_of(&id));
        let was = before.settings.visibility;
        self.timeline.push(Entry { event: Arc::new(event), before, after: None, is_shown: true });
        if let Some(redacted) = redacts {
            self.redact(redacted, place, choices);
        }
        if self.event(place).kind == HISTORY_VISIBILITY || self.now.settings.visibility != was {
            Arc::make_mut(&mut self.index).visibility.push(place);
        }
    }

    /// The state after an event that follows this state, and has this place of the timeline.
    fn state_with(
        &self,
        before: &StateAt,
        event: &Event,
        place: usize,
        choices: &Choices,
    ) -> StateAt {
        let mut after = before.clone();
        after.settings = before.settings.after(event, choices);
        if let Some(key) = &event.state_key {
            let replaced = self.state_event(before, &event.kind, key);
            let places = Arc::make_mut(&mut after.places);
            match places.iter_mut().find(|place| Some(**place) == replaced) {
                Some(old) => *old = place,
                None => places.push(place),
            }
        }
        after
    }

    /// Appends `event` to the timeline of a room that other servers share. The state `before` is before the
    /// event, and `redacts` is the place of the event that the event redacts, if its sender may do so.
    pub(super) fn append_after(
        &mut self,
        before: StateAt,
        event: Event,
        redacts: Option<usize>,
        is_shown: bool,
        choices: &Choices,
    ) {
        let place = self.timeline.len();
        let mut after = self.state_with(&before, &event, place, choices);
        if let Some(redacted) = redacts {
            let redacted_event = Arc::clone(&self.timeline[redacted].event);
            // HV-8: The `m.room.history_visibility` event that counts is the one with the empty state key.
            // GA-9: The `m.room.guest_access` event that counts is the one with the empty state key.
            if self.state_event(&before, &redacted_event.kind, "") == Some(redacted) {
                after.settings = after.settings.after_redaction(&redacted_event, choices);
            }
            self.timeline[redacted].event = Arc::new(redacted_event.redacted(&event));
        }
        let index = Arc::make_mut(&mut self.index);
        index.ids.insert(event.id.clone(), place);
        if event.kind == MEMBER
            && let Some(user) = event.state_key.clone()
        {
            index.members.entry(user).or_default().push(place);
        }
        let event = Arc::new(event);
        self.timeline.push(Entry { event, before, after: Some(after), is_shown });
    }

    /// The state of the graph, with the settings.
    pub(super) fn state_of(&self, graph: &GraphState, choices: &Choices) -> StateAt {
        let mut places: Vec<_> = graph.events.iter().filter_map(|id| self.place_of(id)).collect();
        places.sort_unstable();
        let one = match graph.after.as_slice() {
            [one] => self.place_of(one),
            _ => None,
        };
        let mut state = StateAt {
            places: Arc::new(places),
            settings: one
                .map_or(Settings::of_a_new_room(choices), |place| self.after(place).settings),
        };
        if one.is_none() {
            // Where branches meet, the setting is that of the event which state resolution picked.
            let by_event = |kind| {
                let place = self.state_event(&state, kind, "")?;
                let (event, settings) = (self.event(place), self.after(place).settings);
                Some(if event.is_redacted() {
                    settings.after_redaction(event, choices)
                } else {
                    settings
                })
            };
            let (visibility, guest_access) = (by_event(HISTORY_VISIBILITY), by_event(GUEST_ACCESS));
            if let Some(settings) = visibility {
                state.settings.visibility = settings.visibility;
            }
            if let Some(settings) = guest_access {
                state.settings.guest_access = settings.guest_access;
            }
        }
        state
    }

    /// Replaces the state that the room has now.
    pub(super) fn set_now(&mut self, now: StateAt) {
        self.now = now;
    }

    /// Replaces the settings that the room has now.
    pub(super) fn set_settings(&mut self, settings: Settings) {
        self.now.settings = settings;
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

/// The number in an id of this server's own.
fn number_in(id: &EventId) -> Option<u64> {
    id.as_str().strip_prefix('$')?.split_once(':')?.0.parse().ok()
}

/// The membership in a `m.room.member` event.
pub(super) fn membership_by(event: &Event) -> Membership {
    event.text("membership").and_then(Membership::from_spelling).unwrap_or(Membership::Leave)
}
