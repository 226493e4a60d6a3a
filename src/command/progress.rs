//! How far a search has come: a spinner on a terminal, a line every few seconds elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::report::count;

use super::output::say;

/// How long nothing is said between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Says how far a search has come.
#[derive(Debug)]
pub(super) struct Progress {
    /// What is searched.
    of: String,
    by: By,
}

#[derive(Debug)]
enum By {
    Nothing,
    Spinner(ProgressBar),
    Lines { last: Cell<Instant> },
}

impl Progress {
    pub(super) fn new(of: String, quiet: bool) -> Self {
        let by = if quiet {
            By::Nothing
        } else if std::io::stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner().with_message(of.clone());
            spinner.enable_steady_tick(Duration::from_millis(100));
            By::Spinner(spinner)
        } else {
            By::Lines { last: Cell::new(Instant::now()) }
        };
        Self { of, by }
    }

    /// So many of these things were looked at.
    pub(super) fn tell(&self, number: usize, thing: &str) {
        let text = || format!("{}: {}", self.of, count(number, thing));
        match &self.by {
            By::Nothing => {}
            By::Spinner(spinner) => spinner.set_message(text()),
            By::Lines { last } => {
                if last.get().elapsed() >= BETWEEN_LINES {
                    last.set(Instant::now());
                    say(&text());
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let By::Spinner(spinner) = &self.by {
            spinner.finish_and_clear();
        }
    }
}
