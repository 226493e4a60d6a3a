//! The creation of rooms.

use std::sync::Arc;

use guest_access_rules::vocabulary::{ErrCode, Membership};
use ruma::api::client::room::Visibility;
use ruma::api::client::room::create_room::v3::{Request, Response, RoomPreset};
use ruma::serde::JsonObject;
use ruma::{OwnedRoomAliasId, OwnedRoomId, RoomAliasId, RoomId, RoomVersionId, UserId};
use serde_json::{Value, json};

use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::authorisation::EndpointCall;
use super::endpoints::ENDPOINTS;
use super::event::{
    CANONICAL_ALIAS, CREATE, GUEST_ACCESS, HISTORY_VISIBILITY, JOIN_RULES, MEMBER, POWER_LEVELS,
    UnsentEvent,
};
use super::{Reference, Room};

/// An initial state event: type, state key and content.
type InitialState = (String, String, Value);

impl Reference {
    /// `POST /createRoom`.
    ///
    /// # Errors
    /// The refusal, if no room is created.
    pub fn create_room(
        &mut self,
        credentials: &Credentials<'_>,
        request: &Request,
    ) -> Answer<Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.create_room))?;
        let creator = caller.sender();
        let version = request.room_version.clone().unwrap_or(DEFAULT_VERSION);
        if !VERSIONS.contains(&version) {
            return Err(UNSUPPORTED_VERSION);
        }
        let alias = request.room_alias_name.as_deref();
        let alias = alias.map(|name| self.unused_alias(name)).transpose()?;
        let create = create_content(&creator, &version, request);
        let power_levels = power_levels(&creator, request);
        let mut state = initial_state(request);
        if let Some(alias) = &alias {
            let content = json!({ "alias": alias });
            state.insert(0, (CANONICAL_ALIAS.to_owned(), String::new(), content));
        }
        let id = self.next_room_id();
        let event =
            |(kind, key, content): InitialState| UnsentEvent::state(&creator, &kind, &key, content);
        let state: Vec<_> = state.into_iter().map(event).collect();
        UnsentEvent::state(&creator, CREATE, "", create.clone()).check_size(&id)?;
        UnsentEvent::state(&creator, POWER_LEVELS, "", power_levels.clone()).check_size(&id)?;
        state.iter().try_for_each(|event| event.check_size(&id))?;

        let room = self.start_room(&creator, create, &power_levels);
        if let Some(alias) = alias {
            self.set_alias(&room, alias);
        }
        if request.visibility == Visibility::Public {
            Arc::make_mut(&mut self.published).insert(room.clone());
        }
        for event in state {
            self.accept(&room, event);
        }
        for invited in &request.invite {
            self.set_membership(&room, &creator, invited, Membership::Invite);
        }
        Ok(AllowedResponse::new(OPEN, Response::new(room)))
    }

    /// Creates a room without history visibility and without guest access. Anyone may join the room, and
    /// any member may send `org.example.note`. Every preset sets the history visibility, so no room with a
    /// preset can show the rules for an absent setting.
    pub fn create_bare_room(&mut self, creator: &UserId, alias: &str) -> OwnedRoomId {
        let levels = json!({
            "users": { creator.as_str(): 100 },
            "events": { "org.example.note": 0 },
        });
        let create = json!({ "room_version": DEFAULT_VERSION });
        let room = self.start_room(creator, create, &levels);
        let public = json!({ "join_rule": "public" });
        self.accept(&room, UnsentEvent::state(creator, JOIN_RULES, "", public));
        if let Ok(alias) = self.local_alias(alias) {
            self.set_alias(&room, alias);
        }
        room
    }

    /// Joins `user` to a room on behalf of the server, without any check.
    pub fn add_member(&mut self, room: &RoomId, user: &UserId) {
        self.set_membership(room, user, user, Membership::Join);
    }

    /// The id of the next room.
    fn next_room_id(&self) -> OwnedRoomId {
        let number = self.rooms.len() + 1;
        RoomId::parse(format!("!{number}:{}", self.name))
            .expect("a number and a server name make a room id")
    }

    /// A room with the events that every room starts with.
    fn start_room(&mut self, creator: &UserId, create: Value, power_levels: &Value) -> OwnedRoomId {
        let id = self.next_room_id();
        self.rooms.push(Arc::new(Room::new(id.clone(), self.choices())));
        self.accept(&id, UnsentEvent::state(creator, CREATE, "", create));
        let join = self.member_content(creator, Membership::Join);
        self.accept(&id, UnsentEvent::state(creator, MEMBER, creator.as_str(), join));
        self.accept(&id, UnsentEvent::state(creator, POWER_LEVELS, "", power_levels.clone()));
        id
    }

    /// The alias with this local part, if no room has this alias.
    fn unused_alias(&self, localpart: &str) -> Result<OwnedRoomAliasId, Refusal> {
        let alias = self.local_alias(localpart)?;
        if self.aliases.contains_key(&alias) {
            return Err(Refusal::new(400, ErrCode::RoomInUse, &[], "the alias is taken"));
        }
        Ok(alias)
    }

    fn local_alias(&self, localpart: &str) -> Result<OwnedRoomAliasId, Refusal> {
        RoomAliasId::parse(format!("#{localpart}:{}", self.name)).map_err(|_| {
            let because = "the local part cannot be part of an alias";
            Refusal::new(400, ErrCode::InvalidParam, &[], because)
        })
    }

    fn set_alias(&mut self, room: &RoomId, alias: OwnedRoomAliasId) {
        Arc::make_mut(&mut self.aliases).insert(alias, room.to_owned());
    }
}

/// The room versions that the server supports: the versions whose rules agree with the clauses, except
/// for the redaction of `m.room.create`.
pub(super) const VERSIONS: [RoomVersionId; 5] = [
    RoomVersionId::V7,
    RoomVersionId::V8,
    RoomVersionId::V9,
    RoomVersionId::V10,
    RoomVersionId::V11,
];
/// The version of a room if the request names none.
pub(super) const DEFAULT_VERSION: RoomVersionId = RoomVersionId::V11;

const UNSUPPORTED_VERSION: Refusal = Refusal::new(
    400,
    ErrCode::UnsupportedRoomVersion,
    &[],
    "there are no rooms of this version here",
);

/// The content of the `m.room.create` event.
fn create_content(creator: &UserId, version: &RoomVersionId, request: &Request) -> Value {
    let extra = request.creation_content.as_ref();
    let extra: Option<JsonObject> =
        extra.and_then(|raw| serde_json::from_str(raw.json().get()).ok());
    let mut content = Value::Object(extra.unwrap_or_default().into_iter().collect());
    content["room_version"] = version.as_str().into();
    let named = version.rules().is_some_and(|rules| !rules.authorization.use_room_create_sender);
    if named {
        content["creator"] = creator.as_str().into();
    }
    content
}

/// The state that a request asks for, after the events that every room starts with.
fn initial_state(request: &Request) -> Vec<InitialState> {
    let given: Vec<InitialState> = request
        .initial_state
        .iter()
        .filter_map(|raw| parse_initial_state(raw.json().get()))
        .collect();
    // CS-30: State given in `initial_state` takes precedence over what the preset sets.
    let preset = preset_state(request)
        .into_iter()
        .filter(|(kind, _)| !given.iter().any(|(named, key, _)| named == kind && key.is_empty()));
    let mut state: Vec<InitialState> =
        preset.map(|(kind, content)| (kind.to_owned(), String::new(), content)).collect();
    state.extend(given);
    if let Some(name) = &request.name {
        state.push(("m.room.name".to_owned(), String::new(), json!({ "name": name })));
    }
    if let Some(topic) = &request.topic {
        state.push(("m.room.topic".to_owned(), String::new(), json!({ "topic": topic })));
    }
    state
}

/// The state that the preset of a request sets.
fn preset_state(request: &Request) -> Vec<(&'static str, Value)> {
    let public = match request.preset {
        Some(RoomPreset::PublicChat) => true,
        Some(_) => false,
        None => request.visibility == Visibility::Public,
    };
    let mut state = vec![
        (JOIN_RULES, json!({ "join_rule": if public { "public" } else { "invite" } })),
        // CS-29: Every preset of `createRoom` sets the history visibility to `shared`.
        (HISTORY_VISIBILITY, json!({ "history_visibility": "shared" })),
    ];
    // CS-31: The presets `private_chat` and `trusted_private_chat` set guest access to `can_join`.
    // CS-32: The preset `public_chat` leaves guest access `forbidden`.
    if !public {
        state.push((GUEST_ACCESS, json!({ "guest_access": "can_join" })));
    }
    state
}

fn power_levels(creator: &UserId, request: &Request) -> Value {
    let mut users = json!({ creator.as_str(): 100 });
    if request.preset == Some(RoomPreset::TrustedPrivateChat) {
        for invited in &request.invite {
            users[invited.as_str()] = 100.into();
        }
    }
    let mut levels = json!({ "users": users });
    let overriding = request.power_level_content_override.as_ref();
    let overriding: Option<JsonObject> =
        overriding.and_then(|raw| serde_json::from_str(raw.json().get()).ok());
    for (key, value) in overriding.into_iter().flatten() {
        levels[key] = value;
    }
    levels
}

fn parse_initial_state(json: &str) -> Option<InitialState> {
    let event: Value = serde_json::from_str(json).ok()?;
    let key = event.get("state_key").and_then(Value::as_str).unwrap_or_default();
    Some((event.get("type")?.as_str()?.to_owned(), key.to_owned(), event.get("content")?.clone()))
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};
    use ruma::serde::Raw;

    use super::super::event::MAX_EVENT_BYTES;
    use super::super::fixture::{Fixture, status_and_errcode};
    use super::*;

    fn create(request: &Request) -> (Fixture, OwnedRoomId) {
        let mut fixture = Fixture::new();
        let answer = fixture.server.create_room(&fixture.moderator.credentials(), request);
        let room = answer.unwrap().response.room_id;
        (fixture, room)
    }

    #[test]
    fn a_private_chat_lets_guests_join_and_a_public_one_does_not() {
        for (preset, rule, guest_access) in [
            (RoomPreset::PrivateChat, JoinRule::Invite, GuestAccess::CanJoin),
            (RoomPreset::TrustedPrivateChat, JoinRule::Invite, GuestAccess::CanJoin),
            (RoomPreset::PublicChat, JoinRule::Public, GuestAccess::Forbidden),
        ] {
            let mut request = Request::new();
            request.preset = Some(preset);
            let (fixture, room) = create(&request);
            let room = fixture.server.room(&room).unwrap();
            assert_eq!(room.join_rule(), rule);
            assert_eq!(room.settings().guest_access, guest_access);
            assert_eq!(room.settings().visibility, Some(HistoryVisibility::Shared));
        }
    }

    #[test]
    fn the_name_of_the_alias_becomes_the_canonical_alias() {
        let mut request = Request::new();
        request.room_alias_name = Some("lobby".to_owned());
        let (fixture, room) = create(&request);
        let room = fixture.server.room(&room).unwrap();
        let event = room.current(CANONICAL_ALIAS, "").unwrap();
        assert_eq!(event.text("alias"), Some("#lobby:reference.test"));
    }

    #[test]
    fn a_room_with_an_event_beyond_the_limit_is_not_created() {
        let mut fixture = Fixture::new();
        let rooms = fixture.server.rooms().count();
        let mut request = Request::new();
        request.topic = Some("x".repeat(MAX_EVENT_BYTES));
        let answer = fixture.server.create_room(&fixture.moderator.credentials(), &request);
        assert_eq!(status_and_errcode(answer), (413, None));
        assert_eq!(fixture.server.rooms().count(), rooms);
    }

    #[test]
    fn initial_state_takes_precedence_over_the_preset() {
        let event = json!({
            "type": HISTORY_VISIBILITY,
            "content": { "history_visibility": "world_readable" },
        });
        let mut request = Request::new();
        request.initial_state = vec![Raw::from_json_string(event.to_string()).unwrap()];
        let (fixture, room) = create(&request);
        let room = fixture.server.room(&room).unwrap();
        assert_eq!(room.settings().visibility, Some(HistoryVisibility::WorldReadable));
        let settings = room.events().filter(|event| event.kind == HISTORY_VISIBILITY);
        assert_eq!(settings.count(), 1);
    }

    #[test]
    fn a_bare_room_has_neither_setting() {
        let fixture = Fixture::new();
        let room = fixture.server.room(&fixture.room).unwrap();
        assert!(room.current(HISTORY_VISIBILITY, "").is_none());
        assert!(room.current(GUEST_ACCESS, "").is_none());
        assert_eq!(room.join_rule(), JoinRule::Public);
    }
}
