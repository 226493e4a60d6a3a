//! Guarantees: what must hold of every action in every reachable state.
//!
//! A guarantee judges one transition at a time: the state before the action, the answer that the caller
//! observes, and the state after it. The judgement is one of three: the premise was not met
//! (*untouched*), the premise was met and the guarantee kept, or the guarantee was violated. A
//! guarantee is stated from the state alone. No guarantee calls the functions that decide, except
//! `non_interference`, which compares two decisions of the system.

mod accounts;
mod confinement;
mod declared;
mod joining;
mod reading;
mod service;
mod settings;

use std::fmt;

use guest_access_rules::guarantee::{Blocks, GuaranteeId, GuaranteeSet};
use serde::{Deserialize, Serialize};

use crate::action::{
    Action, Actor, Answer, Credential, Message, Observation, Operation, ProfileKey,
};
use crate::state::{Account, Scope, State};

pub(crate) use declared::{actions_of_declared, on_reads};
use guest_access_rules::decision_point::{LeaveForgets, RoomSummaryToken, TurnedAway};
use guest_access_rules::endpoint::{Auth, EndpointId, KNOWN};
use guest_access_rules::profile::{Access, Condition, Profile};
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

/// One transition.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'a> {
    /// The default profile of the revision whose guarantees are judged.
    pub rules: &'a Profile,
    /// The profile of the system: the same, unless the system has a mistake.
    pub system: &'a Profile,
    /// The state before the action.
    pub before: &'a State,
    /// The action.
    pub action: &'a Action,
    /// What the caller observes.
    pub observation: &'a Observation,
    /// The state after the action.
    pub after: &'a State,
    /// Which settings of the first room were never set before the action, where the homeserver does
    /// not take them for what the clauses say. The two states are then those of the clauses.
    pub never_set: NeverSet,
}

/// Which settings of a room were never set.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct NeverSet {
    /// The room has no `m.room.guest_access` event.
    pub guest_access: bool,
    /// The room has no `m.room.history_visibility` event.
    pub visibility: bool,
}

/// The judgement of a guarantee on one transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The premise is not met.
    Untouched,
    /// The premise is met, and the guarantee is kept.
    Kept,
    /// The guarantee is violated.
    Violated,
}

impl Judgement {
    /// Untouched unless `premise`; then kept exactly if `kept`.
    fn of(premise: bool, kept: bool) -> Self {
        match (premise, kept) {
            (_, false) => Self::Violated,
            (true, true) => Self::Kept,
            (false, true) => Self::Untouched,
        }
    }
}

/// How a guarantee judges a transition.
pub struct ActionGuarantee {
    /// The guarantee.
    id: GuaranteeId,
    /// Which actions can meet the premise: all others leave the guarantee untouched in every state.
    about: fn(&Action) -> bool,
    judge: fn(&Transition) -> Judgement,
}

impl fmt::Debug for ActionGuarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionGuarantee").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The guarantees that read more than the caller and the room that the action is about.
pub(crate) const OF_OTHERS: GuaranteeSet = GuaranteeSet::of(&[GuaranteeId::NonInterference]);

/// The guarantees whose premise can be met at this scope, with those that any rules file declares. With
/// one guest and one room, no other guest and no other room can interfere.
pub fn expressible_at(scope: Scope) -> GuaranteeSet {
    let mut guarantees = GuaranteeSet::on_actions().union(GuaranteeSet::declared());
    if scope.guests + scope.rooms <= 2 {
        guarantees.remove(GuaranteeId::NonInterference);
    }
    guarantees
}

/// The guarantees whose premise this action can meet.
pub fn about(action: &Action) -> GuaranteeSet {
    let can_be_about = |blocks: &Blocks| declared::can_be_about(blocks, action);
    let declared = GuaranteeSet::declared().with_blocks(can_be_about);
    ACTION_GUARANTEES
        .iter()
        .filter(|guarantee| (guarantee.about)(action))
        .map(|guarantee| guarantee.id)
        .chain(declared.iter())
        .collect()
}

/// The verdicts of all guarantees on some transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdicts {
    /// The guarantees whose premise was met.
    pub exercised: GuaranteeSet,
    /// The guarantees that were violated.
    pub violated: GuaranteeSet,
}

impl Verdicts {
    /// No transition was judged.
    pub const NONE: Self = Self { exercised: GuaranteeSet::EMPTY, violated: GuaranteeSet::EMPTY };

    /// Adds the verdicts on other transitions.
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

    /// Adds the verdicts of these guarantees on one more transition.
    pub fn judge(&mut self, guarantees: GuaranteeSet, transition: &Transition) {
        for guarantee in guarantees.iter() {
            let judgement = match &guarantee.get().blocks {
                Some(blocks) => declared::judge(blocks, transition),
                None => (ACTION_GUARANTEES[guarantee.index()].judge)(transition),
            };
            match judgement {
                Judgement::Untouched => {}
                Judgement::Kept => self.exercised.insert(guarantee),
                Judgement::Violated => {
                    self.exercised.insert(guarantee);
                    self.violated.insert(guarantee);
                }
            }
        }
    }
}

/// Every guarantee that is judged on one action, in the order of the ids.
const ACTION_GUARANTEES: &[ActionGuarantee] = &[
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

/// Whether the action may change the state.
fn may_change(action: &Action) -> bool {
    !action.operation.only_asks()
}

fn by_a_guest(action: &Action) -> bool {
    matches!(action.by, Actor::Guest(_))
}

/// Whether the action is a guest's read.
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

    /// The number of the guest that acts, registered or upgraded or not.
    fn caller(&self) -> Option<usize> {
        self.action.by.guest().map(usize::from)
    }

    /// Whether a condition of an endpoint holds of the action, which is by this guest.
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

    /// Whether the list of the rules lets the guest make the call: the endpoint is open, and the call meets
    /// each condition.
    fn is_listed(&self, endpoint: EndpointId, guest: usize) -> bool {
        match self.rules.access(endpoint) {
            Access::Refused => false,
            Access::Open(conditions) => conditions.iter().all(|c| self.holds(c, guest)),
        }
    }

    /// Whether the answer gave the tagged event.
    fn gave_the_tagged_event(&self) -> bool {
        self.observation.answer == Answer::Gave { tagged: true }
    }

    /// Whether the endpoint that is called needs a token, and is the ordinary kind that asks for it.
    fn needs_a_token(&self) -> bool {
        let registers = matches!(
            self.action.operation,
            Operation::Register { .. } | Operation::RegisterOver(_) | Operation::Upgrade(_)
        );
        !registers
            && self.action.operation.endpoint().is_some_and(|endpoint| {
                matches!(endpoint.get().auth, Auth::User | Auth::AppService | Auth::Other)
                    && !self.is_summary_without_a_token(endpoint)
            })
    }

    /// Whether the rules answer this call, of a room summary, without reading a token (A70).
    fn is_summary_without_a_token(&self, endpoint: EndpointId) -> bool {
        endpoint == KNOWN.room_summary
            && match self.rules.choices.room_summary_token {
                RoomSummaryToken::Required => false,
                RoomSummaryToken::Optional => self.action.by == Actor::Nobody,
                RoomSummaryToken::Unread => true,
            }
    }

    /// Whether the rules make a guest forget a room that it leaves, and this guest did (A69).
    fn has_forgotten(&self, room: usize, guest: usize) -> bool {
        self.rules.choices.leave_forgets == LeaveForgets::Forgets
            && self.before.rooms[room].past[guest].has_forgotten()
    }

    /// Whether the rules let a guest who has left this room read the room as of its leaving. The guest
    /// must not have forgotten the room. It must have been joined, or A68 treats it like a guest who
    /// was.
    fn reads_as_of_its_leaving(&self, room: usize, guest: usize) -> bool {
        let was_joined = self.before.rooms[room].past[guest].was_joined();
        (was_joined || self.rules.choices.turned_away == TurnedAway::AsLeft)
            && !self.has_forgotten(room, guest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guarantee_on_actions_has_a_judge_and_no_other_has() {
        let judged: Vec<_> = ACTION_GUARANTEES.iter().map(|guarantee| guarantee.id).collect();
        let on_actions: Vec<_> = GuaranteeSet::on_actions().iter().collect();
        assert_eq!(judged, on_actions);
        assert!(judged.iter().enumerate().all(|(place, guarantee)| guarantee.index() == place));
    }

    #[test]
    fn every_guarantee_on_actions_is_about_some_action() {
        let actions = crate::actions::actions(Scope { guests: 2, rooms: 1 }, &[]);
        for guarantee in ACTION_GUARANTEES {
            assert!(actions.iter().any(|action| (guarantee.about)(action)), "{}", guarantee.id);
        }
    }
}
