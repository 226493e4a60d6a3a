//! Logging in again, to an account that has a password.

use std::sync::Arc;

use guest_access_rules::vocabulary::{Decision, ErrCode};
use ruma::api::client::session::get_login_types::v3::{LoginType, PasswordLoginType};
use ruma::api::client::session::login::v3::{LoginInfo, Password};
use ruma::api::client::session::{get_login_types, login, logout_all};
use ruma::api::client::uiaa::UserIdentifier;
use ruma::{OwnedUserId, UserId};

use super::Reference;
use super::accounts::user_id;
use super::answer::{Answer, Credentials, Granted, OPEN, Refusal};
use super::authorisation::Call;
use super::endpoints::ENDPOINTS;

const ANOTHER_TYPE: Refusal =
    Refusal::new(400, ErrCode::Unknown, &[], "the only type of login is `m.login.password`");
const WRONG: Refusal = Refusal::forbidden(&[], "there is no such user, or not with this password");

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
        Ok(Granted::new(OPEN, get_login_types::v3::Response::new(vec![password])))
    }

    /// `POST /login`.
    ///
    /// # Errors
    /// The refusal, if nobody is logged in.
    pub fn log_in(
        &mut self,
        with: &Credentials<'_>,
        request: &login::v3::Request,
    ) -> Answer<login::v3::Response> {
        self.admit(with, Call::to(ENDPOINTS.log_in))?;
        let LoginInfo::Password(shown) = &request.login_info else {
            return Err(ANOTHER_TYPE);
        };
        let user = named(shown).ok_or(WRONG)?;
        let accounts = Arc::make_mut(&mut self.accounts);
        let account = accounts.get_mut(&user).ok_or(WRONG)?;
        if !account.password.as_ref().is_some_and(|password| password.is(&shown.password)) {
            return Err(WRONG);
        }
        let device = match &request.device_id {
            Some(device) => device.clone(),
            None => accounts.make_up_device_id(),
        };
        let token = accounts.issue(&user, device.clone());
        if let Some(name) = &request.initial_device_display_name {
            accounts.name_device(&user, &device, name);
        }
        let decision = Decision::allow(&["RG-5"], "the password is the account's");
        Ok(Granted::new(decision, login::v3::Response::new(user, token, device)))
    }

    /// `POST /logout/all`.
    ///
    /// # Errors
    /// The refusal, if the tokens live on.
    pub fn log_out_everywhere(
        &mut self,
        with: &Credentials<'_>,
        _: &logout_all::v3::Request,
    ) -> Answer<logout_all::v3::Response> {
        let caller = self.admit(with, Call::to(ENDPOINTS.log_out_all))?;
        if let Some(user) = &caller.user
            && let Some(account) = Arc::make_mut(&mut self.accounts).get_mut(user)
        {
            account.end_every_device();
        }
        let decision = Decision::allow(&["CS-4"], "the caller ends sessions of its own");
        Ok(Granted::new(decision, logout_all::v3::Response::new()))
    }
}

/// Whom a login names, by a whole user id or a local part.
fn named(shown: &Password) -> Option<OwnedUserId> {
    #[expect(deprecated, reason = "clients of the first revisions name the user so")]
    let name = match &shown.identifier {
        Some(UserIdentifier::Matrix(identifier)) => Some(&identifier.user),
        Some(_) => None,
        None => shown.user.as_ref(),
    };
    let name = name?;
    UserId::parse(name).ok().or_else(|| user_id(name))
}

#[cfg(test)]
mod tests {
    use ruma::api::client::uiaa::MatrixUserIdentifier;

    use super::super::fixture::{ALLOWED, FORBIDDEN, World, verdict};
    use super::*;

    fn log_in(world: &mut World, user: &str, password: &str) -> Answer<login::v3::Response> {
        let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(user.to_owned()));
        let shown = LoginInfo::Password(Password::new(user, password.to_owned()));
        world.server.log_in(&Credentials::NONE, &login::v3::Request::new(shown))
    }

    #[test]
    fn a_user_logs_in_by_its_whole_id_or_its_local_part_and_the_token_works() {
        let mut world = World::new();
        for name in ["moderator", "@moderator:reference.test"] {
            let token = log_in(&mut world, name, "password").unwrap().response.access_token;
            let whoami = ruma::api::client::account::whoami::v3::Request::new();
            let answer = world.server.whoami(&Credentials::token(&token), &whoami);
            assert_eq!(answer.unwrap().response.user_id, world.moderator.user_id);
        }
    }

    #[test]
    fn nobody_logs_in_with_a_wrong_password_or_to_an_account_without_one() {
        let mut world = World::new();
        let guest = world.guest();
        world.server.sign_on("elsewhere").unwrap();
        for (name, password) in [
            ("moderator", "wrong"),
            ("nobody", "password"),
            (guest.user_id.as_str(), ""),
            ("elsewhere", ""),
        ] {
            assert_eq!(verdict(log_in(&mut world, name, password)), FORBIDDEN, "{name}");
        }
    }

    #[test]
    fn after_deactivation_there_is_no_way_to_log_in_again() {
        let mut world = World::new();
        let with = world.moderator.token.clone();
        let request = ruma::api::client::account::deactivate::v3::Request::new();
        world.server.deactivate(&Credentials::token(&with), &request).unwrap();
        assert_eq!(verdict(log_in(&mut world, "moderator", "password")), FORBIDDEN);
    }

    #[test]
    fn logging_out_everywhere_ends_every_token() {
        let mut world = World::new();
        let other = log_in(&mut world, "moderator", "password").unwrap().response.access_token;
        let request = logout_all::v3::Request::new();
        let with = world.moderator.with();
        assert_eq!(verdict(world.server.log_out_everywhere(&with, &request)), ALLOWED);
        for token in [world.moderator.token.as_str(), other.as_str()] {
            let whoami = ruma::api::client::account::whoami::v3::Request::new();
            assert!(world.server.whoami(&Credentials::token(token), &whoami).is_err());
        }
    }
}
