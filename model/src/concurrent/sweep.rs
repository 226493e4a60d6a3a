//! Revocations: the event, and the sweep that removes the members one by one.

use crate::action::Action;
use crate::decide::outcome;
use crate::state::State;
use guest_access_rules::discipline::{Holds, Meanwhile, Runs, Sweeps, Turn};
use guest_access_rules::vocabulary::GuestAccess;

use super::calls::{ListedGuests, Stage};
use super::stages::{Continuation, StageOutcome};
use super::{Concurrent, ConcurrentState};

impl Concurrent {
    /// The members that the rules would remove if the change took effect now.
    fn removable(&self, server: &State, action: &Action) -> ListedGuests {
        let after_removals = self.after_removals(server, action);
        let members =
            server.rooms[0].members.iter().zip(after_removals.rooms[0].members).enumerate();
        members.filter(|(_, (now, then))| **now != *then).map(|(guest, _)| guest).collect()
    }

    /// The state after the change, if guests were permitted to join before.
    fn after_removals(&self, server: &State, action: &Action) -> State {
        let mut open = *server;
        open.rooms[0].guest_access = GuestAccess::CanJoin;
        outcome(&self.profile, &open, action).map_or(open, |outcome| outcome.next)
    }

    /// Executes the *act* of a revocation: its event takes effect, or the members are listed first.
    pub(super) fn revoke(
        &self,
        current: &ConcurrentState,
        number: usize,
        stage_outcome: StageOutcome,
    ) -> StageOutcome {
        let action = &self.kind(&current.calls[number]).action;
        let stops = current.server.rooms[0].guest_access == GuestAccess::CanJoin;
        if !stops || self.other_call_sweeps(current, number) {
            return stage_outcome;
        }
        match self.discipline.sweeps {
            Sweeps::AfterEvent => {
                StageOutcome { next: Continuation::Stage(Stage::Sweeping(None)), ..stage_outcome }
            }
            Sweeps::BeforeEvent => {
                let listed = self.removable(&current.server, action);
                let next = Continuation::Stage(Stage::Sweeping(Some(listed)));
                StageOutcome { server: current.server, next, ..stage_outcome }
            }
        }
    }

    /// Whether this revocation leaves the sweep to another revocation in flight.
    fn other_call_sweeps(&self, current: &ConcurrentState, number: usize) -> bool {
        let mut others = current.calls.iter().enumerate();
        self.discipline.meanwhile == Meanwhile::LeavesItToTheOther
            && others
                .any(|(other, call)| other != number && matches!(call.stage, Stage::Sweeping(_)))
    }

    /// Executes the next stage of a sweep: *list*, *remove* or *end*.
    pub(super) fn sweep(
        &self,
        current: &ConcurrentState,
        number: usize,
        listed: Option<ListedGuests>,
    ) -> Option<StageOutcome> {
        let call = &current.calls[number];
        let action = &self.kind(call).action;
        let sent = outcome(&self.profile, &current.server, action)?;
        let stage_outcome = StageOutcome::answering(current.server, sent.observation);
        let continue_with = |stage, stage_outcome: StageOutcome| {
            Some(StageOutcome { next: Continuation::Stage(stage), ..stage_outcome })
        };
        let removable = self.removable(&current.server, action);
        let Some(listed) = listed else {
            // A sweep that runs until the room is clean ends when nobody is left to remove.
            if self.discipline.runs == Runs::UntilClean && removable.is_empty() {
                return Some(self.end_of_sweep(current, stage_outcome, &sent.next));
            }
            return continue_with(Stage::Sweeping(Some(removable)), stage_outcome);
        };
        let Some(guest) = listed.first() else {
            return match self.discipline.runs {
                Runs::UntilClean if !removable.is_empty() => {
                    continue_with(Stage::Sweeping(Some(removable)), stage_outcome)
                }
                Runs::UntilClean | Runs::Once => {
                    Some(self.end_of_sweep(current, stage_outcome, &sent.next))
                }
            };
        };
        if self.discipline.holds == Holds::User && self.user_is_held(current, number, guest) {
            return None;
        }
        let mut server = current.server;
        let is_removed = match self.discipline.turn {
            Turn::LooksAgain => removable.contains(guest),
            Turn::AsListed => true,
        };
        if is_removed {
            // The server removes the guest as listed, whatever the guest has done since.
            let mut as_listed = server;
            as_listed.accounts[guest] = crate::state::Account::Guest;
            as_listed.rooms[0].members[guest] = guest_access_rules::vocabulary::Membership::Join;
            server.rooms[0].members[guest] =
                self.after_removals(&as_listed, action).rooms[0].members[guest];
        }
        continue_with(
            Stage::Sweeping(Some(listed.without(guest))),
            StageOutcome { server, ..stage_outcome },
        )
    }

    /// Ends the sweep. The event takes effect now, if the sweep comes before the event.
    fn end_of_sweep(
        &self,
        current: &ConcurrentState,
        stage_outcome: StageOutcome,
        sent: &State,
    ) -> StageOutcome {
        let mut server = current.server;
        if self.discipline.sweeps == Sweeps::BeforeEvent {
            server.rooms[0].guest_access = sent.rooms[0].guest_access;
        }
        StageOutcome { server, ..stage_outcome }
    }
}
