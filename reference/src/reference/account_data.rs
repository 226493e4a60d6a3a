//! Account data: what users store on the server for themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guest_access_rules::endpoint::EndpointId;
use ruma::api::client::config::{
    get_global_account_data, get_room_account_data, set_global_account_data, set_room_account_data,
};
use ruma::push::Ruleset;
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::Reference;
use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::authorisation::EndpointCall;
use super::endpoints::ENDPOINTS;

/// All account data, by the user, the room (if the data are about a room), and the type.
pub(super) type AccountData =
    BTreeMap<(OwnedUserId, Option<OwnedRoomId>, String), AccountDataEntry>;

/// One piece of account data, and the number of its last change.
#[derive(Debug, Clone)]
pub(super) struct AccountDataEntry {
    number: u64,
    content: Box<RawValue>,
}

const OF_ANOTHER_USER: Refusal = Refusal::forbidden(&[], "the account data belong to another user");
const NONE: Refusal = Refusal::not_found(&[], "there are no account data of this type");

impl Reference {
    /// `GET /user/{userId}/account_data/{type}`.
    ///
    /// # Errors
    /// The refusal, if no data are given.
    pub fn account_data(
        &self,
        credentials: &Credentials<'_>,
        request: &get_global_account_data::v3::Request,
    ) -> Answer<get_global_account_data::v3::Response> {
        let (user, kind) = (&request.user_id, request.event_type.to_string());
        self.admit_owner(credentials, ENDPOINTS.account_data, user, None)?;
        let has_rules = kind == "m.push_rules";
        let content = match self.find_account_data(user, None, kind) {
            // The same answer as `GET /pushrules/`: every user has an empty set of rules.
            Err(_) if has_rules => {
                to_raw_value(&json!({ "global": Ruleset::new() })).map_err(|_| NONE)?
            }
            stored => stored?,
        };
        let response = get_global_account_data::v3::Response::new(Raw::from_json(content));
        Ok(AllowedResponse::new(OPEN, response))
    }

    /// `PUT /user/{userId}/account_data/{type}`.
    ///
    /// # Errors
    /// The refusal, if nothing is stored.
    pub fn put_account_data(
        &mut self,
        credentials: &Credentials<'_>,
        request: &set_global_account_data::v3::Request,
    ) -> Answer<set_global_account_data::v3::Response> {
        let (user, kind) = (&request.user_id, request.event_type.to_string());
        self.admit_owner(credentials, ENDPOINTS.put_account_data, user, None)?;
        self.store_account_data(user, None, kind, request.data.json());
        Ok(AllowedResponse::new(OPEN, set_global_account_data::v3::Response::new()))
    }

    /// `GET /user/{userId}/rooms/{roomId}/account_data/{type}`.
    ///
    /// # Errors
    /// The refusal, if no data are given.
    pub fn room_account_data(
        &self,
        credentials: &Credentials<'_>,
        request: &get_room_account_data::v3::Request,
    ) -> Answer<get_room_account_data::v3::Response> {
        let (user, kind) = (&request.user_id, request.event_type.to_string());
        let room = Some(&*request.room_id);
        self.admit_owner(credentials, ENDPOINTS.room_account_data, user, room)?;
        let content = self.find_account_data(user, room, kind)?;
        let response = get_room_account_data::v3::Response::new(Raw::from_json(content));
        Ok(AllowedResponse::new(OPEN, response))
    }

    /// `PUT /user/{userId}/rooms/{roomId}/account_data/{type}`.
    ///
    /// # Errors
    /// The refusal, if nothing is stored.
    pub fn put_room_account_data(
        &mut self,
        credentials: &Credentials<'_>,
        request: &set_room_account_data::v3::Request,
    ) -> Answer<set_room_account_data::v3::Response> {
        let (user, kind) = (&request.user_id, request.event_type.to_string());
        let room = Some(&*request.room_id);
        self.admit_owner(credentials, ENDPOINTS.put_room_account_data, user, room)?;
        self.store_account_data(user, room, kind, request.data.json());
        Ok(AllowedResponse::new(OPEN, set_room_account_data::v3::Response::new()))
    }

    fn admit_owner(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        user: &UserId,
        room: Option<&RoomId>,
    ) -> Result<(), Refusal> {
        let call = EndpointCall::to(endpoint);
        let caller = self.admit(credentials, room.map_or(call, |room| call.about(room)))?;
        if caller.is(user) { Ok(()) } else { Err(OF_ANOTHER_USER) }
    }

    /// The users whom `user` ignores.
    pub(super) fn ignored_by(&self, user: Option<&UserId>) -> BTreeSet<String> {
        let list = user.and_then(|user| {
            let kind = "m.ignored_user_list".to_owned();
            self.find_account_data(user, None, kind).ok()
        });
        let list = list.and_then(|list| serde_json::from_str::<Value>(list.get()).ok());
        let users = list.as_ref().and_then(|list| list.get("ignored_users")?.as_object());
        users.into_iter().flat_map(Map::keys).cloned().collect()
    }

    fn find_account_data(
        &self,
        user: &UserId,
        room: Option<&RoomId>,
        kind: String,
    ) -> Result<Box<RawValue>, Refusal> {
        let key = (user.to_owned(), room.map(RoomId::to_owned), kind);
        self.account_data.get(&key).map(|stored| stored.content.clone()).ok_or(NONE)
    }

    pub(super) fn store_account_data(
        &mut self,
        user: &UserId,
        room: Option<&RoomId>,
        kind: String,
        content: &RawValue,
    ) {
        let key = (user.to_owned(), room.map(RoomId::to_owned), kind);
        let stored = AccountDataEntry { number: self.tick(), content: content.to_owned() };
        Arc::make_mut(&mut self.account_data).insert(key, stored);
    }

    /// The account data of `user`, for one room or for no room, that changed after the clock showed
    /// `since`.
    pub(super) fn account_data_since<T>(
        &self,
        user: Option<&UserId>,
        room: Option<&RoomId>,
        since: u64,
    ) -> Vec<Raw<T>> {
        let own = self.account_data.iter().filter(|((owner, about, _), stored)| {
            Some(&**owner) == user && about.as_deref() == room && stored.number > since
        });
        let raw = own.filter_map(|((_, _, kind), stored)| {
            let json = json!({ "type": kind, "content": stored.content });
            Some(Raw::from_json(to_raw_value(&json).ok()?))
        });
        raw.collect()
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::ErrCode;
    use ruma::api::client::sync::sync_events;

    use super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, NOT_FOR_GUESTS, TestUser, status_and_errcode,
    };
    use super::*;

    fn put(fixture: &mut Fixture, who: &TestUser, of: &UserId) -> (u16, Option<ErrCode>) {
        let data = Raw::from_json(to_raw_value(&json!({ "a": 1 })).unwrap());
        let kind = "org.example.kept".into();
        let request = set_global_account_data::v3::Request::new_raw(of.to_owned(), kind, data);
        status_and_errcode(fixture.server.put_account_data(&who.credentials(), &request))
    }

    #[test]
    fn users_store_account_data_of_their_own_and_guests_store_none() {
        let mut fixture = Fixture::new();
        let (guest, user) = (fixture.guest(), fixture.user("user"));
        assert_eq!(put(&mut fixture, &user, &user.user_id), ALLOWED);
        assert_eq!(put(&mut fixture, &user, &guest.user_id), FORBIDDEN);
        assert_eq!(put(&mut fixture, &guest, &guest.user_id), NOT_FOR_GUESTS);

        let kind = "org.example.kept";
        let of = |user: &TestUser, kind: &str| {
            get_global_account_data::v3::Request::new(user.user_id.clone(), kind.into())
        };
        let answer = fixture.server.account_data(&user.credentials(), &of(&user, kind)).unwrap();
        assert_eq!(answer.response.account_data.json().get(), r#"{"a":1}"#);
        let none = fixture.server.account_data(&user.credentials(), &of(&user, "org.example.none"));
        assert_eq!(status_and_errcode(none), (404, Some(ErrCode::NotFound)));
    }

    #[test]
    fn a_sync_gives_what_was_changed_since() {
        let mut fixture = Fixture::new();
        let user = fixture.user("user");
        assert_eq!(put(&mut fixture, &user, &user.user_id), ALLOWED);
        let mut request = sync_events::v3::Request::new();
        let first = fixture.server.sync(&user.credentials(), &request).unwrap().response;
        assert_eq!(first.account_data.events.len(), 1);
        request.since = Some(first.next_batch);
        let then = fixture.server.sync(&user.credentials(), &request).unwrap().response;
        assert!(then.account_data.is_empty());
    }
}
