//! Guarantees: the properties that revisions promise, each stated in one sentence.
//!
//! This module only states the guarantees. The model judges them. [`Judged`] says whether a
//! guarantee is judged on each action, or on a whole path.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a model examines to judge a guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judged {
    /// One transition: the state before it, the action, the answer, and the state after it.
    OnAction,
    /// A whole path: only the concurrent and the federated model judge these guarantees.
    OnPath,
}

/// A property that always holds, and the premise that shows that the property was exercised.
#[derive(Debug)]
pub struct Guarantee {
    /// The id, which never changes.
    pub id: &'static str,
    /// The property.
    pub always: &'static str,
    /// The premise: the situation that has to occur at least once. A guarantee whose premise never
    /// occurs is *vacuous*.
    pub premise: &'static str,
    /// What a model examines to judge the guarantee.
    pub judged: Judged,
}

/// Declares the guarantees: the enum of their ids, and the table of their statements.
macro_rules! guarantees {
    ($($variant:ident = $id:literal on $judged:ident { always: $always:literal, premise: $premise:literal, })+) => {
        /// The id of a guarantee: its index in [`GUARANTEES`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum GuaranteeId { $(#[doc = $always] $variant,)+ }

        impl GuaranteeId {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }

        /// Every guarantee, in the order in which reports list them.
        pub const GUARANTEES: &[Guarantee] = &[$(Guarantee {
            id: $id,
            always: $always,
            premise: $premise,
            judged: Judged::$judged,
        },)+];
    };
}

guarantees! {
    Confinement = "confinement" on OnAction {
        always: "a guest's call to an endpoint outside the allow-list, or outside the endpoint's conditions, is denied",
        premise: "a guest calls something that is not on the allow-list",
    }
    Authentication = "authentication" on OnAction {
        always: "a call without a live token is denied, wherever a token is required, and a token speaks for its account alone",
        premise: "a call that needs a token is made without a live one",
    }
    VisibleRoomOnly = "visible_room_only" on OnAction {
        always: "a guest's call about a room succeeds only while that room is world_readable",
        premise: "a guest calls about a room that is not world_readable",
    }
    ReadConfinement = "read_confinement" on OnAction {
        always: "a guest is given no event that its visibility at the event, and the guest's own membership, do not allow",
        premise: "a guest reads a room that holds an event hidden from it",
    }
    PreviewConfinement = "preview_confinement" on OnAction {
        always: "a guest that was never a member is given only events sent while the room was world_readable",
        premise: "a guest that was never a member reads a room with an event sent while it was not world_readable",
    }
    NoRetroactiveExposure = "no_retroactive_exposure" on OnAction {
        always: "an event hidden from a guest when it was sent stays hidden unless the guest's own membership opens it",
        premise: "a guest reads a world_readable room with an event that was hidden from it when it was sent",
    }
    WorldReadableOnly = "world_readable_only" on OnAction {
        always: "a guest is given only events sent while the room was world_readable, joined or not",
        premise: "a joined guest reads a room with an event sent while it was not world_readable",
    }
    JoinGate = "join_gate" on OnAction {
        always: "no guest comes to be joined unless guest access is can_join at that moment, by whichever way",
        premise: "a guest who is not joined asks to join a room whose guest access is not can_join",
    }
    Revocation = "revocation" on OnAction {
        always: "whenever guest access is not can_join, no local guest is joined",
        premise: "guest access stops being can_join while a guest is joined",
    }
    RevocationSpares = "revocation_spares" on OnAction {
        always: "a change of guest access changes the membership of nobody but local guests, to nothing but leave",
        premise: "guest access stops being can_join while a guest and somebody who is none are joined",
    }
    UpgradeIdentity = "upgrade_identity" on OnAction {
        always: "an upgrade needs the guest's own token, keeps the user id and memberships, and ends the guest's limits",
        premise: "a guest upgrades",
    }
    AccountEnd = "account_end" on OnAction {
        always: "after its token was ended, by log-out, deactivation or the server, nothing is allowed with it",
        premise: "a call is made with a token that was ended",
    }
    NonInterference = "non_interference" on OnAction {
        always: "what a guest may do in a room does not depend on other guests or other rooms, and its call changes neither",
        premise: "a guest calls about a room while there is another guest, or another room that is not as it was created",
    }
    FailSafe = "fail_safe" on OnAction {
        always: "nothing but an understood value, in the current event under the empty state key, opens a room: otherwise it is shared and forbidden to guests",
        premise: "an event is sent that is not understood, or stands under a wrong key",
    }
    SenderJoined = "sender_joined" on OnAction {
        always: "nobody's event is accepted in a room that it is not joined to",
        premise: "a guest that is not joined sends an event",
    }
    RefusalsChangeNothing = "refusals_change_nothing" on OnAction {
        always: "a call that is denied changes nothing",
        premise: "a change of guest access is denied to somebody without power",
    }
    ClearRefusals = "clear_refusals" on OnAction {
        always: "a call that is denied gets its own reason: never a failure of the server, and 401 for nothing but the token",
        premise: "a call about a room that the server takes no part in is denied",
    }
    UsersUnbound = "users_unbound" on OnAction {
        always: "no rule about guests refuses a call by an ordinary user, or by a guest that has upgraded",
        premise: "an ordinary user calls an endpoint that guests may not call",
    }
    ServerChosenIds = "server_chosen_ids" on OnAction {
        always: "a guest's user id is the server's choice, whatever its registration asks for",
        premise: "a guest's registration asks for a user id",
    }
    WhoamiTruthful = "whoami_truthful" on OnAction {
        always: "whoami says of guests, and of nobody else, that they are guests",
        premise: "a guest asks who it is",
    }
    LastingGuests = "lasting_guests" on OnAction {
        always: "a guest stays a guest until it upgrades",
        premise: "the server restarts while there is a guest",
    }
    Availability = "availability" on OnAction {
        always: "a guest's call to an endpoint on the allow-list, whose conditions hold, is served",
        premise: "a guest calls an endpoint on the allow-list whose conditions hold",
    }
    ReadEntitlement = "read_entitlement" on OnAction {
        always: "a guest is given every event that every reading of the rules opens to it, by each endpoint that it may read the room with",
        premise: "a guest reads a room with an event that the rules open to it",
    }
    Linearizable = "linearizable" on OnPath {
        always: "one order of all calls, each at an instant between its start and its answer, explains every answer",
        premise: "a call is answered that another order of the calls would have had answered otherwise, or led elsewhere",
    }
    QuiescentState = "quiescent_state" on OnPath {
        always: "whenever nothing is in flight, the homeserver is in a state that an order which explains every answer leads to",
        premise: "nothing is in flight any more after calls that another order would have had answered otherwise, or led elsewhere",
    }
    DeadlockFreedom = "deadlock_freedom" on OnPath {
        always: "whenever calls are in flight, one of them can go on",
        premise: "a call in flight is kept waiting by what another one holds",
    }
    FederatedRevocation = "federated_revocation" on OnPath {
        always: "once everything is delivered, no guest of an honest server is joined where guest access is not can_join",
        premise: "a change that ends guest access reaches an honest server, not the sender's, whose guest is joined",
    }
    GuestBlindness = "guest_blindness" on OnPath {
        always: "no server's decision depends on whether another server's user is a guest",
        premise: "what one server sent reaches another, while there is a guest on the first",
    }
    Participation = "participation" on OnPath {
        always: "a server gives guests access only to rooms that it takes part in",
        premise: "a guest calls about a room that its server takes no part in",
    }
    ServerConfinement = "server_confinement" on OnPath {
        always: "no server, honest or not, has an event sent while none of its users was in the room, unless history visibility opens it to whoever joins later",
        premise: "a server comes to take part in a room after an event that is not open to whoever joins later",
    }
    RevocationEverywhere = "revocation_everywhere" on OnPath {
        always: "once everything is delivered, no guest of any server is joined where guest access is not can_join",
        premise: "a change that ends guest access reaches a server, not the sender's, whose guest is joined",
    }
    ReadConfinementEverywhere = "read_confinement_everywhere" on OnPath {
        always: "no guest of any server is given an event that its visibility at the event, and the guest's own membership, do not allow",
        premise: "a guest reads a room that holds an event hidden from it",
    }
}

impl GuaranteeId {
    /// Every guarantee, in the order of the table.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        Self::ALL.iter().copied()
    }

    /// The guarantee with this id, if there is one.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|guarantee| guarantee.get().id == id)
    }

    /// The statement of the guarantee.
    pub const fn get(self) -> &'static Guarantee {
        &GUARANTEES[self.index()]
    }

    /// The index in the table.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for GuaranteeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.get().id)
    }
}

/// A set of guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GuaranteeSet(u64);

impl GuaranteeSet {
    /// No guarantee.
    pub const EMPTY: Self = Self(0);

    /// The guarantees about the content of rooms that a guest is given.
    pub const ON_CONTENT: Self = Self::of(&[
        GuaranteeId::VisibleRoomOnly,
        GuaranteeId::ReadConfinement,
        GuaranteeId::PreviewConfinement,
        GuaranteeId::NoRetroactiveExposure,
        GuaranteeId::WorldReadableOnly,
        GuaranteeId::FailSafe,
        GuaranteeId::ReadEntitlement,
        GuaranteeId::Participation,
        GuaranteeId::ReadConfinementEverywhere,
    ]);

    /// The guarantees about who may call which endpoint, whatever the list of endpoints is.
    pub const ON_CALLS: Self = Self::of(&[
        GuaranteeId::Confinement,
        GuaranteeId::Authentication,
        GuaranteeId::ClearRefusals,
    ]);

    /// The guarantees that no effect of a call can break. An effect can break `authentication`: it may give
    /// a token to another account.
    pub const WHATEVER_CALLS_CHANGE: Self =
        Self::of(&[GuaranteeId::Confinement, GuaranteeId::ClearRefusals]);

    /// The guarantees about accounts and calls, which no change of a room can break.
    pub const WHATEVER_ROOMS_BECOME: Self = Self::of(&[
        GuaranteeId::Confinement,
        GuaranteeId::ClearRefusals,
        GuaranteeId::Authentication,
        GuaranteeId::UpgradeIdentity,
        GuaranteeId::AccountEnd,
        GuaranteeId::UsersUnbound,
        GuaranteeId::ServerChosenIds,
        GuaranteeId::WhoamiTruthful,
        GuaranteeId::LastingGuests,
    ]);

    /// The guarantees that can break where a call takes away what its caller may read.
    pub const ON_WHAT_IS_DUE: Self =
        Self::of(&[GuaranteeId::Availability, GuaranteeId::ReadEntitlement]);

    /// The set of these guarantees.
    pub const fn of(guarantees: &[GuaranteeId]) -> Self {
        let (mut set, mut next) = (Self::EMPTY, 0);
        while next < guarantees.len() {
            set = set.with(guarantees[next]);
            next += 1;
        }
        set
    }

    /// The set with one more guarantee.
    #[must_use]
    pub const fn with(self, guarantee: GuaranteeId) -> Self {
        Self(self.0 | 1 << guarantee.index())
    }

    /// Adds a guarantee.
    pub fn insert(&mut self, guarantee: GuaranteeId) {
        *self = self.with(guarantee);
    }

    /// Removes a guarantee.
    pub fn remove(&mut self, guarantee: GuaranteeId) {
        self.0 &= !(1 << guarantee.index());
    }

    /// Whether the set contains the guarantee.
    pub const fn contains(self, guarantee: GuaranteeId) -> bool {
        self.0 & 1 << guarantee.index() != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The union of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The intersection of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The set without the guarantees of the other set.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The guarantees that are judged on each action: those of the sequential model.
    pub fn on_actions() -> Self {
        GuaranteeId::all().filter(|guarantee| guarantee.get().judged == Judged::OnAction).collect()
    }

    /// The guarantees of the set, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = GuaranteeId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let next = (rest != 0).then(|| rest.trailing_zeros())?;
            rest &= rest - 1;
            GuaranteeId::ALL.get(next as usize).copied()
        })
    }
}

impl FromIterator<GuaranteeId> for GuaranteeSet {
    fn from_iter<I: IntoIterator<Item = GuaranteeId>>(guarantees: I) -> Self {
        guarantees.into_iter().fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guarantee_has_a_unique_id_and_fits_a_set() {
        assert!(GUARANTEES.len() < 64);
        for guarantee in GuaranteeId::all() {
            assert_eq!(GuaranteeId::find(guarantee.get().id), Some(guarantee));
        }
        assert_eq!(GuaranteeId::all().collect::<GuaranteeSet>().iter().count(), GUARANTEES.len());
    }
}
