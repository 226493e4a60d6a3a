//! The arguments that every command with a search shares: the scope, the threads and the limits.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guest_access_model::dense::NumberOfRooms;
use guest_access_model::executor::SearchProgress;
use guest_access_model::memory;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_model::threads;

use crate::report::check::Number;

use super::progress::Progress;
use super::{CommandError, interrupt};

/// The scope of a search, its threads and its limits.
#[derive(Debug, clap::Args)]
pub(super) struct SearchArgs {
    /// The number of guests, 1 to 3, or `any` for `check` [default: 1 if `--rooms` is given, otherwise that
    /// of the command]
    #[arg(long, value_name = "N", value_parser = number::<3>)]
    pub(super) guests: Option<Number>,
    /// The number of rooms, 1 or 2, or `any` for `check` [default: 1 if `--guests` is given, otherwise that
    /// of the command]
    #[arg(long, value_name = "N", value_parser = number::<2>)]
    pub(super) rooms: Option<Number>,
    /// The number of threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Stop the search after this time: `90s`, `5m` [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Stop a search when it has explored this many states [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_states: Option<u64>,
}

/// Reads `any`, or a number from 1 to `MOST`.
fn number<const MOST: usize>(text: &str) -> Result<Number, String> {
    match text.parse() {
        Ok(number) if (1..=MOST).contains(&number) => Ok(Number::Exactly(number)),
        _ if text == "any" => Ok(Number::Any),
        _ => Err(format!("{text} is not in 1..={MOST}, and not `any`")),
    }
}

impl SearchArgs {
    /// The scope that the user names; without one, the `default` scopes, as guests and rooms.
    ///
    /// # Errors
    /// If the user names any number of guests or rooms.
    pub(super) fn scopes(&self, default: &[(usize, usize)]) -> Result<Vec<Scope>, CommandError> {
        let number = |number: Option<Number>| match number {
            None => Ok(1),
            Some(Number::Exactly(number)) => Ok(number),
            Some(Number::Any) => Err(CommandError::AnyNumber),
        };
        if self.guests.is_none() && self.rooms.is_none() {
            let scope = |(guests, rooms): &(usize, usize)| Scope { guests: *guests, rooms: *rooms };
            Ok(default.iter().map(scope).collect())
        } else {
            Ok(vec![Scope { guests: number(self.guests)?, rooms: number(self.rooms)? }])
        }
    }

    /// The rooms, if the user names any number of guests; `None` for a known number of guests.
    ///
    /// # Errors
    /// If the user names any number of rooms with a known number of guests, or two rooms with any number of
    /// guests.
    pub(super) fn rooms_of_any_guests(&self) -> Result<Option<NumberOfRooms>, CommandError> {
        match (self.guests, self.rooms) {
            (Some(Number::Any), None | Some(Number::Exactly(1))) => Ok(Some(NumberOfRooms::One)),
            (Some(Number::Any), Some(Number::Any)) => Ok(Some(NumberOfRooms::Any)),
            (Some(Number::Any), Some(Number::Exactly(_))) | (_, Some(Number::Any)) => {
                Err(CommandError::AnyNumber)
            }
            _ => Ok(None),
        }
    }
}

/// The limits of a running search, and what ended the search.
#[derive(Debug)]
pub(super) struct SearchLimits {
    pub(super) workers: usize,
    pub(super) stop: Stop,
    interrupt: Arc<AtomicBool>,
    memory_ran_short: Cell<bool>,
}

impl SearchLimits {
    /// Starts the clock of the time limit, and catches interrupts from now on.
    pub(super) fn begin(args: &SearchArgs) -> Result<Self, CommandError> {
        let interrupt = interrupt::flag()?;
        let mut stop = Stop::new(Arc::clone(&interrupt));
        if let Some(timeout) = args.timeout {
            stop = stop.after(timeout);
        }
        if let Some(states) = args.max_states {
            stop = stop.at_states(usize::try_from(states).unwrap_or(usize::MAX));
        }
        let workers = args.workers.map_or_else(threads::available, usize::from);
        Ok(Self { workers, stop, interrupt, memory_ran_short: Cell::new(false) })
    }

    /// Shows the progress of a search, and ends the search if memory runs short.
    pub(super) fn on_progress(&self, progress: &Progress, seen: SearchProgress) {
        progress.show_explored(seen);
        if memory::is_short() {
            self.memory_ran_short.set(true);
            self.interrupt.store(true, Ordering::Relaxed);
        }
    }

    /// The limit that a search met, in words.
    pub(super) fn what_ended_it(&self) -> &'static str {
        if self.memory_ran_short.get() {
            "a shortage of memory"
        } else if self.interrupt.load(Ordering::Relaxed) {
            "an interrupt"
        } else if self.stop.now() {
            "the time limit"
        } else {
            "the limit of states"
        }
    }
}
