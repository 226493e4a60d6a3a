//! Guarantees: the properties that revisions promise, each stated in one sentence.
//!
//! This module only states the guarantees. The model judges them. [`Judged`] says whether a
//! guarantee is judged on each action, or on a whole path. A rules file states further guarantees by
//! [`Blocks`].

mod blocks;
mod set;

use std::fmt;

use crate::declaration::{Declarations, interned};

pub use blocks::{ActionBlock, ActorKind, Blocks, Bound, MembershipAtEvent, OperationKind};
pub use set::GuaranteeSet;

/// What a model examines to judge a guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judged {
    /// One transition: the state before it, the action, the answer, and the state after it.
    OnAction,
    /// A whole path: only the concurrent and the federated model judge these guarantees.
    OnPath,
}

/// A property that always holds, and the premise that shows that the property was exercised.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The blocks of a guarantee that a rules file declares.
    pub blocks: Option<Blocks>,
}

/// Declares the guarantees: the enum of their ids, and the table of their statements.
macro_rules! guarantees {
    ($($variant:ident = $id:literal on $judged:ident { always: $always:literal, premise: $premise:literal, })+) => {
        /// The id of a guarantee.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum GuaranteeId {
            $(#[doc = $always] $variant,)+
            /// A guarantee that a rules file declares, by its number.
            Declared(u8),
        }

        impl GuaranteeId {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The index in [`GUARANTEES`]; of a declared guarantee, the index behind the table.
            pub const fn index(self) -> usize {
                #[derive(Clone, Copy)]
                enum OfTable { $($variant,)+ }
                match self {
                    $(Self::$variant => OfTable::$variant as usize,)+
                    Self::Declared(number) => Self::ALL.len() + number as usize,
                }
            }
        }

        /// Every guarantee, in the order in which reports list them.
        pub const GUARANTEES: &[Guarantee] = &[$(Guarantee {
            id: $id,
            always: $always,
            premise: $premise,
            judged: Judged::$judged,
            blocks: None,
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

/// The guarantees that rules files have declared. A guarantee keeps its number until the program ends.
static DECLARED: Declarations<Guarantee> = Declarations::new();

/// The most guarantees that all rules files of a run can declare: a [`GuaranteeSet`] has no place for
/// more.
pub const MOST_DECLARED: usize = u64::BITS as usize - GUARANTEES.len();

/// Why a guarantee cannot be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclareGuaranteeError {
    /// A rules file of the run has declared another guarantee by this id.
    #[error("another rules file of this run declares another guarantee `{id}`")]
    OtherBlocks {
        /// The id.
        id: &'static str,
    },
    /// There are too many guarantees.
    #[error(
        "all rules files of one run can declare {MOST_DECLARED} guarantees in total, and this is one more; leave out the guarantees that no entry promises, or read fewer files"
    )]
    TooMany,
}

impl GuaranteeId {
    /// Every guarantee of the table, in its order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        Self::ALL.iter().copied()
    }

    /// Declares a guarantee that the table does not list. An id has one meaning in a run. `statement` has
    /// the property and the premise.
    ///
    /// # Errors
    /// If the id has another meaning, or there are too many guarantees.
    pub fn declare(
        id: &str,
        (always, premise): (&str, &str),
        blocks: Blocks,
    ) -> Result<Self, DeclareGuaranteeError> {
        let guarantee = Guarantee {
            id: interned(id),
            always: interned(always),
            premise: interned(premise),
            judged: Judged::OnAction,
            blocks: Some(blocks),
        };
        let id = guarantee.id;
        let declared = DECLARED.declare(guarantee, |known| known.id == id);
        let (number, _) = declared.map_err(|_| DeclareGuaranteeError::OtherBlocks { id })?;
        let number = u8::try_from(number).ok().filter(|_| number < MOST_DECLARED);
        number.map(Self::Declared).ok_or(DeclareGuaranteeError::TooMany)
    }

    /// The guarantee with this id, if there is one: of the table, or declared by a rules file of the run.
    pub fn find(id: &str) -> Option<Self> {
        let mut known = Self::all().chain(GuaranteeSet::declared().iter());
        known.find(|guarantee| guarantee.get().id == id)
    }

    /// The guarantee with this [index](Self::index), if there is one.
    pub fn of_index(index: usize) -> Option<Self> {
        let is_known = |guarantee: &Self| match guarantee {
            Self::Declared(number) => {
                usize::from(*number) < MOST_DECLARED && DECLARED.get(usize::from(*number)).is_some()
            }
            _ => true,
        };
        Self::at(index).filter(is_known)
    }

    /// The guarantee with this index; behind the table, a declared one, if so many are declared.
    fn at(index: usize) -> Option<Self> {
        let declared = || u8::try_from(index - Self::ALL.len()).ok().map(Self::Declared);
        Self::ALL.get(index).copied().or_else(declared)
    }

    /// The statement of the guarantee.
    ///
    /// # Panics
    /// Never: a number is given only to a guarantee that is declared.
    pub fn get(self) -> &'static Guarantee {
        match self {
            Self::Declared(number) => DECLARED
                .get(usize::from(number))
                .expect("each number was given to a declared guarantee"),
            of_table => &GUARANTEES[of_table.index()],
        }
    }

    /// The premise with the id: a name that no other premise has. Two guarantees may have one premise.
    pub fn name_of_premise(self) -> &'static str {
        let Guarantee { id, premise, .. } = self.get();
        interned(&format!("{id}: {premise}"))
    }

    /// Whether a rules file declares the guarantee.
    pub const fn is_declared(self) -> bool {
        matches!(self, Self::Declared(_))
    }
}

impl fmt::Display for GuaranteeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.get().id)
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
