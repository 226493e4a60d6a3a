//! The errors of the server-server API.

use std::time::Duration;

use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName};

/// Why an event cannot take its place in a room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomError {
    /// The event has not the form of an event.
    #[error("this is no event of a room: {why}")]
    Malformed {
        /// The fault of the event.
        why: String,
    },
    /// No signature of the sender's server, or a wrong one.
    #[error("the event {event} is not signed as it has to be: {why}")]
    Signature {
        /// The event.
        event: OwnedEventId,
        /// The fault of the signature.
        why: String,
    },
    /// The room does not have these events, on which the event rests.
    #[error("the room lacks {} events on which the event rests", .events.len())]
    Missing {
        /// The events that are missing.
        events: Vec<OwnedEventId>,
    },
    /// State resolution failed.
    #[error("the state of the room cannot be resolved: {why}")]
    Unresolved {
        /// The message of the library.
        why: String,
    },
    /// The room has a version that this server does not know.
    #[error("room version {version} is not among those of this server: 10, 11, 12")]
    Version {
        /// The version.
        version: String,
    },
}

/// Why a call to another server has no result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FederationError {
    /// No address of the server is known.
    #[error("no address of the server {name} is known")]
    UnknownServer {
        /// The name of the server.
        name: OwnedServerName,
    },
    /// This server is not in the room.
    #[error("this server does not have the room {room}")]
    UnknownRoom {
        /// The room.
        room: OwnedRoomId,
    },
    /// The request cannot be written.
    #[error("{call} cannot be written: {why}")]
    Unwritable {
        /// The method and the path of the endpoint.
        call: String,
        /// The message of the library.
        why: String,
    },
    /// No connection, or no whole answer.
    #[error("{call} has no answer: {why}")]
    NoAnswer {
        /// The method and the path of the endpoint.
        call: String,
        /// The message of the HTTP library.
        why: String,
    },
    /// The answer does not come in time.
    #[error("{call} was not answered within {}", humantime::format_duration(*.after))]
    Silent {
        /// The method and the path of the endpoint.
        call: String,
        /// How long the client waited.
        after: Duration,
    },
    /// The answer is too large.
    #[error("{call} was answered with more than {limit} bytes, which is too large")]
    TooLarge {
        /// The method and the path of the endpoint.
        call: String,
        /// The largest number of bytes in an answer.
        limit: usize,
    },
    /// The server refused the call.
    #[error("{call} was refused: {status} {}", .errcode.as_deref().unwrap_or("without an error code"))]
    Refused {
        /// The method and the path of the endpoint.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The error code, if the answer has one.
        errcode: Option<String>,
        /// What the server says of the error, shortened.
        message: Option<String>,
    },
    /// The answer has not the form that the specification says.
    #[error("{call} was answered with something else than the specification says: {why}")]
    Unfit {
        /// The method and the path of the endpoint.
        call: String,
        /// The fault of the answer.
        why: String,
    },
    /// An event of the answer cannot take its place in the room.
    #[error(transparent)]
    Room(#[from] RoomError),
}

impl FederationError {
    /// Whether the server answered, and refused the call.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}
