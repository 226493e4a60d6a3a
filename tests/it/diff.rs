//! `diff`: compares homeservers with the rules, over real HTTP.

mod baseline;
mod command;
mod consistency;
mod found;
mod misbehaving;
mod reports;
mod rooms;
mod score;
