//! The kinds of calls, and the state of a call in flight.

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

/// A kind of call that clients make.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallKind {
    pub(super) action: Action,
    /// The part of the call that is one atomic action.
    pub(super) atomic_part: AtomicPart,
}

/// The part of a call that is one atomic action.
///
/// A call that reads nothing that another call can change reads the same at every moment. Only the moment
/// of its *act* counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtomicPart {
    /// One stage.
    OneStage,
    /// All stages up to the *act*.
    UpToAct,
    /// The whole call.
    WholeCall,
}

/// A call in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallInFlight {
    /// The number of its kind.
    pub kind: u8,
    /// Whether the call shows the token of the registration, even after an upgrade.
    pub first_token: bool,
    /// The stage that the call has reached.
    pub stage: Stage,
}

/// The stage that a call has reached, and what the call has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// The call has started.
    Started,
    /// The server has looked up the token.
    Authenticated(ShownToken),
    /// The rules permit the call, by this token and this room.
    Checked(ShownToken, Room),
    /// The upgrade has changed the account, and not yet ended the old token.
    Upgraded,
    /// The revocation removes members: the listed guests that remain, or `None` before *list*.
    Sweeping(Option<ListedGuests>),
    /// The call is executed; the answer is still to be sent.
    Acted(VisibleAnswer),
}

/// The account that a token belonged to when the server looked it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShownToken {
    /// The account of the guest who calls.
    pub account: Account,
    /// The token of this account.
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

    /// The list without this guest.
    pub(super) fn without(self, guest: usize) -> Self {
        Self(self.0 & !(1 << guest))
    }
}

impl FromIterator<usize> for ListedGuests {
    fn from_iter<I: IntoIterator<Item = usize>>(guests: I) -> Self {
        Self(guests.into_iter().fold(0, |listed, guest| listed | 1 << guest))
    }
}

/// The part of an answer that the caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VisibleAnswer {
    status: u16,
    errcode: Option<ErrCode>,
    answer: Answer,
}

impl VisibleAnswer {
    pub(super) fn of(observation: &Observation) -> Self {
        let Observation { decision, answer } = observation;
        Self { status: decision.status, errcode: decision.errcode, answer: *answer }
    }
}

/// The kinds of calls of the model. Each interacts with a revocation, an upgrade, the end of a token or
/// a change of a setting.
pub(super) fn kinds(scope: Scope, profile: &Profile) -> Vec<CallKind> {
    let moderator = |operation| Action::new(Actor::Moderator, operation).at(0);
    let at_once = |action| CallKind { action, atomic_part: AtomicPart::WholeCall };
    let by_stages = |action| CallKind { action, atomic_part: AtomicPart::OneStage };
    let guest_access = |value| moderator(Operation::SetGuestAccess(Says::Value(value), Key::Empty));
    let mut kinds = vec![
        at_once(guest_access(GuestAccess::CanJoin)),
        CallKind { action: guest_access(GuestAccess::Forbidden), atomic_part: AtomicPart::UpToAct },
        at_once(moderator(Operation::Send(Message::Message)).tagged()),
    ];
    // Every value but `world_readable` hides the same events from users who are not joined.
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

/// The number of the guest who calls, or whose token the action ends.
pub(super) fn guest_of(action: &Action) -> Option<usize> {
    action.guests().next().map(usize::from)
}

impl Concurrent {
    pub(super) fn kind(&self, call: &CallInFlight) -> &CallKind {
        &self.kinds[usize::from(call.kind)]
    }

    pub(super) fn call(&self, current: &ConcurrentState, kind: usize) -> CallInFlight {
        let guest = guest_of(&self.kinds[kind].action);
        let has_upgraded = |guest: usize| {
            matches!(current.server.accounts[guest], Account::User | Account::UserEnded)
                && !self.is_upgrading(current, guest)
        };
        CallInFlight {
            kind: u8::try_from(kind).expect("there are few kinds of calls"),
            first_token: !guest.is_some_and(has_upgraded),
            stage: Stage::Started,
        }
    }

    /// Whether a client can make the call. The client needs a token. At most one event is tagged, and a
    /// guest has at most one upgrade in flight.
    pub(super) fn can_begin(&self, current: &ConcurrentState, kind: &CallKind) -> bool {
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

    /// Whether an upgrade has changed the account of the guest, and not yet ended the old token.
    pub(super) fn is_upgrading(&self, current: &ConcurrentState, guest: usize) -> bool {
        current.calls.iter().any(|call| {
            call.stage == Stage::Upgraded && guest_of(&self.kind(call).action) == Some(guest)
        })
    }

    /// The action of a call, with the token that the call shows for this account. After an upgrade, the
    /// token of the registration is the token before the upgrade.
    pub(super) fn action_with(&self, call: &CallInFlight, account: Account) -> Action {
        let action = self.kind(call).action;
        let is_old = call.first_token && matches!(account, Account::User | Account::UserEnded);
        let shows = matches!(action.by, Actor::Guest(_))
            && !matches!(action.operation, Operation::Upgrade(_));
        if is_old && shows { action.with(Credential::BeforeUpgrade) } else { action }
    }

    /// The action of a call, with the token that the call shows in `state`.
    pub(super) fn action_in(&self, call: &CallInFlight, state: &State) -> Action {
        let account = guest_of(&self.kind(call).action).map(|guest| state.accounts[guest]);
        self.action_with(call, account.unwrap_or(Account::Absent))
    }

    /// The next stage of a call.
    pub(super) fn next_stage(&self, call: &CallInFlight) -> StageName {
        match call.stage {
            Stage::Started
                if self.merges_stages && self.kind(call).atomic_part == AtomicPart::UpToAct =>
            {
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
