//! Benchmarks: a decision by the table and by the function, and the exploration of the rules in force.
//!
//! To measure a change, run `cargo bench --bench engine -- --save-baseline NAME` before it and
//! `cargo bench --bench engine -- --baseline NAME` after it. `benches/peers/run` compares with
//! stateright, SPIN and Cedar.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use guest_access_model::decide::outcome;
use guest_access_model::dense::Decisions;
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::sequential::Sequential;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_model::threads;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;

criterion_group!(benches, decisions, explorations);
criterion_main!(benches);

/// One of this number of states is measured.
const SOME: usize = 97;

/// The rules in force.
fn in_force() -> Profile {
    Rules::find("latest").expect("it is published").profile()
}

/// Every action in some of the states, one after the other.
fn decisions(criterion: &mut Criterion) {
    let profile = in_force();
    let table = Decisions::of(&profile);
    let states: Vec<_> = table.states().step_by(SOME).collect();
    let steps: Vec<_> = table.every_action().copied().collect();
    let situations: Vec<_> = states.iter().filter_map(|state| table.situation(state)).collect();
    let numbers: Vec<_> = steps.iter().filter_map(|step| table.action(step)).collect();
    let mut group = criterion.benchmark_group("decisions");
    group.throughput(Throughput::Elements((situations.len() * numbers.len()) as u64));
    group.bench_function("looked up", |bencher| {
        bencher.iter(|| {
            for situation in &situations {
                for step in &numbers {
                    black_box(table.decide(black_box(*situation), *step));
                }
            }
        });
    });
    group.throughput(Throughput::Elements((states.len() * steps.len()) as u64));
    group.bench_function("decided", |bencher| {
        bencher.iter(|| {
            for state in &states {
                for step in &steps {
                    black_box(outcome(&profile, black_box(state), step));
                }
            }
        });
    });
    group.sample_size(10);
    group.throughput(Throughput::Elements((table.situations() * table.actions()) as u64));
    group.bench_function("compiled to a table", |bencher| bencher.iter(|| Decisions::of(&profile)));
    group.finish();
}

/// All states of one room: dense tables, by timely, on one thread and on all.
fn explorations(criterion: &mut Criterion) {
    let profile = in_force();
    let mut group = criterion.benchmark_group("states explored");
    group.sample_size(10);
    let mut threads = vec![1, threads::available()];
    threads.dedup();
    for guests in [1, 2] {
        let scope = Scope { guests, rooms: 1 };
        let model = Arc::new(Sequential::new(scope, profile.clone(), profile.clone()));
        for threads in &threads {
            let explore = || {
                let workers = Workers::threads(*threads);
                let found = Executor::Timely.explore(&model, &workers, &Stop::default(), |_| ());
                found.expect("no worker breaks down").exploration.states
            };
            group.throughput(Throughput::Elements(explore() as u64));
            let id = BenchmarkId::new(format!("guests {guests}"), format!("threads {threads}"));
            group.bench_function(id, |bencher| bencher.iter(explore));
        }
    }
    group.finish();
}
