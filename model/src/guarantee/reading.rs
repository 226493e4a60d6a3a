//! Guarantees about the events that a guest is given.

use crate::action::{Operation, Place};
use crate::state::{Kind, ReaderRelation, Standing, TAGGED_ROOM, Tagged};
use guest_access_rules::decision_point::GuestReads;
use guest_access_rules::endpoint::Gives;
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

use super::{ActionGuarantee, GuaranteeId, Judgement, Transition, reads};

/// A guest's read while there is a tagged event.
struct Read<'a> {
    tagged: &'a Tagged,
    relation: &'a ReaderRelation,
    membership: Membership,
}

impl Transition<'_> {
    /// A guest's read about the room of the tagged event, or about no room.
    fn guests_read(&self) -> Option<Read<'_>> {
        let guest = self.live_guest()?;
        let about_its_room = match self.action.operation {
            Operation::Read(_) => matches!(self.action.place, Place::Room(0) | Place::Nowhere),
            Operation::ReadThroughOtherRoom => true,
            _ => false,
        };
        let tagged = self.before.tagged.as_ref().filter(|_| about_its_room)?;
        Some(Read {
            tagged,
            relation: &tagged.relations[guest],
            membership: self.before.rooms[0].members[guest],
        })
    }
}

impl Read<'_> {
    fn settings(&self) -> [HistoryVisibility; 2] {
        [self.tagged.before, self.tagged.after]
    }

    fn standings(&self) -> [Standing; 2] {
        [self.relation.before, self.relation.after]
    }

    fn was_world_readable(&self) -> bool {
        self.settings().contains(&HistoryVisibility::WorldReadable)
    }

    /// Whether the guest could see the event when it was sent.
    fn open_when_sent(&self) -> bool {
        self.was_world_readable()
            || self.standings().contains(&Standing::Join)
            || self.standings().contains(&Standing::Invite)
                && self.settings().contains(&HistoryVisibility::Invited)
    }

    /// Whether the event is part of a state that the guest's membership opens to it.
    fn state_of_its_own_room(&self) -> bool {
        let was_in = self.standings().contains(&Standing::Join) || self.relation.joined_later;
        self.tagged.kind == Kind::State && was_in
    }

    /// Whether the history visibility at the event and the guest's membership allow the event.
    fn permitted(&self) -> bool {
        self.open_when_sent()
            || self.settings().contains(&HistoryVisibility::Shared) && self.relation.joined_later
            || self.state_of_its_own_room()
    }
}

fn judge_read(
    t: &Transition,
    premise: impl Fn(&Read) -> bool,
    permitted: impl Fn(&Read) -> bool,
) -> Judgement {
    let Some(read) = t.guests_read() else {
        return Judgement::Untouched;
    };
    Judgement::of(
        premise(&read),
        !(premise(&read) && t.gave_the_tagged_event()) || permitted(&read),
    )
}

pub(super) const READ_CONFINEMENT: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::ReadConfinement,
    about: reads,
    judge: |t| judge_read(t, |read| !read.permitted(), |_| false),
};

pub(super) const PREVIEW_CONFINEMENT: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::PreviewConfinement,
    about: reads,
    judge: |t| {
        let never_a_member = |read: &Read| read.membership == Membership::Never;
        judge_read(t, |read| never_a_member(read) && !read.was_world_readable(), |_| false)
    },
};

pub(super) const NO_RETROACTIVE_EXPOSURE: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::NoRetroactiveExposure,
    about: reads,
    judge: |t| {
        let opened_since = t.before.rooms[0].visibility == Some(HistoryVisibility::WorldReadable);
        let exercised = judge_read(t, |read| opened_since && !read.open_when_sent(), |_| true);
        match judge_read(t, |read| !read.open_when_sent() && !read.relation.joined_later, |_| false)
        {
            Judgement::Violated => Judgement::Violated,
            _ => exercised,
        }
    },
};

pub(super) const WORLD_READABLE_ONLY: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::WorldReadableOnly,
    about: reads,
    judge: |t| {
        let joined = |read: &Read| read.membership == Membership::Join;
        let hidden = |read: &Read| !read.was_world_readable();
        match judge_read(t, hidden, |_| false) {
            Judgement::Violated => Judgement::Violated,
            _ => judge_read(t, |read| joined(read) && hidden(read), |_| true),
        }
    },
};

pub(super) const READ_ENTITLEMENT: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::ReadEntitlement,
    about: reads,
    judge: |t| {
        let (Some(guest), Some(read)) = (t.live_guest(), t.guests_read()) else {
            return Judgement::Untouched;
        };
        let Operation::Read(endpoint) = t.action.operation else {
            return Judgement::Untouched;
        };
        let listed = t.is_listed(endpoint, guest);
        let settings = read.settings();
        let joined_now = read.membership == Membership::Join;
        let limited = t.rules.choices.guest_reads == GuestReads::WorldReadableOnly;
        // The weakest claim that holds under every reading (A10, A11, A12): both sides of a change show
        // the event.
        let world_readable = settings.iter().all(|v| *v == HistoryVisibility::WorldReadable);
        let by_membership = read.standings().iter().all(|m| *m == Standing::Join)
            || settings.iter().all(|v| *v == HistoryVisibility::Shared)
                && read.relation.joined_later
                && joined_now;
        let opened = world_readable || !limited && by_membership;
        let one_side = !limited
            && read.membership != Membership::Ban
            && (settings.contains(&HistoryVisibility::WorldReadable)
                || read.standings().contains(&Standing::Join));
        let previewable = t.before.rooms[0].visibility == Some(HistoryVisibility::WorldReadable);
        // A15: a banned reader may be refused.
        let previewable = previewable && read.membership != Membership::Ban;
        let answers = match endpoint.get().gives {
            Some(Gives::Timeline | Gives::InitialSync) => {
                joined_now
                    || previewable
                    || read.membership == Membership::Leave
                        && t.reads_as_of_its_leaving(TAGGED_ROOM, guest)
            }
            Some(Gives::Stream) => t.action.place == Place::Room(0) && (joined_now || previewable),
            Some(Gives::Event) => {
                read.membership != Membership::Ban
                    && (previewable || !t.has_forgotten(TAGGED_ROOM, guest))
            }
            Some(Gives::Sync) => joined_now,
            _ => false,
        };
        let owed = listed && answers && (opened || one_side);
        Judgement::of(owed, !owed || t.gave_the_tagged_event())
    },
};
