//! The events in the answers of a segment, compared with what each reader may be given.
//!
//! The model keeps one event of a room. A homeserver has many, and an answer gives them in several
//! sections. So the answers are compared once more, event by event:
//!
//! 1. After the segment, the moderator reads the timeline of each room since the segment began.
//! 2. For each answer, find how much of the timeline had been sent ([`places`]).
//! 3. Load that part of the timeline into the reference. The reference says, of each event, whether the
//!    reader may be given the event, and which events the answer has to give ([`judge`]).
//!    The content of each event has to be the content that the moderator is given ([`judge`]).
//! 4. Where the default profile differs from the answer, ask the reference under each permitted option,
//!    and under each pair of them. If any of these explains a difference, the difference is permitted.
//!
//! What answers say besides events is compared too ([`facts`]), and what they say of an event besides its
//! content ([`event_fields`]), and the content of what was sent with what is read of it ([`sent`]).
//!
//! Not compared: a room of which the moderator is not given every event, `unsigned` but for aggregated
//! events, replaced content and the membership of the reader, the state in excerpts, and events from before the segment. But the state of
//! a joined reader has to be whole, and a sync has to list each room in which the reader has a membership,
//! or which it left. A reader's own member events tell the reader nothing new, so every answer may give
//! them.

mod altered_content;
mod answer;
mod coverage;
mod event_fields;
mod facts;
mod fault;
mod judge;
mod lists;
mod places;
mod sent;
mod stream_places;

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::{Action, Actor, Credential, Operation};
use guest_access_model::state::State;
use guest_access_reference::reference::Reader;
use guest_access_rules::variant::Variants;
use ruma::OwnedUserId;

use crate::subject::server::{ReadAnswer, RoomTimeline, SentEvent, ServerError, Session};

use super::content_difference::ContentDifference;
use super::judge::StepRecord;
use super::step_result::Member;

pub(super) use coverage::ContentCoverage;
pub use coverage::{ContentCheck, SectionCoverage};

use judge::{AnswerJudge, AnsweredReader};
use places::Places;

const FORGET: &str = "POST /rooms/{roomId}/forget";

/// What a session knows after the last action of a segment.
#[derive(Debug)]
pub(super) struct SessionEvidence {
    pub(super) answers: Vec<ReadAnswer>,
    /// The timelines of the rooms; none, for a room whose timeline is not known.
    pub(super) timelines: Vec<Option<RoomTimeline>>,
    /// All user ids that each guest has had.
    pub(super) guest_ids: Vec<(u8, OwnedUserId)>,
    pub(super) user: OwnedUserId,
    /// Whether the homeserver says that a user who leaves a room forgets the room at once.
    pub(super) forgets_upon_leave: bool,
    /// Whether the end of an account erased the account.
    pub(super) erases: bool,
    /// The events that the session sent.
    pub(super) sent: Vec<SentEvent>,
}

impl SessionEvidence {
    /// What a session knows now. Reads the timelines, if the session has read anything.
    ///
    /// # Errors
    /// If the moderator cannot read a room.
    pub(super) async fn of(session: &Session<'_>) -> Result<Self, ServerError> {
        let answers = session.take_answers();
        let sent = session.sent_events();
        let has_sent = sent.iter().any(|sent| sent.action.is_some() && sent.content.is_some());
        let is_needed = has_sent || !answers.is_empty();
        let timelines =
            if is_needed { session.settled_timelines(&sent).await? } else { Vec::new() };
        let user = session.user_id();
        let guest_ids = session.guest_ids().to_vec();
        let forgets_upon_leave = session.forgets_upon_leave();
        let erases = session.erases();
        Ok(Self { answers, timelines, guest_ids, user, forgets_upon_leave, erases, sent })
    }

    /// The user ids of a member of the model.
    fn ids_of(&self, member: Member) -> impl Iterator<Item = &OwnedUserId> {
        let user = (member == Member::User).then_some(&self.user);
        let guests = self.guest_ids.iter();
        let guests = guests.filter(move |(number, _)| member == Member::Guest(*number));
        guests.map(|(_, id)| id).chain(user)
    }
}

/// The differences at each step of a log that has some, the worst first, by the number of the step.
pub(super) fn differences(
    variants: &Variants,
    initial: &State,
    log: &[StepRecord],
    evidence: &SessionEvidence,
    coverage: &mut ContentCoverage,
) -> Vec<(usize, Vec<ContentDifference>)> {
    let places: Vec<Option<Places>> = evidence
        .timelines
        .iter()
        .enumerate()
        .map(|(room, timeline)| Places::of(room, timeline.as_ref()?, initial, log, evidence))
        .collect();
    let mut judge = AnswerJudge::new(variants, evidence, erasures(log, evidence));
    let of_one_action = evidence.answers.chunk_by(|one, other| one.action == other.action);
    let found = of_one_action.filter_map(|answers| {
        let at = answers[0].action;
        let record = log.get(at)?;
        let before = at.checked_sub(1).map_or(initial, |previous| &log[previous].after);
        let reader = reader(&record.step, before, answers, evidence)?;
        let own_steps = log[..at].iter().map(|record| &record.step);
        let may_have_forgotten = evidence.forgets_upon_leave
            || own_steps.filter(|step| step.by == record.step.by).any(is_forget);
        // An action may also read something else, to find a place in the stream.
        let called = record.step.operation.endpoint();
        let is_own = |answer: &&ReadAnswer| {
            answer.reader == reader.user_id && Some(answer.endpoint) == called
        };
        let own: Vec<_> = answers.iter().filter(is_own).collect();
        for answer in &own {
            coverage.is_answered(answer.endpoint);
        }
        let reader = AnsweredReader { reader, may_have_forgotten };
        let differences: BTreeSet<_> = places
            .iter()
            .enumerate()
            .filter_map(|(room, places)| {
                judge.differences(room, (places.as_ref()?, at), &reader, &own, coverage)
            })
            .flatten()
            .collect();
        (!differences.is_empty()).then(|| (at, differences.into_iter().collect()))
    });
    let mut found: BTreeMap<usize, Vec<ContentDifference>> = found.collect();
    for (at, difference) in sent::differences(log, evidence, coverage) {
        found.entry(at).or_default().push(difference);
    }
    found.into_iter().collect()
}

/// The users whose accounts were erased, each with the number of the action.
fn erasures(log: &[StepRecord], evidence: &SessionEvidence) -> BTreeMap<OwnedUserId, usize> {
    let erased = log.iter().enumerate().filter(|(_, record)| {
        record.step.operation == Operation::Deactivate && record.observed.is_allowed()
    });
    let users =
        erased.filter(|_| evidence.erases).filter_map(|(at, record)| match record.step.by {
            Actor::Guest(number) => Some((at, Member::Guest(number))),
            _ => None,
        });
    users.flat_map(|(at, who)| evidence.ids_of(who).map(move |id| (id.clone(), at))).collect()
}

/// Whether a step asks to forget a room.
fn is_forget(step: &Action) -> bool {
    matches!(step.operation, Operation::Call(endpoint) if endpoint.get().id == FORGET)
}

/// The reader of these answers, if the caller read for itself.
fn reader(
    step: &Action,
    before: &State,
    answers: &[ReadAnswer],
    evidence: &SessionEvidence,
) -> Option<Reader> {
    if step.with != Credential::Own {
        return None;
    }
    let is_guest = match step.by {
        Actor::Guest(number) => before.accounts.get(usize::from(number))?.is_guest(),
        Actor::User | Actor::Moderator => false,
        Actor::Server | Actor::Nobody => return None,
    };
    // The moderator's own calls prepare the calls of others.
    let user_id = answers.last()?.reader.clone();
    let is_caller = match step.by {
        Actor::Guest(number) => evidence.ids_of(Member::Guest(number)).any(|id| *id == user_id),
        Actor::User => evidence.ids_of(Member::User).any(|id| *id == user_id),
        _ => true,
    };
    is_caller.then_some(Reader { user_id, is_guest })
}
