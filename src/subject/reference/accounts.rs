//! The steps that make and change accounts, as calls.

use std::sync::Arc;

use guest_access_model::action::{Actor, Answer as Held, Observation, ProfileKey, Upgrade};
use guest_access_rules::decision_point::FirstGuest;
use ruma::api::client::account::register;
use ruma::api::client::account::register::RegistrationKind;
use ruma::api::client::profile::set_profile_field;
use ruma::profile::ProfileFieldValue;
use ruma::{OwnedUserId, UserId};

use super::people::{MADE_UP_TOKEN, Person};
use super::{ReferenceSubject, cannot_happen, observe, observe_only};
use crate::reference::{Credentials, SERVER_NAME};

/// The names that the guests ask for, by number.
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

impl ReferenceSubject {
    pub(super) fn register(&mut self, by: Actor, named: bool) -> Observation {
        let Actor::Guest(number) = by else {
            return cannot_happen();
        };
        let number = usize::from(number);
        let (Some(name), Some(None)) = (NAMES.get(number), self.people.guests.get(number)) else {
            return cannot_happen();
        };
        let mut request = register::v3::Request::new();
        request.kind = RegistrationKind::Guest;
        request.username = named.then(|| (*name).to_owned());
        let answer = self.reference.register(&request);
        if let Ok(granted) = &answer {
            let person = Person::registered(granted.response.clone());
            // The first guest is the one with number 0, whichever registers first.
            let administrators = self.reference.profile().choices.first_guest;
            let administrator = administrators == FirstGuest::Administrator && number == 0;
            self.reference.set_administrator(&person.user_id, administrator);
            Arc::make_mut(&mut self.people).guests[number] = Some(person);
        }
        observe(answer, |response| {
            if named { Held::Named(response.user_id.localpart() == *name) } else { Held::Nothing }
        })
    }

    pub(super) fn upgrade(&mut self, upgrade: Upgrade) -> Observation {
        let people = Arc::clone(&self.people);
        let token = |guest| people.guest(guest).map(|guest| guest.token.clone());
        let (of, token) = match upgrade {
            Upgrade::Own(guest) | Upgrade::OtherName(guest) => (guest, token(guest)),
            Upgrade::OthersToken { of, with } => (of, token(with)),
            Upgrade::MadeUpToken(guest) => (guest, Some(MADE_UP_TOKEN.to_owned())),
        };
        let (Some(guest), Some(token)) = (people.guest(of), token) else {
            return cannot_happen();
        };
        let name = match upgrade {
            Upgrade::OtherName(_) => self.nobodys_name(),
            _ => guest.user_id.localpart().to_owned(),
        };
        self.become_user(of, Some(name), Some(token))
    }

    /// An ordinary registration that asks for `name`, with which `guest` may become a user.
    pub(super) fn become_user(
        &mut self,
        guest: u8,
        name: Option<String>,
        token: Option<String>,
    ) -> Observation {
        let (Some(person), Some(name)) = (self.people.guest(guest).cloned(), name) else {
            return cannot_happen();
        };
        let mut request = register::v3::Request::new();
        request.username = Some(name);
        request.password = Some("password".to_owned());
        request.guest_access_token = token;
        let answer = self.reference.register(&request);
        if let Ok(granted) = &answer {
            let response = granted.response.clone();
            // A registration under another name is the guest's only if it took the guest's place.
            let replaced = self.reference.account(&person.user_id).is_none();
            if replaced || response.user_id == person.user_id {
                let place = &mut Arc::make_mut(&mut self.people).guests[usize::from(guest)];
                *place = Some(person.upgraded(response));
            }
        }
        observe_only(answer)
    }

    /// A local part that nobody has.
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
