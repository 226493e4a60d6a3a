//! Tests of the rules against the specification notes, and of the clause comments in all crates.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clauses;
mod pages;
