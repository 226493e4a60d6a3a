//! The client-server API's endpoints: all of them, as data.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::vocabulary::spelled;

spelled! {
    /// Which credentials the specification asks of an endpoint's caller.
    Auth {
        /// A user's access token.
        User = "user",
        /// A user's access token, or another proof.
        Optional = "optional",
        /// None: anyone may call, with or without a token.
        None = "none",
        /// The token of an application service.
        AppService = "appservice",
        /// A scheme of the endpoint's own.
        Other = "other",
    }
}

spelled! {
    /// What of a room's content an endpoint gives.
    Gives {
        /// Events of the room, in the order of the timeline.
        Timeline = "timeline",
        /// One event, named by its id (and perhaps its neighbours).
        Event = "event",
        /// The room's state.
        State = "state",
        /// One state event.
        StateEvent = "state_event",
        /// The room's members.
        Members = "members",
        /// Events, state and members at once.
        InitialSync = "initial_sync",
        /// New events, as they come, of one room or of all joined ones.
        Stream = "stream",
        /// All that is new in every room of the caller.
        Sync = "sync",
    }
}

/// One endpoint of the client-server API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Method and path below the API's prefix: `GET /rooms/{roomId}/messages`.
    pub id: String,
    /// The whole path, with the specification's placeholders.
    pub path: String,
    /// What the caller must show.
    pub auth: Auth,
    /// The release that brought the endpoint, where the specification says so.
    pub added_in: Option<String>,
    /// Whether the specification calls it deprecated.
    #[serde(default)]
    pub deprecated: bool,
    /// What of a room's content it gives, if any.
    pub gives: Option<Gives>,
}

impl Endpoint {
    /// The HTTP method.
    pub fn method(&self) -> &str {
        self.id.split_once(' ').map_or("", |(method, _)| method)
    }
}

/// An endpoint, by its place in the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(u8);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    endpoint: Vec<Endpoint>,
}

static TABLE: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("../endpoints.toml"))
        .expect("the table of endpoints is part of the program; a test parses it");
    table.endpoint
});

impl EndpointId {
    /// Every endpoint, in the order of the table.
    ///
    /// # Panics
    /// Never: there are fewer than 256 endpoints.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        (0..u8::try_from(TABLE.len()).expect("there are fewer than 256 endpoints")).map(Self)
    }

    /// How many endpoints there are.
    pub fn count() -> usize {
        TABLE.len()
    }

    /// The endpoint with this id, if there is one.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|endpoint| endpoint.get().id == id)
    }

    /// The endpoint itself.
    pub fn get(self) -> &'static Endpoint {
        &TABLE[self.index()]
    }

    /// Its place in the table.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.get().id)
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.get().id)
    }
}

/// Names the endpoints that a step of the model calls.
macro_rules! known_endpoints {
    ($($(#[$doc:meta])* $field:ident: $id:literal,)+) => {
        /// The endpoints that a step of the model calls, by name.
        #[derive(Debug)]
        pub struct Known { $($(#[$doc])* pub $field: EndpointId,)+ }

        /// The endpoints that a step of the model calls, looked up once.
        pub static KNOWN: LazyLock<Known> = LazyLock::new(|| Known {
            $($field: EndpointId::find($id).expect(concat!("the table lists ", $id)),)+
        });
    };
}

known_endpoints! {
    /// Registration: of guests, of users, and the upgrade from one to the other.
    register: "POST /register",
    /// Log-out.
    logout: "POST /logout",
    /// Deactivation.
    deactivate: "POST /account/deactivate",
    /// Who am I.
    whoami: "GET /account/whoami",
    /// One key of a profile.
    set_profile: "PUT /profile/{userId}/{keyName}",
    /// Sending a state event.
    put_state: "PUT /rooms/{roomId}/state/{eventType}/{stateKey}",
    /// Sending a message event.
    send: "PUT /rooms/{roomId}/send/{eventType}/{txnId}",
    /// Redacting an event.
    redact: "PUT /rooms/{roomId}/redact/{eventId}/{txnId}",
    /// Joining a room by its id.
    join: "POST /rooms/{roomId}/join",
    /// Joining a room by its id or alias.
    join_by_alias: "POST /join/{roomIdOrAlias}",
    /// Leaving a room.
    leave: "POST /rooms/{roomId}/leave",
    /// Knocking on a room.
    knock: "POST /knock/{roomIdOrAlias}",
    /// Inviting a user.
    invite: "POST /rooms/{roomId}/invite",
    /// Removing a user.
    kick: "POST /rooms/{roomId}/kick",
    /// Banning a user.
    ban: "POST /rooms/{roomId}/ban",
    /// Lifting a ban.
    unban: "POST /rooms/{roomId}/unban",
    /// The events of a room.
    messages: "GET /rooms/{roomId}/messages",
    /// Events as they come.
    events: "GET /events",
    /// The members of a room.
    members: "GET /rooms/{roomId}/members",
    /// One event by its id.
    event: "GET /rooms/{roomId}/event/{eventId}",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_endpoint_once() {
        assert_eq!(EndpointId::count(), 164);
        for endpoint in EndpointId::all() {
            assert_eq!(
                EndpointId::find(&endpoint.get().id),
                Some(endpoint),
                "{endpoint} is listed twice"
            );
            assert!(endpoint.get().path.ends_with(endpoint.get().id.split_once(' ').unwrap().1));
        }
    }

    #[test]
    fn every_known_endpoint_is_in_the_table() {
        assert_eq!(KNOWN.messages.get().gives, Some(Gives::Timeline));
    }
}
