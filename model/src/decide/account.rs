//! Accounts: registration, upgrade, the end of tokens, and what guests may do to their own.

use crate::action::{Action, Actor, Answer, Operation, Upgrade};
use crate::state::{Account, Past, ReaderRelation};
use guest_access_rules::decision_point::{
    DeactivationMemberships, DeadToken, ProfileOwner, RegistrationFlag, RegistrationGuests,
    RegistrationParameters, TakenErrcode, UpgradeMemberships, UpgradeOffered, UpgradeToken,
    UpgradeUsername, UserIds, Whoami,
};
use guest_access_rules::vocabulary::{Decision, ErrCode, Membership};

use super::caller::{Caller, CallerIdentity};
use super::{DecisionContext, SERVED};

impl DecisionContext<'_> {
    /// The actions without a caller's token: registrations, and actions of the server itself. `None` if
    /// the action cannot happen.
    pub(super) fn without_a_caller(&mut self, action: &Action) -> Option<TokenlessResult> {
        let (decision, answer) = match (action.operation, action.by) {
            (Operation::Register { named }, Actor::Guest(guest)) => {
                self.register(guest.into(), named)?
            }
            (Operation::Register { .. }, _) => return None,
            (Operation::RegisterOver(guest), _) => {
                (self.register_over(guest.into())?, Answer::Nothing)
            }
            (Operation::Upgrade(upgrade), _) => (self.upgrade(upgrade)?, Answer::Nothing),
            (Operation::EndToken(guest), _) => {
                let ended = account_after_end(self.state.accounts[usize::from(guest)])?;
                self.next.accounts[usize::from(guest)] = ended;
                (THE_SERVERS_DEED, Answer::Nothing)
            }
            (Operation::Restart, _) => {
                self.restart();
                (THE_SERVERS_DEED, Answer::Nothing)
            }
            _ => return Some(TokenlessResult::IsACall),
        };
        Some(TokenlessResult::Observed(decision, answer))
    }

    /// GA-1: A client may obtain a guest account and its access token by registering with `kind`
    /// set to `guest`.
    fn register(&mut self, guest: usize, named: bool) -> Option<(Decision, Answer)> {
        let choices = self.choices;
        if self.state.accounts[guest] != Account::Absent {
            return None;
        }
        if choices.registration_guests() == RegistrationGuests::Closed {
            return Some((NO_GUESTS, Answer::Nothing));
        }
        self.next.accounts[guest] = Account::Guest;
        // RG-10: The registration of a guest ignores every parameter of its body but
        // `initial_device_display_name`.
        let got_its_name = choices.registration_parameters() == RegistrationParameters::Honoured;
        let answer = if named { Answer::Named(got_its_name) } else { Answer::Nothing };
        Some((REGISTERED, answer))
    }

    /// RG-7: A registration whose desired user id is taken is refused with `M_USER_IN_USE`.
    fn register_over(&mut self, guest: usize) -> Option<Decision> {
        if !self.state.accounts[guest].is_guest() {
            return None;
        }
        match self.choices.user_ids() {
            UserIds::Distinct => Some(self.name_taken()),
            UserIds::Colliding => {
                self.next.accounts[guest] = Account::User;
                Some(REGISTERED)
            }
        }
    }

    /// GA-32: A guest may upgrade to a full account by registering in the ordinary way with its own
    /// token in `guest_access_token`.
    fn upgrade(&mut self, upgrade: Upgrade) -> Option<Decision> {
        let choices = self.choices;
        let account = |guest: u8| self.state.accounts[usize::from(guest)];
        let (target, token) = match upgrade {
            Upgrade::Own(guest) if account(guest) == Account::GuestEnded => {
                (guest, TokenOwner::Ended)
            }
            Upgrade::Own(guest) | Upgrade::OtherName(guest) => (guest, TokenOwner::Own),
            Upgrade::OthersToken { of, with } => (account(with) == Account::Guest && of != with)
                .then_some((of, TokenOwner::Others))?,
            Upgrade::MadeUpToken(guest) => (guest, TokenOwner::MadeUp),
        };
        let other_name = matches!(upgrade, Upgrade::OtherName(_));
        if account(target) != Account::Guest && token != TokenOwner::Ended {
            return None;
        }
        if choices.upgrade_offered() == UpgradeOffered::NotOffered {
            return Some(if other_name { REGISTERED } else { self.name_taken() });
        }
        let token_is_right = match choices.upgrade_token() {
            UpgradeToken::Own => token == TokenOwner::Own,
            UpgradeToken::AnyGuest => matches!(token, TokenOwner::Own | TokenOwner::Others),
            UpgradeToken::Unchecked => true,
        };
        if !token_is_right {
            let is_dead = matches!(token, TokenOwner::Ended | TokenOwner::MadeUp);
            return Some(match choices.dead_token() {
                // CS-2: A call with a token that is not live, where one is required, is refused
                // with 401 and `M_UNKNOWN_TOKEN`.
                DeadToken::UnknownToken if is_dead => DEAD_TOKEN,
                DeadToken::UserInUse if is_dead => NAME_TAKEN,
                _ => NOT_ITS_TOKEN,
            });
        }
        // GA-33: An upgrade must give `username`, set to the local part of the guest's own user id.
        if other_name && choices.upgrade_username() == UpgradeUsername::OwnRequired {
            return Some(NOT_ITS_NAME);
        }
        let target = usize::from(target);
        self.next.accounts[target] = Account::User;
        if other_name {
            self.forget_memberships(target);
        } else if choices.upgrade_memberships() == UpgradeMemberships::Left {
            self.leave_every_room(target);
        }
        Some(UPGRADED)
    }

    /// The refusal of a registration that asks for the user id of a guest.
    fn name_taken(&self) -> Decision {
        match self.choices.taken_errcode() {
            TakenErrcode::UserInUse => NAME_TAKEN,
            TakenErrcode::InvalidUsername => NAME_INVALID,
            TakenErrcode::Exclusive => NAME_RESERVED,
        }
    }

    /// Replaces the account by another one, which was never in any room.
    fn forget_memberships(&mut self, guest: usize) {
        for room in &mut self.next.rooms {
            room.members[guest] = Membership::Never;
            room.past[guest] = Past::Unkept;
        }
        if let Some(tagged) = &mut self.next.tagged {
            tagged.relations[guest] = ReaderRelation::STRANGER;
        }
    }

    fn leave_every_room(&mut self, guest: usize) {
        for room in &mut self.next.rooms {
            let membership = &mut room.members[guest];
            if matches!(membership, Membership::Join | Membership::Invite | Membership::Knock) {
                *membership = Membership::Leave;
            }
        }
    }

    fn restart(&mut self) {
        if self.choices.registration_flag() == RegistrationFlag::LostAtRestart {
            for account in &mut self.next.accounts {
                *account = match *account {
                    Account::Guest => Account::User,
                    Account::GuestEnded => Account::UserEnded,
                    other => other,
                };
            }
        }
    }

    /// CS-4: Logging out ends the access token with which it was called.
    pub(super) fn end_own_token(&mut self, caller: &Caller) -> Decision {
        if let CallerIdentity::Holder(guest) = caller.identity
            && let Some(ended) = account_after_end(self.state.accounts[guest])
        {
            self.next.accounts[guest] = ended;
        }
        SERVED
    }

    /// CS-5: Deactivating an account takes away every way to log in to it again.
    pub(super) fn deactivate(&mut self, caller: &Caller) -> Decision {
        let leaves_rooms = self.choices.deactivation_memberships() == DeactivationMemberships::Left;
        if let CallerIdentity::Holder(guest) = caller.identity
            && leaves_rooms
        {
            self.leave_every_room(guest);
        }
        self.end_own_token(caller)
    }

    /// GA-21: A guest may call `PUT /profile/{userId}/displayname` for its own user id.
    pub(super) fn set_profile(&self, caller: &Caller, own: bool) -> Decision {
        let anybodys = self.choices.profile_owner() == ProfileOwner::Anybodys;
        if own || caller.guest && anybodys { PROFILE_SET } else { NOT_ITS_PROFILE }
    }

    /// CS-39: The answer to `whoami` has `is_guest` true for a guest; absent or false means not a
    /// guest.
    pub(super) fn who_am_i(&self, caller: &Caller) -> (Decision, Answer) {
        let is_guest = match self.choices.whoami() {
            Whoami::Truthful => caller.guest,
            Whoami::Never => false,
            Whoami::Always => true,
        };
        (SERVED, Answer::IsGuest(is_guest))
    }
}

/// The result of an action without a caller's token.
pub(super) enum TokenlessResult {
    /// The decision and the content of the answer.
    Observed(Decision, Answer),
    /// The action is not one of these: it is a call.
    IsACall,
}

/// The owner of the token that an upgrade shows, relative to the account that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenOwner {
    Own,
    Others,
    MadeUp,
    Ended,
}

/// The account with its token ended. `None` if it has no live token.
fn account_after_end(account: Account) -> Option<Account> {
    match account {
        Account::Guest => Some(Account::GuestEnded),
        Account::User => Some(Account::UserEnded),
        _ => None,
    }
}

const THE_SERVERS_DEED: Decision = Decision::allow(&[], "the server does it by itself");
const REGISTERED: Decision = Decision::allow(&["GA-1", "RG-5"], "the server registers the account");
const NO_GUESTS: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["GA-4", "RG-12"], "the server registers no guests");
const NAME_TAKEN: Decision =
    Decision::deny(400, ErrCode::UserInUse, &["RG-7"], "the user id is taken");
const NAME_INVALID: Decision =
    Decision::deny(400, ErrCode::InvalidUsername, &["RG-7"], "the user name is a guest's");
const NAME_RESERVED: Decision =
    Decision::deny(400, ErrCode::Exclusive, &["RG-7"], "the user name is reserved for guests");
const DEAD_TOKEN: Decision =
    Decision::deny(401, ErrCode::UnknownToken, &["CS-2"], "the guest's token is not live");
const UPGRADED: Decision =
    Decision::allow(&["GA-32", "GA-33"], "the guest shows its own token and its own localpart");
const NOT_ITS_TOKEN: Decision = Decision::deny(
    403,
    ErrCode::Forbidden,
    &["GA-32"],
    "the token is not the live token of the guest whose localpart is asked for",
);
const NOT_ITS_NAME: Decision =
    Decision::deny(400, ErrCode::InvalidParam, &["GA-33"], "the localpart is not the guest's own");
const PROFILE_SET: Decision = Decision::allow(&["GA-21"], "the profile is the caller's own");
const NOT_ITS_PROFILE: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["GA-21", "CS-73"], "the profile is somebody else's");
