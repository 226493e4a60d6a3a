//! Any homeserver, over HTTP, as something that the model's steps can be taken against.
//!
//! A [`Server`] is one homeserver: how it is reached, and what had to be learned of it. A [`Session`]
//! is the model's first state made on it, with guests of its own and rooms that are no other's
//! meanwhile: [`Session::perform`] makes the call that a step stands for and says what was [`HttpObservation`].
//! Nothing here knows any homeserver by name, and nothing that a homeserver answers is trusted: what
//! does not fit is said, and ends at most the one story.

mod accounts;
mod acting;
mod calling;
mod client;
mod contending;
mod error;
mod members;
mod observation;
mod reading;
mod recording;
mod registration;
mod request;
mod response;
mod room_fixture;
mod rooms;
mod sending;
mod session;
mod setting_up;
mod token;

pub use accounts::UserAccount;
pub use client::{Client, Limits};
pub use contending::{CallContext, CallResult, RoomSettings};
pub use error::ServerError;
pub use observation::{CallVerdict, EventPresence, HttpObservation, Memberships, ResponseContent};
pub use recording::{Exchange, LearnedValue, Recording, ValueSource};
pub use registration::Proof;
pub use request::{Request, escaped};
pub use response::Response;
pub use session::{Needs, Session};
pub use setting_up::{Server, SharedFixture};
pub use token::Token;
