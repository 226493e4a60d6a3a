//! Which events a reader may see: the history visibility rules.

use crate::state::{ReaderRelation, Standing, Tagged};
use guest_access_rules::decision_point::{
    EvaluatedAt, GuestReads, InvitedOpens, JoinedNow, JoinedOpens, LeftReader, OwnMembership,
    SettingChange, SharedOpens, StateLeft, StatePreview, WorldReadableMeans,
};
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

use super::DecisionContext;
use super::caller::{Caller, CallerIdentity};

/// A reader and an event: everything that the history visibility rules read of them.
pub(super) struct Sight<'a> {
    tagged: &'a Tagged,
    /// The relation of the reader to the event.
    relation: ReaderRelation,
    /// The reader's membership now.
    membership: Membership,
    /// Whether the reader counts as a guest.
    guest: bool,
    /// The room's history visibility at the time of the call.
    now: HistoryVisibility,
}

impl DecisionContext<'_> {
    /// The tagged event and its reader, if there is a tagged event.
    pub(super) fn sight(&self, caller: &Caller, now: HistoryVisibility) -> Option<Sight<'_>> {
        let tagged = self.state.tagged.as_ref()?;
        let joined =
            ReaderRelation { before: Standing::Join, after: Standing::Join, joined_later: false };
        Some(Sight {
            tagged,
            relation: match caller.identity {
                CallerIdentity::Holder(guest) => tagged.relations[guest],
                CallerIdentity::Moderator | CallerIdentity::User => joined,
                CallerIdentity::Anonymous => ReaderRelation::STRANGER,
            },
            membership: self.membership(caller, 0),
            guest: caller.guest,
            now,
        })
    }

    /// Whether the reader may see the event in the timeline.
    pub(super) fn may_see(&self, sight: &Sight) -> bool {
        let choices = self.choices;
        if choices.joined_now() == JoinedNow::Everything && sight.membership == Membership::Join {
            return true;
        }
        // HV-24: A change of the setting may be seen if the setting before it or the setting after
        // it shows it.
        let (before, after) = match choices.evaluated_at() {
            EvaluatedAt::Event => (sight.tagged.before, sight.tagged.after),
            EvaluatedAt::Now => (sight.now, sight.now),
        };
        let settings = match choices.setting_change() {
            SettingChange::Either => [before, after],
            SettingChange::Before => [before, before],
            SettingChange::After => [after, after],
        };
        // HV-25: A user's own member event may be seen if the membership before it or the
        // membership after it shows it.
        let standings = match choices.own_membership() {
            OwnMembership::Either => [sight.relation.before, sight.relation.after],
            OwnMembership::Before => [sight.relation.before; 2],
            OwnMembership::After => [sight.relation.after; 2],
        };
        settings.iter().any(|v| standings.iter().any(|m| self.rules_show(sight, *v, *m)))
    }

    /// HV-21: Whether a user may see an event is judged by the state of the room at that event.
    fn rules_show(&self, sight: &Sight, v: HistoryVisibility, m: Standing) -> bool {
        let choices = self.choices;
        let outside = matches!(sight.membership, Membership::Leave | Membership::Ban);
        // HV-11: An event at which the setting was `world_readable` may be seen, whatever the
        // reader's membership.
        let world_readable = v == HistoryVisibility::WorldReadable
            && !(outside && choices.left_reader() == LeftReader::OnlyItsOwnTime);
        match choices.world_readable() {
            WorldReadableMeans::Inverted => return v != HistoryVisibility::WorldReadable,
            WorldReadableMeans::Opens if world_readable => return true,
            WorldReadableMeans::Opens => {}
        }
        // GA-16: A guest is given only events at which `m.room.history_visibility` was present and
        // `world_readable`.
        if sight.guest && choices.guest_reads() == GuestReads::WorldReadableOnly {
            return false;
        }
        let joined_now = sight.membership == Membership::Join;
        let joined_later = sight.relation.joined_later;
        // HV-3: A user whose membership at the event was `join` may see it.
        if m == Standing::Join && (choices.joined_opens() == JoinedOpens::Opens || joined_now) {
            return true;
        }
        // HV-22: An event at which the setting was `shared` may be seen by a user who joined at any
        // point after it.
        let shared_opens = match choices.shared_opens() {
            SharedOpens::LaterJoin => joined_later,
            SharedOpens::LaterJoinNotEnded => joined_later && joined_now,
            SharedOpens::Everyone => true,
            SharedOpens::Nobody => false,
        };
        if v == HistoryVisibility::Shared && shared_opens {
            return true;
        }
        // HV-23: A user whose membership at the event was `invite` may see it if the setting was
        // `invited`.
        let under_invited = v == HistoryVisibility::Invited;
        m == Standing::Invite
            && match choices.invited_opens() {
                InvitedOpens::Opens => under_invited,
                InvitedOpens::OpensSharedToo => under_invited || v == HistoryVisibility::Shared,
                InvitedOpens::OnceJoined => under_invited && joined_later,
                InvitedOpens::Never => false,
            }
    }

    /// Whether the reader is given the event, a state event, as part of the room's state.
    pub(super) fn may_see_as_state(&self, sight: &Sight) -> bool {
        use guest_access_rules::decision_point::StateCheck;
        let choices = self.choices;
        if choices.state_check() == StateCheck::Unchecked {
            return true;
        }
        // CS-22: A joined user is given the current state of a room.
        if sight.membership == Membership::Join {
            let limited = sight.guest && choices.guest_reads() == GuestReads::WorldReadableOnly;
            return !limited || self.may_see(sight);
        }
        // CS-23: A user who left a room is given its state as of the time it left.
        let outside = matches!(sight.membership, Membership::Leave | Membership::Ban);
        let before_it_left = sight.relation.before == Standing::Join || sight.relation.joined_later;
        let limited = sight.guest && choices.guest_reads() == GuestReads::WorldReadableOnly;
        if outside && !limited && (before_it_left || choices.state_left() == StateLeft::Current) {
            return true;
        }
        // RP-10: A user who has not joined is given only events at which
        // `m.room.history_visibility` was present and `world_readable`.
        let previewable = sight.now == HistoryVisibility::WorldReadable;
        let own_visibility = sight.tagged.before == HistoryVisibility::WorldReadable;
        let loses_previews = outside && choices.left_reader() == LeftReader::OnlyItsOwnTime;
        previewable
            && !loses_previews
            && (own_visibility
                || choices.state_preview() == StatePreview::Current
                || choices.evaluated_at() == EvaluatedAt::Now)
    }
}
