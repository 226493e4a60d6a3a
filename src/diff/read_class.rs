//! The class of a further call of a read.
//!
//! Two reads are of one class if they ask in the same way, for readers whom the rules do not tell apart.

use guest_access_model::action::{Action, Actor, Answer, Credential, Observation, Operation};
use guest_access_model::decide::Outcome;
use guest_access_model::state::State;
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

use crate::subject::server::FurtherRead;

/// The class of a further call.
#[expect(clippy::struct_excessive_bools, reason = "each is a question about the reader")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadClass {
    /// The way in which the call asks.
    pub read: FurtherRead,
    is_guest: bool,
    membership: Membership,
    is_world_readable: bool,
    is_answered: bool,
    /// Whether the reader is given the tagged event, if there is one and the read is of a timeline.
    is_given: Option<bool>,
    /// Whether a list of members has members who are not joined.
    has_others: bool,
    /// Whether the newest change since the last sync of the reader is an event that is no membership, if the
    /// read is of what happened since then.
    has_news: bool,
}

impl ReadClass {
    /// The classes of the further calls of a step in this state, whose outcome by the rules is `expected`. The
    /// steps before it, `earlier`, begin with the last.
    pub(super) fn of<'a>(
        before: &State,
        earlier: impl Iterator<Item = &'a Action>,
        step: &Action,
        expected: &Outcome,
    ) -> Vec<Self> {
        let ways = FurtherRead::of(step);
        let room = before.rooms.get(step.room().unwrap_or_default());
        let (Some(room), Credential::Own) = (room, step.with) else { return Vec::new() };
        let (is_guest, membership) = match step.by {
            Actor::Guest(guest) => {
                let guest = usize::from(guest);
                (before.accounts[guest].is_guest(), room.members[guest])
            }
            Actor::User => (false, room.user),
            Actor::Moderator | Actor::Server | Actor::Nobody => return Vec::new(),
        };
        let Observation { decision, answer, .. } = expected.observation;
        let is_of_timeline = |read| {
            matches!(
                read,
                FurtherRead::FilteredMessages | FurtherRead::ShortSync | FurtherRead::SyncSince
            )
        };
        let is_of_members =
            |read| matches!(read, FurtherRead::JoinedMembers | FurtherRead::EarlierMembers);
        let is_other =
            |member: &Membership| !matches!(member, Membership::Never | Membership::Join);
        let has_news = has_news(step, earlier);
        let class = |read| Self {
            read,
            is_guest,
            membership,
            is_world_readable: room.visibility == Some(HistoryVisibility::WorldReadable),
            is_answered: decision.allows(),
            is_given: before
                .tagged
                .filter(|_| is_of_timeline(read))
                .map(|_| answer == Answer::Gave { tagged: true }),
            has_others: is_of_members(read) && room.members.iter().any(is_other),
            has_news: read == FurtherRead::SyncSince && has_news,
        };
        ways.iter().copied().map(class).collect()
    }
}

/// Whether the newest change since the caller's last call of this kind is an event that is no membership.
fn has_news<'a>(step: &Action, earlier: impl Iterator<Item = &'a Action>) -> bool {
    let is_last = |earlier: &&Action| earlier.by == step.by && earlier.operation == step.operation;
    let mut since = earlier.take_while(|earlier| !is_last(earlier));
    let newest = since.find(|earlier| !matches!(earlier.operation, Operation::Read(_)));
    newest.is_some_and(|step| matches!(step.operation, Operation::Send(_) | Operation::SendState))
}
