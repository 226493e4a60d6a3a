#!/usr/bin/env bash
# stateright 0.31.0: `symmetry()` reduces the states of `spawn_dfs` and does nothing for `spawn_bfs`.
#
# A model of two interchangeable processes has 9 states, and 6 up to symmetry. After
# `.checker().symmetry()`, the depth-first search visits 6 states. The breadth-first search visits 9 and
# says nothing: it compiles, it runs, and its counts are those of the whole space. The builder's
# documentation names no search that the reduction depends on. Whoever changes the search to find
# shortest paths loses the reduction without a word.
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
use stateright::{Checker, Model, Property, Representative};

/// Two processes, each of which counts from 0 to 2. Neither has a name.
struct Counters;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State([u8; 2]);

impl Representative for State {
    fn representative(&self) -> Self {
        let mut counts = self.0;
        counts.sort_unstable();
        Self(counts)
    }
}

impl Model for Counters {
    type State = State;
    type Action = usize;
    fn init_states(&self) -> Vec<State> {
        vec![State([0, 0])]
    }
    fn actions(&self, state: &State, actions: &mut Vec<usize>) {
        actions.extend((0..2).filter(|process| state.0[*process] < 2));
    }
    fn next_state(&self, state: &State, process: usize) -> Option<State> {
        let mut next = state.clone();
        next.0[process] += 1;
        Some(next)
    }
    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("counts stay small", |_, state: &State| state.0.iter().all(|count| *count <= 2))]
    }
}

fn main() {
    let whole = Counters.checker().spawn_bfs().join().unique_state_count();
    let depth_first = Counters.checker().symmetry().spawn_dfs().join().unique_state_count();
    let breadth_first = Counters.checker().symmetry().spawn_bfs().join().unique_state_count();
    println!("whole {whole}, symmetry with dfs {depth_first}, symmetry with bfs {breadth_first}");
}
RUST
seen=$(cargo run --quiet 2>/dev/null)
expected="whole 9, symmetry with dfs 6, symmetry with bfs 9"
echo "stateright 0.31.0: $seen"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; exit 1; }
