//! What users keep on the server for themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use guest_access_rules::endpoint::EndpointId;
use ruma::api::client::config::{
    get_global_account_data, get_room_account_data, set_global_account_data, set_room_account_data,
};
use ruma::push::Ruleset;
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::Reference;
use super::answer::{Answer, Credentials, Granted, OPEN, Refusal};
use super::authorisation::Call;
use super::endpoints::ENDPOINTS;

/// Everything that is kept, by whose it is, the room that it is about, if any, and its type.
pub(super) type AccountData = BTreeMap<(OwnedUserId, Option<OwnedRoomId>, String), Kept>;

/// One piece, and when it was last changed.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    number: u64,
    content: Box<RawValue>,
}

const SOMEBODY_ELSES: Refusal = Refusal::forbidden(&[], "the account data are somebody else's");
const NONE: Refusal = Refusal::not_found(&[], "there are no account data of this type");

impl Reference {
    /// `GET /user/{userId}/account_data/{type}`.
    ///
    /// # Errors
    /// The refusal, if nothing is given.
    pub fn account_data(
        &self,
        with: &Credentials<'_>,
        request: &get_global_account_data::v3::Request,
    ) -> Answer<get_global_account_data::v3::Response> {
        let (user, kind) = (&request.user_id, request.event_type.to_string());
        self.admit_owner(with, ENDPOINTS.account_data, user, None)?;
        let has_rules = kind == "m.push_rules";
        let content = match self.kept(user, None, kind) {
            // As `GET /pushrules/` gives them: none, which everybody has.
            Err(_) if has_rules => {
                to_raw_value(&json!({ "global": Ruleset::new() })).map_err(|_| NONE)?
            }
            kept => kept?,
        };
        let response = get_global_account_data::v3::Response::new(Raw::from_json(content));
        Ok(Granted::new(OPEN, response))
    }

    /// `PUT /user/{userId}/account_data/{type}`.
    ///
    /// # Errors
    /// The refusal, if nothing is kept.
    pub fn put_account_data(
        &mut self,
        with: &Credentials<'_>,
        request: &set_global_account_data::v3::Request,
    ) -> Answer<set_global_account_data::v3::Response> {
        let (user, kind) = (&request.user_id, request.event_type.to_string());
        self.admit_owner(with, ENDPOINTS.put_account_data, user, None)?;
        self.keep(user, None, kind, request.data.json());
        Ok(Granted::new(OPEN, set_global_account_data::v3::Response::new()))
    }

    /// `GET /user/{userId}/rooms/{roomId}/account_data/{type}`.
    ///
    /// # Errors
    /// The refusal, if nothing is given.
    pub fn room_account_data(
        &self,
        with: &Credentials<'_>,
        request: &get_room_account_data::v3::Request,
    ) -> Answer<get_room_account_data::v3::Response> {
        let (user, kind) = (&request.user_id, request.event_type.to_string());
        let room = Some(&*request.room_id);
        self.admit_owner(with, ENDPOINTS.room_account_data, user, room)?;
        let content = self.kept(user, room, kind)?;
        let response = get_room_account_data::v3::Response::new(Raw::from_json(content));
        Ok(Granted::new(OPEN, response))
    }

    /// `PUT /user/{userId}/rooms/{roomId}/account_data/{type}`.
    ///
    /// # Errors
    /// The refusal, if nothing is kept.
    pub fn put_room_account_data(
        &mut self,
        with: &Credentials<'_>,
        request: &set_room_account_data::v3::Request,
    ) -> Answer<set_room_account_data::v3::Response> {
        let (user, kind) = (&request.user_id, request.event_type.to_string());
        let room = Some(&*request.room_id);
        self.admit_owner(with, ENDPOINTS.put_room_account_data, user, room)?;
        self.keep(user, room, kind, request.data.json());
        Ok(Granted::new(OPEN, set_room_account_data::v3::Response::new()))
    }

    fn admit_owner(
        &self,
        with: &Credentials<'_>,
        endpoint: EndpointId,
        user: &UserId,
        room: Option<&RoomId>,
    ) -> Result<(), Refusal> {
        let call = Call::to(endpoint);
        let caller = self.admit(with, room.map_or(call, |room| call.about(room)))?;
        if caller.is(user) { Ok(()) } else { Err(SOMEBODY_ELSES) }
    }

    fn kept(
        &self,
        user: &UserId,
        room: Option<&RoomId>,
        kind: String,
    ) -> Result<Box<RawValue>, Refusal> {
        let key = (user.to_owned(), room.map(RoomId::to_owned), kind);
        self.account_data.get(&key).map(|kept| kept.content.clone()).ok_or(NONE)
    }

    fn keep(&mut self, user: &UserId, room: Option<&RoomId>, kind: String, content: &RawValue) {
        let key = (user.to_owned(), room.map(RoomId::to_owned), kind);
        let kept = Kept { number: self.tick(), content: content.to_owned() };
        Arc::make_mut(&mut self.account_data).insert(key, kept);
    }

    /// What a user keeps, of a room or of none, and has changed since the clock showed `since`.
    pub(super) fn account_data_since<T>(
        &self,
        user: Option<&UserId>,
        room: Option<&RoomId>,
        since: u64,
    ) -> Vec<Raw<T>> {
        let own = self.account_data.iter().filter(|((owner, about, _), kept)| {
            Some(&**owner) == user && about.as_deref() == room && kept.number > since
        });
        let raw = own.filter_map(|((_, _, kind), kept)| {
            let json = json!({ "type": kind, "content": kept.content });
            Some(Raw::from_json(to_raw_value(&json).ok()?))
        });
        raw.collect()
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::ErrCode;
    use ruma::api::client::sync::sync_events;

    use super::super::fixture::{ALLOWED, FORBIDDEN, NOT_FOR_GUESTS, Somebody, World, verdict};
    use super::*;

    fn put(world: &mut World, who: &Somebody, of: &UserId) -> (u16, Option<ErrCode>) {
        let data = Raw::from_json(to_raw_value(&json!({ "a": 1 })).unwrap());
        let kind = "org.example.kept".into();
        let request = set_global_account_data::v3::Request::new_raw(of.to_owned(), kind, data);
        verdict(world.server.put_account_data(&who.with(), &request))
    }

    #[test]
    fn a_user_keeps_its_own_data_and_nobody_elses_and_a_guest_keeps_none() {
        let mut world = World::new();
        let (guest, user) = (world.guest(), world.user("user"));
        assert_eq!(put(&mut world, &user, &user.user_id), ALLOWED);
        assert_eq!(put(&mut world, &user, &guest.user_id), FORBIDDEN);
        assert_eq!(put(&mut world, &guest, &guest.user_id), NOT_FOR_GUESTS);

        let kind = "org.example.kept";
        let of = |user: &Somebody, kind: &str| {
            get_global_account_data::v3::Request::new(user.user_id.clone(), kind.into())
        };
        let answer = world.server.account_data(&user.with(), &of(&user, kind)).unwrap();
        assert_eq!(answer.response.account_data.json().get(), r#"{"a":1}"#);
        let none = world.server.account_data(&user.with(), &of(&user, "org.example.none"));
        assert_eq!(verdict(none), (404, Some(ErrCode::NotFound)));
    }

    #[test]
    fn a_sync_gives_what_was_changed_since() {
        let mut world = World::new();
        let user = world.user("user");
        assert_eq!(put(&mut world, &user, &user.user_id), ALLOWED);
        let mut request = sync_events::v3::Request::new();
        let first = world.server.sync(&user.with(), &request).unwrap().response;
        assert_eq!(first.account_data.events.len(), 1);
        request.since = Some(first.next_batch);
        let then = world.server.sync(&user.with(), &request).unwrap().response;
        assert!(then.account_data.is_empty());
    }
}
