//! What was said between us and a homeserver in one story, so that another program can say it again.

use std::cell::{Cell, RefCell};

use guest_access_model::state::MAX_GUESTS;
use serde_json::Value;

use super::client::Client;
use super::error::ServerError;
use super::request::Request;
use super::response::Response;
use super::token::Token;

/// A call and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The number of the step that it belongs to; none, if it belongs to the first state.
    pub step: Option<usize>,
    /// Whether it only looks at what the step did to memberships.
    pub watches: bool,
    /// What the call showed of its caller.
    pub token: Option<Token>,
    /// The call.
    pub request: Request,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error code, if the answer had one.
    pub errcode: Option<String>,
    /// What of the answer later calls may need.
    pub learned: Vec<LearnedValue>,
}

impl Exchange {
    /// Whether the call was let through.
    pub fn is_allowed(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Something that an answer said.
#[derive(Clone, PartialEq, Eq)]
pub struct LearnedValue {
    /// Where in the answer it stands.
    pub from: ValueSource,
    /// What it is. It may be an access token, so nothing shows it.
    pub value: String,
}

impl std::fmt::Debug for LearnedValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Learned").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Where in an answer something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// Under this key.
    Field(&'static str),
    /// The id of the state event of this type and key, in a list of state events: the answer, or its
    /// `chunk`.
    StateEvent {
        /// The type.
        kind: String,
        /// The state key.
        state_key: String,
        /// Whether the list stands under `chunk`.
        in_chunk: bool,
    },
}

/// A story's exchanges, and who and what they were about.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The exchanges, in their order, without those that cleaned up.
    pub exchanges: Vec<Exchange>,
    /// The word with which every name begins that was made for this story.
    pub word: String,
    /// The moderator's user id and token.
    pub moderator: (String, Token),
    /// The ordinary user's user id and token.
    pub user: (String, Token),
    /// The guests' user ids, in the end.
    pub guests: [Option<String>; MAX_GUESTS],
    /// The room ids.
    pub rooms: Vec<String>,
    /// The id of the tagged event, and whether it is a state event that is neither a setting nor a
    /// membership.
    pub tagged: Option<(String, bool)>,
}

/// The keys under which answers say what later calls need.
const FIELDS: [&str; 6] =
    ["user_id", "access_token", "room_id", "event_id", "next_batch", "origin_server_ts"];

/// The calls whose answers list state events of which a later call may name one.
const LISTS: [&str; 2] = ["GET /rooms/{roomId}/state", "GET /rooms/{roomId}/members"];

/// The line to a homeserver that one story is told over, with what is said there.
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

    /// What is said from now on belongs to the step with this number.
    pub(super) fn begin_action(&self, step: usize) {
        self.step.set(Some(step));
    }

    /// What is said from now on only looks at memberships, or does not.
    pub(super) fn watch(&self, watches: bool) {
        self.watches.set(watches);
    }

    /// Takes for said what was said in another story.
    pub(super) fn recall(&self, exchanges: &[Exchange]) {
        self.exchanges.borrow_mut().extend_from_slice(exchanges);
    }

    /// How many exchanges there were so far.
    pub(super) fn said(&self) -> usize {
        self.exchanges.borrow().len()
    }

    /// Takes for unsaid what was said after the first so many exchanges: it is no part of the story.
    pub(super) fn unsay(&self, but_for: usize) {
        self.exchanges.borrow_mut().truncate(but_for);
    }

    /// What was said so far.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.borrow().clone()
    }

    /// Makes a call with this token.
    ///
    /// # Errors
    /// If no answer comes, or one that is too large.
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
        Ok(response)
    }
}

/// What of an answer later calls may need.
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
    let fields = FIELDS.into_iter().filter_map(field);
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
    fn what_later_calls_need_is_learned_from_an_answer() {
        let register = Request::to(KNOWN.register, []);
        let body = r#"{"user_id":"@a:b","access_token":"secret","device_id":"d","room_id":[]}"#;
        let learned = learned(&register, &answer(200, body));
        let fields: Vec<_> = learned.iter().map(|learned| &learned.from).collect();
        assert_eq!(fields, [&ValueSource::Field("user_id"), &ValueSource::Field("access_token")]);
        assert!(!format!("{learned:?}").contains("secret"));
    }

    #[test]
    fn of_a_list_of_state_events_each_is_learned_by_its_type_and_key() {
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
