//! How rooms come to be.

use std::sync::Arc;

use guest_access_model::vocabulary::{Decision, Membership};
use ruma::api::client::room::Visibility;
use ruma::api::client::room::create_room::v3::{Request, Response, RoomPreset};
use ruma::serde::JsonObject;
use ruma::{OwnedRoomId, RoomAliasId, RoomId, UserId};
use serde_json::{Value, json};

use super::answer::{Answer, Credentials, Granted};
use super::authorisation::Call;
use super::endpoints::ENDPOINTS;
use super::event::{
    CREATE, Draft, GUEST_ACCESS, HISTORY_VISIBILITY, JOIN_RULES, MEMBER, POWER_LEVELS,
};
use super::{Reference, Room, SERVER_NAME};

/// A state event that a room starts with: type, state key and content.
type Initial = (String, String, Value);

impl Reference {
    /// `POST /createRoom`.
    ///
    /// # Errors
    /// The refusal, if no room is created.
    pub fn create_room(&mut self, with: &Credentials<'_>, request: &Request) -> Answer<Response> {
        let caller = self.admit(with, Call::to(ENDPOINTS.create_room))?;
        let creator = caller.sender();
        let room = self.found(&creator, &power_levels(&creator, request));
        if let Some(name) = &request.room_alias_name {
            self.name(&room, name);
        }

        let mut initial: Vec<Initial> =
            request.initial_state.iter().filter_map(|raw| read_initial(raw.json().get())).collect();
        // CS-30: State given in `initial_state` takes precedence over what the preset sets.
        let preset = preset_state(request).into_iter().filter(|(kind, content)| {
            let given = initial.iter().any(|(given, key, _)| given == kind && key.is_empty());
            !given && content.is_object()
        });
        let mut state: Vec<Initial> =
            preset.map(|(kind, content)| (kind.to_owned(), String::new(), content)).collect();
        state.append(&mut initial);
        if let Some(name) = &request.name {
            state.push(("m.room.name".to_owned(), String::new(), json!({ "name": name })));
        }
        if let Some(topic) = &request.topic {
            state.push(("m.room.topic".to_owned(), String::new(), json!({ "topic": topic })));
        }
        for (kind, key, content) in state {
            self.accept(&room, Draft::state(&creator, &kind, &key, content));
        }
        for invited in &request.invite {
            self.set_membership(&room, &creator, invited, Membership::Invite);
        }
        let decision = Decision::allow(&["RG-2"], "the endpoint is open to the caller");
        Ok(Granted::new(decision, Response::new(room)))
    }

    /// A room in which neither setting was ever set, that anyone may join, and in which anyone who
    /// is joined may send `org.example.note`: what the rules say of such rooms cannot be seen in
    /// one that was created with a preset.
    pub fn found_room(&mut self, creator: &UserId, alias: &str) -> OwnedRoomId {
        let levels = json!({
            "users": { creator.as_str(): 100 },
            "events": { "org.example.note": 0 },
        });
        let room = self.found(creator, &levels);
        let public = json!({ "join_rule": "public" });
        self.accept(&room, Draft::state(creator, JOIN_RULES, "", public));
        self.name(&room, alias);
        room
    }

    /// Joins `user` to a room, by the server itself: nothing is asked.
    pub fn add_member(&mut self, room: &RoomId, user: &UserId) {
        self.set_membership(room, user, user, Membership::Join);
    }

    /// A room that holds what every room starts with.
    fn found(&mut self, creator: &UserId, power_levels: &Value) -> OwnedRoomId {
        let number = self.rooms.len() + 1;
        let id = RoomId::parse(format!("!{number}:{SERVER_NAME}"))
            .expect("a number and a server name make a room id");
        self.rooms.push(Arc::new(Room::new(id.clone(), self.choices())));
        let create = json!({ "room_version": "11" });
        self.accept(&id, Draft::state(creator, CREATE, "", create));
        let join = self.member_content(creator, Membership::Join);
        self.accept(&id, Draft::state(creator, MEMBER, creator.as_str(), join));
        self.accept(&id, Draft::state(creator, POWER_LEVELS, "", power_levels.clone()));
        id
    }

    fn name(&mut self, room: &RoomId, alias: &str) {
        if let Ok(alias) = RoomAliasId::parse(format!("#{alias}:{SERVER_NAME}")) {
            Arc::make_mut(&mut self.aliases).insert(alias, room.to_owned());
        }
    }
}

/// What the preset of a request sets.
fn preset_state(request: &Request) -> Vec<(&'static str, Value)> {
    let public = match request.preset {
        Some(RoomPreset::PublicChat) => true,
        Some(_) => false,
        None => request.visibility == Visibility::Public,
    };
    vec![
        (JOIN_RULES, json!({ "join_rule": if public { "public" } else { "invite" } })),
        // CS-29: Every preset of `createRoom` sets the history visibility to `shared`.
        (HISTORY_VISIBILITY, json!({ "history_visibility": "shared" })),
        // CS-31: The presets `private_chat` and `trusted_private_chat` set guest access to
        // `can_join`.
        // CS-32: The preset `public_chat` leaves guest access `forbidden`.
        (GUEST_ACCESS, json!({ "guest_access": if public { "forbidden" } else { "can_join" } })),
    ]
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

fn read_initial(json: &str) -> Option<Initial> {
    let event: Value = serde_json::from_str(json).ok()?;
    let key = event.get("state_key").and_then(Value::as_str).unwrap_or_default();
    Some((event.get("type")?.as_str()?.to_owned(), key.to_owned(), event.get("content")?.clone()))
}

#[cfg(test)]
mod tests {
    use guest_access_model::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};
    use ruma::serde::Raw;

    use super::super::fixture::World;
    use super::*;

    fn create(request: &Request) -> (World, OwnedRoomId) {
        let mut world = World::new();
        let answer = world.server.create_room(&world.moderator.with(), request);
        let room = answer.unwrap().response.room_id;
        (world, room)
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
            let (world, room) = create(&request);
            let room = world.server.room(&room).unwrap();
            assert_eq!(room.join_rule(), rule);
            assert_eq!(room.settings().guest_access, guest_access);
            assert_eq!(room.settings().visibility, Some(HistoryVisibility::Shared));
        }
    }

    #[test]
    fn initial_state_takes_precedence_over_the_preset() {
        let event = json!({
            "type": HISTORY_VISIBILITY,
            "content": { "history_visibility": "world_readable" },
        });
        let mut request = Request::new();
        request.initial_state = vec![Raw::from_json_string(event.to_string()).unwrap()];
        let (world, room) = create(&request);
        let room = world.server.room(&room).unwrap();
        assert_eq!(room.settings().visibility, Some(HistoryVisibility::WorldReadable));
        let settings = room.events().filter(|event| event.kind == HISTORY_VISIBILITY);
        assert_eq!(settings.count(), 1);
    }

    #[test]
    fn a_room_that_was_merely_founded_has_neither_setting() {
        let world = World::new();
        let room = world.server.room(&world.room).unwrap();
        assert!(room.current(HISTORY_VISIBILITY, "").is_none());
        assert!(room.current(GUEST_ACCESS, "").is_none());
        assert_eq!(room.join_rule(), JoinRule::Public);
    }
}
