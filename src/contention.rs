//! Linearizability of a homeserver: several clients call at once, and the checker looks for one order of
//! their calls that explains all answers.
//!
//! 1. *Record* ([`record`]): rounds of overlapping calls, each with its start, its end and its answer.
//!    The format ([`Recording`]) is documented, so that any harness can write recordings.
//! 2. *Partition*: split each round by user and event.
//! 3. *Check* ([`Checker`]): search for a linearization of each partition, by the sequential rules.
//! 4. *Consistency*: search for one assignment of readings that explains every partition.
//! 5. *Shrink*: reduce a partition without a linearization to a minimal history.
//! 6. *Report*: each [`Violation`] with the answers that the rules predict instead.
//!
//! ```
//! use std::path::Path;
//!
//! use guest_access::contention::{Checker, Recording};
//! use guest_access_rules::rules::Rules;
//!
//! let text = r#"{"line":"recording","format":1,"rules":"latest"}
//! {"line":"call","round":1,"client":1,"step":{"as":"guest1","do":"register as guest"},"start":1,"end":5,"answer":{"verdict":"allow","status":200}}"#;
//! let recording = Recording::parse(Path::new("history.jsonl"), text)?;
//! let rules = Rules::find(&recording.header.rules)?;
//! let result = Checker::new(&rules).check(&recording, |_| ());
//! assert!(result.violations.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod chooser;
mod consistency;
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

pub use check::{CheckResult, Checker, NeededReading};
pub use consistency::{Inconsistency, LimitedSearch, PartitionEvidence, UndecidedPartition};
pub use file::RecordingError;
pub use record::{RecordOptions, RecordingRun, record};
pub use recording::{
    AnswerVerdict, FORMAT, RecordedAnswer, RecordedCall, Recording, RecordingHeader, Round,
    RoundEnd, Software, schema,
};
pub use violation::{ExpectedOutcome, Violation};
