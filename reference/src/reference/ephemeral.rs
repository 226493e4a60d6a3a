//! Who is typing in a room, and up to which event each user has read. Neither is part of the timeline.

use std::collections::BTreeMap;
use std::sync::Arc;

use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::vocabulary::Membership;
use ruma::api::client::filter::RoomEventFilter;
use ruma::api::client::read_marker::set_read_marker;
use ruma::api::client::receipt::create_receipt;
use ruma::api::client::typing::create_typing_event;
use ruma::api::client::typing::create_typing_event::v3::Typing;
use ruma::events::AnySyncEphemeralRoomEvent;
use ruma::serde::Raw;
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::authorisation::{Caller, EndpointCall};
use super::endpoints::ENDPOINTS;
use super::filter::filter_matches_type;
use super::{Reference, Room};

/// What rooms have besides their timelines.
#[derive(Debug, Clone, Default)]
pub(super) struct Ephemeral {
    typing: BTreeMap<OwnedRoomId, TypingInRoom>,
    /// The receipts, by the room, the user and the type.
    receipts: BTreeMap<(OwnedRoomId, OwnedUserId, String), Receipt>,
}

/// The users who are typing in a room, and when each of them stops.
#[derive(Debug, Clone, Default)]
struct TypingInRoom {
    until: BTreeMap<OwnedUserId, u64>,
    /// The number of the last change.
    number: u64,
}

/// The event up to which a user has read.
#[derive(Debug, Clone)]
struct Receipt {
    event: OwnedEventId,
    thread: Option<String>,
    time: u64,
    /// The number of the last change.
    number: u64,
}

/// The type of the receipts that only their own user is told.
const PRIVATE: &str = "m.read.private";
/// The type of the marker that is account data of the room.
const FULLY_READ: &str = "m.fully_read";

const NOT_JOINED: Refusal = Refusal::forbidden(&[], "the caller is not joined to the room");

impl Reference {
    /// `PUT /rooms/{roomId}/typing/{userId}`.
    ///
    /// # Errors
    /// The refusal, if the caller may not type there.
    pub fn typing(
        &mut self,
        credentials: &Credentials<'_>,
        request: &create_typing_event::v3::Request,
    ) -> Answer<create_typing_event::v3::Response> {
        let (room, user) = (&request.room_id, &request.user_id);
        let caller = self.admit_member(credentials, ENDPOINTS.typing, room)?;
        if !caller.is(user) {
            return Err(Refusal::forbidden(&[], "the user is another user"));
        }
        let until = match &request.state {
            Typing::Yes(info) => {
                let timeout = u64::try_from(info.timeout.as_millis()).unwrap_or(u64::MAX);
                Some(self.now().saturating_add(timeout))
            }
            Typing::No => None,
        };
        let was_typing =
            self.ephemeral.typing.get(room).is_some_and(|typing| typing.until.contains_key(user));
        if was_typing || until.is_some() {
            let number = if was_typing == until.is_some() { None } else { Some(self.tick()) };
            let typing = Arc::make_mut(&mut self.ephemeral).typing.entry(room.clone()).or_default();
            match until {
                Some(until) => typing.until.insert(user.clone(), until),
                None => typing.until.remove(user),
            };
            typing.number = number.unwrap_or(typing.number);
        }
        Ok(AllowedResponse::new(OPEN, create_typing_event::v3::Response::new()))
    }

    /// Ends the typing of those whose time is over. The clients of the others are told.
    pub(super) fn end_typing(&mut self) {
        let now = self.now();
        let is_over = |typing: &TypingInRoom| typing.until.values().any(|until| *until <= now);
        let over: Vec<_> = self
            .ephemeral
            .typing
            .iter()
            .filter(|(_, typing)| is_over(typing))
            .map(|(room, _)| room.clone())
            .collect();
        for room in over {
            let number = self.tick();
            if let Some(typing) = Arc::make_mut(&mut self.ephemeral).typing.get_mut(&room) {
                typing.until.retain(|_, until| *until > now);
                typing.number = number;
            }
        }
    }

    /// `POST /rooms/{roomId}/receipt/{receiptType}/{eventId}`.
    ///
    /// # Errors
    /// The refusal, if the caller is not joined to the room.
    pub fn receipt(
        &mut self,
        credentials: &Credentials<'_>,
        request: &create_receipt::v3::Request,
    ) -> Answer<create_receipt::v3::Response> {
        let room = &request.room_id;
        let caller = self.admit_member(credentials, ENDPOINTS.receipt, room)?;
        let thread = request.thread.as_str().map(str::to_owned);
        self.mark_read(&caller, room, request.receipt_type.as_str(), &request.event_id, thread);
        Ok(AllowedResponse::new(OPEN, create_receipt::v3::Response::new()))
    }

    /// `POST /rooms/{roomId}/read_markers`.
    ///
    /// # Errors
    /// The refusal, if the caller is not joined to the room.
    pub fn read_markers(
        &mut self,
        credentials: &Credentials<'_>,
        request: &set_read_marker::v3::Request,
    ) -> Answer<set_read_marker::v3::Response> {
        let room = &request.room_id;
        let caller = self.admit_member(credentials, ENDPOINTS.read_markers, room)?;
        for (kind, event) in [
            (FULLY_READ, &request.fully_read),
            ("m.read", &request.read_receipt),
            (PRIVATE, &request.private_read_receipt),
        ] {
            if let Some(event) = event {
                self.mark_read(&caller, room, kind, event, None);
            }
        }
        Ok(AllowedResponse::new(OPEN, set_read_marker::v3::Response::new()))
    }

    fn mark_read(
        &mut self,
        caller: &Caller,
        room: &RoomId,
        kind: &str,
        event: &EventId,
        thread: Option<String>,
    ) {
        let user = caller.sender();
        if kind == FULLY_READ {
            if let Ok(content) = to_raw_value(&json!({ "event_id": event })) {
                self.store_account_data(&user, Some(room), kind.to_owned(), &content);
            }
            return;
        }
        let (number, time) = (self.tick(), self.now());
        let receipt = Receipt { event: event.to_owned(), thread, time, number };
        let key = (room.to_owned(), user, kind.to_owned());
        Arc::make_mut(&mut self.ephemeral).receipts.insert(key, receipt);
    }

    fn admit_member(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        room: &RoomId,
    ) -> Result<Caller, Refusal> {
        let caller = self.admit(credentials, EndpointCall::to(endpoint).about(room))?;
        match self.membership_of(&caller, room) {
            Membership::Join => Ok(caller),
            _ => Err(NOT_JOINED),
        }
    }

    /// What changed in a room of the caller after the counter showed `since`, and the filter matches.
    pub(super) fn ephemeral_since(
        &self,
        caller: &Caller,
        room: &Room,
        since: u64,
        filter: &RoomEventFilter,
    ) -> Vec<Raw<AnySyncEphemeralRoomEvent>> {
        let typing = self.ephemeral.typing.get(&room.id).filter(|typing| typing.number > since);
        let typing = typing.map(|typing| {
            let users: Vec<_> = typing.until.keys().collect();
            json!({ "type": "m.typing", "content": { "user_ids": users } })
        });
        let mut content = json!({});
        for ((_, user, kind), receipt) in self.ephemeral.receipts.iter().filter(|(key, receipt)| {
            key.0 == room.id && receipt.number > since && (key.2 != PRIVATE || caller.is(&key.1))
        }) {
            let mut read = json!({ "ts": receipt.time });
            if let Some(thread) = &receipt.thread {
                read["thread_id"] = thread.as_str().into();
            }
            content[receipt.event.as_str()][kind.as_str()][user.as_str()] = read;
        }
        let has_receipts = content.as_object().is_some_and(|content| !content.is_empty());
        let receipts = has_receipts.then(|| json!({ "type": "m.receipt", "content": content }));
        let wanted = |event: &Value| {
            event["type"].as_str().is_some_and(|kind| filter_matches_type(filter, kind))
        };
        let raw = |event: Value| Some(Raw::from_json(to_raw_value(&event).ok()?));
        typing.into_iter().chain(receipts).filter(wanted).filter_map(raw).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ruma::api::client::receipt::create_receipt::v3::ReceiptType;
    use ruma::api::client::sync::sync_events::v3 as sync_events;
    use ruma::api::client::typing::create_typing_event::v3::TypingInfo;
    use ruma::{MilliSecondsSinceUnixEpoch, UInt};

    use super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, NOT_FOR_GUESTS, TestUser, status_and_errcode,
    };
    use super::*;

    /// The ephemeral events of the room in a sync, and the token of the sync.
    fn sync(fixture: &Fixture, who: &TestUser, since: Option<&str>) -> (Vec<Value>, String) {
        let mut request = sync_events::Request::new();
        request.since = since.map(str::to_owned);
        let response = fixture.server.sync(&who.credentials(), &request).unwrap().response;
        let room = response.rooms.join.get(&fixture.room);
        let events = room.map(|room| room.ephemeral.events.clone()).unwrap_or_default();
        let events = events.iter().map(|raw| serde_json::from_str(raw.json().get()).unwrap());
        (events.collect(), response.next_batch)
    }

    /// How many ephemeral events a sync has whose filter wants no receipts.
    fn told_with_filter(fixture: &Fixture, who: &TestUser, since: &str) -> usize {
        let mut request = sync_events::Request::new();
        request.since = Some(since.to_owned());
        let filter = json!({ "room": { "ephemeral": { "not_types": ["m.receipt"] } } });
        let filter = serde_json::from_value(filter).unwrap();
        request.filter = Some(sync_events::Filter::FilterDefinition(filter));
        let response = fixture.server.sync(&who.credentials(), &request).unwrap().response;
        response.rooms.join.get(&fixture.room).map_or(0, |room| room.ephemeral.events.len())
    }

    fn at(fixture: &mut Fixture, time: u32) {
        fixture.server.set_time(MilliSecondsSinceUnixEpoch(UInt::from(time)));
    }

    #[test]
    fn the_others_learn_who_types_until_the_time_is_over() {
        let mut fixture = Fixture::new();
        let user = fixture.user("user");
        assert_eq!(fixture.join(&user), ALLOWED);
        at(&mut fixture, 1_000);
        let state = Typing::Yes(TypingInfo::new(Duration::from_secs(10)));
        let (room, id) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        let typing = create_typing_event::v3::Request::new(id.clone(), room, state);
        let by_another = fixture.server.typing(&user.credentials(), &typing);
        assert_eq!(status_and_errcode(by_another), FORBIDDEN);
        fixture.server.typing(&fixture.moderator.credentials(), &typing).unwrap();
        let (events, since) = sync(&fixture, &user, None);
        assert_eq!(events, [json!({ "type": "m.typing", "content": { "user_ids": [id] } })]);
        at(&mut fixture, 5_000);
        assert_eq!(sync(&fixture, &user, Some(&since)).0, Vec::<Value>::new());
        at(&mut fixture, 11_000);
        let (events, _) = sync(&fixture, &user, Some(&since));
        assert_eq!(events, [json!({ "type": "m.typing", "content": { "user_ids": [] } })]);
    }

    #[test]
    fn receipts_reach_the_members_and_private_ones_their_user() {
        let mut fixture = Fixture::new();
        let (guest, user) = (fixture.guest(), fixture.user("user"));
        assert_eq!(fixture.join(&user), ALLOWED);
        let event = fixture.say("read");
        for (kind, told) in [(ReceiptType::Read, 1), (ReceiptType::ReadPrivate, 0)] {
            let since = fixture.server.token();
            let room = fixture.room.clone();
            let receipt = create_receipt::v3::Request::new(room, kind, event.clone());
            let by_guest = fixture.server.receipt(&guest.credentials(), &receipt);
            assert_eq!(status_and_errcode(by_guest), NOT_FOR_GUESTS);
            fixture.server.receipt(&user.credentials(), &receipt).unwrap();
            assert_eq!(sync(&fixture, &user, Some(&since)).0.len(), 1);
            assert_eq!(told_with_filter(&fixture, &user, &since), 0);
            let others = sync(&fixture, &fixture.moderator, Some(&since)).0;
            assert_eq!(others.len(), told);
            for receipts in others {
                let read = &receipts["content"][event.as_str()]["m.read"];
                assert!(read[user.user_id.as_str()]["ts"].is_u64(), "{receipts}");
            }
        }
    }
}
