//! The rules of Matrix guest access as data: every published revision, what it asks, and what may
//! differ from it.

#![forbid(unsafe_code)]

pub mod clause;
pub mod decision_point;
pub mod discipline;
pub mod endpoint;
pub mod federation;
pub mod guarantee;
pub mod profile;
pub mod rules;
pub mod text_file;
pub mod variant;
pub mod vocabulary;
