//! Any homeserver, over HTTP, as something that the model's steps can be taken against.
//!
//! A [`Server`] is one homeserver: how it is reached, and what had to be learned of it. A [`World`]
//! is the model's first state made on it, with guests of its own and rooms that are no other's
//! meanwhile: [`World::take`] makes the call that a step stands for and says what was [`Observed`].
//! Nothing here knows any homeserver by name, and nothing that a homeserver answers is trusted: what
//! does not fit is said, and ends at most the one story.

mod acting;
mod calling;
mod client;
mod contending;
mod error;
mod members;
mod observed;
mod people;
mod reading;
mod recording;
mod registration;
mod request;
mod response;
mod rooms;
mod sending;
mod setting_up;
mod stage;
mod token;
mod world;

pub use client::{Client, Limits};
pub use contending::{Beside, Said, Settings};
pub use error::ServerError;
pub use observed::{Given, Held, Members, Observed, Verdict};
pub use people::Person;
pub use recording::{Exchange, Learned, Recording, Source};
pub use registration::Proof;
pub use request::{Request, escaped};
pub use response::Response;
pub use setting_up::{Helpers, Server};
pub use token::Token;
pub use world::{Needs, World};
