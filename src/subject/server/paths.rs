//! What a homeserver knows of the specification by the versions that it names: the paths of the endpoints,
//! where they are other ones than those in force, and parameters that came later.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use guest_access_rules::endpoint::Endpoint;

use super::request::Request;
use super::response::Response;

/// The start of the paths of the specification, since v1.1.
const SINCE_V1_1: &str = "/_matrix/client/v3/";
/// The start of the same paths before v1.1.
const BEFORE_V1_1: &str = "/_matrix/client/r0/";

/// A release of the specification: r0 and then v1, each with the number after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Release(u32, u32);

impl Release {
    /// The release with this name: `r0.6.1` or `v1.16`.
    fn of(name: &str) -> Option<Self> {
        let minor = |rest: &str| rest.split('.').next()?.parse().ok();
        let (old, new) = (name.strip_prefix("r0."), name.strip_prefix("v1."));
        let old = old.and_then(minor).map(|minor| Self(0, minor));
        old.or_else(|| new.and_then(minor).map(|minor| Self(1, minor)))
    }
}

/// The paths and parameters that one homeserver knows.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// The newest release that the homeserver supports; none, if it names no release that is known here.
    newest: RefCell<Option<(Release, String)>>,
    /// Whether the homeserver requires the path of a state event with an empty state key to have no
    /// slash at its end. The specification calls the slash optional.
    without_slash: Cell<bool>,
}

impl Paths {
    /// Learns from the answer to `GET /versions` which paths the homeserver knows.
    pub(super) fn learn(&self, versions: &[String]) {
        let known = versions.iter().filter_map(|version| Some((Release::of(version)?, version)));
        *self.newest.borrow_mut() =
            known.max().map(|(release, version)| (release, version.to_owned()));
    }

    /// The name of the newest release that the homeserver supports, if that is older than `release`, such as
    /// `v1.17`.
    pub(super) fn newest_before(&self, release: &str) -> Option<String> {
        let release = Release::of(release)?;
        let newest = self.newest.borrow();
        newest.as_ref().filter(|(newest, _)| *newest < release).map(|(_, name)| name.clone())
    }

    /// Whether the homeserver supports only releases before v1.`minor`.
    fn is_before(&self, minor: u32) -> bool {
        let newest = self.newest.borrow();
        newest.as_ref().is_some_and(|(newest, _)| *newest < Release(1, minor))
    }

    /// Whether a homeserver that does not know this endpoint lacks nothing: the release that added the
    /// endpoint is newer than every release that the homeserver supports.
    pub(super) fn need_not_have(&self, endpoint: &Endpoint) -> bool {
        let added = endpoint.added_in.as_deref().and_then(|added| added.strip_prefix("1."));
        added.and_then(|minor| minor.parse().ok()).is_some_and(|minor| self.is_before(minor))
    }

    /// Whether the homeserver says that a sync may ask for the state after the timeline.
    pub(super) fn has_state_after(&self) -> bool {
        self.newest.borrow().is_some() && !self.is_before(16)
    }

    /// Whether the homeserver says that it can erase accounts, which came with v1.10.
    pub(super) fn may_erase(&self) -> bool {
        self.newest.borrow().is_some() && !self.is_before(10)
    }

    /// Whether messages have to be asked for from a place on. The place is optional since v1.3.
    pub(super) fn needs_from(&self) -> bool {
        self.is_before(3)
    }

    /// The request under the path that the homeserver knows.
    pub(super) fn spell<'a>(&self, request: &'a Request) -> Cow<'a, Request> {
        let mut path = Cow::Borrowed(&*request.path);
        if let Some(rest) = request.path.strip_prefix(SINCE_V1_1)
            && self.is_before(1)
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
    fn what_came_after_the_newest_release_may_be_missing() {
        let endpoint = |id| guest_access_rules::endpoint::EndpointId::find(id).unwrap().get();
        let by_time = endpoint("GET /rooms/{roomId}/timestamp_to_event");
        let messages = endpoint("GET /rooms/{roomId}/messages");
        for (versions, may_be_missing, needs_from) in [
            (&["r0.6.1"][..], true, true),
            (&["r0.6.1", "v1.2"], true, true),
            (&["v1.3"], true, false),
            (&["v1.10", "v1.6"], false, false),
            (&[], false, false),
        ] {
            let paths = learned(versions);
            assert_eq!(paths.need_not_have(by_time), may_be_missing, "{versions:?}");
            assert!(!paths.need_not_have(messages));
            assert_eq!(paths.needs_from(), needs_from, "{versions:?}");
        }
        let newest = learned(&["r0.6.1", "v1.10", "v1.9", "made-up"]);
        assert_eq!(newest.newest_before("v1.17").as_deref(), Some("v1.10"));
        assert_eq!(newest.newest_before("v1.10"), None);
        assert_eq!(newest.newest_before("no-kick"), None);
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
