//! Sets of guarantees.

use serde::{Deserialize, Serialize};

use super::{Blocks, GuaranteeId, Judged};

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

    /// The guarantees of the table that are judged on each action: those of the sequential model.
    pub fn on_actions() -> Self {
        GuaranteeId::all().filter(|guarantee| guarantee.get().judged == Judged::OnAction).collect()
    }

    /// The guarantees that rules files of the run declare. All are judged on each action.
    pub fn declared() -> Self {
        let first = GuaranteeId::all().len();
        (first..).map_while(GuaranteeId::of_index).collect()
    }

    /// The guarantees of the set that a rules file declares by such blocks.
    #[must_use]
    pub fn with_blocks(self, are_such: impl Fn(&Blocks) -> bool) -> Self {
        self.iter().filter(|id| id.get().blocks.as_ref().is_some_and(&are_such)).collect()
    }

    /// The guarantees of the set, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = GuaranteeId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let next = (rest != 0).then(|| rest.trailing_zeros())?;
            rest &= rest - 1;
            GuaranteeId::at(next as usize)
        })
    }
}

impl FromIterator<GuaranteeId> for GuaranteeSet {
    fn from_iter<I: IntoIterator<Item = GuaranteeId>>(guarantees: I) -> Self {
        guarantees.into_iter().fold(Self::EMPTY, Self::with)
    }
}
