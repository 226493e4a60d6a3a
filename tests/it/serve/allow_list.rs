//! The server applies the allow-list to every endpoint of the specification.

use guest_access_reference::reference::SERVER_NAME;
use guest_access_rules::endpoint::{Auth, EndpointId};
use guest_access_rules::profile::Access;
use guest_access_rules::rules::Rules;
use serde_json::{Value, json};

use super::client::{Answer, Fixture, TestUser};

/// The path of an endpoint with values for its variables.
fn path(endpoint: EndpointId, room: &str, user: &str) -> String {
    let parts = endpoint.get().path.split('/').map(|part| match part {
        "{roomId}" | "{roomIdOrAlias}" => room.to_owned(),
        "{userId}" => user.to_owned(),
        "{roomAlias}" => "%23open:reference.test".to_owned(),
        "{eventId}" => "$never-sent".to_owned(),
        "{eventType}" => "m.room.message".to_owned(),
        "{keyName}" => "displayname".to_owned(),
        "{serverName}" => SERVER_NAME.to_owned(),
        part if part.starts_with('{') => "1".to_owned(),
        part => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

fn call(fixture: &Fixture, endpoint: EndpointId, path: &str, who: Option<&TestUser>) -> Answer {
    let mut request = fixture.request(endpoint.get().method(), path);
    if let Some(who) = who {
        request = request.bearer_auth(&who.token);
    }
    if endpoint.get().method() != "GET" {
        request = request.json(&json!({}));
    }
    let response = request.send().unwrap();
    // Media and pages are not JSON. For them, the test compares the status only.
    let status = response.status().as_u16();
    let body = response.json().unwrap_or(Value::Null);
    Answer { status, body }
}

#[test]
fn every_revision_refuses_guests_the_unlisted_endpoints_only() {
    for rules in Rules::published() {
        let (id, profile) = (&rules.id, rules.profile());
        let fixture = Fixture::of(id, None);
        let moderator = fixture.user("moderator");
        let room = fixture.open_room(&moderator);
        for endpoint in EndpointId::all() {
            // A new guest for each endpoint, since some calls end the token of the caller.
            let guest = fixture.guest();
            let path = path(endpoint, &room, &guest.user_id);
            let answer = call(&fixture, endpoint, &path, Some(&guest));
            let unlisted = answer.verdict() == (403, "M_GUEST_ACCESS_FORBIDDEN");
            let expected = match endpoint.get().auth {
                Auth::None => false,
                Auth::AppService => {
                    assert_eq!(answer.verdict(), (403, "M_FORBIDDEN"), "{id}: {endpoint}");
                    false
                }
                _ => profile.access(endpoint) == Access::Refused,
            };
            assert_eq!(unlisted, expected, "{id}: {endpoint}: {answer:?}");
            // The server implements every endpoint that guests may call and that needs a token.
            let is_listed = endpoint.get().auth == Auth::User && !expected;
            let is_there = answer.verdict() != (404, "M_UNRECOGNIZED");
            assert!(is_there || !is_listed, "{id}: {endpoint}: {answer:?}");
            assert!(answer.status < 500, "{id}: {endpoint}: {answer:?}");
        }
    }
}

#[test]
fn an_allowed_call_to_an_unimplemented_endpoint_gets_404() {
    let fixture = Fixture::new();
    let (guest, user) = (fixture.guest(), fixture.user("user"));
    let answers = |who: Option<&TestUser>, path: &str| {
        let mut request = fixture.request("GET", path);
        if let Some(who) = who {
            request = request.bearer_auth(&who.token);
        }
        Answer::from(request.send().unwrap())
    };
    let of_guests = (403, "M_GUEST_ACCESS_FORBIDDEN");
    let unrecognized = (404, "M_UNRECOGNIZED");
    assert_eq!(answers(Some(&guest), "v3/voip/turnServer").verdict(), of_guests);
    assert_eq!(answers(Some(&user), "v3/voip/turnServer").verdict(), unrecognized);
    assert_eq!(answers(None, "v3/voip/turnServer").verdict(), (401, "M_MISSING_TOKEN"));
    assert_eq!(answers(None, "/.well-known/matrix/support").verdict(), unrecognized);
}

#[test]
fn a_call_without_a_required_token_is_refused() {
    let fixture = Fixture::new();
    let room = fixture.open_room(&fixture.user("moderator"));
    for endpoint in EndpointId::all() {
        let path = path(endpoint, &room, "@1:reference.test");
        let answer = call(&fixture, endpoint, &path, None);
        let asks = !matches!(endpoint.get().auth, Auth::None | Auth::Optional);
        let refused = answer.verdict() == (401, "M_MISSING_TOKEN");
        assert_eq!(refused, asks, "{endpoint}: {answer:?}");
    }
}
