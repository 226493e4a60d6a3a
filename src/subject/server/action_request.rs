//! The translation of an action of the model into the HTTP request of one call.
//!
//! The translation is pure: a [`RequestContext`] holds everything that a request names.
//! `Session::perform` uses the translation for the actions of a scenario, and `Session::call_once` for
//! single calls of several clients at once.

use guest_access_model::action::{
    Action, Actor, Message, Operation, Place, ProfileKey, Setting, Upgrade,
};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::vocabulary::MembershipEndpoint;
use serde_json::json;

use super::accounts::SessionAccounts;
use super::request::Request;
use super::requests::{
    NEVER_SENT, NOTE, first_sync, guest_access_content, in_thread, message_request,
    moderation_request, registration, setting_request, state_request, text, visibility_content,
};
use super::token::Token;

/// Everything that a request names.
pub(super) struct RequestContext<'a> {
    /// The accounts of the moderator, the user and the guests.
    pub(super) accounts: &'a SessionAccounts,
    /// The id of the room that the request is about.
    pub(super) room: &'a str,
    /// The alias of the room, or its id if it has no alias.
    pub(super) room_or_alias: &'a str,
    /// The ids of all rooms of the session.
    pub(super) rooms: &'a [&'a str],
    /// The event that the request redacts, quotes or reads.
    pub(super) event: &'a str,
    /// The state key of the note that the request reads.
    pub(super) note: &'a str,
    /// The token that an upgrade shows in place of the newest token of the account.
    pub(super) token: Option<&'a Token>,
    /// The password that a registration asks for.
    pub(super) password: &'a Token,
    /// The part of a timeline or of a stream that the request reads.
    pub(super) page: Page<'a>,
    /// Makes a name of this kind that no other request has.
    pub(super) unique: &'a dyn Fn(&str) -> String,
    /// Gives the number of the shape of a setting that is malformed or has a value of nobody's.
    pub(super) shape: &'a dyn Fn() -> usize,
}

/// A part of a timeline or of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page<'a> {
    /// The value of `dir`: `b` or `f`.
    pub(super) direction: &'a str,
    /// The value of `limit`.
    pub(super) limit: Option<u32>,
    /// The place at which the part begins.
    pub(super) from: Option<&'a str>,
}

/// How many events a request asks for. No scenario sends more, but a homeserver may give fewer.
pub(super) const LIMIT: u32 = 1000;

impl Default for Page<'_> {
    fn default() -> Self {
        Self { direction: "b", limit: Some(LIMIT), from: None }
    }
}

/// An action that is not one HTTP call: the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotOneCall(pub(super) &'static str);

/// Why the end of a token and a restart are no calls.
pub(super) const BY_ITSELF: &str = "the homeserver does that by itself, or not";

/// A user id that belongs to nobody.
const NOBODY: &str = "@nobody:elsewhere.invalid";

/// The request of the call that `action` stands for.
///
/// # Errors
/// If the action is not one call: the homeserver does it by itself, or another call comes first.
pub(super) fn action_request(
    action: &Action,
    context: &RequestContext<'_>,
) -> Result<Request, NotOneCall> {
    let room = context.room;
    let in_room = |endpoint| Request::to(endpoint, [room]).body(json!({}));
    let moderation = |endpoint, guest| moderation_request(endpoint, room, &user_id(context, guest));
    let unique = context.unique;
    Ok(match action.operation {
        Operation::Register { named } => {
            let body = if named {
                // A guest's registration has no use for any of these.
                let (name, device) = (unique("guest"), unique("device"));
                json!({ "username": name, "device_id": device, "inhibit_login": true })
            } else {
                json!({})
            };
            Request::to(KNOWN.register, []).query("kind", "guest").body(body)
        }
        Operation::RegisterOver(guest) => {
            registration(&localpart(context, guest), context.password)
        }
        Operation::Upgrade(upgrade) => upgrade_request(upgrade, context),
        Operation::EndToken(_) | Operation::Restart => {
            return Err(NotOneCall(BY_ITSELF));
        }
        Operation::LogOut => Request::to(KNOWN.logout, []).body(json!({})),
        Operation::Deactivate => Request::to(KNOWN.deactivate, []).body(json!({})),
        Operation::SetProfile { key, own } => profile_request(context, action.by, key, own),
        Operation::WhoAmI => Request::to(KNOWN.whoami, []),
        Operation::SetVisibility(says, key) => {
            let content = visibility_content(says, context.shape);
            setting_request(room, Setting::HistoryVisibility, key, content, unique)
        }
        Operation::SetGuestAccess(says, key) => {
            let content = guest_access_content(says, context.shape);
            setting_request(room, Setting::GuestAccess, key, content, unique)
        }
        Operation::RedactSetting(_) => {
            Request::to(KNOWN.redact, [room, context.event, &*unique("txn")]).body(json!({}))
        }
        Operation::SetJoinRule(rule) => {
            state_request(room, "m.room.join_rules", "", json!({ "join_rule": rule.as_str() }))
        }
        Operation::Send(message) => {
            let content = match message {
                Message::Message => text(),
                Message::Other if context.event == NEVER_SENT => json!({}),
                Message::Other => in_thread(context.event),
                Message::Redaction => json!({ "redacts": context.event }),
            };
            message_request(room, message.as_str(), &unique("txn"), content)
        }
        Operation::SendState => {
            let key = format!("note-{}", unique("txn"));
            state_request(room, NOTE, &key, json!({ "note": key }))
        }
        Operation::Invite(guest) => moderation(KNOWN.invite, guest),
        Operation::Kick(guest) => moderation(KNOWN.kick, guest),
        Operation::Ban(guest) => moderation(KNOWN.ban, guest),
        Operation::Unban(guest) => moderation(KNOWN.unban, guest),
        Operation::Join(MembershipEndpoint::StateEvent) => own_membership(action, context, "join"),
        Operation::Join(MembershipEndpoint::Own) => in_room(KNOWN.join),
        Operation::Join(MembershipEndpoint::Alias) => {
            Request::to(KNOWN.join_by_alias, [context.room_or_alias]).body(json!({}))
        }
        Operation::Leave(MembershipEndpoint::StateEvent) => {
            own_membership(action, context, "leave")
        }
        Operation::Leave(MembershipEndpoint::Own | MembershipEndpoint::Alias) => {
            in_room(KNOWN.leave)
        }
        Operation::Knock(MembershipEndpoint::StateEvent) => {
            own_membership(action, context, "knock")
        }
        Operation::Knock(MembershipEndpoint::Own | MembershipEndpoint::Alias) => {
            in_room(KNOWN.knock)
        }
        Operation::Read(endpoint) => return read_request(endpoint, action, context),
        Operation::ReadThroughOtherRoom => Request::to(KNOWN.event, [room, context.event]),
        Operation::Call(_) => {
            return Err(NotOneCall("other calls prepare a room for it"));
        }
    })
}

/// The request that reads by this endpoint.
fn read_request(
    endpoint: EndpointId,
    action: &Action,
    context: &RequestContext<'_>,
) -> Result<Request, NotOneCall> {
    let RequestContext { room, event, note, page, .. } = *context;
    let limited = |request: Request| match page.limit {
        Some(limit) => request.query("limit", limit.to_string()),
        None => request,
    };
    let from = |request: Request| match page.from {
        Some(from) => request.query("from", from),
        None => request,
    };
    Ok(match endpoint.get().gives {
        Some(Gives::Timeline) if endpoint == KNOWN.messages => {
            from(limited(Request::to(endpoint, [room]).query("dir", page.direction)))
        }
        Some(Gives::InitialSync) => limited(Request::to(endpoint, [room])),
        Some(Gives::Event) if endpoint.get().id.ends_with("/timestamp_to_event") => {
            return Err(NotOneCall("another call reads the time of the event"));
        }
        Some(Gives::Event) => Request::to(endpoint, [room, event]),
        Some(Gives::State | Gives::Members) => Request::to(endpoint, [room]),
        Some(Gives::StateEvent) => Request::to(endpoint, [room, NOTE, note]),
        Some(Gives::Stream) => {
            let request = limited(Request::to(endpoint, []).query("timeout", "0"));
            from(match action.place {
                Place::Nowhere => request,
                _ => request.query("room_id", room),
            })
        }
        Some(Gives::Sync) => first_sync(context.rooms, LIMIT),
        Some(Gives::Timeline) | None => {
            return Err(NotOneCall("the endpoint takes arguments that no action names"));
        }
    })
}

fn upgrade_request(upgrade: Upgrade, context: &RequestContext<'_>) -> Request {
    let newest = |guest| context.accounts.guest(guest).map(|guest| guest.token.clone());
    let own = |guest| context.token.cloned().or_else(|| newest(guest));
    let (guest, token) = match upgrade {
        Upgrade::Own(guest) | Upgrade::OtherName(guest) => {
            (guest, Some(own(guest).unwrap_or_else(Token::made_up)))
        }
        Upgrade::OthersToken { of, with } => (of, newest(with)),
        Upgrade::MadeUpToken(guest) => (guest, Some(Token::made_up())),
    };
    let name = match upgrade {
        Upgrade::OtherName(_) => (context.unique)("somebody-else"),
        _ => localpart(context, guest),
    };
    let mut request = registration(&name, context.password);
    if let (Some(body), Some(token)) = (&mut request.body, token) {
        body["guest_access_token"] = token.reveal().into();
    }
    request
}

/// The localpart of the guest with this number; none, if the guest is not registered.
fn localpart(context: &RequestContext<'_>, guest: u8) -> String {
    let guest = context.accounts.guest(guest);
    guest.map(|guest| guest.user_id.localpart().to_owned()).unwrap_or_default()
}

fn user_id(context: &RequestContext<'_>, guest: u8) -> String {
    let guest = context.accounts.guest(guest);
    guest.map_or_else(|| NOBODY.to_owned(), |guest| guest.user_id.to_string())
}

/// The request by which an actor sends its own membership as a state event.
fn own_membership(action: &Action, context: &RequestContext<'_>, membership: &str) -> Request {
    let account = context.accounts.account(action.by);
    let user = account.map_or(NOBODY, |account| account.user_id.as_str());
    // A member may give its own member event content of its own.
    let content = json!({ "membership": membership, "org.example.own": "kept" });
    state_request(context.room, "m.room.member", user, content)
}

fn profile_request(context: &RequestContext<'_>, by: Actor, key: ProfileKey, own: bool) -> Request {
    let accounts = context.accounts;
    let own = own.then(|| accounts.account(by)).flatten();
    let user = &own.unwrap_or(&accounts.moderator).user_id;
    let value = match key {
        ProfileKey::DisplayName => (context.unique)("name"),
        ProfileKey::AvatarUrl => format!("mxc://{}/made-up", user.server_name()),
    };
    let key = key.as_str();
    Request::to(KNOWN.set_profile, [user.as_str(), key]).body(json!({ key: value }))
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::{Key, Says};
    use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};

    use super::*;

    /// The request of an action by the registered guest in the room `!r:s`, in one line.
    fn request(operation: Operation) -> String {
        match translated(operation) {
            Ok(Request { method: "GET", body: Some(body), .. }) => panic!("{body}"),
            Ok(request) => {
                let target = request.target().replace("/_matrix/client", "");
                let body = request.body.map(|body| format!(" {body}")).unwrap_or_default();
                format!("{} {target}{body}", request.method)
            }
            Err(NotOneCall(why)) => format!("no call: {why}"),
        }
    }

    fn translated(operation: Operation) -> Result<Request, NotOneCall> {
        let action = Action::new(Actor::Guest(0), operation).at(0);
        let context = RequestContext {
            accounts: &SessionAccounts::fixture(),
            room: "!r:s",
            room_or_alias: "#a:s",
            rooms: &["!r:s"],
            event: "$e",
            note: "n",
            token: None,
            password: &Token::from("secret".to_owned()),
            page: Page::default(),
            unique: &|kind| format!("{kind}-1"),
            shape: &|| 0,
        };
        action_request(&action, &context)
    }

    fn read(id: &str) -> Operation {
        Operation::Read(EndpointId::find(id).unwrap())
    }

    #[test]
    fn an_action_on_an_account_is_one_request() {
        let key = ProfileKey::DisplayName;
        let cases = [
            (
                Operation::Register { named: true },
                r#"POST /v3/register?kind=guest {"device_id":"device-1","inhibit_login":true,"username":"guest-1"}"#,
            ),
            (Operation::Register { named: false }, "POST /v3/register?kind=guest {}"),
            (
                Operation::RegisterOver(0),
                r#"POST /v3/register {"inhibit_login":false,"password":"secret","username":"guest"}"#,
            ),
            (Operation::LogOut, "POST /v3/logout {}"),
            (Operation::Deactivate, "POST /v3/account/deactivate {}"),
            (Operation::WhoAmI, "GET /v3/account/whoami"),
            (
                Operation::SetProfile { key, own: true },
                r#"PUT /v3/profile/%40guest%3As/displayname {"displayname":"name-1"}"#,
            ),
            (
                Operation::SetProfile { key, own: false },
                r#"PUT /v3/profile/%40moderator%3As/displayname {"displayname":"name-1"}"#,
            ),
        ];
        for (operation, expected) in cases {
            assert_eq!(request(operation), expected, "{operation:?}");
        }
    }

    #[test]
    fn an_upgrade_shows_a_token_and_asks_for_a_name() {
        let cases = [
            (Upgrade::Own(0), "guest", Some("guest-token")),
            (Upgrade::OtherName(0), "somebody-else-1", Some("guest-token")),
            (Upgrade::OthersToken { of: 0, with: 1 }, "guest", None),
            (Upgrade::MadeUpToken(0), "guest", Some(Token::made_up().reveal().to_owned().leak())),
        ];
        for (upgrade, name, token) in cases {
            let body = translated(Operation::Upgrade(upgrade)).unwrap().body.unwrap();
            assert_eq!(body["username"], name, "{upgrade:?}");
            assert_eq!(body["guest_access_token"].as_str(), token, "{upgrade:?}");
        }
    }

    #[test]
    fn an_action_that_sends_is_one_request() {
        let visibility = Says::Value(HistoryVisibility::Shared);
        let access = Says::Value(GuestAccess::CanJoin);
        let cases = [
            (
                Operation::SetVisibility(visibility, Key::Empty),
                r#"PUT /v3/rooms/%21r%3As/state/m.room.history_visibility/ {"history_visibility":"shared"}"#,
            ),
            (
                Operation::SetGuestAccess(access, Key::Wrong),
                r#"PUT /v3/rooms/%21r%3As/state/m.room.guest_access/elsewhere {"guest_access":"can_join"}"#,
            ),
            (
                Operation::SetGuestAccess(Says::Malformed, Key::Message),
                r#"PUT /v3/rooms/%21r%3As/send/m.room.guest_access/txn-1 {"guest_access":7}"#,
            ),
            (
                Operation::RedactSetting(Setting::GuestAccess),
                "PUT /v3/rooms/%21r%3As/redact/%24e/txn-1 {}",
            ),
            (
                Operation::SetJoinRule(JoinRule::Invite),
                r#"PUT /v3/rooms/%21r%3As/state/m.room.join_rules/ {"join_rule":"invite"}"#,
            ),
            (
                Operation::Send(Message::Message),
                r#"PUT /v3/rooms/%21r%3As/send/m.room.message/txn-1 {"body":"a message","msgtype":"m.text"}"#,
            ),
            (
                Operation::Send(Message::Other),
                r#"PUT /v3/rooms/%21r%3As/send/org.example.other/txn-1 {"m.relates_to":{"event_id":"$e","rel_type":"m.thread"}}"#,
            ),
            (
                Operation::Send(Message::Redaction),
                r#"PUT /v3/rooms/%21r%3As/send/m.room.redaction/txn-1 {"redacts":"$e"}"#,
            ),
            (
                Operation::SendState,
                r#"PUT /v3/rooms/%21r%3As/state/org.example.note/note-txn-1 {"note":"note-txn-1"}"#,
            ),
        ];
        for (operation, expected) in cases {
            assert_eq!(request(operation), expected, "{operation:?}");
        }
    }

    #[test]
    fn an_action_on_a_membership_is_one_request() {
        use MembershipEndpoint::{Alias, Own, StateEvent};
        let nobody = r#"{"user_id":"@nobody:elsewhere.invalid"}"#;
        let own = |membership| {
            format!(
                r#"PUT /v3/rooms/%21r%3As/state/m.room.member/%40guest%3As {{"membership":"{membership}","org.example.own":"kept"}}"#
            )
        };
        let room = |verb: &str, body: &str| format!("POST /v3/rooms/%21r%3As/{verb} {body}");
        let cases = [
            (Operation::Invite(0), room("invite", r#"{"user_id":"@guest:s"}"#)),
            (Operation::Kick(1), room("kick", nobody)),
            (Operation::Ban(1), room("ban", nobody)),
            (Operation::Unban(1), room("unban", nobody)),
            (Operation::Join(Own), room("join", "{}")),
            (Operation::Join(Alias), "POST /v3/join/%23a%3As {}".to_owned()),
            (Operation::Join(StateEvent), own("join")),
            (Operation::Leave(Own), room("leave", "{}")),
            (Operation::Leave(StateEvent), own("leave")),
            (Operation::Knock(Own), "POST /v3/knock/%21r%3As {}".to_owned()),
            (Operation::Knock(StateEvent), own("knock")),
        ];
        for (operation, expected) in cases {
            assert_eq!(request(operation), expected, "{operation:?}");
        }
    }

    #[test]
    fn an_action_that_reads_is_one_request() {
        let filter = escaped_filter();
        let cases = [
            (
                read("GET /rooms/{roomId}/messages"),
                "GET /v3/rooms/%21r%3As/messages?dir=b&limit=1000".to_owned(),
            ),
            (
                read("GET /rooms/{roomId}/initialSync"),
                "GET /v3/rooms/%21r%3As/initialSync?limit=1000".to_owned(),
            ),
            (
                read("GET /rooms/{roomId}/event/{eventId}"),
                "GET /v3/rooms/%21r%3As/event/%24e".to_owned(),
            ),
            (read("GET /rooms/{roomId}/state"), "GET /v3/rooms/%21r%3As/state".to_owned()),
            (
                read("GET /rooms/{roomId}/state/{eventType}/{stateKey}"),
                "GET /v3/rooms/%21r%3As/state/org.example.note/n".to_owned(),
            ),
            (read("GET /rooms/{roomId}/members"), "GET /v3/rooms/%21r%3As/members".to_owned()),
            (
                read("GET /events"),
                "GET /v3/events?timeout=0&limit=1000&room_id=%21r%3As".to_owned(),
            ),
            (read("GET /sync"), format!("GET /v3/sync?timeout=0&filter={filter}")),
            (Operation::ReadThroughOtherRoom, "GET /v3/rooms/%21r%3As/event/%24e".to_owned()),
        ];
        for (operation, expected) in cases {
            assert_eq!(request(operation), expected, "{operation:?}");
        }
    }

    fn escaped_filter() -> String {
        let sync = first_sync(&["!r:s"], LIMIT);
        super::super::request::escaped(sync.parameter("filter").unwrap())
    }

    #[test]
    fn every_read_is_one_request_or_says_why_not() {
        for endpoint in EndpointId::all().filter(|endpoint| endpoint.get().gives.is_some()) {
            match translated(Operation::Read(endpoint)) {
                Ok(request) => assert_eq!(request.call, endpoint.get().id),
                Err(NotOneCall(why)) => assert!(!why.is_empty()),
            }
        }
    }

    #[test]
    fn an_action_that_is_not_one_call_says_why() {
        let call = Operation::Call(EndpointId::find("POST /createRoom").unwrap());
        for operation in [Operation::Restart, Operation::EndToken(0), call] {
            assert!(request(operation).starts_with("no call: "), "{operation:?}");
        }
    }
}
