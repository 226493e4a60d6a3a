//! The keys of a rules file.

/// A key of a rules file.
#[derive(Debug)]
pub struct Key {
    /// The key: `id`, `[[allow]]` or `[points]` at the top of the file, `allow.when` in an entry.
    pub id: &'static str,
    /// What may stand there.
    pub value: KeyValue,
    /// Whether the file or the entry needs the key.
    pub is_required: bool,
    /// The meaning.
    pub means: &'static str,
}

/// What may stand at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyValue {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A day.
    Date,
    /// The method and the path of an endpoint.
    Endpoint,
    /// A path that begins with `/_matrix/`.
    Path,
    /// The credentials of a call.
    Auth,
    /// A list of what a call changes.
    Changes,
    /// A list of conditions.
    Conditions,
    /// The force of a clause.
    Force,
    /// The id of a clause that the entry declares.
    ClauseId,
    /// The id of a reading that the entry declares.
    ReadingId,
    /// The id of a guarantee that the entry declares.
    GuaranteeId,
    /// A guarantee.
    Guarantee,
    /// The actor of a guarantee.
    Actor,
    /// A list of actions of a guarantee.
    Actions,
    /// The bound of a guarantee.
    Bound,
    /// A list of memberships.
    Memberships,
    /// A list of memberships at an event.
    MembershipsAtEvent,
    /// A list of values of guest access.
    GuestAccesses,
    /// A list of values of history visibility.
    HistoryVisibilities,
    /// A list of join rules.
    JoinRules,
    /// A reading.
    Reading,
    /// A list of clauses.
    Clauses,
    /// An option of the decision point that the entry is about.
    PointOption,
    /// A list of options of the decision point that the entry is about.
    PointOptions,
    /// Entries.
    Entries,
    /// An entry for each decision point.
    Points,
}

impl KeyValue {
    /// Whether a list of texts stands at such a key.
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Texts
                | Self::Changes
                | Self::Conditions
                | Self::Clauses
                | Self::PointOptions
                | Self::Actions
                | Self::Memberships
                | Self::MembershipsAtEvent
                | Self::GuestAccesses
                | Self::HistoryVisibilities
                | Self::JoinRules
        )
    }
}

impl Key {
    /// The key without its brackets.
    pub fn name(&self) -> &'static str {
        self.id.trim_matches(['[', ']'])
    }

    /// The key as the entry has it, without the name of the entry.
    pub fn name_in_entry(&self) -> &'static str {
        self.id.split_once('.').map_or(self.name(), |(_, name)| name)
    }

    /// The keys of an entry under this key.
    pub fn keys_of_an_entry(&self) -> impl Iterator<Item = &'static Self> {
        // Each entry of `[points]` is about one point.
        let entry = if self.value == KeyValue::Points { "point" } else { self.name() };
        KEYS.iter().filter(move |key| key.id.split_once('.').is_some_and(|(of, _)| of == entry))
    }

    /// The keys at the top of the file.
    pub fn top() -> impl Iterator<Item = &'static Self> {
        KEYS.iter().filter(|key| !key.id.contains('.'))
    }
}

const fn needed(id: &'static str, value: KeyValue, means: &'static str) -> Key {
    Key { id, value, is_required: true, means }
}

const fn optional(id: &'static str, value: KeyValue, means: &'static str) -> Key {
    Key { id, value, is_required: false, means }
}

/// The keys of a rules file, each with its meaning.
pub const KEYS: &[Key] = &[
    needed("id", KeyValue::Text, "the name of the rules"),
    optional("date", KeyValue::Date, "the date of the text: YYYY-MM-DD"),
    optional(
        "extends",
        KeyValue::Text,
        "the revision or the rules file that the file changes; a path is relative to the file",
    ),
    needed("about", KeyValue::Text, "the rules in one sentence"),
    optional("aliases", KeyValue::Texts, "a list of other names of the rules"),
    optional("[[clause]]", KeyValue::Entries, "declares a sentence of the proposal itself"),
    needed("clause.id", KeyValue::ClauseId, "the proposal's name and a number: `MSC4140-1`"),
    needed(
        "clause.force",
        KeyValue::Force,
        "`must` for an obligation, `may` for a right or a free choice, `silent` for a matter that the sentence does not settle",
    ),
    needed("clause.place", KeyValue::Text, "the section or the address in which it stands"),
    needed("clause.text", KeyValue::Text, "the sentence, as it stands or in your words"),
    optional("[[reading]]", KeyValue::Entries, "declares a question that the proposal leaves open"),
    needed(
        "reading.id",
        KeyValue::ReadingId,
        "the proposal's name and a number after `A`: `MSC4140-A1`",
    ),
    needed("reading.clauses", KeyValue::Clauses, "a list of the clauses that raise the question"),
    needed("reading.question", KeyValue::Text, "the question"),
    needed("reading.default", KeyValue::Text, "the answer that the file takes by default"),
    needed("reading.because", KeyValue::Text, "the reason for this answer"),
    optional(
        "[[endpoint]]",
        KeyValue::Entries,
        "declares an endpoint that the specification does not have",
    ),
    needed("endpoint.id", KeyValue::Endpoint, "method and path: `POST /rooms/{roomId}/peek`"),
    optional(
        "endpoint.path",
        KeyValue::Path,
        "the whole path; left out, the path below `/_matrix/client/v3`",
    ),
    optional(
        "endpoint.auth",
        KeyValue::Auth,
        "`user` (left out), `optional`, `none`, `appservice` or `other`",
    ),
    needed(
        "endpoint.gives",
        KeyValue::Text,
        "the content of rooms that the endpoint returns, in words, or `nothing`",
    ),
    needed("endpoint.does", KeyValue::Text, "what a call changes, in words, or `nothing`"),
    optional(
        "endpoint.changes",
        KeyValue::Changes,
        "what that is: a list of `rooms`, `accounts`, the caller's `tokens`, which end, and the caller's `reading`, which the call takes away; `[]` if none of them; left out, all of them",
    ),
    optional(
        "[[guarantee]]",
        KeyValue::Entries,
        "declares a guarantee: in a situation, actions by an actor stay within a bound",
    ),
    needed(
        "guarantee.id",
        KeyValue::GuaranteeId,
        "words with hyphens between them: `closed-rooms-stay-closed`",
    ),
    optional(
        "guarantee.always",
        KeyValue::Text,
        "the guarantee in words; left out, a sentence of its blocks",
    ),
    optional(
        "guarantee.premise",
        KeyValue::Text,
        "what has to happen at least once, in words; left out, a sentence of the blocks",
    ),
    needed(
        "guarantee.actor",
        KeyValue::Actor,
        "`guest`, `upgraded_guest`, `ended_guest` (whose token was ended), `user`, `moderator` or `nobody` (without a token)",
    ),
    needed(
        "guarantee.actions",
        KeyValue::Actions,
        "a list of endpoints, and of operations by all their endpoints. By guests: `join`, `leave`, `knock`, `read`, `send`, `send state`, `set history visibility`, `set guest access`, `set profile`, `upgrade`, `log out`, `deactivate`. By the user: `join`, `read` and the two settings. By the moderator: `send`, `send state`, the two settings, `set join rule`, `redact`, `invite`, `kick`, `ban`, `unban`",
    ),
    needed(
        "guarantee.bound",
        KeyValue::Bound,
        "`denied`, `allowed`, `changes_nothing` (no account, membership or setting) or `gives_no_event`",
    ),
    optional(
        "guarantee.membership",
        KeyValue::Memberships,
        "a list of memberships of the caller in the room, or of the target of an invite, a kick, a ban or an unban; left out, every one",
    ),
    optional(
        "guarantee.guest_access",
        KeyValue::GuestAccesses,
        "a list of values of the room's guest access; left out, every one",
    ),
    optional(
        "guarantee.history_visibility",
        KeyValue::HistoryVisibilities,
        "a list of values of the room's history visibility; left out, every one",
    ),
    optional(
        "guarantee.join_rule",
        KeyValue::JoinRules,
        "a list of join rules of the room; left out, every one",
    ),
    optional(
        "guarantee.event_visibility",
        KeyValue::HistoryVisibilities,
        "with `gives_no_event`: the history visibility before and after the event; left out, every one",
    ),
    optional(
        "guarantee.event_membership",
        KeyValue::MembershipsAtEvent,
        "with `gives_no_event`: the caller's membership before and after the event, `join`, `invite` or `other`; left out, every one",
    ),
    optional("[[allow]]", KeyValue::Entries, "opens an endpoint to guests"),
    needed("allow.endpoint", KeyValue::Endpoint, "the endpoint"),
    optional("allow.when", KeyValue::Conditions, "a list of conditions that a call has to meet"),
    optional(
        "allow.or_always",
        KeyValue::Reading,
        "the reading that permits a homeserver to drop the conditions",
    ),
    optional("allow.clauses", KeyValue::Clauses, "a list of clauses on which the entry rests"),
    optional(
        "[[may_allow]]",
        KeyValue::Entries,
        "permits a homeserver to open an endpoint, which is closed by default",
    ),
    needed("may_allow.endpoint", KeyValue::Endpoint, "the endpoint"),
    optional(
        "may_allow.when",
        KeyValue::Conditions,
        "a list of conditions that a call has to meet",
    ),
    needed(
        "may_allow.reading",
        KeyValue::Reading,
        "the reading that permits a homeserver to open the endpoint",
    ),
    optional("may_allow.clauses", KeyValue::Clauses, "a list of clauses on which the entry rests"),
    optional("[[refuse]]", KeyValue::Entries, "closes an endpoint to guests"),
    needed("refuse.endpoint", KeyValue::Endpoint, "the endpoint"),
    optional("refuse.clauses", KeyValue::Clauses, "a list of clauses on which the entry rests"),
    optional("[[promise]]", KeyValue::Entries, "promises a guarantee"),
    needed("promise.guarantee", KeyValue::Guarantee, "the guarantee"),
    optional("promise.clauses", KeyValue::Clauses, "a list of clauses on which the promise rests"),
    optional("[[withdraw]]", KeyValue::Entries, "gives up a promise"),
    needed("withdraw.guarantee", KeyValue::Guarantee, "the guarantee"),
    needed("withdraw.because", KeyValue::Text, "the reason, as the end of a sentence"),
    optional("withdraw.clauses", KeyValue::Clauses, "a list of clauses on which the entry rests"),
    optional(
        "[points]",
        KeyValue::Points,
        "answers decision points: `\"point\" = { … }`, the point in quotation marks",
    ),
    optional(
        "point.required",
        KeyValue::PointOption,
        "the option that the text requires; all others are forbidden",
    ),
    optional(
        "point.default",
        KeyValue::PointOption,
        "the default among the options that the text permits",
    ),
    optional(
        "point.also",
        KeyValue::PointOptions,
        "a list of the other options that the text permits",
    ),
    optional(
        "point.silent",
        KeyValue::PointOption,
        "the default where the text is silent; no option is forbidden",
    ),
    optional("point.reading", KeyValue::Reading, "the reading on which the default rests"),
    optional(
        "point.clauses",
        KeyValue::Clauses,
        "a list of clauses, in addition to those of the point",
    ),
];
