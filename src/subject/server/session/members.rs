//! The memberships of a room. The moderator reads them to see what an action did to others than its
//! caller, and an action may read them itself.

use std::time::{Duration, Instant};

use guest_access_model::action::{Action, Actor};
use guest_access_model::state::MAX_GUESTS;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::Membership;
use ruma::api::client::sync::sync_events::v3 as sync;
use serde::Deserialize;

use super::{Arguments, Session};
use crate::subject::server::accounts::Credentials;
use crate::subject::server::error::ServerError;
use crate::subject::server::observation::{
    CallVerdict, HttpObservation, Memberships, ResponseContent,
};
use crate::subject::server::observe::{observe, observe_only};
use crate::subject::server::request::Request;

/// The first pause between two readings of memberships that may still change.
const SOON: Duration = Duration::from_millis(20);

#[derive(Debug, Deserialize)]
struct Chunk {
    chunk: Vec<MemberEvent>,
}

/// The fields of a membership event that the session reads.
#[derive(Debug, Deserialize)]
pub(super) struct MemberEvent {
    pub(super) state_key: String,
    pub(super) event_id: String,
    content: MemberContent,
}

#[derive(Debug, Deserialize)]
struct MemberContent {
    membership: String,
    #[serde(default)]
    displayname: Option<String>,
}

impl MemberEvent {
    /// Whether the member is joined.
    pub(super) fn is_joined(&self) -> bool {
        self.content.membership == Membership::Join.as_str()
    }

    /// The display name in the event.
    pub(super) fn display_name(&self) -> Option<&str> {
        self.content.displayname.as_deref()
    }
}

impl Session<'_> {
    /// Reads the memberships in every room until they are `settled`, or until `patience` is over.
    ///
    /// # Errors
    /// If the moderator cannot read them.
    pub async fn members(
        &self,
        patience: Duration,
        settled: impl Fn(&[Memberships]) -> bool,
    ) -> Result<Vec<Memberships>, ServerError> {
        self.connection.watch(true);
        let rooms = self.settled_members(patience, settled).await;
        self.connection.watch(false);
        rooms
    }

    async fn settled_members(
        &self,
        patience: Duration,
        settled: impl Fn(&[Memberships]) -> bool,
    ) -> Result<Vec<Memberships>, ServerError> {
        let until = Instant::now() + patience;
        let mut wait = SOON;
        loop {
            let mut rooms = Vec::with_capacity(self.rooms.len());
            for room in 0..self.rooms.len() {
                rooms.push(self.members_of(room).await?);
            }
            if settled(&rooms) || Instant::now() >= until {
                return Ok(rooms);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_millis(250));
        }
    }

    async fn members_of(&self, room: usize) -> Result<Memberships, ServerError> {
        Ok(self.memberships(self.member_events(room).await?))
    }

    /// The memberships in these events.
    fn memberships(&self, events: Vec<MemberEvent>) -> Memberships {
        let mut members =
            Memberships { guests: [Membership::Never; MAX_GUESTS], user: Membership::Never };
        for event in events {
            let Some(membership) = Membership::from_spelling(&event.content.membership) else {
                continue;
            };
            match self.actor(&event.state_key) {
                Some(Actor::User) => members.user = membership,
                Some(Actor::Guest(number)) => members.guests[usize::from(number)] = membership,
                _ => {}
            }
        }
        members
    }

    /// Reads the list of members as clients do: now, and again, if the caller is joined, at the place
    /// that its sync has reached.
    pub(super) async fn read_members(
        &mut self,
        action: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let request = self.request(action, &Arguments::default())?;
        let response = self.send(with, request.clone()).await?;
        self.read_further(action, with, (KNOWN.members, response.allows())).await?;
        let observed = observe_only(&response)?;
        if observed.verdict != CallVerdict::Allowed {
            return Ok(observed);
        }
        let now = self.memberships(response.json::<Chunk>()?.chunk);
        let room = self.room_id(action.place);
        let Some(place) = self.place_of(with, &room).await? else {
            return Ok(HttpObservation {
                content: ResponseContent::Listed { now, at: None },
                ..observed
            });
        };
        observe(&self.send(with, request.query("at", place)).await?, |response| {
            let at = self.memberships(response.json::<Chunk>()?.chunk);
            Ok(ResponseContent::Listed { now, at: Some(at) })
        })
    }

    /// The place that the sync of the caller has reached, if the caller is joined to the room.
    async fn place_of(
        &mut self,
        with: &Credentials,
        id: &str,
    ) -> Result<Option<String>, ServerError> {
        let response = self.send(with, self.place_sync()).await?;
        response.decides()?;
        if !response.allows() {
            return Ok(None);
        }
        let sync: sync::Response = response.read()?;
        let joined = sync.rooms.join.into_iter().find(|(room, _)| room == id);
        let Some((_, room)) = joined else { return Ok(None) };
        self.has_listed(with, id, room.timeline.prev_batch);
        Ok(Some(sync.next_batch))
    }

    /// The member events of a room, as the moderator reads them.
    ///
    /// # Errors
    /// If the moderator cannot read them.
    pub(super) async fn member_events(&self, room: usize) -> Result<Vec<MemberEvent>, ServerError> {
        let id = self.rooms[room].id.as_str();
        let request = Request::to(KNOWN.members, [id]);
        let response = self.send(&self.moderators(), request).await?;
        if !response.allows() {
            return Err(response.refused());
        }
        Ok(response.json::<Chunk>()?.chunk)
    }

    /// The event that is the membership of a guest now.
    pub(super) async fn membership_event(
        &self,
        room: usize,
        guest: u8,
    ) -> Result<Option<String>, ServerError> {
        let mut events = self.member_events(room).await?.into_iter();
        let of = |event: &MemberEvent| self.actor(&event.state_key) == Some(Actor::Guest(guest));
        Ok(events.find(of).map(|event| event.event_id))
    }
}
