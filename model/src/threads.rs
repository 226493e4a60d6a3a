//! A parallel map over a slice. The result does not depend on the number of threads.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use crate::stop::Stop;

/// The number of chunks for each thread, if the slice is long enough. Several chunks keep all threads
/// busy until the end.
const CHUNKS: usize = 32;
/// The most items in a chunk. A chunk of one item would cost more to send than to compute, where an
/// item is quick.
const MOST_IN_CHUNK: usize = 64;

/// The number of threads that the machine runs at once.
#[must_use]
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Maps each item on this number of threads. The results have the order of the items.
pub fn each<T: Sync, U: Send>(all: &[T], threads: usize, map: impl Fn(&T) -> U + Sync) -> Vec<U> {
    map_chunks(all, threads, map, || false, |_| ())
}

/// The same as [`each`], until `stop` says so. Calls `progress` with the number of finished items.
/// Returns `None` if it was stopped before the end.
pub fn each_until<T: Sync, U: Send>(
    all: &[T],
    threads: usize,
    map: impl Fn(&T) -> U + Sync,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Vec<U>> {
    let mapped = map_chunks(all, threads, map, || stop.now(), progress);
    (!stop.now()).then_some(mapped)
}

fn map_chunks<T: Sync, U: Send>(
    all: &[T],
    threads: usize,
    map: impl Fn(&T) -> U + Sync,
    is_over: impl Fn() -> bool + Sync,
    progress: impl Fn(usize),
) -> Vec<U> {
    let threads = threads.clamp(1, all.len().max(1));
    let chunk_size = (all.len() / (threads * CHUNKS)).clamp(1, MOST_IN_CHUNK);
    let chunks: Vec<&[T]> = all.chunks(chunk_size).collect();
    let next = AtomicUsize::new(0);
    let work = |to: &Sender<(usize, Vec<U>)>| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(number).filter(|_| !is_over()) else { return };
            let results = chunk.iter().take_while(|_| !is_over()).map(&map).collect();
            // The receiver lives as long as a sender does.
            let _ = to.send((number, results));
        }
    };
    let mut mapped = Vec::with_capacity(chunks.len());
    let mut finished = 0;
    std::thread::scope(|scope| {
        let (to, from) = channel();
        let work = &work;
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let to = to.clone();
                scope.spawn(move || work(&to))
            })
            .collect();
        drop(to);
        for found in from {
            finished += found.1.len();
            mapped.push(found);
            progress(finished);
        }
        for worker in workers {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    mapped.sort_unstable_by_key(|(number, _)| *number);
    mapped.into_iter().flat_map(|(_, found)| found).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn results_are_in_order_on_any_number_of_threads() {
        let all: Vec<u32> = (0..1000).collect();
        let doubled: Vec<u32> = all.iter().map(|number| number * 2).collect();
        for threads in [0, 1, 2, 7] {
            assert_eq!(each(&all, threads, |number| number * 2), doubled);
        }
        assert!(each(&[] as &[u32], 2, |number| *number).is_empty());
    }

    #[test]
    fn progress_is_reported_and_a_stopped_map_gives_nothing() {
        let stop = Stop::default();
        let finished = Cell::new(0);
        let all = [1, 2, 3];
        let mapped = each_until(&all, 2, |number| *number, &stop, |number| finished.set(number));
        assert_eq!((mapped, finished.get()), (Some(all.to_vec()), 3));
        let over = stop.after(std::time::Duration::ZERO);
        assert_eq!(each_until(&all, 2, |number| *number, &over, |_| ()), None);
    }
}
