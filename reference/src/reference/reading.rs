//! The answers of the endpoints that read rooms.

mod current;
mod one_event;
mod relations;
mod stream;
mod sync;
mod timeline;

use std::borrow::Cow;

use ruma::serde::Raw;

use super::authorisation::Caller;
use super::event::{Event, Recipient};
use super::{Reference, Room};

pub use stream::EventsRequest;
pub use timeline::Span;

/// The pagination token for the position after everything up to this number of the server's clock.
pub(super) fn token(number: u64) -> String {
    format!("s{number}")
}

/// The number in a token; `None` if the token is not from this server.
pub(super) fn read_token(token: &str) -> Option<u64> {
    token.strip_prefix('s')?.parse().ok()
}

impl Room {
    /// The token of the position before the event at `place`.
    pub fn token_before(&self, place: usize) -> String {
        let before = place.checked_sub(1).map_or(0, |before| self.event(before).number);
        token(before)
    }

    /// The place of the first event after a token.
    fn place_at(&self, token: Option<&str>) -> Option<usize> {
        token.and_then(read_token).map(|number| self.place_after(number))
    }
}

impl Reference {
    /// The event at this place of `room`, in the format for clients.
    fn show<T>(&self, caller: &Caller, room: &Room, place: usize) -> Raw<T> {
        self.as_given(caller, room, place).raw(self.recipient(caller))
    }

    /// The event at this place of `room`, with the content that the caller is given.
    fn as_given<'a>(&self, caller: &Caller, room: &'a Room, place: usize) -> Cow<'a, Event> {
        let event = room.event(place);
        let erased = self.accounts.get(&event.sender).and_then(|account| account.erased);
        let joined = || Some(room.event(room.place_of_joining(caller.user.as_deref()?)?).number);
        match erased {
            // CS-51: Whoever joins a room after the erasure of an account is given the events of that account
            // redacted.
            Some(erased) if joined().is_some_and(|joined| joined > erased) => {
                Cow::Owned(event.stripped())
            }
            // CS-52: Users who could see the events of an account before its erasure still see them
            // unredacted.
            _ => Cow::Borrowed(event),
        }
    }

    /// The caller as the recipient of an answer.
    fn recipient<'a>(&self, caller: &'a Caller) -> Recipient<'a> {
        let (user, device) = (caller.user.as_deref(), caller.device.as_deref());
        Recipient { user, device, now: self.now() }
    }

    /// The events at these places of `room`, in the format for clients.
    fn show_all<T>(&self, caller: &Caller, room: &Room, places: &[usize]) -> Vec<Raw<T>> {
        places.iter().map(|&place| self.show(caller, room, place)).collect()
    }

    /// The token of the current position.
    pub fn token(&self) -> String {
        token(self.clock)
    }
}
