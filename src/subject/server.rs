//! Any homeserver, over HTTP, as a subject that performs the actions of the model.
//!
//! - A [`Server`] is one homeserver: how to reach it, and what it offers.
//! - A [`Session`] holds the accounts and the rooms of one scenario, in the model's initial state.
//!   [`Session::perform`] makes the calls of an action and returns an [`HttpObservation`].
//! - A [`SharedFixture`] holds what sessions share: a moderator, a user, and a pool of rooms.
//!
//! An action becomes calls in three steps, of which the first and the third are pure:
//! 1. `action_request` translates the action into an HTTP [`Request`]; `sample_request` does so for
//!    endpoints that no action names.
//! 2. The session makes the call, and a [`SessionRecording`] keeps the [`Exchange`].
//! 3. `observe` translates the [`Response`] into an observation.
//!
//! No code here depends on the name of a homeserver, and no code trusts a response. A response that
//! does not fit the specification ends at most one scenario, with a reason.

mod accounts;
mod action_request;
mod call_effect;
mod client;
mod error;
mod form;
mod homeserver;
mod listed_events;
mod needs;
mod not_run;
mod observation;
mod observe;
mod paths;
mod read_answer;
mod recording;
mod registration;
mod request;
mod requests;
mod response;
mod room_fixture;
mod room_pool;
mod sample_request;
mod session;
mod setting_shape;
mod token;

pub use accounts::UserAccount;
pub use call_effect::CallEffect;
pub use client::{Client, Limits};
pub use error::ServerError;
pub use homeserver::{Server, SharedFixture};
pub use needs::Needs;
pub use not_run::{NotRunKind, NotRunReason};
pub use observation::{
    CallVerdict, Direction, EventPresence, HttpObservation, Memberships, ResponseContent,
};
pub use read_answer::{ReadAnswer, RoomTimeline};
pub use recording::{Exchange, LearnedValue, SentEvent, SessionRecording, ValueSource};
pub use registration::Proof;
pub use request::{Request, escaped};
pub use requests::USE_STATE_AFTER;
pub use response::Response;
pub use session::Session;
pub use session::further_reads::FurtherRead;
pub use session::single_calls::{CallContext, CallResult, RoomSettings};
pub use setting_shape::{MOST_SHAPES, setting_shapes};
pub use token::Token;
