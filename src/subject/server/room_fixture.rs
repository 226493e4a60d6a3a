//! A room in which only guest access can stop a call.
//!
//! Some endpoints take a room in which the caller has power, and a user or an event in the room. A
//! homeserver denies such a call to anybody without that power, so the denial says nothing about
//! guests. The call is therefore made in a room fixture: a room beside those of the scenario. The
//! caller has joined the room fixture, has the power of a moderator there, and has the targets that
//! the call needs.

use guest_access_rules::endpoint::EndpointId;
use ruma::OwnedRoomId;

/// The room fixture of one session.
#[derive(Debug)]
pub(super) struct RoomFixture {
    pub(super) room: OwnedRoomId,
    /// The user ids of the callers who have joined the room.
    pub(super) joined: Vec<String>,
    /// The aliases that the room has, or may have.
    pub(super) aliases: Vec<String>,
}

/// The needs of a call, besides a room in which the caller has power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prerequisite {
    /// Nothing.
    Nothing,
    /// A user who is not in the room.
    Stranger,
    /// A user who is invited.
    Invited,
    /// A user who is banned.
    Banned,
    /// An alias of the room.
    Alias,
    /// A free alias.
    NewAlias,
    /// A message.
    Message,
    /// That the caller has left the room.
    ToHaveLeft,
}

/// What a call of the endpoint takes; none, if the endpoint takes no room fixture.
pub(super) fn prerequisite(endpoint: EndpointId) -> Option<Prerequisite> {
    Some(match endpoint.get().id.as_str() {
        "POST /rooms/{roomId}/invite" | "POST /rooms/{roomId}/ban" => Prerequisite::Stranger,
        "POST /rooms/{roomId}/kick" => Prerequisite::Invited,
        "POST /rooms/{roomId}/unban" => Prerequisite::Banned,
        "POST /rooms/{roomId}/forget" => Prerequisite::ToHaveLeft,
        "PUT /rooms/{roomId}/redact/{eventId}/{txnId}" => Prerequisite::Message,
        "GET /directory/room/{roomAlias}" | "DELETE /directory/room/{roomAlias}" => {
            Prerequisite::Alias
        }
        "PUT /directory/room/{roomAlias}" => Prerequisite::NewAlias,
        "GET /rooms/{roomId}/aliases" | "PUT /directory/list/room/{roomId}" => {
            Prerequisite::Nothing
        }
        _ => return None,
    })
}
