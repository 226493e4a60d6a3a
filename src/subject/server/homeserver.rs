//! One homeserver: how to reach it, what it offers, and the accounts that sessions share.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

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
use super::registration::{Proof, register};
use super::request::{Request, endpoint};
use super::room_pool::RoomPool;
use super::token::Token;

/// The room versions in which a creator has power because the power levels say so, the newest
/// first: what a scenario says of power is true of these.
const ROOM_VERSIONS: [&str; 2] = ["11", "10"];

/// One homeserver.
#[derive(Debug)]
pub struct Server {
    pub(super) client: Client,
    pub(super) proof: Proof,
    /// A word that no other run uses: every name that is made here begins with it.
    pub(super) run: String,
    /// What the homeserver calls itself, if it says so: its name and its version.
    pub software: Option<(String, String)>,
    words: Cell<u32>,
    pub(super) room_version: OnceCell<Option<String>>,
    /// Of endpoints that it says it does not have, whether it looks at who calls them first.
    pub(super) checked: RefCell<BTreeMap<EndpointId, bool>>,
}

/// The people that every story needs and that none changes: they go from one to the next.
#[derive(Debug)]
pub struct SharedFixture {
    /// Who creates the rooms.
    pub moderator: UserAccount,
    /// Who is joined to them, without power.
    pub user: UserAccount,
    /// The rooms in which another story may begin.
    pub(super) pool: RoomPool,
}

impl Server {
    /// Asks the homeserver at `url` whether it is one.
    ///
    /// # Errors
    /// If that is no address, or nobody answers there as a homeserver does.
    pub async fn meet(url: &str, limits: Limits, proof: Proof) -> Result<Self, ServerError> {
        let server = Self::unmet(Client::new(url, limits)?, proof);
        server.answers().await?;
        let software = server.software().await;
        Ok(Self { software, ..server })
    }

    fn unmet(client: Client, proof: Proof) -> Self {
        Self {
            client,
            proof,
            run: format!("ga-{:08x}", fastrand::u32(..)),
            software: None,
            words: Cell::new(0),
            room_version: OnceCell::new(),
            checked: RefCell::default(),
        }
    }

    /// A homeserver that nobody has called.
    #[cfg(test)]
    pub(super) fn offline(url: &str) -> Self {
        let client = Client::new(url, Limits::default()).expect("the test gives an address");
        Self::unmet(client, Proof::default())
    }

    /// Whether the homeserver still answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn answers(&self) -> Result<(), ServerError> {
        let response = self.client.send(&Request::to(endpoint("GET /versions"), []), None).await?;
        response.read::<get_supported_versions::Response>().map(|_| ())
    }

    /// What the homeserver calls itself, where it answers other homeservers too.
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

    /// The client, with its counts.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A word that nobody else has.
    pub(super) fn word(&self) -> String {
        self.words.set(self.words.get() + 1);
        format!("{}-{}", self.run, self.words.get())
    }

    /// A moderator and a user: those that are given, and new ones in the place of who is not.
    ///
    /// # Errors
    /// If the homeserver registers nobody.
    pub async fn fixture(&self, given: &[UserAccount]) -> Result<SharedFixture, ServerError> {
        let moderator = self.helper(given.first(), "moderator").await?;
        let user = self.helper(given.get(1), "user").await?;
        if self.room_version.get().is_none() {
            let version = self.offered_room_version(&moderator).await?;
            let _ = self.room_version.set(version);
        }
        Ok(SharedFixture { moderator, user, pool: RoomPool::default() })
    }

    async fn helper(
        &self,
        given: Option<&UserAccount>,
        role: &str,
    ) -> Result<UserAccount, ServerError> {
        match given {
            Some(person) => Ok(person.clone()),
            None => {
                let name = format!("{}-{role}", self.word());
                register(&self.client, &name, Self::password(), &self.proof).await
            }
        }
    }

    /// A password that nobody can guess.
    pub(super) fn password() -> Token {
        format!("{:032x}", fastrand::u128(..)).into()
    }

    /// The holder of a token.
    ///
    /// # Errors
    /// If the homeserver does not know it.
    pub async fn holder(&self, token: Token) -> Result<UserAccount, ServerError> {
        let request = Request::to(endpoint("GET /account/whoami"), []);
        let answer: whoami::v3::Response =
            self.client.send(&request, Some(&token)).await?.read()?;
        Ok(UserAccount::new(answer.user_id, token))
    }

    /// Logs somebody in.
    ///
    /// # Errors
    /// If the homeserver refuses that.
    pub async fn log_in(&self, user: &str, password: Token) -> Result<UserAccount, ServerError> {
        let request = Request::to(endpoint("POST /login"), []).body(json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": password.reveal(),
        }));
        let answer: login::v3::Response = self.client.send(&request, None).await?.read()?;
        let mut person = UserAccount::new(answer.user_id, answer.access_token.into());
        person.password = Some(password);
        Ok(person)
    }

    /// The room version to ask for; none, where the homeserver offers none of those that are known
    /// here, and its default is taken.
    async fn offered_room_version(&self, who: &UserAccount) -> Result<Option<String>, ServerError> {
        let request = Request::to(endpoint("GET /capabilities"), []);
        let response = self.client.send(&request, Some(&who.token)).await?;
        if !response.allows() {
            return Ok(None);
        }
        let answer: get_capabilities::v3::Response = response.read()?;
        let offered = answer.capabilities.room_versions.available;
        let known = ROOM_VERSIONS.into_iter();
        let mut known = known.filter(|known| offered.keys().any(|id| id.as_str() == *known));
        Ok(known.next().map(str::to_owned))
    }

    /// Leaves for good the rooms that stories of these helpers left to others.
    pub async fn leave_vacant(&self, fixture: &SharedFixture) {
        let vacant = fixture.pool.take_all();
        for room in vacant {
            self.leave_for_good(fixture, &room.id).await;
        }
    }

    pub(super) async fn leave_for_good(&self, fixture: &SharedFixture, room: &OwnedRoomId) {
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
