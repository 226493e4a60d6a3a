//! What the sequential rules say to a recorded call in a state: by our readings, and by every other
//! that the text permits.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use guest_access_model::action::{Action, Actor, Credential, Key, Operation, Setting};
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::{Account, Kind, State, Tagged};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{Decision, ErrCode, Membership};

use crate::subject::server::{CallVerdict, HttpObservation};
use guest_access_rules::variant::{Variant, Variants};

/// Where the room of a round is: the state of the rules, and which events are its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RoundState {
    pub(super) state: State,
    settings: [Option<EventNumber>; 2],
}

/// An event of a round, by the number of its name.
pub(super) type EventNumber = u16;

/// A recorded call, as one partition of its round asks about it.
#[derive(Debug, Clone)]
pub(super) struct PartitionCall {
    /// The number of the call in its round.
    pub(super) number: usize,
    pub(super) step: Action,
    /// Whether it shows the token that an upgrade gave.
    pub(super) upgraded: bool,
    /// The event that it sends, and whether that is the one that the partition is about.
    pub(super) sends: Option<EventNumber>,
    pub(super) tags: bool,
    /// The event that it names.
    pub(super) about: Option<EventNumber>,
    pub(super) start: u64,
    /// When it was answered, and what was seen of that; `None` if it was not, and may have happened
    /// or not, at any time after its start.
    pub(super) answer: Option<(u64, HttpObservation)>,
}

impl PartitionCall {
    /// Whether it comes to the same as another, wherever.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.question() == other.question()
    }

    /// What decides, with a place, what it comes to.
    const fn question(&self) -> CallKey {
        (self.step, self.upgraded, self.sends, self.about, self.tags)
    }
}

/// What a call comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prediction {
    pub(super) to: RoundState,
    pub(super) says: PredictedAnswer,
}

/// What the rules say to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PredictedAnswer {
    /// This.
    Outcome(guest_access_model::action::Observation),
    /// That it is refused, and not with which error.
    Refusal,
    /// Nothing: it would change nothing, and may be allowed or refused.
    Unspecified,
}

impl PredictedAnswer {
    /// Whether what was seen is what the rules say.
    pub(super) fn fits(&self, seen: &HttpObservation) -> bool {
        match self {
            Self::Outcome(observation) => seen.fits(observation),
            Self::Refusal => !seen.is_allowed(),
            Self::Unspecified => true,
        }
    }

    /// The decision.
    pub(super) fn decision(&self) -> Decision {
        match self {
            Self::Outcome(observation) => observation.decision,
            Self::Refusal => REFUSED,
            Self::Unspecified => UNSPOKEN,
        }
    }
}

const UNSPOKEN: Decision = Decision::allow(&[], "it changes nothing, and no rule speaks of it");
const REFUSED: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &[],
    "whom it is about is not, or no longer, somebody to whom it can be done",
);

/// Readings other than ours, by the numbers of the changes that they make.
pub(super) type Readings = Rc<[usize]>;

/// The rules, by every way to read them.
#[derive(Debug)]
pub(super) struct SequentialSpecification {
    pub(super) variants: Variants,
    /// The endpoints that a change is about, if it is about nothing else.
    endpoints: Vec<Option<Vec<EndpointId>>>,
    /// What decides by some readings.
    profiles: RefCell<HashMap<Readings, Rc<Profile>>>,
    /// The readings with one more that make a difference, by what was asked.
    bearing: RefCell<HashMap<BearingKey, Rc<[Readings]>>>,
}

/// What decides, with a place, what a call comes to.
type CallKey = (Action, bool, Option<EventNumber>, Option<EventNumber>, bool);
/// A question, where it is asked, and by which readings.
type BearingKey = (CallKey, RoundState, Readings);

impl SequentialSpecification {
    pub(super) fn new(rules: &Rules) -> Self {
        let variants = Variants::of(rules);
        let endpoints = variants.all.iter().map(Variant::endpoints).collect();
        Self { endpoints, profiles: RefCell::default(), bearing: RefCell::default(), variants }
    }

    /// Where every round begins: nobody has registered, and the room is new.
    pub(super) fn beginning(&self) -> RoundState {
        RoundState { state: initial(&self.variants.default), settings: [None; 2] }
    }

    /// What a call comes to by these readings; `None` if it cannot have been made here.
    pub(super) fn comes(
        &self,
        asked: &PartitionCall,
        place: &RoundState,
        by: &Readings,
    ) -> Option<Prediction> {
        if by.is_empty() {
            return comes(&self.variants.default, asked, place);
        }
        comes(&self.profile(by), asked, place)
    }

    /// Where a call leads by these readings, if what was seen is what they say.
    pub(super) fn fitting(
        &self,
        asked: &PartitionCall,
        place: &RoundState,
        by: &Readings,
    ) -> Option<RoundState> {
        let comes = self.comes(asked, place, by)?;
        let fits = asked.answer.as_ref().is_none_or(|(_, seen)| comes.says.fits(seen));
        fits.then_some(comes.to)
    }

    fn profile(&self, by: &Readings) -> Rc<Profile> {
        let mut profiles = self.profiles.borrow_mut();
        let profile = profiles.entry(Rc::clone(by));
        Rc::clone(profile.or_insert_with(|| Rc::new(self.variants.profile(by))))
    }

    /// Whether a change can make a difference to a step: what an endpoint is to guests makes none to
    /// calls of another.
    fn bears_on(&self, variant: usize, step: &Action) -> bool {
        let called = step.operation.endpoint();
        self.endpoints[variant].as_ref().is_none_or(|of| of.iter().any(|one| Some(*one) == called))
    }

    /// These readings with one more by which a call comes to something else.
    pub(super) fn bearing(
        &self,
        asked: &PartitionCall,
        place: &RoundState,
        by: &Readings,
    ) -> Rc<[Readings]> {
        let question = (asked.question(), *place, Rc::clone(by));
        if let Some(known) = self.bearing.borrow().get(&question) {
            return Rc::clone(known);
        }
        let comes = self.comes(asked, place, by);
        let excluded =
            |one: usize| by.iter().any(|other| self.variants.exclude_each_other(one, *other));
        let others = (0..self.variants.permitted)
            .filter(|one| self.bears_on(*one, &asked.step) && !excluded(*one))
            .map(|one| {
                let mut more: Vec<usize> = by.iter().copied().chain([one]).collect();
                more.sort_unstable();
                Readings::from(more)
            });
        let bearing: Rc<[Readings]> =
            others.filter(|more| self.comes(asked, place, more) != comes).collect();
        self.bearing.borrow_mut().insert(question, Rc::clone(&bearing));
        bearing
    }
}

/// What a call comes to where `profile` decides; `None` if it cannot have been made here.
fn comes(profile: &Profile, asked: &PartitionCall, place: &RoundState) -> Option<Prediction> {
    let step = with_its_token(asked, &place.state)?;
    let stays = |says| Some(Prediction { to: *place, says });
    if let Operation::RedactSetting(setting) = step.operation {
        // An event that is no longer the setting may be redacted, and nothing follows from it.
        let is_current = asked.about == place.settings[index(setting)];
        let outcome = outcome(profile, &place.state, &step).filter(|_| is_current);
        return match outcome {
            Some(Outcome { observation, next }) => Some(Prediction {
                to: RoundState { state: next, ..*place },
                says: PredictedAnswer::Outcome(observation),
            }),
            None if step.by == Actor::Moderator => stays(PredictedAnswer::Outcome(REDACTED)),
            None => stays(PredictedAnswer::Refusal),
        };
    }
    let Some(Outcome { observation, next }) = outcome(profile, &place.state, &step) else {
        return stays(without_a_step(&step, &place.state));
    };
    let mut to = RoundState { state: next, ..*place };
    if observation.decision.allows() {
        match step.operation {
            Operation::SetVisibility(_, Key::Empty) => {
                to.settings[index(Setting::HistoryVisibility)] = asked.sends;
            }
            Operation::SetGuestAccess(_, Key::Empty) => {
                to.settings[index(Setting::GuestAccess)] = asked.sends;
            }
            _ => {}
        }
        if asked.tags {
            to.state.tagged = Some(tagged(step.operation, &place.state, &next));
        }
    }
    Some(Prediction { to, says: PredictedAnswer::Outcome(observation) })
}

/// What is to be said to a call where the model has no such step.
fn without_a_step(step: &Action, state: &State) -> PredictedAnswer {
    let membership = |guest: u8| state.rooms[0].members[usize::from(guest)];
    match step.operation {
        // CS-13: A joined user whose power suffices may invite a user who is neither joined nor
        // banned.
        Operation::Invite(guest) if membership(guest) == Membership::Invite => {
            PredictedAnswer::Unspecified
        }
        Operation::Kick(_) | Operation::Ban(_) | Operation::Unban(_)
            if step.by == Actor::Moderator =>
        {
            PredictedAnswer::Unspecified
        }
        _ if step.by == Actor::User => PredictedAnswer::Unspecified,
        // RG-7: A registration whose desired user id is taken is refused with `M_USER_IN_USE`.
        _ => PredictedAnswer::Refusal,
    }
}

const REDACTED: guest_access_model::action::Observation = guest_access_model::action::Observation {
    decision: Decision::allow(&[], "what is redacted is not the setting any more"),
    answer: guest_access_model::action::Answer::Nothing,
};

const fn index(setting: Setting) -> usize {
    match setting {
        Setting::HistoryVisibility => 0,
        Setting::GuestAccess => 1,
    }
}

/// The step, with the token that the call showed as it is seen from `state`.
fn with_its_token(asked: &PartitionCall, state: &State) -> Option<Action> {
    let step = asked.step;
    let Actor::Guest(guest) = step.by else { return Some(step) };
    if step.with != Credential::Own {
        return Some(step);
    }
    let account = state.accounts[usize::from(guest)];
    let has_upgraded = matches!(account, Account::User | Account::UserEnded);
    match (asked.upgraded, has_upgraded) {
        // Before the upgrade, there is no token of its.
        (true, false) => None,
        (false, true) if !matches!(step.operation, Operation::Upgrade(_)) => {
            Some(step.with(Credential::BeforeUpgrade))
        }
        _ => Some(step),
    }
}

/// The class of the event that an act sends.
///
/// The model tags an event only if it is one of its kind; here any event may be asked for. One that
/// changes neither the visibility nor a guest's own membership is seen by whom a message would be.
/// What follows from a change of guest access comes after its event.
fn tagged(operation: Operation, before: &State, after: &State) -> Tagged {
    let (before, after) = (&before.rooms[0], &after.rooms[0]);
    let mut tagged = match operation {
        Operation::SendState => Tagged::between(Kind::State, before, before),
        Operation::SetVisibility(..) if before.visibility != after.visibility => {
            Tagged::between(Kind::Setting, before, after)
        }
        _ => Tagged::between(Kind::Message, before, before),
    };
    tagged.note_joined(&after.members);
    tagged
}

/// Whether a call can change what any other is answered.
pub(super) fn is_read_only(asked: &PartitionCall) -> bool {
    let looks = matches!(
        asked.step.operation,
        Operation::Read(_) | Operation::WhoAmI | Operation::SetProfile { .. }
    );
    let sends =
        matches!(asked.step.operation, Operation::Send(_) | Operation::SendState) && !asked.tags;
    let denied = asked
        .answer
        .as_ref()
        .is_some_and(|(_, seen)| matches!(seen.verdict, CallVerdict::Denied { .. }));
    looks || sends || denied
}
