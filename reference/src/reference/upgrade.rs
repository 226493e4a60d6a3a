//! The upgrade of a guest to a full account: a registration with the token of the guest.

use std::sync::Arc;

use guest_access_rules::decision_point::{
    DeadToken, UpgradeOffered, UpgradeToken, UpgradeUsername,
};
use guest_access_rules::vocabulary::{Decision, ErrCode};
use ruma::OwnedUserId;
use ruma::api::client::account::register::v3::{Request, Response};

use super::Reference;
use super::accounts::{Account, AccountKind, user_id};
use super::answer::{AllowedResponse, Answer, Refusal};
use super::registration::inherit_tokens;

impl Reference {
    pub(super) fn upgrade(&mut self, request: &Request, token: &str) -> Answer<Response> {
        let requested = request.username.as_deref();
        let requested = requested.and_then(|name| user_id(name, &self.name));
        let holder = requested.as_ref().and_then(|user| self.accounts.get(user));
        if self.choices().upgrade_offered == UpgradeOffered::NotOffered {
            // RG-7: A registration whose desired user id is taken is refused with `M_USER_IN_USE`.
            if holder.is_some() {
                return Err(self.name_is_taken());
            }
            return self.register_user(request);
        }
        let guest = holder.filter(|account| account.is_guest());
        let target = guest.map(|account| account.user_id.clone());
        let token_holder = self.guest_by_live_token(token);

        // Reading A60: the token is the only proof that the account is the caller's.
        let permitted = match self.choices().upgrade_token {
            UpgradeToken::Own => {
                token_holder.is_some() && (target.is_none() || token_holder == target)
            }
            UpgradeToken::AnyGuest => token_holder.is_some(),
            UpgradeToken::Unchecked => true,
        };
        if !permitted {
            let is_live = self.accounts.holder(token).is_some_and(|(_, token)| token.live);
            match self.choices().dead_token {
                // CS-2: A call with a token that is not live, where one is required, is refused
                // with 401 and `M_UNKNOWN_TOKEN`.
                DeadToken::UnknownToken if !is_live => {
                    let because = "the guest's token is not live";
                    return Err(Refusal::new(401, ErrCode::UnknownToken, &["CS-2"], because));
                }
                DeadToken::UserInUse if !is_live => {
                    let because = "the user id is taken, and the token is not live";
                    return Err(Refusal::new(400, ErrCode::UserInUse, &["RG-7"], because));
                }
                _ => {}
            }
            return Err(Refusal::forbidden(
                &["GA-32"],
                "the guest's token is not live, or not that of the account that is asked for",
            ));
        }
        // GA-33: An upgrade must give `username`, set to the local part of the guest's own user id.
        let Some(target) = target else {
            return self.upgrade_under_another_name(request, token_holder);
        };
        let response = self.upgrade_to_user(&target, request.password.as_deref());
        let decision = Decision::allow(&["GA-32", "GA-33"], "the guest showed its own token");
        Ok(AllowedResponse::new(decision, response))
    }

    fn guest_by_live_token(&self, token: &str) -> Option<OwnedUserId> {
        let (account, token) = self.accounts.holder(token)?;
        (account.is_guest() && token.live).then(|| account.user_id.clone())
    }

    /// Upgrades `guest` with a user name that is not the guest's own.
    fn upgrade_under_another_name(
        &mut self,
        request: &Request,
        guest: Option<OwnedUserId>,
    ) -> Answer<Response> {
        if self.choices().upgrade_username == UpgradeUsername::OwnRequired {
            return Err(Refusal::new(
                400,
                ErrCode::InvalidParam,
                &["GA-33"],
                "the user name is not the guest's own",
            ));
        }
        let user = match &request.username {
            Some(name) => self.unused_user_id(name)?,
            None => Arc::make_mut(&mut self.accounts).generate_user_id(&self.name),
        };
        let old = guest.and_then(|guest| Arc::make_mut(&mut self.accounts).remove(&guest));
        let mut account = Account::new(user, AccountKind::User);
        account.was_guest = old.is_some();
        account.tokens = old.map(|old| old.tokens).unwrap_or_default();
        inherit_tokens(&mut account, self.choices().old_token);
        let mut request = request.clone();
        request.device_id = account.tokens.last().map(|token| token.device.clone());
        let response = self.open_account(account, &request);
        let decision = Decision::allow(&[], "any user name is accepted");
        Ok(AllowedResponse::new(decision, response))
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::ErrCode;

    use super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, TestUser, latest, status_and_errcode,
    };
    use super::*;

    fn upgrade(fixture: &mut Fixture, name: &str, token: &str) -> Answer<Response> {
        let mut request = Request::new();
        request.username = Some(name.to_owned());
        request.guest_access_token = Some(token.to_owned());
        fixture.server.register(&request)
    }

    fn own(fixture: &mut Fixture, guest: &TestUser) -> Answer<Response> {
        let name = guest.user_id.localpart().to_owned();
        upgrade(fixture, &name, &guest.token)
    }

    #[test]
    fn a_guest_with_its_own_token_becomes_a_user_under_its_own_id() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let response = own(&mut fixture, &guest).unwrap().response;
        assert_eq!(response.user_id, guest.user_id);
        let account = fixture.server.account(&guest.user_id).unwrap();
        assert!(!account.is_guest() && account.is_live());
    }

    #[test]
    fn the_old_token_ends_with_the_upgrade() {
        for (options, served) in
            [(&[][..], false), (&[("upgrade.old_token", "kept_as_user")][..], true)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            own(&mut fixture, &guest).unwrap();
            let whoami = ruma::api::client::account::whoami::v3::Request::new();
            assert_eq!(fixture.server.whoami(&guest.credentials(), &whoami).is_ok(), served);
        }
    }

    #[test]
    fn another_guests_token_and_a_made_up_one_upgrade_nobody() {
        let mut fixture = Fixture::new();
        let (guest, other) = (fixture.guest(), fixture.guest());
        let name = guest.user_id.localpart().to_owned();
        assert_eq!(status_and_errcode(upgrade(&mut fixture, &name, &other.token)), FORBIDDEN);
        assert_eq!(status_and_errcode(upgrade(&mut fixture, &name, "made-up")), FORBIDDEN);
        fixture.server.end_tokens(&guest.user_id);
        assert_eq!(status_and_errcode(own(&mut fixture, &guest)), FORBIDDEN);
    }

    #[test]
    fn a_dead_token_is_refused_as_the_profile_says() {
        for (option, expected) in [
            ("M_FORBIDDEN", FORBIDDEN),
            ("M_UNKNOWN_TOKEN", (401, Some(ErrCode::UnknownToken))),
            ("M_USER_IN_USE", (400, Some(ErrCode::UserInUse))),
        ] {
            let mut fixture = Fixture::with_profile(latest(&[("upgrade.dead_token", option)]));
            let (guest, other) = (fixture.guest(), fixture.guest());
            let name = guest.user_id.localpart().to_owned();
            // The option is about tokens that are not live, and not about the tokens of others.
            assert_eq!(status_and_errcode(upgrade(&mut fixture, &name, &other.token)), FORBIDDEN);
            assert_eq!(status_and_errcode(upgrade(&mut fixture, &name, "made-up")), expected);
            fixture.server.end_tokens(&guest.user_id);
            assert_eq!(status_and_errcode(own(&mut fixture, &guest)), expected);
            assert!(fixture.server.account(&guest.user_id).unwrap().is_guest());
        }
    }

    #[test]
    fn another_name_is_refused_or_takes_the_guests_place() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let refused = (400, Some(ErrCode::InvalidParam));
        assert_eq!(status_and_errcode(upgrade(&mut fixture, "free", &guest.token)), refused);

        let mut fixture = Fixture::with_profile(latest(&[("upgrade.username", "any_accepted")]));
        let guest = fixture.guest();
        assert_eq!(status_and_errcode(upgrade(&mut fixture, "free", &guest.token)), ALLOWED);
        assert!(fixture.server.account(&guest.user_id).is_none());
    }

    #[test]
    fn a_name_is_simply_taken_where_upgrades_are_not_offered() {
        let mut fixture = Fixture::with_profile(latest(&[("upgrade.offered", "not_offered")]));
        let guest = fixture.guest();
        let taken = (400, Some(ErrCode::UserInUse));
        assert_eq!(status_and_errcode(own(&mut fixture, &guest)), taken);
        assert_eq!(status_and_errcode(upgrade(&mut fixture, "free", &guest.token)), ALLOWED);
        assert!(fixture.server.account(&guest.user_id).unwrap().is_guest());
    }
}
