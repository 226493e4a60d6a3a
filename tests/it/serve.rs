//! `serve`: the reference over real HTTP.

mod allow_list;
mod client;
mod command;
mod defect;
mod protocol;
mod story;
mod waiting;
