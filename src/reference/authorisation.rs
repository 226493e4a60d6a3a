//! Who is calling, and whether an endpoint is open to them: the checks before every call.

use guest_access_rules::decision_point::{
    EndedToken, KnownBy, Masquerade, MissingToken, Unlisted, UnlistedErrcode,
};
use guest_access_rules::endpoint::{Auth, EndpointId};
use guest_access_rules::profile::{Access, Condition, Conditions};
use guest_access_rules::vocabulary::{ErrCode, HistoryVisibility, Membership};
use ruma::{OwnedDeviceId, OwnedUserId, RoomId, UserId};

use super::accounts::{Account, Token, user_id};
use super::answer::{Answer, Credentials, Granted, OPEN, Refusal};
use super::{Reference, Room};

/// Who makes a call.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The account's user id; `None` for somebody without an account.
    pub(super) user: Option<OwnedUserId>,
    /// The device whose token was shown.
    pub(super) device: Option<OwnedDeviceId>,
    /// Whether the caller counts as a guest.
    pub(super) guest: bool,
    /// Whether the caller is a user who was a guest once.
    pub(super) was_guest: bool,
    administrator: bool,
}

impl Caller {
    /// Somebody who shows no token where none is needed.
    const ANYONE: Self =
        Self { user: None, device: None, guest: false, was_guest: false, administrator: false };

    fn holder_of(account: &Account, token: &Token, known_by: KnownBy) -> Self {
        Self {
            user: Some(account.user_id.clone()),
            device: Some(token.device.clone()),
            guest: account.counts_as_guest(known_by) || token.as_guest,
            was_guest: account.was_guest,
            administrator: account.administrator,
        }
    }

    /// Whether the caller's user id is this.
    pub(super) fn is(&self, user: &UserId) -> bool {
        self.user.as_deref() == Some(user)
    }

    /// In whose name the caller sends: its own, or nobody's in particular.
    pub(super) fn sender(&self) -> OwnedUserId {
        self.user
            .clone()
            .unwrap_or_else(|| user_id("nobody-in-particular").expect("this is a local part"))
    }

    /// The caller's membership of `room` now.
    pub(super) fn membership(&self, room: &Room) -> Membership {
        self.user.as_deref().map_or(Membership::Never, |user| room.membership(user))
    }
}

/// What a call is, as far as its being allowed at all depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    endpoint: EndpointId,
    room: Option<&'a RoomId>,
    event_type: &'a str,
    key: &'a str,
}

impl<'a> Call<'a> {
    /// A call that is about no room. Until they are named, the type of what it sends and the key
    /// of what it changes are those that a list may be limited to.
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
    /// Whether `endpoint` may be called, by these credentials and about this room: all that there
    /// is to say of an endpoint that the rules do not speak of otherwise.
    ///
    /// # Errors
    /// The refusal, if it may not.
    pub fn call(
        &self,
        with: &Credentials<'_>,
        endpoint: EndpointId,
        room: Option<&RoomId>,
    ) -> Answer<()> {
        self.admit(with, Call { room, ..Call::to(endpoint) })?;
        Ok(Granted::new(OPEN, ()))
    }

    /// The first two checks of every call: who is calling, and is the endpoint open to them.
    pub(super) fn admit(&self, with: &Credentials<'_>, call: Call<'_>) -> Result<Caller, Refusal> {
        let caller = match call.endpoint.get().auth {
            // Reading A19: a guest may too, whatever token comes with the call.
            // CS-3: A user may call an endpoint that requires no token without one.
            Auth::None => return Ok(Caller::ANYONE),
            Auth::Optional if with.token.is_none() => return Ok(Caller::ANYONE),
            Auth::User | Auth::Optional | Auth::Other => self.authenticate(with)?,
            Auth::AppService => {
                self.authenticate(with)?;
                return Err(Refusal::forbidden(&[], "only application services may call this"));
            }
        };
        self.consult_the_list(&caller, call)?;
        Ok(caller)
    }

    fn authenticate(&self, with: &Credentials<'_>) -> Result<Caller, Refusal> {
        let choices = self.choices();
        let Some(text) = with.token else {
            // CS-1: A call without a token, where one is required, is refused with 401 and
            // `M_MISSING_TOKEN`.
            return match choices.missing_token {
                MissingToken::Refused => Err(Refusal::new(
                    401,
                    ErrCode::MissingToken,
                    &["CS-1"],
                    "no access token was given",
                )),
                MissingToken::ServedAsGuest => Ok(Caller { guest: true, ..Caller::ANYONE }),
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
            let named = with.user_id.and_then(|user| self.accounts.get(user));
            if let Some(named) = named {
                return Ok(Caller::holder_of(named, token, choices.known_by));
            }
        }
        Ok(caller)
    }

    /// The allow-list, which binds guests.
    fn consult_the_list(&self, caller: &Caller, call: Call<'_>) -> Result<(), Refusal> {
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
            Access::Open(conditions) => self.all_hold(conditions, caller, call),
        };
        match self.choices().unlisted {
            Unlisted::Refused if !open => Err(self.unlisted()),
            Unlisted::Refused | Unlisted::Served => Ok(()),
        }
    }

    /// The refusal of a guest's call to what is not on the list.
    pub(super) fn unlisted(&self) -> Refusal {
        let because = "the call is not among those that guests may make";
        // CS-34: A server may refuse a guest with `M_GUEST_ACCESS_FORBIDDEN` where a room or
        // resource does not permit guests.
        match self.choices().unlisted_errcode {
            UnlistedErrcode::GuestAccessForbidden => {
                Refusal::of_guests(&["GA-3", "CS-34"], because)
            }
            UnlistedErrcode::Forbidden => Refusal::forbidden(&["GA-3"], because),
        }
    }

    fn all_hold(&self, conditions: Conditions, caller: &Caller, call: Call<'_>) -> bool {
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
        ALLOWED, FORBIDDEN, NOT_FOR_GUESTS, World, endpoint, latest, verdict,
    };
    use super::*;

    const LOGOUT: &str = "POST /logout";

    fn call(world: &World, with: &Credentials<'_>, id: &str) -> (u16, Option<ErrCode>) {
        verdict(world.server.call(with, endpoint(id), Some(&world.room)))
    }

    #[test]
    fn a_guest_calls_what_is_listed_and_nothing_else() {
        let mut world = World::new();
        let guest = world.guest();
        assert_eq!(call(&world, &guest.with(), "GET /sync"), ALLOWED);
        assert_eq!(call(&world, &guest.with(), LOGOUT), NOT_FOR_GUESTS);
        assert_eq!(call(&world, &world.moderator.with(), LOGOUT), ALLOWED);
    }

    #[test]
    fn what_needs_no_token_is_open_whatever_token_comes_with_the_call() {
        let mut world = World::new();
        let guest = world.guest();
        for with in [Credentials::NONE, guest.with(), Credentials::token("made-up")] {
            assert_eq!(call(&world, &with, "GET /login"), ALLOWED);
        }
        assert_eq!(call(&world, &Credentials::NONE, "GET /versions"), ALLOWED);
        assert_eq!(call(&world, &guest.with(), "GET /versions"), NOT_FOR_GUESTS);
    }

    #[test]
    fn a_missing_token_and_one_that_is_not_live_are_told_apart() {
        let mut world = World::new();
        let guest = world.guest();
        let missing = (401, Some(ErrCode::MissingToken));
        let unknown = (401, Some(ErrCode::UnknownToken));
        assert_eq!(call(&world, &Credentials::NONE, "GET /sync"), missing);
        world.server.end_tokens(&guest.user_id);
        assert_eq!(call(&world, &guest.with(), "GET /sync"), unknown);
        assert_eq!(call(&world, &guest.with(), LOGOUT), unknown);
    }

    #[test]
    fn the_endpoints_of_application_services_deny_every_user_alike() {
        let mut world = World::new();
        let guest = world.guest();
        let ping = "POST /appservice/{appserviceId}/ping";
        assert_eq!(call(&world, &guest.with(), ping), FORBIDDEN);
        assert_eq!(call(&world, &world.moderator.with(), ping), FORBIDDEN);
    }

    #[test]
    fn who_is_named_in_the_query_is_ignored_unless_that_is_honoured() {
        for (options, verdict) in
            [(&[][..], NOT_FOR_GUESTS), (&[("authentication.masquerade", "honoured")][..], ALLOWED)]
        {
            let mut world = World::under(latest(options));
            let guest = world.guest();
            let user_id = Some(&*world.moderator.user_id);
            let with = Credentials { user_id, ..guest.with() };
            assert_eq!(call(&world, &with, LOGOUT), verdict);
        }
    }

    #[test]
    fn a_condition_that_does_not_hold_refuses_like_an_unlisted_endpoint() {
        let id = "GET /rooms/{roomId}/messages";
        let mut profile = latest(&[]);
        let condition = Conditions::NONE.with(Condition::WorldReadableRoom);
        profile.set_access(endpoint(id), Access::Open(condition));
        let mut world = World::under(profile);
        let guest = world.guest();
        assert_eq!(call(&world, &guest.with(), id), NOT_FOR_GUESTS);
        world.set_visibility("world_readable");
        assert_eq!(call(&world, &guest.with(), id), ALLOWED);
    }

    #[test]
    fn who_has_no_password_is_a_guest_where_guests_are_known_by_that() {
        let mut world = World::under(latest(&[("registration.known_by", "no_password")]));
        let user = world.server.sign_on("user").unwrap().response;
        let token = user.access_token.unwrap();
        assert_eq!(call(&world, &Credentials::token(&token), LOGOUT), NOT_FOR_GUESTS);
        assert_eq!(call(&world, &world.moderator.with(), LOGOUT), ALLOWED);
    }
}
