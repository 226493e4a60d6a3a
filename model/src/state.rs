//! The abstract state of a homeserver: everything of its history that the rules distinguish.
//!
//! Timelines have no bound. But only three things determine whether a reader may see an event: the
//! room's history visibility at the event, the reader's membership at the event, and a later join of
//! the reader. So the state carries one *tagged event*, as its class. The tagged event is chosen
//! nondeterministically among all events that are ever sent. Rooms are interchangeable, so it is always
//! an event of the first room.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use guest_access_rules::vocabulary::{
    GuestAccess, HistoryVisibility, JoinRule, Membership, spelled,
};

/// The most guests that a scope can have.
pub const MAX_GUESTS: usize = 3;
/// The most rooms that a scope can have.
pub const MAX_ROOMS: usize = 2;

/// The room of the tagged event.
pub(crate) const TAGGED_ROOM: usize = 0;

/// How many guests and rooms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Local accounts that may register as guests, 1 to [`MAX_GUESTS`].
    pub guests: usize,
    /// Rooms, 1 to [`MAX_ROOMS`].
    pub rooms: usize,
}

impl Scope {
    /// The next scopes after one guest in one room: an option may confuse two guests or two rooms.
    pub const WIDER: [Self; 2] = [Self { guests: 2, rooms: 1 }, Self { guests: 1, rooms: 2 }];
}

spelled! {
    /// The account of a guest.
    Account {
        /// Nobody has registered it.
        Absent = "absent",
        /// A guest, with a live token.
        Guest = "guest",
        /// An ordinary user, with a live token: a guest that upgraded.
        User = "user",
        /// A guest whose token was ended.
        GuestEnded = "guest_ended",
        /// A guest that upgraded and whose token was ended.
        UserEnded = "user_ended",
    }
}

impl Account {
    /// Whether the account is a guest's, with a live token or without.
    pub const fn is_guest(self) -> bool {
        matches!(self, Self::Guest | Self::GuestEnded)
    }

    /// Whether the account has a live token.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Guest | Self::User)
    }
}

/// One room, as the server understands it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Room {
    /// Its history visibility, as the server understands it. `None` if reading it fails, which is a mistake.
    pub visibility: Option<HistoryVisibility>,
    /// Its guest access, as the server understands it.
    pub guest_access: GuestAccess,
    /// Its join rule.
    pub join_rule: JoinRule,
    /// The membership of each guest, by number.
    pub members: [Membership; MAX_GUESTS],
    /// The membership of the ordinary user, who is joined from the start.
    pub user: Membership,
    /// The past of each guest in the room, by number.
    pub past: [Past; MAX_GUESTS],
}

spelled! {
    /// The past of a guest in a room, as far as the current membership does not tell it. A state keeps
    /// it only where an option of the profile reads it.
    Past {
        /// Nothing is kept.
        Unkept = "unkept",
        /// The guest was joined.
        Joined = "joined",
        /// The guest left, and by that forgot the room.
        Forgot = "forgot",
        /// The guest was joined, left, and by that forgot the room.
        ForgotOnceJoined = "forgot_once_joined",
    }
}

spelled! {
    /// The kind of the tagged event.
    Kind {
        /// A message event.
        Message = "message",
        /// A state event that is neither a setting nor a membership, and stays current.
        State = "state",
        /// The event that changed the room's history visibility.
        Setting = "setting",
        /// The event that changed a guest's own membership.
        Member = "member",
    }
}

spelled! {
    /// A membership at an event, as far as the rules distinguish it.
    Standing {
        /// Joined.
        Join = "join",
        /// Invited.
        Invite = "invite",
        /// Anything else.
        Other = "other",
    }
}

impl From<Membership> for Standing {
    fn from(membership: Membership) -> Self {
        match membership {
            Membership::Join => Self::Join,
            Membership::Invite => Self::Invite,
            _ => Self::Other,
        }
    }
}

/// The relation of one guest to the tagged event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReaderRelation {
    /// Its membership before the event.
    pub before: Standing,
    /// Its membership after the event. It differs from `before` only at its own membership event.
    pub after: Standing,
    /// Whether the guest was joined at any moment after the event.
    pub joined_later: bool,
}

/// The tagged event: one event of the first room, as its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tagged {
    /// Its kind.
    pub kind: Kind,
    /// The room's history visibility before it.
    pub before: HistoryVisibility,
    /// The room's history visibility after it. It differs from `before` only at a change of the setting.
    pub after: HistoryVisibility,
    /// The relation of each guest to it, by number.
    pub relations: [ReaderRelation; MAX_GUESTS],
}

/// The abstract state of one homeserver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct State {
    /// The guests' accounts, by number; those beyond the scope stay [`Account::Absent`].
    pub accounts: [Account; MAX_GUESTS],
    /// The rooms, by number; those beyond the scope stay as created.
    pub rooms: [Room; MAX_ROOMS],
    /// The tagged event, once it was sent.
    pub tagged: Option<Tagged>,
}

impl Past {
    /// The past of a guest who was joined, or of whom that is not kept, and who forgot the room, or not.
    pub const fn of(was_joined: bool, has_forgotten: bool) -> Self {
        match (was_joined, has_forgotten) {
            (false, false) => Self::Unkept,
            (true, false) => Self::Joined,
            (false, true) => Self::Forgot,
            (true, true) => Self::ForgotOnceJoined,
        }
    }

    /// Whether the guest was joined, where the state keeps it.
    pub const fn was_joined(self) -> bool {
        matches!(self, Self::Joined | Self::ForgotOnceJoined)
    }

    /// Whether the guest left, and by that forgot the room.
    pub const fn has_forgotten(self) -> bool {
        matches!(self, Self::Forgot | Self::ForgotOnceJoined)
    }
}

impl State {
    /// The state in which every room but this one is as in `new`, the initial state.
    #[must_use]
    pub fn in_no_room_but(&self, room: usize, new: &Self) -> Self {
        let mut rooms = new.rooms;
        rooms[room] = self.rooms[room];
        Self { rooms, tagged: self.tagged.filter(|_| room == TAGGED_ROOM), ..*self }
    }

    /// The state with this room from `other`, and with the tagged event from `other` if it is of this
    /// room.
    #[must_use]
    pub fn with_room_of(&self, room: usize, other: &Self) -> Self {
        let mut state = *self;
        state.rooms[room] = other.rooms[room];
        if room == TAGGED_ROOM {
            state.tagged = other.tagged;
        }
        state
    }

    /// The state as a number. Different states have different numbers. The hash of a state is that of
    /// its number.
    pub fn code(&self) -> u128 {
        let mut code = Code(1);
        for account in self.accounts {
            code.push(account as u8, 3);
        }
        for room in &self.rooms {
            code.push(room.visibility.map_or(4, |visibility| visibility as u8), 3);
            code.push(room.guest_access as u8, 1);
            code.push(room.join_rule as u8, 2);
            for membership in room.members {
                code.push(membership as u8, 3);
            }
            code.push(room.user as u8, 3);
            for past in room.past {
                code.push(past as u8, 2);
            }
        }
        if let Some(tagged) = &self.tagged {
            code.push(tagged.kind as u8, 2);
            code.push(tagged.before as u8, 2);
            code.push(tagged.after as u8, 2);
            for relation in &tagged.relations {
                code.push(relation.before as u8, 2);
                code.push(relation.after as u8, 2);
                code.push(u8::from(relation.joined_later), 1);
            }
        }
        code.0
    }
}

/// Small numbers, one after the other. A leading one keeps leading zeros.
struct Code(u128);

impl Code {
    fn push(&mut self, number: u8, bits: u32) {
        debug_assert!(u32::from(number) < 1 << bits);
        self.0 = self.0 << bits | u128::from(number);
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u128(self.code());
    }
}

impl Tagged {
    /// The class of an event of this kind that brought the first room from `before` to `after`.
    pub fn between(kind: Kind, before: &Room, after: &Room) -> Self {
        // While reading the setting fails, the event has no setting: take `shared`.
        let setting = |room: &Room| room.visibility.unwrap_or(HistoryVisibility::Shared);
        Self {
            kind,
            before: setting(before),
            after: setting(after),
            relations: std::array::from_fn(|guest| ReaderRelation {
                before: before.members[guest].into(),
                after: after.members[guest].into(),
                joined_later: false,
            }),
        }
    }

    /// Whether the class fits its kind: only `Setting` changes the setting, and only `Member` a
    /// membership.
    pub fn is_its_kind(&self) -> bool {
        let setting_changes = self.before != self.after;
        let membership_changes = self.relations.iter().any(|w| w.before != w.after);
        match self.kind {
            Kind::Message | Kind::State => !setting_changes && !membership_changes,
            Kind::Setting => setting_changes,
            Kind::Member => membership_changes,
        }
    }

    /// Records which guests are joined at a moment after the event.
    pub fn note_joined(&mut self, members: &[Membership; MAX_GUESTS]) {
        for (relation, membership) in self.relations.iter_mut().zip(members) {
            relation.joined_later |= *membership == Membership::Join;
        }
    }
}

impl ReaderRelation {
    /// A guest that was not in the room at the event, and has not joined since.
    pub const STRANGER: Self =
        Self { before: Standing::Other, after: Standing::Other, joined_later: false };
}
