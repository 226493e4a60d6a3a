#!/usr/bin/env bash
# stateright 0.31.0: with two properties, `spawn_bfs` on one thread reports the last state that violates
# one of them, not the first: a counterexample of 20 actions where 1 action is enough.
#
# The model counts up from 0, and it can fail from every count. With the failing property alone, the
# search stops at the first violation and its path has one action. Beside a property that holds, the
# search goes on, and every further violation replaces the path that was found before. A reader of
# "breadth-first" expects a shortest path in both cases.
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

struct Counter {
    /// Whether there is a second property, which holds.
    has_company: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    At(u8),
    Failed(u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Count,
    Fail,
}

impl Model for Counter {
    type State = State;
    type Action = Action;
    fn init_states(&self) -> Vec<State> {
        vec![State::At(0)]
    }
    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if matches!(state, State::At(count) if *count < 20) {
            actions.extend([Action::Count, Action::Fail]);
        }
    }
    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let State::At(count) = state else { return None };
        Some(match action {
            Action::Count => State::At(count + 1),
            Action::Fail => State::Failed(*count),
        })
    }
    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties =
            vec![Property::always("never failed", |_, state: &State| !matches!(state, State::Failed(_)))];
        if self.has_company {
            properties.push(Property::always("holds", |_, _| true));
        }
        properties
    }
}

fn main() {
    let length = |has_company| {
        let checker = Counter { has_company }.checker().threads(1).spawn_bfs().join();
        let path = checker.discovery("never failed").expect("the model fails");
        path.into_actions().len()
    };
    println!("alone: {} action; beside a property that holds: {} actions", length(false), length(true));
}
RUST
seen=$(cargo run --quiet 2>/dev/null)
expected="alone: 1 action; beside a property that holds: 20 actions"
echo "stateright 0.31.0: $seen"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; exit 1; }
