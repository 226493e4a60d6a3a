//! Guarantees: what must hold of every step in every reachable state.
//!
//! A guarantee judges one step at a time: the state before it, what the caller could observe, and
//! the state after it. It says whether its premise was met (it is *exercised*) and whether it was
//! kept. What it asks for is stated here anew, from the state alone: no guarantee calls the
//! functions that decide, but for `non_interference`, which asks the system about itself.

mod accounts;
mod confinement;
mod joining;
mod reading;
mod service;
mod settings;

use std::fmt;

use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use serde::{Deserialize, Serialize};

use crate::action::{
    Action, Actor, Answer, Credential, Message, Observation, Operation, ProfileKey,
};
use crate::state::{Account, Scope, State};
use guest_access_rules::profile::{Condition, Profile};
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

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
    pub action: &'a Action,
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

/// How a guarantee judges one step.
pub struct ActionGuarantee {
    /// The guarantee.
    id: GuaranteeId,
    /// Which steps it can say anything of: all others leave it untouched in every state.
    about: fn(&Action) -> bool,
    judge: fn(&Transition) -> Judgement,
}

impl fmt::Debug for ActionGuarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepGuarantee").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The guarantees that look beyond the caller and the room which a step is about.
pub(crate) const OF_OTHERS: GuaranteeSet = GuaranteeSet::of(&[GuaranteeId::NonInterference]);

/// The guarantees that can say anything at this scope: with one guest and one room there is no other
/// guest and no other room to interfere.
pub fn sayable_at(scope: Scope) -> GuaranteeSet {
    let mut guarantees = GuaranteeSet::on_actions();
    if scope.guests + scope.rooms <= 2 {
        guarantees.remove(GuaranteeId::NonInterference);
    }
    guarantees
}

/// The guarantees that can say anything of this step.
pub fn about(action: &Action) -> GuaranteeSet {
    STEP_GUARANTEES
        .iter()
        .filter(|guarantee| (guarantee.about)(action))
        .map(|guarantee| guarantee.id)
        .collect()
}

/// What all guarantees say of some steps: which were exercised, which were broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdicts {
    /// Those whose premise was met.
    pub exercised: GuaranteeSet,
    /// Those that were broken.
    pub violated: GuaranteeSet,
}

impl Verdicts {
    /// Nothing was said.
    pub const NONE: Self = Self { exercised: GuaranteeSet::EMPTY, violated: GuaranteeSet::EMPTY };

    /// Adds what was said of other steps.
    pub fn add(&mut self, other: Self) {
        self.exercised = self.exercised.union(other.exercised);
        self.violated = self.violated.union(other.violated);
    }

    /// Notes that the guarantee was exercised, and whether it was kept.
    pub(crate) fn note(&mut self, guarantee: GuaranteeId, kept: bool) {
        self.exercised.insert(guarantee);
        if !kept {
            self.violated.insert(guarantee);
        }
    }

    /// Adds what these guarantees say of one more step.
    pub fn judge(&mut self, guarantees: GuaranteeSet, transition: &Transition) {
        for guarantee in guarantees.iter() {
            let ActionGuarantee { judge, .. } = &STEP_GUARANTEES[guarantee.index()];
            match judge(transition) {
                Judgement::Untouched => {}
                Judgement::Kept => self.exercised.insert(guarantee),
                Judgement::Broken => {
                    self.exercised.insert(guarantee);
                    self.violated.insert(guarantee);
                }
            }
        }
    }
}

/// How each guarantee that is judged on one step judges it, in the order of the ids.
const STEP_GUARANTEES: &[ActionGuarantee] = &[
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
];

/// Whether the step is one that may change the state.
fn may_change(action: &Action) -> bool {
    !action.operation.only_asks()
}

fn by_a_guest(action: &Action) -> bool {
    matches!(action.by, Actor::Guest(_))
}

/// Whether the step is a guest's read.
fn reads(action: &Action) -> bool {
    by_a_guest(action)
        && action.with == Credential::Own
        && matches!(action.operation, Operation::Read(_) | Operation::ReadThroughOtherRoom)
}

impl Transition<'_> {
    fn allowed(&self) -> bool {
        self.observation.decision.allows()
    }

    /// The number of the guest who calls with its live token.
    fn live_guest(&self) -> Option<usize> {
        let guest = self.caller()?;
        let own = matches!(self.action.with, Credential::Own | Credential::Masquerade);
        (own && self.before.accounts[guest] == Account::Guest).then_some(guest)
    }

    /// The number of the guest, registered or upgraded or not, whose step it is.
    fn caller(&self) -> Option<usize> {
        self.action.by.guest().map(usize::from)
    }

    /// Whether a condition of an endpoint holds of the step, which this guest takes.
    fn holds(&self, condition: Condition, guest: usize) -> bool {
        let room = self.action.room().map(|room| &self.before.rooms[room]);
        match condition {
            Condition::MessagesOnly => self.action.operation == Operation::Send(Message::Message),
            Condition::DisplayNameOnly => !matches!(
                self.action.operation,
                Operation::SetProfile { key: ProfileKey::AvatarUrl, .. }
            ),
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
        use guest_access_rules::endpoint::Auth;
        let registers = matches!(
            self.action.operation,
            Operation::Register { .. } | Operation::RegisterOver(_) | Operation::Upgrade(_)
        );
        !registers
            && self.action.operation.endpoint().is_some_and(|endpoint| {
                matches!(endpoint.get().auth, Auth::User | Auth::AppService | Auth::Other)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guarantee_on_steps_has_its_judge_and_no_other_has_one() {
        let judged: Vec<_> = STEP_GUARANTEES.iter().map(|guarantee| guarantee.id).collect();
        let on_actions: Vec<_> = GuaranteeSet::on_actions().iter().collect();
        assert_eq!(judged, on_actions);
        assert!(judged.iter().enumerate().all(|(place, guarantee)| guarantee.index() == place));
    }

    #[test]
    fn every_guarantee_on_steps_is_about_some_step() {
        let actions = crate::actions::actions(Scope { guests: 2, rooms: 1 }, &[]);
        for guarantee in STEP_GUARANTEES {
            assert!(actions.iter().any(|action| (guarantee.about)(action)), "{}", guarantee.id);
        }
    }
}
