//! What can be observed: at the server under test by its clients, and by our server.

use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::Membership;
use ruma::api::federation::backfill::get_backfill;
use ruma::api::federation::device::get_devices;
use ruma::api::federation::event::{
    get_event, get_missing_events, get_room_state, get_room_state_ids,
};
use ruma::api::federation::query::get_profile_information;
use ruma::{OwnedEventId, OwnedUserId, UInt};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::federation::{Event, FederationError};
use crate::subject::server::{NotRunKind, Request, Token};

use super::answer::Answer;
use super::resemblance::alike;
use super::scenario::{Label, Member, Question, SeenIn, Sender, ServerRead};
use super::session::{DELIVERY, Session, endpoint};
use super::step_error::StepError;

/// The part of the time to settle for which a state has to last that must not change.
const QUIET: u32 = 4;
/// The most events that a read asks for.
const MOST_EVENTS: &str = "50";

#[derive(Deserialize)]
struct MemberContent {
    membership: Membership,
}

#[derive(Deserialize)]
struct Page {
    chunk: Vec<ListedEvent>,
}

#[derive(Deserialize)]
struct ListedEvent {
    event_id: String,
}

impl Session<'_> {
    /// The answer to a question. An answer that the rules do not expect may still change until the time to
    /// settle is over; one that must not change is looked at a little later.
    pub(super) async fn observe(&self, question: Question) -> Result<Answer, StepError> {
        match question {
            Question::Membership(member) => {
                let user = self.user_id(member)?;
                self.quiet().await;
                Ok(Answer::Membership(self.membership(&user).await?))
            }
            Question::ToldMembership(guest) => {
                let user = self.guest(guest)?.user_id.clone();
                let real = self.membership(&user).await?;
                let told = || self.told(&user);
                // Servers send their events when they find the time.
                let patience = self.context.options.settle + DELIVERY;
                self.within(patience, || told() == real).await;
                Ok(Answer::Membership(told()))
            }
            Question::GuestReads(guest, label) => {
                let token = &self.guest(guest)?.token;
                self.reads(token, &self.event_id(label)?).await.map(Answer::Given)
            }
            Question::UserReads(label) => {
                let token = &self.context.fixture.user.token;
                self.reads(token, &self.event_id(label)?).await.map(Answer::Given)
            }
            Question::GuestReadsOne(guest, label) => {
                let token = &self.guest(guest)?.token;
                let id = self.event_id(label)?;
                let request = Request::to(KNOWN.event, [self.room.as_str(), id.as_str()]);
                let response = self.call(&request, token).await?;
                decided(response.status)?;
                Ok(Answer::Given(response.allows()))
            }
            Question::GuestLooksLikeUser(guest, seen_in) => {
                let guest = &self.guest(guest)?.user_id;
                // By some rules, no guest may join.
                if self.membership(guest).await? != Membership::Join {
                    let because = "the guest is not in the room, so our server is told nothing";
                    return Err(StepError::new(NotRunKind::Consequence, because));
                }
                let guest = self.seen(guest, seen_in).await?;
                let user = self.seen(&self.context.fixture.user.user_id, seen_in).await?;
                Ok(Answer::Alike(alike(&guest, &user)))
            }
            Question::OursGiven(label, read) => {
                match self.ours_given(&self.event_id(label)?, read).await {
                    Ok(is_given) => Ok(Answer::Given(is_given)),
                    Err(FederationError::Refused { status: 400..=499, .. }) => {
                        Ok(Answer::Given(false))
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Waits a part of the time to settle.
    async fn quiet(&self) {
        tokio::time::sleep(self.context.options.settle / QUIET).await;
    }

    fn user_id(&self, member: Member) -> Result<OwnedUserId, StepError> {
        Ok(match member {
            Member::Guest(guest) => self.guest(guest)?.user_id.clone(),
            Member::User => self.context.fixture.user.user_id.clone(),
            Member::Ours => self.context.neighbour.user(Sender::Moderator),
        })
    }

    fn event_id(&self, label: Label) -> Result<OwnedEventId, StepError> {
        let none = || StepError::new(NotRunKind::SetUp, "the event was not sent");
        self.events.borrow().get(label).cloned().ok_or_else(none)
    }

    /// The membership of a user, as the moderator on the server under test sees it.
    async fn membership(&self, user: &OwnedUserId) -> Result<Membership, StepError> {
        let read = endpoint("GET /rooms/{roomId}/state/{eventType}/{stateKey}");
        let request = Request::to(read, [self.room.as_str(), "m.room.member", user.as_str()]);
        let response = self.call(&request, &self.context.fixture.moderator.token).await?;
        decided(response.status)?;
        if !response.allows() {
            return Ok(Membership::Never);
        }
        let MemberContent { membership } = response.json()?;
        Ok(membership)
    }

    /// The membership of a user, as our server was told.
    fn told(&self, user: &OwnedUserId) -> Membership {
        let told = self.our_membership(user);
        told.and_then(|told| Membership::from_spelling(&told)).unwrap_or(Membership::Never)
    }

    /// Whether a reader is given the event among the newest of the room.
    async fn reads(&self, token: &Token, id: &OwnedEventId) -> Result<bool, StepError> {
        let request = Request::to(KNOWN.messages, [self.room.as_str()])
            .query("dir", "b")
            .query("limit", MOST_EVENTS);
        let response = self.call(&request, token).await?;
        decided(response.status)?;
        if !response.allows() {
            return Ok(false);
        }
        let Page { chunk } = response.json()?;
        Ok(chunk.iter().any(|event| event.event_id == id.as_str()))
    }

    /// What our server is told of a user of the server under test.
    async fn seen(&self, user: &OwnedUserId, seen_in: SeenIn) -> Result<Value, StepError> {
        let neighbour = self.context.neighbour;
        let (client, target) = (&neighbour.client, &neighbour.target);
        match seen_in {
            SeenIn::MemberEvent => {
                let none =
                    || StepError::new(NotRunKind::EffectUnseen, "our server was told nothing");
                let json = self.with_room(|room| {
                    let state = room.state().ok()?;
                    let member = room.in_state(&state, "m.room.member", user.as_str())?;
                    let text = member.text();
                    serde_json::from_str::<Value>(text.get()).ok()
                })?;
                let mut json = json.ok_or_else(none)?;
                // They hold other names for each event.
                for key in ["hashes", "signatures", "prev_events", "auth_events"] {
                    json.as_object_mut().map(|event| event.remove(key));
                }
                Ok(json)
            }
            SeenIn::Profile => {
                let request = get_profile_information::v1::Request::new(user.clone());
                Ok(client.call_raw(target, request).await?)
            }
            SeenIn::Devices => {
                let request = get_devices::v1::Request::new(user.clone());
                Ok(client.call_raw(target, request).await?)
            }
        }
    }

    /// Whether the server under test gives our server the event.
    async fn ours_given(
        &self,
        id: &OwnedEventId,
        read: ServerRead,
    ) -> Result<bool, FederationError> {
        let neighbour = self.context.neighbour;
        let (client, target) = (&neighbour.client, &neighbour.target);
        let room = self.room.clone();
        Ok(match read {
            ServerRead::Event => {
                let request = get_event::v1::Request::new(id.clone());
                self.has_content(id, &[client.call(target, request).await?.pdu])
            }
            ServerRead::Backfill => {
                let limit = UInt::from(20_u32);
                let request = get_backfill::v1::Request::new(room, vec![id.clone()], limit);
                self.has_content(id, &client.call(target, request).await?.pdus)
            }
            ServerRead::MissingEvents { before } => {
                let before = self.events.borrow().get(before).cloned();
                let before = before.into_iter().collect();
                let request = get_missing_events::v1::Request::new(room, Vec::new(), before);
                self.has_content(id, &client.call(target, request).await?.events)
            }
            ServerRead::State => {
                let request = get_room_state::v1::Request::new(id.clone(), room);
                !client.call(target, request).await?.pdus.is_empty()
            }
            ServerRead::StateIds => {
                let request = get_room_state_ids::v1::Request::new(id.clone(), room);
                !client.call(target, request).await?.pdu_ids.is_empty()
            }
        })
    }

    /// Whether the event is among these, with its content: a server may give the redacted event.
    fn has_content(&self, id: &OwnedEventId, texts: &[Box<RawValue>]) -> bool {
        let version = self.context.room_version();
        let Some(rules) = version.and_then(|version| version.rules()) else { return false };
        let events = texts.iter().filter_map(|text| Event::read_text(text, &rules).ok());
        let mut same = events.filter(|event| event.id() == id);
        same.any(|event| event.content_text("body").is_some())
    }
}

/// An answer with a status from 500 on, or a limit of the rate, decides nothing.
fn decided(status: u16) -> Result<(), StepError> {
    match status {
        429 => Err(StepError::new(NotRunKind::RateLimit, "the homeserver limits the rate")),
        500.. => {
            Err(StepError::new(NotRunKind::ServerFailure, format!("it answered with {status}")))
        }
        _ => Ok(()),
    }
}
