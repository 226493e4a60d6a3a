//! Single calls of several clients at once, in one world.
//!
//! [`Session::perform`](super::Session::perform) tells a story: it reads page after page, sends what a step
//! needs, and keeps what it learns. Here a step is one call and one answer, so that it has one time at
//! which it began and one at which it was answered, and all clients share the world.

use std::time::Duration;

use guest_access_model::action::{Action, Actor, Message, Operation, Setting, Upgrade};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::{Credentials, UserAccount};
use super::acting::verdict;
use super::observation::CallVerdict;
use super::registration::{asks_who_one_is, interactively, registered, registration};
use super::sending::{NEVER_SENT, NOTE, guest_access_content, text, visibility_content};
use super::{Memberships, Request, Response, ServerError, Session, Token};

/// How many events are asked for at once.
const LIMIT: u32 = 1000;

/// What a call needs beside its step.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// A word that no other call of the world has.
    pub word: String,
    /// The token that the caller shows; none, for its newest that the world knows.
    pub token: Option<Token>,
    /// The id of the event that is asked for, or redacted, and its state key if it is a note.
    pub about: Option<(String, Option<String>)>,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub struct CallResult {
    /// Whether it was allowed.
    pub verdict: CallVerdict,
    /// The HTTP status.
    pub status: u16,
    /// The ids of the events that the answer gives, if it was looked at: those of the timeline, and
    /// the notes of the state.
    pub gave: Option<Vec<String>>,
    /// Whether an event that is not among them was not given, and not only left out for length.
    pub whole: bool,
    /// What `whoami` says.
    pub is_guest: Option<bool>,
    /// The event that was sent, and its state key if it is a note.
    pub sent: Option<(String, Option<String>)>,
    /// Who the guest is now, if it registered or upgraded.
    pub person: Option<UserAccount>,
}

/// What of an event matters here.
#[derive(Debug, Deserialize)]
struct EventPresence {
    event_id: String,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Sent {
    event_id: String,
}

/// The settings of a room, if they are what the specification has.
pub type RoomSettings = (Option<HistoryVisibility>, Option<GuestAccess>);

impl CallResult {
    /// What is known of a call that was not answered.
    pub fn unanswered() -> Self {
        let verdict = CallVerdict::Inconclusive("no answer came".to_owned());
        let (gave, is_guest, sent, person) = (None, None, None, None);
        Self { verdict, status: 0, gave, whole: false, is_guest, sent, person }
    }
}

impl Session<'_> {
    /// A word that no other world has, made of one that no other call of this world has.
    pub fn unique_name(&self, word: &str) -> String {
        format!("{}-{word}", self.word)
    }

    /// Makes the one call that a step is, about the first room.
    ///
    /// # Errors
    /// If no answer comes, or none that can be understood.
    pub async fn call_once(
        &self,
        step: &Action,
        beside: &CallContext,
    ) -> Result<CallResult, ServerError> {
        match step.operation {
            Operation::Register { .. } => {
                let request =
                    Request::to(KNOWN.register, []).query("kind", "guest").body(json!({}));
                let response = self.connection.send(&request, None).await?;
                let person = response.allows().then(|| registered(&response)).transpose()?;
                return Ok(CallResult { person, ..said(&response)? });
            }
            Operation::Upgrade(Upgrade::Own(guest)) => {
                return self.upgrade_once(guest, beside).await;
            }
            _ => {}
        }
        let mut with = self.accounts.credentials(step.by, step.with);
        if beside.token.is_some() {
            with.token.clone_from(&beside.token);
        }
        let note = format!("note-{}", beside.word);
        let request = self.request_of(step, beside, &note);
        let response = self.send(&with, request).await?;
        let mut said = said(&response)?;
        if said.verdict != CallVerdict::Allowed {
            return Ok(said);
        }
        match step.operation {
            Operation::Send(_)
            | Operation::SendState
            | Operation::SetVisibility(..)
            | Operation::SetGuestAccess(..)
            | Operation::SetJoinRule(_) => {
                let id = response.json::<Sent>()?.event_id;
                said.sent = Some((id, (step.operation == Operation::SendState).then_some(note)));
            }
            Operation::WhoAmI => {
                let answer: Value = response.json()?;
                said.is_guest = Some(answer["is_guest"].as_bool().unwrap_or_default());
            }
            Operation::Read(read) => {
                (said.gave, said.whole) = self.given(read, &response, beside)?
            }
            _ => {}
        }
        Ok(said)
    }

    fn request_of(&self, step: &Action, beside: &CallContext, note: &str) -> Request {
        let id = self.room_id(step.place);
        let about = beside.about.as_ref().map_or(NEVER_SENT, |(id, _)| id);
        let message = |kind: &str, content: Value| {
            Request::to(KNOWN.send, [&*id, kind, &beside.word]).body(content)
        };
        match step.operation {
            Operation::LogOut => Request::to(KNOWN.logout, []).body(json!({})),
            Operation::WhoAmI => Request::to(KNOWN.whoami, []),
            Operation::SetVisibility(says, _) => {
                let kind = Setting::HistoryVisibility.as_str();
                Self::state_request(&id, kind, "", visibility_content(says))
            }
            Operation::SetGuestAccess(says, _) => {
                let kind = Setting::GuestAccess.as_str();
                Self::state_request(&id, kind, "", guest_access_content(says))
            }
            Operation::SetJoinRule(rule) => {
                let content = json!({ "join_rule": rule.as_str() });
                Self::state_request(&id, "m.room.join_rules", "", content)
            }
            Operation::RedactSetting(_) => {
                Request::to(KNOWN.redact, [&*id, about, &beside.word]).body(json!({}))
            }
            Operation::SendState => Self::state_request(&id, NOTE, note, json!({ "note": note })),
            Operation::Invite(guest) => self.moderation(KNOWN.invite, &id, guest),
            Operation::Kick(guest) => self.moderation(KNOWN.kick, &id, guest),
            Operation::Ban(guest) => self.moderation(KNOWN.ban, &id, guest),
            Operation::Unban(guest) => self.moderation(KNOWN.unban, &id, guest),
            Operation::Join(MembershipEndpoint::StateEvent) => {
                self.own_membership(step.by, &id, "join")
            }
            Operation::Join(_) => Request::to(KNOWN.join, [&*id]).body(json!({})),
            Operation::Leave(MembershipEndpoint::StateEvent) => {
                self.own_membership(step.by, &id, "leave")
            }
            Operation::Leave(_) => Request::to(KNOWN.leave, [&*id]).body(json!({})),
            Operation::Read(read) => self.read_once(read, &id, beside, about),
            Operation::Send(kind) => message(kind.as_str(), text()),
            _ => message(Message::Message.as_str(), text()),
        }
    }

    fn read_once(&self, read: EndpointId, id: &str, beside: &CallContext, about: &str) -> Request {
        let limit = LIMIT.to_string();
        match read.get().gives {
            Some(Gives::Sync) => self.first_sync(LIMIT),
            Some(Gives::Stream) => {
                let request = Request::to(read, []).query("timeout", "0").query("room_id", id);
                match &self.beginning {
                    Some(beginning) => request.query("from", beginning),
                    None => request,
                }
            }
            Some(Gives::Timeline) => {
                Request::to(read, [id]).query("dir", "b").query("limit", limit)
            }
            Some(Gives::InitialSync) => Request::to(read, [id]).query("limit", limit),
            Some(Gives::Event) => Request::to(read, [id, about]),
            Some(Gives::StateEvent) => {
                let key = beside.about.as_ref().and_then(|(_, note)| note.as_deref());
                Request::to(read, [id, NOTE, key.unwrap_or("never-sent")])
            }
            _ => Request::to(read, [id]),
        }
    }

    /// The events that the answer to a read gives, and whether those are all.
    fn given(
        &self,
        read: EndpointId,
        response: &Response,
        beside: &CallContext,
    ) -> Result<(Option<Vec<String>>, bool), ServerError> {
        let answer: Value = response.json()?;
        let timeline = |events: &Value| listed(events, |_| true);
        let state = |events: &Value| listed(events, |event| event.kind == NOTE);
        let both = |timeline: Vec<String>, state: Vec<String>| [timeline, state].concat();
        Ok(match read.get().gives {
            Some(Gives::Timeline) => {
                (Some(timeline(&answer["chunk"])), answer.get("end").is_none())
            }
            Some(Gives::InitialSync) => {
                let page = &answer["messages"];
                let given = both(timeline(&page["chunk"]), state(&answer["state"]));
                // Where a page ends is said even where nothing is before it.
                let events = page["chunk"].as_array().map_or(0, Vec::len);
                (Some(given), events < LEAST_PAGE)
            }
            Some(Gives::Stream) => (Some(timeline(&answer["chunk"])), false),
            Some(Gives::State) => (Some(state(&answer)), true),
            Some(Gives::Event) => {
                let event = answer.get("event").unwrap_or(&answer);
                let id = event["event_id"].as_str().map(str::to_owned);
                (Some(id.into_iter().collect()), true)
            }
            Some(Gives::StateEvent) => {
                let id = beside.about.as_ref().map(|(id, _)| id.clone());
                (Some(id.into_iter().collect()), true)
            }
            Some(Gives::Sync) => {
                let room = self.rooms.first().map(|room| room.id.as_str()).unwrap_or_default();
                let room = &answer["rooms"]["join"][room];
                let timeline = timeline(&room["timeline"]["events"]);
                // What belongs to the state stands in one of two places.
                let given = both(
                    timeline,
                    both(state(&room["state"]["events"]), state(&room["state_after"]["events"])),
                );
                (Some(given), room["timeline"]["limited"].as_bool() != Some(true))
            }
            _ => (None, false),
        })
    }

    async fn upgrade_once(
        &self,
        guest: u8,
        beside: &CallContext,
    ) -> Result<CallResult, ServerError> {
        let name = self.accounts.guest(guest).map(|guest| guest.user_id.localpart().to_owned());
        let token = beside.token.clone().unwrap_or_else(Token::made_up);
        let password = super::Server::password();
        let mut request = registration(&name.unwrap_or_default(), &password);
        if let Some(body) = &mut request.body {
            body["guest_access_token"] = token.reveal().into();
        }
        let response = interactively(&self.connection, request, None, &self.server.proof).await?;
        if asks_who_one_is(&response) {
            let why = "the homeserver asks for more than can be shown to it".to_owned();
            return Ok(CallResult { verdict: CallVerdict::Inconclusive(why), ..said(&response)? });
        }
        let person = response.allows().then(|| registered(&response)).transpose()?;
        Ok(CallResult { person, ..said(&response)? })
    }

    /// The guest with this number is this person from now on, for what is done by its name.
    pub fn set_guest(&mut self, guest: u8, person: UserAccount) {
        self.accounts.guests[usize::from(guest)] = Some(person);
    }

    /// The events that are the settings of the first room now.
    pub fn settings_events(&self) -> [Option<String>; 2] {
        let room = self.rooms.first();
        let of = |event: fn(&super::session::SessionRoom) -> &Option<String>| event(room?).clone();
        [of(|room| &room.visibility_event), of(|room| &room.guest_access_event)]
    }

    /// The memberships and the settings of the first room, looked at until `settled` says that they
    /// are as they should be, or until `patience` is over.
    ///
    /// # Errors
    /// If the homeserver does not tell the moderator.
    pub async fn read_until_settled(
        &self,
        patience: Duration,
        settled: impl Fn(&[Membership], &RoomSettings) -> bool,
    ) -> Result<(Vec<Membership>, RoomSettings), ServerError> {
        let settings = self.settings().await?;
        let looks_settled = |rooms: &[Memberships]| {
            rooms.first().is_none_or(|room| settled(&room.guests, &settings))
        };
        let rooms = self.members(patience, looks_settled).await?;
        let members = rooms.first().map(|room| room.guests.to_vec()).unwrap_or_default();
        Ok((members, self.settings().await?))
    }

    async fn settings(&self) -> Result<RoomSettings, ServerError> {
        let mut found = (None, None);
        for event in self.state_of(0).await? {
            let Ok(event) = event.deserialize_as_unchecked::<Value>() else { continue };
            let says = |key: &str| event["content"][key].as_str().unwrap_or_default().to_owned();
            match (event["type"].as_str(), event["state_key"].as_str()) {
                (Some("m.room.history_visibility"), Some("")) => {
                    found.0 = HistoryVisibility::from_spelling(&says("history_visibility"));
                }
                (Some("m.room.guest_access"), Some("")) => {
                    found.1 = GuestAccess::from_spelling(&says("guest_access"));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Leaves and forgets the first room, by everybody who may.
    pub async fn leave_first_room(self, tokens: &[Token]) {
        let Some(id) = self.rooms.first().map(|room| room.id.clone()) else { return };
        let guests =
            tokens.iter().map(|token| Credentials { token: Some(token.clone()), named: None });
        let others = [Actor::User, Actor::Moderator];
        let others = others
            .map(|who| self.accounts.credentials(who, guest_access_model::action::Credential::Own));
        for who in guests.chain(others) {
            self.server.leave(&who, &id).await;
        }
    }
}

/// A homeserver may give fewer events than it is asked for; fewer than so many, it gives.
const LEAST_PAGE: usize = 20;

/// The ids of the events in a list.
fn listed(events: &Value, counts: impl Fn(&EventPresence) -> bool) -> Vec<String> {
    let events = events.as_array().map(Vec::as_slice).unwrap_or_default();
    let events = events.iter().filter_map(|event| EventPresence::deserialize(event).ok());
    events.filter(counts).map(|event| event.event_id).collect()
}

fn said(response: &Response) -> Result<CallResult, ServerError> {
    Ok(CallResult {
        verdict: verdict(response)?,
        status: response.status,
        ..CallResult::unanswered()
    })
}
