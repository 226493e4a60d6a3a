//! What each reading endpoint answers.

mod current;
mod one_event;
mod relations;
mod stream;
mod sync;
mod timeline;

use ruma::serde::Raw;

use super::{Reference, Room};

pub use stream::EventsRequest;
pub use timeline::Span;

/// A place in the streams of the server, as clients are told it: after everything that happened up
/// to this number on its clock.
pub(super) fn token(number: u64) -> String {
    format!("s{number}")
}

/// The number that a token stands for; `None` if the server never gave it.
pub(super) fn read_token(token: &str) -> Option<u64> {
    token.strip_prefix('s')?.parse().ok()
}

impl Room {
    /// The events at these places, as clients are given them.
    fn raw<T>(&self, places: &[usize]) -> Vec<Raw<T>> {
        places.iter().map(|&place| self.event(place).raw()).collect()
    }

    /// The token of the place just before the event at `place`, or of the end.
    pub fn token_before(&self, place: usize) -> String {
        let before = place.checked_sub(1).map_or(0, |before| self.event(before).number);
        token(before)
    }

    /// The place at which the events after a token begin.
    fn place_at(&self, token: Option<&str>) -> Option<usize> {
        token.and_then(read_token).map(|number| self.place_after(number))
    }
}

impl Reference {
    /// The token of now.
    pub fn token(&self) -> String {
        token(self.clock)
    }
}
