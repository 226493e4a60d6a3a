//! The calls that are made, and what is remembered of one while it is in flight.

use serde::{Deserialize, Serialize};

use crate::action::{
    Action, Actor, Answer, Credential, Key, Message, Observation, Operation, Says, Upgrade,
};
use crate::state::{Account, Room, Scope, State};
use guest_access_rules::decision_point::UpgradeOffered;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::profile::{Access, Profile};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{ErrCode, GuestAccess, HistoryVisibility};

use super::{Concurrent, ConcurrentState, StageName};

/// A call that is made, now and then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) action: Action,
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
    Authenticated(ShownToken),
    /// It was checked, and may be.
    Checked(ShownToken, Room),
    /// An upgrade: the account is changed, and the old token not ended.
    Upgraded,
    /// A revocation that removes members: who is still to be removed, once that was looked up.
    Sweeping(Option<ListedGuests>),
    /// All is done; this is to be answered.
    Acted(Response),
}

/// Whom a token showed, when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShownToken {
    /// The account of the guest who calls.
    pub account: Account,
    /// Which of its tokens that is.
    pub with: Credential,
}

/// The numbers of some guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListedGuests(u8);

impl ListedGuests {
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

impl FromIterator<usize> for ListedGuests {
    fn from_iter<I: IntoIterator<Item = usize>>(guests: I) -> Self {
        Self(guests.into_iter().fold(0, |listed, guest| listed | 1 << guest))
    }
}

/// What a caller can tell of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Response {
    status: u16,
    errcode: Option<ErrCode>,
    answer: Answer,
}

impl Response {
    pub(super) fn of(observation: &Observation) -> Self {
        let Observation { decision, answer } = observation;
        Self { status: decision.status, errcode: decision.errcode, answer: *answer }
    }
}

/// The calls that are made: those that read or change what a revocation, an upgrade, the end of a
/// token or a change of the settings changes, or is changed by.
pub(super) fn kinds(scope: Scope, profile: &Profile) -> Vec<Kind> {
    let moderator = |operation| Action::new(Actor::Moderator, operation).at(0);
    let at_once = |action| Kind { action, pace: Pace::AtOnce };
    let by_stages = |action| Kind { action, pace: Pace::ByStages };
    let guest_access = |value| moderator(Operation::SetGuestAccess(Says::Value(value), Key::Empty));
    let mut kinds = vec![
        at_once(guest_access(GuestAccess::CanJoin)),
        Kind { action: guest_access(GuestAccess::Forbidden), pace: Pace::ToItsAct },
        at_once(moderator(Operation::Send(Message::Message)).tagged()),
    ];
    // What hides from whoever is not joined is alike under every value but `world_readable`.
    for value in [HistoryVisibility::WorldReadable, HistoryVisibility::Joined] {
        kinds.push(at_once(moderator(Operation::SetVisibility(Says::Value(value), Key::Empty))));
    }
    for guest in scope.guests() {
        let by_guest = |operation| Action::new(Actor::Guest(guest), operation);
        kinds.extend([
            at_once(by_guest(Operation::Register { named: false })),
            at_once(Action::new(Actor::Server, Operation::EndToken(guest))),
            by_stages(by_guest(Operation::Read(KNOWN.messages)).at(0)),
        ]);
        if profile.access(KNOWN.join) != Access::Refused {
            kinds.push(by_stages(by_guest(Operation::Join(MembershipEndpoint::Own)).at(0)));
        }
        if profile.choices.upgrade_offered == UpgradeOffered::Offered {
            kinds.push(by_stages(by_guest(Operation::Upgrade(Upgrade::Own(guest)))));
            kinds.push(at_once(by_guest(Operation::LogOut)));
        }
    }
    kinds
}

/// The number of the guest whose call a step is, or whose token it ends.
pub(super) fn guest_of(action: &Action) -> Option<usize> {
    action.guests().next().map(usize::from)
}

impl Concurrent {
    pub(super) fn kind(&self, call: &Call) -> &Kind {
        &self.kinds[usize::from(call.kind)]
    }

    pub(super) fn call(&self, current: &ConcurrentState, kind: usize) -> Call {
        let guest = guest_of(&self.kinds[kind].action);
        let has_upgraded = |guest: usize| {
            matches!(current.server.accounts[guest], Account::User | Account::UserEnded)
                && !self.is_upgrading(current, guest)
        };
        Call {
            kind: u8::try_from(kind).expect("there are few kinds of calls"),
            first_token: !guest.is_some_and(has_upgraded),
            stage: Stage::Started,
        }
    }

    /// Whether somebody can make the call: it has a token to show, and one event is tagged at most.
    /// A guest asks for one upgrade at a time.
    pub(super) fn can_begin(&self, current: &ConcurrentState, kind: &Kind) -> bool {
        let account = guest_of(&kind.action).map(|guest| current.server.accounts[guest]);
        let in_flight = |is: &dyn Fn(&Action) -> bool| {
            current.calls.iter().any(|call| is(&self.kind(call).action))
        };
        let upgrades = |action: &Action| *action == kind.action;
        match (kind.action.operation, account) {
            (Operation::Register { .. }, account) => account == Some(Account::Absent),
            (_, Some(Account::Absent)) => false,
            (Operation::EndToken(_), account) => account.is_some_and(Account::is_live),
            (Operation::Upgrade(_), account) => {
                account == Some(Account::Guest) && !in_flight(&upgrades)
            }
            _ if kind.action.tag => {
                current.server.tagged.is_none() && !in_flight(&|action: &Action| action.tag)
            }
            _ => true,
        }
    }

    /// Whether the guest is a user by now, and its old token not ended.
    pub(super) fn is_upgrading(&self, current: &ConcurrentState, guest: usize) -> bool {
        current.calls.iter().any(|call| {
            call.stage == Stage::Upgraded && guest_of(&self.kind(call).action) == Some(guest)
        })
    }

    /// The step of a call, with the token that it shows where the account is this. The first token
    /// is the one before the upgrade, once there was one.
    pub(super) fn action_with(&self, call: &Call, account: Account) -> Action {
        let action = self.kind(call).action;
        let is_old = call.first_token && matches!(account, Account::User | Account::UserEnded);
        let shows = matches!(action.by, Actor::Guest(_))
            && !matches!(action.operation, Operation::Upgrade(_));
        if is_old && shows { action.with(Credential::BeforeUpgrade) } else { action }
    }

    /// The same, where the account is as `state` has it.
    pub(super) fn action_in(&self, call: &Call, state: &State) -> Action {
        let account = guest_of(&self.kind(call).action).map(|guest| state.accounts[guest]);
        self.action_with(call, account.unwrap_or(Account::Absent))
    }

    /// The stage that a call passes next.
    pub(super) fn passes(&self, call: &Call) -> StageName {
        match call.stage {
            Stage::Started if self.tight && self.kind(call).pace == Pace::ToItsAct => {
                StageName::Act
            }
            Stage::Started => StageName::Authenticate,
            Stage::Authenticated(_) => StageName::Check,
            Stage::Checked(..) => StageName::Act,
            Stage::Sweeping(None) => StageName::List,
            Stage::Sweeping(Some(listed)) if !listed.is_empty() => StageName::Remove,
            Stage::Upgraded | Stage::Sweeping(Some(_)) => StageName::End,
            Stage::Acted(_) => StageName::Answer,
        }
    }
}
