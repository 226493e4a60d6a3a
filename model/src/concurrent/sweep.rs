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
    /// The members that the rules would remove if the change was made now.
    fn removable(&self, server: &State, action: &Action) -> ListedGuests {
        let removed = self.removed(server, action);
        let members = server.rooms[0].members.iter().zip(removed.rooms[0].members).enumerate();
        members.filter(|(_, (now, then))| **now != *then).map(|(guest, _)| guest).collect()
    }

    /// The state after the change, if guests were permitted to join before.
    fn removed(&self, server: &State, action: &Action) -> State {
        let mut open = *server;
        open.rooms[0].guest_access = GuestAccess::CanJoin;
        outcome(&self.profile, &open, action).map_or(open, |outcome| outcome.next)
    }

    /// Executes the *act* of a revocation: its event takes effect, or the members are listed first.
    pub(super) fn revoke(
        &self,
        current: &ConcurrentState,
        number: usize,
        gone: StageOutcome,
    ) -> StageOutcome {
        let action = &self.kind(&current.calls[number]).action;
        let stops = current.server.rooms[0].guest_access == GuestAccess::CanJoin;
        if !stops || self.leaves_it(current, number) {
            return gone;
        }
        match self.discipline.sweeps {
            Sweeps::AfterEvent => {
                StageOutcome { next: Continuation::Stage(Stage::Sweeping(None)), ..gone }
            }
            Sweeps::BeforeEvent => {
                let listed = self.removable(&current.server, action);
                let next = Continuation::Stage(Stage::Sweeping(Some(listed)));
                StageOutcome { server: current.server, next, ..gone }
            }
        }
    }

    /// Whether this revocation leaves the sweep to another revocation in flight.
    fn leaves_it(&self, current: &ConcurrentState, number: usize) -> bool {
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
        let gone = StageOutcome::answering(current.server, sent.observation);
        let to = |stage, gone: StageOutcome| {
            Some(StageOutcome { next: Continuation::Stage(stage), ..gone })
        };
        let now = self.removable(&current.server, action);
        let Some(listed) = listed else {
            // A sweep that runs until the room is clean ends when nobody is left to remove.
            if self.discipline.runs == Runs::UntilClean && now.is_empty() {
                return Some(self.swept(current, gone, &sent.next));
            }
            return to(Stage::Sweeping(Some(now)), gone);
        };
        let Some(guest) = listed.first() else {
            return match self.discipline.runs {
                Runs::UntilClean if !now.is_empty() => to(Stage::Sweeping(Some(now)), gone),
                Runs::UntilClean | Runs::Once => Some(self.swept(current, gone, &sent.next)),
            };
        };
        if self.discipline.holds == Holds::User && self.user_is_held(current, number, guest) {
            return None;
        }
        let mut server = current.server;
        let is_removed = match self.discipline.turn {
            Turn::LooksAgain => now.contains(guest),
            Turn::AsListed => true,
        };
        if is_removed {
            // The server removes the guest as listed, whatever the guest has done since.
            let mut as_listed = server;
            as_listed.accounts[guest] = crate::state::Account::Guest;
            as_listed.rooms[0].members[guest] = guest_access_rules::vocabulary::Membership::Join;
            server.rooms[0].members[guest] =
                self.removed(&as_listed, action).rooms[0].members[guest];
        }
        to(Stage::Sweeping(Some(listed.without(guest))), StageOutcome { server, ..gone })
    }

    /// Ends the sweep. The event takes effect now, if the sweep comes before the event.
    fn swept(&self, current: &ConcurrentState, gone: StageOutcome, sent: &State) -> StageOutcome {
        let mut server = current.server;
        if self.discipline.sweeps == Sweeps::BeforeEvent {
            server.rooms[0].guest_access = sent.rooms[0].guest_access;
        }
        StageOutcome { server, ..gone }
    }
}
