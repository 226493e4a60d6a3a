//! The result of one step as data: what the rules expect of the step, or what a homeserver did.
//!
//! Results are compared and hashed as data. Only reports turn a result into words.

use guest_access_model::decide::Outcome;
use guest_access_model::state::{MAX_GUESTS, State};
use guest_access_rules::vocabulary::Membership;
use guest_access_scenarios::scenario::{LABEL, ObservedStep};
use serde::Serialize;

use crate::subject::server::{
    CallEffect, CallVerdict, Direction, EventPresence, Memberships, ResponseContent,
};

use super::content_difference::{
    ContentDifference, ContentFault, EVENT_FIELDS, EventClass, JOINED, MEMBERS_AT,
    MEMBERSHIP_AT_EVENT, OTHER_MEMBERS, OWN_MEMBERSHIP, RELATED, SENT, SENT_AS, SINCE,
};
use super::judge::StepRecord;
use super::listing::MembershipSource;
use super::renaming::Renaming;

/// The result of one step. The serialized form is part of every id of a divergence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct StepResult {
    pub(super) decision: DecisionResult,
    /// Whether the answer gives the tagged event; `None` if there is no tagged event, or the answer can
    /// give no event.
    pub(super) tagged_event: Option<TaggedEventGiven>,
    /// What `GET /account/whoami` says of the caller.
    pub(super) is_guest: Option<bool>,
    /// Whether a guest that asked for a name when it registered got the name.
    pub(super) named: Option<bool>,
    /// The effect that the call has to have, where the call did not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effect: Option<EffectResult>,
    /// The memberships in which the homeserver differs from the rules.
    pub(super) memberships: Vec<MembershipResult>,
    /// The worst difference between the events in the answer and what the reader may be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<ContentResult>,
}

/// Whether an answer has a difference of content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct ContentResult {
    pub(super) fault: ContentFault,
    /// Whether the answer has the fault.
    pub(super) is_there: bool,
    pub(super) section: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<EventClass>,
    /// The membership of the reader when it reads, where the fault depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reader: Option<Membership>,
}

/// Whether a call is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DecisionResult {
    /// The call is allowed.
    Allow,
    /// The call is allowed, and fails on its parameters afterwards.
    AllowAndFail(ErrorResult),
    /// The call is denied.
    Deny(ErrorResult),
    /// The answer is inconclusive, for this reason.
    Unknown(String),
}

/// An HTTP error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct ErrorResult {
    pub(super) status: u16,
    /// The error code; `None` if the answer has none.
    pub(super) errcode: Option<String>,
}

/// Whether an answer gives the tagged event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TaggedEventGiven {
    /// The answer does not give the event.
    No,
    /// The answer gives the event when the timeline is read backwards only.
    BackwardsOnly,
    /// The answer gives the event when the timeline is read forwards only.
    ForwardsOnly,
    /// The answer gives the event.
    Yes,
}

/// An effect of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct EffectResult {
    pub(super) effect: CallEffect,
    /// Whether the call has the effect.
    pub(super) holds: bool,
}

/// One membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct MembershipResult {
    pub(super) source: MembershipSource,
    pub(super) member: Member,
    pub(super) membership: Membership,
}

/// The member whose membership it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Member {
    /// The guest with this number.
    Guest(u8),
    /// The ordinary user.
    User,
}

impl StepResult {
    /// The expected and the observed result, with renamed guests.
    pub(super) fn expected_and_observed(
        renaming: Renaming,
        before: &State,
        expected: &Outcome,
        record: &StepRecord,
    ) -> (Self, Self) {
        let mut ours = Self::expected(before, expected, record);
        let mut theirs = Self::observed(record, before.tagged.is_some());
        if expected.observation.decision.allows() {
            ours.effect = theirs.effect.map(|found| EffectResult { holds: true, ..found });
        }
        let mut differ = |source, should: Memberships, is: Memberships, gone| {
            for (member, should, is) in differing(renaming, should, is, gone) {
                ours.memberships.push(MembershipResult { source, member, membership: should });
                theirs.memberships.push(MembershipResult { source, member, membership: is });
            }
        };
        let rooms = record.members.iter().flatten().zip(&expected.next.rooms);
        for (number, (seen, expect)) in rooms.enumerate() {
            let source = MembershipSource::Room(renaming.room(number));
            let expect = Memberships { guests: expect.members, user: expect.user };
            differ(source, expect, *seen, record.gone);
        }
        for (source, should, is) in record.listed() {
            differ(source, should, is, record.gone);
        }
        (ours, theirs)
    }

    /// The expected result without memberships.
    fn expected(before: &State, outcome: &Outcome, record: &StepRecord) -> Self {
        let action = &record.step;
        let expect = ObservedStep { action, before, outcome, label: Some(LABEL) }.expect();
        let decision = outcome.observation.decision;
        let error = || ErrorResult {
            status: decision.status,
            errcode: decision.errcode.map(|errcode| errcode.to_string()),
        };
        let tagged_event = match (expect.sees.is_empty(), expect.not_sees.is_empty()) {
            (false, _) => Some(TaggedEventGiven::Yes),
            (_, false) => Some(TaggedEventGiven::No),
            _ => None,
        };
        Self {
            decision: if decision.allows() {
                DecisionResult::Allow
            } else {
                DecisionResult::Deny(error())
            },
            tagged_event: tagged_event.filter(|_| record.content.is_empty()),
            is_guest: expect.is_guest,
            named: expect.named,
            effect: None,
            memberships: Vec::new(),
            content: record.content.first().map(|content| ContentResult::of(content, false)),
        }
    }

    /// The observed result without memberships.
    pub(super) fn observed(record: &StepRecord, has_tagged_event: bool) -> Self {
        let error = |status: &u16, errcode: &Option<String>| ErrorResult {
            status: *status,
            errcode: errcode.clone(),
        };
        let mut result = Self {
            decision: match &record.observed.verdict {
                CallVerdict::Allowed => DecisionResult::Allow,
                CallVerdict::Denied { status, errcode } => {
                    DecisionResult::Deny(error(status, errcode))
                }
                CallVerdict::ParametersRejected { status, errcode } => {
                    DecisionResult::AllowAndFail(error(status, errcode))
                }
                CallVerdict::Inconclusive(reason) => {
                    DecisionResult::Unknown(reason.because.clone())
                }
            },
            tagged_event: None,
            is_guest: None,
            named: None,
            effect: None,
            memberships: Vec::new(),
            content: record.content.first().map(|content| ContentResult::of(content, true)),
        };
        // A difference of content stands for itself.
        let has_tagged_event = has_tagged_event && record.content.is_empty();
        match &record.observed.content {
            ResponseContent::Gave(EventPresence::Present) if has_tagged_event => {
                result.tagged_event = Some(TaggedEventGiven::Yes);
            }
            ResponseContent::Gave(EventPresence::Absent) if has_tagged_event => {
                result.tagged_event = Some(TaggedEventGiven::No);
            }
            ResponseContent::Gave(EventPresence::Partial(Direction::Backwards)) => {
                result.tagged_event = Some(TaggedEventGiven::BackwardsOnly);
            }
            ResponseContent::Gave(EventPresence::Partial(Direction::Forwards)) => {
                result.tagged_event = Some(TaggedEventGiven::ForwardsOnly);
            }
            ResponseContent::IsGuest(is_guest) => result.is_guest = Some(*is_guest),
            ResponseContent::Named(named) => result.named = Some(*named),
            ResponseContent::Effect { effect, holds: false } => {
                result.effect = Some(EffectResult { effect: *effect, holds: false });
            }
            ResponseContent::Nothing
            | ResponseContent::Gave(_)
            | ResponseContent::Effect { .. }
            | ResponseContent::Unread(_)
            | ResponseContent::Listed { .. } => {}
        }
        result
    }

    /// The result in words, on one line.
    pub(super) fn in_words(&self) -> String {
        let mut parts = vec![self.decision.in_words()];
        parts.extend(self.tagged_event.map(|given| match given {
            TaggedEventGiven::Yes => format!("gives {LABEL}"),
            TaggedEventGiven::No => format!("does not give {LABEL}"),
            TaggedEventGiven::BackwardsOnly => format!("gives {LABEL} backwards (`dir=b`) only"),
            TaggedEventGiven::ForwardsOnly => format!("gives {LABEL} forwards (`dir=f`) only"),
        }));
        let is_guest = |is: bool| if is { "a" } else { "no" };
        parts.extend(self.is_guest.map(|is| format!("says that it is {} guest", is_guest(is))));
        let name =
            |own: bool| if own { "the name it asked for" } else { "a name of the server's choice" };
        parts.extend(self.named.map(|own| format!("with {}", name(own))));
        parts.extend(self.effect.map(EffectResult::in_words));
        parts.extend(self.memberships.iter().map(MembershipResult::in_words));
        parts.extend(self.content.as_ref().map(ContentResult::in_words));
        parts.join(", ")
    }
}

impl ContentResult {
    fn of(difference: &ContentDifference, is_there: bool) -> Self {
        let ContentDifference { fault, section, event, reader, .. } = difference.clone();
        let depends = event.is_some() || fault == ContentFault::Untrue;
        Self { fault, is_there, section, event, reader: depends.then_some(reader) }
    }

    /// The result in words: what the answer gives, and where.
    fn in_words(&self) -> String {
        let section = &self.section;
        let place = if section.is_empty() { String::new() } else { format!(" in `{section}`") };
        let reader = self.reader.unwrap_or(Membership::Never).as_str();
        let gives = if self.is_there == (self.fault == ContentFault::Lack) {
            "does not give"
        } else {
            "gives"
        };
        match (self.fault, self.event) {
            (ContentFault::Excess | ContentFault::Lack, Some(event)) => {
                format!(
                    "{gives}{place} {}, to a reader {}",
                    event.in_words(),
                    self.reader_in_words()
                )
            }
            (ContentFault::Excess, None) => format!("{gives}{place} what a redaction stripped"),
            (ContentFault::Lack, None) if section == SENT => {
                let not = if self.is_there { "not " } else { "" };
                format!("and the content that was sent is {not}stored")
            }
            (ContentFault::Lack, None) => format!("{gives}{place} the whole content of an event"),
            (ContentFault::Untrue, _) if section == OWN_MEMBERSHIP => {
                let another =
                    if self.is_there { "another membership than" } else { "the membership" };
                format!("names{place} {another} `{reader}`")
            }
            (ContentFault::Untrue, _) if section == OTHER_MEMBERS => {
                format!("{gives}{place} members of another membership")
            }
            (ContentFault::Untrue, _) if section == MEMBERS_AT => {
                format!("{gives}{place} members that are newer")
            }
            (ContentFault::Untrue, _) if section == JOINED => {
                let who = if self.is_there { "others than" } else { "" };
                format!("names{place} {who} the joined members").replace("  ", " ")
            }
            (ContentFault::Untrue, _) if section == RELATED => {
                format!("{gives}{place} events that do not belong there")
            }
            (ContentFault::Untrue, _) if section == SINCE => {
                format!("{gives}{place} events that the last sync gave")
            }
            (ContentFault::Untrue, _) if section == SENT_AS => {
                let not = if self.is_there { "not " } else { "" };
                format!("and the event is {not}stored under its type and its state key")
            }
            (ContentFault::Untrue, _) if section == MEMBERSHIP_AT_EVENT => {
                let whose =
                    if self.is_there { "another membership than that" } else { "the membership" };
                format!("names{place} {whose} of the reader at the event")
            }
            (ContentFault::Untrue, _) if EVENT_FIELDS.contains(&section.as_str()) => {
                let another = if self.is_there { "another value than" } else { "the value that" };
                format!("gives{place} {another} the event has")
            }
            (ContentFault::Untrue, _) => {
                let lists = if self.is_there { "lists" } else { "does not list" };
                format!("{lists}{place} a room in which the reader's membership is `{reader}`")
            }
            (ContentFault::Order, _) => {
                let order = if self.is_there { "in a wrong order" } else { "in order" };
                format!("gives{place} the events {order}")
            }
        }
    }

    fn reader_in_words(&self) -> String {
        match self.reader {
            None | Some(Membership::Never) => "who never had one".to_owned(),
            Some(reader) => format!("whose membership is now `{reader}`"),
        }
    }
}

impl DecisionResult {
    fn in_words(&self) -> String {
        match self {
            Self::Allow => "allow".to_owned(),
            Self::AllowAndFail(error) => {
                format!("allow, and then {} over the parameters", error.in_words())
            }
            Self::Deny(error @ ErrorResult { status: 500.., .. }) => {
                format!("fail {}", error.in_words())
            }
            Self::Deny(error) => format!("deny {}", error.in_words()),
            Self::Unknown(why) => format!("nothing is known: {why}"),
        }
    }
}

impl ErrorResult {
    fn in_words(&self) -> String {
        let errcode = self.errcode.as_deref().unwrap_or("without an error code");
        format!("{} {errcode}", self.status)
    }
}

impl EffectResult {
    fn in_words(self) -> String {
        let not = if self.holds { "" } else { "not " };
        match self.effect {
            CallEffect::NameStored => format!("and the display name is {not}stored"),
            CallEffect::FileGiven => format!("and the file is {not}the one that was uploaded"),
            CallEffect::NameRemoved => format!("and the display name is {not}removed"),
            CallEffect::NameCarried => format!("and the display name is {not}in the member events"),
            CallEffect::ThumbnailGiven => format!("and the answer is {not}a picture"),
            CallEffect::RoomNamed => format!("and the joined room is {not}named"),
            CallEffect::DeviceNamed | CallEffect::DeviceKnown => {
                format!("and the device is {not}named")
            }
            CallEffect::TokenGiven => format!("and the access token is {not}given"),
            CallEffect::DeviceChosen => {
                format!("and the homeserver has {not}picked the device")
            }
            CallEffect::MessageDelivered => format!("and the message is {not}delivered"),
            CallEffect::MessageKept => {
                format!("and the messages to others are {not}kept from the caller")
            }
            CallEffect::MessageDeliveredOnce => format!("and the message is {not}delivered once"),
            CallEffect::RoomForgotten => format!("and the room is {not}forgotten"),
            CallEffect::AliasLeads => format!("and the room of the alias is {not}named"),
            CallEffect::PreviewListed => {
                format!("and the directory is {not}right about `world_readable`")
            }
            CallEffect::RoomHidden => {
                format!("and a room that is not published is {not}hidden")
            }
            CallEffect::GuestsListed => {
                format!("and the directory is {not}right about `guest_can_join`")
            }
        }
    }
}

impl MembershipResult {
    fn in_words(&self) -> String {
        let who = match self.member {
            Member::Guest(number) => format!("guest{}", number + 1),
            Member::User => "the user".to_owned(),
        };
        let membership = self.membership.as_str();
        match self.source {
            MembershipSource::Room(number) => {
                format!("{who} is `{membership}` in room{}", number + 1)
            }
            MembershipSource::List => format!("{who} is listed as `{membership}`"),
            MembershipSource::ListAt => format!("{who} is listed as `{membership}` with `at`"),
        }
    }
}

/// The members with a wrong membership, each with the expected and the observed membership.
fn differing(
    renaming: Renaming,
    should: Memberships,
    is: Memberships,
    gone: [bool; MAX_GUESTS],
) -> Vec<(Member, Membership, Membership)> {
    let mut differing: Vec<_> = (0_u8..)
        .zip(should.guests.into_iter().zip(is.guests).zip(gone))
        .filter(|(_, ((should, is), gone))| should != is && !gone)
        .map(|(number, ((should, is), _))| (Member::Guest(renaming.guest(number)), should, is))
        .collect();
    differing.sort_unstable();
    if should.user != is.user {
        differing.push((Member::User, should.user, is.user));
    }
    differing
}
