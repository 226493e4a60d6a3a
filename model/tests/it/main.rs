//! Whole-crate tests of the model, one file for each capability.

mod algebra;
mod clauses;
mod floors;
mod matrix;
mod revisions;
