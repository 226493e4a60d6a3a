//! Getting to know a homeserver, and making the model's first state on it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

use guest_access_model::endpoint::EndpointId;
use guest_access_model::state::Room;
use guest_access_model::step::{Key, Says, Setting};
use ruma::api::client::account::whoami;
use ruma::api::client::discovery::{get_capabilities, get_supported_versions};
use ruma::api::client::membership::join_room_by_id;
use ruma::api::client::room::create_room;
use ruma::api::client::session::login;
use serde::Deserialize;
use serde_json::{Value, json};

use super::people::People;
use super::registration::{Proof, register};
use super::sending::{NOTE, guest_access_content, visibility_content};
use super::world::{Here, Needs, World};
use super::{Client, Limits, Person, Request, ServerError, Token};

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
    room_version: OnceCell<Option<String>>,
    /// Of endpoints that it says it does not have, whether it looks at who calls them first.
    pub(super) checked: RefCell<BTreeMap<EndpointId, bool>>,
}

/// The people that every story needs and that none changes: they go from one to the next.
#[derive(Debug, Clone)]
pub struct Helpers {
    /// Who creates the rooms.
    pub moderator: Person,
    /// Who is joined to them, without power.
    pub user: Person,
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
    pub async fn helpers(&self, given: &[Person]) -> Result<Helpers, ServerError> {
        let moderator = self.helper(given.first(), "moderator").await?;
        let user = self.helper(given.get(1), "user").await?;
        if self.room_version.get().is_none() {
            let version = self.offered_room_version(&moderator).await?;
            let _ = self.room_version.set(version);
        }
        Ok(Helpers { moderator, user })
    }

    async fn helper(&self, given: Option<&Person>, role: &str) -> Result<Person, ServerError> {
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
    pub async fn holder(&self, token: Token) -> Result<Person, ServerError> {
        let request = Request::to(endpoint("GET /account/whoami"), []);
        let answer: whoami::v3::Response =
            self.client.send(&request, Some(&token)).await?.read()?;
        Ok(Person::new(answer.user_id, token))
    }

    /// Logs somebody in.
    ///
    /// # Errors
    /// If the homeserver refuses that.
    pub async fn log_in(&self, user: &str, password: Token) -> Result<Person, ServerError> {
        let request = Request::to(endpoint("POST /login"), []).body(json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": password.reveal(),
        }));
        let answer: login::v3::Response = self.client.send(&request, None).await?.read()?;
        let mut person = Person::new(answer.user_id, answer.access_token.into());
        person.password = Some(password);
        Ok(person)
    }

    /// The room version to ask for; none, where the homeserver offers none of those that are known
    /// here, and its default is taken.
    async fn offered_room_version(&self, who: &Person) -> Result<Option<String>, ServerError> {
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
    /// joined.
    ///
    /// # Errors
    /// If the homeserver refuses what the first state needs.
    pub async fn world(
        &self,
        helpers: &Helpers,
        needs: Needs,
        first: &Room,
    ) -> Result<World<'_>, ServerError> {
        let Helpers { moderator, user } = helpers.clone();
        let people = People { moderator, user, guests: [const { None }; 3] };
        let mut world = World::new(self, people);
        for _ in 0..needs.rooms {
            let alias = needs.aliases.then(|| world.name("room"));
            let room = world.create_room(alias).await?;
            world.rooms.push(room);
            let number = world.rooms.len() - 1;
            world.settle_in(number, first).await?;
        }
        if needs.streams {
            world.beginning = Some(world.now().await?);
        }
        Ok(world)
    }
}

impl World<'_> {
    async fn create_room(&self, alias: Option<String>) -> Result<Here, ServerError> {
        let mut body = json!({
            "preset": "public_chat",
            "visibility": "private",
            // Whoever is joined may send a note, and only the moderator other state.
            "power_level_content_override": { "events": { NOTE: 0 } },
        });
        if let Some(alias) = &alias {
            body["room_alias_name"] = alias.as_str().into();
        }
        if let Some(Some(version)) = self.server.room_version.get() {
            body["room_version"] = version.as_str().into();
        }
        let request = Request::to(endpoint("POST /createRoom"), []).body(body);
        let response = self.send(&self.moderators(), request).await?;
        let answer: create_room::v3::Response = response.read()?;
        let server = self.people.moderator.user_id.server_name();
        let alias = alias.map(|alias| format!("#{alias}:{server}"));
        Ok(Here::new(answer.room_id, alias))
    }

    /// Makes a room that was just created what the model begins with.
    async fn settle_in(&mut self, number: usize, first: &Room) -> Result<(), ServerError> {
        let id = self.rooms[number].id.to_string();
        let join = Request::to(endpoint("POST /rooms/{roomId}/join"), [&*id]).body(json!({}));
        let user = self.people.user.token.clone();
        let joined = self.line.send(&join, Some(&user)).await?;
        joined.read::<join_room_by_id::v3::Response>()?;
        for event in self.state_of(number).await? {
            let Ok(event) = event.deserialize_as_unchecked::<SettingEvent>() else { continue };
            if !event.state_key.is_empty() {
                continue;
            }
            let says = |key: &str| event.content.get(key).and_then(Value::as_str).unwrap_or("");
            let (setting, content) = match event.kind.as_str() {
                "m.room.history_visibility" => {
                    self.rooms[number].visibility_event = Some(event.event_id);
                    let wanted = first.visibility.map_or(Says::Malformed, Says::Value);
                    let same = first
                        .visibility
                        .is_some_and(|wanted| says("history_visibility") == wanted.as_str());
                    (Setting::HistoryVisibility, (!same).then(|| visibility_content(wanted)))
                }
                "m.room.guest_access" => {
                    self.rooms[number].guest_access_event = Some(event.event_id);
                    let same = says("guest_access") == first.guest_access.as_str();
                    let wanted = Says::Value(first.guest_access);
                    (Setting::GuestAccess, (!same).then(|| guest_access_content(wanted)))
                }
                _ => continue,
            };
            if let Some(content) = content {
                let moderator = self.moderators();
                let response = self.set(&moderator, number, setting, &content, Key::Empty).await?;
                if !response.allows() {
                    return Err(ServerError::Refused {
                        call: response.call.clone(),
                        answer: response.in_short(),
                    });
                }
            }
        }
        Ok(())
    }
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

/// An endpoint of the table.
pub(super) fn endpoint(id: &str) -> EndpointId {
    EndpointId::find(id).expect("the table lists the endpoints that are called by name")
}
