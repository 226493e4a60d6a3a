//! `diff`: homeservers are held against the rules, over real HTTP.

mod command;
mod found;
mod misbehaving;
