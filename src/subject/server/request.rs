//! A call as it goes over the wire, but for who makes it.

use std::fmt;

use guest_access_rules::endpoint::EndpointId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// What stands for itself in a path or a query: all else is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A call, but for who makes it: all that another program needs to make it again.
///
/// It is made from the endpoint's path in the specification's notation, and not by a client
/// library, since libraries refuse to make the calls that matter most here: those without a token,
/// with another's, or with content that is not understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, escaped.
    pub path: String,
    /// The query, key by key, not escaped.
    pub query: Vec<(&'static str, String)>,
    /// The body; calls that have none are sent without.
    pub body: Option<Value>,
    /// The call in the specification's notation.
    pub call: &'static str,
}

impl Request {
    /// What the query says under this key, if it has it.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        let said = self.query.iter().find(|(known, _)| *known == key);
        said.map(|(_, value)| value.as_str())
    }

    /// The call of `endpoint` in whose path the placeholders are replaced by `parts`, in order;
    /// those that `parts` does not reach are replaced by a made-up word.
    pub fn to<'a>(endpoint: EndpointId, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parts = parts.into_iter();
        let of = endpoint.get();
        let segments = of.path.split('/').map(|segment| {
            if segment.starts_with('{') {
                escaped(parts.next().unwrap_or("made-up"))
            } else {
                segment.to_owned()
            }
        });
        let path = segments.collect::<Vec<_>>().join("/");
        Self { method: of.method(), path, query: Vec::new(), body: None, call: &of.id }
    }

    /// The same call with this in its query.
    #[must_use]
    pub fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    /// The same call with this body.
    #[must_use]
    pub fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// The parts of the path between the slashes, not escaped.
    pub fn segments(&self) -> impl Iterator<Item = String> {
        let decoded = |segment| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        self.path.split('/').map(decoded)
    }

    /// The path and the query, escaped.
    pub fn target(&self) -> String {
        let pairs = self.query.iter().map(|(key, value)| format!("{key}={}", escaped(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

/// The endpoint with this id.
///
/// # Panics
/// If the table of endpoints does not list it.
pub(super) fn endpoint(id: &str) -> EndpointId {
    EndpointId::find(id).expect("the table lists the endpoints that are called by name")
}

/// A text as it stands in a path or a query.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The call in the specification's notation.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.call)
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::endpoint::KNOWN;

    use super::*;

    #[test]
    fn what_stands_in_a_path_is_escaped() {
        let request = Request::to(KNOWN.put_state, ["!a/b:c", "m.room.member", ""]);
        let path = "/_matrix/client/v3/rooms/%21a%2Fb%3Ac/state/m.room.member/";
        assert_eq!(request.target(), path);
        let segments: Vec<_> = request.segments().skip(5).collect();
        assert_eq!(segments, ["!a/b:c", "state", "m.room.member", ""]);
        let request = request.query("user_id", "@a&b");
        assert_eq!(request.target(), format!("{path}?user_id=%40a%26b"));
    }
}
