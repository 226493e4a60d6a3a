//! The whole program, one file for each thing that it can do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod against;
mod all_clear;
mod authors;
mod browser;
mod check;
mod circles;
mod cli;
mod cluster;
mod compare;
mod contention;
mod decide;
mod diff;
mod documents;
mod explore;
mod federation;
mod floors;
mod formats;
mod glossary;
mod history;
mod imports;
mod json_keys;
mod mutations;
mod own_words;
mod packages;
mod proposals;
mod robustness;
mod rules;
mod scenario;
mod serve;
mod trend;
mod vectors;
mod walls;
mod wrong_input;
