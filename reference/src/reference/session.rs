//! `whoami`, the end of a session, and the end of an account.

use std::sync::Arc;

use guest_access_rules::decision_point::{DeactivationMemberships, RegistrationFlag, Whoami};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::Decision;
use ruma::UserId;
use ruma::api::client::account::{ThirdPartyIdRemovalStatus, deactivate, whoami};
use ruma::api::client::session::logout;

use super::Reference;
use super::accounts::{Account, AccountKind};
use super::answer::{AllowedResponse, Answer, Credentials};
use super::authorisation::EndpointCall;

impl Reference {
    /// `GET /account/whoami`.
    ///
    /// # Errors
    /// The refusal, if the caller may not call the endpoint.
    pub fn whoami(
        &self,
        credentials: &Credentials<'_>,
        _: &whoami::v3::Request,
    ) -> Answer<whoami::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(KNOWN.whoami))?;
        // CS-39: The answer to `whoami` has `is_guest` true for a guest; absent or false means not
        // a guest.
        let is_guest = match self.choices().whoami {
            Whoami::Truthful => caller.guest,
            Whoami::Never => false,
            Whoami::Always => true,
        };
        let mut response = whoami::v3::Response::new(caller.sender(), is_guest);
        response.device_id = caller.device;
        // GA-44: A guest may call `GET /account/whoami`.
        let decision = Decision::allow(&["GA-44", "CS-39"], "anyone with a token may ask");
        Ok(AllowedResponse::new(decision, response))
    }

    /// `POST /logout`.
    ///
    /// # Errors
    /// The refusal, if the token stays live.
    pub fn log_out(
        &mut self,
        credentials: &Credentials<'_>,
        _: &logout::v3::Request,
    ) -> Answer<logout::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(KNOWN.logout))?;
        // CS-4: Logging out ends the access token with which it was called.
        if let (Some(user), Some(device)) = (&caller.user, &caller.device)
            && let Some(account) = Arc::make_mut(&mut self.accounts).get_mut(user)
        {
            account.end_device(device);
        }
        let decision = Decision::allow(&["CS-4"], "the caller ends a session of its own");
        Ok(AllowedResponse::new(decision, logout::v3::Response::new()))
    }

    /// `POST /account/deactivate`.
    ///
    /// # Errors
    /// The refusal, if the account stays active.
    pub fn deactivate(
        &mut self,
        credentials: &Credentials<'_>,
        request: &deactivate::v3::Request,
    ) -> Answer<deactivate::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(KNOWN.deactivate))?;
        // CS-5: Deactivating an account takes away every way to log in to it again.
        if let Some(user) = &caller.user {
            self.end_tokens(user);
            let now = self.clock;
            if let Some(account) = Arc::make_mut(&mut self.accounts).get_mut(user) {
                account.password = None;
                account.erased = request.erase.then_some(now);
            }
            // Reading A24: the account's memberships stay. Leaving its rooms is permitted too.
            if self.choices().deactivation_memberships == DeactivationMemberships::Left {
                self.leave_everywhere(user);
            }
        }
        let response = deactivate::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport);
        let decision = Decision::allow(&["CS-5"], "the caller ends an account of its own");
        Ok(AllowedResponse::new(decision, response))
    }

    /// Ends every token of `user`, on behalf of the server.
    pub fn end_tokens(&mut self, user: &UserId) {
        if let Some(account) = Arc::make_mut(&mut self.accounts).get_mut(user) {
            account.end_tokens();
        }
    }

    /// Restarts the server. All data are stored, except for the guest flag under one option.
    pub fn restart(&mut self) {
        if self.choices().registration_flag == RegistrationFlag::Stored {
            return;
        }
        for account in Arc::make_mut(&mut self.accounts).iter_mut() {
            if account.is_guest() {
                account.kind = AccountKind::User;
                account.was_guest = true;
            }
        }
    }

    /// The account with this user id.
    pub fn account(&self, user: &UserId) -> Option<&Account> {
        self.accounts.get(user)
    }

    /// The user with this token, live or ended.
    pub fn holder(&self, token: &str) -> Option<&UserId> {
        self.accounts.holder(token).map(|(account, _)| &*account.user_id)
    }

    /// Makes a guest an administrator, or ends that, on behalf of the operator of the server.
    pub fn set_administrator(&mut self, user: &UserId, administrator: bool) {
        if let Some(account) = Arc::make_mut(&mut self.accounts).get_mut(user) {
            account.administrator = administrator;
        }
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::ErrCode;
    use ruma::api::client::room::get_room_event;
    use serde_json::{Value, json};

    use super::super::fixture::{Fixture, TestUser, latest, message, status_and_errcode};
    use super::*;

    fn is_guest(fixture: &Fixture, who: &TestUser) -> bool {
        let request = whoami::v3::Request::new();
        fixture.server.whoami(&who.credentials(), &request).unwrap().response.is_guest
    }

    #[test]
    fn whoami_says_who_is_a_guest() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        assert!(is_guest(&fixture, &guest));
        assert!(!is_guest(&fixture, &fixture.moderator));
    }

    #[test]
    fn logging_out_ends_the_token() {
        let mut fixture = Fixture::new();
        let user = fixture.user("user");
        let request = logout::v3::Request::new();
        fixture.server.log_out(&user.credentials(), &request).unwrap();
        let unknown = (401, Some(ErrCode::UnknownToken));
        assert_eq!(
            status_and_errcode(fixture.server.log_out(&user.credentials(), &request)),
            unknown
        );
    }

    #[test]
    fn deactivation_ends_the_token_and_by_one_reading_memberships() {
        for (option, membership) in [("kept", "join"), ("left", "leave")] {
            let mut fixture =
                Fixture::with_profile(latest(&[("deactivation.memberships", option)]));
            let user = fixture.user("user");
            fixture.join(&user);
            fixture
                .server
                .deactivate(&user.credentials(), &deactivate::v3::Request::new())
                .unwrap();
            assert!(!fixture.server.account(&user.user_id).unwrap().is_live());
            let room = fixture.server.room(&fixture.room).unwrap();
            assert_eq!(room.membership(&user.user_id).as_str(), membership);
        }
    }

    #[test]
    fn an_erased_account_is_hidden_from_who_joins_later() {
        let mut fixture = Fixture::new();
        let [before, erased, after] = ["before", "erased", "after"].map(|name| fixture.user(name));
        fixture.join(&before);
        fixture.join(&erased);
        let content = json!({ "body": "text" });
        let request = message(&fixture.room, "m.room.message", "one", &content);
        let sent = fixture.server.send(&erased.credentials(), &request).unwrap();
        let mut request = deactivate::v3::Request::new();
        request.erase = true;
        fixture.server.deactivate(&erased.credentials(), &request).unwrap();
        fixture.join(&after);
        let request =
            get_room_event::v3::Request::new(fixture.room.clone(), sent.response.event_id.clone());
        for (reader, expected) in [(&before, content), (&after, json!({}))] {
            let given = fixture.server.event(&reader.credentials(), &request).unwrap();
            let given: Value = given.response.event.deserialize_as_unchecked().unwrap();
            assert_eq!(given["content"], expected);
        }
    }

    #[test]
    fn a_restart_forgets_guests_only_without_a_stored_flag() {
        for (options, stays) in
            [(&[][..], true), (&[("registration.flag", "lost_at_restart")][..], false)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            fixture.server.restart();
            assert_eq!(is_guest(&fixture, &guest), stays);
        }
    }
}
