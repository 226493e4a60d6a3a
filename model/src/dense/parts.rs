//! The parts of a state of one room: the room state, and a guest state for each guest.

use crate::decide::initial;
use crate::state::{Account, Kind, Past, ReaderRelation, State, TAGGED_ROOM, Tagged};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership};

/// The part of the state that all guests of a room share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RoomState {
    visibility: Option<HistoryVisibility>,
    guest_access: GuestAccess,
    join_rule: JoinRule,
    user: Membership,
    /// The class of the tagged event, once it was sent, without the relations of the guests to it.
    tagged: Option<(Kind, HistoryVisibility, HistoryVisibility)>,
}

/// The part of the state that is about one guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GuestState {
    pub(super) account: Account,
    membership: Membership,
    past: Past,
    /// Its relation to the tagged event. Without a tagged event, the relation of a stranger.
    relation: ReaderRelation,
}

impl GuestState {
    /// A guest that has just registered.
    pub(super) const REGISTERED: Self = Self {
        account: Account::Guest,
        membership: Membership::Never,
        past: Past::Unkept,
        relation: ReaderRelation::STRANGER,
    };

    /// A representative of all states that no guarantee distinguishes in an action about another room.
    pub(super) fn as_seen_from_another(self) -> Self {
        Self { relation: ReaderRelation::STRANGER, ..self }
    }

    /// The guest after somebody else sent the tagged event.
    pub(super) fn with_tagged_event(self) -> Self {
        let standing = self.membership.into();
        let joined_later = self.membership == Membership::Join;
        Self {
            relation: ReaderRelation { before: standing, after: standing, joined_later },
            ..self
        }
    }
}

impl RoomState {
    /// One room state for all that differ only in guest access and join rule. Reads, and the guarantees
    /// about reads, do not depend on who may join.
    pub(super) fn as_read(self) -> Self {
        Self { guest_access: GuestAccess::Forbidden, join_rule: JoinRule::Public, ..self }
    }

    /// A representative of all states that no guarantee distinguishes in an action about another room.
    pub(super) fn as_seen_from_another(self) -> Self {
        Self { user: Membership::Join, tagged: None, ..self.as_read() }
    }

    /// Whether the only difference to `before` is the tagged event.
    pub(super) fn only_tags(self, before: Self) -> bool {
        before.tagged.is_none() && Self { tagged: None, ..self } == before
    }
}

/// The parts of the first room's state, with this number of guests.
pub(super) fn split(state: &State, guests: usize) -> (RoomState, Vec<GuestState>) {
    let room = &state.rooms[TAGGED_ROOM];
    let room_state = RoomState {
        visibility: room.visibility,
        guest_access: room.guest_access,
        join_rule: room.join_rule,
        user: room.user,
        tagged: state.tagged.map(|tagged| (tagged.kind, tagged.before, tagged.after)),
    };
    let guest_state = |guest: usize| GuestState {
        account: state.accounts[guest],
        membership: room.members[guest],
        past: room.past[guest],
        relation: state.tagged.map_or(ReaderRelation::STRANGER, |tagged| tagged.relations[guest]),
    };
    (room_state, (0..guests).map(guest_state).collect())
}

/// The state with these parts.
pub(super) fn compose(
    profile: &Profile,
    room_state: RoomState,
    guest_states: &[GuestState],
) -> State {
    let mut state = initial(profile);
    let room = &mut state.rooms[TAGGED_ROOM];
    room.visibility = room_state.visibility;
    room.guest_access = room_state.guest_access;
    room.join_rule = room_state.join_rule;
    room.user = room_state.user;
    for (guest, guest_state) in guest_states.iter().enumerate() {
        room.members[guest] = guest_state.membership;
        room.past[guest] = guest_state.past;
        state.accounts[guest] = guest_state.account;
    }
    state.tagged = room_state.tagged.map(|(kind, before, after)| {
        let mut tagged = Tagged { before, after, ..Tagged::between(kind, room, room) };
        for (relation, guest_state) in tagged.relations.iter_mut().zip(guest_states) {
            *relation = guest_state.relation;
        }
        tagged
    });
    state
}
