//! The rules of Matrix guest access as data, and a formal model of them.

#![forbid(unsafe_code)]

pub mod decision_point;
pub mod endpoint;
pub mod profile;
pub mod state;
pub mod step;
pub mod vocabulary;
