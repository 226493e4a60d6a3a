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
mod linearization;
mod minimal_history;
mod partition;
mod record;
mod recording;
mod schema;
mod shrink;
mod specification;
#[cfg(test)]
mod tests;
mod violation;

pub use check::{CheckResult, Checker, NeededReading, UndecidedPartition};
pub use file::RecordingError;
pub use record::{Options, RecordingRun, record};
pub use recording::{
    Answer, AnswerVerdict, Call, FORMAT, Recording, RecordingHeader, Round, RoundEnd, Software,
    schema,
};
pub use violation::{ExpectedOutcome, Violation};
