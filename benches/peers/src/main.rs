//! One exploration, or one measurement of decisions, for `benches/peers/run`. Each has a process of its
//! own, because the peak of memory is measured too.

mod cedar;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guest_access_model::decide::outcome;
use guest_access_model::dense::{Decisions, explore_room_by_room};
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::memory;
use guest_access_rules::rules::Rules;
use guest_access_model::sequential::Sequential;
use guest_access_model::state::{MAX_GUESTS, MAX_ROOMS, Scope};
use guest_access_model::action::Action;
use guest_access_model::stop::Stop;

use cedar::CedarQueries;

const USAGE: &str = "usage: guest-access-peers explore stateright|timely GUESTS ROOMS WORKERS
       guest-access-peers decisions
       guest-access-peers cedar";

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let line = match args.as_slice() {
        ["explore", executor, guests, rooms, workers] => {
            explore(executor, guests, rooms, workers)
        }
        ["decisions"] => Some(decisions()),
        ["cedar"] => cedar(),
        _ => None,
    };
    match line {
        Some(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// `states transitions seconds peak_bytes` of the rules in force.
fn explore(executor: &str, guests: &str, rooms: &str, workers: &str) -> Option<String> {
    let executor = Executor::from_spelling(executor)?;
    let number = |text: &str, most: usize| text.parse().ok().filter(|n| (1..=most).contains(n));
    // A state has at most two rooms; the product of rooms needs no state with all of them.
    let most_rooms = if executor == Executor::Timely { MAX_ROOMS + 1 } else { MAX_ROOMS };
    let scope = Scope { guests: number(guests, MAX_GUESTS)?, rooms: number(rooms, most_rooms)? };
    let workers = Workers::threads(number(workers, 1024)?);
    let profile = Rules::find("latest").ok()?.profile();
    let begun = Instant::now();
    let found = if scope.rooms > MAX_ROOMS {
        explore_room_by_room(&profile, &profile, scope, workers.threads, &Stop::default(), |_| ())?
    } else {
        let model = Arc::new(Sequential::new(scope, profile.clone(), profile));
        let explored = executor.explore(&model, &workers, &Stop::default(), |_| ());
        explored.inspect_err(|error| eprintln!("{error}")).ok()?.exploration
    };
    let seconds = begun.elapsed().as_secs_f64();
    assert!(found.complete, "nothing was to end it");
    let peak = memory::peak().unwrap_or(0);
    Some(format!("{} {} {seconds:.3} {peak}", found.states, found.transitions))
}

/// `looked_up decided`: how many decisions a second, by the table and by the function.
fn decisions() -> String {
    let profile = Rules::find("latest").expect("it is published").profile();
    let table = Decisions::of(&profile);
    let states: Vec<_> = table.states().step_by(97).collect();
    let steps: Vec<Action> = table.every_action().copied().collect();
    let situations: Vec<_> = states.iter().filter_map(|state| table.situation(state)).collect();
    let numbers: Vec<_> = steps.iter().filter_map(|step| table.action(step)).collect();
    let looked_up = per_second(situations.len() * numbers.len(), || {
        for situation in &situations {
            for step in &numbers {
                black_box(table.decide(black_box(*situation), *step));
            }
        }
    });
    let decided = per_second(states.len() * steps.len(), || {
        for state in &states {
            for step in &steps {
                black_box(outcome(&profile, black_box(state), step));
            }
        }
    });
    format!("{looked_up:.0} {decided:.0}")
}

/// One line of the table: `requests questions by_cedar looked_up decided`. `requests` counts the
/// requests that Cedar can distinguish, and `questions` the calls that they stand for. The other three
/// are requests per second: by Cedar, by our table, and by our function. `None` if Cedar decides a
/// request otherwise than the rules.
fn cedar() -> Option<String> {
    let profile = Rules::find("latest").expect("it is published").profile();
    let table = Decisions::of(&profile);
    let queries = CedarQueries::of(&profile, &table);
    if let Some(difference) = queries.difference(&table) {
        eprintln!("cedar decides otherwise: {difference}");
        return None;
    }
    let requests = queries.requests().len();
    let by_cedar = per_second(requests, || queries.decide_by_cedar());
    let looked_up = per_second(requests, || {
        for question in queries.requests() {
            black_box(table.decide(black_box(question.situation), question.number));
        }
    });
    let decided = per_second(requests, || {
        for question in queries.requests() {
            black_box(outcome(&profile, black_box(&question.state), &question.step));
        }
    });
    Some(format!("{requests} {} {by_cedar:.0} {looked_up:.0} {decided:.0}", queries.questions()))
}

/// The number of repetitions per second of something that `all` does `times` times.
#[expect(clippy::cast_precision_loss, reason = "a rate is told in round numbers")]
fn per_second(times: usize, all: impl Fn()) -> f64 {
    all();
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(1) {
        all();
        rounds += 1;
    }
    (times * rounds) as f64 / begun.elapsed().as_secs_f64()
}
