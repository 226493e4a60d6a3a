//! A session on a homeserver: the accounts and the rooms of one scenario, and the calls that perform
//! the actions of the scenario.
//!
//! The session is the only part that makes calls. It takes each request from
//! [`action_request`] or [`sample_request`](super::sample_request), and each observation from
//! [`observe`](super::observe); rooms come from a [pool](super::room_pool).

mod calling;
mod directory;
mod fixture;
mod forgetting;
pub(super) mod further_reads;
mod media;
mod members;
mod performing;
mod read_back;
mod reading;
mod rooms;
mod sending;
pub(super) mod single_calls;
mod timelines;
mod to_device;

use std::cell::Cell;

use guest_access_model::action::{Action, Actor, Credential, Operation, Place};
use guest_access_model::state::Room;
use ruma::api::client::state::get_state_events;
use ruma::api::client::sync::sync_events::v3 as sync;
use ruma::events::AnyStateEvent;
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedUserId, UserId};

use super::accounts::{Credentials, SessionAccounts, UserAccount};
use super::action_request::{NotOneCall, Page, RequestContext, action_request};
use super::error::ServerError;
use super::homeserver::{Server, SharedFixture};
use super::needs::Needs;
use super::not_run::NotRunReason;
use super::observe::TaggedEvent;
use super::read_answer::ReadAnswers;
use super::recording::{Connection, SessionRecording};
use super::request::{Request, endpoint};
use super::requests::{NEVER_SENT, NO_NOTE, place_sync};
use super::response::Response;
use super::room_fixture::RoomFixture;
use super::room_pool::SessionRoom;
use super::setting_shape::ShapeRotation;
use super::token::Token;
use further_reads::FurtherReads;
use media::MediaFile;

/// The accounts and rooms of one scenario on a homeserver, and the tagged event.
#[derive(Debug)]
pub struct Session<'a> {
    server: &'a Server,
    /// The connection to the homeserver, which records every exchange.
    connection: Connection<'a>,
    /// The answers to the reads of the actions, if they are kept.
    answers: Option<ReadAnswers>,
    names: UniqueNames,
    shapes: ShapeRotation,
    accounts: SessionAccounts,
    /// All user ids that each guest has had, with the number of the guest.
    guest_ids: Vec<(u8, OwnedUserId)>,
    rooms: Vec<SessionRoom>,
    /// The tagged event, once an action has sent it.
    tagged: Option<TaggedEvent>,
    /// The place in every stream before the first action.
    stream_start: Option<String>,
    /// The further calls of reads, if the session makes any.
    further: Option<FurtherReads>,
    /// Rooms beside those of the scenario, each with the credentials of somebody who is joined.
    side_rooms: Vec<(Credentials, OwnedRoomId)>,
    /// The room fixture, once a call has needed one.
    fixture: Option<RoomFixture>,
    /// The file that can be downloaded, or why there is none, once a call has needed one.
    media: Option<Result<MediaFile, NotRunReason>>,
}

/// Makes names that no other session and no other call has.
#[derive(Debug)]
struct UniqueNames {
    /// The beginning of every name of the session.
    prefix: String,
    count: Cell<u32>,
}

impl UniqueNames {
    /// A new name of this kind.
    fn next(&self, kind: &str) -> String {
        self.count.set(self.count.get() + 1);
        format!("{}-{kind}-{}", self.prefix, self.count.get())
    }
}

/// The call that ends all tokens of its caller.
const LOGOUT_ALL: &str = "POST /logout/all";

/// What a request names beside its action; what is left out has a default.
#[derive(Default)]
struct Arguments<'a> {
    /// The event that the request redacts, quotes or reads.
    event: Option<&'a str>,
    /// The state key of the note that the request reads.
    note: Option<&'a str>,
    /// The token that an upgrade shows in place of the newest of the account.
    token: Option<&'a Token>,
    /// The password that a registration asks for.
    password: Option<&'a Token>,
    page: Page<'a>,
    /// The name that stands in place of every new name.
    name: Option<&'a str>,
}

impl Server {
    /// Begins a session in the model's initial state: with as many rooms as the scenario needs, each
    /// as `initial` has it, with the user joined. The rooms are new, or a session left them (see
    /// [`Session::clean_up`]).
    ///
    /// # Errors
    /// If the homeserver refuses what the initial state needs.
    pub async fn session(
        &self,
        fixture: &SharedFixture,
        needs: Needs,
        initial: &Room,
    ) -> Result<Session<'_>, ServerError> {
        let (moderator, user) = (fixture.moderator.clone(), fixture.user.clone());
        let accounts = SessionAccounts { moderator, user, guests: [const { None }; 3] };
        let mut session = Session::new(self, accounts);
        for _ in 0..needs.rooms {
            session.find_room(fixture, needs, initial).await?;
        }
        if needs.aliases {
            session.give_aliases().await?;
        }
        if needs.streams {
            session.stream_start = Some(session.now().await?);
        }
        Ok(session)
    }
}

impl<'a> Session<'a> {
    fn new(server: &'a Server, accounts: SessionAccounts) -> Self {
        Self {
            server,
            connection: Connection::new(&server.client),
            answers: None,
            names: UniqueNames { prefix: server.word(), count: Cell::new(0) },
            shapes: ShapeRotation::default(),
            accounts,
            guest_ids: Vec::new(),
            rooms: Vec::new(),
            tagged: None,
            stream_start: None,
            further: None,
            side_rooms: Vec::new(),
            fixture: None,
            media: None,
        }
    }

    /// Whether performing the action would end tokens that the model goes on with: the rules do not
    /// speak of `POST /logout/all`.
    pub fn ends_unmodelled_tokens(
        action: &Action,
        expected: &guest_access_model::action::Observation,
    ) -> bool {
        matches!(action.operation, Operation::Call(called) if called.get().id == LOGOUT_ALL)
            && expected.decision.allows()
    }

    /// The request of an action, with these arguments.
    ///
    /// # Errors
    /// If the action is not one call.
    fn request(&self, action: &Action, arguments: &Arguments<'_>) -> Result<Request, ServerError> {
        // The model has two rooms; the other room is the second.
        let place = match action.operation {
            Operation::ReadThroughOtherRoom => Place::Room(1),
            _ => action.place,
        };
        let room = self.room_id(place);
        let rooms: Vec<_> = self.rooms.iter().map(|room| room.id.as_str()).collect();
        let password = arguments.password.cloned().unwrap_or_else(Server::password);
        let request = action_request(
            action,
            &RequestContext {
                accounts: &self.accounts,
                room_or_alias: self.alias(place).unwrap_or(&room),
                room: &room,
                rooms: &rooms,
                event: arguments.event.unwrap_or(NEVER_SENT),
                note: arguments.note.unwrap_or(NO_NOTE),
                token: arguments.token,
                password: &password,
                page: arguments.page,
                unique: &|kind| arguments.name.map_or_else(|| self.names.next(kind), str::to_owned),
                shape: &|| self.shapes.next(self.connection.action().unwrap_or_default()),
            },
        );
        request.map_err(|NotOneCall(why)| ServerError::NotOneCall {
            operation: format!("{:?}", action.operation),
            why,
        })
    }

    /// Makes a call with these credentials.
    async fn send(&self, with: &Credentials, request: Request) -> Result<Response, ServerError> {
        let request = with.name_in(request);
        let response = self.connection.send(&request, with.token.as_ref()).await?;
        if let Some(answers) = &self.answers
            && let Some(action) =
                self.connection.action().filter(|_| !self.connection.is_watching())
            && let Some(reader) = self.reader(with)
        {
            answers.keep(action, reader, &request, &response);
        }
        Ok(response)
    }

    /// The user whose own token these credentials show; none, if they name another user.
    fn reader(&self, with: &Credentials) -> Option<OwnedUserId> {
        let token = with.token.as_ref().filter(|_| with.named.is_none())?;
        let guests = self.accounts.guests.iter().flatten();
        let mut accounts = guests.chain([&self.accounts.user, &self.accounts.moderator]);
        let account = accounts.find(|account| account.token == *token)?;
        Some(account.user_id.clone())
    }

    /// Sets the account of the guest with this number.
    pub fn set_guest(&mut self, number: u8, account: UserAccount) {
        let id = (number, account.user_id.clone());
        if !self.guest_ids.contains(&id) {
            self.guest_ids.push(id);
        }
        self.accounts.guests[usize::from(number)] = Some(account);
    }

    fn moderators(&self) -> Credentials {
        self.accounts.credentials(Actor::Moderator, Credential::Own)
    }

    fn room_at(&self, place: Place) -> Option<&SessionRoom> {
        match place {
            Place::Room(number) => self.rooms.get(usize::from(number)),
            Place::Nowhere | Place::Elsewhere => None,
        }
    }

    /// The id of the room at `place`; the id of a room elsewhere, if there is none.
    fn room_id(&self, place: Place) -> String {
        self.room_at(place).map_or_else(|| ELSEWHERE.to_owned(), |room| room.id.to_string())
    }

    fn alias(&self, place: Place) -> Option<&str> {
        self.room_at(place)?.alias.as_deref()
    }

    /// The exchanges from now on belong to the action with this number.
    pub fn begin_action(&self, action: usize) {
        self.connection.begin_action(action);
    }

    /// The exchanges so far, and the accounts, rooms and events that they name.
    pub fn recording(&self) -> SessionRecording {
        let known = |account: &UserAccount| (account.user_id.to_string(), account.token.clone());
        let guest = |account: &Option<UserAccount>| Some(account.as_ref()?.user_id.to_string());
        SessionRecording {
            exchanges: self.connection.exchanges(),
            word: self.names.prefix.clone(),
            moderator: known(&self.accounts.moderator),
            user: known(&self.accounts.user),
            guests: self.accounts.guests.each_ref().map(guest),
            rooms: self.rooms.iter().map(|room| room.id.to_string()).collect(),
            tagged: self.tagged.as_ref().map(|tagged| (tagged.id.clone(), tagged.note.is_some())),
        }
    }

    /// The state of a room, as the moderator reads it.
    async fn state_of(&self, room: usize) -> Result<Vec<Raw<AnyStateEvent>>, ServerError> {
        let id = self.rooms[room].id.as_str();
        let request = Request::to(endpoint("GET /rooms/{roomId}/state"), [id]);
        let response = self.send(&self.moderators(), request).await?;
        Ok(response.read::<get_state_events::v3::Response>()?.room_state)
    }

    /// The place in every stream at this moment.
    async fn now(&self) -> Result<String, ServerError> {
        let response = self.send(&self.moderators(), self.place_sync()).await?;
        Ok(response.read::<sync::Response>()?.next_batch)
    }

    /// Whether the homeserver says that a user who leaves a room forgets the room at once.
    pub fn forgets_upon_leave(&self) -> bool {
        self.server.capabilities.get().is_some_and(|offered| offered.forgets_upon_leave)
    }

    /// Whether the end of an account also asks to erase the account, which a homeserver may do since v1.10.
    pub fn erases(&self) -> bool {
        self.server.client.paths.may_erase()
    }

    /// The request of a sync for its place in the streams of the session's rooms.
    fn place_sync(&self) -> Request {
        let rooms: Vec<_> = self.rooms.iter().map(|room| room.id.as_str()).collect();
        place_sync(&rooms)
    }

    /// The actor of the model that has this user id.
    fn actor(&self, user: &str) -> Option<Actor> {
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

/// A room in which the homeserver does not participate.
const ELSEWHERE: &str = "!elsewhere:elsewhere.invalid";
