//! One homeserver: how to reach it, what it offers, and the accounts that sessions share.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use guest_access_rules::endpoint::EndpointId;
use ruma::OwnedRoomId;
use ruma::api::client::account::whoami;
use ruma::api::client::discovery::{get_capabilities, get_supported_versions};
use ruma::api::client::session::login;
use serde::Deserialize;
use serde_json::json;

use super::accounts::{Credentials, UserAccount};
use super::client::{Client, Limits};
use super::error::ServerError;
use super::recording::Connection;
use super::registration::{
    Proof, asks_for_authentication, register, registered_account, send_with_authentication,
};
use super::request::{Request, endpoint};
use super::requests::guest_registration;
use super::room_pool::RoomPool;
use super::token::Token;

/// The room versions that sessions create, the newest first. In each of them the power levels give the
/// creator its power, as scenarios assume.
const ROOM_VERSIONS: [&str; 2] = ["11", "10"];

/// One homeserver.
#[derive(Debug)]
pub struct Server {
    pub(super) client: Client,
    pub(super) proof: Proof,
    /// A word that no other run uses. Every name that the run makes up begins with the word.
    pub(super) run: String,
    /// The name and the version of the software, if the homeserver gives them.
    pub software: Option<(String, String)>,
    words: Cell<u32>,
    pub(super) capabilities: OnceCell<Capabilities>,
    /// Endpoints that the homeserver does not have, each with whether the homeserver checks the caller
    /// first.
    pub(super) checked: RefCell<BTreeMap<EndpointId, bool>>,
}

/// What a homeserver says of itself.
#[derive(Debug, Default)]
pub(super) struct Capabilities {
    /// The room version of new rooms; none, for the default of a homeserver that offers none of
    /// [`ROOM_VERSIONS`].
    pub(super) room_version: Option<String>,
    /// Every room version that the homeserver offers.
    pub(super) room_versions: BTreeSet<String>,
    /// Whether a user who leaves a room forgets the room at once.
    pub(super) forgets_upon_leave: bool,
}

/// What sessions share: two accounts that no scenario changes, and the pool of rooms.
#[derive(Debug)]
pub struct SharedFixture {
    /// The account that creates the rooms.
    pub moderator: UserAccount,
    /// The account that is joined to the rooms, without power.
    pub user: UserAccount,
    /// The rooms in which a later session may begin.
    pub(super) pool: RoomPool,
}

impl Server {
    /// Connects to the homeserver at `url`.
    ///
    /// # Errors
    /// If `url` is no address of a homeserver, or no homeserver answers there.
    pub async fn connect(url: &str, limits: Limits, proof: Proof) -> Result<Self, ServerError> {
        let server = Self::unchecked(Client::new(url, limits)?, proof);
        server.answers().await?;
        let software = server.software().await;
        Ok(Self { software, ..server })
    }

    fn unchecked(client: Client, proof: Proof) -> Self {
        Self {
            client,
            proof,
            run: format!("ga-{:08x}", fastrand::u32(..)),
            software: None,
            words: Cell::new(0),
            capabilities: OnceCell::new(),
            checked: RefCell::default(),
        }
    }

    /// A homeserver that nobody has called.
    #[cfg(test)]
    pub(super) fn offline(url: &str) -> Self {
        let client = Client::new(url, Limits::default()).expect("the test gives an address");
        Self::unchecked(client, Proof::default())
    }

    /// Checks that the homeserver answers.
    ///
    /// # Errors
    /// If the homeserver does not answer.
    pub async fn answers(&self) -> Result<(), ServerError> {
        let response = self.client.send(&Request::to(endpoint("GET /versions"), []), None).await?;
        let answer: get_supported_versions::Response = response.read()?;
        self.client.paths.learn(&answer.versions);
        Ok(())
    }

    /// The name and the version of the software, if the federation API answers at the same address.
    async fn software(&self) -> Option<(String, String)> {
        #[derive(Deserialize)]
        struct Version {
            server: Software,
        }
        #[derive(Deserialize)]
        struct Software {
            name: String,
            version: String,
        }
        let mut request = Request::to(endpoint("GET /versions"), []);
        "/_matrix/federation/v1/version".clone_into(&mut request.path);
        let response = self.client.send(&request, None).await.ok()?;
        let Version { server: Software { name, version } } = response.json().ok()?;
        let short = |text: String| text.chars().filter(|c| !c.is_control()).take(60).collect();
        Some((short(name), short(version)))
    }

    /// The name of the newest release that the homeserver says it supports, if that is older than `release`.
    pub fn newest_before(&self, release: &str) -> Option<String> {
        self.client.paths.newest_before(release)
    }

    /// The client, with its counts.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A word that no other session has.
    pub(super) fn word(&self) -> String {
        self.words.set(self.words.get() + 1);
        format!("{}-{}", self.run, self.words.get())
    }

    /// A moderator, a user and an empty pool. The accounts are the `given` ones, in this order; a missing
    /// account is registered.
    ///
    /// # Errors
    /// If the homeserver registers nobody.
    pub async fn fixture(&self, given: &[UserAccount]) -> Result<SharedFixture, ServerError> {
        let moderator = self.fixture_account(given.first(), "moderator").await?;
        let user = self.fixture_account(given.get(1), "user").await?;
        if self.capabilities.get().is_none() {
            let capabilities = self.read_capabilities(&moderator).await?;
            let _ = self.capabilities.set(capabilities);
        }
        Ok(SharedFixture { moderator, user, pool: RoomPool::default() })
    }

    /// Checks that the homeserver registers guests.
    ///
    /// # Errors
    /// If the homeserver registers no guest, or not in a way that this program knows.
    pub async fn registers_guests(&self) -> Result<(), ServerError> {
        let request = guest_registration();
        let connection = Connection::new(&self.client);
        let response = send_with_authentication(&connection, request, None, &self.proof).await?;
        if response.allows() {
            return Ok(());
        }
        let answer = if asks_for_authentication(&response) {
            "it asks for more than the dummy stage or a registration token".to_owned()
        } else {
            response.in_short()
        };
        Err(ServerError::NoGuests { answer })
    }

    /// Registers a guest.
    ///
    /// # Errors
    /// If the homeserver registers no guest, or not in a way that this program knows.
    pub async fn register_guest(&self) -> Result<UserAccount, ServerError> {
        let request = guest_registration();
        let connection = Connection::new(&self.client);
        let response = send_with_authentication(&connection, request, None, &self.proof).await?;
        response.accepted()?;
        registered_account(&response)
    }

    /// The room version in which sessions create rooms. `None` if the homeserver offers none that sessions
    /// know, or no fixture was made yet.
    pub fn room_version(&self) -> Option<&str> {
        self.capabilities.get()?.room_version.as_deref()
    }

    /// Whether the homeserver offers this room version; false if no fixture was made yet.
    pub fn offers_room_version(&self, version: &str) -> bool {
        self.capabilities.get().is_some_and(|known| known.room_versions.contains(version))
    }

    async fn fixture_account(
        &self,
        given: Option<&UserAccount>,
        role: &str,
    ) -> Result<UserAccount, ServerError> {
        match given {
            Some(account) => Ok(account.clone()),
            None => {
                let name = format!("{}-{role}", self.word());
                register(&self.client, &name, Self::password(), &self.proof).await
            }
        }
    }

    /// A random password.
    pub(super) fn password() -> Token {
        format!("{:032x}", fastrand::u128(..)).into()
    }

    /// The account to which a token belongs.
    ///
    /// # Errors
    /// If the homeserver does not know the token.
    pub async fn holder(&self, token: Token) -> Result<UserAccount, ServerError> {
        let request = Request::to(endpoint("GET /account/whoami"), []);
        let answer: whoami::v3::Response =
            self.client.send(&request, Some(&token)).await?.read()?;
        Ok(UserAccount::new(answer.user_id, token))
    }

    /// Logs a user in.
    ///
    /// # Errors
    /// If the homeserver refuses the login.
    pub async fn log_in(&self, user: &str, password: Token) -> Result<UserAccount, ServerError> {
        let request = Request::to(endpoint("POST /login"), []).body(json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": password.reveal(),
        }));
        let answer: login::v3::Response = self.client.send(&request, None).await?.read()?;
        let mut account = UserAccount::new(answer.user_id, answer.access_token.into());
        account.password = Some(password);
        Ok(account)
    }

    async fn read_capabilities(&self, who: &UserAccount) -> Result<Capabilities, ServerError> {
        let request = Request::to(endpoint("GET /capabilities"), []);
        let response = self.client.send(&request, Some(&who.token)).await?;
        if !response.allows() {
            return Ok(Capabilities::default());
        }
        let capabilities = response.read::<get_capabilities::v3::Response>()?.capabilities;
        let offered = capabilities.room_versions.available;
        let known = ROOM_VERSIONS.into_iter();
        let mut known = known.filter(|known| offered.keys().any(|id| id.as_str() == *known));
        Ok(Capabilities {
            room_version: known.next().map(str::to_owned),
            room_versions: offered.keys().map(ToString::to_string).collect(),
            forgets_upon_leave: capabilities.forget_forced_upon_leave.enabled,
        })
    }

    /// Leaves all rooms of the pool.
    pub async fn leave_vacant(&self, fixture: &SharedFixture) {
        let vacant = fixture.pool.take_all();
        for room in vacant {
            self.leave_for_good(fixture, &room.id).await;
        }
    }

    /// Lets both accounts of the fixture leave and forget a room.
    pub async fn leave_for_good(&self, fixture: &SharedFixture, room: &OwnedRoomId) {
        for account in [&fixture.user, &fixture.moderator] {
            let who = Credentials { token: Some(account.token.clone()), named: None };
            self.leave(&who, room).await;
        }
    }

    /// Leaves and forgets a room.
    pub(super) async fn leave(&self, who: &Credentials, room: &OwnedRoomId) {
        self.take_leave(who, room, &["POST /rooms/{roomId}/leave", "POST /rooms/{roomId}/forget"])
            .await;
    }

    /// Leaves a room as a guest, who may not ask to forget it.
    pub(super) async fn leave_as_guest(&self, who: &Credentials, room: &OwnedRoomId) {
        self.take_leave(who, room, &["POST /rooms/{roomId}/leave"]).await;
    }

    async fn take_leave(&self, who: &Credentials, room: &OwnedRoomId, calls: &[&'static str]) {
        for id in calls {
            let request = Request::to(endpoint(id), [room.as_str()]).body(json!({}));
            match self.client.send(&who.name_in(request), who.token.as_ref()).await {
                Ok(response) if response.allows() => {}
                _ => return,
            }
        }
    }
}
