//! Groups recorded exchanges into the calls of a script. A script makes several exchanges by one line:
//! the pages of a timeline, or the stages of interactive authentication.

use guest_access_rules::endpoint::{EndpointId, Gives};
use serde_json::Value;

use crate::subject::server::Exchange;

/// One or several exchanges that a script makes by one line.
#[derive(Debug)]
pub(super) struct ScriptCall<'a> {
    pub(super) kind: Kind,
    /// The first exchange.
    pub(super) first: &'a Exchange,
    /// The last exchange.
    pub(super) last: &'a Exchange,
}

/// How the script makes the exchanges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// By one call.
    Call,
    /// By a call with interactive authentication. `identity` is the user id, if a stage needs a
    /// password.
    Interactive { identity: Option<String> },
    /// Page by page.
    Pages,
    /// By reading the members of every room, until they no longer change.
    Watch,
}

/// Groups the exchanges of a recording.
pub(super) fn script_calls(exchanges: &[Exchange]) -> Vec<ScriptCall<'_>> {
    let mut calls: Vec<ScriptCall<'_>> = Vec::new();
    for exchange in exchanges {
        if let Some(call) = calls.last_mut()
            && call.continues_with(exchange)
        {
            call.last = exchange;
        } else {
            calls.push(ScriptCall { kind: kind(exchange), first: exchange, last: exchange });
        }
    }
    calls
}

fn kind(exchange: &Exchange) -> Kind {
    let gives = EndpointId::find(exchange.request.call).and_then(|e| e.get().gives);
    let has = |key: &str| exchange.request.parameter(key).is_some();
    match gives {
        _ if exchange.watches => Kind::Watch,
        Some(Gives::Timeline) if has("dir") && has("limit") => Kind::Pages,
        Some(Gives::Stream) if has("limit") => Kind::Pages,
        _ => Kind::Call,
    }
}

impl ScriptCall<'_> {
    /// Whether the exchange belongs to this call. If so, the exchange may change the kind of the call.
    fn continues_with(&mut self, exchange: &Exchange) -> bool {
        if self.first.step != exchange.step || self.first.watches != exchange.watches {
            return false;
        }
        match &mut self.kind {
            Kind::Watch => true,
            Kind::Pages => self.is_next_page(exchange),
            Kind::Call | Kind::Interactive { .. } => {
                let Some(auth) = self.authentication_in(exchange) else { return false };
                let user = auth.pointer("/identifier/user").and_then(Value::as_str);
                let identity = match &self.kind {
                    Kind::Interactive { identity: Some(known) } => Some(known.clone()),
                    _ => user.map(str::to_owned),
                };
                self.kind = Kind::Interactive { identity };
                true
            }
        }
    }

    fn is_next_page(&self, exchange: &Exchange) -> bool {
        let without_place = |exchange: &Exchange| {
            let query = exchange.request.query.iter().filter(|(key, _)| *key != "from");
            query.cloned().collect::<Vec<_>>()
        };
        exchange.token == self.first.token
            && exchange.request.path == self.first.request.path
            && without_place(exchange) == without_place(self.first)
    }

    /// The `auth` of the exchange, if the exchange repeats the first one with interactive
    /// authentication.
    fn authentication_in<'a>(&self, exchange: &'a Exchange) -> Option<&'a Value> {
        let fields = exchange.request.body.as_ref()?.as_object()?;
        let auth = fields.get("auth")?;
        let first = self.first.request.body.as_ref().and_then(Value::as_object);
        let same = first.map_or(fields.len() == 1, |first| {
            first.len() + 1 == fields.len() && first.iter().all(|(k, v)| fields.get(k) == Some(v))
        });
        let same = same && exchange.token == self.first.token;
        (same && exchange.request.target() == self.first.request.target()).then_some(auth)
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::endpoint::KNOWN;
    use serde_json::json;

    use crate::subject::server::Request;

    use super::*;

    fn exchange(request: Request) -> Exchange {
        let (step, token, errcode) = (Some(0), None, None);
        let learned = Vec::new();
        Exchange { step, watches: false, token, request, status: 200, errcode, learned }
    }

    fn kinds(exchanges: &[Exchange]) -> Vec<Kind> {
        script_calls(exchanges).into_iter().map(|call| call.kind).collect()
    }

    #[test]
    fn interactive_authentication_belongs_to_its_call() {
        let call = |body: Value| exchange(Request::to(KNOWN.register, []).body(body));
        let auth = json!({ "type": "m.login.password", "identifier": { "user": "@a:b" } });
        let one = call(json!({ "username": "a" }));
        let other = call(json!({ "username": "a", "auth": auth }));
        let interactive = Kind::Interactive { identity: Some("@a:b".to_owned()) };
        assert_eq!(kinds(&[one.clone(), other]), [interactive]);
        let another = call(json!({ "username": "b", "auth": {} }));
        assert_eq!(kinds(&[one, another]), [Kind::Call, Kind::Call]);
    }

    #[test]
    fn pages_of_one_direction_are_one_call() {
        let page = |dir: &str, from: &str| {
            let request = Request::to(KNOWN.messages, ["!r"]).query("dir", dir);
            exchange(request.query("limit", "1").query("from", from))
        };
        let pages = [page("b", "1"), page("b", "2"), page("f", "")];
        assert_eq!(kinds(&pages), [Kind::Pages, Kind::Pages]);
        assert_eq!(script_calls(&pages)[0].last.request, pages[1].request);
    }
}
