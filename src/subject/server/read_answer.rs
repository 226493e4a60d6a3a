//! The answers to the reads of a session, and the timelines with which they are compared.

use std::cell::RefCell;

use guest_access_reference::reference::ReplicaEvent;
use guest_access_rules::endpoint::EndpointId;
use ruma::{EventId, OwnedRoomId, OwnedUserId};
use serde_json::Value;

use super::request::Request;
use super::response::Response;

/// An answer of the homeserver to a caller that reads.
#[derive(Debug, Clone)]
pub struct ReadAnswer {
    /// The number of the action that read.
    pub action: usize,
    /// The caller.
    pub reader: OwnedUserId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The request.
    pub request: Request,
    /// The body of the answer; null, if a further call was refused where the read was answered.
    pub body: Value,
}

/// The events of one room of a session, as the moderator reads the events.
#[derive(Debug, Clone)]
pub struct RoomTimeline {
    /// The room id.
    pub id: OwnedRoomId,
    /// The state events that the room had when the session began, and then the timeline since that
    /// moment, oldest first.
    pub events: Vec<ReplicaEvent>,
    /// The place of the first event of the timeline.
    pub start: usize,
}

impl RoomTimeline {
    /// The place of the event with this id.
    pub fn place_of(&self, id: &EventId) -> Option<usize> {
        self.events.iter().position(|event| event.event_id == id)
    }
}

/// The answers of a session, in order.
#[derive(Debug, Default)]
pub(super) struct ReadAnswers(RefCell<Vec<ReadAnswer>>);

impl ReadAnswers {
    /// Keeps an allowed answer to a request that gives content of rooms.
    pub(super) fn keep(
        &self,
        action: usize,
        reader: OwnedUserId,
        request: &Request,
        response: &Response,
    ) {
        let Some(endpoint) = EndpointId::find(request.call) else { return };
        if endpoint.get().gives.is_none() || !response.allows() {
            return;
        }
        // An answer that is no JSON is judged where the session reads the answer.
        let Ok(body) = response.json() else { return };
        let request = request.clone();
        self.0.borrow_mut().push(ReadAnswer { action, reader, endpoint, request, body });
    }

    /// Keeps the refusal of a further call.
    pub(super) fn keep_refusal(
        &self,
        action: usize,
        reader: OwnedUserId,
        endpoint: EndpointId,
        request: Request,
    ) {
        self.0.borrow_mut().push(ReadAnswer {
            action,
            reader,
            endpoint,
            request,
            body: Value::Null,
        });
    }

    /// All answers.
    pub(super) fn take(&self) -> Vec<ReadAnswer> {
        self.0.take()
    }
}
