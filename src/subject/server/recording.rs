//! The exchanges with a homeserver in one session, from which a script can replay them.

use std::cell::{Cell, RefCell};

use guest_access_model::state::MAX_GUESTS;
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use serde_json::Value;

use super::client::Client;
use super::error::ServerError;
use super::request::Request;
use super::response::Response;
use super::token::Token;

/// A request and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The number of the action that the exchange belongs to; none, if it sets up the initial state.
    pub step: Option<usize>,
    /// Whether the exchange only reads what the action did to memberships.
    pub watches: bool,
    /// The access token of the request.
    pub token: Option<Token>,
    /// The request.
    pub request: Request,
    /// The HTTP status of the response.
    pub status: u16,
    /// The error code, if the response has one.
    pub errcode: Option<String>,
    /// The values in the response that later requests may need.
    pub learned: Vec<LearnedValue>,
}

impl Exchange {
    /// Whether the homeserver let the call through.
    pub fn is_allowed(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A value in a response.
#[derive(Clone, PartialEq, Eq)]
pub struct LearnedValue {
    /// The place of the value in the response.
    pub from: ValueSource,
    /// The value. It may be an access token, so no output shows it.
    pub value: String,
}

impl std::fmt::Debug for LearnedValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Learned").field("from", &self.from).finish_non_exhaustive()
    }
}

/// The place of a value in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// The value of this key.
    Field(&'static str),
    /// The id at the end of the `content_uri` of an upload.
    MediaId,
    /// The id of the state event with this type and state key, in a list of state events. The list is
    /// the response, or the `chunk` of the response.
    StateEvent {
        /// The type.
        kind: String,
        /// The state key.
        state_key: String,
        /// Whether the list is the `chunk` of the response.
        in_chunk: bool,
    },
}

/// An event that a session sent.
#[derive(Debug, Clone, PartialEq)]
pub struct SentEvent {
    /// The number of the action that sent the event; none, if the event set up the initial state.
    pub action: Option<usize>,
    /// The event id.
    pub id: String,
    /// The content, if the body of the request was the content of the event.
    pub content: Option<Value>,
    /// The type that the request asks for, if the body of the request was the content of the event.
    pub kind: Option<String>,
    /// The state key that the request asks for; none, if it asks for no state event.
    pub state_key: Option<String>,
    /// The id of the event that this event redacts, if it is a redaction.
    pub redacts: Option<String>,
}

/// The exchanges of a session, and the accounts, rooms and events that they name.
#[derive(Debug, Clone)]
pub struct SessionRecording {
    /// The exchanges in order, without those that cleaned up.
    pub exchanges: Vec<Exchange>,
    /// The word with which every name begins that the session made up.
    pub word: String,
    /// The moderator's user id and token.
    pub moderator: (String, Token),
    /// The ordinary user's user id and token.
    pub user: (String, Token),
    /// The user ids of the guests at the end.
    pub guests: [Option<String>; MAX_GUESTS],
    /// The room ids.
    pub rooms: Vec<String>,
    /// The id of the tagged event, and whether it is a state event that is neither a setting nor a
    /// membership.
    pub tagged: Option<(String, bool)>,
}

/// The keys of the values that later requests may need.
const FIELDS: [&str; 6] =
    ["user_id", "access_token", "room_id", "event_id", "next_batch", "origin_server_ts"];
/// The key of the place at which a page of messages ends.
const END: &str = "end";

/// The calls whose responses list state events that a later request may name.
const LISTS: [&str; 2] = ["GET /rooms/{roomId}/state", "GET /rooms/{roomId}/members"];

/// The connection of one session to a homeserver, which records every exchange.
#[derive(Debug)]
pub(super) struct Connection<'a> {
    client: &'a Client,
    step: Cell<Option<usize>>,
    watches: Cell<bool>,
    exchanges: RefCell<Vec<Exchange>>,
}

impl<'a> Connection<'a> {
    pub(super) const fn new(client: &'a Client) -> Self {
        let (step, watches) = (Cell::new(None), Cell::new(false));
        Self { client, step, watches, exchanges: RefCell::new(Vec::new()) }
    }

    /// The exchanges from now on belong to the action with this number.
    pub(super) fn begin_action(&self, step: usize) {
        self.step.set(Some(step));
    }

    /// The number of the action to which the exchanges belong now.
    pub(super) fn action(&self) -> Option<usize> {
        self.step.get()
    }

    /// Whether the exchanges from now on only read memberships.
    pub(super) fn is_watching(&self) -> bool {
        self.watches.get()
    }

    /// Sets whether the exchanges from now on only read memberships.
    pub(super) fn watch(&self, watches: bool) {
        self.watches.set(watches);
    }

    /// Adds exchanges of another session.
    pub(super) fn recall(&self, exchanges: &[Exchange]) {
        self.exchanges.borrow_mut().extend_from_slice(exchanges);
    }

    /// The number of exchanges so far.
    pub(super) fn exchange_count(&self) -> usize {
        self.exchanges.borrow().len()
    }

    /// Forgets all exchanges but the first `kept`: they are no part of the scenario.
    pub(super) fn truncate(&self, kept: usize) {
        self.exchanges.borrow_mut().truncate(kept);
    }

    /// The events that were sent so far.
    pub(super) fn sent_events(&self) -> Vec<SentEvent> {
        let exchanges = self.exchanges.borrow();
        let ids = exchanges.iter().filter(|exchange| exchange.request.method != "GET");
        let ids = ids.flat_map(|exchange| {
            let ids = exchange.learned.iter();
            let ids = ids.filter(|learned| learned.from == ValueSource::Field("event_id"));
            let is = |endpoint: EndpointId| exchange.request.call == endpoint.get().id;
            let (is_message, is_state) = (is(KNOWN.send), is(KNOWN.put_state));
            let content = (is_message || is_state).then(|| exchange.request.body.clone()).flatten();
            let segments = exchange.request.segments();
            let mut names = segments.skip_while(|part| part != "send" && part != "state").skip(1);
            let kind = content.as_ref().and_then(|_| names.next());
            let state_key = is_state.then(|| names.next().unwrap_or_default());
            let is_redaction = exchange.request.call == KNOWN.redact.get().id;
            let redacts = is_redaction.then(|| exchange.request.segments().nth_back(1)).flatten();
            ids.map(move |learned| SentEvent {
                action: exchange.step,
                id: learned.value.clone(),
                content: content.clone(),
                kind: kind.clone(),
                state_key: state_key.clone(),
                redacts: redacts.clone(),
            })
        });
        ids.collect()
    }

    /// The exchanges so far.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.borrow().clone()
    }

    /// Makes a call with this token, and records the exchange.
    ///
    /// # Errors
    /// If no response comes, or the response is too large, or its JSON has another form than the answer to
    /// the call, or the homeserver is older than the endpoint and does not have it.
    pub(super) async fn send(
        &self,
        request: &Request,
        token: Option<&Token>,
    ) -> Result<Response, ServerError> {
        let response = self.client.send(request, token).await?;
        let watches = self.watches.get();
        self.exchanges.borrow_mut().push(Exchange {
            step: self.step.get(),
            watches,
            token: token.cloned(),
            request: request.clone(),
            status: response.status,
            errcode: response.errcode(),
            learned: if watches { Vec::new() } else { learned(request, &response) },
        });
        response.has_form_of(request.call)?;
        // A homeserver that is older than an endpoint may answer with anything that is not there.
        let is_missing = matches!(response.status, 404 | 405) && response.errcode().is_none();
        let endpoint = EndpointId::find(request.call).filter(|_| is_missing);
        if endpoint.is_some_and(|endpoint| self.client.paths.need_not_have(endpoint.get())) {
            return Err(ServerError::NotImplemented { call: request.call.to_owned() });
        }
        Ok(response)
    }
}

/// The values in a response that later requests may need.
fn learned(request: &Request, response: &Response) -> Vec<LearnedValue> {
    if !response.allows() {
        return Vec::new();
    }
    let Ok(answer) = response.json::<Value>() else { return Vec::new() };
    let field = |key: &'static str| {
        let value = match answer.get(key)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(LearnedValue { from: ValueSource::Field(key), value })
    };
    let is_page = request.call == KNOWN.messages.get().id;
    let keys = FIELDS.into_iter().chain(is_page.then_some(END));
    let fields = keys.filter_map(field);
    let media = answer.get("content_uri").and_then(|uri| uri.as_str()?.rsplit('/').next());
    let media = media.map(|id| LearnedValue { from: ValueSource::MediaId, value: id.to_owned() });
    let fields = fields.chain(media);
    let in_chunk = answer.get("chunk").is_some();
    let events = answer.get("chunk").unwrap_or(&answer).as_array();
    let events = events.filter(|_| LISTS.contains(&request.call));
    let event = |event: &Value| {
        let text = |key: &str| event.get(key)?.as_str().map(str::to_owned);
        let (kind, state_key) = (text("type")?, text("state_key")?);
        let from = ValueSource::StateEvent { kind, state_key, in_chunk };
        Some(LearnedValue { from, value: text("event_id")? })
    };
    fields.chain(events.into_iter().flatten().filter_map(event)).collect()
}

#[cfg(test)]
mod tests {
    use guest_access_rules::endpoint::KNOWN;

    use super::super::request::endpoint;
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response { call: String::new(), status, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_response_gives_the_values_that_later_requests_need() {
        let register = Request::to(KNOWN.register, []);
        let body = r#"{"user_id":"@a:b","access_token":"secret","device_id":"d","room_id":[]}"#;
        let learned = learned(&register, &answer(200, body));
        let fields: Vec<_> = learned.iter().map(|learned| &learned.from).collect();
        assert_eq!(fields, [&ValueSource::Field("user_id"), &ValueSource::Field("access_token")]);
        assert!(!format!("{learned:?}").contains("secret"));
    }

    #[test]
    fn a_list_of_state_events_gives_each_id_by_type_and_key() {
        let members = Request::to(endpoint("GET /rooms/{roomId}/members"), ["!r"]);
        let event = r#"{"type":"m.room.member","state_key":"@a:b","event_id":"$e"}"#;
        let list = format!(r#"{{"chunk":[{event},7,{{"type":"x"}}]}}"#);
        let found = learned(&members, &answer(200, &list));
        let (kind, state_key) = ("m.room.member".to_owned(), "@a:b".to_owned());
        let from = ValueSource::StateEvent { kind, state_key, in_chunk: true };
        assert_eq!(found, [LearnedValue { from, value: "$e".to_owned() }]);
        let messages = Request::to(KNOWN.messages, ["!r"]);
        assert_eq!(learned(&messages, &answer(200, &list)), []);
        assert_eq!(learned(&members, &answer(403, &list)), []);
        assert_eq!(learned(&members, &answer(200, "<html>")), []);
    }
}
