//! What the guarantees say of a move.
//!
//! Those of the sequential model that are about one moment are judged at that moment: what a read
//! gives, when it is given; who comes to be joined, or is removed, when it happens. `revocation` is
//! judged whenever nothing is in flight: a sweep may take its time. The token that counts is the one
//! that the call was let in with.

use crate::action::{Answer, Observation};
use crate::guarantee::{Transition, Verdicts};
use crate::state::State;
use guest_access_rules::discipline::{Discipline, Holds};
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::vocabulary::{GuestAccess, Membership};

use super::calls::guest_of;
use super::stages::{Next, StageOutcome};
use super::{Concurrent, ConcurrentState};

/// Guarantees that are judged when something happens.
const AT_ITS_MOMENT: GuaranteeSet =
    GuaranteeSet::of(&[GuaranteeId::JoinGate, GuaranteeId::RevocationSpares]);

/// Guarantees that are judged when a read is answered.
const WHEN_READ: GuaranteeSet = GuaranteeSet::of(&[
    GuaranteeId::ReadConfinement,
    GuaranteeId::PreviewConfinement,
    GuaranteeId::NoRetroactiveExposure,
    GuaranteeId::WorldReadableOnly,
]);

/// What was found of the orders of the calls when one was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orders {
    pub(super) was_explained: bool,
    pub(super) matter: bool,
}

impl Concurrent {
    /// The guarantees that this model says something of, under this discipline: where nothing is
    /// held, nobody waits.
    pub fn guarantees(discipline: &Discipline) -> GuaranteeSet {
        let own = Self::of_orders().union(GuaranteeSet::of(&[GuaranteeId::Revocation]));
        let all = own.union(AT_ITS_MOMENT).union(WHEN_READ);
        if discipline.holds == Holds::Nothing {
            return all;
        }
        all.union(GuaranteeSet::of(&[GuaranteeId::DeadlockFreedom]))
    }

    /// Those of them that are about calls that overlap, and that no text speaks of.
    pub fn own_guarantees() -> GuaranteeSet {
        Self::of_orders().union(GuaranteeSet::of(&[GuaranteeId::DeadlockFreedom]))
    }

    /// Those of them that are about the orders which explain the answers.
    pub(crate) fn of_orders() -> GuaranteeSet {
        GuaranteeSet::of(&[GuaranteeId::Linearizable, GuaranteeId::QuiescentState])
    }

    /// What is said of a stage that the call with this number has passed.
    pub(super) fn judge(
        &self,
        current: &ConcurrentState,
        number: usize,
        gone: &StageOutcome,
    ) -> Verdicts {
        let mut verdicts = Verdicts::default();
        let call = &current.calls[number];
        let mut before = current.server;
        let mut action = self.kind(call).action;
        if let (Some(guest), Some(shown_token)) = (guest_of(&action), gone.shown_token) {
            before.accounts[guest] = shown_token.account;
            action = action.with(shown_token.with);
        }
        let judge =
            |verdicts: &mut Verdicts, guarantees: GuaranteeSet, observation: &Observation| {
                let transition = Transition {
                    rules: &self.rules,
                    system: &self.profile,
                    before: &before,
                    action: &action,
                    observation,
                    after: &gone.server,
                };
                verdicts.judge(guarantees, &transition);
            };
        let is_answered = matches!(gone.next, Next::Answer(_));
        if is_answered || gone.server != current.server {
            judge(&mut verdicts, AT_ITS_MOMENT, &gone.observation);
        }
        if is_answered && matches!(gone.observation.answer, Answer::Gave { .. }) {
            judge(&mut verdicts, WHEN_READ, &gone.observation);
        }
        let closed = |state: &State| state.rooms[0].guest_access != GuestAccess::CanJoin;
        if !closed(&before) && closed(&gone.server) && guest_is_joined(&before) {
            verdicts.note(GuaranteeId::Revocation, true);
        }
        verdicts
    }

    /// What is said once a call was answered.
    pub(super) fn judge_answer(current: &ConcurrentState, orders: Orders) -> Verdicts {
        let mut verdicts = Verdicts::default();
        let is_explained = !current.explained.is_empty();
        if orders.was_explained && (orders.matter || !is_explained) {
            verdicts.note(GuaranteeId::Linearizable, is_explained);
        }
        if !current.calls.is_empty() {
            return verdicts;
        }
        let server = &current.server;
        if server.rooms[0].guest_access != GuestAccess::CanJoin && guest_is_joined(server) {
            verdicts.note(GuaranteeId::Revocation, false);
        }
        let is_the_end = current.explained.iter().any(|one| one.state == *server);
        if is_explained && (orders.matter || !is_the_end) {
            verdicts.note(GuaranteeId::QuiescentState, is_the_end);
        }
        verdicts
    }

    /// What is said of the calls that are in flight now: whether they wait for one another.
    pub(super) fn judge_waiting(&self, current: &ConcurrentState) -> Verdicts {
        let mut verdicts = Verdicts::default();
        if self.discipline.holds != Holds::Nothing && !current.calls.is_empty() {
            let (one_waits, one_goes_on) = self.waiting(current);
            if one_waits || !one_goes_on {
                verdicts.note(GuaranteeId::DeadlockFreedom, one_goes_on);
            }
        }
        verdicts
    }
}

fn guest_is_joined(state: &State) -> bool {
    let members = state.accounts.iter().zip(state.rooms[0].members);
    members.into_iter().any(|(account, now)| account.is_guest() && now == Membership::Join)
}
