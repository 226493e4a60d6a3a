//! The effect of each stage of a call.

use crate::action::{Action, Answer, Credential, Observation, Operation};
use crate::decide::{Outcome, outcome};
use crate::state::{Account, Kind, Room, State, Tagged};
use guest_access_rules::discipline::{Commits, Reads, Rechecks};
use guest_access_rules::vocabulary::Decision;

use super::calls::{AtomicPart, ShownToken, Stage, VisibleAnswer, guest_of};
use super::holding::revokes;
use super::{Concurrent, ConcurrentState};

/// The outcome of a stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct StageOutcome {
    /// The state of the homeserver.
    pub(super) server: State,
    /// How the call continues.
    pub(super) next: Continuation,
    /// The answer to the call, or the answer by what the call has read so far.
    pub(super) observation: Observation,
    /// The account of the shown token.
    pub(super) shown_token: Option<ShownToken>,
}

/// How a call continues after a stage.
#[derive(Debug, Clone, Copy)]
pub(super) enum Continuation {
    /// With another stage.
    Stage(Stage),
    /// With its answer.
    Answer(VisibleAnswer),
}

impl StageOutcome {
    /// The outcome of a stage after which the call is answered.
    pub(super) fn answering(server: State, observation: Observation) -> Self {
        Self {
            server,
            next: Continuation::Answer(VisibleAnswer::of(&observation)),
            observation,
            shown_token: None,
        }
    }

    fn to(server: State, stage: Stage, observation: Observation) -> Self {
        Self { server, next: Continuation::Stage(stage), observation, shown_token: None }
    }
}

impl Concurrent {
    /// Executes the next stage of the call with this number; `None` if the call waits.
    pub(super) fn execute_stage(
        &self,
        current: &ConcurrentState,
        number: usize,
    ) -> Option<StageOutcome> {
        match current.calls[number].stage {
            Stage::Started => self.authenticate(current, number),
            Stage::Authenticated(shown_token) => self.check(current, number, shown_token),
            Stage::Checked(shown_token, room) => {
                Some(self.operation(current, number, shown_token, room))
            }
            Stage::Sweeping(listed) => self.sweep(current, number, listed),
            Stage::Upgraded => Some(StageOutcome::answering(current.server, DONE)),
            Stage::Acted(response) => Some(StageOutcome {
                next: Continuation::Answer(response),
                ..StageOutcome::answering(current.server, DONE)
            }),
        }
    }

    fn authenticate(&self, current: &ConcurrentState, number: usize) -> Option<StageOutcome> {
        let (call, server) = (&current.calls[number], current.server);
        let kind = self.kind(call);
        let guest = guest_of(&kind.action);
        if guest.is_some_and(|guest| self.user_is_held(current, number, guest)) {
            return None;
        }
        if kind.atomic_part == AtomicPart::WholeCall {
            if self.room_is_held(current, number) {
                return None;
            }
            let whole_call =
                outcome(&self.profile, &server, &kind.action).unwrap_or_else(|| unchanged(&server));
            return Some(StageOutcome::answering(whole_call.next, whole_call.observation));
        }
        let shown_token = self.shown_token(current, number);
        if let Operation::Upgrade(_) = kind.action.operation {
            let remembered = self.decide(current, number, shown_token, server.rooms[0])?;
            let (kept, room) = self.keep(current, number, shown_token, self.initial_state.rooms[0]);
            let checked = Stage::Checked(kept, room);
            return Some(if remembered.observation.decision.allows() {
                StageOutcome::to(server, checked, remembered.observation)
            } else {
                StageOutcome::answering(server, remembered.observation)
            });
        }
        let remembered = self.decide(current, number, shown_token, self.initial_state.rooms[0])?;
        // A refused token is refused in every room.
        Some(if remembered.observation.decision.status == 401 {
            StageOutcome::answering(server, remembered.observation)
        } else {
            StageOutcome::to(
                server,
                Stage::Authenticated(self.keep_token(shown_token)),
                remembered.observation,
            )
        })
    }

    fn check(
        &self,
        current: &ConcurrentState,
        number: usize,
        shown_token: ShownToken,
    ) -> Option<StageOutcome> {
        if self.room_is_held(current, number) {
            return None;
        }
        let server = current.server;
        let shown_token = if self.looks_up_token_again() {
            self.shown_token(current, number)
        } else {
            shown_token
        };
        let remembered = self.decide(current, number, shown_token, server.rooms[0])?;
        let action = &self.kind(&current.calls[number]).action;
        let reads = matches!(action.operation, Operation::Read(_));
        let is_answered = !remembered.observation.decision.allows()
            || reads && self.discipline.reads == Reads::Snapshot;
        let stage_outcome = if is_answered {
            StageOutcome::answering(server, remembered.observation)
        } else {
            let (shown_token, room) = self.keep(current, number, shown_token, server.rooms[0]);
            StageOutcome::to(server, Stage::Checked(shown_token, room), remembered.observation)
        };
        Some(StageOutcome { shown_token: Some(shown_token), ..stage_outcome })
    }

    fn operation(
        &self,
        current: &ConcurrentState,
        number: usize,
        shown_token: ShownToken,
        room: Room,
    ) -> StageOutcome {
        let action = self.kind(&current.calls[number]).action;
        let is_an_upgrade = matches!(action.operation, Operation::Upgrade(_));
        let mut server = current.server;
        let (shown_token, room) = match self.discipline.rechecks {
            // An upgrade checks no room, and changes the current one.
            Rechecks::Nothing if is_an_upgrade => (shown_token, server.rooms[0]),
            Rechecks::Nothing => (shown_token, room),
            Rechecks::Token if !is_an_upgrade => (self.shown_token(current, number), room),
            Rechecks::Room => (shown_token, server.rooms[0]),
            Rechecks::Token | Rechecks::Everything => {
                (self.shown_token(current, number), server.rooms[0])
            }
        };
        let remembered = self
            .decide(current, number, shown_token, room)
            .expect("the rules have an outcome at the check, so they have one here");
        let allows = remembered.observation.decision.allows();
        if allows {
            self.apply(&mut server, current, number, room, &remembered.next);
        }
        let stage_outcome = StageOutcome {
            shown_token: Some(shown_token),
            ..StageOutcome::answering(server, remembered.observation)
        };
        let at_once = self.discipline.commits == Commits::AtOnce;
        match action.operation {
            Operation::Upgrade(_) if allows && !at_once => {
                StageOutcome { next: Continuation::Stage(Stage::Upgraded), ..stage_outcome }
            }
            Operation::SetGuestAccess(..) if allows && revokes(&action) => {
                if at_once {
                    let all = outcome(&self.profile, &current.server, &action);
                    StageOutcome { server: all.map_or(server, |all| all.next), ..stage_outcome }
                } else {
                    self.revoke(current, number, stage_outcome)
                }
            }
            _ => stage_outcome,
        }
    }

    /// The account that the token of a call belongs to now.
    fn shown_token(&self, current: &ConcurrentState, number: usize) -> ShownToken {
        let call = &current.calls[number];
        let Some(guest) = guest_of(&self.kind(call).action) else {
            return ShownToken { account: Account::Absent, with: Credential::Own };
        };
        let account = current.server.accounts[guest];
        let with = if self.is_upgrading(current, guest) {
            Credential::Own
        } else {
            self.action_with(call, account).with
        };
        ShownToken { account, with }
    }

    /// The decision on a call with this token about this room.
    fn decide(
        &self,
        current: &ConcurrentState,
        number: usize,
        shown_token: ShownToken,
        room: Room,
    ) -> Option<Outcome> {
        let action = &self.kind(&current.calls[number]).action;
        self.decided(action, shown_token, room, current.server.tagged)
    }

    /// The decision on an action with this token about this room and this event.
    pub(super) fn decided(
        &self,
        action: &Action,
        shown_token: ShownToken,
        room: Room,
        tagged: Option<Tagged>,
    ) -> Option<Outcome> {
        let mut remembered = State { tagged, ..self.initial_state };
        remembered.rooms[0] = room;
        if let Some(guest) = guest_of(action) {
            remembered.accounts[guest] = shown_token.account;
        }
        outcome(&self.profile, &remembered, &Action { tag: false, ..action.with(shown_token.with) })
    }

    /// Applies the changes of a call that read `room_read`, and after which the sequential state would be `after`.
    fn apply(
        &self,
        server: &mut State,
        current: &ConcurrentState,
        number: usize,
        room_read: Room,
        after: &State,
    ) {
        let call = &current.calls[number];
        let action = &self.kind(call).action;
        let room = &mut server.rooms[0];
        match action.operation {
            Operation::SetGuestAccess(..) => room.guest_access = after.rooms[0].guest_access,
            Operation::SetVisibility(..) => room.visibility = after.rooms[0].visibility,
            Operation::Send(_) if action.tag => {
                server.tagged = Some(Tagged::between(Kind::Message, room, room));
            }
            _ => {}
        }
        if let Some(guest) = guest_of(action) {
            let membership = after.rooms[0].members[guest];
            if membership != room_read.members[guest] {
                server.rooms[0].members[guest] = membership;
            }
            match action.operation {
                Operation::Upgrade(_) => server.accounts[guest] = after.accounts[guest],
                // The log out ends the shown token, if the token has not ended yet.
                Operation::LogOut => {
                    let now = outcome(&self.profile, server, &self.action_in(call, server));
                    server.accounts[guest] =
                        now.map_or(server.accounts[guest], |now| now.next.accounts[guest]);
                }
                _ => {}
            }
        }
        let members = server.rooms[0].members;
        if let Some(tagged) = &mut server.tagged {
            tagged.note_joined(&members);
        }
    }
}

/// The outcome of an action of the server that changes nothing.
pub(super) fn unchanged(state: &State) -> Outcome {
    Outcome { observation: DONE, next: *state }
}

const DONE: Observation =
    Observation { decision: Decision::allow(&[], "all of it is done"), answer: Answer::Nothing };
