//! The needs of a scenario: the rooms in which it begins.

use guest_access_model::action::{Action, Actor, Key, Operation};
use guest_access_model::state::MAX_ROOMS;
use guest_access_rules::endpoint::Gives;
use guest_access_rules::vocabulary::MembershipEndpoint;

/// What a scenario needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The number of rooms.
    pub rooms: usize,
    /// Whether each room needs an alias.
    pub aliases: bool,
    /// Whether the scenario reads a stream from its own beginning on.
    pub streams: bool,
    /// The number of actions that read events of the rooms.
    pub readings: usize,
    /// Whether the scenario needs a room whose guest access nobody ever set. It does if an action is
    /// about the room before the moderator sets the guest access there.
    pub unset_guest_access: bool,
}

impl Needs {
    /// What a scenario of these actions needs.
    pub fn of<'s>(actions: impl IntoIterator<Item = &'s Action>) -> Self {
        let mut needs = Self {
            rooms: 1,
            aliases: false,
            streams: false,
            readings: 0,
            unset_guest_access: false,
        };
        let mut begun = [false; MAX_ROOMS];
        for action in actions {
            if let Some(room) = action.room()
                && !std::mem::replace(&mut begun[room], true)
            {
                let sets = matches!(action.operation, Operation::SetGuestAccess(_, Key::Empty));
                needs.unset_guest_access |= !sets || action.by != Actor::Moderator;
            }
            needs.rooms = needs.rooms.max(action.room().map_or(1, |room| room + 1));
            needs.aliases |= action.operation == Operation::Join(MembershipEndpoint::Alias);
            if let Operation::Read(endpoint) = action.operation {
                needs.readings += 1;
                needs.streams |= endpoint.get().gives == Some(Gives::Stream);
            }
        }
        needs
    }
}
