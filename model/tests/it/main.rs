//! Whole-crate tests of the model, one file for each capability.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod algebra;
mod any_number;
mod cited_clauses;
mod concurrent;
mod declared_guarantees;
mod executors;
mod federated;
mod matrix;
mod one_line_proposals;
mod options;
mod revisions;
