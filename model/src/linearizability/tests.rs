//! Both searches on a register, compared with every order of the calls.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::stop::Stop;

use super::*;

/// A register that holds one small number, and 0 at first.
struct Register;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Write(u8),
    Read,
    /// Writes the second number if the register holds the first one, and answers 1; else answers 0.
    CompareAndSet(u8, u8),
    /// Writes 0. Nobody can clear a register that holds 0.
    Clear,
}
use Operation::{Clear, CompareAndSet, Read, Write};

impl SequentialSpecification for Register {
    type State = u8;
    type Operation = Operation;
    type Answer = u8;
    type Observation = u8;

    fn init(&self) -> u8 {
        0
    }

    fn step(&self, state: &u8, operation: &Operation) -> Option<(u8, u8)> {
        match *operation {
            Write(value) => Some((value, 0)),
            Read => Some((*state, *state)),
            CompareAndSet(expected, value) if expected == *state => Some((value, 1)),
            CompareAndSet(..) => Some((*state, 0)),
            Clear => (*state != 0).then_some((0, 0)),
        }
    }

    fn fits(&self, answer: &u8, observation: &u8) -> bool {
        answer == observation
    }

    fn is_alike(&self, one: (&Operation, Option<&u8>), other: (&Operation, Option<&u8>)) -> bool {
        one == other
    }

    fn is_read_only(&self, operation: &Operation, observation: Option<&u8>) -> bool {
        match operation {
            Read => true,
            CompareAndSet(..) => observation == Some(&0),
            Write(_) | Clear => false,
        }
    }
}

type RegisterCall = Call<Operation, u8>;

fn call(number: usize, operation: Operation, start: u64, end: u64, answer: u8) -> RegisterCall {
    Call { number, operation, start, answer: Some((end, answer)) }
}

fn search(calls: &[RegisterCall]) -> SearchResult<u8> {
    HistorySearch::of(&Register, calls).run()
}

#[test]
fn a_read_during_a_write_returns_the_old_or_the_new_value() {
    for value in 0..3 {
        let calls = [call(0, Write(1), 0, 9, 0), call(1, Read, 5, 6, value)];
        let is_linearizable = matches!(search(&calls), SearchResult::Linearization(_));
        assert_eq!(is_linearizable, value < 2, "{value}");
    }
}

#[test]
fn a_call_that_was_answered_comes_before_later_calls() {
    let calls = [call(0, Write(1), 0, 4, 0), call(1, Read, 5, 6, 0)];
    let SearchResult::None(dead_ends) = search(&calls) else { panic!("the read is too late") };
    assert_eq!(dead_ends, [DeadEnd { order: vec![0], state: 1 }]);
    // Calls that only touch in time overlap.
    let calls = [call(0, Write(1), 0, 5, 0), call(1, Read, 5, 6, 0)];
    assert_eq!(search(&calls), SearchResult::Linearization(vec![1, 0]));
}

#[test]
fn a_call_without_an_answer_may_take_place_or_not() {
    let write = Call { number: 0, operation: Write(1), start: 0, answer: None };
    for (value, order) in [(0, vec![1]), (1, vec![0, 1])] {
        let calls = [write.clone(), call(1, Read, 5, 6, value)];
        assert_eq!(search(&calls), SearchResult::Linearization(order));
    }
}

#[test]
fn a_search_that_reaches_its_limit_is_undecided() {
    let writes = (0..8).map(|number| call(number.into(), Write(10 + number), 0, 9, 0));
    let calls: Vec<_> = writes.chain([call(8, Read, 10, 11, 2)]).collect();
    assert!(matches!(search(&calls), SearchResult::None(_)));
    let limited = HistorySearch { max_prefixes: 20, ..HistorySearch::of(&Register, &calls) };
    assert_eq!(limited.run(), SearchResult::Undecided);
}

#[test]
fn a_search_that_is_stopped_is_undecided() {
    let writes = (0..12).map(|number| call(number.into(), Write(10 + number), 0, 9, 0));
    let calls: Vec<_> = writes.chain([call(12, Read, 10, 11, 2)]).collect();
    let stop = Stop::default().after(Duration::ZERO);
    let stopped = HistorySearch { stop: Some(&stop), ..HistorySearch::of(&Register, &calls) };
    assert_eq!(stopped.run(), SearchResult::Undecided);
}

#[test]
fn calls_that_are_alike_are_tried_in_one_order() {
    let writes = (0..60).map(|number| call(number, Write(1), 0, 9, 0));
    let calls: Vec<_> = writes.chain([call(60, Read, 10, 11, 2)]).collect();
    let limited = HistorySearch { max_prefixes: 100, ..HistorySearch::of(&Register, &calls) };
    assert!(matches!(limited.run(), SearchResult::None(_)));
}

#[test]
fn an_answer_that_is_impossible_at_any_time_is_refuted_at_once() {
    let writes = (0..60).map(|number| call(number.into(), Write(10 + number), 0, 9, 0));
    let calls: Vec<_> = writes.chain([call(60, Read, 1, 9, 2)]).collect();
    let search = HistorySearch { max_prefixes: 1_000, ..HistorySearch::of(&Register, &calls) };
    assert_eq!(search.run(), SearchResult::Undecided);
    assert_eq!(search.is_linearizable(), Some(false));
    let is_final = |state: &u8| *state == 1;
    let search = HistorySearch { is_final: Some(&is_final), ..search };
    assert_eq!(search.is_linearizable(), Some(false));
}

fn an_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (0..3_u8).prop_map(Write),
        Just(Read),
        (0..3_u8, 0..3_u8).prop_map(|(expected, value)| CompareAndSet(expected, value)),
        Just(Clear),
    ]
}

/// A history of at most six calls: each call takes place at an instant, and starts and ends around the
/// instant. Some answers are missing, and some are false.
fn a_history() -> impl Strategy<Value = Vec<RegisterCall>> {
    let answer = prop_oneof![
        6 => Just(None),
        1 => Just(Some(None)),
        1 => (0..3_u8).prop_map(|value| Some(Some(value))),
    ];
    vec((an_operation(), 0..9_u64, 0..9_u64, answer), 0..7).prop_map(|made| {
        let mut state = Register.init();
        let calls = (0_usize..).zip(made).map(|(number, (operation, before, after, instead))| {
            let now = 10 + 4 * number as u64;
            let by_specification = Register.step(&state, &operation).map(|(next, answer)| {
                state = next;
                answer
            });
            let answer = instead.unwrap_or(by_specification).map(|answer| (now + after, answer));
            Call { number, operation, start: now - before, answer }
        });
        let mut calls: Vec<_> = calls.collect();
        calls.sort_by_key(|call| call.start);
        calls
    })
}

/// The states to which the linearizations lead. The function tries every order of the calls, with up to
/// two of the operations `anytime` before each call and at the end.
fn by_every_order(calls: &[RegisterCall], anytime: &[Operation]) -> BTreeSet<u8> {
    let mut ends = BTreeSet::new();
    for order in orders(calls.len()) {
        let left_out = |place: &usize| !order.contains(place);
        if (0..calls.len()).filter(left_out).any(|place| calls[place].answer.is_some()) {
            continue;
        }
        let precedes = |one: usize, other: usize| {
            calls[one].answer.is_some_and(|(end, _)| end < calls[other].start)
        };
        let is_late = |(at, place): (usize, &usize)| {
            order[..at].iter().any(|before| precedes(*place, *before))
        };
        if order.iter().enumerate().any(is_late) {
            continue;
        }
        let mut states = with_anytime(BTreeSet::from([Register.init()]), anytime);
        for place in &order {
            let RegisterCall { operation, answer, .. } = &calls[*place];
            let next = states.iter().filter_map(|state| Register.step(state, operation));
            let next =
                next.filter(|(_, expected)| answer.is_none_or(|(_, seen)| seen == *expected));
            states = with_anytime(next.map(|(state, _)| state).collect(), anytime);
        }
        ends.extend(states);
    }
    ends
}

/// The states that up to two of these operations lead to; two suffice for three values.
fn with_anytime(mut states: BTreeSet<u8>, anytime: &[Operation]) -> BTreeSet<u8> {
    for _ in 0..2 {
        let next = anytime.iter().flat_map(|one| {
            states.iter().filter_map(|state| Register.step(state, one)).map(|(state, _)| state)
        });
        let next: Vec<_> = next.collect();
        states.extend(next);
    }
    states
}

/// Every order of every subset of so many calls.
fn orders(calls: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    let mut longest = all.clone();
    for _ in 0..calls {
        let longer = longest.iter().flat_map(|order: &Vec<usize>| {
            let others = (0..calls).filter(|place| !order.contains(place));
            others.map(|place| [&order[..], &[place]].concat())
        });
        longest = longer.collect();
        all.extend(longest.iter().cloned());
    }
    all
}

/// The explanations after all events of a history; `None` if an answer has no explanation.
fn by_growing(calls: &[RegisterCall]) -> Option<Vec<Explanation<u8, u8>>> {
    let starts = (0..calls.len()).map(|place| (calls[place].start, false, place));
    let answers = (0..calls.len()).filter_map(|place| Some((calls[place].answer?.0, true, place)));
    let mut events: Vec<_> = starts.chain(answers).collect();
    // Of events at the same time, the starts come first.
    events.sort_unstable();
    let mut explanations = vec![Explanation::of(Register.init())];
    let mut in_flight: Vec<usize> = Vec::new();
    for (_, is_answer, place) in events {
        if !is_answer {
            in_flight.push(place);
            explanations.iter_mut().for_each(Explanation::begin);
            continue;
        }
        let operations: Vec<_> = in_flight.iter().map(|place| calls[*place].operation).collect();
        let answered = in_flight.iter().position(|other| *other == place)?;
        let seen = calls[place].observation()?;
        let found = explain_answer(&Register, &explanations, &operations, (answered, seen));
        explanations = found.explanations;
        in_flight.remove(answered);
        if explanations.is_empty() {
            return None;
        }
    }
    Some(explanations)
}

/// Whether these calls in this order are a linearization that leads to a state with `is_final`.
fn is_linearization(
    calls: &[RegisterCall],
    order: &[usize],
    anytime: &[Operation],
    end: u8,
) -> bool {
    let in_order = (0_u64..).zip(order).map(|(now, place)| {
        let call = &calls[*place];
        Call {
            start: 2 * now,
            answer: call.answer.map(|(_, seen)| (2 * now + 1, seen)),
            ..call.clone()
        }
    });
    let in_order: Vec<_> = in_order.collect();
    by_every_order(&in_order, anytime).contains(&end)
}

proptest! {
    #[test]
    fn the_search_of_a_whole_history_finds_what_every_order_finds(
        calls in a_history(),
        anytime in vec(an_operation(), 0..3),
        end in 0..3_u8,
    ) {
        let ends = by_every_order(&calls, &anytime);
        let anytime_refs: Vec<_> = anytime.iter().collect();
        let is_final = |state: &u8| *state == end;
        let mut search = HistorySearch::of(&Register, &calls);
        search.anytime = &anytime_refs;
        let found = search.run();
        prop_assert_eq!(matches!(found, SearchResult::Linearization(_)), !ends.is_empty());
        prop_assert!(ends.is_empty() || !search.is_refuted());
        // Without the short search, the proof that ignores the order comes first.
        let at_once = HistorySearch { max_prefixes: 0, ..search };
        prop_assert!(at_once.is_linearizable() != Some(true) || !ends.is_empty());
        prop_assert!(at_once.is_linearizable() != Some(false) || ends.is_empty());
        prop_assert_eq!(search.is_linearizable(), Some(!ends.is_empty()));
        search.is_final = Some(&is_final);
        prop_assert!(!ends.contains(&end) || !search.is_refuted());
        match search.run() {
            SearchResult::Linearization(order) => {
                prop_assert!(ends.contains(&end));
                prop_assert!(is_linearization(&calls, &order, &anytime, end));
            }
            SearchResult::None(_) => prop_assert!(!ends.contains(&end)),
            SearchResult::Undecided => prop_assert!(false, "the limit is far away"),
        }
    }

    #[test]
    fn the_search_of_a_growing_history_finds_what_every_order_finds(calls in a_history()) {
        let ends = by_every_order(&calls, &[]);
        let found = by_growing(&calls);
        prop_assert_eq!(found.is_some(), !ends.is_empty());
        if calls.iter().all(|call| call.answer.is_some()) {
            let states = found.into_iter().flatten().map(|explanation| explanation.state);
            prop_assert_eq!(states.collect::<BTreeSet<_>>(), ends);
        }
    }
}
