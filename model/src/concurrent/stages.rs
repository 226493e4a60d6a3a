//! What a call does at each stage.

use crate::action::{Action, Answer, Credential, Observation, Operation};
use crate::decide::{Outcome, outcome};
use crate::state::{Account, Kind, Room, State, Tagged};
use guest_access_rules::discipline::{Commits, Reads, Rechecks};
use guest_access_rules::vocabulary::Decision;

use super::calls::{Pace, Said, Shown, Stage, guest_of};
use super::holding::revokes;
use super::{Concurrent, Situation};

/// What comes of a stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gone {
    /// The state of the homeserver.
    pub(super) server: State,
    /// What is next for the call.
    pub(super) next: Next,
    /// What the call has been told, or would be by now.
    pub(super) observation: Observation,
    /// Whom the caller's token showed.
    pub(super) shown: Option<Shown>,
}

/// What is next for a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    /// Another stage.
    Stage(Stage),
    /// Its answer.
    Answer(Said),
}

impl Gone {
    /// The call is answered so.
    pub(super) fn answering(server: State, observation: Observation) -> Self {
        Self { server, next: Next::Answer(Said::of(&observation)), observation, shown: None }
    }

    fn to(server: State, stage: Stage, observation: Observation) -> Self {
        Self { server, next: Next::Stage(stage), observation, shown: None }
    }
}

impl Concurrent {
    /// The next stage of the call with this number; `None` if it is kept waiting.
    pub(super) fn go_on(&self, situation: &Situation, number: usize) -> Option<Gone> {
        match situation.calls[number].stage {
            Stage::Started => self.authenticate(situation, number),
            Stage::Authenticated(shown) => self.check(situation, number, shown),
            Stage::Checked(shown, room) => Some(self.operation(situation, number, shown, room)),
            Stage::Sweeping(listed) => self.sweep(situation, number, listed),
            Stage::Upgraded => Some(Gone::answering(situation.server, DONE)),
            Stage::Acted(said) => {
                Some(Gone { next: Next::Answer(said), ..Gone::answering(situation.server, DONE) })
            }
        }
    }

    fn authenticate(&self, situation: &Situation, number: usize) -> Option<Gone> {
        let (call, server) = (&situation.calls[number], situation.server);
        let kind = self.kind(call);
        let guest = guest_of(&kind.action);
        if guest.is_some_and(|guest| self.user_is_held(situation, number, guest)) {
            return None;
        }
        if kind.pace == Pace::AtOnce {
            if self.room_is_held(situation, number) {
                return None;
            }
            let done =
                outcome(&self.profile, &server, &kind.action).unwrap_or_else(|| no_deed(&server));
            return Some(Gone::answering(done.next, done.observation));
        }
        let shown = self.shown(situation, number);
        if let Operation::Upgrade(_) = kind.action.operation {
            let seen = self.decide(situation, number, shown, server.rooms[0])?;
            let (kept, room) = self.keep(situation, number, shown, self.nothing_yet.rooms[0]);
            let checked = Stage::Checked(kept, room);
            return Some(if seen.observation.decision.allows() {
                Gone::to(server, checked, seen.observation)
            } else {
                Gone::answering(server, seen.observation)
            });
        }
        let seen = self.decide(situation, number, shown, self.nothing_yet.rooms[0])?;
        // The token is refused whatever the room is.
        Some(if seen.observation.decision.status == 401 {
            Gone::answering(server, seen.observation)
        } else {
            Gone::to(server, Stage::Authenticated(self.keep_shown(shown)), seen.observation)
        })
    }

    fn check(&self, situation: &Situation, number: usize, shown: Shown) -> Option<Gone> {
        if self.room_is_held(situation, number) {
            return None;
        }
        let server = situation.server;
        let shown = if self.looks_again() { self.shown(situation, number) } else { shown };
        let seen = self.decide(situation, number, shown, server.rooms[0])?;
        let action = &self.kind(&situation.calls[number]).action;
        let reads = matches!(action.operation, Operation::Read(_));
        let is_answered = !seen.observation.decision.allows()
            || reads && self.discipline.reads == Reads::Snapshot;
        let gone = if is_answered {
            Gone::answering(server, seen.observation)
        } else {
            let (shown, room) = self.keep(situation, number, shown, server.rooms[0]);
            Gone::to(server, Stage::Checked(shown, room), seen.observation)
        };
        Some(Gone { shown: Some(shown), ..gone })
    }

    fn operation(&self, situation: &Situation, number: usize, shown: Shown, room: Room) -> Gone {
        let action = self.kind(&situation.calls[number]).action;
        let is_an_upgrade = matches!(action.operation, Operation::Upgrade(_));
        let mut server = situation.server;
        let (shown, room) = match self.discipline.rechecks {
            // An upgrade looks at no room; what it changes in one is there now.
            Rechecks::Nothing if is_an_upgrade => (shown, server.rooms[0]),
            Rechecks::Nothing => (shown, room),
            Rechecks::Token if !is_an_upgrade => (self.shown(situation, number), room),
            Rechecks::Room => (shown, server.rooms[0]),
            Rechecks::Token | Rechecks::Everything => {
                (self.shown(situation, number), server.rooms[0])
            }
        };
        let seen = self
            .decide(situation, number, shown, room)
            .expect("what could be asked at the check can be asked again");
        let allows = seen.observation.decision.allows();
        if allows {
            self.apply(&mut server, situation, number, room, &seen.next);
        }
        let gone = Gone { shown: Some(shown), ..Gone::answering(server, seen.observation) };
        let at_once = self.discipline.commits == Commits::AtOnce;
        match action.operation {
            Operation::Upgrade(_) if allows && !at_once => {
                Gone { next: Next::Stage(Stage::Upgraded), ..gone }
            }
            Operation::SetGuestAccess(..) if allows && revokes(&action) => {
                if at_once {
                    let all = outcome(&self.profile, &situation.server, &action);
                    Gone { server: all.map_or(server, |all| all.next), ..gone }
                } else {
                    self.revoke(situation, number, gone)
                }
            }
            _ => gone,
        }
    }

    /// Whom the token of a call shows now.
    fn shown(&self, situation: &Situation, number: usize) -> Shown {
        let call = &situation.calls[number];
        let Some(guest) = guest_of(&self.kind(call).action) else {
            return Shown { account: Account::Absent, with: Credential::Own };
        };
        let account = situation.server.accounts[guest];
        let with = if self.is_upgrading(situation, guest) {
            Credential::Own
        } else {
            self.action_with(call, account).with
        };
        Shown { account, with }
    }

    /// What the rules say to a call whose token shows this, about a room that is so.
    fn decide(
        &self,
        situation: &Situation,
        number: usize,
        shown: Shown,
        room: Room,
    ) -> Option<Outcome> {
        let action = &self.kind(&situation.calls[number]).action;
        self.decided(action, shown, room, situation.server.tagged)
    }

    /// What the rules say to a step by one whose token shows this, about a room that is so and has
    /// this event.
    pub(super) fn decided(
        &self,
        action: &Action,
        shown: Shown,
        room: Room,
        tagged: Option<Tagged>,
    ) -> Option<Outcome> {
        let mut seen = State { tagged, ..self.nothing_yet };
        seen.rooms[0] = room;
        if let Some(guest) = guest_of(action) {
            seen.accounts[guest] = shown.account;
        }
        outcome(&self.profile, &seen, &Action { tag: false, ..action.with(shown.with) })
    }

    /// What a call changes, where it saw the room so and the rules came to `done`.
    fn apply(
        &self,
        server: &mut State,
        situation: &Situation,
        number: usize,
        saw: Room,
        done: &State,
    ) {
        let call = &situation.calls[number];
        let action = &self.kind(call).action;
        let room = &mut server.rooms[0];
        match action.operation {
            Operation::SetGuestAccess(..) => room.guest_access = done.rooms[0].guest_access,
            Operation::SetVisibility(..) => room.visibility = done.rooms[0].visibility,
            Operation::Send(_) if action.tag => {
                server.tagged = Some(Tagged::between(Kind::Message, room, room));
            }
            _ => {}
        }
        if let Some(guest) = guest_of(action) {
            let becomes = done.rooms[0].members[guest];
            if becomes != saw.members[guest] {
                server.rooms[0].members[guest] = becomes;
            }
            match action.operation {
                Operation::Upgrade(_) => server.accounts[guest] = done.accounts[guest],
                // What is ended is the token that was shown, and nothing if that is ended by now.
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

/// The server has nothing to do.
pub(super) fn no_deed(state: &State) -> Outcome {
    Outcome { observation: DONE, next: *state }
}

const DONE: Observation =
    Observation { decision: Decision::allow(&[], "all of it is done"), answer: Answer::Nothing };
