//! The events of one setting that are on their way, in the order in which state resolution has them.
//!
//! What settles the order: an event comes after every event that its sender knew (it names them, as
//! its past). Of two that knew nothing of each other, the specification's order looks at the power
//! levels that they were sent under (here the same), then at the time that each sender wrote on its
//! event, then at the ids of the events: it is the same on every server, and may be either. So a new
//! event takes any place above what its sender knows. What is left out: times that contradict the
//! past, and events that are refused on another server because power was taken from their sender.

use serde::{Deserialize, Serialize};

use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

use super::MAX_SERVERS;

/// What an event of a setting says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Setting {
    /// A guest access.
    GuestAccess(GuestAccess),
    /// A redaction of the event of guest access that is current.
    Redacted,
    /// A history visibility.
    Visibility(HistoryVisibility),
}

/// The events of one setting that not every server has, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct History {
    /// The newest event that every server has, if there was one.
    pub before: Option<Setting>,
    /// The others, the newest last.
    pub events: Vec<Event>,
}

/// An event, and which servers have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    /// What it says.
    pub says: Setting,
    /// Which servers have it.
    pub at: [bool; MAX_SERVERS],
}

impl History {
    /// How many events, counted from the oldest, come up to the newest that the server has.
    pub(super) fn known(&self, server: usize) -> usize {
        self.events.iter().rposition(|event| event.at[server]).map_or(0, |newest| newest + 1)
    }

    /// The newest event of all.
    pub(super) fn newest(&self) -> Option<Setting> {
        self.events.last().map(|event| event.says).or(self.before)
    }

    /// Puts an event that this server sends at this place.
    pub(super) fn insert(&mut self, place: usize, says: Setting, server: usize) {
        let mut at = [false; MAX_SERVERS];
        at[server] = true;
        self.events.insert(place, Event { says, at });
    }

    /// Forgets the oldest events that every server which takes part has. `overtaken`: an event that
    /// comes after a newer one is as good as had. Returns how many were forgotten.
    pub(super) fn forget(&mut self, takes_part: &[bool], overtaken: bool) -> usize {
        let mut forgotten = 0;
        while let Some(oldest) = self.events.first() {
            let has = |server: usize| oldest.at[server] || overtaken && self.known(server) > 1;
            if !(0..takes_part.len()).all(|server| !takes_part[server] || has(server)) {
                break;
            }
            self.before = Some(oldest.says);
            self.events.remove(0);
            forgotten += 1;
        }
        forgotten
    }
}
