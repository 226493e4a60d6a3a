//! The sequential specification of a round: the initial state, and the answer and the next state of
//! each recorded call. It exists by our readings, and by every other reading that the text permits.
//!
//! [`RoundSpecification`] is the [sequential specification](guest_access_model::linearizability) by some
//! readings: `init` and `step` are here, and `partition` is in the file `partition.rs`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use guest_access_model::action::{Action, Actor, Credential, Key, Operation, Setting};
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::linearizability::{Call, SequentialSpecification};
use guest_access_model::state::{Account, Kind, State, Tagged};
use guest_access_model::stop::Stop;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{Decision, ErrCode, Membership};

use crate::subject::server::{CallVerdict, HttpObservation};
use guest_access_rules::variant::{Variant, Variants};

/// The state of a round: the state of the model, and the events that are the current settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RoundState {
    pub(super) state: State,
    settings: [Option<EventNumber>; 2],
}

/// The number of an event of a round.
pub(super) type EventNumber = u16;

/// A recorded call, as one partition of its round checks the call.
pub(super) type PartitionCall = Call<PartitionOperation, HttpObservation>;

/// What a recorded call does.
#[derive(Debug, Clone)]
pub(super) struct PartitionOperation {
    pub(super) step: Action,
    /// Whether the call shows the token that an upgrade returned.
    pub(super) upgraded: bool,
    /// The event that the call sends.
    pub(super) sends: Option<EventNumber>,
    /// Whether the sent event is the event of the partition.
    pub(super) tags: bool,
    /// The event that the call asks for or redacts.
    pub(super) about: Option<EventNumber>,
}

impl PartitionOperation {
    /// Whether this operation and the other have the same effect and answer in every state.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// Whether a call can change no answer of another call: the call reads, sends another event than the
    /// one of the partition, or was denied.
    pub(super) fn is_read_only(&self, seen: Option<&HttpObservation>) -> bool {
        let looks = matches!(
            self.step.operation,
            Operation::Read(_) | Operation::WhoAmI | Operation::SetProfile { .. }
        );
        let sends =
            matches!(self.step.operation, Operation::Send(_) | Operation::SendState) && !self.tags;
        let denied = seen.is_some_and(|seen| matches!(seen.verdict, CallVerdict::Denied { .. }));
        looks || sends || denied
    }

    /// Everything about the operation that its effect and its answer depend on.
    const fn key(&self) -> CallKey {
        (self.step, self.upgraded, self.sends, self.about, self.tags)
    }
}

/// The next state and the answer of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prediction {
    pub(super) next: RoundState,
    pub(super) answer: PredictedAnswer,
}

/// The answer to a call by the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PredictedAnswer {
    /// A decision of the rules, and the content of the answer.
    Outcome(guest_access_model::action::Observation),
    /// A refusal with any error.
    Refusal,
    /// Any answer: no rule speaks of the call, which changes nothing.
    Unspecified,
}

impl PredictedAnswer {
    /// Whether an observed answer is the predicted answer.
    pub(super) fn fits(&self, seen: &HttpObservation) -> bool {
        match self {
            Self::Outcome(observation) => seen.fits(observation),
            Self::Refusal => !seen.is_allowed(),
            Self::Unspecified => true,
        }
    }

    /// The decision on the call.
    pub(super) fn decision(&self) -> Decision {
        match self {
            Self::Outcome(observation) => observation.decision,
            Self::Refusal => REFUSED,
            Self::Unspecified => UNSPECIFIED,
        }
    }
}

const UNSPECIFIED: Decision =
    Decision::allow(&[], "the call changes nothing, and no rule speaks of the call");
const REFUSED: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &[],
    "the target user is not, or no longer, in a state that permits the call",
);

/// Readings other than ours, as numbers of variants.
pub(super) type Readings = Rc<[usize]>;

/// The sequential specification of a round by some readings.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoundSpecification<'a> {
    specification: &'a SpecificationByReadings,
    readings: &'a Readings,
}

impl SequentialSpecification for RoundSpecification<'_> {
    type State = RoundState;
    type Operation = PartitionOperation;
    type Answer = PredictedAnswer;
    type Observation = HttpObservation;

    fn init(&self) -> RoundState {
        self.specification.init()
    }

    fn step(
        &self,
        state: &RoundState,
        operation: &PartitionOperation,
    ) -> Option<(RoundState, PredictedAnswer)> {
        let prediction = self.specification.predict(operation, state, self.readings)?;
        Some((prediction.next, prediction.answer))
    }

    fn fits(&self, answer: &PredictedAnswer, seen: &HttpObservation) -> bool {
        answer.fits(seen)
    }

    fn is_alike(
        &self,
        one: (&PartitionOperation, Option<&HttpObservation>),
        other: (&PartitionOperation, Option<&HttpObservation>),
    ) -> bool {
        one.0.is_like(other.0) && one.1 == other.1
    }

    fn is_read_only(&self, operation: &PartitionOperation, seen: Option<&HttpObservation>) -> bool {
        operation.is_read_only(seen)
    }
}

/// The sequential specification of a round by every permitted reading.
#[derive(Debug)]
pub(super) struct SpecificationByReadings {
    pub(super) variants: Variants,
    /// For each variant the endpoints that it changes, if it changes nothing else.
    endpoints: Vec<Option<Vec<EndpointId>>>,
    /// The profile of each combination of readings.
    profiles: RefCell<HashMap<Readings, Rc<Profile>>>,
    /// When every search by this specification stops.
    pub(super) stop: Stop,
    /// The results of [`Self::readings_that_matter`].
    matter: RefCell<HashMap<PredictionKey, Rc<[Readings]>>>,
}

/// Everything about a call that its effect and its answer depend on.
type CallKey = (Action, bool, Option<EventNumber>, Option<EventNumber>, bool);
/// A call, the state in which it takes effect, and the readings that decide.
type PredictionKey = (CallKey, RoundState, Readings);

impl SpecificationByReadings {
    pub(super) fn new(rules: &Rules) -> Self {
        let variants = Variants::of(rules);
        let endpoints = variants.all.iter().map(Variant::endpoints).collect();
        Self {
            endpoints,
            profiles: RefCell::default(),
            stop: Stop::default(),
            matter: RefCell::default(),
            variants,
        }
    }

    /// The specification by these readings.
    pub(super) const fn by<'a>(&'a self, readings: &'a Readings) -> RoundSpecification<'a> {
        RoundSpecification { specification: self, readings }
    }

    /// The state in which every round begins: nobody has registered, and the room is new.
    pub(super) fn init(&self) -> RoundState {
        RoundState { state: initial(&self.variants.default), settings: [None; 2] }
    }

    /// The next state and the answer of a call by these readings; `None` if nobody can make the call in
    /// this state.
    pub(super) fn predict(
        &self,
        call: &PartitionOperation,
        round_state: &RoundState,
        by: &Readings,
    ) -> Option<Prediction> {
        if by.is_empty() {
            return predict(&self.variants.default, call, round_state);
        }
        predict(&self.profile(by), call, round_state)
    }

    /// The next state of a call by these readings, if the recorded answer is the predicted one.
    pub(super) fn step(
        &self,
        call: &PartitionCall,
        round_state: &RoundState,
        by: &Readings,
    ) -> Option<RoundState> {
        let prediction = self.predict(&call.operation, round_state, by)?;
        let fits = call.observation().is_none_or(|seen| prediction.answer.fits(seen));
        fits.then_some(prediction.next)
    }

    fn profile(&self, by: &Readings) -> Rc<Profile> {
        let mut profiles = self.profiles.borrow_mut();
        let profile = profiles.entry(Rc::clone(by));
        Rc::clone(profile.or_insert_with(|| Rc::new(self.variants.profile(by))))
    }

    /// Whether a variant can change the answer to an action: a variant of one endpoint changes no
    /// answer of another endpoint.
    fn may_matter(&self, variant: usize, step: &Action) -> bool {
        let called = step.operation.endpoint();
        self.endpoints[variant].as_ref().is_none_or(|of| of.iter().any(|one| Some(*one) == called))
    }

    /// These readings with one more that changes the next state or the answer of a call.
    pub(super) fn readings_that_matter(
        &self,
        call: &PartitionOperation,
        round_state: &RoundState,
        by: &Readings,
    ) -> Rc<[Readings]> {
        let key = (call.key(), *round_state, Rc::clone(by));
        if let Some(known) = self.matter.borrow().get(&key) {
            return Rc::clone(known);
        }
        let prediction = self.predict(call, round_state, by);
        let excluded =
            |one: usize| by.iter().any(|other| self.variants.exclude_each_other(one, *other));
        let others = (0..self.variants.permitted)
            .filter(|one| self.may_matter(*one, &call.step) && !excluded(*one))
            .map(|one| {
                let mut more: Vec<usize> = by.iter().copied().chain([one]).collect();
                more.sort_unstable();
                Readings::from(more)
            });
        let matter: Rc<[Readings]> =
            others.filter(|more| self.predict(call, round_state, more) != prediction).collect();
        self.matter.borrow_mut().insert(key, Rc::clone(&matter));
        matter
    }
}

/// The next state and the answer of a call where `profile` decides; `None` if nobody can make the call in
/// this state.
fn predict(
    profile: &Profile,
    call: &PartitionOperation,
    round_state: &RoundState,
) -> Option<Prediction> {
    let step = with_shown_token(call, &round_state.state)?;
    let stays = |answer| Some(Prediction { next: *round_state, answer });
    if let Operation::RedactSetting(setting) = step.operation {
        // A moderator may redact an event that is no longer the setting, with no effect on the setting.
        let is_current = call.about == round_state.settings[index(setting)];
        let outcome = outcome(profile, &round_state.state, &step).filter(|_| is_current);
        return match outcome {
            Some(Outcome { observation, next }) => Some(Prediction {
                next: RoundState { state: next, ..*round_state },
                answer: PredictedAnswer::Outcome(observation),
            }),
            None if step.by == Actor::Moderator => stays(PredictedAnswer::Outcome(REDACTED)),
            None => stays(PredictedAnswer::Refusal),
        };
    }
    let Some(Outcome { observation, next }) = outcome(profile, &round_state.state, &step) else {
        return stays(answer_without_outcome(&step, &round_state.state));
    };
    let mut to = RoundState { state: next, ..*round_state };
    if observation.decision.allows() {
        match step.operation {
            Operation::SetVisibility(_, Key::Empty) => {
                to.settings[index(Setting::HistoryVisibility)] = call.sends;
            }
            Operation::SetGuestAccess(_, Key::Empty) => {
                to.settings[index(Setting::GuestAccess)] = call.sends;
            }
            _ => {}
        }
        if call.tags {
            to.state.tagged = Some(tagged(step.operation, &round_state.state, &next));
        }
    }
    Some(Prediction { next: to, answer: PredictedAnswer::Outcome(observation) })
}

/// The answer to a call for which the model has no outcome in this state.
fn answer_without_outcome(step: &Action, state: &State) -> PredictedAnswer {
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
    decision: Decision::allow(&[], "the redacted event is no longer the setting"),
    answer: guest_access_model::action::Answer::Nothing,
};

const fn index(setting: Setting) -> usize {
    match setting {
        Setting::HistoryVisibility => 0,
        Setting::GuestAccess => 1,
    }
}

/// The action of a call, with the token that the call shows, as `state` sees the token.
fn with_shown_token(call: &PartitionOperation, state: &State) -> Option<Action> {
    let step = call.step;
    let Actor::Guest(guest) = step.by else { return Some(step) };
    if step.with != Credential::Own {
        return Some(step);
    }
    let account = state.accounts[usize::from(guest)];
    let has_upgraded = matches!(account, Account::User | Account::UserEnded);
    match (call.upgraded, has_upgraded) {
        // The token of the upgrade does not exist before the upgrade.
        (true, false) => None,
        (false, true) if !matches!(step.operation, Operation::Upgrade(_)) => {
            Some(step.with(Credential::BeforeUpgrade))
        }
        _ => Some(step),
    }
}

/// The class of the event that an operation sends.
///
/// The model tags only some kinds of events; a recording may ask for any event. An event that changes
/// neither the visibility nor the reader's own membership is visible to the same readers as a message.
/// A revocation removes members after its own event.
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
