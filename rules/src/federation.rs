//! The behaviour of homeservers towards each other, as points with options. The first options are the
//! behaviour that the specification requires.

mod mistake;

use crate::decision_point::{JoinGate, RevocationEffect, RoomRule, WorldReadableMeans, points};
use crate::profile::Profile;

pub use mistake::FederationMistake;

points! {
/// One option for every point: how all servers treat events of other servers, and how a dishonest server
/// breaks the rules.
Federation,
read by []
/// Every point of the federation.
FEDERATION_POINTS {
    /// A server has received several events of one setting. Which one does it take as current?
    "events.current" current: Current [] {
        /// The event that state resolution picks.
        Resolved = "resolved",
        /// The event that arrived last.
        LastReceived = "last_received",
    }

    /// A message arrives before the settings under which it was sent. What does the server do?
    "events.past" past: Past [] {
        /// It fetches these settings first.
        FetchedFirst = "fetched_first",
        /// It judges the message by the settings that it has.
        Ignored = "ignored",
    }

    /// Which revocations remove a server's guests?
    "revocation.from" revocations: Revocations ["GA-23", "GA-24"] {
        /// All revocations, also those by users of other servers.
        Anywhere = "anywhere",
        /// Only revocations by its own users.
        OwnUsers = "own_users",
    }

    /// Does a server treat users of other servers as guests if their names look like those of guests?
    "guests.elsewhere" elsewhere: Elsewhere ["GA-5", "GA-25"] {
        /// No: it knows no guests of other servers.
        Unknown = "unknown",
        /// Yes, it treats them like its own guests.
        GuessedByName = "guessed_by_name",
    }

    /// How does the last server break the rules?
    "server.dishonest" dishonest: Dishonest ["GA-6", "GA-26", "DR-5", "DR-6"] {
        /// It does not: every server is honest.
        No = "no",
        /// It lets its own guest join and stay, whatever the room's guest access is.
        KeepsItsGuest = "keeps_its_guest",
        /// It answers its own guest's reads in a room that is closed to previews.
        ServesClosedRooms = "serves_closed_rooms",
        /// It gives its own guest events that it has to withhold, whether the guest is joined or not.
        ServesHiddenEvents = "serves_hidden_events",
    }
}
}

impl Federation {
    /// Changes a profile to the profile of the dishonest server.
    pub fn corrupt(self, profile: &mut Profile) {
        let choices = &mut profile.choices;
        match self.dishonest {
            Dishonest::No => {}
            Dishonest::KeepsItsGuest => {
                choices.join_gate = JoinGate::None;
                choices.revocation_effect = RevocationEffect::None;
            }
            Dishonest::ServesClosedRooms => choices.room_rule = RoomRule::Unchecked,
            Dishonest::ServesHiddenEvents => {
                choices.room_rule = RoomRule::Unchecked;
                choices.world_readable = WorldReadableMeans::Inverted;
            }
        }
    }
}
