//! The rules of Matrix guest access as data, and a formal model of them.

#![forbid(unsafe_code)]

pub mod check;
pub mod clause;
pub mod compare;
pub mod decide;
pub mod decision_point;
pub mod defect;
pub mod endpoint;
pub mod guarantee;
pub mod lockstep;
pub mod profile;
pub mod reduce;
pub mod rules;
pub mod scoreboard;
pub mod sequential;
pub mod state;
pub mod step;
pub mod steps;
pub mod stop;
pub mod story;
pub mod text_file;
pub mod vocabulary;
