//! A homeserver: its identity, its rooms, and what it knows of other servers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ruma::signatures::PublicKeySet;
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomId, ServerName};

use super::error::FederationError;
use super::event::Event;
use super::identity::ServerIdentity;
use super::room::Room;

/// Another server.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of its server-server API, without a slash at the end: `https://localhost:8448`.
    pub url: String,
    /// Its keys, as far as they are known.
    pub keys: PublicKeySet,
}

/// A homeserver, which keeps everything in memory.
#[derive(Debug)]
pub struct Homeserver {
    identity: Arc<ServerIdentity>,
    pub(super) rooms: BTreeMap<OwnedRoomId, Room>,
    peers: BTreeMap<OwnedServerName, Peer>,
    /// The events that this server has and gives nobody who asks.
    withheld: BTreeSet<OwnedEventId>,
    /// The events that arrived in transactions, in the order of their arrival, each once.
    arrived: Vec<Event>,
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
            arrived: Vec::new(),
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

    /// The events that arrived in transactions, in the order of their arrival, each once.
    pub fn arrived(&self) -> &[Event] {
        &self.arrived
    }

    pub(super) fn note_arrival(&mut self, event: Event) {
        if self.arrived.iter().all(|known| known.id() != event.id()) {
            self.arrived.push(event);
        }
    }
}
