//! What steps are taken against: the reference homeserver, or any homeserver over HTTP.

pub mod reference;
pub mod server;
