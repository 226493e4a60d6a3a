//! Login to an account with a password, and logout of all devices.

use std::sync::Arc;

use guest_access_rules::vocabulary::{Decision, ErrCode};
use ruma::api::client::session::get_login_types::v3::{LoginType, PasswordLoginType};
use ruma::api::client::session::login::v3::{LoginInfo, Password};
use ruma::api::client::session::{get_login_types, login, logout_all};
use ruma::api::client::uiaa::UserIdentifier;
use ruma::{OwnedUserId, ServerName, UserId};

use super::Reference;
use super::accounts::user_id;
use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::authorisation::EndpointCall;
use super::endpoints::ENDPOINTS;

const UNKNOWN_LOGIN_TYPE: Refusal =
    Refusal::new(400, ErrCode::Unknown, &[], "the only type of login is `m.login.password`");
const WRONG_PASSWORD: Refusal = Refusal::forbidden(&[], "no user has this name and this password");

impl Reference {
    /// `GET /login`.
    ///
    /// # Errors
    /// None.
    pub fn login_types(
        &self,
        _: &get_login_types::v3::Request,
    ) -> Answer<get_login_types::v3::Response> {
        let password = LoginType::Password(PasswordLoginType::new());
        Ok(AllowedResponse::new(OPEN, get_login_types::v3::Response::new(vec![password])))
    }

    /// `POST /login`.
    ///
    /// # Errors
    /// The refusal, if nobody is logged in.
    pub fn log_in(
        &mut self,
        credentials: &Credentials<'_>,
        request: &login::v3::Request,
    ) -> Answer<login::v3::Response> {
        self.admit(credentials, EndpointCall::to(ENDPOINTS.log_in))?;
        let LoginInfo::Password(login) = &request.login_info else {
            return Err(UNKNOWN_LOGIN_TYPE);
        };
        let user = user_of(login, self.name()).ok_or(WRONG_PASSWORD)?;
        let accounts = Arc::make_mut(&mut self.accounts);
        let account = accounts.get_mut(&user).ok_or(WRONG_PASSWORD)?;
        if !account.password.as_ref().is_some_and(|password| password.is(&login.password)) {
            return Err(WRONG_PASSWORD);
        }
        let device = match &request.device_id {
            Some(device) => device.clone(),
            None => accounts.generate_device_id(),
        };
        let token = accounts.issue(&user, device.clone());
        if let Some(name) = &request.initial_device_display_name {
            accounts.name_device(&user, &device, name);
        }
        let decision = Decision::allow(&["RG-5"], "the password is the account's");
        Ok(AllowedResponse::new(decision, login::v3::Response::new(user, token, device)))
    }

    /// `POST /logout/all`.
    ///
    /// # Errors
    /// The refusal, if no token ends.
    pub fn log_out_everywhere(
        &mut self,
        credentials: &Credentials<'_>,
        _: &logout_all::v3::Request,
    ) -> Answer<logout_all::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.log_out_all))?;
        if let Some(user) = &caller.user
            && let Some(account) = Arc::make_mut(&mut self.accounts).get_mut(user)
        {
            account.end_every_device();
        }
        let decision = Decision::allow(&["CS-4"], "the caller ends sessions of its own");
        Ok(AllowedResponse::new(decision, logout_all::v3::Response::new()))
    }
}

/// The user of a login, given as a user id or as a local part.
fn user_of(login: &Password, server: &ServerName) -> Option<OwnedUserId> {
    #[expect(deprecated, reason = "clients of the first revisions name the user so")]
    let name = match &login.identifier {
        Some(UserIdentifier::Matrix(identifier)) => Some(&identifier.user),
        Some(_) => None,
        None => login.user.as_ref(),
    };
    let name = name?;
    UserId::parse(name).ok().or_else(|| user_id(name, server))
}

#[cfg(test)]
mod tests {
    use ruma::api::client::uiaa::MatrixUserIdentifier;

    use super::super::fixture::{ALLOWED, FORBIDDEN, Fixture, status_and_errcode};
    use super::*;

    fn log_in(fixture: &mut Fixture, user: &str, password: &str) -> Answer<login::v3::Response> {
        let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(user.to_owned()));
        let login_info = LoginInfo::Password(Password::new(user, password.to_owned()));
        fixture.server.log_in(&Credentials::NONE, &login::v3::Request::new(login_info))
    }

    #[test]
    fn a_user_logs_in_by_user_id_or_by_local_part() {
        let mut fixture = Fixture::new();
        for name in ["moderator", "@moderator:reference.test"] {
            let token = log_in(&mut fixture, name, "password").unwrap().response.access_token;
            let whoami = ruma::api::client::account::whoami::v3::Request::new();
            let answer = fixture.server.whoami(&Credentials::token(&token), &whoami);
            assert_eq!(answer.unwrap().response.user_id, fixture.moderator.user_id);
        }
    }

    #[test]
    fn login_needs_an_account_with_a_password_and_that_password() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        fixture.server.register_without_password("elsewhere").unwrap();
        for (name, password) in [
            ("moderator", "wrong"),
            ("nobody", "password"),
            (guest.user_id.as_str(), ""),
            ("elsewhere", ""),
        ] {
            assert_eq!(
                status_and_errcode(log_in(&mut fixture, name, password)),
                FORBIDDEN,
                "{name}"
            );
        }
    }

    #[test]
    fn after_deactivation_there_is_no_way_to_log_in_again() {
        let mut fixture = Fixture::new();
        let credentials = fixture.moderator.token.clone();
        let request = ruma::api::client::account::deactivate::v3::Request::new();
        fixture.server.deactivate(&Credentials::token(&credentials), &request).unwrap();
        assert_eq!(status_and_errcode(log_in(&mut fixture, "moderator", "password")), FORBIDDEN);
    }

    #[test]
    fn logging_out_everywhere_ends_every_token() {
        let mut fixture = Fixture::new();
        let other = log_in(&mut fixture, "moderator", "password").unwrap().response.access_token;
        let request = logout_all::v3::Request::new();
        let credentials = fixture.moderator.credentials();
        assert_eq!(
            status_and_errcode(fixture.server.log_out_everywhere(&credentials, &request)),
            ALLOWED
        );
        for token in [fixture.moderator.token.as_str(), other.as_str()] {
            let whoami = ruma::api::client::account::whoami::v3::Request::new();
            assert!(fixture.server.whoami(&Credentials::token(token), &whoami).is_err());
        }
    }
}
