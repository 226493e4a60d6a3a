//! A story's rooms: made, or found as a short story left them; and left in the end.
//!
//! To create a room costs a homeserver more than most stories do, and to leave it as much again. So a
//! room goes from one story to the next, as the model's first state has it, with guests whom it does
//! not know yet: what was said in it before is no business of theirs. A story that reads much begins in
//! none with a long past, since that is read whole each time. None goes on where its past could matter:
//! the homeserver did otherwise than the rules, or the room has what a new one has not and the story
//! does not begin with setting it.

use guest_access_model::action::{Actor, Credential, Key, Says, Setting};
use guest_access_model::state::{Room, State};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::Membership;
use ruma::OwnedRoomId;
use ruma::api::client::membership::join_room_by_id;
use ruma::api::client::room::create_room;
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::Credentials;
use super::recording::Exchange;
use super::sending::{NOTE, guest_access_content, visibility_content};
use super::session::{RoomMark, SessionRoom};
use super::setting_up::endpoint;
use super::{Needs, Request, Response, Server, ServerError, Session, SharedFixture};

/// How many steps of a room's past are read again at most, all readings of a story together: beyond
/// that a new room costs less.
const MOST_READ_AGAIN: usize = 2000;

/// A room that a story left as another may begin in it.
#[derive(Debug)]
pub(super) struct VacantRoom {
    id: OwnedRoomId,
    mark: RoomMark,
    actions_taken: usize,
    made: Vec<Exchange>,
}

impl Session<'_> {
    /// Finds one more room, or makes one, and makes it what the model begins with.
    pub(super) async fn find_room(
        &mut self,
        fixture: &SharedFixture,
        needs: Needs,
        first: &Room,
    ) -> Result<(), ServerError> {
        if let Some(vacant) = fixture.vacant_room(needs) {
            let id = vacant.id.clone();
            match self.move_in(vacant, first).await {
                Err(error) if !error.is_broken_line() => {
                    self.rooms.pop();
                    self.server.leave_for_good(fixture, &id).await;
                }
                done => return done,
            }
        }
        self.make_room(first).await
    }

    async fn move_in(&mut self, vacant: VacantRoom, first: &Room) -> Result<(), ServerError> {
        let number = self.rooms.len();
        let VacantRoom { id, mark, actions_taken, made } = vacant;
        let before = self.connection.said();
        self.connection.recall(&made);
        self.rooms.push(SessionRoom { mark, actions_taken, made, ..SessionRoom::new(id) });
        let said = self.connection.said();
        let mut settled = self.settle_in(number, first).await;
        if matches!(settled, Ok(true)) {
            // Whoever tells the story again does so in a new room, where nothing is to be set.
            self.connection.unsay(said);
            settled = self.settle_in(number, first).await;
        }
        if settled.is_err() {
            self.connection.unsay(before);
        }
        settled.map(|_| ())
    }

    async fn make_room(&mut self, first: &Room) -> Result<(), ServerError> {
        let number = self.rooms.len();
        let said = self.connection.said();
        let mut body = json!({
            "preset": "public_chat",
            "visibility": "private",
            // Whoever is joined may send a note, and only the moderator other state.
            "power_level_content_override": { "events": { NOTE: 0 } },
        });
        if let Some(Some(version)) = self.server.room_version.get() {
            body["room_version"] = version.as_str().into();
        }
        let request = Request::to(endpoint("POST /createRoom"), []).body(body);
        let response = self.send(&self.moderators(), request).await?;
        let id = response.read::<create_room::v3::Response>()?.room_id;
        let join = Request::to(KNOWN.join, [id.as_str()]).body(json!({}));
        self.rooms.push(SessionRoom::new(id));
        let user = self.accounts.credentials(Actor::User, Credential::Own);
        self.send(&user, join).await?.read::<join_room_by_id::v3::Response>()?;
        self.settle_in(number, first).await?;
        let mut made = self.connection.exchanges().split_off(said);
        made.retain(|exchange| exchange.request.method != "GET");
        self.rooms[number].made = made;
        Ok(())
    }

    /// Sets what is not as in `first`, and remembers which events are the settings. Says whether
    /// anything was to be set.
    async fn settle_in(&mut self, number: usize, first: &Room) -> Result<bool, ServerError> {
        let moderators = self.moderators();
        let mut has_set = false;
        for event in self.state_of(number).await? {
            let Ok(event) = event.deserialize_as_unchecked::<SettingEvent>() else { continue };
            if !event.state_key.is_empty() {
                continue;
            }
            let says = |key: &str| event.content.get(key).and_then(Value::as_str).unwrap_or("");
            let (setting, content) = match event.kind.as_str() {
                "m.room.history_visibility" => {
                    let wanted = first.visibility.map_or(Says::Malformed, Says::Value);
                    let same = first
                        .visibility
                        .is_some_and(|wanted| says("history_visibility") == wanted.as_str());
                    self.rooms[number].visibility_event = Some(event.event_id);
                    (Setting::HistoryVisibility, (!same).then(|| visibility_content(wanted)))
                }
                "m.room.guest_access" => {
                    let same = says("guest_access") == first.guest_access.as_str();
                    let wanted = Says::Value(first.guest_access);
                    self.rooms[number].guest_access_event = Some(event.event_id);
                    (Setting::GuestAccess, (!same).then(|| guest_access_content(wanted)))
                }
                "m.room.join_rules" if says("join_rule") != first.join_rule.as_str() => {
                    let id = self.rooms[number].id.to_string();
                    let content = json!({ "join_rule": first.join_rule.as_str() });
                    let request = Self::state_request(&id, "m.room.join_rules", "", content);
                    accepted(&self.send(&moderators, request).await?)?;
                    has_set = true;
                    continue;
                }
                _ => continue,
            };
            if let Some(content) = content {
                accepted(&self.set(&moderators, number, setting, &content, Key::Empty).await?)?;
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
            let alias = format!("#{}:{server}", self.name("room"));
            let request = Self::alias_request(&alias, self.rooms[number].id.as_str());
            accepted(&self.send(&moderators, request).await?)?;
            self.rooms[number].alias = Some(alias);
        }
        Ok(())
    }

    pub(super) fn alias_request(alias: &str, room: &str) -> Request {
        Request::to(endpoint("PUT /directory/room/{roomAlias}"), [alias])
            .body(json!({ "room_id": room }))
    }

    /// Leaves the rooms, in which everybody is as in `state` after so many steps: to the next story
    /// of these helpers if they `may_go_on`, else for good. What a homeserver refuses of this stays as
    /// it is.
    pub async fn clean_up(
        self,
        fixture: &SharedFixture,
        state: &State,
        steps: usize,
        may_go_on: bool,
    ) {
        let moderators = self.moderators();
        let of_stage = self.stage.iter().flat_map(|stage| &stage.aliases);
        for alias in self.rooms.iter().filter_map(|room| room.alias.as_ref()).chain(of_stage) {
            let delete = Request::to(endpoint("DELETE /directory/room/{roomAlias}"), [&**alias]);
            let _ = self.send(&moderators, delete).await;
        }
        for (room, now) in self.rooms.iter().zip(&state.rooms) {
            for (number, membership) in (0_u8..).zip(now.members) {
                let is_live = state.accounts[usize::from(number)].is_live();
                if is_live && matches!(membership, Membership::Join | Membership::Invite) {
                    let guest = self.accounts.credentials(Actor::Guest(number), Credential::Own);
                    self.server.leave(&guest, &room.id).await;
                }
            }
        }
        for (who, room) in &self.side_rooms {
            self.server.leave(who, room).await;
        }
        for (room, now) in self.rooms.into_iter().zip(&state.rooms) {
            let SessionRoom { id, made, actions_taken, mark, .. } = room;
            let actions_taken = actions_taken + steps;
            let is_as_new = mark < RoomMark::Other && now.user == Membership::Join;
            if may_go_on && is_as_new {
                fixture.vacant.borrow_mut().push(VacantRoom { id, mark, actions_taken, made });
            } else {
                self.server.leave_for_good(fixture, &id).await;
            }
        }
    }
}

impl SharedFixture {
    /// A room that another story left, and that is what a story needs; a marked one, if that will do.
    fn vacant_room(&self, needs: Needs) -> Option<VacantRoom> {
        let mut vacant = self.vacant.borrow_mut();
        let will_do = |room: &VacantRoom| {
            let is_unmarked_enough = !needs.unset_guest_access || room.mark == RoomMark::None;
            is_unmarked_enough && room.actions_taken * needs.readings <= MOST_READ_AGAIN
        };
        let numbers = (0..vacant.len()).filter(|number| will_do(&vacant[*number]));
        let number =
            numbers.max_by_key(|number| (vacant[*number].mark, vacant[*number].actions_taken))?;
        Some(vacant.swap_remove(number))
    }
}

impl Server {
    /// Leaves for good the rooms that stories of these helpers left to others.
    pub async fn leave_vacant(&self, fixture: &SharedFixture) {
        let vacant = fixture.vacant.take();
        for room in vacant {
            self.leave_for_good(fixture, &room.id).await;
        }
    }

    async fn leave_for_good(&self, fixture: &SharedFixture, room: &OwnedRoomId) {
        for person in [&fixture.user, &fixture.moderator] {
            let who = Credentials { token: Some(person.token.clone()), named: None };
            self.leave(&who, room).await;
        }
    }

    /// Leaves and forgets a room.
    pub(super) async fn leave(&self, who: &Credentials, room: &OwnedRoomId) {
        for id in ["POST /rooms/{roomId}/leave", "POST /rooms/{roomId}/forget"] {
            let request = Request::to(endpoint(id), [room.as_str()]).body(json!({}));
            match self.client.send(&who.name_in(request), who.token.as_ref()).await {
                Ok(response) if response.allows() => {}
                _ => return,
            }
        }
    }
}

/// What a homeserver refuses of what every story needs is an error.
pub(super) fn accepted(response: &Response) -> Result<(), ServerError> {
    if response.allows() {
        return Ok(());
    }
    Err(ServerError::Refused { call: response.call.clone(), answer: response.in_short() })
}

/// What of a state event matters here.
#[derive(Debug, Deserialize)]
struct SettingEvent {
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
    event_id: String,
    content: Value,
}
