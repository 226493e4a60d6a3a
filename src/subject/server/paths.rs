//! What a homeserver knows of the specification by the versions that it names: the paths of the endpoints,
//! where they are other ones than those in force, and parameters that came later.

use std::borrow::Cow;
use std::cell::Cell;

use super::request::Request;
use super::response::Response;

/// The start of the paths of the specification, since v1.1.
const SINCE_V1_1: &str = "/_matrix/client/v3/";
/// The start of the same paths before v1.1.
const BEFORE_V1_1: &str = "/_matrix/client/r0/";

/// The paths and parameters that one homeserver knows.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Whether the homeserver supports only versions before v1.1.
    is_before_v1_1: Cell<bool>,
    /// Whether the homeserver supports `use_state_after`, which came with v1.16.
    has_state_after: Cell<bool>,
    /// Whether the homeserver requires the path of a state event with an empty state key to have no
    /// slash at its end. The specification calls the slash optional.
    without_slash: Cell<bool>,
}

impl Paths {
    /// Learns from the answer to `GET /versions` which paths the homeserver knows.
    pub(super) fn learn(&self, versions: &[String]) {
        let supports = |start: &str| versions.iter().any(|version| version.starts_with(start));
        self.is_before_v1_1.set(supports("r0.") && !supports("v1."));
        let minor = |version: &String| version.strip_prefix("v1.")?.parse::<u32>().ok();
        self.has_state_after.set(versions.iter().filter_map(minor).any(|minor| minor >= 16));
    }

    /// Whether the homeserver says that a sync may ask for the state after the timeline.
    pub(super) fn has_state_after(&self) -> bool {
        self.has_state_after.get()
    }

    /// The request under the path that the homeserver knows.
    pub(super) fn spell<'a>(&self, request: &'a Request) -> Cow<'a, Request> {
        let mut path = Cow::Borrowed(&*request.path);
        if let Some(rest) = request.path.strip_prefix(SINCE_V1_1)
            && self.is_before_v1_1.get()
        {
            path = Cow::Owned(format!("{BEFORE_V1_1}{rest}"));
        }
        if self.without_slash.get() && ends_with_empty_state_key(&path) {
            path = Cow::Owned(path.trim_end_matches('/').to_owned());
        }
        match path {
            Cow::Borrowed(_) => Cow::Borrowed(request),
            Cow::Owned(path) => Cow::Owned(Request { path, ..request.clone() }),
        }
    }

    /// Whether the server may know the path under another spelling, after a response that does not know
    /// the path of `sent`. Another call may have learned the other spelling since.
    pub(super) fn has_other_spelling(sent: &Request, response: &Response) -> bool {
        let is_unknown = response.is_unrecognized()
            || matches!(response.status, 404 | 405) && response.errcode().is_none();
        is_unknown && ends_with_empty_state_key(&sent.path)
    }

    /// Whether an empty state key is written without the slash at the end of the path.
    pub(super) fn leave_out_slash(&self, leaves_out: bool) {
        self.without_slash.set(leaves_out);
    }
}

/// Whether this is the path of a state event with an empty state key: `…/state/{eventType}/`.
fn ends_with_empty_state_key(path: &str) -> bool {
    let mut segments = path.rsplit('/');
    segments.next() == Some("") && segments.nth(1) == Some("state")
}

#[cfg(test)]
mod tests {
    use guest_access_rules::endpoint::KNOWN;

    use super::*;

    fn note(key: &str) -> Request {
        Request::to(KNOWN.put_state, ["!r", "org.example.note", key])
    }

    fn learned(versions: &[&str]) -> Paths {
        let paths = Paths::default();
        paths.learn(&versions.iter().map(|version| (*version).to_owned()).collect::<Vec<_>>());
        paths
    }

    #[test]
    fn a_homeserver_before_v1_1_is_called_by_the_old_paths() {
        for (versions, start) in [
            (&["r0.6.1"][..], BEFORE_V1_1),
            (&["r0.6.1", "v1.1"], SINCE_V1_1),
            (&["v1.16"], SINCE_V1_1),
            (&[], SINCE_V1_1),
        ] {
            let request = note("a");
            let spelled = learned(versions).spell(&request).target();
            assert!(spelled.starts_with(start), "{versions:?}: {spelled}");
        }
        let media = Request { path: "/_matrix/client/v1/media/config".to_owned(), ..note("") };
        assert_eq!(learned(&["r0.6.1"]).spell(&media).path, media.path);
    }

    #[test]
    fn a_homeserver_has_the_state_after_since_v1_16() {
        for (versions, has) in
            [(&["v1.9", "v1.16"][..], true), (&["v1.20"], true), (&["r0.6.1", "v1.15"], false)]
        {
            assert_eq!(learned(versions).has_state_after(), has, "{versions:?}");
        }
    }

    #[test]
    fn only_an_empty_state_key_has_another_spelling() {
        let response = |status, body: &str| Response {
            call: String::new(),
            status,
            body: body.as_bytes().to_vec(),
        };
        let unknown = response(404, r#"{"errcode":"M_UNRECOGNIZED"}"#);
        let paths = Paths::default();
        assert!(Paths::has_other_spelling(&note(""), &unknown));
        assert!(Paths::has_other_spelling(&note(""), &response(404, "<html>")));
        assert!(!Paths::has_other_spelling(&note("a"), &unknown));
        let hidden = response(404, r#"{"errcode":"M_NOT_FOUND"}"#);
        assert!(!Paths::has_other_spelling(&note(""), &hidden));
        paths.leave_out_slash(true);
        assert!(!Paths::has_other_spelling(&paths.spell(&note("")), &unknown));
        assert!(paths.spell(&note("")).path.ends_with("/state/org.example.note"));
        assert!(paths.spell(&note("a")).path.ends_with("/state/org.example.note/a"));
    }
}
