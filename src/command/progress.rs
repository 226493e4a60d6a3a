//! How far a search has come: a spinner on a terminal, a line every few seconds elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use guest_access_model::executor::Seen;
use indicatif::ProgressBar;

use crate::report::{count, number};

use super::output::say;

/// How long nothing is said between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Says how far a search has come.
#[derive(Debug)]
pub(super) struct Progress {
    /// What is searched.
    of: String,
    begun: Instant,
    by: Channel,
}

#[derive(Debug)]
enum Channel {
    Nothing,
    Spinner(ProgressBar),
    Lines { last: Cell<Instant> },
}

impl Progress {
    pub(super) fn new(of: String, quiet: bool) -> Self {
        let by = if quiet {
            Channel::Nothing
        } else if std::io::stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner().with_message(of.clone());
            spinner.enable_steady_tick(Duration::from_millis(100));
            Channel::Spinner(spinner)
        } else {
            Channel::Lines { last: Cell::new(Instant::now()) }
        };
        Self { of, begun: Instant::now(), by }
    }

    /// So many of these things were looked at.
    pub(super) fn show(&self, number: usize, thing: &str) {
        self.say(|| count(number, thing));
    }

    /// An engine has come this far.
    pub(super) fn show_explored(&self, seen: Seen) {
        self.say(|| {
            let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate is told in round numbers"
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

    fn say(&self, what: impl Fn() -> String) {
        let text = || format!("{}: {}", self.of, what());
        match &self.by {
            Channel::Nothing => {}
            Channel::Spinner(spinner) => spinner.set_message(text()),
            Channel::Lines { last } => {
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
        if let Channel::Spinner(spinner) = &self.by {
            spinner.finish_and_clear();
        }
    }
}
