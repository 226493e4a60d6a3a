//! The reference homeserver: the rules of guest access as a server, small enough to read in one
//! sitting.
//!
//! The reference is plain sequential code with concrete users, access tokens, rooms, events and
//! timelines. The reference takes one call at a time. It never waits, reads no clock and draws no
//! random numbers, so the same calls give the same answers. A server may tell the reference the time
//! by [`Reference::set_time`]. The time dates the events, and decides and orders nothing. Wherever
//! revisions differ, the reference asks its [`Profile`] for the chosen option of the decision point.
//! The code for an option stands beside the clause that the decision point comes from.
//!
//! # How to use it
//! 1. Make a homeserver with [`Reference::new`].
//! 2. Call an endpoint by its method. The method takes the [`Credentials`] of the caller and the
//!    request of the endpoint as a type of ruma.
//! 3. Read the [`Answer`]: either [`AllowedResponse`], with the response and the decision that allows the
//!    call, or a [`Refusal`], with the decision that denies the call.
//!
//! ```
//! use guest_access_reference::reference::{Credentials, Reference};
//! use guest_access_rules::rules::Rules;
//! use ruma::api::client::account::{register, whoami};
//! use ruma::api::client::room::create_room;
//!
//! let rules = Rules::find("latest").unwrap();
//! let mut server = Reference::new(rules.profile());
//!
//! let mut request = register::v3::Request::new();
//! request.kind = register::RegistrationKind::Guest;
//! let token = server.register(&request).unwrap().response.access_token.unwrap();
//! let guest = Credentials::token(&token);
//!
//! // The server says that the account is a guest, and which clauses allow the call.
//! let granted = server.whoami(&guest, &whoami::v3::Request::new()).unwrap();
//! assert!(granted.response.is_guest);
//! assert!(granted.decision.clauses.contains(&"GA-44"));
//!
//! // A guest may not create a room. The refusal has the status of the response and the clauses.
//! let refusal = server.create_room(&guest, &create_room::v3::Request::new()).unwrap_err();
//! assert_eq!(refusal.0.status, 403);
//! assert!(refusal.0.clauses.contains(&"GA-3"));
//! ```
//!
//! For an endpoint without a method, [`Reference::call`] answers whether the caller may call the
//! endpoint. A clone of a [`Reference`] is cheap: it shares all data until one of the two changes.
//!
//! # The parts, in the order in which to read them
//! 1. The data. `event`: an event, and its redaction. `room`: a timeline, and the state before and
//!    after each event. `settings`: the history visibility and the guest access of a room. `power`:
//!    power levels. `accounts`: accounts, devices and access tokens.
//! 2. The start of every call. `answer`: credentials, answers and refusals. `authorisation`: who is
//!    the caller, and does the allow-list let a guest call the endpoint.
//! 3. Reading. `room_access`: may the caller read the room at all. `visibility`: which events.
//!    `readable_state`: which state. `reading`: the answer of each endpoint; `filter`: what the caller
//!    filters out.
//! 4. Rooms. `creation`, `directory`, `membership` (the caller's own), `moderation` (the membership of
//!    others), `sending`; and `revocation`, which may follow from any event. `ephemeral`: who is typing,
//!    and who has read what.
//! 5. Accounts. `registration`, `upgrade`, `login`, `session`, `profile`, `devices`, `account_data`,
//!    `keys`, `media`; and `service`, the server's answers about itself.
//! 6. Other servers. `shared_rooms`: rooms whose events form a graph, which other servers share.
//! 7. `endpoints` lists endpoints by name. `call_stages` serves [`crate::serve`] only. `replica` serves
//!    `guest-access diff` only: a room of another homeserver, read by these rules.
//!
//! # Clauses without code
//! A comment with the id of a clause stands beside the code that follows the clause. The following
//! clauses have no code, since a single server for clients cannot break them or cannot tell:
//! - The server itself talks to no other server. So the server neither tells others who is a guest nor
//!   enforces anything on other servers (DR-5, DR-6, GA-5, GA-6, GA-25, GA-26).
//! - Introductions sum up other rules: the allow-list covers DR-9 and DR-10, `membership` covers GA-7,
//!   and the four rules of `visibility` cover HV-13, HV-14, HV-15 and HV-18.
//! - A server may limit rates, ask for captchas (GA-29, GA-47), or serve guests differently from users
//!   (RG-3). This server does not.
//! - Some clauses concern clients (GA-27, GA-34, GA-35, HV-7, HV-17, RP-4, RP-11). Some texts leave the
//!   answer open (DR-3, DR-7, DR-8, DR-18 to DR-23, GA-28, RP-12).
//! - CS-38 and RP-6: the server has no restricted rooms and no search.

mod account_data;
mod accounts;
mod answer;
mod authorisation;
mod call_stages;
mod creation;
mod devices;
mod directory;
mod endpoints;
mod ephemeral;
mod event;
mod filter;
#[cfg(test)]
pub(crate) mod fixture;
mod keys;
mod login;
mod media;
mod membership;
mod moderation;
mod power;
mod profile;

mod readable_state;
mod reading;
mod registration;
mod replica;
mod revocation;
mod room;
mod room_access;
mod sending;
mod service;
mod session;
mod settings;
mod shared_rooms;

mod upgrade;
mod visibility;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guest_access_rules::decision_point::Choices;
use guest_access_rules::profile::Profile;
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedRoomAliasId, OwnedRoomId, OwnedServerName, RoomId,
    RoomOrAliasId, ServerName,
};

pub use accounts::{Account, AccountKind, Token};
pub use answer::{AllowedResponse, Answer, Credentials, Refusal};
pub use event::Event;
pub use reading::{EventsRequest, Span};
pub use replica::{Reader, Replica, ReplicaEvent};
pub use room::{GraphState, Room};
pub use settings::Settings;
pub use shared_rooms::{Arrival, ArrivalStanding, EventGraphs, OwnEvent};

use account_data::AccountData;
use accounts::Accounts;
use devices::ToDeviceMessages;
use ephemeral::Ephemeral;
use filter::Filters;
use keys::Keys;
use media::Media;
use sending::Transactions;
use shared_rooms::SharedRooms;

/// The name of a server that is given no other.
pub const SERVER_NAME: &str = "reference.test";

/// The reference homeserver.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The name of the server, in every id that it makes.
    name: Arc<OwnedServerName>,
    profile: Arc<Profile>,
    accounts: Arc<Accounts>,
    rooms: Vec<Arc<Room>>,
    aliases: Arc<BTreeMap<OwnedRoomAliasId, OwnedRoomId>>,
    /// The rooms in the public directory.
    published: Arc<BTreeSet<OwnedRoomId>>,
    account_data: Arc<AccountData>,
    filters: Arc<Filters>,
    transactions: Arc<Transactions>,
    to_device: Arc<ToDeviceMessages>,
    ephemeral: Arc<Ephemeral>,
    keys: Arc<Keys>,
    media: Arc<Vec<Media>>,
    /// The graphs of the rooms, if other servers share them.
    shared: Option<Arc<SharedRooms>>,
    /// The number of changes so far. Gives each event its number, and each stream its newest position.
    clock: u64,
    /// The time that a clock shows, in milliseconds; `None` without a clock.
    wall_clock: Option<u64>,
    /// The time of the newest event.
    newest_time: u64,
}

impl Reference {
    /// A homeserver that follows `profile`, with no account and no room.
    ///
    /// # Panics
    /// Never: [`SERVER_NAME`] is the name of a server.
    pub fn new(profile: impl Into<Arc<Profile>>) -> Self {
        let name = SERVER_NAME.try_into().expect("it is the name of a server");
        Self::named(profile, name)
    }

    /// A homeserver with this name, as [`Self::new`] makes one.
    pub fn named(profile: impl Into<Arc<Profile>>, name: OwnedServerName) -> Self {
        Self {
            name: Arc::new(name),
            profile: profile.into(),
            accounts: Arc::default(),
            rooms: Vec::new(),
            aliases: Arc::default(),
            published: Arc::default(),
            account_data: Arc::default(),
            filters: Arc::default(),
            transactions: Arc::default(),
            to_device: Arc::default(),
            ephemeral: Arc::default(),
            keys: Arc::default(),
            media: Arc::default(),
            shared: None,
            clock: 0,
            wall_clock: None,
            newest_time: 0,
        }
    }

    /// The name of the server.
    pub fn name(&self) -> &ServerName {
        &self.name
    }

    /// The profile that the server follows.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The rooms, in the order of their creation.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().map(Arc::as_ref)
    }

    /// The room with this id, if the server takes part in it.
    pub fn room(&self, id: &RoomId) -> Option<&Room> {
        self.rooms().find(|room| room.id == id)
    }

    fn room_mut(&mut self, id: &RoomId) -> Option<&mut Room> {
        let room = self.rooms.iter_mut().find(|room| room.id == id)?;
        Some(Arc::make_mut(room))
    }

    /// The id of the room with this id or this alias; `None` if no room has the alias.
    fn resolve(&self, name: &RoomOrAliasId) -> Option<OwnedRoomId> {
        if let Ok(id) = <&RoomId>::try_from(name) {
            return Some(id.to_owned());
        }
        self.aliases
            .iter()
            .find(|(alias, _)| alias.as_str() == name.as_str())
            .map(|(_, id)| id.clone())
    }

    fn choices(&self) -> &Choices {
        &self.profile.choices
    }

    /// The next number of the server's counter. No other event has this number.
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Tells the server the time, before a call. The time gives events their `origin_server_ts` and their
    /// age, and ends typing notifications. A server that is never told the time takes the number of changes.
    pub fn set_time(&mut self, now: MilliSecondsSinceUnixEpoch) {
        self.wall_clock = Some(now.0.into());
        self.end_typing();
    }

    /// The time now, in milliseconds; without a clock, the number of changes so far.
    fn now(&self) -> u64 {
        self.wall_clock.unwrap_or(self.clock)
    }

    /// The time of the next event, which has this number. Every event is later than the event before, also
    /// if the clock was set back. So the times order the events as the numbers do, and
    /// `GET timestamp_to_event` finds every event.
    fn next_time(&mut self, number: u64) -> u64 {
        self.newest_time = self.wall_clock.map_or(number, |now| now.max(self.newest_time + 1));
        self.newest_time
    }
}
