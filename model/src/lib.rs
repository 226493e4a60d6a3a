//! The rules of Matrix guest access as data, and a formal model of them.

#![forbid(unsafe_code)]

pub mod action;
pub mod actions;
pub mod canonical_form;
pub mod check;
pub mod compare;
pub mod concurrent;
pub mod decide;
pub mod dense;
pub mod executor;
pub mod federated;
pub mod guarantee;
pub mod lockstep;
pub mod memory;
pub mod scoreboard;
pub mod sequential;
pub mod shortest_trace;
pub mod state;
pub mod stop;
pub mod threads;
pub mod transition_system;
