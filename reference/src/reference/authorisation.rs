//! The checks at the start of every call: who is the caller, and may the caller call the endpoint.

use guest_access_rules::decision_point::{
    EndedToken, KnownBy, Masquerade, MissingToken, RoomSummaryToken, Unlisted, UnlistedErrcode,
};
use guest_access_rules::endpoint::{Auth, EndpointId, KNOWN};
use guest_access_rules::profile::{Access, Condition, Conditions};
use guest_access_rules::vocabulary::{ErrCode, HistoryVisibility, Membership};
use ruma::{OwnedDeviceId, OwnedUserId, RoomId, UserId};

use super::accounts::{Account, Token};
use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::{Reference, Room};

/// The sender of what a caller without an account sends.
const NOBODY: &str = "@nobody-in-particular:reference.test";

/// The caller of an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The user id of the account; `None` for a caller without an account.
    pub(super) user: Option<OwnedUserId>,
    /// The device of the token.
    pub(super) device: Option<OwnedDeviceId>,
    /// Whether the caller counts as a guest.
    pub(super) guest: bool,
    /// Whether the caller is a user who was a guest before an upgrade.
    pub(super) was_guest: bool,
    administrator: bool,
}

impl Caller {
    /// A caller without a token, where the endpoint needs none.
    const ANONYMOUS: Self =
        Self { user: None, device: None, guest: false, was_guest: false, administrator: false };

    /// An account that reads a room.
    pub(super) const fn reader(user: OwnedUserId, guest: bool) -> Self {
        Self { user: Some(user), device: None, guest, was_guest: false, administrator: false }
    }

    fn holder_of(account: &Account, token: &Token, known_by: KnownBy) -> Self {
        Self {
            user: Some(account.user_id.clone()),
            device: Some(token.device.clone()),
            guest: account.counts_as_guest(known_by) || token.as_guest,
            was_guest: account.was_guest,
            administrator: account.administrator,
        }
    }

    /// Whether the caller has this user id.
    pub(super) fn is(&self, user: &UserId) -> bool {
        self.user.as_deref() == Some(user)
    }

    /// The sender of what the caller sends: the caller, or a placeholder for a caller without an account.
    pub(super) fn sender(&self) -> OwnedUserId {
        self.user.clone().unwrap_or_else(|| NOBODY.try_into().expect("it is a user id"))
    }

    /// The caller's membership of `room` now.
    pub(super) fn membership(&self, room: &Room) -> Membership {
        self.user.as_deref().map_or(Membership::Never, |user| room.membership(user))
    }
}

/// The parts of a call that the allow-list may depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndpointCall<'a> {
    endpoint: EndpointId,
    room: Option<&'a RoomId>,
    event_type: &'a str,
    key: &'a str,
}

impl<'a> EndpointCall<'a> {
    /// A call about no room. The defaults for the event type and the profile key satisfy the conditions
    /// [`Condition::MessagesOnly`] and [`Condition::DisplayNameOnly`].
    pub(super) const fn to(endpoint: EndpointId) -> Self {
        Self { endpoint, room: None, event_type: "m.room.message", key: "displayname" }
    }

    pub(super) const fn about(self, room: &'a RoomId) -> Self {
        Self { room: Some(room), ..self }
    }

    pub(super) const fn sending(self, event_type: &'a str) -> Self {
        Self { event_type, ..self }
    }

    pub(super) const fn changing(self, key: &'a str) -> Self {
        Self { key, ..self }
    }
}

impl Reference {
    /// Checks whether the caller may call `endpoint` about `room`. For an endpoint without a rule of its
    /// own, there is nothing more to check.
    ///
    /// # Errors
    /// The refusal, if the caller may not call the endpoint.
    pub fn call(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        room: Option<&RoomId>,
    ) -> Answer<()> {
        self.admit(credentials, EndpointCall { room, ..EndpointCall::to(endpoint) })?;
        Ok(AllowedResponse::new(OPEN, ()))
    }

    /// The first two checks of every call: who is the caller, and may the caller call the endpoint.
    pub(super) fn admit(
        &self,
        credentials: &Credentials<'_>,
        call: EndpointCall<'_>,
    ) -> Result<Caller, Refusal> {
        let caller = match call.endpoint.get().auth {
            // Reading A19: a guest may too, whatever token comes with the call.
            // CS-3: A user may call an endpoint that requires no token without one.
            Auth::None => return Ok(Caller::ANONYMOUS),
            Auth::Optional if credentials.token.is_none() => return Ok(Caller::ANONYMOUS),
            // CS-42: A server may answer a room summary without an access token.
            // Reading A70: a token is required.
            Auth::Other if self.summary_needs_no_token(credentials, call.endpoint) => {
                return Ok(Caller::ANONYMOUS);
            }
            Auth::User | Auth::Optional | Auth::Other => self.authenticate(credentials)?,
            Auth::AppService => {
                self.authenticate(credentials)?;
                return Err(Refusal::forbidden(&[], "only application services may call this"));
            }
        };
        self.check_allow_list(&caller, call)?;
        Ok(caller)
    }

    fn summary_needs_no_token(&self, with: &Credentials<'_>, endpoint: EndpointId) -> bool {
        endpoint == KNOWN.room_summary
            && match self.choices().room_summary_token {
                RoomSummaryToken::Required => false,
                RoomSummaryToken::Optional => with.token.is_none(),
                RoomSummaryToken::Unread => true,
            }
    }

    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Caller, Refusal> {
        let choices = self.choices();
        let Some(text) = credentials.token else {
            // CS-1: A call without a token, where one is required, is refused with 401 and
            // `M_MISSING_TOKEN`.
            return match choices.missing_token {
                MissingToken::Refused => Err(Refusal::new(
                    401,
                    ErrCode::MissingToken,
                    &["CS-1"],
                    "no access token was given",
                )),
                MissingToken::ServedAsGuest => Ok(Caller { guest: true, ..Caller::ANONYMOUS }),
            };
        };
        // CS-2: A call with a token that is not live, where one is required, is refused with 401
        // and `M_UNKNOWN_TOKEN`.
        let not_live =
            Refusal::new(401, ErrCode::UnknownToken, &["CS-2"], "the access token is not live");
        let (account, token) = self.accounts.holder(text).ok_or(not_live)?;
        let served = match choices.ended_token {
            EndedToken::Refused => token.live,
            EndedToken::GuestsServed => token.live || account.is_guest(),
        };
        if !served {
            return Err(not_live);
        }
        // DR-11: A guest identifies itself by the access token that the server granted it.
        let caller = Caller::holder_of(account, token, choices.known_by);
        if caller.guest && choices.masquerade == Masquerade::Honoured {
            let named = credentials.user_id.and_then(|user| self.accounts.get(user));
            if let Some(named) = named {
                return Ok(Caller::holder_of(named, token, choices.known_by));
            }
        }
        Ok(caller)
    }

    /// Checks a guest's call against the allow-list.
    fn check_allow_list(&self, caller: &Caller, call: EndpointCall<'_>) -> Result<(), Refusal> {
        // GA-2: Where the module gives a guest access, the guest is treated as any other user would
        // be.
        // RG-2: A user may use the full API with an account of kind `user`.
        if !caller.guest || caller.administrator {
            return Ok(());
        }
        // DR-2: Guest access exists only in the limited ways that the module sets out.
        // GA-3: A guest has access only to the subset of the API that the module lists.
        // DR-13: A guest may call no endpoint beyond the four paths that are listed.
        let open = match self.profile.access(call.endpoint) {
            Access::Refused => false,
            Access::Open(conditions) => self.conditions_hold(conditions, caller, call),
        };
        match self.choices().unlisted {
            Unlisted::Refused if !open => Err(self.unlisted()),
            Unlisted::Refused | Unlisted::Served => Ok(()),
        }
    }

    /// The refusal of a guest's call that the allow-list does not have.
    pub(super) fn unlisted(&self) -> Refusal {
        let because = "the call is not among those that guests may make";
        // CS-34: A server may refuse a guest with `M_GUEST_ACCESS_FORBIDDEN` where a room or
        // resource does not permit guests.
        match self.choices().unlisted_errcode {
            UnlistedErrcode::GuestAccessForbidden => {
                Refusal::guest_access_forbidden(&["GA-3", "CS-34"], because)
            }
            UnlistedErrcode::Forbidden => Refusal::forbidden(&["GA-3"], because),
        }
    }

    fn conditions_hold(
        &self,
        conditions: Conditions,
        caller: &Caller,
        call: EndpointCall<'_>,
    ) -> bool {
        let room = call.room.and_then(|id| self.room(id));
        conditions.iter().all(|condition| match condition {
            // GA-19: A guest may call `PUT /rooms/{roomId}/send/{eventType}/{txnId}` with the type
            // `m.room.message` only.
            Condition::MessagesOnly => call.event_type == "m.room.message",
            // GA-51: A guest may change no field of its profile but `displayname`.
            Condition::DisplayNameOnly => call.key == "displayname",
            // DR-12: A guest's call succeeds only in relation to a room whose
            // `m.room.history_visibility` is `world_readable`.
            Condition::WorldReadableRoom => room.is_some_and(Room::is_world_readable),
            Condition::JoinedRoom => {
                room.is_some_and(|room| caller.membership(room) == Membership::Join)
            }
        })
    }
}

impl Room {
    /// Whether the room's history visibility is `world_readable` now.
    pub(super) fn is_world_readable(&self) -> bool {
        self.settings().visibility == Some(HistoryVisibility::WorldReadable)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, NOT_FOR_GUESTS, endpoint, latest, status_and_errcode,
    };
    use super::*;

    const LOGOUT: &str = "POST /logout";

    fn call(fixture: &Fixture, credentials: &Credentials<'_>, id: &str) -> (u16, Option<ErrCode>) {
        status_and_errcode(fixture.server.call(credentials, endpoint(id), Some(&fixture.room)))
    }

    #[test]
    fn a_guest_calls_what_is_listed_and_nothing_else() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        assert_eq!(call(&fixture, &guest.credentials(), "GET /sync"), ALLOWED);
        assert_eq!(call(&fixture, &guest.credentials(), LOGOUT), NOT_FOR_GUESTS);
        assert_eq!(call(&fixture, &fixture.moderator.credentials(), LOGOUT), ALLOWED);
    }

    #[test]
    fn an_endpoint_without_authentication_ignores_the_token() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        for credentials in [Credentials::NONE, guest.credentials(), Credentials::token("made-up")] {
            assert_eq!(call(&fixture, &credentials, "GET /login"), ALLOWED);
        }
        assert_eq!(call(&fixture, &Credentials::NONE, "GET /versions"), ALLOWED);
        assert_eq!(call(&fixture, &guest.credentials(), "GET /versions"), NOT_FOR_GUESTS);
    }

    #[test]
    fn a_missing_token_and_an_ended_token_are_different_errors() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let missing = (401, Some(ErrCode::MissingToken));
        let unknown = (401, Some(ErrCode::UnknownToken));
        assert_eq!(call(&fixture, &Credentials::NONE, "GET /sync"), missing);
        fixture.server.end_tokens(&guest.user_id);
        assert_eq!(call(&fixture, &guest.credentials(), "GET /sync"), unknown);
        assert_eq!(call(&fixture, &guest.credentials(), LOGOUT), unknown);
    }

    #[test]
    fn the_room_summary_needs_a_token_by_default() {
        let summary = "GET /room_summary/{roomIdOrAlias}";
        let missing = (401, Some(ErrCode::MissingToken));
        let unknown = (401, Some(ErrCode::UnknownToken));
        for (option, without, with_dead) in [
            ("required", missing, unknown),
            ("optional", ALLOWED, unknown),
            ("unread", ALLOWED, ALLOWED),
        ] {
            let mut fixture =
                Fixture::with_profile(latest(&[("authentication.room_summary", option)]));
            let guest = fixture.guest();
            assert_eq!(call(&fixture, &Credentials::NONE, summary), without, "{option}");
            let made_up = Credentials::token("made-up");
            assert_eq!(call(&fixture, &made_up, summary), with_dead, "{option}");
            // A token that is not read is not a guest's.
            let guest_is_known = option != "unread";
            let by_guest = if guest_is_known { NOT_FOR_GUESTS } else { ALLOWED };
            assert_eq!(call(&fixture, &guest.credentials(), summary), by_guest, "{option}");
            // The option is about this endpoint alone.
            assert_eq!(call(&fixture, &Credentials::NONE, "GET /sync"), missing, "{option}");
        }
    }

    #[test]
    fn the_endpoints_of_application_services_deny_every_user_alike() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let ping = "POST /appservice/{appserviceId}/ping";
        assert_eq!(call(&fixture, &guest.credentials(), ping), FORBIDDEN);
        assert_eq!(call(&fixture, &fixture.moderator.credentials(), ping), FORBIDDEN);
    }

    #[test]
    fn the_user_id_of_the_query_counts_only_if_honoured() {
        for (options, status_and_errcode) in
            [(&[][..], NOT_FOR_GUESTS), (&[("authentication.masquerade", "honoured")][..], ALLOWED)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            let user_id = Some(&*fixture.moderator.user_id);
            let credentials = Credentials { user_id, ..guest.credentials() };
            assert_eq!(call(&fixture, &credentials, LOGOUT), status_and_errcode);
        }
    }

    #[test]
    fn a_failed_condition_refuses_like_an_unlisted_endpoint() {
        let id = "GET /rooms/{roomId}/messages";
        let mut profile = latest(&[]);
        let condition = Conditions::NONE.with(Condition::WorldReadableRoom);
        profile.set_access(endpoint(id), Access::Open(condition));
        let mut fixture = Fixture::with_profile(profile);
        let guest = fixture.guest();
        assert_eq!(call(&fixture, &guest.credentials(), id), NOT_FOR_GUESTS);
        fixture.set_visibility("world_readable");
        assert_eq!(call(&fixture, &guest.credentials(), id), ALLOWED);
    }

    #[test]
    fn a_user_without_a_password_is_a_guest_by_one_option() {
        let mut fixture =
            Fixture::with_profile(latest(&[("registration.known_by", "no_password")]));
        let user = fixture.server.register_without_password("user").unwrap().response;
        let token = user.access_token.unwrap();
        assert_eq!(call(&fixture, &Credentials::token(&token), LOGOUT), NOT_FOR_GUESTS);
        assert_eq!(call(&fixture, &fixture.moderator.credentials(), LOGOUT), ALLOWED);
    }
}
