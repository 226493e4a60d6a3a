//! One story's people and rooms on a homeserver.

use std::collections::BTreeMap;

use guest_access_model::action::{Action, Actor, Credential, Key, Observation, Operation, Place};
use guest_access_model::state::MAX_ROOMS;
use guest_access_rules::endpoint::Gives;
use guest_access_rules::vocabulary::MembershipEndpoint;
use ruma::api::client::state::get_state_events;
use ruma::api::client::sync::sync_events::v3 as sync;
use ruma::events::AnyStateEvent;
use ruma::serde::Raw;
use ruma::{OwnedRoomId, UserId};
use serde_json::json;

use super::accounts::{Accounts, Credentials};
use super::recording::{Connection, Exchange, Recording};
use super::room_fixture::RoomFixture;
use super::setting_up::endpoint;
use super::{CallVerdict, HttpObservation, Request, Response, Server, ServerError, UserAccount};

/// The model's world, made on a homeserver: its people, its rooms, and the tagged event.
#[derive(Debug)]
pub struct Session<'a> {
    pub(super) server: &'a Server,
    /// The line to it, which remembers what was said.
    pub(super) connection: Connection<'a>,
    /// A word that no other story uses: every name that is made for this one begins with it.
    pub(super) word: String,
    pub(super) accounts: Accounts,
    pub(super) rooms: Vec<SessionRoom>,
    /// The tagged event, once it was sent.
    pub(super) tagged: Option<TaggedEvent>,
    /// The place in every stream before anything of the story happened.
    pub(super) beginning: Option<String>,
    /// Rooms that a call has created beside those of the story.
    pub(super) side_rooms: Vec<(Credentials, OwnedRoomId)>,
    /// The room for calls that take one in which the caller has a say, once there was one.
    pub(super) stage: Option<RoomFixture>,
    names: u32,
}

/// What a story needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// How many rooms.
    pub rooms: usize,
    /// Whether these have aliases.
    pub aliases: bool,
    /// Whether the place before the story in every stream.
    pub streams: bool,
    /// How often it reads what was sent in them.
    pub readings: usize,
    /// Whether rooms in which nobody ever set the guest access: something is done in them before that.
    pub unset_guest_access: bool,
}

impl Needs {
    /// What a story of these steps needs.
    pub fn of<'s>(steps: impl IntoIterator<Item = &'s Action>) -> Self {
        let mut needs = Self {
            rooms: 1,
            aliases: false,
            streams: false,
            readings: 0,
            unset_guest_access: false,
        };
        let mut begun = [false; MAX_ROOMS];
        for step in steps {
            if let Some(room) = step.room()
                && !std::mem::replace(&mut begun[room], true)
            {
                let sets = matches!(step.operation, Operation::SetGuestAccess(_, Key::Empty));
                needs.unset_guest_access |= !sets || step.by != Actor::Moderator;
            }
            needs.rooms = needs.rooms.max(step.room().map_or(1, |room| room + 1));
            needs.aliases |= step.operation == Operation::Join(MembershipEndpoint::Alias);
            if let Operation::Read(endpoint) = step.operation {
                needs.readings += 1;
                needs.streams |= endpoint.get().gives == Some(Gives::Stream);
            }
        }
        needs
    }
}

/// A room of the story's.
#[derive(Debug)]
pub(super) struct SessionRoom {
    pub(super) id: OwnedRoomId,
    /// Its alias, if the story asks for one.
    pub(super) alias: Option<String>,
    /// The event that is the setting now.
    pub(super) visibility_event: Option<String>,
    pub(super) guest_access_event: Option<String>,
    /// The newest message of each who sent one.
    pub(super) messages: BTreeMap<Actor, String>,
    /// What it has that no new room has.
    pub(super) mark: RoomMark,
    /// How many steps other stories told in it.
    pub(super) actions_taken: usize,
    /// What was said to make it.
    pub(super) made: Vec<Exchange>,
}

/// What a room has that no new one has, however it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RoomMark {
    None,
    /// A guest access, where a new room has none.
    GuestAccess,
    /// A history visibility where a new room has none; a setting under another key, or as a message.
    Other,
}

/// The tagged event.
#[derive(Debug, Clone)]
pub(super) struct TaggedEvent {
    pub(super) id: String,
    /// The state key, if it is a note.
    pub(super) note: Option<String>,
}

impl SessionRoom {
    pub(super) const fn new(id: OwnedRoomId) -> Self {
        Self {
            id,
            alias: None,
            visibility_event: None,
            guest_access_event: None,
            messages: BTreeMap::new(),
            mark: RoomMark::None,
            actions_taken: 0,
            made: Vec::new(),
        }
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(server: &'a Server, accounts: Accounts) -> Self {
        Self {
            server,
            connection: Connection::new(&server.client),
            word: server.word(),
            accounts,
            rooms: Vec::new(),
            tagged: None,
            beginning: None,
            side_rooms: Vec::new(),
            stage: None,
            names: 0,
        }
    }

    /// Takes a step, and says what came of it. An answer that cannot be understood is one that
    /// tells nothing.
    ///
    /// # Errors
    /// If no answer came: the homeserver may be gone.
    pub async fn perform(&mut self, step: &Action) -> Result<HttpObservation, ServerError> {
        let observed = match self.operation(step).await {
            Err(error) if !error.is_broken_line() => {
                HttpObservation::inconclusive(error.to_string())
            }
            other => other?,
        };
        if step.tag && self.tagged.is_none() && observed.verdict == CallVerdict::Allowed {
            return Ok(HttpObservation::inconclusive(
                "the homeserver does not say which event was sent",
            ));
        }
        Ok(observed)
    }

    /// Whether taking the step would spoil the story although the rules change nothing: it ends
    /// tokens, which the rules do not speak of.
    pub fn ends_unmodelled_tokens(step: &Action, expected: &Observation) -> bool {
        matches!(step.operation, Operation::Call(called) if called == endpoint("POST /logout/all"))
            && expected.decision.allows()
    }

    pub(super) fn moderators(&self) -> Credentials {
        self.accounts.credentials(Actor::Moderator, Credential::Own)
    }

    /// Makes a call with these credentials.
    pub(super) async fn send(
        &self,
        with: &Credentials,
        request: Request,
    ) -> Result<Response, ServerError> {
        self.connection.send(&with.name_in(request), with.token.as_ref()).await
    }

    /// The id of the room at `place`; that of a room elsewhere, if there is none.
    pub(super) fn room_id(&self, place: Place) -> String {
        let known = match place {
            Place::Room(number) => self.rooms.get(usize::from(number)),
            Place::Nowhere | Place::Elsewhere => None,
        };
        known.map_or_else(|| ELSEWHERE.to_owned(), |room| room.id.to_string())
    }

    /// A transaction id that was not used before.
    pub(super) fn transaction(&mut self) -> String {
        self.name("txn")
    }

    /// A name that nobody else has.
    pub(super) fn name(&mut self, of: &str) -> String {
        self.names += 1;
        format!("{}-{of}-{}", self.word, self.names)
    }

    /// What is done from now on belongs to the step with this number.
    pub fn begin_action(&self, step: usize) {
        self.connection.begin_action(step);
    }

    /// What was said so far.
    pub fn recording(&self) -> Recording {
        let known = |person: &UserAccount| (person.user_id.to_string(), person.token.clone());
        let guest = |person: &Option<UserAccount>| Some(person.as_ref()?.user_id.to_string());
        Recording {
            exchanges: self.connection.exchanges(),
            word: self.word.clone(),
            moderator: known(&self.accounts.moderator),
            user: known(&self.accounts.user),
            guests: self.accounts.guests.each_ref().map(guest),
            rooms: self.rooms.iter().map(|room| room.id.to_string()).collect(),
            tagged: self.tagged.as_ref().map(|tagged| (tagged.id.clone(), tagged.note.is_some())),
        }
    }

    /// The state of a room, as the moderator is given it.
    pub(super) async fn state_of(
        &self,
        room: usize,
    ) -> Result<Vec<Raw<AnyStateEvent>>, ServerError> {
        let id = self.rooms[room].id.as_str();
        let request = Request::to(endpoint("GET /rooms/{roomId}/state"), [id]);
        let response = self.send(&self.moderators(), request).await?;
        Ok(response.read::<get_state_events::v3::Response>()?.room_state)
    }

    /// The place in every stream at this moment.
    pub(super) async fn now(&self) -> Result<String, ServerError> {
        let response = self.send(&self.moderators(), self.first_sync(1)).await?;
        Ok(response.read::<sync::Response>()?.next_batch)
    }

    /// The first sync about the story's rooms, with so many events of each.
    pub(super) fn first_sync(&self, limit: u32) -> Request {
        let rooms: Vec<_> = self.rooms.iter().map(|room| room.id.as_str()).collect();
        let nothing = json!({ "types": [] });
        let filter = json!({
            "room": { "rooms": rooms, "timeline": { "limit": limit } },
            "presence": nothing,
            "account_data": nothing,
        });
        Request::to(endpoint("GET /sync"), [])
            .query("timeout", "0")
            .query("filter", filter.to_string())
    }

    /// Whose user id this is, among those whom the model knows.
    pub(super) fn actor(&self, user: &str) -> Option<Actor> {
        let is = |id: &UserId| id.as_str() == user;
        if is(&self.accounts.user.user_id) {
            return Some(Actor::User);
        }
        let mut guests = (0_u8..).zip(&self.accounts.guests);
        guests
            .find(|(_, guest)| guest.as_ref().is_some_and(|guest| is(&guest.user_id)))
            .map(|(number, _)| Actor::Guest(number))
    }
}

/// A room in which the homeserver takes no part.
const ELSEWHERE: &str = "!elsewhere:elsewhere.invalid";
