//! The reference homeserver: the rules of guest access as a server, small enough to read in one
//! sitting.
//!
//! It is plain sequential code with concrete users, access tokens, rooms, events and timelines, and
//! takes one call at a time. It never waits, reads no clock and draws no lots, so the same calls
//! give the same answers. All that may differ from one revision to another is asked of its
//! [`Profile`], where it matters; what follows for one option of a decision point is written beside
//! the clause that the point comes from.
//!
//! # The parts, in the order of a call
//! 1. `authorisation`: who is calling, and whether the allow-list lets a guest call this endpoint.
//! 2. What the endpoint does. Accounts: `registration`, `upgrade`, `login`, `session`, `profile`,
//!    `devices`, `account_data`, `filter`; and `service`, what the server says of itself. Rooms:
//!    `creation`, `directory`, `membership`, `moderation`, `sending`, and `revocation`, which follows
//!    from any of them. Reading: `readers` (who may read a room at all), `visibility` (which
//!    events), `state_given` (which state), and `reading` (what each endpoint's answer holds).
//! 3. Below these, what there is: `accounts`, `room` (a timeline and the state at each of its
//!    events), `event`, `settings` (what the settings of a room mean), `power`.
//!
//! # Clauses without code
//! A comment that names a clause stands beside the code that keeps it. These have none, since one
//! server that serves clients alone keeps them by what it lacks, or cannot tell:
//! - it talks to no other server, so it neither tells who is a guest nor enforces anything there
//!   (DR-5, DR-6, GA-5, GA-6, GA-25, GA-26);
//! - introductions are kept by the rules that they sum up: DR-9 and DR-10 by the allow-list, GA-7 by
//!   the gate of `membership`, HV-13, HV-14, HV-15 and HV-18 by the four rules of `visibility`;
//! - what a server may do and this one does not: limit rates, ask for captchas (GA-29, GA-47), or
//!   serve guests otherwise than users (RG-3);
//! - what clients may or must do (GA-27, GA-34, GA-35, HV-7, HV-17, RP-4, RP-11), and what a text
//!   leaves open (DR-3, DR-7, DR-8, DR-18 to DR-23, GA-28, RP-12);
//! - CS-38 and RP-6: there are no restricted rooms here, and no search.
//!
//! # How to use it
//! Make one with [`Reference::new`]; every endpoint is a method that takes the caller's
//! [`Credentials`] and the endpoint's request as ruma types it, and gives an [`Answer`]: the
//! response and the decision that granted it, or a [`Refusal`]. An endpoint without a method is
//! asked for by [`Reference::call`], which says only whether it may be called.
//!
//! Cloning is cheap: a clone shares everything until one of the two changes it.

mod account_data;
mod accounts;
mod answer;
mod authorisation;
mod call_stages;
mod creation;
mod devices;
mod directory;
mod endpoints;
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
mod readers;
mod reading;
mod registration;
mod revocation;
mod room;
mod sending;
mod service;
mod session;
mod settings;

mod state_given;
mod upgrade;
mod visibility;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guest_access_rules::decision_point::Choices;
use guest_access_rules::profile::Profile;
use ruma::{OwnedRoomAliasId, OwnedRoomId, RoomId, RoomOrAliasId};

pub use accounts::{Account, Kind, Token};
pub use answer::{Answer, Credentials, Granted, Refusal};
pub use event::Event;
pub use reading::{EventsRequest, Span};
pub use room::Room;
pub use settings::Settings;

use account_data::AccountData;
use accounts::Accounts;
use devices::ToDevice;
use filter::Filters;
use keys::Keys;
use media::Media;
use sending::Transactions;

/// The name of the server, in every id that it makes.
pub const SERVER_NAME: &str = "reference.test";

/// The reference homeserver.
#[derive(Debug, Clone)]
pub struct Reference {
    profile: Arc<Profile>,
    accounts: Arc<Accounts>,
    rooms: Vec<Arc<Room>>,
    aliases: Arc<BTreeMap<OwnedRoomAliasId, OwnedRoomId>>,
    /// The rooms that are shown in the directory.
    published: Arc<BTreeSet<OwnedRoomId>>,
    account_data: Arc<AccountData>,
    filters: Arc<Filters>,
    transactions: Arc<Transactions>,
    to_device: Arc<Vec<ToDevice>>,
    keys: Arc<Keys>,
    media: Arc<Vec<Media>>,
    /// How much has happened: the number of the next event, and the newest place in every stream.
    clock: u64,
}

impl Reference {
    /// A homeserver that keeps to `profile`, with no account and no room.
    pub fn new(profile: impl Into<Arc<Profile>>) -> Self {
        Self {
            profile: profile.into(),
            accounts: Arc::default(),
            rooms: Vec::new(),
            aliases: Arc::default(),
            published: Arc::default(),
            account_data: Arc::default(),
            filters: Arc::default(),
            transactions: Arc::default(),
            to_device: Arc::default(),
            keys: Arc::default(),
            media: Arc::default(),
            clock: 0,
        }
    }

    /// The profile that the server keeps to.
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

    /// The id of the room that is named by its id or by an alias; `None` for an alias of nothing.
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

    /// The next number of the server's clock, which no other event has or will have.
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}
