//! Room aliases, and the directory of published rooms.

use std::sync::Arc;

use guest_access_rules::endpoint::{EndpointId, Gives};
use guest_access_rules::vocabulary::{Decision, ErrCode, GuestAccess, JoinRule, Membership};
use ruma::api::client::alias::{create_alias, delete_alias, get_alias};
use ruma::api::client::directory::{
    get_public_rooms, get_public_rooms_filtered, get_room_visibility, set_room_visibility,
};
use ruma::api::client::membership::joined_rooms;
use ruma::api::client::room::{Visibility, aliases};
use ruma::directory::{PublicRoomsChunk, PublicRoomsChunkInit};
use ruma::{OwnedMxcUri, OwnedRoomAliasId, RoomId, UInt};

use super::answer::{AllowedResponse, Answer, Credentials, OPEN, Refusal};
use super::authorisation::EndpointCall;
use super::endpoints::ENDPOINTS;
use super::event::CANONICAL_ALIAS;
use super::{Reference, Room};

const NO_SUCH_ALIAS: Refusal = Refusal::not_found(&[], "there is no such alias");
const NO_SUCH_ROOM: Refusal = Refusal::not_found(&[], "the server takes no part in the room");

impl Reference {
    /// `PUT /directory/room/{roomAlias}`.
    ///
    /// # Errors
    /// The refusal, if the room does not get the alias.
    pub fn create_alias(
        &mut self,
        credentials: &Credentials<'_>,
        request: &create_alias::v3::Request,
    ) -> Answer<create_alias::v3::Response> {
        let (alias, room) = (&request.room_alias, &request.room_id);
        self.admit_manager(credentials, ENDPOINTS.put_alias, room, None)?;
        if alias.server_name() != self.name() {
            let because = "the alias is of another server";
            return Err(Refusal::new(400, ErrCode::InvalidParam, &[], because));
        }
        if self.aliases.contains_key(alias) {
            return Err(Refusal::new(409, ErrCode::Unknown, &[], "the alias is taken"));
        }
        Arc::make_mut(&mut self.aliases).insert(alias.clone(), room.clone());
        Ok(AllowedResponse::new(OPEN, create_alias::v3::Response::new()))
    }

    /// `GET /directory/room/{roomAlias}`.
    ///
    /// # Errors
    /// The refusal, if no room has this alias.
    pub fn alias(&self, request: &get_alias::v3::Request) -> Answer<get_alias::v3::Response> {
        let room = self.aliases.get(&request.room_alias).ok_or(NO_SUCH_ALIAS)?;
        let servers = vec![self.name().to_owned()];
        let decision = Decision::allow(&["CS-3"], "anyone may ask what an alias stands for");
        Ok(AllowedResponse::new(decision, get_alias::v3::Response::new(room.clone(), servers)))
    }

    /// `DELETE /directory/room/{roomAlias}`.
    ///
    /// # Errors
    /// The refusal, if the room keeps the alias.
    pub fn delete_alias(
        &mut self,
        credentials: &Credentials<'_>,
        request: &delete_alias::v3::Request,
    ) -> Answer<delete_alias::v3::Response> {
        let endpoint = ENDPOINTS.delete_alias;
        let Some(room) = self.aliases.get(&request.room_alias).cloned() else {
            self.admit(credentials, EndpointCall::to(endpoint))?;
            return Err(NO_SUCH_ALIAS);
        };
        self.admit_manager(credentials, endpoint, &room, Some(CANONICAL_ALIAS))?;
        Arc::make_mut(&mut self.aliases).remove(&request.room_alias);
        Ok(AllowedResponse::new(OPEN, delete_alias::v3::Response::new()))
    }

    /// `GET /rooms/{roomId}/aliases`.
    ///
    /// # Errors
    /// The refusal, if the caller may not read the room.
    pub fn aliases(
        &self,
        credentials: &Credentials<'_>,
        request: &aliases::v3::Request,
    ) -> Answer<aliases::v3::Response> {
        let caller =
            self.admit(credentials, EndpointCall::to(ENDPOINTS.aliases).about(&request.room_id))?;
        let (room, decision) = self.readable_room(&caller, &request.room_id, Gives::State)?;
        let names = self.aliases_of(room).cloned().collect();
        Ok(AllowedResponse::new(decision, aliases::v3::Response::new(names)))
    }

    /// `GET /joined_rooms`.
    ///
    /// # Errors
    /// The refusal, if the caller may not call the endpoint.
    pub fn rooms_joined(
        &self,
        credentials: &Credentials<'_>,
        _: &joined_rooms::v3::Request,
    ) -> Answer<joined_rooms::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.joined_rooms))?;
        let joined = self.rooms().filter(|room| caller.membership(room) == Membership::Join);
        let joined = joined.map(|room| room.id.clone()).collect();
        Ok(AllowedResponse::new(OPEN, joined_rooms::v3::Response::new(joined)))
    }

    /// `PUT /directory/list/room/{roomId}`.
    ///
    /// # Errors
    /// The refusal, if the directory does not change.
    pub fn publish(
        &mut self,
        credentials: &Credentials<'_>,
        request: &set_room_visibility::v3::Request,
    ) -> Answer<set_room_visibility::v3::Response> {
        let room = &request.room_id;
        self.admit_manager(credentials, ENDPOINTS.publish, room, Some(CANONICAL_ALIAS))?;
        let published = Arc::make_mut(&mut self.published);
        match request.visibility {
            Visibility::Public => published.insert(room.clone()),
            _ => published.remove(room),
        };
        Ok(AllowedResponse::new(OPEN, set_room_visibility::v3::Response::new()))
    }

    /// `GET /directory/list/room/{roomId}`.
    ///
    /// # Errors
    /// The refusal, if there is no such room.
    pub fn publication(
        &self,
        request: &get_room_visibility::v3::Request,
    ) -> Answer<get_room_visibility::v3::Response> {
        let room = self.room(&request.room_id).ok_or(NO_SUCH_ROOM)?;
        let visibility = self.publication_of(&room.id);
        let decision = Decision::allow(&["CS-3"], "anyone may read the directory");
        Ok(AllowedResponse::new(decision, get_room_visibility::v3::Response::new(visibility)))
    }

    /// `GET /publicRooms`.
    ///
    /// # Errors
    /// The refusal, if the request names no page that exists.
    pub fn public_rooms(
        &self,
        request: &get_public_rooms::v3::Request,
    ) -> Answer<get_public_rooms::v3::Response> {
        let page = self.page(request.since.as_deref(), request.limit, "")?;
        let mut response = get_public_rooms::v3::Response::new(page.rooms);
        response.next_batch = page.next;
        response.prev_batch = page.previous;
        response.total_room_count_estimate = Some(page.total);
        let decision = Decision::allow(&["CS-3"], "anyone may read the directory");
        Ok(AllowedResponse::new(decision, response))
    }

    /// `POST /publicRooms`.
    ///
    /// # Errors
    /// The refusal, if the caller may not search, or if the request names no page that exists.
    pub fn search_public_rooms(
        &self,
        credentials: &Credentials<'_>,
        request: &get_public_rooms_filtered::v3::Request,
    ) -> Answer<get_public_rooms_filtered::v3::Response> {
        self.admit(credentials, EndpointCall::to(ENDPOINTS.search_public_rooms))?;
        let term = request.filter.generic_search_term.as_deref().unwrap_or_default();
        let page = self.page(request.since.as_deref(), request.limit, term)?;
        let mut response = get_public_rooms_filtered::v3::Response::new();
        response.chunk = page.rooms;
        response.next_batch = page.next;
        response.prev_batch = page.previous;
        response.total_room_count_estimate = Some(page.total);
        Ok(AllowedResponse::new(OPEN, response))
    }

    /// Checks that the caller may manage the aliases of `room`. The caller has to be joined, and needs
    /// the power level to send `event`, if an event is given.
    fn admit_manager(
        &self,
        credentials: &Credentials<'_>,
        endpoint: EndpointId,
        room: &RoomId,
        event: Option<&str>,
    ) -> Result<(), Refusal> {
        let caller = self.admit(credentials, EndpointCall::to(endpoint).about(room))?;
        let room = self.room(room).ok_or(NO_SUCH_ROOM)?;
        let enough = event
            .is_none_or(|event| room.power_of(&caller.sender()) >= room.power_to_send(event, true));
        if caller.membership(room) == Membership::Join && enough {
            Ok(())
        } else {
            Err(Refusal::forbidden(&[], "the caller is not joined, or its power does not suffice"))
        }
    }

    /// Whether the directory has the room.
    pub(super) fn publication_of(&self, room: &RoomId) -> Visibility {
        if self.published.contains(room) { Visibility::Public } else { Visibility::Private }
    }

    fn aliases_of(&self, room: &Room) -> impl Iterator<Item = &OwnedRoomAliasId> {
        self.aliases.iter().filter(|(_, named)| **named == room.id).map(|(alias, _)| alias)
    }

    /// The page of published rooms that match `term`, from the position `since` on.
    fn page(&self, since: Option<&str>, limit: Option<UInt>, term: &str) -> Result<Page, Refusal> {
        let first = since
            .map_or(Ok(0), str::parse::<usize>)
            .map_err(|_| Refusal::new(400, ErrCode::InvalidParam, &[], "there is no such page"))?;
        let limit = limit.and_then(|limit| usize::try_from(u64::from(limit)).ok());
        let published = self.rooms().filter(|room| self.published.contains(&room.id));
        let mut rooms: Vec<_> = published.map(|room| self.describe(room)).collect();
        rooms.retain(|room| matches_search(room, term));
        let total = UInt::new_saturating(rooms.len() as u64);
        let mut rooms = rooms.split_off(first.min(rooms.len()));
        let more = limit.is_some_and(|limit| limit < rooms.len());
        rooms.truncate(limit.unwrap_or(usize::MAX));
        let next = more.then(|| (first + rooms.len()).to_string());
        let previous = first.saturating_sub(limit.unwrap_or(first));
        let previous = (first > 0).then(|| previous.to_string());
        Ok(Page { rooms, next, previous, total })
    }

    fn describe(&self, room: &Room) -> PublicRoomsChunk {
        let joined = room.members().filter(|(_, membership)| *membership == Membership::Join);
        let mut described = PublicRoomsChunk::from(PublicRoomsChunkInit {
            num_joined_members: UInt::new_saturating(joined.count() as u64),
            room_id: room.id.clone(),
            world_readable: room.is_world_readable(),
            guest_can_join: room.settings().guest_access == GuestAccess::CanJoin,
        });
        let text = |kind, key| room.current(kind, "")?.text(key).map(str::to_owned);
        described.name = text("m.room.name", "name");
        described.topic = text("m.room.topic", "topic");
        described.avatar_url = text("m.room.avatar", "url").map(OwnedMxcUri::from);
        described.join_rule = match room.join_rule() {
            JoinRule::Public => "public",
            JoinRule::Invite => "invite",
            JoinRule::Knock => "knock",
        }
        .into();
        let named = text(CANONICAL_ALIAS, "alias").and_then(|alias| alias.try_into().ok());
        described.canonical_alias = named.or_else(|| self.aliases_of(room).next().cloned());
        described
    }
}

/// One page of the directory.
struct Page {
    rooms: Vec<PublicRoomsChunk>,
    next: Option<String>,
    previous: Option<String>,
    total: UInt,
}

fn matches_search(room: &PublicRoomsChunk, term: &str) -> bool {
    let term = term.to_lowercase();
    let alias = room.canonical_alias.as_ref().map(ToString::to_string);
    let texts = [room.name.as_ref(), room.topic.as_ref(), alias.as_ref()];
    term.is_empty() || texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&term))
}

#[cfg(test)]
mod tests {
    use ruma::room_alias_id;

    use super::super::fixture::{ALLOWED, FORBIDDEN, Fixture, NOT_FOR_GUESTS, status_and_errcode};
    use super::*;

    #[test]
    fn a_member_adds_an_alias_and_a_moderator_removes_the_alias() {
        let mut fixture = Fixture::new();
        let user = fixture.user("user");
        let alias = room_alias_id!("#new:reference.test").to_owned();
        let create = create_alias::v3::Request::new(alias.clone(), fixture.room.clone());
        assert_eq!(
            status_and_errcode(fixture.server.create_alias(&user.credentials(), &create)),
            FORBIDDEN
        );
        assert_eq!(fixture.join(&user), ALLOWED);
        assert_eq!(
            status_and_errcode(fixture.server.create_alias(&user.credentials(), &create)),
            ALLOWED
        );
        let taken = (409, Some(ErrCode::Unknown));
        assert_eq!(
            status_and_errcode(fixture.server.create_alias(&user.credentials(), &create)),
            taken
        );

        let find = get_alias::v3::Request::new(alias.clone());
        assert_eq!(fixture.server.alias(&find).unwrap().response.room_id, fixture.room);
        let delete = delete_alias::v3::Request::new(alias);
        assert_eq!(
            status_and_errcode(fixture.server.delete_alias(&user.credentials(), &delete)),
            FORBIDDEN
        );
        let credentials = fixture.moderator.credentials();
        assert_eq!(status_and_errcode(fixture.server.delete_alias(&credentials, &delete)), ALLOWED);
        assert!(fixture.server.alias(&find).is_err());
    }

    #[test]
    fn the_directory_says_what_guests_may_do_in_a_published_room() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let publish =
            set_room_visibility::v3::Request::new(fixture.room.clone(), Visibility::Public);
        assert_eq!(
            status_and_errcode(fixture.server.publish(&guest.credentials(), &publish)),
            NOT_FOR_GUESTS
        );
        let rooms = |fixture: &Fixture| {
            let request = get_public_rooms::v3::Request::new();
            fixture.server.public_rooms(&request).unwrap().response.chunk
        };
        assert!(rooms(&fixture).is_empty());
        assert_eq!(
            status_and_errcode(fixture.server.publish(&fixture.moderator.credentials(), &publish)),
            ALLOWED
        );
        fixture.set_visibility("world_readable");
        fixture.set_guest_access("can_join");
        fixture.set("m.room.avatar", &serde_json::json!({ "url": "mxc://reference.test/a" }));
        let rooms = rooms(&fixture);
        assert_eq!(rooms.len(), 1);
        let avatar = rooms[0].avatar_url.as_ref().map(|uri| uri.as_str());
        assert_eq!(avatar, Some("mxc://reference.test/a"));
        assert!(rooms[0].world_readable && rooms[0].guest_can_join);
        assert_eq!(
            rooms[0].canonical_alias.as_deref(),
            Some(room_alias_id!("#room:reference.test"))
        );
    }

    #[test]
    fn the_directory_is_given_page_by_page_and_searched_by_a_term() {
        let mut fixture = Fixture::new();
        let creator = fixture.moderator.user_id.clone();
        for name in ["first", "second", "third"] {
            let room = fixture.server.create_bare_room(&creator, name);
            let publish = set_room_visibility::v3::Request::new(room, Visibility::Public);
            fixture.server.publish(&fixture.moderator.credentials(), &publish).unwrap();
        }
        let mut request = get_public_rooms::v3::Request::new();
        request.limit = Some(UInt::from(2_u8));
        let first = fixture.server.public_rooms(&request).unwrap().response;
        assert_eq!(first.chunk.len(), 2);
        request.since = first.next_batch;
        let last = fixture.server.public_rooms(&request).unwrap().response;
        assert_eq!((last.chunk.len(), last.next_batch), (1, None));
        request.since = last.prev_batch;
        let again = fixture.server.public_rooms(&request).unwrap().response;
        assert_eq!((again.chunk.len(), again.prev_batch), (2, None));

        let mut search = get_public_rooms_filtered::v3::Request::new();
        search.filter.generic_search_term = Some("SECOND".to_owned());
        let found = fixture.server.search_public_rooms(&fixture.moderator.credentials(), &search);
        assert_eq!(found.unwrap().response.chunk.len(), 1);
    }
}
