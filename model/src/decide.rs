//! What the rules say to each step: the decision, what the answer holds, and the state after it.
//!
//! The model's own statement of the rules, over abstract states. The reference homeserver states
//! them again over users, tokens and timelines; neither is derived from the other. The steps are
//! described in `spec-notes/steps.md`.

mod account;
mod caller;
mod membership;
mod reading;
mod settings;
mod visibility;

use crate::state::{State, Tagged};
use crate::step::{Act, Answer, Observation, Place, Step};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{Decision, ErrCode};

use account::Uncalled;
use caller::Caller;

/// What comes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What the caller can observe.
    pub observation: Observation,
    /// The state after the step; the same as before it if the step was refused.
    pub next: State,
}

/// What comes of `step` in `state`, or `None` where the step cannot happen.
pub fn outcome(profile: &Profile, state: &State, step: &Step) -> Option<Outcome> {
    if step.tag && (state.tagged.is_some() || step.place != Place::Room(0)) {
        return None;
    }
    let mut world = World { profile, state, next: *state };
    let (decision, answer) = world.take(step)?;
    if step.tag {
        world.next.tagged = Some(world.tag(step, &decision)?);
    }
    world.note_later_joins();
    Some(Outcome { observation: Observation { decision, answer }, next: world.next })
}

/// The state in which everything begins: nobody has registered, every room is new.
pub fn initial(profile: &Profile) -> State {
    settings::initial(&profile.choices)
}

/// One step under way: the state before it, and the state after it as far as it has come.
struct World<'a> {
    profile: &'a Profile,
    state: &'a State,
    next: State,
}

impl World<'_> {
    fn take(&mut self, step: &Step) -> Option<(Decision, Answer)> {
        if let Uncalled::Observed(decision, answer) = self.without_a_caller(step)? {
            return Some((decision, answer));
        }
        let endpoint = step.act.endpoint().expect("the server's deeds have no caller");
        let caller = match self.authenticate(step, endpoint)? {
            Ok(caller) => caller,
            Err(refusal) => return Some((refusal, Answer::Nothing)),
        };
        if let Some(caller) = &caller
            && let Err(refusal) = self.allow_list(caller, step, endpoint)
        {
            return Some((refusal, Answer::Nothing));
        }
        let Some(caller) = caller else {
            return Some((OPEN_TO_ALL, Answer::Nothing));
        };
        let (decision, answer) = self.act(&caller, step)?;
        Some((decision, answer))
    }

    fn act(&mut self, caller: &Caller, step: &Step) -> Option<(Decision, Answer)> {
        let decision = match step.act {
            Act::LogOut => self.end_own_token(caller),
            Act::Deactivate => self.deactivate(caller),
            Act::SetProfile { own, .. } => self.set_profile(caller, own),
            Act::WhoAmI => return Some(self.who_am_i(caller)),
            Act::Call(_) => SERVED,
            Act::SetVisibility(says, key) => self.set_visibility(caller, step, says, key)?,
            Act::SetGuestAccess(says, key) => self.set_guest_access(caller, step, says, key)?,
            Act::RedactSetting(setting) => self.redact_setting(step, setting)?,
            Act::SetJoinRule(rule) => self.set_join_rule(step, rule)?,
            Act::Send(_) | Act::SendState => self.send(caller, step)?,
            Act::Invite(guest) | Act::Kick(guest) | Act::Ban(guest) | Act::Unban(guest) => {
                self.moderate(step, guest)?
            }
            Act::Join(way) => self.join(caller, step, way)?,
            Act::Leave(way) => self.leave(caller, step, way)?,
            Act::Knock(way) => self.knock(caller, step, way)?,
            Act::Read(_) | Act::ReadThroughOtherRoom => return self.read(caller, step),
            Act::Register { .. }
            | Act::RegisterOver(_)
            | Act::Upgrade(_)
            | Act::EndToken(_)
            | Act::Restart => unreachable!("answered without a caller"),
        };
        Some((decision, Answer::Nothing))
    }

    /// The class of the event that `step` sends; `None` if it sends none that can be tagged.
    fn tag(&self, step: &Step, decision: &Decision) -> Option<Tagged> {
        if !decision.allows() {
            return None;
        }
        let kind = step.act.sends()?;
        let tagged = Tagged::between(kind, &self.state.rooms[0], &self.next.rooms[0]);
        tagged.is_its_kind().then_some(tagged)
    }

    /// Whoever is joined to the first room now is joined at a moment after the tagged event.
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
