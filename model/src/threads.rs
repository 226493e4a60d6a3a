//! Looking at many things on several threads; what is seen does not depend on how many these are.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use crate::stop::Stop;

/// How many turns each thread has, where there is enough to look at: so that none is left with much
/// while the others have nothing.
const TURNS: usize = 32;
/// How many things are looked at in one turn at most. To tell of each by itself would take longer than
/// to look at it, where that is quickly done.
const MOST_AT_ONCE: usize = 64;

/// As many threads as the machine runs at once.
#[must_use]
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Looks at each of these on so many threads, and gives what was seen in their order.
pub fn each<T: Sync, U: Send>(all: &[T], threads: usize, look: impl Fn(&T) -> U + Sync) -> Vec<U> {
    seen(all, threads, look, || false, |_| ())
}

/// Looks at each of these on so many threads, and gives what was seen in their order. `progress` is told
/// how many were looked at. `None` if it was stopped before it was done.
pub fn each_until<T: Sync, U: Send>(
    all: &[T],
    threads: usize,
    look: impl Fn(&T) -> U + Sync,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Vec<U>> {
    let seen = seen(all, threads, look, || stop.now(), progress);
    (!stop.now()).then_some(seen)
}

fn seen<T: Sync, U: Send>(
    all: &[T],
    threads: usize,
    look: impl Fn(&T) -> U + Sync,
    is_over: impl Fn() -> bool + Sync,
    progress: impl Fn(usize),
) -> Vec<U> {
    let threads = threads.clamp(1, all.len().max(1));
    let at_once = (all.len() / (threads * TURNS)).clamp(1, MOST_AT_ONCE);
    let turns: Vec<&[T]> = all.chunks(at_once).collect();
    let next = AtomicUsize::new(0);
    let look_on = |to: &Sender<(usize, Vec<U>)>| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(turn) = turns.get(number).filter(|_| !is_over()) else { return };
            let looked_at = turn.iter().take_while(|_| !is_over()).map(&look).collect();
            // It is received as long as anybody sends.
            let _ = to.send((number, looked_at));
        }
    };
    let mut seen = Vec::with_capacity(turns.len());
    let mut done = 0;
    std::thread::scope(|scope| {
        let (to, from) = channel();
        let look_on = &look_on;
        let lookers: Vec<_> = (0..threads)
            .map(|_| {
                let to = to.clone();
                scope.spawn(move || look_on(&to))
            })
            .collect();
        drop(to);
        for found in from {
            done += found.1.len();
            seen.push(found);
            progress(done);
        }
        for looker in lookers {
            looker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    seen.sort_unstable_by_key(|(number, _)| *number);
    seen.into_iter().flat_map(|(_, found)| found).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_is_seen_is_in_order_on_any_number_of_threads() {
        let all: Vec<u32> = (0..1000).collect();
        let doubled: Vec<u32> = all.iter().map(|number| number * 2).collect();
        for threads in [0, 1, 2, 7] {
            assert_eq!(each(&all, threads, |number| number * 2), doubled);
        }
        assert!(each(&[] as &[u32], 2, |number| *number).is_empty());
    }

    #[test]
    fn who_stops_it_is_told_how_far_it_came_and_given_nothing() {
        let stop = Stop::default();
        let told = Cell::new(0);
        let all = [1, 2, 3];
        let seen = each_until(&all, 2, |number| *number, &stop, |done| told.set(done));
        assert_eq!((seen, told.get()), (Some(all.to_vec()), 3));
        let over = stop.after(std::time::Duration::ZERO);
        assert_eq!(each_until(&all, 2, |number| *number, &over, |_| ()), None);
    }
}
