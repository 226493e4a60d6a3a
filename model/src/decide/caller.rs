//! The caller of an action, and whether the allow-list permits the call.

use crate::action::{Action, Actor, Credential, Message, Operation, Place, ProfileKey};
use crate::state::Account;
use guest_access_rules::decision_point::{
    EndedToken, FirstGuest, KnownBy, Masquerade, MissingToken, OldToken, PutStateMembership,
    RoomSummaryToken, SendRedaction, Unlisted, UnlistedErrcode,
};
use guest_access_rules::endpoint::{Auth, EndpointId, KNOWN};
use guest_access_rules::profile::{Access, Condition};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{Decision, ErrCode, HistoryVisibility, Membership};

use super::DecisionContext;

/// The identity of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerIdentity {
    /// The moderator.
    Moderator,
    /// The ordinary user.
    User,
    /// The holder of the account with this number: a guest or a former guest.
    Holder(usize),
    /// Nobody: a call without a token that the server serves as a guest's.
    Anonymous,
}

/// A caller whose token was accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) identity: CallerIdentity,
    /// Whether the server treats the caller as a guest.
    pub(super) guest: bool,
    /// Whether the allow-list does not apply to the caller.
    pub(super) administrator: bool,
}

impl Caller {
    pub(super) fn has_power(&self) -> bool {
        self.identity == CallerIdentity::Moderator
    }
}

impl DecisionContext<'_> {
    /// The caller, or a refusal. The caller is nobody if the endpoint requires no token. `None` if the
    /// action cannot happen, because its actor has no such token.
    pub(super) fn authenticate(
        &self,
        action: &Action,
        endpoint: EndpointId,
    ) -> Option<Result<Option<Caller>, Decision>> {
        let shown = self.shown_token(action)?;
        let needs_token = match endpoint.get().auth {
            Auth::None => return Some(Ok(None)),
            Auth::Optional => action.by != Actor::Nobody,
            // CS-42: A server may answer a room summary without an access token.
            _ if endpoint == KNOWN.room_summary => match self.choices.room_summary_token() {
                RoomSummaryToken::Required => true,
                RoomSummaryToken::Optional => action.by != Actor::Nobody,
                RoomSummaryToken::Unread => false,
            },
            Auth::User | Auth::AppService | Auth::Other => true,
        };
        if !needs_token {
            return Some(Ok(None));
        }
        Some(self.holder(action, shown).map(Some))
    }

    /// The token that the actor shows. `None` if the actor has no such token.
    fn shown_token(&self, action: &Action) -> Option<Shown> {
        let Actor::Guest(guest) = action.by else {
            return Some(match action.by {
                Actor::Nobody => Shown::Nothing,
                _ => Shown::Live,
            });
        };
        let account = self.state.accounts[usize::from(guest)];
        match action.with {
            Credential::Own if account == Account::Absent => None,
            Credential::Own if account.is_live() => Some(Shown::Live),
            Credential::Own => Some(Shown::Ended),
            Credential::Masquerade => (account == Account::Guest).then_some(Shown::Live),
            Credential::BeforeUpgrade => match account {
                Account::User => Some(Shown::Old),
                Account::UserEnded => Some(Shown::Ended),
                _ => None,
            },
        }
    }

    fn holder(&self, action: &Action, shown: Shown) -> Result<Caller, Decision> {
        let choices = self.choices;
        let named = match action.by {
            Actor::Moderator | Actor::Server => {
                return Ok(Caller {
                    identity: CallerIdentity::Moderator,
                    guest: false,
                    administrator: false,
                });
            }
            Actor::User => {
                // RG-2: A user may use the full API with an account of kind `user`.
                let guest = choices.known_by() == KnownBy::NoPassword;
                return Ok(Caller { identity: CallerIdentity::User, guest, administrator: false });
            }
            Actor::Nobody => {
                // CS-1: A call without a token, where one is required, is refused with 401 and
                // `M_MISSING_TOKEN`.
                return match choices.missing_token() {
                    MissingToken::Refused => Err(MISSING_TOKEN),
                    MissingToken::ServedAsGuest => Ok(Caller {
                        identity: CallerIdentity::Anonymous,
                        guest: true,
                        administrator: false,
                    }),
                };
            }
            Actor::Guest(guest) => usize::from(guest),
        };
        if action.with == Credential::Masquerade && choices.masquerade() == Masquerade::Honoured {
            return Ok(Caller {
                identity: CallerIdentity::Moderator,
                guest: false,
                administrator: false,
            });
        }
        let account = self.state.accounts[named];
        let guest = match shown {
            Shown::Live => account.is_guest(),
            Shown::Old => match choices.old_token() {
                OldToken::Ended => return Err(UNKNOWN_TOKEN),
                OldToken::KeptAsUser => false,
                OldToken::KeptAsGuest => true,
            },
            Shown::Ended => {
                // CS-2: A call with a token that is not live, where one is required, is refused
                // with 401 and `M_UNKNOWN_TOKEN`.
                if choices.ended_token() != EndedToken::GuestsServed || !account.is_guest() {
                    return Err(UNKNOWN_TOKEN);
                }
                true
            }
            Shown::Nothing => unreachable!("a guest shows a token"),
        };
        let administrator =
            guest && named == 0 && choices.first_guest() == FirstGuest::Administrator;
        Ok(Caller { identity: CallerIdentity::Holder(named), guest, administrator })
    }

    /// GA-3: A guest has access only to the subset of the API that the module lists.
    pub(super) fn allow_list(
        &self,
        caller: &Caller,
        action: &Action,
        endpoint: EndpointId,
    ) -> Result<(), Decision> {
        if endpoint.get().auth == Auth::AppService {
            return Err(NO_APPLICATION_SERVICE);
        }
        if !caller.guest || caller.administrator {
            return Ok(());
        }
        let choices = self.choices;
        let open = choices.unlisted() == Unlisted::Served
            || match self.profile.access(endpoint) {
                Access::Refused => false,
                Access::Open(conditions) => {
                    conditions.iter().all(|condition| self.condition(caller, action, condition))
                }
            };
        let own_endpoint_refused = match action.operation {
            Operation::Join(MembershipEndpoint::StateEvent)
            | Operation::Leave(MembershipEndpoint::StateEvent)
            | Operation::Knock(MembershipEndpoint::StateEvent) => {
                choices.put_state_membership() == PutStateMembership::Refused
            }
            Operation::Send(Message::Redaction) => {
                choices.send_redaction() == SendRedaction::Refused
            }
            _ => false,
        };
        if open && !own_endpoint_refused {
            return Ok(());
        }
        Err(match choices.unlisted_errcode() {
            UnlistedErrcode::GuestAccessForbidden => NOT_LISTED,
            UnlistedErrcode::Forbidden => NOT_LISTED_FORBIDDEN,
        })
    }

    fn condition(&self, caller: &Caller, action: &Action, condition: Condition) -> bool {
        let room = action.room().map(|room| &self.state.rooms[room]);
        match condition {
            Condition::MessagesOnly => action.operation == Operation::Send(Message::Message),
            Condition::DisplayNameOnly => !matches!(
                action.operation,
                Operation::SetProfile { key: ProfileKey::AvatarUrl, .. }
            ),
            Condition::WorldReadableRoom => {
                room.is_some_and(|room| room.visibility == Some(HistoryVisibility::WorldReadable))
            }
            Condition::JoinedRoom => {
                action.place != Place::Elsewhere
                    && action
                        .room()
                        .is_some_and(|room| self.membership(caller, room) == Membership::Join)
            }
        }
    }

    /// The caller's membership of a room.
    pub(super) fn membership(&self, caller: &Caller, room: usize) -> Membership {
        match caller.identity {
            CallerIdentity::Moderator => Membership::Join,
            CallerIdentity::User => self.state.rooms[room].user,
            CallerIdentity::Holder(guest) => self.state.rooms[room].members[guest],
            CallerIdentity::Anonymous => Membership::Never,
        }
    }
}

/// The kind of token that a call shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// No token.
    Nothing,
    /// A live token.
    Live,
    /// The token from before the upgrade, of an account whose new token is live.
    Old,
    /// A token that was ended.
    Ended,
}

const MISSING_TOKEN: Decision =
    Decision::deny(401, ErrCode::MissingToken, &["CS-1"], "no access token was given");
const UNKNOWN_TOKEN: Decision =
    Decision::deny(401, ErrCode::UnknownToken, &["CS-2"], "the access token is not live");
const NO_APPLICATION_SERVICE: Decision =
    Decision::deny(403, ErrCode::Forbidden, &[], "the endpoint is for application services");
const NOT_LISTED: Decision = Decision::deny(
    403,
    ErrCode::GuestAccessForbidden,
    &["GA-3", "CS-34"],
    "the call is not on the guests' list",
);
const NOT_LISTED_FORBIDDEN: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["GA-3"], "the call is not on the guests' list");
