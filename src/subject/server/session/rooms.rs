//! The rooms of a session: created, or taken from the pool; and left in the end.

use guest_access_model::action::{Actor, Credential, Key, Says, Setting};
use guest_access_model::state::{Room, State};
use guest_access_reference::reference::ReplicaEvent;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::Membership;
use ruma::api::client::membership::join_room_by_id;
use ruma::api::client::room::create_room;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Session;
use crate::subject::server::error::ServerError;
use crate::subject::server::homeserver::SharedFixture;
use crate::subject::server::needs::Needs;
use crate::subject::server::request::{Request, endpoint};
use crate::subject::server::requests::{
    NOTE, alias_request, guest_access_content, state_request, visibility_content,
};
use crate::subject::server::room_pool::{RoomMark, SessionRoom, VacantRoom};

impl Session<'_> {
    /// Adds one room in the state that the model begins with: from the pool, or a new one.
    pub(super) async fn find_room(
        &mut self,
        fixture: &SharedFixture,
        needs: Needs,
        initial: &Room,
    ) -> Result<(), ServerError> {
        if let Some(vacant) = fixture.pool.take(needs) {
            let id = vacant.id.clone();
            match self.move_in(vacant, initial).await {
                Err(error) if !error.is_broken_line() => {
                    self.rooms.pop();
                    self.server.leave_for_good(fixture, &id).await;
                }
                done => return done,
            }
        }
        self.make_room(initial).await
    }

    async fn move_in(&mut self, vacant: VacantRoom, initial: &Room) -> Result<(), ServerError> {
        let number = self.rooms.len();
        let VacantRoom { id, mark, actions_taken, creation } = vacant;
        let before = self.connection.exchange_count();
        self.connection.recall(&creation);
        self.rooms.push(SessionRoom { mark, actions_taken, creation, ..SessionRoom::new(id) });
        let exchange_count = self.connection.exchange_count();
        let mut settled = self.settle_in(number, initial).await;
        if matches!(settled, Ok(true)) {
            // A script that replays the scenario does so in a new room, where nothing is to be set.
            self.connection.truncate(exchange_count);
            // The events that were just sent belong to the state in which the session begins.
            self.rooms[number].initial_state.clear();
            settled = self.settle_in(number, initial).await;
        }
        if settled.is_err() {
            self.connection.truncate(before);
        }
        settled.map(|_| ())
    }

    async fn make_room(&mut self, initial: &Room) -> Result<(), ServerError> {
        let number = self.rooms.len();
        let exchange_count = self.connection.exchange_count();
        let mut body = json!({
            "preset": "public_chat",
            "visibility": "private",
            // Whoever is joined may send a note, and only the moderator other state.
            "power_level_content_override": { "events": { NOTE: 0 } },
        });
        let capabilities = self.server.capabilities.get();
        if let Some(version) = capabilities.and_then(|offered| offered.room_version.as_ref()) {
            body["room_version"] = version.as_str().into();
        }
        let request = Request::to(endpoint("POST /createRoom"), []).body(body);
        let response = self.send(&self.moderators(), request).await?;
        let id = response.read::<create_room::v3::Response>()?.room_id;
        let join = Request::to(KNOWN.join, [id.as_str()]).body(json!({}));
        self.rooms.push(SessionRoom::new(id));
        let user = self.accounts.credentials(Actor::User, Credential::Own);
        self.send(&user, join).await?.read::<join_room_by_id::v3::Response>()?;
        self.settle_in(number, initial).await?;
        let mut creation = self.connection.exchanges().split_off(exchange_count);
        creation.retain(|exchange| exchange.request.method != "GET");
        self.rooms[number].creation = creation;
        Ok(())
    }

    /// Sets what differs from `initial`, and remembers which events are the settings. Returns whether
    /// anything differed.
    async fn settle_in(&mut self, number: usize, initial: &Room) -> Result<bool, ServerError> {
        let moderators = self.moderators();
        let mut has_set = false;
        for event in self.state_of(number).await? {
            let state_event = event.deserialize_as_unchecked::<ReplicaEvent>();
            self.rooms[number].add_initial_state(state_event.ok());
            let Ok(event) = event.deserialize_as_unchecked::<SettingEvent>() else { continue };
            if !event.state_key.is_empty() {
                continue;
            }
            let says = |key: &str| event.content.get(key).and_then(Value::as_str).unwrap_or("");
            let (setting, content) = match event.kind.as_str() {
                "m.room.history_visibility" => {
                    let wanted = initial.visibility.map_or(Says::Malformed, Says::Value);
                    let same = initial
                        .visibility
                        .is_some_and(|wanted| says("history_visibility") == wanted.as_str());
                    self.rooms[number].visibility_event = Some(event.event_id);
                    (Setting::HistoryVisibility, (!same).then(|| visibility_content(wanted, || 0)))
                }
                "m.room.guest_access" => {
                    let same = says("guest_access") == initial.guest_access.as_str();
                    let wanted = Says::Value(initial.guest_access);
                    self.rooms[number].guest_access_event = Some(event.event_id);
                    (Setting::GuestAccess, (!same).then(|| guest_access_content(wanted, || 0)))
                }
                "m.room.join_rules" if says("join_rule") != initial.join_rule.as_str() => {
                    let id = self.rooms[number].id.to_string();
                    let content = json!({ "join_rule": initial.join_rule.as_str() });
                    let request = state_request(&id, "m.room.join_rules", "", content);
                    self.send(&moderators, request).await?.accepted()?;
                    has_set = true;
                    continue;
                }
                _ => continue,
            };
            if let Some(content) = content {
                let room = self.rooms[number].id.to_string();
                let request = state_request(&room, setting.as_str(), "", content);
                let key = Key::Empty;
                self.set(&moderators, number, setting, key, request).await?.accepted()?;
                has_set = true;
            }
        }
        Ok(has_set)
    }

    /// Gives each room an alias.
    pub(super) async fn give_aliases(&mut self) -> Result<(), ServerError> {
        let moderators = self.moderators();
        for number in 0..self.rooms.len() {
            let server = self.accounts.moderator.user_id.server_name().to_owned();
            let alias = format!("#{}:{server}", self.names.next("room"));
            let request = alias_request(&alias, self.rooms[number].id.as_str());
            let response = self.send(&moderators, request).await?;
            if response.is_unrecognized() {
                return Err(ServerError::NotImplemented { call: response.call });
            }
            response.accepted()?;
            self.rooms[number].alias = Some(alias);
        }
        Ok(())
    }

    /// Leaves the rooms, which are as in `state` after so many actions. If the rooms `may_go_on`, the
    /// pool of the fixture keeps them; else the moderator and the user leave them too. A refusal by
    /// the homeserver changes nothing of this.
    pub async fn clean_up(
        self,
        fixture: &SharedFixture,
        state: &State,
        actions: usize,
        may_go_on: bool,
    ) {
        let moderators = self.moderators();
        let of_fixture = self.fixture.iter().flat_map(|fixture| &fixture.aliases);
        for alias in self.rooms.iter().filter_map(|room| room.alias.as_ref()).chain(of_fixture) {
            let delete = Request::to(endpoint("DELETE /directory/room/{roomAlias}"), [&**alias]);
            let _ = self.send(&moderators, delete).await;
        }
        for (room, now) in self.rooms.iter().zip(&state.rooms) {
            for (number, membership) in (0_u8..).zip(now.members) {
                let is_live = state.accounts[usize::from(number)].is_live();
                if is_live && matches!(membership, Membership::Join | Membership::Invite) {
                    let guest = self.accounts.credentials(Actor::Guest(number), Credential::Own);
                    self.server.leave_as_guest(&guest, &room.id).await;
                }
            }
        }
        for (who, room) in &self.side_rooms {
            self.server.leave(who, room).await;
        }
        for (room, now) in self.rooms.into_iter().zip(&state.rooms) {
            let SessionRoom { id, creation, actions_taken, mark, .. } = room;
            let actions_taken = actions_taken + actions;
            let is_as_new = mark < RoomMark::Other && now.user == Membership::Join;
            if may_go_on && is_as_new {
                fixture.pool.put(VacantRoom { id, mark, actions_taken, creation });
            } else {
                self.server.leave_for_good(fixture, &id).await;
            }
        }
    }
}

/// The fields of a state event that the session reads.
#[derive(Debug, Deserialize)]
struct SettingEvent {
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
    event_id: String,
    content: Value,
}
