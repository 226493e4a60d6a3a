//! The calls that are made, and what is remembered of one while it is in flight.

use serde::{Deserialize, Serialize};

use crate::state::{Account, Room, Scope, State};
use crate::step::{Act, Actor, Answer, Credential, Key, Message, Observation, Says, Step, Upgrade};
use guest_access_rules::decision_point::UpgradeOffered;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::profile::{Access, Profile};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{ErrCode, GuestAccess, HistoryVisibility};

use super::{Concurrent, Passes, Situation};

/// A call that is made, now and then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) step: Step,
    /// How much of it is done in one instant.
    pub(super) pace: Pace,
}

/// How much of a call is done in one instant.
///
/// A call that looks at nothing which another call could change is the same at whatever moment it
/// looks: what counts is when it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// A stage at a time.
    ByStages,
    /// It comes to its act at once.
    ToItsAct,
    /// All of it.
    AtOnce,
}

/// A call in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Call {
    /// Which of the calls that are made it is.
    pub kind: u8,
    /// Whether it shows the token that the guest got when it registered, also if it has upgraded
    /// since.
    pub first_token: bool,
    /// How far it has come.
    pub stage: Stage,
}

/// How far a call has come, and what it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// It has started.
    Started,
    /// Its token was looked at.
    Authenticated(Shown),
    /// It was checked, and may be.
    Checked(Shown, Room),
    /// An upgrade: the account is changed, and the old token not ended.
    Upgraded,
    /// A revocation that removes members: who is still to be removed, once that was looked up.
    Sweeping(Option<Listed>),
    /// All is done; this is to be answered.
    Acted(Said),
}

/// Whom a token showed, when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shown {
    /// The account of the guest who calls.
    pub account: Account,
    /// Which of its tokens that is.
    pub with: Credential,
}

/// The numbers of some guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listed(u8);

impl Listed {
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn contains(self, guest: usize) -> bool {
        self.0 & 1 << guest != 0
    }

    pub(super) fn first(self) -> Option<usize> {
        (!self.is_empty()).then(|| self.0.trailing_zeros() as usize)
    }

    pub(super) fn without(self, guest: usize) -> Self {
        Self(self.0 & !(1 << guest))
    }
}

impl FromIterator<usize> for Listed {
    fn from_iter<I: IntoIterator<Item = usize>>(guests: I) -> Self {
        Self(guests.into_iter().fold(0, |listed, guest| listed | 1 << guest))
    }
}

/// What a caller can tell of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Said {
    status: u16,
    errcode: Option<ErrCode>,
    answer: Answer,
}

impl Said {
    pub(super) fn of(observation: &Observation) -> Self {
        let Observation { decision, answer } = observation;
        Self { status: decision.status, errcode: decision.errcode, answer: *answer }
    }
}

/// The calls that are made: those that read or change what a revocation, an upgrade, the end of a
/// token or a change of the settings changes, or is changed by.
pub(super) fn kinds(scope: Scope, profile: &Profile) -> Vec<Kind> {
    let moderator = |act| Step::new(Actor::Moderator, act).at(0);
    let at_once = |step| Kind { step, pace: Pace::AtOnce };
    let by_stages = |step| Kind { step, pace: Pace::ByStages };
    let guest_access = |value| moderator(Act::SetGuestAccess(Says::Value(value), Key::Empty));
    let mut kinds = vec![
        at_once(guest_access(GuestAccess::CanJoin)),
        Kind { step: guest_access(GuestAccess::Forbidden), pace: Pace::ToItsAct },
        at_once(moderator(Act::Send(Message::Message)).tagged()),
    ];
    // What hides from whoever is not joined is alike under every value but `world_readable`.
    for value in [HistoryVisibility::WorldReadable, HistoryVisibility::Joined] {
        kinds.push(at_once(moderator(Act::SetVisibility(Says::Value(value), Key::Empty))));
    }
    for guest in scope.guests() {
        let by_guest = |act| Step::new(Actor::Guest(guest), act);
        kinds.extend([
            at_once(by_guest(Act::Register { named: false })),
            at_once(Step::new(Actor::Server, Act::EndToken(guest))),
            by_stages(by_guest(Act::Read(KNOWN.messages)).at(0)),
        ]);
        if profile.access(KNOWN.join) != Access::Refused {
            kinds.push(by_stages(by_guest(Act::Join(MembershipEndpoint::Own)).at(0)));
        }
        if profile.choices.upgrade_offered == UpgradeOffered::Offered {
            kinds.push(by_stages(by_guest(Act::Upgrade(Upgrade::Own(guest)))));
            kinds.push(at_once(by_guest(Act::LogOut)));
        }
    }
    kinds
}

/// The number of the guest whose call a step is, or whose token it ends.
pub(super) fn guest_of(step: &Step) -> Option<usize> {
    match (step.by, step.act) {
        (Actor::Guest(guest), _) | (_, Act::EndToken(guest)) => Some(guest.into()),
        _ => None,
    }
}

impl Concurrent {
    pub(super) fn kind(&self, call: &Call) -> &Kind {
        &self.kinds[usize::from(call.kind)]
    }

    pub(super) fn call(&self, situation: &Situation, kind: usize) -> Call {
        let guest = guest_of(&self.kinds[kind].step);
        let has_upgraded = |guest: usize| {
            matches!(situation.server.accounts[guest], Account::User | Account::UserEnded)
                && !self.is_upgrading(situation, guest)
        };
        Call {
            kind: u8::try_from(kind).expect("there are few kinds of calls"),
            first_token: !guest.is_some_and(has_upgraded),
            stage: Stage::Started,
        }
    }

    /// Whether somebody can make the call: it has a token to show, and one event is tagged at most.
    /// A guest asks for one upgrade at a time.
    pub(super) fn can_begin(&self, situation: &Situation, kind: &Kind) -> bool {
        let account = guest_of(&kind.step).map(|guest| situation.server.accounts[guest]);
        let in_flight = |is: &dyn Fn(&Step) -> bool| {
            situation.calls.iter().any(|call| is(&self.kind(call).step))
        };
        let upgrades = |step: &Step| *step == kind.step;
        match (kind.step.act, account) {
            (Act::Register { .. }, account) => account == Some(Account::Absent),
            (_, Some(Account::Absent)) => false,
            (Act::EndToken(_), account) => account.is_some_and(Account::is_live),
            (Act::Upgrade(_), account) => account == Some(Account::Guest) && !in_flight(&upgrades),
            _ if kind.step.tag => {
                situation.server.tagged.is_none() && !in_flight(&|step: &Step| step.tag)
            }
            _ => true,
        }
    }

    /// Whether the guest is a user by now, and its old token not ended.
    pub(super) fn is_upgrading(&self, situation: &Situation, guest: usize) -> bool {
        situation.calls.iter().any(|call| {
            call.stage == Stage::Upgraded && guest_of(&self.kind(call).step) == Some(guest)
        })
    }

    /// The step of a call, with the token that it shows where the account is this. The first token
    /// is the one before the upgrade, once there was one.
    pub(super) fn step_with(&self, call: &Call, account: Account) -> Step {
        let step = self.kind(call).step;
        let is_old = call.first_token && matches!(account, Account::User | Account::UserEnded);
        let shows = matches!(step.by, Actor::Guest(_)) && !matches!(step.act, Act::Upgrade(_));
        if is_old && shows { step.with(Credential::BeforeUpgrade) } else { step }
    }

    /// The same, where the account is as `state` has it.
    pub(super) fn step_in(&self, call: &Call, state: &State) -> Step {
        let account = guest_of(&self.kind(call).step).map(|guest| state.accounts[guest]);
        self.step_with(call, account.unwrap_or(Account::Absent))
    }

    /// The stage that a call passes next.
    pub(super) fn passes(&self, call: &Call) -> Passes {
        match call.stage {
            Stage::Started if self.tight && self.kind(call).pace == Pace::ToItsAct => Passes::Act,
            Stage::Started => Passes::Authenticate,
            Stage::Authenticated(_) => Passes::Check,
            Stage::Checked(..) => Passes::Act,
            Stage::Sweeping(None) => Passes::List,
            Stage::Sweeping(Some(listed)) if !listed.is_empty() => Passes::Remove,
            Stage::Upgraded | Stage::Sweeping(Some(_)) => Passes::End,
            Stage::Acted(_) => Passes::Answer,
        }
    }
}
