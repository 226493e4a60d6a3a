//! Getting to know a homeserver, and making the model's first state on it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

use guest_access_model::state::Room;
use guest_access_rules::endpoint::EndpointId;
use ruma::api::client::account::whoami;
use ruma::api::client::discovery::{get_capabilities, get_supported_versions};
use ruma::api::client::session::login;
use serde::Deserialize;
use serde_json::json;

use super::accounts::Accounts;
use super::registration::{Proof, register};
use super::rooms::VacantRoom;
use super::session::{Needs, Session};
use super::{Client, Limits, Request, ServerError, Token, UserAccount};

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
    pub(super) vacant: RefCell<Vec<VacantRoom>>,
}

impl Server {
    /// Asks the homeserver at `url` whether it is one.
    ///
    /// # Errors
    /// If that is no address, or nobody answers there as a homeserver does.
    pub async fn meet(url: &str, limits: Limits, proof: Proof) -> Result<Self, ServerError> {
        let client = Client::new(url, limits)?;
        let server = Self {
            client,
            proof,
            run: format!("ga-{:08x}", fastrand::u32(..)),
            software: None,
            words: Cell::new(0),
            room_version: OnceCell::new(),
            checked: RefCell::default(),
        };
        server.answers().await?;
        let software = server.software().await;
        Ok(Self { software, ..server })
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
        Ok(SharedFixture { moderator, user, vacant: RefCell::default() })
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

    /// The model's first state: as many rooms as are needed, as `first` has each, with the user
    /// joined. They are new, or were left by a short story (see [`Session::clean_up`]).
    ///
    /// # Errors
    /// If the homeserver refuses what the first state needs.
    pub async fn session(
        &self,
        fixture: &SharedFixture,
        needs: Needs,
        first: &Room,
    ) -> Result<Session<'_>, ServerError> {
        let (moderator, user) = (fixture.moderator.clone(), fixture.user.clone());
        let accounts = Accounts { moderator, user, guests: [const { None }; 3] };
        let mut session = Session::new(self, accounts);
        for _ in 0..needs.rooms {
            session.find_room(fixture, needs, first).await?;
        }
        if needs.aliases {
            session.give_aliases().await?;
        }
        if needs.streams {
            session.beginning = Some(session.now().await?);
        }
        Ok(session)
    }
}

/// An endpoint of the table.
pub(super) fn endpoint(id: &str) -> EndpointId {
    EndpointId::find(id).expect("the table lists the endpoints that are called by name")
}
