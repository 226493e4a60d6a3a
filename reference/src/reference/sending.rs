//! Sending events to rooms: messages, state events and redactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use guest_access_rules::decision_point::{
    PutStateMembership, RejectedEvent, RoomRule, SendMembership, SendRedaction,
};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{Decision, GuestAccess, Membership};
use ruma::api::client::message::send_message_event;
use ruma::api::client::redact::redact_event;
use ruma::api::client::state::send_state_event;
use ruma::serde::JsonObject;
use ruma::{
    OwnedDeviceId, OwnedEventId, OwnedRoomId, OwnedTransactionId, OwnedUserId, RoomId,
    TransactionId, UserId,
};
use serde_json::{Value, json};

use super::Reference;
use super::answer::{AllowedResponse, Answer, Credentials, Refusal};
use super::authorisation::{Caller, EndpointCall};
use super::event::{Event, GUEST_ACCESS, MEMBER, REDACTION, SentBy, UnsentEvent};

/// The event that each transaction sent.
pub(super) type Transactions = BTreeMap<Transaction, OwnedEventId>;
type Transaction = (OwnedUserId, Option<OwnedDeviceId>, OwnedRoomId, OwnedTransactionId);

impl Reference {
    /// `PUT /rooms/{roomId}/send/{eventType}/{txnId}`.
    ///
    /// # Errors
    /// The refusal, if nothing is sent.
    pub fn send(
        &mut self,
        credentials: &Credentials<'_>,
        request: &send_message_event::v3::Request,
    ) -> Answer<send_message_event::v3::Response> {
        let (room, kind) = (&request.room_id, request.event_type.to_string());
        // GA-45: A guest may call `PUT /rooms/{roomId}/send/{eventType}/{txnId}` with any event
        // type.
        let caller =
            self.admit(credentials, EndpointCall::to(KNOWN.send).about(room).sending(&kind))?;
        // Reading A6: a redaction sent as an event is held by the rules of redactions.
        if kind == REDACTION
            && caller.guest
            && self.choices().send_redaction == SendRedaction::Refused
        {
            return Err(self.unlisted());
        }
        let content = json_object(request.body.json().get());
        let draft = UnsentEvent {
            sender: caller.sender(),
            kind,
            state_key: None,
            content,
            transaction: None,
        };
        let (decision, event_id) = self.send_once(&caller, room, &request.txn_id, draft)?;
        Ok(AllowedResponse::new(decision, send_message_event::v3::Response::new(event_id)))
    }

    /// `PUT /rooms/{roomId}/redact/{eventId}/{txnId}`.
    ///
    /// # Errors
    /// The refusal, if nothing is redacted.
    pub fn redact(
        &mut self,
        credentials: &Credentials<'_>,
        request: &redact_event::v3::Request,
    ) -> Answer<redact_event::v3::Response> {
        let room = &request.room_id;
        let caller =
            self.admit(credentials, EndpointCall::to(KNOWN.redact).about(room).sending(REDACTION))?;
        let mut content = json!({ "redacts": request.event_id });
        if let Some(reason) = &request.reason {
            content["reason"] = reason.as_str().into();
        }
        let draft = UnsentEvent::message(&caller.sender(), REDACTION, content);
        let (decision, event_id) = self.send_once(&caller, room, &request.txn_id, draft)?;
        Ok(AllowedResponse::new(decision, redact_event::v3::Response::new(event_id)))
    }

    /// `PUT /rooms/{roomId}/state/{eventType}/{stateKey}`.
    ///
    /// # Errors
    /// The refusal, if nothing is sent.
    pub fn put_state(
        &mut self,
        credentials: &Credentials<'_>,
        request: &send_state_event::v3::Request,
    ) -> Answer<send_state_event::v3::Response> {
        let (room, kind) = (&request.room_id, request.event_type.to_string());
        // GA-46: A guest may call `PUT /rooms/{roomId}/state/{eventType}/{stateKey}` where its
        // power in the room suffices.
        let caller =
            self.admit(credentials, EndpointCall::to(KNOWN.put_state).about(room).sending(&kind))?;
        let draft = UnsentEvent {
            sender: caller.sender(),
            kind,
            state_key: Some(request.state_key.clone()),
            content: json_object(request.body.json().get()),
            transaction: None,
        };
        let decision = if draft.kind == MEMBER {
            self.may_send_membership(&caller, room, &draft)?
        } else {
            self.may_send(&caller, room, &draft).inspect_err(|_| self.reject(room, &draft))?
        };
        draft.check_size(room)?;
        let was = (draft.kind == MEMBER).then(|| self.membership_of(&caller, room));
        let event_id =
            self.equal_member_event(room, &draft).unwrap_or_else(|| self.accept(room, draft));
        let is = self.membership_of(&caller, room);
        if was.is_some_and(|was| was != is) && is == Membership::Leave {
            self.forget_by_leaving(&caller, room);
        }
        Ok(AllowedResponse::new(decision, send_state_event::v3::Response::new(event_id)))
    }

    /// Whether the caller may send this event. The event is not a membership.
    fn may_send(
        &self,
        caller: &Caller,
        room: &RoomId,
        draft: &UnsentEvent,
    ) -> Result<Decision, Refusal> {
        let Some(room) = self.room(room) else {
            return Err(Refusal::forbidden(&["CS-7"], "the server takes no part in the room"));
        };
        // CS-7: A user may send an event to a room only while joined to it; membership events of
        // its own have rules of their own.
        // GA-20: A guest must have joined a room before it sends events to it.
        let joined = caller.membership(room) == Membership::Join;
        let excused = caller.guest && self.choices().send_membership == SendMembership::NotRequired;
        if !joined && !excused {
            return Err(Refusal::forbidden(&["CS-7"], "the caller is not joined to the room"));
        }
        // CS-8: A user may send an event only if its power level reaches what the room requires for
        // that event.
        let power = room.power_of(&draft.sender);
        let key = draft.state_key.as_deref();
        let is_key_of_another_user =
            key.is_some_and(|key| key.starts_with('@') && key != draft.sender);
        let redacts_others = redacted(draft)
            .and_then(|id| room.place_of(&id))
            .is_some_and(|place| room.event(place).sender != draft.sender);
        if power < room.power_to_send(&draft.kind, key.is_some())
            || (redacts_others && power < room.power_to("redact"))
            || is_key_of_another_user
        {
            return Err(Refusal::forbidden(&["CS-8"], "the caller's power does not suffice"));
        }
        // DR-12: A guest's call succeeds only in relation to a room whose
        // `m.room.history_visibility` is `world_readable`.
        if caller.guest
            && self.choices().room_rule == RoomRule::WorldReadableNow
            && !room.is_world_readable()
        {
            return Err(Refusal::guest_access_forbidden(
                &["DR-12"],
                "the room is not `world_readable`",
            ));
        }
        Ok(Decision::allow(&["CS-7", "CS-8"], "the caller is joined and its power suffices"))
    }

    /// Whether the caller may send this membership, of the caller or of another user.
    fn may_send_membership(
        &self,
        caller: &Caller,
        room: &RoomId,
        draft: &UnsentEvent,
    ) -> Result<Decision, Refusal> {
        let key = draft.state_key.as_deref().unwrap_or_default();
        let to = draft.content.get("membership").and_then(Value::as_str);
        let to = to.and_then(Membership::from_spelling).unwrap_or(Membership::Never);
        if caller.user.as_ref().is_none_or(|user| user != key) {
            let user = UserId::parse(key)
                .map_err(|_| Refusal::forbidden(&[], "the state key is no user's id"))?;
            return self.may_moderate(caller, room, &user, to);
        }
        // Reading A6: a membership sent as state is held by the rules of that membership.
        if caller.guest && self.choices().put_state_membership == PutStateMembership::Refused {
            return Err(self.unlisted());
        }
        match to {
            Membership::Join => self.may_join(caller, room, MembershipEndpoint::StateEvent),
            Membership::Leave => self.may_leave(caller, room, MembershipEndpoint::StateEvent),
            Membership::Knock => self.may_knock(caller, room),
            Membership::Invite | Membership::Ban | Membership::Never => {
                Err(Refusal::forbidden(&[], "nobody gives itself this membership"))
            }
        }
    }

    /// Handles the refusal of a state event. By the rules, a refused event has no effect.
    fn reject(&mut self, room: &RoomId, draft: &UnsentEvent) {
        let value = draft.content.get("guest_access").and_then(Value::as_str);
        if draft.kind == GUEST_ACCESS
            && value != Some(GuestAccess::CanJoin.as_str())
            && self.choices().rejected_event == RejectedEvent::Revokes
        {
            self.revoke(room);
        }
    }

    /// The current member event, if the new event has the same content.
    fn equal_member_event(&self, room: &RoomId, draft: &UnsentEvent) -> Option<OwnedEventId> {
        let current = self.room(room)?.current(MEMBER, draft.state_key.as_deref()?)?;
        (current.kind == draft.kind && current.content == draft.content).then(|| current.id.clone())
    }

    /// Sends an event, unless the same transaction of the device has sent the event already.
    fn send_once(
        &mut self,
        caller: &Caller,
        room: &RoomId,
        transaction: &TransactionId,
        mut draft: UnsentEvent,
    ) -> Result<(Decision, OwnedEventId), Refusal> {
        let device = caller.device.clone();
        draft.transaction =
            device.clone().map(|device| SentBy { device, transaction: transaction.to_owned() });
        let transaction = (draft.sender.clone(), device, room.to_owned(), transaction.to_owned());
        if let Some(event_id) = self.transactions.get(&transaction) {
            let decision = Decision::allow(&[], "the event was sent already");
            return Ok((decision, event_id.clone()));
        }
        let decision = self.may_send(caller, room, &draft)?;
        draft.check_size(room)?;
        let event_id = self.accept(room, draft);
        Arc::make_mut(&mut self.transactions).insert(transaction, event_id.clone());
        Ok((decision, event_id))
    }

    /// Appends a permitted event to the room, and performs the revocation that may follow.
    pub(super) fn accept(&mut self, room: &RoomId, draft: UnsentEvent) -> OwnedEventId {
        let number = self.tick();
        let time = self.next_time(number);
        if let Some(event_id) = self.add_to_graph(room, time, &draft) {
            return event_id;
        }
        let event = Event::new(number, time, room, draft);
        let event_id = event.id.clone();
        let triggers_revocation = self.triggers_revocation(&event);
        let choices = *self.choices();
        if let Some(room) = self.room_mut(room) {
            let before = room.settings().guest_access;
            room.append(event, &choices);
            let after = room.settings().guest_access;
            if before == GuestAccess::CanJoin
                && after != GuestAccess::CanJoin
                && triggers_revocation
            {
                let room = room.id.clone();
                self.revoke(&room);
            }
        }
        event_id
    }
}

/// The body of a request as a JSON object; an empty object if the body is something else.
fn json_object(body: &str) -> JsonObject {
    serde_json::from_str(body).unwrap_or_default()
}

fn redacted(draft: &UnsentEvent) -> Option<OwnedEventId> {
    let id = draft.content.get("redacts").and_then(Value::as_str)?;
    (draft.kind == REDACTION).then(|| id.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        ALLOWED, FORBIDDEN, Fixture, NOT_FOR_GUESTS, latest, message, state, status_and_errcode,
    };
    use super::*;

    #[test]
    fn the_same_transaction_of_the_same_device_sends_once() {
        let mut fixture = Fixture::new();
        let request = message(&fixture.room, "m.room.message", "1", &json!({ "body": "once" }));
        let first = fixture.server.send(&fixture.moderator.credentials(), &request).unwrap();
        let again = fixture.server.send(&fixture.moderator.credentials(), &request).unwrap();
        assert_eq!(first.response.event_id, again.response.event_id);
        let user = fixture.user("user");
        assert_eq!(fixture.join(&user), ALLOWED);
        let other = fixture.server.send(&user.credentials(), &request).unwrap();
        assert_ne!(first.response.event_id, other.response.event_id);
    }

    #[test]
    fn an_event_beyond_the_limit_is_refused() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let body = |bytes| json!({ "body": "x".repeat(bytes) });
        let large = message(&fixture.room, "m.room.message", "1", &body(65_536));
        let credentials = fixture.moderator.credentials();
        let answer = fixture.server.send(&credentials, &large);
        assert_eq!(status_and_errcode(answer), (413, None));
        let by_guest = fixture.server.send(&guest.credentials(), &large);
        assert_eq!(status_and_errcode(by_guest), FORBIDDEN);
        let large = state(&fixture.room, "org.example.note", "", &body(65_536));
        let answer = fixture.server.put_state(&credentials, &large);
        assert_eq!(status_and_errcode(answer), (413, None));
        let fits = message(&fixture.room, "m.room.message", "1", &body(65_000));
        assert_eq!(status_and_errcode(fixture.server.send(&credentials, &fits)), ALLOWED);
    }

    #[test]
    fn only_who_is_joined_sends() {
        let mut fixture = Fixture::new();
        fixture.set_guest_access("can_join");
        let guest = fixture.guest();
        let request = message(&fixture.room, "m.room.message", "1", &json!({ "body": "hello" }));
        assert_eq!(
            status_and_errcode(fixture.server.send(&guest.credentials(), &request)),
            FORBIDDEN
        );
        assert_eq!(fixture.join(&guest), ALLOWED);
        assert_eq!(
            status_and_errcode(fixture.server.send(&guest.credentials(), &request)),
            ALLOWED
        );
    }

    #[test]
    fn a_setting_takes_power_and_a_note_does_not() {
        let mut fixture = Fixture::new();
        fixture.set_guest_access("can_join");
        let guest = fixture.guest();
        assert_eq!(fixture.join(&guest), ALLOWED);
        let content = json!({ "guest_access": "forbidden" });
        let request = state(&fixture.room, GUEST_ACCESS, "", &content);
        assert_eq!(
            status_and_errcode(fixture.server.put_state(&guest.credentials(), &request)),
            FORBIDDEN
        );
        let request = state(&fixture.room, "org.example.note", "", &json!({}));
        assert_eq!(
            status_and_errcode(fixture.server.put_state(&guest.credentials(), &request)),
            ALLOWED
        );
    }

    #[test]
    fn a_setting_that_was_refused_removes_nobody_unless_it_does() {
        for (options, membership) in [
            (&[][..], Membership::Join),
            (&[("revocation.rejected_event", "revokes")][..], Membership::Leave),
        ] {
            let mut fixture = Fixture::with_profile(latest(options));
            fixture.set_guest_access("can_join");
            let guest = fixture.guest();
            assert_eq!(fixture.join(&guest), ALLOWED);
            let content = json!({ "guest_access": "forbidden" });
            let request = state(&fixture.room, GUEST_ACCESS, "", &content);
            assert_eq!(
                status_and_errcode(fixture.server.put_state(&guest.credentials(), &request)),
                FORBIDDEN
            );
            let room = fixture.server.room(&fixture.room).unwrap();
            assert_eq!(room.membership(&guest.user_id), membership);
            assert_eq!(room.settings().guest_access, GuestAccess::CanJoin);
        }
    }

    #[test]
    fn a_join_sent_as_state_meets_the_same_gate() {
        for (options, expected) in [
            (&[][..], NOT_FOR_GUESTS),
            (&[("join.gate_by_state_event", "waived")][..], ALLOWED),
            (&[("put_state.membership", "refused")][..], NOT_FOR_GUESTS),
        ] {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            let content = json!({ "membership": "join" });
            let request = state(&fixture.room, MEMBER, guest.user_id.as_str(), &content);
            assert_eq!(
                status_and_errcode(fixture.server.put_state(&guest.credentials(), &request)),
                expected
            );
        }
    }

    #[test]
    fn nobody_makes_another_user_join_by_sending_state() {
        let mut fixture = Fixture::new();
        let user = fixture.user("user");
        let content = json!({ "membership": "join" });
        let request = state(&fixture.room, MEMBER, user.user_id.as_str(), &content);
        let credentials = fixture.moderator.credentials();
        assert_eq!(status_and_errcode(fixture.server.put_state(&credentials, &request)), FORBIDDEN);
    }
}
