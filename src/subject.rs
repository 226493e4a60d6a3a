//! The subjects that perform actions of the model: the reference homeserver, and any homeserver over HTTP.

pub mod reference;
pub mod server;
