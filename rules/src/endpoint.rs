//! The endpoints of the client-server API: those of `rules/endpoints.toml`, and those that a rules file
//! declares.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::declaration::Declarations;
use crate::vocabulary::spelled;

spelled! {
    /// The credentials that the specification requires from the caller of an endpoint.
    Auth {
        /// A user's access token.
        User = "user",
        /// A user's access token, or another proof.
        Optional = "optional",
        /// None: anybody may call the endpoint, with or without a token.
        None = "none",
        /// The token of an application service.
        AppService = "appservice",
        /// A scheme that only this endpoint has.
        Other = "other",
    }
}

impl Auth {
    /// Whether no list closes such an endpoint to guests: a caller needs no user's access token. The calls
    /// of application services are no guest's.
    pub const fn is_without_list(self) -> bool {
        matches!(self, Self::Optional | Self::None | Self::Other)
    }
}

spelled! {
    /// The part of a room's content that an endpoint returns.
    Gives {
        /// Events of one room, in the order of the timeline.
        Timeline = "timeline",
        /// One event, named by its id, and for some endpoints the events around it.
        Event = "event",
        /// The room's state.
        State = "state",
        /// One state event.
        StateEvent = "state_event",
        /// The room's members.
        Members = "members",
        /// Events, state and members in one answer.
        InitialSync = "initial_sync",
        /// New events as they arrive, of one room or of all joined rooms.
        Stream = "stream",
        /// Everything new in every room of the caller.
        Sync = "sync",
    }
}

spelled! {
    /// What a call of an endpoint changes.
    Changes {
        /// Rooms: their settings, members or events.
        Rooms = "rooms",
        /// Accounts and their tokens.
        Accounts = "accounts",
        /// Tokens of the caller, which the call ends. The server may end a token at any time, so no
        /// guarantee depends on such a call.
        Tokens = "tokens",
        /// What the caller may read, which the call takes away.
        Reading = "reading",
    }
}

/// One endpoint of the client-server API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Method and path below the API's prefix: `GET /rooms/{roomId}/messages`.
    pub id: String,
    /// The whole path, with the specification's placeholders.
    pub path: String,
    /// The credentials that the caller needs.
    pub auth: Auth,
    /// The release that added the endpoint, if the specification says so.
    pub added_in: Option<String>,
    /// Whether the specification marks the endpoint as deprecated.
    #[serde(default)]
    pub deprecated: bool,
    /// The part of a room's content that the endpoint returns, if any.
    pub gives: Option<Gives>,
    /// The content of rooms that the endpoint returns and that neither the model nor the reference
    /// looks into, if any.
    pub unseen: Option<String>,
    /// The effect of a call by a guest that neither the model nor the reference looks into, if there is
    /// one that a guarantee could speak of.
    #[serde(rename = "does")]
    pub effect: Option<String>,
    /// What the effect changes. `None` if that is not known: it may change rooms and accounts.
    pub changes: Option<Vec<Changes>>,
}

impl Endpoint {
    /// Whether a call of the endpoint names a room by its id or an alias: in the path, or, for
    /// `GET /events`, in the query.
    pub fn names_a_room(&self) -> bool {
        let in_path = ["{roomId}", "{roomIdOrAlias}"].iter().any(|name| self.path.contains(name));
        in_path || self.id == "GET /events"
    }

    /// Whether the name is the endpoint's: its id, or its whole path as the specification spells it; with
    /// or without the method, and with any placeholders.
    pub fn is_called(&self, name: &str) -> bool {
        let (method, path) = match name.split_once(' ') {
            Some((method, path)) => (Some(method), path.trim()),
            None => (None, name),
        };
        let below = self.id.split_once(' ').map_or("", |(_, path)| path);
        let pattern = |path: &str| path_pattern(&path.replacen("/client/r0/", "/client/v3/", 1));
        path.starts_with('/')
            && method.is_none_or(|method| method.eq_ignore_ascii_case(self.method()))
            && [below, &self.path].iter().any(|known| pattern(known) == pattern(path))
    }

    /// Whether the endpoint gives or does something that neither the model nor the reference looks into.
    pub const fn is_unchecked(&self) -> bool {
        self.unseen.is_some() || self.effect.is_some()
    }

    /// Whether the unchecked effect of a call may change this.
    pub fn may_change(&self, what: Changes) -> bool {
        let is_listed = self.changes.as_ref().is_none_or(|changes| changes.contains(&what));
        self.effect.is_some() && is_listed
    }

    /// The HTTP method.
    pub fn method(&self) -> &str {
        self.id.split_once(' ').map_or("", |(method, _)| method)
    }
}

/// The path with numbers in place of the names of its variables, which have several spellings.
pub fn path_pattern(path: &str) -> String {
    let mut number = 0;
    let parts = path.split('/').map(|part| {
        if part.starts_with('{') {
            number += 1;
            format!("{{{}}}", number - 1)
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// An endpoint, as its index in the table; an endpoint that a rules file declares, as its index behind
/// the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(u16);

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

/// The endpoints that rules files have declared. An endpoint keeps its index until the program ends.
/// Only the rules of the file know the endpoint: see
/// [`Rules::find_endpoint`](crate::rules::Rules::find_endpoint).
static DECLARED: Declarations<Endpoint> = Declarations::new();

/// The most endpoints, with those that are declared.
const MOST_ENDPOINTS: usize = 1 << u16::BITS;

/// Rules files declare more endpoints than the program can number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "all rules files of one run can declare {} endpoints in total, and this is one more; leave out the endpoints that no entry opens, or read fewer files",
    MOST_ENDPOINTS - EndpointId::count()
)]
pub struct TooManyEndpoints;

impl EndpointId {
    /// Every endpoint of the table, in its order.
    ///
    /// # Panics
    /// Never: the table has fewer than 65,536 endpoints.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        let count = u16::try_from(TABLE.len()).expect("the table has fewer than 65,536 endpoints");
        (0..count).map(Self)
    }

    /// The number of endpoints of the table.
    pub fn count() -> usize {
        TABLE.len()
    }

    /// Declares an endpoint that the table does not list. The same endpoint has the same number however
    /// often it is declared.
    ///
    /// # Errors
    /// If there are too many endpoints.
    pub fn declare(endpoint: Endpoint) -> Result<Self, TooManyEndpoints> {
        // Two files may declare two endpoints by one id.
        let conflicts = |_: &Endpoint| false;
        let (number, _) = DECLARED.declare(endpoint, conflicts).map_err(|_| TooManyEndpoints)?;
        u16::try_from(TABLE.len() + number).map(Self).map_err(|_| TooManyEndpoints)
    }

    /// The endpoint of the table with this id. An endpoint that a rules file declares is found by
    /// [`Rules::find_endpoint`](crate::rules::Rules::find_endpoint): two files may declare two endpoints by
    /// one id.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|endpoint| endpoint.get().id == id)
    }

    /// The endpoint itself.
    ///
    /// # Panics
    /// Never: a number is given only to an endpoint of the table, or to one that is declared.
    pub fn get(self) -> &'static Endpoint {
        TABLE.get(self.index()).unwrap_or_else(|| {
            let declared = DECLARED.get(self.index() - TABLE.len());
            declared.expect("each number behind the table was given to a declared endpoint")
        })
    }

    /// Whether a rules file declares the endpoint.
    pub fn is_declared(self) -> bool {
        self.index() >= TABLE.len()
    }

    /// The index in the table, or behind it.
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

/// Declares the endpoints that the actions of the model call.
macro_rules! known_endpoints {
    ($($(#[$doc:meta])* $field:ident: $id:literal,)+) => {
        /// The endpoints that the actions of the model call, by name.
        #[derive(Debug)]
        pub struct Known { $($(#[$doc])* pub $field: EndpointId,)+ }

        /// The endpoints that the actions of the model call, each looked up once.
        pub static KNOWN: LazyLock<Known> = LazyLock::new(|| Known {
            $($field: EndpointId::find($id).expect(concat!("the table lists ", $id)),)+
        });
    };
}

known_endpoints! {
    /// Registration of a guest or of a user, and the upgrade of a guest to a user.
    register: "POST /register",
    /// Log-out.
    logout: "POST /logout",
    /// Deactivation.
    deactivate: "POST /account/deactivate",
    /// Asking who owns the access token.
    whoami: "GET /account/whoami",
    /// Setting one key of a user's profile.
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
    /// Reading the joined members.
    joined_members: "GET /rooms/{roomId}/joined_members",
    /// Reading one event and its neighbours.
    context: "GET /rooms/{roomId}/context/{eventId}",
    /// Reading the summary of a room.
    room_summary: "GET /room_summary/{roomIdOrAlias}",
    /// Reading the events of a room.
    messages: "GET /rooms/{roomId}/messages",
    /// Waiting for new events.
    events: "GET /events",
    /// Listing the members of a room.
    members: "GET /rooms/{roomId}/members",
    /// Reading one event by its id.
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

    #[test]
    fn a_declared_endpoint_has_one_number() {
        let peek = |gives: Option<&str>| Endpoint {
            id: "POST /rooms/{roomId}/peek".to_owned(),
            path: "/_matrix/client/unstable/org.example/rooms/{roomId}/peek".to_owned(),
            auth: Auth::User,
            added_in: None,
            deprecated: false,
            gives: None,
            unseen: gives.map(str::to_owned),
            effect: None,
            changes: None,
        };
        let first = EndpointId::declare(peek(None)).unwrap();
        assert!(first.is_declared() && !KNOWN.messages.is_declared());
        assert_eq!(EndpointId::declare(peek(None)), Ok(first));
        assert_ne!(EndpointId::declare(peek(Some("events"))), Ok(first));
        assert_eq!(first.get(), &peek(None));
        assert!(first.get().names_a_room() && !EndpointId::all().any(|listed| listed == first));
    }
}
