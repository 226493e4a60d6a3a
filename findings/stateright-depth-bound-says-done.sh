#!/usr/bin/env bash
# stateright 0.31.0: a search that ends at `target_max_depth` says `is_done()`, and `assert_properties()`
# passes, although a reachable state violates a property.
#
# The model counts from 0 to 20 and must never reach 20. Bounded to depth 5, the search visits 5 states,
# finds nothing, and calls itself done: nothing tells an explored space from one that was cut short. The
# documentation of `is_done` says that all reachable states were visited, or that every property has a
# discovery; neither is so. Without the bound, the same search finds the violation.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
stateright = "=0.31.0"
TOML
cat >src/main.rs <<'RUST'
use stateright::{Checker, Model, Property};

struct Counter;

impl Model for Counter {
    type State = u8;
    type Action = ();
    fn init_states(&self) -> Vec<u8> {
        vec![0]
    }
    fn actions(&self, count: &u8, actions: &mut Vec<()>) {
        if *count < 20 {
            actions.push(());
        }
    }
    fn next_state(&self, count: &u8, (): ()) -> Option<u8> {
        Some(count + 1)
    }
    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("below 20", |_, count| *count < 20)]
    }
}

fn main() {
    let bounded = Counter.checker().target_max_depth(5).spawn_bfs().join();
    bounded.assert_properties();
    let whole = Counter.checker().spawn_bfs().join();
    let violated = |checker: &dyn Fn() -> bool| if checker() { "violated" } else { "passes" };
    println!(
        "bounded: {} states, done {}, {}; whole: {} states, done {}, {}",
        bounded.unique_state_count(),
        bounded.is_done(),
        violated(&|| bounded.discovery("below 20").is_some()),
        whole.unique_state_count(),
        whole.is_done(),
        violated(&|| whole.discovery("below 20").is_some()),
    );
}
RUST
seen=$(cargo run --quiet 2>/dev/null)
expected="bounded: 5 states, done true, passes; whole: 21 states, done true, violated"
echo "stateright 0.31.0: $seen"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; exit 1; }
