//! `serve`: the reference over HTTP.

mod allow_list;
mod client;
mod command;
mod defect;
mod protocol;
mod sessions;
mod waiting;
