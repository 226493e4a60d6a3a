//! `diff`: compares homeservers with the rules, over real HTTP.

mod baseline;
mod command;
mod consistency;
mod found;
mod layer;
mod misbehaving;
mod old_homeservers;
mod permitted;
mod reports;
mod rooms;
mod score;
