//! What steps are taken against: the reference homeserver.

pub mod reference;
