//! A homeserver: its identity, its rooms, and what it knows of other servers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ruma::signatures::PublicKeySet;
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomId, ServerName};
use tokio::sync::Notify;

use super::error::FederationError;
use super::event::{Event, EventDraft};
use super::identity::ServerIdentity;
use super::room::{EventStanding, Room};
use super::room_state::RoomState;

/// Another server.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of its server-server API, without a slash at the end: `https://localhost:8448`.
    pub url: String,
    /// Its keys, as far as they are known.
    pub keys: PublicKeySet,
}

/// An event that a server took in.
#[derive(Debug, Clone)]
pub struct TakenInEvent {
    /// The room.
    pub room: OwnedRoomId,
    /// The event.
    pub event: Event,
    /// What the rules of the room make of the event.
    pub standing: EventStanding,
    /// Whether the server had the event before.
    pub is_repeated: bool,
    /// The state before the event.
    pub before: RoomState,
    /// The events that no accepted event follows, once the event was taken in.
    pub tips: Vec<OwnedEventId>,
    /// The state of the room then.
    pub now: RoomState,
}

/// What a server has done and has to do.
#[derive(Debug)]
struct Journal {
    taken_in: VecDeque<TakenInEvent>,
    outbox: Vec<(OwnedServerName, Event)>,
    changed: Arc<Notify>,
}

/// A homeserver, which keeps everything in memory.
#[derive(Debug)]
pub struct Homeserver {
    identity: Arc<ServerIdentity>,
    pub(super) rooms: BTreeMap<OwnedRoomId, Room>,
    peers: BTreeMap<OwnedServerName, Peer>,
    /// The events that this server has and gives nobody who asks.
    withheld: BTreeSet<OwnedEventId>,
    /// The events that this server took in, and events to be sent; `None` if nobody asks for them.
    journal: Option<Journal>,
    /// The invites of users of this server.
    pub(super) invites: BTreeMap<(OwnedRoomId, OwnedUserId), Event>,
}

/// A homeserver that several threads use.
#[derive(Debug, Clone)]
pub struct SharedHomeserver(Arc<Mutex<Homeserver>>);

impl SharedHomeserver {
    /// Shares a homeserver.
    pub fn new(homeserver: Homeserver) -> Self {
        Self(Arc::new(Mutex::new(homeserver)))
    }

    /// The homeserver, even if another thread panicked while it used the homeserver.
    pub fn lock(&self) -> MutexGuard<'_, Homeserver> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Homeserver {
    /// A homeserver with this identity, with no room and no peer.
    pub fn new(identity: Arc<ServerIdentity>) -> Self {
        Self {
            identity,
            rooms: BTreeMap::new(),
            peers: BTreeMap::new(),
            withheld: BTreeSet::new(),
            journal: None,
            invites: BTreeMap::new(),
        }
    }

    /// The identity.
    pub fn identity(&self) -> &Arc<ServerIdentity> {
        &self.identity
    }

    /// The name.
    pub fn name(&self) -> &ServerName {
        self.identity.name()
    }

    /// Makes another server known, whose API answers at `url`. Requests of unknown servers are refused.
    pub fn add_peer(&mut self, name: OwnedServerName, url: impl Into<String>) {
        let url = url.into().trim_end_matches('/').to_owned();
        self.peers.insert(name, Peer { url, keys: PublicKeySet::new() });
    }

    /// What is known of this server.
    ///
    /// # Errors
    /// If the server is unknown.
    pub fn peer(&self, name: &ServerName) -> Result<&Peer, FederationError> {
        self.peers.get(name).ok_or_else(|| FederationError::UnknownServer { name: name.to_owned() })
    }

    /// Makes a server known whose name is an address of this machine, if this server keeps a journal.
    pub(super) fn meet(&mut self, name: &ServerName) {
        let is_near = name.host() == "localhost" || name.host() == "127.0.0.1";
        if self.journal.is_some() && is_near && name.port().is_some() {
            let new = || Peer { url: format!("https://{name}"), keys: PublicKeySet::new() };
            self.peers.entry(name.to_owned()).or_insert_with(new);
        }
    }

    pub(super) fn learn_keys(&mut self, name: &ServerName, keys: PublicKeySet) {
        if let Some(peer) = self.peers.get_mut(name) {
            peer.keys.extend(keys);
        }
    }

    /// The room with this id.
    ///
    /// # Errors
    /// If this server does not have the room.
    pub fn room(&self, id: &RoomId) -> Result<&Room, FederationError> {
        self.rooms.get(id).ok_or_else(|| FederationError::UnknownRoom { room: id.to_owned() })
    }

    /// The room with this id, to change it.
    ///
    /// # Errors
    /// If this server does not have the room.
    pub fn room_mut(&mut self, id: &RoomId) -> Result<&mut Room, FederationError> {
        self.rooms.get_mut(id).ok_or_else(|| FederationError::UnknownRoom { room: id.to_owned() })
    }

    /// Adds a room, or replaces the room with the same id.
    pub fn add_room(&mut self, room: Room) {
        self.rooms.insert(room.id().to_owned(), room);
    }

    /// Forgets a room.
    pub fn forget_room(&mut self, id: &RoomId) {
        self.rooms.remove(id);
    }

    /// Gives the event to nobody who asks for it, until [`Self::release`].
    pub fn withhold(&mut self, id: OwnedEventId) {
        self.withheld.insert(id);
    }

    /// Gives the event again to whoever may have it.
    pub fn release(&mut self, id: &EventId) {
        self.withheld.remove(id);
    }

    /// Whether nobody is given the event.
    pub(super) fn withholds(&self, id: &EventId) -> bool {
        self.withheld.contains(id)
    }

    /// Keeps a journal from now on: of the events that the server takes in, and of those to be sent.
    /// `changed` is notified after each. Servers whose name is an address of this machine become known by
    /// their requests.
    pub fn keep_journal(&mut self, changed: Arc<Notify>) {
        let (taken_in, outbox) = (VecDeque::new(), Vec::new());
        self.journal = Some(Journal { taken_in, outbox, changed });
    }

    /// The next event of the journal.
    pub fn next_taken_in(&mut self) -> Option<TakenInEvent> {
        self.journal.as_mut()?.taken_in.pop_front()
    }

    /// The events to be sent, each with the server that gets it, in their order.
    pub fn take_outbox(&mut self) -> Vec<(OwnedServerName, Event)> {
        self.journal.as_mut().map(|journal| std::mem::take(&mut journal.outbox)).unwrap_or_default()
    }

    /// Makes an event of a user of this server after all other events of a room. The other servers of the
    /// room are to get it.
    ///
    /// # Errors
    /// If this server does not have the room, or the content cannot stand in an event.
    pub fn add_own(&mut self, room: &RoomId, draft: &EventDraft) -> Result<Event, FederationError> {
        let identity = Arc::clone(&self.identity);
        let place = self.room_mut(room)?;
        let before = place.state().unwrap_or_default();
        let event = place.add_own(&identity, draft)?;
        let after = place.state().unwrap_or_default();
        let mut servers = place.servers_in(&before, identity.name());
        // A server whose user just joined by another server is in the state after the event only.
        servers.extend(place.servers_in(&after, identity.name()));
        self.note(room, &event, EventStanding::Accepted, false);
        self.send_later(&event, servers);
        Ok(event)
    }

    /// Makes the checks of the specification on an event of another server, whose signatures are verified,
    /// and gives the event its place in the graph.
    ///
    /// # Errors
    /// If this server does not have the room, or events on which the event rests are missing.
    pub fn receive(
        &mut self,
        room: &RoomId,
        event: &Event,
    ) -> Result<EventStanding, FederationError> {
        let place = self.room_mut(room)?;
        let is_repeated = place.state_after(event.id()).is_some();
        let standing = place.receive(event.clone())?;
        self.note(room, event, standing, is_repeated);
        Ok(standing)
    }

    /// Sends an event that came by another way than a transaction to the other servers of the room.
    pub(super) fn pass_on(&mut self, room: &RoomId, event: &Event) {
        let Ok(place) = self.room(room) else { return };
        let mut servers = place.servers_in(&place.state().unwrap_or_default(), self.name());
        servers.remove(event.sender().server_name());
        self.send_later(event, servers);
    }

    fn send_later(&mut self, event: &Event, servers: BTreeSet<OwnedServerName>) {
        if let Some(journal) = &mut self.journal {
            journal.outbox.extend(servers.into_iter().map(|server| (server, event.clone())));
            journal.changed.notify_one();
        }
    }

    fn note(&mut self, room: &RoomId, event: &Event, standing: EventStanding, is_repeated: bool) {
        let (Some(journal), Some(place)) = (&mut self.journal, self.rooms.get(room)) else {
            return;
        };
        let before = place.state_before(event.prev_events()).unwrap_or_default();
        let tips = place.next_prev_events();
        journal.taken_in.push_back(TakenInEvent {
            room: room.to_owned(),
            event: event.clone(),
            standing,
            is_repeated,
            before,
            now: place.state_before(&tips).unwrap_or_default(),
            tips,
        });
        journal.changed.notify_one();
    }
}
