//! The parts of a room's state: what its guests have in common, and what is each guest's own.

use crate::decide::initial;
use crate::state::{Account, Kind, ReaderRelation, State, TAGGED_ROOM, Tagged};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership};

/// What the guests of a room have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Common {
    visibility: Option<HistoryVisibility>,
    guest_access: GuestAccess,
    join_rule: JoinRule,
    user: Membership,
    /// The tagged event, once it was sent, but for how anyone stands to it.
    tagged: Option<(Kind, HistoryVisibility, HistoryVisibility)>,
}

/// What is one guest's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Own {
    pub(super) account: Account,
    membership: Membership,
    /// How it stands to the tagged event; a stranger while there is none.
    relation: ReaderRelation,
}

impl Own {
    /// A guest that has just registered.
    pub(super) const REGISTERED: Self = Self {
        account: Account::Guest,
        membership: Membership::Never,
        relation: ReaderRelation::STRANGER,
    };

    /// One of those that nothing which is said of a step about another room can tell from it.
    pub(super) fn as_seen_from_another(self) -> Self {
        Self { relation: ReaderRelation::STRANGER, ..self }
    }

    /// The guest after somebody else sent the tagged event that is now part of `common`.
    pub(super) fn witnessing(self) -> Self {
        let standing = self.membership.into();
        let joined_later = self.membership == Membership::Join;
        Self {
            relation: ReaderRelation { before: standing, after: standing, joined_later },
            ..self
        }
    }
}

impl Common {
    /// One of those that no reader, and nothing that is said of a read, can tell from it: who may join
    /// decides nothing there.
    pub(super) fn as_read(self) -> Self {
        Self { guest_access: GuestAccess::Forbidden, join_rule: JoinRule::Public, ..self }
    }

    /// One of those that nothing which is said of a step about another room can tell from it.
    pub(super) fn as_seen_from_another(self) -> Self {
        Self { user: Membership::Join, tagged: None, ..self.as_read() }
    }

    /// Whether the only difference to `before` is that the tagged event was sent.
    pub(super) fn only_tags(self, before: Self) -> bool {
        before.tagged.is_none() && Self { tagged: None, ..self } == before
    }
}

/// The parts of the first room's state, with so many guests.
pub(super) fn split(state: &State, guests: usize) -> (Common, Vec<Own>) {
    let room = &state.rooms[TAGGED_ROOM];
    let common = Common {
        visibility: room.visibility,
        guest_access: room.guest_access,
        join_rule: room.join_rule,
        user: room.user,
        tagged: state.tagged.map(|tagged| (tagged.kind, tagged.before, tagged.after)),
    };
    let own = |guest: usize| Own {
        account: state.accounts[guest],
        membership: room.members[guest],
        relation: state.tagged.map_or(ReaderRelation::STRANGER, |tagged| tagged.relations[guest]),
    };
    (common, (0..guests).map(own).collect())
}

/// The state with these parts.
pub(super) fn compose(profile: &Profile, common: Common, owns: &[Own]) -> State {
    let mut state = initial(profile);
    let room = &mut state.rooms[TAGGED_ROOM];
    room.visibility = common.visibility;
    room.guest_access = common.guest_access;
    room.join_rule = common.join_rule;
    room.user = common.user;
    for (guest, own) in owns.iter().enumerate() {
        room.members[guest] = own.membership;
        state.accounts[guest] = own.account;
    }
    state.tagged = common.tagged.map(|(kind, before, after)| {
        let mut tagged = Tagged { before, after, ..Tagged::between(kind, room, room) };
        for (relation, own) in tagged.relations.iter_mut().zip(owns) {
            *relation = own.relation;
        }
        tagged
    });
    state
}
