//! A room as a graph of events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ruma::canonical_json::{CanonicalJsonValue, to_canonical_value};
use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::{AuthorizationRules, RoomVersionRules};
use ruma::state_res::{
    auth_types_for_event, check_state_dependent_auth_rules, check_state_independent_auth_rules,
};
use ruma::{
    CanonicalJsonObject, EventId, OwnedEventId, OwnedRoomId, OwnedServerName, RoomId,
    RoomVersionId, ServerName,
};
use serde_json::value::to_raw_value;

use super::error::RoomError;
use super::event::{Event, EventDraft};
use super::identity::ServerIdentity;
use super::room_state::{Events, RoomState, auth_chain, resolve};

/// The room versions that this server knows.
pub(super) const KNOWN_VERSIONS: [RoomVersionId; 3] =
    [RoomVersionId::V10, RoomVersionId::V11, RoomVersionId::V12];

/// The most events that an event names as those directly before it.
const MOST_PREV_EVENTS: usize = 20;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventStanding {
    /// The event is part of the room.
    Accepted,
    /// The event was permitted at its place in the graph, and is not permitted now. It is in the graph
    /// and in no timeline, and later events of this server do not follow it.
    SoftFailed,
    /// The event was not permitted at its place in the graph. It changes nothing.
    Rejected,
}

/// A room: a graph of events, and the state after each of them.
#[derive(Debug, Clone)]
pub struct Room {
    id: OwnedRoomId,
    version: RoomVersionId,
    rules: RoomVersionRules,
    events: Events,
    /// The state after each event. Events that came as part of a state, and not of the timeline, have none.
    after: BTreeMap<OwnedEventId, Arc<RoomState>>,
    standings: BTreeMap<OwnedEventId, EventStanding>,
    /// The accepted events that no accepted event follows.
    tips: BTreeSet<OwnedEventId>,
}

/// The rules of this room version, if this server knows the version.
///
/// # Errors
/// If the version is another than 10, 11 or 12.
pub(super) fn known_version(version: &RoomVersionId) -> Result<RoomVersionRules, RoomError> {
    let unknown = || RoomError::Version { version: version.to_string() };
    let is_known = KNOWN_VERSIONS.contains(version);
    version.rules().filter(|_| is_known).ok_or_else(unknown)
}

impl Room {
    /// A room without events.
    ///
    /// # Errors
    /// If the room version is another than 10, 11 or 12.
    pub fn empty(id: OwnedRoomId, version: RoomVersionId) -> Result<Self, RoomError> {
        Ok(Self {
            id,
            rules: known_version(&version)?,
            version,
            events: Events::new(),
            after: BTreeMap::new(),
            standings: BTreeMap::new(),
            tips: BTreeSet::new(),
        })
    }

    /// A room that this server enters by the event `entry`. `before` is the state before that event, and
    /// `chain` are the events that permit the state. The server that answered is trusted with them, as
    /// the specification has it.
    ///
    /// # Errors
    /// If the room version is another than 10, 11 or 12.
    pub fn entered(
        id: OwnedRoomId,
        version: RoomVersionId,
        before: Vec<Event>,
        chain: Vec<Event>,
        entry: Event,
    ) -> Result<Self, RoomError> {
        let mut room = Self::empty(id, version)?;
        let mut state = RoomState::new();
        for event in before {
            if let Some(key) = state_key_of(&event) {
                state.insert(key, event.id().clone());
            }
            room.insert(event, EventStanding::Accepted);
        }
        for event in chain {
            room.insert(event, EventStanding::Accepted);
        }
        if let Some(key) = state_key_of(&entry) {
            state.insert(key, entry.id().clone());
        }
        let entry_id = entry.id().clone();
        room.insert(entry, EventStanding::Accepted);
        room.after.insert(entry_id.clone(), Arc::new(state));
        room.tips = BTreeSet::from([entry_id]);
        Ok(room)
    }

    /// The id.
    pub fn id(&self) -> &RoomId {
        &self.id
    }

    /// The version.
    pub fn version(&self) -> &RoomVersionId {
        &self.version
    }

    /// The rules of the version.
    pub fn rules(&self) -> &RoomVersionRules {
        &self.rules
    }

    /// The event with this id.
    pub fn event(&self, id: &EventId) -> Option<&Event> {
        self.events.get(id).map(AsRef::as_ref)
    }

    /// What became of the event with this id.
    pub fn standing(&self, id: &EventId) -> Option<EventStanding> {
        self.standings.get(id).copied()
    }

    /// The accepted events that no accepted event follows.
    pub fn tips(&self) -> impl Iterator<Item = &OwnedEventId> {
        self.tips.iter()
    }

    /// The state after the event with this id, if this server knows the state.
    pub fn state_after(&self, id: &EventId) -> Option<&RoomState> {
        self.after.get(id).map(AsRef::as_ref)
    }

    /// The state before an event that follows `prev`.
    ///
    /// # Errors
    /// If the state after one of them is not known, or state resolution fails.
    pub fn state_before(&self, prev: &[OwnedEventId]) -> Result<RoomState, RoomError> {
        let missing: Vec<_> =
            prev.iter().filter(|id| !self.after.contains_key(*id)).cloned().collect();
        if !missing.is_empty() {
            return Err(RoomError::Missing { events: missing });
        }
        let states: Vec<_> = prev.iter().filter_map(|id| self.state_after(id)).collect();
        resolve(&self.rules, &self.events, &states)
    }

    /// The latest time that the sender of an event of the room says that it sent the event, in milliseconds
    /// since 1970.
    pub fn latest_time(&self) -> u64 {
        self.events.values().map(|event| event.sent_at()).max().unwrap_or_default()
    }

    /// The other servers of which a user is joined in a state.
    pub fn servers_in(&self, state: &RoomState, own: &ServerName) -> BTreeSet<OwnedServerName> {
        let members = state.iter().filter(|((kind, _), _)| *kind == StateEventType::RoomMember);
        let joined = members.filter_map(|((_, user), id)| {
            let is_joined = self.event(id)?.content_text("membership") == Some("join");
            let user = ruma::UserId::parse(user).ok().filter(|_| is_joined)?;
            Some(user.server_name().to_owned())
        });
        joined.filter(|server| server != own).collect()
    }

    /// The state now.
    ///
    /// # Errors
    /// If state resolution fails.
    pub fn state(&self) -> Result<RoomState, RoomError> {
        self.state_before(&self.tips.iter().cloned().collect::<Vec<_>>())
    }

    /// The event of this type and state key in a state.
    pub fn in_state(&self, state: &RoomState, kind: &str, key: &str) -> Option<&Event> {
        self.event(state.get(&(StateEventType::from(kind), key.to_owned()))?)
    }

    /// The events of a state and the events that permit them, each in the order of their ids.
    pub fn with_auth_chain(&self, state: &RoomState) -> (Vec<&Event>, Vec<&Event>) {
        let chain: BTreeSet<_> = auth_chain(&self.events, state.values()).into_iter().collect();
        let state: BTreeSet<_> = state.values().collect();
        let found = |id: &OwnedEventId| self.event(id);
        (state.into_iter().filter_map(found).collect(), chain.iter().filter_map(found).collect())
    }

    /// The events that permit the event with this id, the events that permit those, and so on, in the
    /// order of their ids.
    pub fn auth_chain_of(&self, id: &OwnedEventId) -> Vec<&Event> {
        let chain: BTreeSet<_> =
            auth_chain(&self.events, std::iter::once(id)).into_iter().collect();
        chain.iter().filter_map(|id| self.event(id)).collect()
    }

    /// Places a draft in the graph, after `prev`: with the events that permit it, the depth, the hash and
    /// the signature of this server. No rule is checked, so the event may be one that servers reject.
    ///
    /// # Errors
    /// If the state at that place is not known, or the content cannot stand in an event.
    pub fn place(
        &self,
        identity: &ServerIdentity,
        draft: &EventDraft,
        prev: &[OwnedEventId],
    ) -> Result<Event, RoomError> {
        let mut json = self.template(draft, prev)?;
        let signed = identity.hash_and_sign(&mut json, &self.rules);
        signed.map_err(|error| RoomError::Malformed { why: error.to_string() })?;
        Event::read(json, &self.rules)
    }

    /// A draft with its place in the graph, without its hash and its signature.
    ///
    /// # Errors
    /// See [`Self::place`].
    pub fn template(
        &self,
        draft: &EventDraft,
        prev: &[OwnedEventId],
    ) -> Result<CanonicalJsonObject, RoomError> {
        let malformed = |why: String| RoomError::Malformed { why };
        if !draft.content.is_object() {
            return Err(malformed("the content is no object".to_owned()));
        }
        let state = self.state_before(prev)?;
        let content = to_raw_value(&draft.content).map_err(|error| malformed(error.to_string()))?;
        let kind = TimelineEventType::from(draft.kind.as_str());
        let key = draft.state_key.as_deref();
        let permitting =
            auth_types_for_event(&kind, &draft.sender, key, &content, &self.rules.authorization);
        let permitting = permitting.map_err(malformed)?;
        let auth_events: BTreeSet<_> =
            permitting.iter().filter_map(|key| state.get(key)).cloned().collect();
        let depths = prev.iter().filter_map(|id| self.event(id)).map(Event::depth);
        let depth = depths.max().map_or(1, |depth| depth.saturating_add(1));
        let in_content = self.rules.redaction.content_field_redacts;
        let mut content = draft.content.clone();
        if let (Some(redacts), true) = (&draft.redacts, in_content) {
            content["redacts"] = redacts.as_str().into();
        }
        let mut event = serde_json::json!({
            "auth_events": auth_events,
            "content": content,
            "depth": depth,
            "origin_server_ts": draft.sent_at,
            "prev_events": prev,
            "sender": draft.sender,
            "type": draft.kind,
        });
        // Where the id of the room is the hash of its first event, that event cannot have the id.
        let is_hashed = self.rules.authorization.room_create_event_id_as_room_id;
        if !is_hashed || kind != TimelineEventType::RoomCreate {
            event["room_id"] = self.id.as_str().into();
        }
        if let Some(key) = &draft.state_key {
            event["state_key"] = key.as_str().into();
        }
        if let (Some(redacts), false) = (&draft.redacts, in_content) {
            event["redacts"] = redacts.as_str().into();
        }
        match to_canonical_value(&event).map_err(|error| malformed(error.to_string()))? {
            CanonicalJsonValue::Object(event) => Ok(event),
            _ => Err(malformed("it is no object".to_owned())),
        }
    }

    /// The places after which a new event of this server stands.
    pub fn next_prev_events(&self) -> Vec<OwnedEventId> {
        self.tips.iter().take(MOST_PREV_EVENTS).cloned().collect()
    }

    /// The places after which an event stands that follows everything but these events. No other event
    /// follows one of them.
    pub fn tips_without(&self, left_out: &BTreeSet<OwnedEventId>) -> Vec<OwnedEventId> {
        let accepted = self.after.keys().filter(|id| {
            !left_out.contains(*id) && self.standing(id) == Some(EventStanding::Accepted)
        });
        let accepted: BTreeSet<_> = accepted.collect();
        let events = accepted.iter().filter_map(|id| self.event(id));
        let followed: BTreeSet<_> = events.flat_map(Event::prev_events).collect();
        accepted.difference(&followed).take(MOST_PREV_EVENTS).map(|id| (*id).clone()).collect()
    }

    /// Makes the checks of the specification on an event whose signatures are verified, and gives the
    /// event its place in the graph.
    ///
    /// # Errors
    /// If the event is of another room, or events on which it rests are missing. Then the room is as
    /// before.
    pub fn receive(&mut self, event: Event) -> Result<EventStanding, RoomError> {
        if let Some(standing) = self.standing(event.id())
            && self.after.contains_key(event.id())
        {
            return Ok(standing);
        }
        if event.room().is_some_and(|room| room != self.id) {
            return Err(RoomError::Malformed { why: "it is of another room".to_owned() });
        }
        let is_first = self.events.is_empty() && event.prev_events().is_empty();
        if event.prev_events().is_empty() && !is_first {
            return Err(RoomError::Malformed { why: "it follows no event".to_owned() });
        }
        let missing = event.auth_events().iter().filter(|id| !self.events.contains_key(*id));
        let missing: Vec<_> = missing.cloned().collect();
        if !missing.is_empty() {
            return Err(RoomError::Missing { events: missing });
        }
        let before = self.state_before(event.prev_events())?;
        let standing = self.check(&event, &before)?;
        self.add(event, standing, before);
        Ok(standing)
    }

    /// Makes an event of this server after all other events, and adds the event. No rule of the room is
    /// checked: this server has decided already what its users may send.
    ///
    /// # Errors
    /// If the content cannot stand in an event, or state resolution fails.
    pub fn add_own(
        &mut self,
        identity: &ServerIdentity,
        draft: &EventDraft,
    ) -> Result<Event, RoomError> {
        let prev = self.next_prev_events();
        let event = self.place(identity, draft, &prev)?;
        let before = self.state_before(&prev)?;
        self.add(event.clone(), EventStanding::Accepted, before);
        Ok(event)
    }

    /// Gives an event of this standing its place in the graph.
    fn add(&mut self, event: Event, standing: EventStanding, before: RoomState) {
        let id = event.id().clone();
        let mut after = before;
        if standing != EventStanding::Rejected
            && let Some(key) = state_key_of(&event)
        {
            after.insert(key, id.clone());
        }
        if standing == EventStanding::Accepted {
            for prev in event.prev_events() {
                self.tips.remove(prev);
            }
            self.tips.insert(id.clone());
        }
        self.insert(event, standing);
        self.after.insert(id, Arc::new(after));
    }

    /// The standing of an event, by the checks on receipt of an event, from the fourth on.
    fn check(&self, event: &Event, before: &RoomState) -> Result<EventStanding, RoomError> {
        let rules: &AuthorizationRules = &self.rules.authorization;
        let fetch = |id: &EventId| self.events.get(id).cloned();
        if check_state_independent_auth_rules(rules, event, fetch).is_err() {
            return Ok(EventStanding::Rejected);
        }
        let permits = |state: &RoomState| {
            let fetch = |kind: &StateEventType, key: &str| {
                self.events.get(state.get(&(kind.clone(), key.to_owned()))?).cloned()
            };
            check_state_dependent_auth_rules(rules, event, fetch).is_ok()
        };
        let mut of_auth_events: RoomState = event
            .auth_events()
            .iter()
            .filter_map(|id| Some((state_key_of(self.event(id)?)?, id.clone())))
            .collect();
        if rules.room_create_event_id_as_room_id {
            // The id of the room names the event that created the room, so no event lists that event.
            let create = (StateEventType::RoomCreate, String::new());
            of_auth_events
                .extend(before.get_key_value(&create).map(|(k, v)| (k.clone(), v.clone())));
        }
        if !permits(&of_auth_events) || !permits(before) {
            return Ok(EventStanding::Rejected);
        }
        if self.tips.is_empty() || permits(&self.state()?) {
            return Ok(EventStanding::Accepted);
        }
        Ok(EventStanding::SoftFailed)
    }

    fn insert(&mut self, mut event: Event, standing: EventStanding) {
        event.is_rejected = standing == EventStanding::Rejected;
        self.standings.insert(event.id().clone(), standing);
        self.events.insert(event.id().clone(), Arc::new(event));
    }

    /// The events before `latest` and not before `earliest`, at most `limit`, the oldest first. `latest` is
    /// not among them.
    pub fn missing_events(
        &self,
        earliest: &BTreeSet<OwnedEventId>,
        latest: &[OwnedEventId],
        limit: usize,
    ) -> Vec<&Event> {
        let mut found: Vec<&Event> = Vec::new();
        let mut seen: BTreeSet<&OwnedEventId> = latest.iter().collect();
        let mut open: Vec<&OwnedEventId> = latest.iter().collect();
        while !open.is_empty() && found.len() < limit {
            let events = open.iter().filter_map(|id| self.event(id));
            let before: Vec<_> = events.flat_map(Event::prev_events).collect();
            open.clear();
            for id in before {
                let is_new = !earliest.contains(id) && seen.insert(id);
                let known = self.event(id).filter(|_| is_new && self.after.contains_key(id));
                if let Some(event) = known
                    && found.len() < limit
                {
                    found.push(event);
                    open.push(id);
                }
            }
        }
        found.sort_by_key(|event| (event.depth(), event.id()));
        found
    }

    /// The events `from` and those before them, at most `limit`, the newest first.
    pub fn backfill(&self, from: &[OwnedEventId], limit: usize) -> Vec<&Event> {
        let own = from.iter().filter(|id| self.after.contains_key(*id));
        let own: Vec<_> = own.filter_map(|id| self.event(id)).take(limit).collect();
        let rest = limit - own.len();
        let earlier = self.missing_events(&BTreeSet::new(), from, rest);
        own.into_iter().chain(earlier.into_iter().rev()).collect()
    }
}

/// The type and the state key of a state event.
fn state_key_of(event: &Event) -> Option<(StateEventType, String)> {
    let key = event.state_key()?;
    Some((event.kind().to_string().into(), key.to_owned()))
}

#[cfg(test)]
mod tests;
