//! The calls that create and change accounts.

use std::sync::Arc;

use guest_access_model::action::{
    Actor, Answer as AnswerContent, Observation, ProfileKey, Upgrade,
};
use guest_access_reference::reference::{Credentials, SERVER_NAME};
use guest_access_rules::decision_point::FirstGuest;
use ruma::api::client::account::register;
use ruma::api::client::account::register::RegistrationKind;
use ruma::api::client::profile::set_profile_field;
use ruma::profile::ProfileFieldValue;
use ruma::{OwnedUserId, UserId};

use super::accounts::{MADE_UP_TOKEN, UserAccount};
use super::{ReferenceSubject, cannot_happen, observe, observe_only};

/// The names that the guests ask for, by number.
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

impl ReferenceSubject {
    pub(super) fn register(&mut self, by: Actor, named: bool) -> Observation {
        let Actor::Guest(number) = by else {
            return cannot_happen();
        };
        let number = usize::from(number);
        let (Some(name), Some(None)) = (NAMES.get(number), self.accounts.guests.get(number)) else {
            return cannot_happen();
        };
        let mut request = register::v3::Request::new();
        request.kind = RegistrationKind::Guest;
        request.username = named.then(|| (*name).to_owned());
        let answer = self.reference.register(&request);
        if let Ok(granted) = &answer {
            let account = UserAccount::of_registration(granted.response.clone());
            // The model counts the guest with number 0 as the first, whichever guest registers first.
            let administrators = self.reference.profile().choices.first_guest;
            let administrator = administrators == FirstGuest::Administrator && number == 0;
            self.reference.set_administrator(&account.user_id, administrator);
            Arc::make_mut(&mut self.accounts).guests[number] = Some(account);
        }
        observe(answer, |response| {
            if named {
                AnswerContent::Named(response.user_id.localpart() == *name)
            } else {
                AnswerContent::Nothing
            }
        })
    }

    pub(super) fn upgrade(&mut self, upgrade: Upgrade) -> Observation {
        let accounts = Arc::clone(&self.accounts);
        let token = |guest| accounts.guest(guest).map(|guest| guest.token.clone());
        let (of, token) = match upgrade {
            Upgrade::Own(guest) | Upgrade::OtherName(guest) => (guest, token(guest)),
            Upgrade::OthersToken { of, with } => (of, token(with)),
            Upgrade::MadeUpToken(guest) => (guest, Some(MADE_UP_TOKEN.to_owned())),
        };
        let (Some(guest), Some(token)) = (accounts.guest(of), token) else {
            return cannot_happen();
        };
        let name = match upgrade {
            Upgrade::OtherName(_) => self.nobodys_name(),
            _ => guest.user_id.localpart().to_owned(),
        };
        self.become_user(of, Some(name), Some(token))
    }

    /// Registers an ordinary user with the name `name` by the token of `guest`, so that the guest becomes
    /// that user if the server allows the upgrade.
    pub(super) fn become_user(
        &mut self,
        guest: u8,
        name: Option<String>,
        token: Option<String>,
    ) -> Observation {
        let (Some(account), Some(name)) = (self.accounts.guest(guest).cloned(), name) else {
            return cannot_happen();
        };
        let mut request = register::v3::Request::new();
        request.username = Some(name);
        request.password = Some("password".to_owned());
        request.guest_access_token = token;
        let answer = self.reference.register(&request);
        if let Ok(granted) = &answer {
            let response = granted.response.clone();
            // A user with another user id is the former guest only if the guest's token has ended.
            let replaced = self.reference.account(&account.user_id).is_none();
            if replaced || response.user_id == account.user_id {
                let place = &mut Arc::make_mut(&mut self.accounts).guests[usize::from(guest)];
                *place = Some(account.upgraded(response));
            }
        }
        observe_only(answer)
    }

    /// A localpart that no account has.
    fn nobodys_name(&self) -> String {
        let mut number = 0_u32;
        loop {
            let name = format!("somebody-else-{number}");
            let user = UserId::parse(format!("@{name}:{SERVER_NAME}"));
            if user.is_ok_and(|user| self.reference.account(&user).is_none()) {
                return name;
            }
            number += 1;
        }
    }

    pub(super) fn set_profile(
        &mut self,
        with: &Credentials<'_>,
        user: OwnedUserId,
        key: ProfileKey,
    ) -> Observation {
        let value = match key {
            ProfileKey::DisplayName => ProfileFieldValue::DisplayName("A name".to_owned()),
            ProfileKey::AvatarUrl => ProfileFieldValue::AvatarUrl("mxc://reference.test/0".into()),
        };
        let request = set_profile_field::v3::Request::new(user, value);
        observe_only(self.reference.set_profile_field(with, &request))
    }
}
