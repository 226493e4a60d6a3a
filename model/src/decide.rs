//! The transition function: for each action the decision, the content of the answer, and the next state.
//!
//! The model states the rules over abstract states. The reference homeserver states them again, over
//! users, tokens and timelines. Neither is derived from the other. `spec-notes/actions.md` describes the
//! actions.

mod account;
mod caller;
mod membership;
mod reading;
mod settings;
mod visibility;

use crate::action::{Action, Answer, Observation, Operation, Place};
use crate::state::{Past, State, Tagged};
use guest_access_rules::decision_point::{PointSet, ReadChoices, TurnedAway};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{Decision, ErrCode, Membership};

use account::TokenlessResult;
use caller::Caller;

/// The outcome of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What the caller observes.
    pub observation: Observation,
    /// The next state: the state before the action, if the action was refused.
    pub next: State,
}

/// The outcome of `action` in `state`. `None` if the action cannot happen.
pub fn outcome(profile: &Profile, state: &State, action: &Action) -> Option<Outcome> {
    outcome_by(&ReadChoices::new(&profile.choices), profile, state, action)
}

/// The outcome of `action` in `state`, if the action can happen, and the decision points that the
/// decision reads.
///
/// A profile that differs from this one only in the options of other points decides the same.
pub fn outcome_with_points(
    profile: &Profile,
    state: &State,
    action: &Action,
) -> (Option<Outcome>, PointSet) {
    let choices = ReadChoices::new(&profile.choices);
    let outcome = outcome_by(&choices, profile, state, action);
    (outcome, choices.points_read())
}

fn outcome_by(
    choices: &ReadChoices<'_>,
    profile: &Profile,
    state: &State,
    action: &Action,
) -> Option<Outcome> {
    if action.tag && (state.tagged.is_some() || action.place != Place::Room(0)) {
        return None;
    }
    let mut context = DecisionContext { choices, profile, state, next: *state };
    let (decision, answer) = context.take(action)?;
    if action.tag {
        context.next.tagged = Some(context.tag(action, &decision)?);
    }
    context.note_later_joins();
    context.note_past();
    Some(Outcome { observation: Observation { decision, answer }, next: context.next })
}

/// The initial state: nobody has registered, and every room is new.
pub fn initial(profile: &Profile) -> State {
    settings::initial(&profile.choices)
}

/// The context in which an action is decided: the profile and its choices, the state before the
/// action, and the next state so far.
struct DecisionContext<'a> {
    choices: &'a ReadChoices<'a>,
    profile: &'a Profile,
    state: &'a State,
    next: State,
}

impl DecisionContext<'_> {
    fn take(&mut self, action: &Action) -> Option<(Decision, Answer)> {
        if let TokenlessResult::Observed(decision, answer) = self.without_a_caller(action)? {
            return Some((decision, answer));
        }
        let endpoint =
            action.operation.endpoint().expect("an action of the server has no endpoint");
        let caller = match self.authenticate(action, endpoint)? {
            Ok(caller) => caller,
            Err(refusal) => return Some((refusal, Answer::Nothing)),
        };
        if let Some(caller) = &caller
            && let Err(refusal) = self.allow_list(caller, action, endpoint)
        {
            return Some((refusal, Answer::Nothing));
        }
        let Some(caller) = caller else {
            return Some((OPEN_TO_ALL, Answer::Nothing));
        };
        let (decision, answer) = self.operation(&caller, action)?;
        Some((decision, answer))
    }

    fn operation(&mut self, caller: &Caller, action: &Action) -> Option<(Decision, Answer)> {
        let decision = match action.operation {
            Operation::LogOut => self.end_own_token(caller),
            Operation::Deactivate => self.deactivate(caller),
            Operation::SetProfile { own, .. } => self.set_profile(caller, own),
            Operation::WhoAmI => return Some(self.who_am_i(caller)),
            Operation::Call(_) => SERVED,
            Operation::SetVisibility(says, key) => {
                self.set_visibility(caller, action, says, key)?
            }
            Operation::SetGuestAccess(says, key) => {
                self.set_guest_access(caller, action, says, key)?
            }
            Operation::RedactSetting(setting) => self.redact_setting(action, setting)?,
            Operation::SetJoinRule(rule) => self.set_join_rule(action, rule)?,
            Operation::Send(_) | Operation::SendState => self.send(caller, action)?,
            Operation::Invite(guest)
            | Operation::Kick(guest)
            | Operation::Ban(guest)
            | Operation::Unban(guest) => self.moderate(action, guest)?,
            Operation::Join(way) => self.join(caller, action, way)?,
            Operation::Leave(way) => self.leave(caller, action, way)?,
            Operation::Knock(way) => self.knock(caller, action, way)?,
            Operation::Read(_) | Operation::ReadThroughOtherRoom => {
                return self.read(caller, action);
            }
            Operation::Register { .. }
            | Operation::RegisterOver(_)
            | Operation::Upgrade(_)
            | Operation::EndToken(_)
            | Operation::Restart => unreachable!("answered without a caller"),
        };
        Some((decision, Answer::Nothing))
    }

    /// The class of the event that `action` sends. `None` if it sends no event that can be tagged.
    fn tag(&self, action: &Action, decision: &Decision) -> Option<Tagged> {
        if !decision.allows() {
            return None;
        }
        let kind = action.operation.sends()?;
        let tagged = Tagged::between(kind, &self.state.rooms[0], &self.next.rooms[0]);
        tagged.is_its_kind().then_some(tagged)
    }

    /// Records who is joined, and who remembers the room again since its membership changed.
    fn note_past(&mut self) {
        // CS-24: A user who neither is nor was a member of a room is refused its state with 403.
        let keeps_joins = self.choices.turned_away() == TurnedAway::AsStranger;
        for (before, after) in self.state.rooms.iter().zip(&mut self.next.rooms) {
            let memberships = before.members.iter().zip(&after.members);
            for ((before, after), past) in memberships.zip(&mut after.past) {
                if *after == Membership::Join {
                    *past = Past::of(keeps_joins, false);
                } else if before != after && *after != Membership::Leave {
                    *past = Past::of(past.was_joined(), false);
                }
            }
        }
    }

    /// Records who is joined to the first room after the tagged event.
    fn note_later_joins(&mut self) {
        let members = self.next.rooms[0].members;
        if let Some(tagged) = &mut self.next.tagged {
            tagged.note_joined(&members);
        }
    }
}

const OPEN_TO_ALL: Decision = Decision::allow(&["CS-3"], "the endpoint asks for no access token");
const SERVED: Decision = Decision::allow(
    &["GA-2"],
    "the caller may call this endpoint, and no rule of this module says more",
);
const ROOM_ELSEWHERE: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["CS-24"], "the server takes no part in the room");
