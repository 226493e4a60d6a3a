//! Profiles: the fields of the caller's own profile, and of the profiles of others.

use std::sync::Arc;

use guest_access_rules::decision_point::ProfileOwner;
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::{Decision, Membership};
use ruma::UserId;
use ruma::api::client::profile::{
    delete_profile_field, get_profile, get_profile_field, set_profile_field,
};
use ruma::profile::ProfileFieldValue;
use serde_json::Value;

use super::Reference;
use super::answer::{AllowedResponse, Answer, Credentials, Refusal};
use super::authorisation::EndpointCall;
use super::endpoints::ENDPOINTS;
use super::event::{MEMBER, UnsentEvent};

impl Reference {
    /// `GET /profile/{userId}`.
    ///
    /// # Errors
    /// The refusal, if there is no such user.
    pub fn profile_of(
        &self,
        request: &get_profile::v3::Request,
    ) -> Answer<get_profile::v3::Response> {
        let account = self.accounts.get(&request.user_id).ok_or(NO_SUCH_USER)?;
        let response = account.profile.clone().into_iter().collect();
        Ok(AllowedResponse::new(Decision::allow(&["CS-3"], "anyone may read a profile"), response))
    }

    /// `GET /profile/{userId}/{keyName}`.
    ///
    /// # Errors
    /// The refusal, if there is no such user, or nothing under this key.
    pub fn profile_field(
        &self,
        request: &get_profile_field::v3::Request,
    ) -> Answer<get_profile_field::v3::Response> {
        let account = self.accounts.get(&request.user_id).ok_or(NO_SUCH_USER)?;
        let key = request.field.as_str();
        let value = account.profile.get(key).ok_or(NO_SUCH_FIELD)?;
        let value = ProfileFieldValue::new(key, value.clone()).map_err(|_| NO_SUCH_FIELD)?;
        let response = get_profile_field::v3::Response::new(value);
        Ok(AllowedResponse::new(Decision::allow(&["CS-3"], "anyone may read a profile"), response))
    }

    /// `PUT /profile/{userId}/{keyName}`.
    ///
    /// # Errors
    /// The refusal, if the profile does not change.
    pub fn set_profile_field(
        &mut self,
        credentials: &Credentials<'_>,
        request: &set_profile_field::v3::Request,
    ) -> Answer<set_profile_field::v3::Response> {
        let key = request.value.field_name();
        let value = Some(request.value.value().into_owned());
        // GA-21: A guest may call `PUT /profile/{userId}/displayname` for its own user id.
        let decision = self.change_profile(
            credentials,
            KNOWN.set_profile,
            &request.user_id,
            key.as_str(),
            value,
        )?;
        Ok(AllowedResponse::new(decision, set_profile_field::v3::Response::new()))
    }

    /// `DELETE /profile/{userId}/{keyName}`.
    ///
    /// # Errors
    /// The refusal, if the profile does not change.
    pub fn delete_profile_field(
        &mut self,
        credentials: &Credentials<'_>,
        request: &delete_profile_field::v3::Request,
    ) -> Answer<delete_profile_field::v3::Response> {
        let (user, key) = (&request.user_id, request.field.as_str());
        // GA-50: A guest may call `DELETE /profile/{userId}/displayname` for its own user id.
        let decision =
            self.change_profile(credentials, ENDPOINTS.delete_profile, user, key, None)?;
        Ok(AllowedResponse::new(decision, delete_profile_field::v3::Response::new()))
    }

    fn change_profile(
        &mut self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        user: &UserId,
        key: &str,
        value: Option<Value>,
    ) -> Result<Decision, Refusal> {
        let caller = self.admit(credentials, EndpointCall::to(endpoint).changing(key))?;
        let anybodys = caller.guest && self.choices().profile_owner == ProfileOwner::Anybodys;
        if !caller.is(user) && !anybodys {
            return Err(Refusal::forbidden(&["GA-21"], "the profile belongs to another user"));
        }
        let account = Arc::make_mut(&mut self.accounts).get_mut(user).ok_or(NO_SUCH_USER)?;
        match value {
            Some(value) => account.profile.insert(key.to_owned(), value),
            None => account.profile.remove(key),
        };
        self.update_member_events(user);
        Ok(Decision::allow(&["GA-21", "GA-50"], "the profile is the caller's own"))
    }

    // CS-28: A change of a user's display name is carried into its member event in every room that
    // it is joined to.
    fn update_member_events(&mut self, user: &UserId) {
        let joined: Vec<_> = self
            .rooms()
            .filter(|room| room.membership(user) == Membership::Join)
            .map(|room| room.id.clone())
            .collect();
        for room in joined {
            // Reading A25: nobody comes to be joined by this, so the join rule is not asked.
            let content = self.member_content(user, Membership::Join);
            self.accept(&room, UnsentEvent::state(user, MEMBER, user.as_str(), content));
        }
    }
}

const NO_SUCH_USER: Refusal = Refusal::not_found(&[], "there is no such user");
const NO_SUCH_FIELD: Refusal = Refusal::not_found(&[], "there is nothing under this key");

#[cfg(test)]
mod tests {
    use ruma::profile::ProfileFieldName;

    use super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, NOT_FOR_GUESTS, latest, status_and_errcode,
    };
    use super::*;

    fn named(user: &UserId) -> set_profile_field::v3::Request {
        let value = ProfileFieldValue::DisplayName("Alice".to_owned());
        set_profile_field::v3::Request::new(user.to_owned(), value)
    }

    #[test]
    fn a_guest_changes_its_own_display_name_and_nothing_else() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let own = named(&guest.user_id);
        assert_eq!(
            status_and_errcode(fixture.server.set_profile_field(&guest.credentials(), &own)),
            ALLOWED
        );
        let others = named(&fixture.moderator.user_id);
        assert_eq!(
            status_and_errcode(fixture.server.set_profile_field(&guest.credentials(), &others)),
            FORBIDDEN
        );
        let avatar = ProfileFieldValue::AvatarUrl("mxc://reference.test/0".into());
        let avatar = set_profile_field::v3::Request::new(guest.user_id.clone(), avatar);
        let status_and_errcode =
            status_and_errcode(fixture.server.set_profile_field(&guest.credentials(), &avatar));
        assert_eq!(status_and_errcode, NOT_FOR_GUESTS);
    }

    #[test]
    fn a_guest_changes_anybodys_name_where_the_owner_is_not_asked() {
        let mut fixture = Fixture::with_profile(latest(&[("profile.owner", "anybodys")]));
        let (guest, user) = (fixture.guest(), fixture.user("user"));
        let others = named(&fixture.moderator.user_id);
        assert_eq!(
            status_and_errcode(fixture.server.set_profile_field(&guest.credentials(), &others)),
            ALLOWED
        );
        assert_eq!(
            status_and_errcode(fixture.server.set_profile_field(&user.credentials(), &others)),
            FORBIDDEN
        );
    }

    #[test]
    fn a_new_display_name_reaches_rooms_that_guests_may_not_join() {
        let mut fixture = Fixture::with_profile(latest(&[("revocation.effect", "none")]));
        fixture.set_guest_access("can_join");
        let guest = fixture.guest();
        assert_eq!(fixture.join(&guest), ALLOWED);
        fixture.set_guest_access("forbidden");
        fixture.server.set_profile_field(&guest.credentials(), &named(&guest.user_id)).unwrap();
        let room = fixture.server.room(&fixture.room).unwrap();
        let member = room.current(MEMBER, guest.user_id.as_str()).unwrap();
        assert_eq!(member.text("displayname"), Some("Alice"));
        assert_eq!(room.membership(&guest.user_id), Membership::Join);

        let field = ProfileFieldName::DisplayName;
        let request = delete_profile_field::v3::Request::new(guest.user_id.clone(), field.clone());
        fixture.server.delete_profile_field(&guest.credentials(), &request).unwrap();
        let request = get_profile_field::v3::Request::new(guest.user_id.clone(), field);
        assert!(fixture.server.profile_field(&request).is_err());
    }
}
