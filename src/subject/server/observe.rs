//! The translation of HTTP responses into observations.
//!
//! The translation is pure. A response that does not fit the specification is an error: the
//! observation then is inconclusive.

use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use ruma::UserId;
use ruma::api::client::account::whoami;
use ruma::api::client::context::get_context;
use ruma::api::client::peeking::get_current_state;
use ruma::api::client::room::{get_event_by_timestamp, get_room_event};
use ruma::api::client::state::get_state_events;
use ruma::api::client::sync::sync_events::v3 as sync;
use ruma::serde::Raw;
use serde::Deserialize;

use super::call_effect::CallEffect;
use super::error::ServerError;
use super::not_run::{NotRunKind, NotRunReason};
use super::observation::{CallVerdict, EventPresence, HttpObservation, ResponseContent};
use super::registration::asks_for_authentication;
use super::response::Response;

/// The tagged event.
#[derive(Debug, Clone)]
pub(super) struct TaggedEvent {
    pub(super) id: String,
    /// The state key, if the event is a note.
    pub(super) note: Option<String>,
}

/// The answer to a request that sends an event.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    pub(super) event_id: String,
}

/// The observation of a call; `content` reads the response of a call that was allowed.
pub(super) fn observe(
    response: &Response,
    content: impl FnOnce(&Response) -> Result<ResponseContent, ServerError>,
) -> Result<HttpObservation, ServerError> {
    let verdict = verdict(response)?;
    let content = match verdict {
        CallVerdict::Allowed => content(response)?,
        _ => ResponseContent::Nothing,
    };
    Ok(HttpObservation { verdict, content })
}

/// The observation of a call whose response holds nothing that the rules speak of.
pub(super) fn observe_only(response: &Response) -> Result<HttpObservation, ServerError> {
    observe(response, |_| Ok(ResponseContent::Nothing))
}

/// The observation of `GET /account/whoami`. `caller` is the user who calls, if the query of the call
/// names another user. `device` is the device of the caller's token, if it is known.
pub(super) fn observe_whoami(
    response: &Response,
    caller: Option<&UserId>,
    device: Option<&str>,
) -> Result<HttpObservation, ServerError> {
    let mut ignores_query = false;
    let observed = observe(response, |response| {
        let answer: whoami::v3::Response = response.read()?;
        let named = answer.device_id.as_ref().map(|named| named.as_str());
        if device.is_some() && named != device {
            return Ok(ResponseContent::without(CallEffect::DeviceKnown));
        }
        ignores_query = caller.is_some_and(|caller| caller == answer.user_id) && !answer.is_guest;
        Ok(ResponseContent::IsGuest(answer.is_guest))
    })?;
    // The answer is about the caller, so its `is_guest` says nothing of the user in the query. The call
    // without a query shows whether the homeserver says that the caller is a guest.
    if ignores_query {
        let why = "the homeserver answers for the caller, whatever user the query names";
        return Ok(HttpObservation::inconclusive(NotRunKind::BeyondTheRules, why));
    }
    Ok(observed)
}

/// The verdict of a call. A response that is no JSON comes from no homeserver. Neither does a failure
/// without an error code: a proxy may answer so.
pub(super) fn verdict(response: &Response) -> Result<CallVerdict, ServerError> {
    // A redirect needs no body.
    let is_redirect = (300..400).contains(&response.status);
    match response.json::<serde::de::IgnoredAny>() {
        Err(_) if may_be_of_a_proxy(response) => return Ok(server_failure(response)),
        Err(error) if !is_redirect && response.status < 500 => return Err(error),
        _ => {}
    }
    let errcode = response.errcode();
    Ok(match (response.status, errcode.as_deref()) {
        (200..300, _) => CallVerdict::Allowed,
        (400.., Some("M_UNRECOGNIZED")) => not_implemented(),
        (429, _) => rate_limited(),
        _ if may_be_of_a_proxy(response) => server_failure(response),
        (status @ (100..200 | 300..400), _) => {
            let why = format!("the homeserver answers with a redirect ({status})");
            inconclusive(NotRunKind::Redirect, why)
        }
        (status, _) => CallVerdict::Denied { status, errcode },
    })
}

/// Whether the response says that the endpoint may be called with sample arguments. A homeserver
/// that rejects the arguments has let the caller through.
pub(super) fn sample_verdict(response: &Response) -> CallVerdict {
    let errcode = response.errcode();
    let status = response.status;
    match (status, errcode.as_deref()) {
        // Media and single sign-on give no JSON.
        (200..300, _) if !gives_other_content(&response.call) && !is_json(response) => {
            let why = format!("{} was answered with no JSON", response.call);
            inconclusive(NotRunKind::Malformed, why)
        }
        (200..=399, _) => CallVerdict::Allowed,
        // The homeserver asks only callers whom it lets through to authenticate interactively.
        (401, _) if asks_for_authentication(response) => CallVerdict::Allowed,
        (401, _) | (403, Some("M_GUEST_ACCESS_FORBIDDEN")) => {
            CallVerdict::Denied { status, errcode }
        }
        (400.., Some("M_UNRECOGNIZED")) | (404 | 405, None) => not_implemented(),
        (429, _) => rate_limited(),
        _ if may_be_of_a_proxy(response) => server_failure(response),
        (500.., _) => CallVerdict::Denied { status, errcode },
        _ => CallVerdict::ParametersRejected { status, errcode },
    }
}

/// Whether the endpoint may give content that is no JSON.
fn gives_other_content(call: &str) -> bool {
    call.contains("/media/") || call.contains("/sso/")
}

fn is_json(response: &Response) -> bool {
    response.json::<serde::de::IgnoredAny>().is_ok()
}

fn not_implemented() -> CallVerdict {
    inconclusive(NotRunKind::NotImplemented, "the homeserver does not implement the endpoint")
}

/// Whether a failure may be the answer of a proxy that does not reach the homeserver: a status of gateways,
/// without an error code.
fn may_be_of_a_proxy(response: &Response) -> bool {
    matches!(response.status, 502..=504 | 520..) && response.errcode().is_none()
}

fn server_failure(response: &Response) -> CallVerdict {
    let why = format!("the homeserver fails ({})", response.in_short());
    inconclusive(NotRunKind::ServerFailure, why)
}

fn rate_limited() -> CallVerdict {
    inconclusive(NotRunKind::RateLimit, "the homeserver let us wait for too long")
}

fn inconclusive(kind: NotRunKind, because: impl Into<String>) -> CallVerdict {
    CallVerdict::Inconclusive(NotRunReason::new(kind, because))
}

/// The observation of a read of one response; `room` is the id of the first room, of which `tagged`
/// is an event. `earlier` lists the ids of events that were sent before the tagged event.
pub(super) fn observe_read(
    endpoint: EndpointId,
    response: &Response,
    tagged: Option<&TaggedEvent>,
    room: Option<&str>,
    earlier: impl FnOnce() -> Vec<String>,
) -> Result<HttpObservation, ServerError> {
    observe(response, |response| {
        Ok(match endpoint.get().gives {
            Some(Gives::InitialSync) => {
                let answer: get_current_state::v3::Response = response.read()?;
                let messages = answer.messages.map(|page| page.chunk).unwrap_or_default();
                let is_given = has(tagged, &messages) || has_note(tagged, &answer.state);
                let may_be_short = !is_given && !messages.is_empty();
                let is_cut_off = may_be_short && !reaches_back(&messages, &earlier());
                gave_or_cut_off(is_given, is_cut_off, tagged)
            }
            Some(Gives::Event) if endpoint == KNOWN.event => {
                let answer: get_room_event::v3::Response = response.read()?;
                gave(has(tagged, &[answer.event]))
            }
            Some(Gives::Event) => {
                let answer: get_context::v3::Response = response.read()?;
                gave(has(tagged, answer.event.as_slice()))
            }
            Some(Gives::State) => {
                let answer: get_state_events::v3::Response = response.read()?;
                gave(has_note(tagged, &answer.room_state))
            }
            Some(Gives::StateEvent) => gave(true),
            Some(Gives::Sync) => {
                let mut answer: sync::Response = response.read()?;
                let joined = room.and_then(|id| {
                    let id = answer.rooms.join.keys().find(|known| *known == id)?.clone();
                    answer.rooms.join.remove(&id)
                });
                let Some(joined) = joined else { return Ok(gave(false)) };
                let state = match joined.state {
                    sync::State::Before(state) | sync::State::After(state) => state.events,
                    _ => Vec::new(),
                };
                let events = &joined.timeline.events;
                let is_given = has(tagged, events) || has_note(tagged, &state);
                let may_be_short = !is_given && joined.timeline.limited;
                let is_cut_off = may_be_short && !reaches_back(events, &earlier());
                gave_or_cut_off(is_given, is_cut_off, tagged)
            }
            // Members, timelines and streams take several calls.
            Some(Gives::Members | Gives::Timeline | Gives::Stream) | None => {
                ResponseContent::Nothing
            }
        })
    })
}

/// The observation of `GET timestamp_to_event`, asked for the event that was sent at `time`.
pub(super) fn observe_event_by_time(
    response: &Response,
    event: &str,
    time: u64,
) -> Result<HttpObservation, ServerError> {
    observe(response, |response| {
        let answer: get_event_by_timestamp::v1::Response = response.read()?;
        // The endpoint may give any of several events of one moment.
        Ok(gave(answer.event_id == event || u64::from(answer.origin_server_ts.0) == time))
    })
}

/// Whether the tagged event is among these.
pub(super) fn has<T>(tagged: Option<&TaggedEvent>, events: &[Raw<T>]) -> bool {
    let Some(tagged) = tagged else { return false };
    let id = |event: &Raw<T>| event.get_field::<String>("event_id").ok().flatten();
    events.iter().any(|event| id(event).is_some_and(|id| id == tagged.id))
}

/// Whether these events reach back to a time before the tagged event: one of them is earlier, or created
/// the room.
fn reaches_back<T>(events: &[Raw<T>], earlier: &[String]) -> bool {
    let text = |event: &Raw<T>, key: &str| event.get_field::<String>(key).ok().flatten();
    events.iter().any(|event| {
        text(event, "type").is_some_and(|kind| kind == "m.room.create")
            || text(event, "event_id").is_some_and(|id| earlier.contains(&id))
    })
}

/// The content of a read that gave the tagged event, or did not, or may have ended before the event.
fn gave_or_cut_off(
    is_given: bool,
    is_cut_off: bool,
    tagged: Option<&TaggedEvent>,
) -> ResponseContent {
    if is_cut_off && tagged.is_some() {
        ResponseContent::Gave(EventPresence::CutOff)
    } else {
        gave(is_given)
    }
}

/// Whether the tagged event is in this state. Only a note counts: a later event may have replaced
/// any other tagged event by the time of the call.
fn has_note<T>(tagged: Option<&TaggedEvent>, state: &[Raw<T>]) -> bool {
    tagged.is_some_and(|tagged| tagged.note.is_some()) && has(tagged, state)
}

/// The content of a read that gave the tagged event, or did not.
pub(super) const fn gave(tagged: bool) -> ResponseContent {
    ResponseContent::Gave(if tagged { EventPresence::Present } else { EventPresence::Absent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { call: "GET /x".to_owned(), status, body: body.as_bytes().to_vec() }
    }

    fn tagged(note: Option<&str>) -> TaggedEvent {
        TaggedEvent { id: "$tagged".to_owned(), note: note.map(str::to_owned) }
    }

    fn read(id: &str, body: &str, note: Option<&str>) -> ResponseContent {
        let endpoint = EndpointId::find(id).unwrap();
        let (response, tagged) = (response(200, body), tagged(note));
        let earlier = || vec!["$earlier".to_owned()];
        let observed = observe_read(endpoint, &response, Some(&tagged), Some("!r:s"), earlier);
        observed.unwrap().content
    }

    #[test]
    fn a_short_answer_that_ends_after_the_event_says_nothing_of_it() {
        let cut_off = ResponseContent::Gave(EventPresence::CutOff);
        let page = |id: &str| format!(r#"{{"event_id":"{id}","type":"m.room.message"}}"#);
        let sync = |limited: bool, id: &str| {
            let timeline = format!(r#"{{"events":[{}],"limited":{limited}}}"#, page(id));
            let room = format!(r#"{{"timeline":{timeline},"state":{{"events":[]}}}}"#);
            let body = format!(r#"{{"next_batch":"x","rooms":{{"join":{{"!r:s":{room}}}}}}}"#);
            read("GET /sync", &body, None)
        };
        assert_eq!(sync(true, "$later"), cut_off);
        assert_eq!(sync(true, "$earlier"), gave(false));
        assert_eq!(sync(false, "$later"), gave(false));
        let initial = |id: &str| {
            let messages = format!(r#"{{"chunk":[{}],"start":"a","end":"b"}}"#, page(id));
            let body = format!(r#"{{"room_id":"!r:s","messages":{messages}}}"#);
            read("GET /rooms/{roomId}/initialSync", &body, None)
        };
        assert_eq!(initial("$later"), cut_off);
        assert_eq!(initial("$earlier"), gave(false));
        assert_eq!(initial("$tagged"), gave(true));
    }

    #[test]
    fn an_answer_about_the_caller_is_not_about_the_named_user() {
        let guest = ruma::user_id!("@guest:s");
        let of = |body: &str, caller| observe_whoami(&response(200, body), caller, None).unwrap();
        let silent = r#"{"user_id":"@guest:s"}"#;
        assert_eq!(of(silent, None).content, ResponseContent::IsGuest(false));
        assert!(matches!(of(silent, Some(guest)).verdict, CallVerdict::Inconclusive(_)));
        let truthful = r#"{"user_id":"@guest:s","is_guest":true}"#;
        assert_eq!(of(truthful, Some(guest)).content, ResponseContent::IsGuest(true));
        let honoured = r#"{"user_id":"@moderator:s"}"#;
        assert_eq!(of(honoured, Some(guest)).verdict, CallVerdict::Allowed);
        assert_eq!(of(honoured, Some(guest)).content, ResponseContent::IsGuest(false));
    }

    #[test]
    fn a_status_and_an_error_code_give_the_verdict_of_a_call() {
        let of = |status, body| verdict(&response(status, body)).unwrap();
        assert_eq!(of(200, "{}"), CallVerdict::Allowed);
        let errcode = Some("M_FORBIDDEN".to_owned());
        let denied = CallVerdict::Denied { status: 403, errcode };
        assert_eq!(of(403, r#"{"errcode":"M_FORBIDDEN"}"#), denied);
        for status in [400, 404, 405, 501] {
            let unrecognized = r#"{"errcode":"M_UNRECOGNIZED"}"#;
            assert_eq!(of(status, unrecognized), not_implemented());
            assert_eq!(sample_verdict(&response(status, unrecognized)), not_implemented());
        }
        assert_eq!(of(429, "{}"), rate_limited());
        assert!(matches!(of(302, "<html>"), CallVerdict::Inconclusive(_)));
        assert!(verdict(&response(200, "<html>")).is_err());
    }

    #[test]
    fn a_failure_is_the_homeservers_own_unless_it_may_be_of_a_proxy() {
        for (status, body, errcode) in [
            (500, r#"{"errcode":"M_UNKNOWN"}"#, Some("M_UNKNOWN")),
            (503, r#"{"errcode":"M_UNKNOWN"}"#, Some("M_UNKNOWN")),
            (500, "Internal Server Error", None),
            (500, "", None),
        ] {
            let failed = CallVerdict::Denied { status, errcode: errcode.map(str::to_owned) };
            let own = response(status, body);
            assert_eq!(verdict(&own).unwrap(), failed);
            assert_eq!(sample_verdict(&own), failed);
        }
        for body in ["<html>Bad Gateway</html>", "", r#"{"message":"no upstream"}"#] {
            let of_a_proxy = response(502, body);
            let reason = verdict(&of_a_proxy).unwrap().not_run().cloned().unwrap();
            assert_eq!(reason.kind, NotRunKind::ServerFailure);
            assert_eq!(sample_verdict(&of_a_proxy).not_run(), Some(&reason));
        }
    }

    #[test]
    fn rejected_sample_arguments_are_no_denial() {
        let of = |status, body| sample_verdict(&response(status, body));
        let errcode = Some("M_NOT_FOUND".to_owned());
        let rejected = CallVerdict::ParametersRejected { status: 404, errcode };
        assert_eq!(of(404, r#"{"errcode":"M_NOT_FOUND"}"#), rejected);
        assert_eq!(of(401, r#"{"flows":[]}"#), CallVerdict::Allowed);
        let errcode = Some("M_MISSING_TOKEN".to_owned());
        let denied = CallVerdict::Denied { status: 401, errcode };
        assert_eq!(of(401, r#"{"errcode":"M_MISSING_TOKEN"}"#), denied);
    }

    #[test]
    fn a_read_gives_the_tagged_event_if_the_response_holds_its_id() {
        let event = r#"{"event_id":"$tagged","type":"m.room.message","content":{}}"#;
        let id = "GET /rooms/{roomId}/event/{eventId}";
        assert_eq!(read(id, event, None), gave(true));
        assert_eq!(read(id, r#"{"event_id":"$other"}"#, None), gave(false));
        let sync = format!(
            r#"{{"next_batch":"s","rooms":{{"join":{{"!r:s":{{"timeline":{{"events":[{event}]}}}}}}}}}}"#
        );
        assert_eq!(read("GET /sync", &sync, None), gave(true));
        assert_eq!(read("GET /sync", r#"{"next_batch":"s"}"#, None), gave(false));
    }

    #[test]
    fn state_gives_the_tagged_event_only_if_it_is_a_note() {
        let state = r#"[{"event_id":"$tagged","type":"org.example.note","content":{}}]"#;
        let id = "GET /rooms/{roomId}/state";
        assert_eq!(read(id, state, Some("key")), gave(true));
        assert_eq!(read(id, state, None), gave(false));
    }

    #[test]
    fn a_denied_read_has_no_content() {
        let denied = response(403, r#"{"errcode":"M_FORBIDDEN"}"#);
        let observed = observe_read(KNOWN.event, &denied, None, None, Vec::new).unwrap();
        assert_eq!(observed.content, ResponseContent::Nothing);
    }
}
