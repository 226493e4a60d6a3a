//! A difference between an answer and what its reader has to be given, in one section.

use guest_access_reference::reference::{Reader, ReplicaEvent};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};
use guest_access_scenarios::permitted::DivergenceKind;
use serde::Serialize;

/// How an answer differs. The worst is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ContentFault {
    /// The answer gives events, or content of events, that the reader may not be given.
    Excess,
    /// The answer says of members or of rooms what is not so.
    Untrue,
    /// The answer lacks events, rooms or content that it has to give.
    Lack,
    /// The answer gives the events in a wrong order.
    Order,
}

/// A difference between an answer and what its reader has to be given. The worst is the least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ContentDifference {
    pub(super) fault: ContentFault,
    /// The class of the events. `None` where the difference does not depend on it.
    pub(super) event: Option<EventClass>,
    /// The section of the answer: the keys that lead to what differs.
    pub(super) section: String,
    /// The membership of the reader when it reads.
    pub(super) reader: Membership,
    /// Whether the reader is in the room, or was in it before.
    pub(super) has_joined: bool,
    /// The endpoint that gave the answer.
    pub(super) endpoint: EndpointId,
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
    /// A message of the type of a setting, which sets nothing.
    StraySetting,
    /// A state event that is no membership.
    State,
    /// A membership of the reader.
    OwnMember,
    /// A membership of another user.
    Member,
}

impl EventClass {
    /// The class in words.
    pub(super) fn in_words(self) -> String {
        let visibility = self
            .visibility
            .map_or("a setting that cannot be read".to_owned(), |v| format!("`{v}`"));
        let membership = match self.membership {
            Membership::Never => "before the reader had a membership".to_owned(),
            Membership::Leave => "when the reader had left or was banned".to_owned(),
            membership => format!("when the reader's membership was `{membership}`"),
        };
        format!("{} sent under {visibility} {membership}", self.kind.in_words())
    }
}

impl EventKind {
    pub(super) fn of(event: &ReplicaEvent, reader: &Reader) -> Self {
        let is_own = event.state_key.as_deref() == Some(reader.user_id.as_str());
        match event.kind.as_str() {
            "m.room.history_visibility" | "m.room.guest_access" if event.state_key.is_none() => {
                Self::StraySetting
            }
            _ if event.state_key.is_none() => Self::Message,
            "m.room.member" if is_own => Self::OwnMember,
            "m.room.member" => Self::Member,
            _ => Self::State,
        }
    }

    /// The kind in words.
    const fn in_words(self) -> &'static str {
        match self {
            Self::Message => "a message",
            Self::StraySetting => "an event of the type of a setting, without a state key,",
            Self::State => "a state event",
            Self::OwnMember => "the reader's own member event",
            Self::Member => "a member event of another user",
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

/// The section for the content of an event that a request sent.
pub(super) const SENT: &str = "event.content";

/// The section for the type and the state key of an event that a request sent.
pub(super) const SENT_AS: &str = "event.type";

/// The section for all that a sync with `since` gives of a room.
pub(super) const SINCE: &str = "rooms since";

/// The section of a sync with the state after the timeline.
pub(super) const STATE_AFTER: &str = "rooms.join.state_after";

/// The section for the members of another membership than the request asks for.
pub(super) const OTHER_MEMBERS: &str = "chunk";

/// The section for the members as of a place in the stream.
pub(super) const MEMBERS_AT: &str = "chunk at";

/// The section for the content of events whose sender's account was erased before the answer.
pub(super) const ERASED: &str = "content of an erased sender";

/// The section for the events that do not relate to the event that the request names.
pub(super) const RELATED: &str = "chunk of relations";

/// The keys of the paths of relations and of threads.
pub(super) const RELATIONS: &str = "relations";
pub(super) const THREADS: &str = "threads";

/// The section of `initialSync` with the membership of the reader.
pub(super) const OWN_MEMBERSHIP: &str = "membership";

/// The section of an event with the membership of the reader at the event.
pub(super) const MEMBERSHIP_AT_EVENT: &str = "unsigned.membership";

/// The fields that name an event.
pub(super) const EVENT_FIELDS: [&str; 3] = ["type", "sender", "state_key"];

/// The section of `joined_members`.
pub(super) const JOINED: &str = "joined";

/// A sentence of the texts, as it bears on one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sentence {
    /// The ids of the clauses that say so. Those that are in force are cited.
    pub(super) clauses: &'static [&'static str],
    /// What the sentence means for the answer, as the end of a sentence.
    pub(super) because: &'static str,
}

impl Sentence {
    pub(super) const fn new(clauses: &'static [&'static str], because: &'static str) -> Self {
        Self { clauses, because }
    }

    /// The ids of the clauses that `rules` have.
    pub(super) fn in_force(self, rules: &Rules) -> Vec<&'static str> {
        rules.in_force(self.clauses)
    }
}

impl ContentDifference {
    /// The kind of the divergence.
    pub(super) const fn kind(&self) -> DivergenceKind {
        match self.fault {
            ContentFault::Excess => DivergenceKind::Leak,
            ContentFault::Lack => DivergenceKind::Refusal,
            ContentFault::Untrue | ContentFault::Order => DivergenceKind::Effect,
        }
    }

    /// The sentence that the answer violates.
    pub(super) fn sentence(&self) -> Sentence {
        match self.fault {
            ContentFault::Excess => self.sentence_on_excess(),
            ContentFault::Untrue => self.sentence_on_untruth(),
            ContentFault::Lack => self.sentence_on_lack(),
            // CS-59: The events before another are given newest first, and those after it oldest first.
            ContentFault::Order if self.section.starts_with("events_") => {
                Sentence::new(&["CS-59"], "the events around an event come in an order")
            }
            // CS-58: Messages are given newest first under `dir=b`, and oldest first under `dir=f`.
            ContentFault::Order => Sentence::new(&["CS-58"], "`dir` says the order of messages"),
        }
    }

    fn sentence_on_excess(&self) -> Sentence {
        let has_left =
            self.has_joined && matches!(self.reader, Membership::Leave | Membership::Ban);
        match self.event {
            // CS-23: A user who left a room is given its state as of the time it left.
            Some(_) if has_left && is_state(&self.section) && !self.gives(Gives::Event) => {
                Sentence::new(&["CS-23"], "a user who left is given the state as of its leaving")
            }
            // CS-51: Whoever joins a room after the erasure of an account is given the events of that account
            // redacted.
            _ if self.section == ERASED => {
                Sentence::new(&["CS-51"], "the reader joined after the erasure of the sender")
            }
            // CS-17: A redaction strips from an event's content every key that the algorithm does not name
            // for its type.
            _ if is_content(&self.section) => {
                Sentence::new(&["CS-17"], "a redaction strips the content of an event")
            }
            // HV-8: The `m.room.history_visibility` event that counts is the one with the empty state key.
            // HV-6: A user to whom no other rule shows an event may not see it.
            Some(EventClass { kind: EventKind::StraySetting, .. }) => Sentence::new(
                &["HV-8", "HV-6"],
                "an event without a state key sets nothing, and no rule shows it to the reader",
            ),
            // HV-20: A user who left may see no event received after it left.
            Some(EventClass { membership: Membership::Leave, .. }) if has_left => {
                Sentence::new(&["HV-20"], "a user who left may see no event received after it left")
            }
            // RP-10: A user who has not joined is given only events at which `m.room.history_visibility` was
            // present and `world_readable`.
            // HV-6: A user to whom no other rule shows an event may not see it.
            event => {
                let visibility = event.and_then(|event| event.visibility);
                let clauses: &[&str] = if self.has_joined { &["HV-6"] } else { &["HV-6", "RP-10"] };
                let because =
                    visibility.map_or("no rule shows the reader this event", reason_to_hide);
                Sentence::new(clauses, because)
            }
        }
    }

    fn sentence_on_untruth(&self) -> Sentence {
        match self.section.as_str() {
            // CS-57: The `membership` in the answer to `initialSync` is the caller's membership in the room.
            OWN_MEMBERSHIP => {
                Sentence::new(&["CS-57"], "`membership` is the membership of the caller")
            }
            // CS-72: `GET /rooms/{roomId}/members` with `membership` gives only members with this membership.
            OTHER_MEMBERS => {
                Sentence::new(&["CS-72"], "the call asks for members of one membership")
            }
            // CS-74: `GET /rooms/{roomId}/members` with `at` gives the members as they were at this place in the
            // stream.
            MEMBERS_AT => Sentence::new(&["CS-74"], "`at` says as of when members are given"),
            RELATED => self.sentence_on_relations(),
            // CS-71: A sync from a place on gives what has happened in the rooms of the user since that place.
            SINCE => Sentence::new(&["CS-71"], "a sync gives what has happened since the last one"),
            // CS-60: The answer to `joined_members` names the members who are joined, and nobody else.
            JOINED => {
                Sentence::new(&["CS-60"], "`joined` names the joined members, and nobody else")
            }
            // CS-78: `unsigned.membership` is the membership of the caller at the event, and counts the change
            // that the event makes.
            MEMBERSHIP_AT_EVENT => Sentence::new(
                &["CS-78"],
                "`unsigned.membership` is the membership of the reader at the event",
            ),
            // CS-79: An event is given with its type, its sender and its state key.
            SENT_AS => Sentence::new(&["CS-79"], "the path of the request names the event"),
            field if EVENT_FIELDS.contains(&field) => {
                Sentence::new(&["CS-79"], "an event has a type, a sender and a state key")
            }
            // CS-55: `GET /sync` names a room under `rooms.join`, `rooms.invite`, `rooms.knock` or
            // `rooms.leave` by the user's membership in it.
            _ => Sentence::new(&["CS-55"], "a sync lists a room by the membership of the reader"),
        }
    }

    fn sentence_on_lack(&self) -> Sentence {
        let section = self.section.as_str();
        match self.reader {
            // CS-54: The body of a request that sends an event is the content of the event.
            _ if section == SENT => {
                Sentence::new(&["CS-54"], "the body of the request is the content of the event")
            }
            // CS-52: Users who could see the events of an account before its erasure still see them
            // unredacted.
            _ if section == ERASED => {
                Sentence::new(&["CS-52"], "the reader was joined before the erasure of the sender")
            }
            // CS-71: A sync from a place on gives what has happened in the rooms of the user since that place.
            _ if section == SINCE => {
                Sentence::new(&["CS-71"], "a sync gives what has happened since the last one")
            }
            // CS-74: `GET /rooms/{roomId}/members` with `at` gives the members as they were at this place in the
            // stream.
            _ if section == MEMBERS_AT => {
                Sentence::new(&["CS-74"], "`at` says as of when members are given")
            }
            // CS-77: With `use_state_after`, `GET /sync` gives the state in `state_after`, as it is after the
            // timeline.
            _ if section == STATE_AFTER => {
                Sentence::new(&["CS-77"], "the sync asks for the state after the timeline")
            }
            _ if self.gives_relations() => self.sentence_on_relations(),
            // CS-43: Under the filter `include_leave`, `GET /sync` names in `rooms.leave` the rooms that
            // the user left or was banned from.
            _ if section == LEFT_ROOMS => {
                Sentence::new(&["CS-43"], "the sync asks for the rooms that the user left")
            }
            // CS-44: A room in `rooms.leave` is given with its events up to the point at which the user left.
            _ if section.starts_with(LEFT_ROOMS) && !is_content(section) => {
                Sentence::new(&["CS-44"], "a left room is given up to the point of leaving")
            }
            // GA-31: A guest may call `GET /sync`, which covers the rooms that it is in.
            _ if LISTED_ROOMS.iter().any(|(listed, _)| *listed == section) => {
                Sentence::new(&["GA-31"], "a sync covers the rooms that the user is in")
            }
            // CS-56: The answer to `initialSync` gives a member the current state of the room.
            Membership::Join if is_state(section) && self.gives(Gives::InitialSync) => {
                Sentence::new(&["CS-56"], "a member is given the current state")
            }
            // CS-65: The `state` in the answer to `context` is the state at the last event of the answer.
            Membership::Join if is_state(section) && self.gives(Gives::Event) => {
                Sentence::new(&["CS-65"], "the state is that at the last event")
            }
            // CS-22: A joined user is given the current state of a room.
            Membership::Join if is_state(section) => {
                Sentence::new(&["CS-22"], "a joined user is given the current state")
            }
            // CS-64: The answer to `GET /rooms/{roomId}/state/{eventType}/{stateKey}` is the content of the
            // event.
            _ if self.event.is_none() && self.gives(Gives::StateEvent) => {
                Sentence::new(&["CS-64"], "the answer is the content of the state event")
            }
            // GA-37: What a guest may read follows from history visibility and its membership, as for
            // any user.
            // GA-2: Where the module gives a guest access, the guest is treated as any other user would be.
            // DR-10: Within that subset a guest is treated as a fully registered user would be.
            _ => Sentence::new(&["GA-37", "GA-2", "DR-10"], "a rule shows the reader this event"),
        }
    }

    fn sentence_on_relations(&self) -> Sentence {
        if self.endpoint.get().id.ends_with(THREADS) {
            // CS-82: `GET /rooms/{roomId}/threads` gives the events with which the threads of the room begin.
            Sentence::new(&["CS-82"], "the answer has the events with which threads begin")
        } else {
            // CS-81: `GET /rooms/{roomId}/relations/{eventId}` gives the events that relate to the event.
            Sentence::new(&["CS-81"], "the answer has the events that relate to the event")
        }
    }

    /// Whether the endpoint gives the relations of an event, or the threads of a room.
    fn gives_relations(&self) -> bool {
        self.gives(Gives::Timeline) && self.endpoint != KNOWN.messages
    }

    fn gives(&self, what: Gives) -> bool {
        self.endpoint.get().gives == Some(what)
    }
}

/// Why an event that was sent under this setting is not shown to a reader.
pub(super) const fn reason_to_hide(visibility: HistoryVisibility) -> &'static str {
    match visibility {
        HistoryVisibility::Shared => {
            "the event was sent under `shared`, and the reader was not joined from then on"
        }
        HistoryVisibility::Invited => {
            "the event was sent under `invited`, and the reader was neither invited nor joined then"
        }
        HistoryVisibility::Joined => {
            "the event was sent under `joined`, and the reader was not joined then"
        }
        HistoryVisibility::WorldReadable => "no rule shows the reader this event",
    }
}

/// Whether a section is the content of events, and not a list of events.
pub(super) fn is_content(section: &str) -> bool {
    section == ERASED || section.rsplit('.').next() == Some("content")
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
