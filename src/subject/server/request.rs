//! An HTTP request without its access token.

use std::fmt;

use guest_access_rules::endpoint::EndpointId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// The characters that a path or a query escapes: all but letters, digits, `-`, `_`, `.` and `~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An HTTP request without its access token: everything else that a script needs to repeat the call.
///
/// The request is made from the path of the endpoint in the notation of the specification. A client
/// library would refuse the calls that matter most here: calls without a token, with the token of
/// another account, or with malformed content.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, escaped.
    pub path: String,
    /// The query, key by key, not escaped.
    pub query: Vec<(&'static str, String)>,
    /// The body, if there is one.
    pub body: Option<Value>,
    /// The call in the notation of the specification.
    pub call: &'static str,
}

impl Request {
    /// The value of this key in the query, if the query has the key.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(known, _)| *known == key);
        pair.map(|(_, value)| value.as_str())
    }

    /// A request to `endpoint`, with `parts` in place of the placeholders of the path, in order. A
    /// placeholder beyond the last part becomes a made-up word.
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

    /// Adds a key and its value to the query.
    #[must_use]
    pub fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// The parts of the path between the slashes, not escaped.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = String> {
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

/// A text as a path or a query escapes it.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The call in the notation of the specification.
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
    fn a_path_and_a_query_escape_their_values() {
        let request = Request::to(KNOWN.put_state, ["!a/b:c", "m.room.member", ""]);
        let path = "/_matrix/client/v3/rooms/%21a%2Fb%3Ac/state/m.room.member/";
        assert_eq!(request.target(), path);
        let segments: Vec<_> = request.segments().skip(5).collect();
        assert_eq!(segments, ["!a/b:c", "state", "m.room.member", ""]);
        let request = request.query("user_id", "@a&b");
        assert_eq!(request.target(), format!("{path}?user_id=%40a%26b"));
    }
}
