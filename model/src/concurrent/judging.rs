//! The judgement of the guarantees on an action.
//!
//! | guarantees | judged when |
//! |---|---|
//! | of reads | a read is answered |
//! | of joins and removals | the membership changes |
//! | `revocation` | no call is in flight, because a sweep takes time |
//! | `linearizable`, `quiescent_state` | a call is answered |
//!
//! The judged token is the token by which the server admitted the call.

use crate::action::{Answer, Observation};
use crate::guarantee::{NeverSet, Transition, Verdicts};
use crate::state::State;
use guest_access_rules::discipline::{Discipline, Holds};
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::vocabulary::{GuestAccess, Membership};

use super::calls::guest_of;
use super::stages::{Continuation, StageOutcome};
use super::{Concurrent, ConcurrentState};

/// Guarantees that are judged when the state of the server changes.
const AT_ITS_MOMENT: GuaranteeSet =
    GuaranteeSet::of(&[GuaranteeId::JoinGate, GuaranteeId::RevocationSpares]);

/// Guarantees that are judged when a read is answered.
const WHEN_READ: GuaranteeSet = GuaranteeSet::of(&[
    GuaranteeId::ReadConfinement,
    GuaranteeId::PreviewConfinement,
    GuaranteeId::NoRetroactiveExposure,
    GuaranteeId::WorldReadableOnly,
]);

/// The explanations before an answer, and whether the order of the calls matters for the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrdersAtAnswer {
    pub(super) was_explained: bool,
    pub(super) orders_matter: bool,
}

impl Concurrent {
    /// The guarantees that this model judges under this discipline. A discipline without locks has no
    /// deadlocks.
    pub fn guarantees(discipline: &Discipline) -> GuaranteeSet {
        let own = Self::order_guarantees().union(GuaranteeSet::of(&[GuaranteeId::Revocation]));
        let all = own.union(AT_ITS_MOMENT).union(WHEN_READ);
        if discipline.holds == Holds::Nothing {
            return all;
        }
        all.union(GuaranteeSet::of(&[GuaranteeId::DeadlockFreedom]))
    }

    /// The guarantees about overlapping calls, which no text of the specification mentions.
    pub fn own_guarantees() -> GuaranteeSet {
        Self::order_guarantees().union(GuaranteeSet::of(&[GuaranteeId::DeadlockFreedom]))
    }

    /// The guarantees about the orders that explain the answers.
    pub(crate) fn order_guarantees() -> GuaranteeSet {
        GuaranteeSet::of(&[GuaranteeId::Linearizable, GuaranteeId::QuiescentState])
    }

    /// Judges a stage of the call with this number.
    pub(super) fn judge(
        &self,
        current: &ConcurrentState,
        number: usize,
        stage_outcome: &StageOutcome,
    ) -> Verdicts {
        let mut verdicts = Verdicts::default();
        let call = &current.calls[number];
        let mut before = current.server;
        let mut action = self.kind(call).action;
        if let (Some(guest), Some(shown_token)) = (guest_of(&action), stage_outcome.shown_token) {
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
                    after: &stage_outcome.server,
                    never_set: NeverSet::default(),
                };
                verdicts.judge(guarantees, &transition);
            };
        let is_answered = matches!(stage_outcome.next, Continuation::Answer(_));
        if is_answered || stage_outcome.server != current.server {
            judge(&mut verdicts, AT_ITS_MOMENT, &stage_outcome.observation);
        }
        if is_answered && matches!(stage_outcome.observation.answer, Answer::Gave { .. }) {
            judge(&mut verdicts, WHEN_READ, &stage_outcome.observation);
        }
        let closed = |state: &State| state.rooms[0].guest_access != GuestAccess::CanJoin;
        if !closed(&before) && closed(&stage_outcome.server) && guest_is_joined(&before) {
            verdicts.note(GuaranteeId::Revocation, true);
        }
        verdicts
    }

    /// Judges the answer to a call.
    pub(super) fn judge_answer(current: &ConcurrentState, orders: OrdersAtAnswer) -> Verdicts {
        let mut verdicts = Verdicts::default();
        let is_explained = !current.explanations.is_empty();
        if orders.was_explained && (orders.orders_matter || !is_explained) {
            verdicts.note(GuaranteeId::Linearizable, is_explained);
        }
        if !current.calls.is_empty() {
            return verdicts;
        }
        let server = &current.server;
        if server.rooms[0].guest_access != GuestAccess::CanJoin && guest_is_joined(server) {
            verdicts.note(GuaranteeId::Revocation, false);
        }
        let is_the_end = current.explanations.iter().any(|one| one.state == *server);
        if is_explained && (orders.orders_matter || !is_the_end) {
            verdicts.note(GuaranteeId::QuiescentState, is_the_end);
        }
        verdicts
    }

    /// Judges whether the calls in flight wait for each other.
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
