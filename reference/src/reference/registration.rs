//! The registration of guests and of users.

use std::sync::Arc;

use guest_access_rules::decision_point::{
    FirstGuest, OldToken, RegistrationGuests, RegistrationParameters, TakenErrcode,
    UpgradeMemberships, UserIds,
};
use guest_access_rules::vocabulary::{Decision, ErrCode, Membership};
use ruma::api::client::account::register::RegistrationKind;
use ruma::api::client::account::register::v3::{Request, Response};
use ruma::{OwnedUserId, UserId};

use super::Reference;
use super::accounts::{Account, AccountKind, Password, user_id};
use super::answer::{AllowedResponse, Answer, Refusal};

impl Reference {
    /// `POST /register`.
    ///
    /// # Errors
    /// The refusal, if the server registers no account.
    pub fn register(&mut self, request: &Request) -> Answer<Response> {
        // RG-1: The kind of account to register is given by `kind`, which is `guest` or `user`, and
        // `user` if not given.
        if request.kind == RegistrationKind::Guest {
            return self.register_guest(request);
        }
        match &request.guest_access_token {
            // GA-32: A guest may upgrade to a full account by registering in the ordinary way with
            // its own token in `guest_access_token`.
            Some(token) => self.upgrade(request, token),
            None => self.register_user(request),
        }
    }

    /// Registers a user without a password, who signs in with an identity provider.
    ///
    /// # Errors
    /// The refusal, if the user id is taken.
    pub fn register_without_password(&mut self, localpart: &str) -> Answer<Response> {
        let mut request = Request::new();
        request.username = Some(localpart.to_owned());
        self.register_user(&request)
    }

    // DR-1: A server may give short-lived access to rooms to users who have no fully registered
    // account.
    // GA-1: A client may obtain a guest account and its access token by registering with `kind` set
    // to `guest`.
    fn register_guest(&mut self, request: &Request) -> Answer<Response> {
        // GA-4: A server may refuse guest access altogether to its own users.
        // RG-4: A server may leave accounts of kind `guest` unsupported.
        // RG-12: A server that does not permit accounts of the kind asked for answers 403, for
        // instance with `M_FORBIDDEN`.
        if self.choices().registration_guests == RegistrationGuests::Closed {
            return Err(Refusal::forbidden(
                &["RG-12", "GA-4"],
                "the server does not register guests",
            ));
        }
        // RG-9: The registration of a guest does not use interactive authentication.
        // RG-10: The registration of a guest ignores every parameter of its body but
        // `initial_device_display_name`.
        // RG-11: The server picks the device id of a guest account, whatever the body asks for.
        let (name, device) = match self.choices().registration_parameters {
            RegistrationParameters::Ignored => (None, None),
            RegistrationParameters::Honoured => {
                (request.username.as_deref(), request.device_id.clone())
            }
        };
        let user = match name {
            Some(name) => self.unused_user_id(name)?,
            None => Arc::make_mut(&mut self.accounts).generate_user_id(&self.name),
        };
        let first = !self.accounts.iter().any(|account| account.is_guest() || account.was_guest);
        let mut account = Account::new(user, AccountKind::Guest);
        account.administrator = first && self.choices().first_guest == FirstGuest::Administrator;
        let mut effective = Request::new();
        effective.device_id = device;
        effective.initial_device_display_name.clone_from(&request.initial_device_display_name);
        let response = self.open_account(account, &effective);
        let decision = Decision::allow(&["GA-1", "RG-5"], "anyone may register as a guest");
        Ok(AllowedResponse::new(decision, response))
    }

    pub(super) fn register_user(&mut self, request: &Request) -> Answer<Response> {
        let user = match &request.username {
            Some(name) => {
                // RG-7: A registration whose desired user id is taken is refused with
                // `M_USER_IN_USE`.
                let taken_by = user_id(name, &self.name).and_then(|user| self.accounts.get(&user));
                if let Some(guest) = taken_by.filter(|account| account.is_guest())
                    && self.choices().user_ids == UserIds::Colliding
                {
                    let user = guest.user_id.clone();
                    let response = self.upgrade_to_user(&user, request.password.as_deref());
                    let decision = Decision::allow(&[], "a guest's user id is there to be taken");
                    return Ok(AllowedResponse::new(decision, response));
                }
                self.unused_user_id(name)?
            }
            // RG-6: A server makes up the local part of the user id when no `username` is given.
            None => Arc::make_mut(&mut self.accounts).generate_user_id(&self.name),
        };
        let kind =
            if request.password.is_some() { AccountKind::User } else { AccountKind::SingleSignOn };
        let response = self.open_account(Account::new(user, kind), request);
        Ok(AllowedResponse::new(Decision::allow(&["RG-5"], "the user id is free"), response))
    }

    /// The user id with this local part, if no account has this user id.
    pub(super) fn unused_user_id(&self, localpart: &str) -> Result<OwnedUserId, Refusal> {
        let is_valid = |user: &OwnedUserId| !localpart.is_empty() && user.validate_strict().is_ok();
        let user = user_id(localpart, &self.name).filter(is_valid).ok_or(Refusal::new(
            400,
            ErrCode::InvalidUsername,
            &[],
            "the local part cannot be part of a user id",
        ))?;
        if self.accounts.get(&user).is_some() {
            return Err(self.name_is_taken());
        }
        Ok(user)
    }

    /// The refusal of a registration that asks for the user id of another account.
    pub(super) fn name_is_taken(&self) -> Refusal {
        // Reading A64: with which code.
        let errcode = match self.choices().taken_errcode {
            TakenErrcode::UserInUse => ErrCode::UserInUse,
            TakenErrcode::InvalidUsername => ErrCode::InvalidUsername,
            TakenErrcode::Exclusive => ErrCode::Exclusive,
        };
        Refusal::new(400, errcode, &["RG-7"], "the user id is taken")
    }

    pub(super) fn open_account(&mut self, mut account: Account, request: &Request) -> Response {
        let accounts = Arc::make_mut(&mut self.accounts);
        let user = account.user_id.clone();
        account.password = request.password.as_deref().map(Password::new);
        accounts.add(account);
        let mut response = Response::new(user.clone());
        if request.inhibit_login {
            return response;
        }
        // RG-5: A successful registration issues an access token with which the client makes its
        // later calls.
        // RG-8: The token that registration issues belongs to the device of that registration.
        let device = request.device_id.clone().unwrap_or_else(|| accounts.generate_device_id());
        response.access_token = Some(accounts.issue(&user, device.clone()));
        if let Some(name) = &request.initial_device_display_name {
            accounts.name_device(&user, &device, name);
        }
        response.device_id = Some(device);
        response
    }

    /// Upgrades the guest with this user id. The user keeps the device of the guest, and gets a new token.
    pub(super) fn upgrade_to_user(&mut self, user: &UserId, password: Option<&str>) -> Response {
        if self.choices().upgrade_memberships == UpgradeMemberships::Left {
            self.leave_everywhere(user);
        }
        let old_token = self.choices().old_token;
        let accounts = Arc::make_mut(&mut self.accounts);
        let mut device = None;
        if let Some(account) = accounts.get_mut(user) {
            account.kind = AccountKind::User;
            account.was_guest = true;
            account.password = password.map(Password::new);
            inherit_tokens(account, old_token);
            device = account.tokens.last().map(|token| token.device.clone());
        }
        let device = device.unwrap_or_else(|| accounts.generate_device_id());
        let mut response = Response::new(user.to_owned());
        response.access_token = Some(accounts.issue(user, device.clone()));
        response.device_id = Some(device);
        response
    }

    pub(super) fn leave_everywhere(&mut self, user: &UserId) {
        let rooms: Vec<_> = self
            .rooms()
            .filter(|room| {
                let membership = room.membership(user);
                matches!(membership, Membership::Join | Membership::Invite | Membership::Knock)
            })
            .map(|room| room.id.clone())
            .collect();
        for room in rooms {
            self.set_membership(&room, user, user, Membership::Leave);
        }
    }
}

/// Ends or keeps the tokens of a guest at the upgrade. A kept token has the same device as the new token,
/// and ends with the new token.
pub(super) fn inherit_tokens(account: &mut Account, old_token: OldToken) {
    // Reading A1: the guest token ends.
    for token in &mut account.tokens {
        token.live = old_token != OldToken::Ended;
        token.as_guest = old_token == OldToken::KeptAsGuest;
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::ErrCode;

    use super::super::fixture::{FORBIDDEN, Fixture, latest, status_and_errcode};
    use super::*;

    fn guest_named(fixture: &mut Fixture, name: &str) -> Answer<Response> {
        let mut request = Request::new();
        request.kind = RegistrationKind::Guest;
        request.username = Some(name.to_owned());
        request.device_id = Some("MINE".into());
        request.initial_device_display_name = Some("a phone".to_owned());
        fixture.server.register(&request)
    }

    #[test]
    fn the_server_chooses_the_user_id_and_the_device_of_a_guest() {
        let mut fixture = Fixture::new();
        let response = guest_named(&mut fixture, "alice").unwrap().response;
        assert_eq!(response.user_id.as_str(), "@1:reference.test");
        let device = response.device_id.unwrap();
        assert_ne!(device, "MINE");
        let account = fixture.server.account(&response.user_id).unwrap();
        assert_eq!(account.devices[&device].display_name.as_deref(), Some("a phone"));
    }

    #[test]
    fn a_guest_gets_what_it_asked_for_where_parameters_are_honoured() {
        let mut fixture = Fixture::with_profile(latest(&[("registration.parameters", "honoured")]));
        let response = guest_named(&mut fixture, "alice").unwrap().response;
        assert_eq!(response.user_id.as_str(), "@alice:reference.test");
    }

    #[test]
    fn no_guest_is_registered_where_that_is_closed() {
        let mut fixture = Fixture::with_profile(latest(&[("registration.guests", "closed")]));
        assert_eq!(status_and_errcode(guest_named(&mut fixture, "alice")), FORBIDDEN);
    }

    #[test]
    fn a_guests_id_is_taken_for_who_registers_in_the_ordinary_way() {
        for (options, status) in
            [(&[][..], 400), (&[("registration.user_ids", "colliding")][..], 200)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            let mut request = Request::new();
            request.username = Some(guest.user_id.localpart().to_owned());
            let (got, errcode) = status_and_errcode(fixture.server.register(&request));
            assert_eq!(got, status);
            assert_eq!(errcode, (status == 400).then_some(ErrCode::UserInUse));
        }
    }

    #[test]
    fn a_user_id_outside_of_the_grammar_is_refused() {
        let mut fixture = Fixture::new();
        let too_long = "a".repeat(255);
        for name in ["", "Alice", "al ice", "ali:ce", "älice", "alice#", &too_long] {
            let mut request = Request::new();
            request.username = Some(name.to_owned());
            let answer = status_and_errcode(fixture.server.register(&request));
            assert_eq!(answer, (400, Some(ErrCode::InvalidUsername)), "{name}");
        }
        for name in ["alice", "a.l=i-c_e/1"] {
            let mut request = Request::new();
            request.username = Some(name.to_owned());
            assert_eq!(status_and_errcode(fixture.server.register(&request)).0, 200, "{name}");
        }
    }

    #[test]
    fn a_guests_id_is_refused_with_the_code_of_the_profile() {
        for (option, expected) in [
            ("M_USER_IN_USE", ErrCode::UserInUse),
            ("M_INVALID_USERNAME", ErrCode::InvalidUsername),
            ("M_EXCLUSIVE", ErrCode::Exclusive),
        ] {
            let mut fixture =
                Fixture::with_profile(latest(&[("registration.taken_errcode", option)]));
            let guest = fixture.guest();
            let mut request = Request::new();
            request.username = Some(guest.user_id.localpart().to_owned());
            let answer = fixture.server.register(&request);
            assert_eq!(status_and_errcode(answer), (400, Some(expected)));
        }
    }
}
