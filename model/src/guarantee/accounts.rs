//! Guarantees about accounts and their tokens.

use crate::action::{Actor, Answer, Credential, Operation, Upgrade};
use crate::state::{Account, State};
use guest_access_rules::decision_point::{JoinAgain, OldToken};
use guest_access_rules::vocabulary::ErrCode;

use super::{ActionGuarantee, GuaranteeId, Judgement, Transition, by_a_guest, may_change};

pub(super) const UPGRADE_IDENTITY: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::UpgradeIdentity,
    about: |action| {
        action.with == Credential::BeforeUpgrade
            || matches!(action.operation, Operation::Upgrade(_) | Operation::RegisterOver(_))
    },
    judge: |t| {
        let upgraded = |guest: u8| {
            t.before.accounts[usize::from(guest)].is_guest()
                && !t.after.accounts[usize::from(guest)].is_guest()
        };
        let kept = match t.action.operation {
            Operation::Upgrade(Upgrade::Own(guest)) => {
                let was_live = t.before.accounts[usize::from(guest)] == Account::Guest;
                let identity_kept =
                    t.allowed() == upgraded(guest) && t.after.rooms == t.before.rooms;
                return Judgement::of(was_live, was_live == t.allowed() && identity_kept);
            }
            Operation::Upgrade(
                Upgrade::OtherName(guest)
                | Upgrade::MadeUpToken(guest)
                | Upgrade::OthersToken { of: guest, .. },
            )
            | Operation::RegisterOver(guest) => !upgraded(guest),
            // The limits of a guest end with its token: a call with the old token is refused.
            _ if t.action.with == Credential::BeforeUpgrade => {
                t.rules.choices.old_token != OldToken::Ended || !(t.needs_a_token() && t.allowed())
            }
            _ => true,
        };
        Judgement::of(false, kept)
    },
};

pub(super) const ACCOUNT_END: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::AccountEnd,
    about: by_a_guest,
    judge: |t| {
        let Some(guest) = t.caller() else {
            return Judgement::Untouched;
        };
        let account = t.before.accounts[guest];
        let ended = match t.action.with {
            Credential::Own => matches!(account, Account::GuestEnded | Account::UserEnded),
            Credential::BeforeUpgrade => account == Account::UserEnded,
            Credential::Masquerade => false,
        };
        let premise = ended && t.needs_a_token();
        let shown_at_upgrade =
            matches!(t.action.operation, Operation::Upgrade(Upgrade::Own(_))) && ended;
        Judgement::of(premise, !((premise || shown_at_upgrade) && t.allowed()))
    },
};

pub(super) const USERS_UNBOUND: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::UsersUnbound,
    about: |action| by_a_guest(action) || action.by == Actor::User,
    judge: |t| {
        let ordinary = match t.action.by {
            Actor::User => true,
            Actor::Guest(guest) => {
                t.action.with == Credential::Own
                    && t.before.accounts[usize::from(guest)] == Account::User
            }
            _ => false,
        };
        let premise = ordinary && matches!(t.action.operation, Operation::Call(_));
        let bound = t.observation.decision.errcode == Some(ErrCode::GuestAccessForbidden);
        // The ordinary user is in the room already. Only reading A63 lets a server refuse this second
        // join.
        let join_refused = ordinary
            && t.action.by == Actor::User
            && joins(t)
            && t.rules.choices.join_again == JoinAgain::Answered
            && !t.allowed();
        Judgement::of(premise, !(ordinary && bound || join_refused))
    },
};

fn joins(t: &Transition) -> bool {
    matches!(t.action.operation, Operation::Join(_)) && t.action.room().is_some()
}

pub(super) const SERVER_CHOSEN_IDS: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::ServerChosenIds,
    about: |action| matches!(action.operation, Operation::Register { named: true }),
    judge: |t| {
        let named = t.action.operation == Operation::Register { named: true } && t.allowed();
        Judgement::of(named, t.observation.answer != Answer::Named(true))
    },
};

pub(super) const WHOAMI_TRUTHFUL: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::WhoamiTruthful,
    about: |action| action.operation == Operation::WhoAmI,
    judge: |t| {
        let Answer::IsGuest(answered) = t.observation.answer else {
            return Judgement::Untouched;
        };
        match t.action.by {
            Actor::Guest(guest) if t.action.with == Credential::Own => {
                let is = t.before.accounts[usize::from(guest)].is_guest();
                Judgement::of(is, answered == is)
            }
            Actor::User => Judgement::of(false, !answered),
            _ => Judgement::Untouched,
        }
    },
};

pub(super) const LASTING_GUESTS: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::LastingGuests,
    about: may_change,
    judge: |t| {
        let guests = |state: &State| state.accounts.map(Account::is_guest);
        let some_guest = guests(t.before).contains(&true);
        let lost = guests(t.before).iter().zip(guests(t.after)).any(|(was, is)| *was && !is);
        let upgrades = matches!(t.action.operation, Operation::Upgrade(_));
        Judgement::of(t.action.operation == Operation::Restart && some_guest, upgrades || !lost)
    },
};
