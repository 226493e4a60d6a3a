//! Histories of a homeserver under contention: several clients at once, and whether one order of
//! their calls explains all that they were answered.
//!
//! 1. *Record* ([`record`]): rounds of calls that overlap, each with when it began and when it was
//!    answered, in a format that any harness can write ([`Recording`]).
//! 2. *Check* ([`Checker`]): linearizability against the sequential rules, part by part.
//! 3. *Shrink*: of what no order explains, the calls that are needed to see that.

mod check;
mod chooser;
mod explain;
mod file;
mod order;
mod part;
mod record;
mod recorded;
mod rules;
mod schema;
mod shrink;
#[cfg(test)]
mod tests;
mod violation;

pub use check::{Checked, Checker, Reading, Undecided};
pub use file::RecordingError;
pub use record::{Options, Recorded, record};
pub use recorded::{About, Answer, Call, End, FORMAT, Recording, Round, Software, Verdict};
pub use schema::schema;
pub use violation::{Expected, Violation};
