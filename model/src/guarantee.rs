//! Guarantees: what must hold of every step in every reachable state.
//!
//! A guarantee judges one step at a time: the state before it, what the caller could observe, and
//! the state after it. It says whether its premise was met (it is *exercised*) and whether it was
//! kept. What it asks for is stated here anew, from the state alone: no guarantee calls the
//! functions that decide, but for `non_interference`, which asks the system about itself.

mod accounts;
mod confinement;
mod federation;
mod interleaving;
mod joining;
mod reading;
mod service;
mod settings;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::profile::{Condition, Profile};
use crate::state::{Account, Scope, State};
use crate::step::{Act, Actor, Answer, Credential, Message, Observation, ProfileKey, Step};
use crate::vocabulary::{HistoryVisibility, Membership};

/// One step, taken.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'a> {
    /// What the revision says whose promises are checked: its default profile.
    pub rules: &'a Profile,
    /// What the system does that took the step: the same, unless it is mistaken.
    pub system: &'a Profile,
    /// The state before the step.
    pub before: &'a State,
    /// The step.
    pub step: &'a Step,
    /// What the caller could observe.
    pub observation: &'a Observation,
    /// The state after the step.
    pub after: &'a State,
}

/// What a guarantee says of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The step does not meet its premise.
    Untouched,
    /// The premise was met, and the guarantee kept.
    Kept,
    /// The guarantee was broken.
    Broken,
}

impl Judgement {
    /// Untouched unless `premise`; then kept exactly if `kept`.
    fn of(premise: bool, kept: bool) -> Self {
        match (premise, kept) {
            (_, false) => Self::Broken,
            (true, true) => Self::Kept,
            (false, true) => Self::Untouched,
        }
    }
}

/// Something that always holds, with the premise that shows it is exercised.
pub struct Guarantee {
    /// The stable id.
    pub id: &'static str,
    /// What always holds.
    pub always: &'static str,
    /// The premise: what must happen at least once for the guarantee to say anything.
    pub sometimes: &'static str,
    /// Which steps it can say anything of: all others leave it untouched in every state.
    about: fn(&Step) -> bool,
    judge: fn(&Transition) -> Judgement,
}

impl Guarantee {
    /// A guarantee that is about more than one step: a model judges it along its way.
    const fn along(id: &'static str, always: &'static str, sometimes: &'static str) -> Self {
        Self { id, always, sometimes, about: |_| false, judge: |_| Judgement::Untouched }
    }
}

impl fmt::Debug for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarantee").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A guarantee, by its place in [`GUARANTEES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GuaranteeId(u8);

impl GuaranteeId {
    /// Every guarantee, in the order of the table.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        #[expect(clippy::cast_possible_truncation, reason = "a test counts them")]
        (0..GUARANTEES.len() as u8).map(Self)
    }

    /// The guarantee with this id, if there is one.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|guarantee| guarantee.get().id == id)
    }

    /// The guarantee itself.
    pub fn get(self) -> &'static Guarantee {
        &GUARANTEES[self.index()]
    }

    /// Its place in the table.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GuaranteeSet(u64);

impl GuaranteeSet {
    /// Adds a guarantee.
    pub fn insert(&mut self, guarantee: GuaranteeId) {
        self.0 |= 1 << guarantee.index();
    }

    /// Takes a guarantee out.
    pub fn remove(&mut self, guarantee: GuaranteeId) {
        self.0 &= !(1 << guarantee.index());
    }

    /// Whether it has the guarantee.
    pub fn contains(self, guarantee: GuaranteeId) -> bool {
        self.0 & 1 << guarantee.index() != 0
    }

    /// Whether it has no guarantee.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The guarantees that are judged one step at a time: those of the sequential model.
    pub fn stepwise() -> Self {
        GuaranteeId::all().take(STEPWISE).collect()
    }

    /// Those of them that can say anything at this scope: with one guest and one room there is no
    /// other guest and no other room to interfere.
    pub fn at(scope: Scope) -> Self {
        let has_company = scope.guests + scope.rooms > 2;
        let says = |id: &str| has_company || id != service::NON_INTERFERENCE.id;
        Self::stepwise().iter().filter(|guarantee| says(guarantee.get().id)).collect()
    }

    /// The guarantees with these ids.
    ///
    /// # Panics
    /// If there is no guarantee with one of the ids.
    pub(crate) fn named(ids: &[&str]) -> Self {
        let find = |id: &&str| GuaranteeId::find(id).expect("the guarantee is in the table");
        ids.iter().map(find).collect()
    }

    /// The guarantees that can say anything of this step.
    pub fn about(step: &Step) -> Self {
        GuaranteeId::all().filter(|guarantee| (guarantee.get().about)(step)).collect()
    }

    /// The guarantees that look beyond the caller and the room which a step is about.
    pub(crate) fn of_others() -> Self {
        GuaranteeId::all()
            .filter(|guarantee| guarantee.get().id == service::NON_INTERFERENCE.id)
            .collect()
    }

    /// What both sets have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Its guarantees, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = GuaranteeId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let next = (rest != 0).then(|| rest.trailing_zeros())?;
            rest &= rest - 1;
            u8::try_from(next).ok().map(GuaranteeId)
        })
    }
}

impl FromIterator<GuaranteeId> for GuaranteeSet {
    fn from_iter<I: IntoIterator<Item = GuaranteeId>>(guarantees: I) -> Self {
        let mut set = Self::default();
        guarantees.into_iter().for_each(|guarantee| set.insert(guarantee));
        set
    }
}

/// What all guarantees say of some steps: which were exercised, which were broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdicts {
    /// Those whose premise was met.
    pub exercised: GuaranteeSet,
    /// Those that were broken.
    pub broken: GuaranteeSet,
}

impl Verdicts {
    /// Nothing was said.
    pub const NONE: Self = Self { exercised: GuaranteeSet(0), broken: GuaranteeSet(0) };

    /// Adds what was said of other steps.
    pub fn add(&mut self, other: Self) {
        self.exercised = self.exercised.union(other.exercised);
        self.broken = self.broken.union(other.broken);
    }

    /// Notes that the guarantee with this id was exercised, and whether it was kept.
    pub(crate) fn note(&mut self, id: &str, kept: bool) {
        let guarantee = GuaranteeSet::named(&[id]);
        self.exercised = self.exercised.union(guarantee);
        if !kept {
            self.broken = self.broken.union(guarantee);
        }
    }

    /// Adds what these guarantees say of one more step.
    pub fn judge(&mut self, guarantees: GuaranteeSet, transition: &Transition) {
        for guarantee in guarantees.iter() {
            match (guarantee.get().judge)(transition) {
                Judgement::Untouched => {}
                Judgement::Kept => self.exercised.insert(guarantee),
                Judgement::Broken => {
                    self.exercised.insert(guarantee);
                    self.broken.insert(guarantee);
                }
            }
        }
    }
}

/// How many guarantees are judged one step at a time: the first ones of the table.
const STEPWISE: usize = 23;

/// Every guarantee: first those that are judged one step at a time, then those that a model judges
/// along its way.
pub const GUARANTEES: &[Guarantee] = &[
    confinement::CONFINEMENT,
    confinement::AUTHENTICATION,
    confinement::VISIBLE_ROOM_ONLY,
    reading::READ_CONFINEMENT,
    reading::PREVIEW_CONFINEMENT,
    reading::NO_RETROACTIVE_EXPOSURE,
    reading::WORLD_READABLE_ONLY,
    joining::JOIN_GATE,
    joining::REVOCATION,
    joining::REVOCATION_SPARES,
    accounts::UPGRADE_IDENTITY,
    accounts::ACCOUNT_END,
    service::NON_INTERFERENCE,
    settings::FAIL_SAFE,
    settings::SENDER_JOINED,
    settings::REFUSALS_CHANGE_NOTHING,
    settings::CLEAR_REFUSALS,
    accounts::USERS_UNBOUND,
    accounts::SERVER_CHOSEN_IDS,
    accounts::WHOAMI_TRUTHFUL,
    accounts::LASTING_GUESTS,
    service::AVAILABILITY,
    reading::READ_ENTITLEMENT,
    interleaving::LINEARIZABLE,
    interleaving::QUIESCENT_STATE,
    interleaving::DEADLOCK_FREEDOM,
    federation::FEDERATED_REVOCATION,
    federation::GUEST_BLINDNESS,
    federation::PARTICIPATION,
    federation::SERVER_CONFINEMENT,
    federation::REVOCATION_EVERYWHERE,
    federation::READ_CONFINEMENT_EVERYWHERE,
];

/// Whether the step is one that may change the state.
fn may_change(step: &Step) -> bool {
    !step.act.only_asks()
}

fn by_a_guest(step: &Step) -> bool {
    matches!(step.by, Actor::Guest(_))
}

/// Whether the step is a guest's read.
fn reads(step: &Step) -> bool {
    by_a_guest(step)
        && step.with == Credential::Own
        && matches!(step.act, Act::Read(_) | Act::ReadThroughOtherRoom)
}

impl Transition<'_> {
    fn allowed(&self) -> bool {
        self.observation.decision.allows()
    }

    /// The number of the guest who calls with its live token.
    fn live_guest(&self) -> Option<usize> {
        let guest = self.caller()?;
        let own = matches!(self.step.with, Credential::Own | Credential::Masquerade);
        (own && self.before.accounts[guest] == Account::Guest).then_some(guest)
    }

    /// The number of the guest, registered or upgraded or not, whose step it is.
    fn caller(&self) -> Option<usize> {
        match self.step.by {
            Actor::Guest(guest) => Some(usize::from(guest)),
            _ => None,
        }
    }

    /// Whether a condition of an endpoint holds of the step, which this guest takes.
    fn holds(&self, condition: Condition, guest: usize) -> bool {
        let room = self.step.room().map(|room| &self.before.rooms[room]);
        match condition {
            Condition::MessagesOnly => self.step.act == Act::Send(Message::Message),
            Condition::DisplayNameOnly => {
                !matches!(self.step.act, Act::SetProfile { key: ProfileKey::AvatarUrl, .. })
            }
            Condition::WorldReadableRoom => {
                room.is_some_and(|room| room.visibility == Some(HistoryVisibility::WorldReadable))
            }
            Condition::JoinedRoom => {
                room.is_some_and(|room| room.members[guest] == Membership::Join)
            }
        }
    }

    /// Whether the answer gave the tagged event.
    fn gave_the_tagged_event(&self) -> bool {
        self.observation.answer == Answer::Gave { tagged: true }
    }

    /// Whether the endpoint that is called needs a token, and is the ordinary kind that asks for it.
    fn needs_a_token(&self) -> bool {
        use crate::endpoint::Auth;
        let registers =
            matches!(self.step.act, Act::Register { .. } | Act::RegisterOver(_) | Act::Upgrade(_));
        !registers
            && self.step.act.endpoint().is_some_and(|endpoint| {
                matches!(endpoint.get().auth, Auth::User | Auth::AppService | Auth::Other)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guarantee_has_an_id_of_its_own_and_fits_a_set() {
        assert!(GUARANTEES.len() < 64);
        for guarantee in GuaranteeId::all() {
            assert_eq!(GuaranteeId::find(guarantee.get().id), Some(guarantee));
        }
    }

    #[test]
    fn what_is_judged_one_step_at_a_time_comes_first() {
        let scope = Scope { guests: 2, rooms: 1 };
        let steps = crate::steps::steps(scope, &[]);
        for guarantee in GuaranteeId::all() {
            let is_about_a_step = steps.iter().any(|step| (guarantee.get().about)(step));
            let is_stepwise = GuaranteeSet::stepwise().contains(guarantee);
            assert_eq!(is_about_a_step, is_stepwise, "{}", guarantee.get().id);
        }
    }
}
