//! A profile: one option of every decision point, and the access of guests to every endpoint.
//!
//! A profile describes one way for a homeserver to behave. The model and the reference take a
//! profile as their only parameter.

use std::collections::BTreeMap;
use std::fmt;

use crate::decision_point::{Choices, PointId, PointSet};
use crate::endpoint::EndpointId;
use crate::vocabulary::spelled;

spelled! {
    /// A condition under which an endpoint is open to guests.
    Condition {
        /// The event is a `m.room.message`.
        MessagesOnly = "event_type:m.room.message",
        /// The key of the profile is `displayname`.
        DisplayNameOnly = "key:displayname",
        /// The room is `world_readable` at the time of the call.
        WorldReadableRoom = "room:world_readable",
        /// The guest is joined to the room.
        JoinedRoom = "room:joined",
    }
}

impl Condition {
    /// Whether a call of the endpoint says what the condition asks for.
    pub fn can_apply_to(self, endpoint: EndpointId) -> bool {
        let endpoint = endpoint.get();
        match self {
            Self::MessagesOnly => endpoint.path.ends_with("/send/{eventType}/{txnId}"),
            Self::DisplayNameOnly => endpoint.path.ends_with("/{keyName}"),
            Self::WorldReadableRoom | Self::JoinedRoom => endpoint.names_a_room(),
        }
    }

    /// The condition on a call, as a sentence.
    pub const fn means(self) -> &'static str {
        match self {
            Self::MessagesOnly => "The event that the call sends is a `m.room.message`.",
            Self::DisplayNameOnly => "The key of the profile is `displayname`.",
            Self::WorldReadableRoom => "The room is `world_readable` at the time of the call.",
            Self::JoinedRoom => "The guest is joined to the room.",
        }
    }

    /// The parameter that a call must name so that the condition can apply.
    pub const fn asks_for(self) -> &'static str {
        match self {
            Self::MessagesOnly => "the type of an event that it sends, `send/{eventType}/{txnId}`",
            Self::DisplayNameOnly => "a key of a profile, `{keyName}`",
            Self::WorldReadableRoom | Self::JoinedRoom => "a room, `{roomId}` or `{roomIdOrAlias}`",
        }
    }

    /// Whether the condition is one of the room that a call names.
    pub const fn is_of_a_room(self) -> bool {
        matches!(self, Self::WorldReadableRoom | Self::JoinedRoom)
    }
}

/// A set of conditions, all of which must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Conditions(u8);

impl Conditions {
    /// No condition.
    pub const NONE: Self = Self(0);

    /// Whether the set contains `condition`.
    pub const fn contains(self, condition: Condition) -> bool {
        self.0 & (1 << condition as u8) != 0
    }

    /// The set with `condition` added.
    #[must_use]
    pub const fn with(self, condition: Condition) -> Self {
        Self(self.0 | 1 << condition as u8)
    }

    /// The conditions of the set, in the order of [`Condition::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Condition> {
        Condition::ALL.iter().copied().filter(move |condition| self.contains(*condition))
    }
}

impl FromIterator<Condition> for Conditions {
    fn from_iter<I: IntoIterator<Item = Condition>>(conditions: I) -> Self {
        conditions.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Whether an endpoint is open to guests: the options of the endpoint's decision point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Not on the allow-list.
    Refused,
    /// On the allow-list, for calls that meet the conditions.
    Open(Conditions),
}

impl Access {
    /// Whether the access depends on the room that a call names.
    pub fn depends_on_the_room(self) -> bool {
        match self {
            Self::Refused => false,
            Self::Open(conditions) => conditions.iter().any(Condition::is_of_a_room),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.pad("refused"),
            Self::Open(Conditions::NONE) => f.pad("open"),
            Self::Open(conditions) => {
                let list: Vec<_> = conditions.iter().map(Condition::as_str).collect();
                f.pad(&format!("open where {}", list.join(" and ")))
            }
        }
    }
}

/// One option of every decision point: the only parameter of the model and of the reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile {
    /// The option of every decision point that is not an endpoint's.
    pub choices: Choices,
    /// The access to each endpoint of the table, by the endpoint's index.
    access: Vec<Access>,
    /// The access to each endpoint that the rules declare.
    declared: BTreeMap<EndpointId, Access>,
}

impl Profile {
    /// A profile with these choices and an empty allow-list.
    pub fn new(choices: Choices) -> Self {
        let access = vec![Access::Refused; EndpointId::count()];
        Self { choices, access, declared: BTreeMap::new() }
    }

    /// Every endpoint of the table, then every endpoint that the rules of the profile declare.
    pub fn every_endpoint(&self) -> impl Iterator<Item = EndpointId> {
        EndpointId::all().chain(self.declared.keys().copied())
    }

    /// The access of guests to `endpoint`.
    pub fn access(&self, endpoint: EndpointId) -> Access {
        match self.access.get(endpoint.index()) {
            Some(access) => *access,
            None => self.declared.get(&endpoint).copied().unwrap_or(Access::Refused),
        }
    }

    /// The decision points at which the two profiles take different options. `None` if they also differ
    /// in the access to an endpoint.
    pub fn differing_points(&self, other: &Self) -> Option<PointSet> {
        (self.access == other.access && self.declared == other.declared)
            .then(|| self.differing_choices(other))
    }

    /// The decision points at which the two profiles take different options, whatever the access to each
    /// endpoint is.
    pub fn differing_choices(&self, other: &Self) -> PointSet {
        let differs = |point: &PointId| self.choices.get(*point) != other.choices.get(*point);
        PointId::all().filter(differs).collect()
    }

    /// Puts `endpoint` on the allow-list, or removes it from the list.
    pub fn set_access(&mut self, endpoint: EndpointId, access: Access) {
        match self.access.get_mut(endpoint.index()) {
            Some(known) => *known = access,
            None => {
                self.declared.insert(endpoint, access);
            }
        }
    }
}
