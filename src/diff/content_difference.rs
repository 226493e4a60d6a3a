//! A difference between an answer and what its reader may be given: a class of events in one section.

use guest_access_reference::reference::ReplicaEvent;
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};
use serde::Serialize;

/// A class of events that an answer gives and must not give, or has to give and does not. The worst is the
/// least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ContentDifference {
    /// Whether the answer gives too little, and not too much.
    pub(super) is_missing: bool,
    pub(super) event: EventClass,
    /// The section of the answer: the keys that lead to the list of events.
    pub(super) section: String,
    /// The membership of the reader when it reads.
    pub(super) reader: Membership,
    /// The number of the action that sent the first such event, if the action is known.
    pub(super) sent_by: Option<usize>,
}

/// What the rules distinguish of an event, for one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct EventClass {
    pub(super) kind: EventKind,
    /// The history visibility at the event.
    pub(super) visibility: Option<HistoryVisibility>,
    /// The membership of the reader at the event. A ban counts as having left.
    pub(super) membership: Membership,
}

/// The kind of an event. The most specific kind is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    /// No state event.
    Message,
    /// A state event that is no membership.
    State,
    /// A membership.
    Member,
}

impl EventKind {
    pub(super) fn of(event: &ReplicaEvent) -> Self {
        match event.kind.as_str() {
            _ if event.state_key.is_none() => Self::Message,
            "m.room.member" => Self::Member,
            _ => Self::State,
        }
    }

    /// The kind in words.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Message => "a message",
            Self::State => "a state event",
            Self::Member => "a member event",
        }
    }
}

/// The section of a sync with the rooms that the reader left.
pub(super) const LEFT_ROOMS: &str = "rooms.leave";

/// The sections of a sync with the rooms in which the reader has a membership.
pub(super) const LISTED_ROOMS: [(&str, Membership); 3] = [
    ("rooms.join", Membership::Join),
    ("rooms.invite", Membership::Invite),
    ("rooms.knock", Membership::Knock),
];

impl ContentDifference {
    /// The clause that forbids the answer.
    pub(super) fn clause(&self) -> &'static str {
        let has_left = matches!(self.reader, Membership::Leave | Membership::Ban);
        match (self.is_missing, is_state(&self.section)) {
            // CS-23: A user who left a room is given its state as of the time it left.
            (false, true) if has_left => "CS-23",
            // CS-17: A redaction strips from an event's content every key that the algorithm does not name
            // for its type.
            (false, _) if is_content(&self.section) => "CS-17",
            // HV-6: A user to whom no other rule shows an event may not see it.
            (false, _) => "HV-6",
            // CS-22: A joined user is given the current state of a room.
            (true, true) if self.reader == Membership::Join => "CS-22",
            // CS-43: Under the filter `include_leave`, `GET /sync` names in `rooms.leave` the rooms that
            // the user left or was banned from.
            (true, _) if self.section == LEFT_ROOMS => "CS-43",
            // GA-31: A guest may call `GET /sync`, which covers the rooms that it is in.
            (true, _) if LISTED_ROOMS.iter().any(|(section, _)| *section == self.section) => {
                "GA-31"
            }
            // GA-37: What a guest may read follows from history visibility and its membership, as for
            // any user.
            (true, _) => "GA-37",
        }
    }
}

/// Whether a section is the content of events, and not a list of events.
fn is_content(section: &str) -> bool {
    section.rsplit('.').next() == Some("content")
}

/// Whether a section has the state of a room: its last key begins with `state`.
pub(super) fn is_state(section: &str) -> bool {
    section.rsplit('.').next().is_some_and(|key| key.starts_with("state"))
}

/// Whether a section is of a sync, which gives the state of a room in two lists.
pub(super) fn is_of_sync(section: &str) -> bool {
    section.starts_with("rooms.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sections_of_state_are_known_by_their_last_key() {
        for (section, expected) in [
            ("state", true),
            ("rooms.join.state", true),
            ("rooms.join.state_after", true),
            ("rooms.join.timeline", false),
            ("events_before", false),
            ("", false),
        ] {
            assert_eq!(is_state(section), expected, "{section}");
        }
    }
}
