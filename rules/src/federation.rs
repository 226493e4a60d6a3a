//! The behaviour of homeservers towards each other, as points with options. The first options are the
//! behaviour that the specification requires.

use crate::decision_point::{JoinGate, RevocationEffect, RoomRule, WorldReadableMeans, points};
use crate::profile::Profile;

points! {
/// One option for every point: what all servers do with what reaches them, and what one of them does
/// that it should not.
Federation,
/// Every point of the federation.
FEDERATION_POINTS {
    /// Which of the events of a setting that have reached a server is the current one?
    "events.current" current: Current [] {
        /// The one that state resolution picks.
        Resolved = "resolved",
        /// The one that came last.
        LastReceived = "last_received",
    }

    /// What does a server do with a message whose past has not reached it?
    "events.past" past: Past [] {
        /// It fetches the settings that the message was sent under.
        FetchedFirst = "fetched_first",
        /// It judges the message by the settings that it has.
        Ignored = "ignored",
    }

    /// Which revocations remove a server's guests?
    "revocation.from" revocations: Revocations ["GA-23", "GA-24"] {
        /// Those that come from other servers too.
        Anywhere = "anywhere",
        /// Those only that its own users send.
        OwnUsers = "own_users",
    }

    /// Does a server take users of other servers for guests, by what their names look like?
    "guests.elsewhere" elsewhere: Elsewhere ["GA-5", "GA-25"] {
        /// No: it knows of none.
        Unknown = "unknown",
        /// Yes, and treats them as it treats its own.
        GuessedByName = "guessed_by_name",
    }

    /// What does the last of the servers do that it should not?
    "server.dishonest" dishonest: Dishonest ["GA-6", "GA-26", "DR-5", "DR-6"] {
        /// Nothing.
        No = "no",
        /// It lets its guest in, and keeps it in, whatever the room says.
        KeepsItsGuest = "keeps_its_guest",
        /// It answers its guest about a room that is closed to previews.
        ServesClosedRooms = "serves_closed_rooms",
        /// It gives its guest what it should filter, joined or not.
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
