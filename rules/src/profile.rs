//! A profile: one option for every decision point, the endpoints' included.

use std::fmt;

use crate::decision_point::Choices;
use crate::endpoint::EndpointId;
use crate::vocabulary::spelled;

spelled! {
    /// What must hold of a guest's call to an endpoint that is open to guests.
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

/// A set of conditions, all of which must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Conditions(u8);

impl Conditions {
    /// No condition: the endpoint is open without further ado.
    pub const NONE: Self = Self(0);

    /// Whether `condition` is among them.
    pub const fn contains(self, condition: Condition) -> bool {
        self.0 & (1 << condition as u8) != 0
    }

    /// These and `condition`.
    #[must_use]
    pub const fn with(self, condition: Condition) -> Self {
        Self(self.0 | 1 << condition as u8)
    }

    /// The conditions, in order.
    pub fn iter(self) -> impl Iterator<Item = Condition> {
        Condition::ALL.iter().copied().filter(move |condition| self.contains(*condition))
    }
}

impl FromIterator<Condition> for Conditions {
    fn from_iter<I: IntoIterator<Item = Condition>>(conditions: I) -> Self {
        conditions.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Whether an endpoint is open to guests: the options of the endpoint's own decision point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Not on the allow-list.
    Refused,
    /// On the allow-list, where the conditions hold.
    Open(Conditions),
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

/// One option for every decision point: all that parameterises the model and the reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile {
    /// The options of the decision points that are not an endpoint's.
    pub choices: Choices,
    /// For each endpoint, by its index, whether guests may call it.
    access: Vec<Access>,
}

impl Profile {
    /// A profile with these choices and an empty allow-list.
    pub fn new(choices: Choices) -> Self {
        Self { choices, access: vec![Access::Refused; EndpointId::count()] }
    }

    /// Whether guests may call `endpoint`.
    pub fn access(&self, endpoint: EndpointId) -> Access {
        self.access[endpoint.index()]
    }

    /// Puts `endpoint` on the allow-list, or takes it off.
    pub fn set_access(&mut self, endpoint: EndpointId, access: Access) {
        self.access[endpoint.index()] = access;
    }
}
