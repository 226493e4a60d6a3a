//! A reference homeserver for Matrix guest access, in memory.
//!
//! The homeserver decides by the rules, and knows nothing of the model: this crate depends on
//! [`guest_access_rules`] alone. So it is evidence that the two agree in every step.
//!
//! | module | contents |
//! |---|---|
//! | [`reference`](mod@reference) | the homeserver, as a library |
//! | [`serve`] | the homeserver over HTTP |

pub mod reference;
pub mod serve;
