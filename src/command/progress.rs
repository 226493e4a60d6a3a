//! The progress of a search: a spinner on a terminal, otherwise a line every few seconds.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use guest_access_model::executor::SearchProgress;
use indicatif::ProgressBar;

use crate::report::{count, number};

use super::output::print_message;

/// The shortest time between two lines of progress.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Reports the progress of a search on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    /// The subject of the search, at the head of each line.
    title: String,
    began: Instant,
    channel: Channel,
}

#[derive(Debug)]
enum Channel {
    Silent,
    Spinner(ProgressBar),
    Lines { last: Cell<Instant> },
}

impl Progress {
    /// Starts the clock. With `quiet`, nothing is reported.
    pub(super) fn new(title: String, quiet: bool) -> Self {
        let channel = if quiet {
            Channel::Silent
        } else if std::io::stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner().with_message(title.clone());
            spinner.enable_steady_tick(Duration::from_millis(100));
            Channel::Spinner(spinner)
        } else {
            Channel::Lines { last: Cell::new(Instant::now()) }
        };
        Self { title, began: Instant::now(), channel }
    }

    /// Reports how many of the things are done.
    pub(super) fn show(&self, number: usize, thing: &str) {
        self.report(|| count(number, thing));
    }

    /// Reports how many states an executor has explored.
    pub(super) fn show_explored(&self, seen: SearchProgress) {
        self.report(|| {
            let seconds = self.began.elapsed().as_secs_f64().max(0.001);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the rate is approximate"
            )]
            let rate = (seen.states as f64 / seconds) as usize;
            let mut text = format!("{}, {} a second", count(seen.states, "state"), number(rate));
            if let Some(waiting) = seen.waiting {
                text += &format!(", {} in the frontier", number(waiting));
            }
            if let Some(at_most) = seen.at_most {
                text += &format!(", of at most {}", number(at_most));
            }
            if let Some(bytes) = seen.foreseen_bytes {
                text += &format!(", in {} MB", (bytes >> 20) + 1);
            }
            text
        });
    }

    fn report(&self, progress: impl Fn() -> String) {
        let text = || format!("{}: {}", self.title, progress());
        match &self.channel {
            Channel::Silent => {}
            Channel::Spinner(spinner) => spinner.set_message(text()),
            Channel::Lines { last } => {
                if last.get().elapsed() >= BETWEEN_LINES {
                    last.set(Instant::now());
                    print_message(&text());
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Channel::Spinner(spinner) = &self.channel {
            spinner.finish_and_clear();
        }
    }
}
