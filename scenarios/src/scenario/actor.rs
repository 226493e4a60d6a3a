//! The names of actors and rooms.

use guest_access_model::action::{Actor, Place};
use guest_access_model::state::{MAX_GUESTS, MAX_ROOMS};

/// The name of an actor.
pub(super) fn name(actor: Actor) -> String {
    match actor {
        Actor::Server => "server".to_owned(),
        Actor::Moderator => "moderator".to_owned(),
        Actor::User => "user".to_owned(),
        Actor::Nobody => "nobody".to_owned(),
        Actor::Guest(number) => guest(number.into()),
    }
}

/// The name of the guest with this number.
pub(super) fn guest(number: usize) -> String {
    format!("guest{}", number + 1)
}

/// The name of the room with this number.
pub(super) fn room(number: usize) -> String {
    format!("room{}", number + 1)
}

/// The name of the server with this number.
pub(super) fn server(number: usize) -> String {
    format!("server{}", number + 1)
}

/// The name of a place; none for no room.
pub(super) fn place(place: Place) -> Option<String> {
    match place {
        Place::Nowhere => None,
        Place::Room(number) => Some(room(number.into())),
        Place::Elsewhere => Some("elsewhere".to_owned()),
    }
}

/// Every actor.
pub(super) fn all() -> impl Iterator<Item = Actor> {
    [Actor::Moderator, Actor::User, Actor::Nobody, Actor::Server]
        .into_iter()
        .chain((0..small(MAX_GUESTS)).map(Actor::Guest))
}

/// Every place but nowhere.
pub(super) fn places() -> impl Iterator<Item = Place> {
    (0..small(MAX_ROOMS)).map(Place::Room).chain([Place::Elsewhere])
}

fn small(number: usize) -> u8 {
    u8::try_from(number).expect("a scope is small")
}

/// The actor with this name; otherwise the names there are.
pub(super) fn find(text: &str) -> Result<Actor, String> {
    all().find(|actor| name(*actor) == text).ok_or_else(|| listed(all().map(name)))
}

/// The number of the guest with this name; otherwise the names there are.
pub(super) fn find_guest(text: &str) -> Result<u8, String> {
    let numbers = || 0..small(MAX_GUESTS);
    numbers()
        .find(|number| guest((*number).into()) == text)
        .ok_or_else(|| listed(numbers().map(|number| guest(number.into()))))
}

/// The place with this name; otherwise the names there are.
pub(super) fn find_place(text: &str) -> Result<Place, String> {
    places()
        .find(|known| place(*known).as_deref() == Some(text))
        .ok_or_else(|| listed(places().filter_map(place)))
}

/// Names, one after the other.
pub(super) fn listed(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
