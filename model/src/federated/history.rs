//! The events of one setting in transit, in the order of state resolution.
//!
//! 1. An event comes after every event that its sender knew: the event refers to them.
//! 2. If neither sender knew the other event, the specification compares the power levels of the senders
//!    (equal here), then the timestamps of the events, then the ids of the events. The result may be either
//!    order, and is the same on every server.
//!
//! So a new event takes any position after the events that its sender knows. The model leaves out
//! timestamps that contradict the references, and events that another server refuses because their sender
//! lost power.

use serde::{Deserialize, Serialize};

use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

use super::MAX_SERVERS;

/// The content of an event of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Setting {
    /// A guest access.
    GuestAccess(GuestAccess),
    /// A redaction of the event of guest access that is current.
    Redacted,
    /// A history visibility.
    Visibility(HistoryVisibility),
}

/// The events of one setting that not every server has, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct SettingHistory {
    /// The newest event that every server has, if there was one.
    pub before: Option<Setting>,
    /// The others, the newest last.
    pub events: Vec<Event>,
}

/// An event, and the servers that have the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    /// The content.
    pub setting: Setting,
    /// The servers that have the event.
    pub at: [bool; MAX_SERVERS],
}

impl SettingHistory {
    /// The number of the newest event that the server has, counted from the oldest, from 1.
    pub(super) fn known(&self, server: usize) -> usize {
        self.events.iter().rposition(|event| event.at[server]).map_or(0, |newest| newest + 1)
    }

    /// The newest event of all.
    pub(super) fn newest(&self) -> Option<Setting> {
        self.events.last().map(|event| event.setting).or(self.before)
    }

    /// Inserts an event of this server at this position.
    pub(super) fn insert(&mut self, place: usize, setting: Setting, server: usize) {
        let mut at = [false; MAX_SERVERS];
        at[server] = true;
        self.events.insert(place, Event { setting, at });
    }

    /// Drops the oldest events that every participating server has, and returns their number. With
    /// `overtaken`, a server that has a newer event no longer needs the older one.
    pub(super) fn forget(&mut self, takes_part: &[bool], overtaken: bool) -> usize {
        let mut forgotten = 0;
        while let Some(oldest) = self.events.first() {
            let has = |server: usize| oldest.at[server] || overtaken && self.known(server) > 1;
            if !(0..takes_part.len()).all(|server| !takes_part[server] || has(server)) {
                break;
            }
            self.before = Some(oldest.setting);
            self.events.remove(0);
            forgotten += 1;
        }
        forgotten
    }
}
