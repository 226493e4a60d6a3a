//! The `guest-access` command: one module for each subcommand.

mod check;
mod compare;
mod completions;
mod decide;
mod defects;
mod diff;
mod error;
mod explore;
mod history;
mod interrupt;
mod lookup;
mod man;
mod output;
mod progress;
mod replay;
mod rules;
mod search;
mod serve;
mod trend;
mod vectors;
mod whole_file;

use std::process::ExitCode;

use clap::Parser;

pub use error::CommandError;

use output::CommandOutput;

/// An executable, checkable specification of Matrix guest access.
///
/// RULES is the id or alias of a revision (`guest-access rules` lists them), or the path of a rules
/// file, which ends in `.toml`.
#[derive(Debug, Parser)]
#[command(name = "guest-access", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
    History(history::Args),
    Compare(compare::Args),
    Decide(decide::Args),
    Rules(rules::Args),
    Diff(Box<diff::Args>),
    Defects(defects::Args),
    Explore(explore::Args),
    Replay(replay::Args),
    Serve(serve::Args),
    Trend(trend::Args),
    Vectors(vectors::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The outcome of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Every check holds.
    Holds,
    /// A check fails: a guarantee is violated, or an outcome is not the expected one.
    Fails,
    /// There is no verdict: the run is incomplete, or there was nothing to check.
    NoVerdict,
    /// A homeserver could not be reached, or stopped answering.
    BrokenOff,
}

impl Outcome {
    /// The outcome of a comparison with a homeserver: whether the homeserver stopped answering, whether
    /// something fails, and whether everything was compared.
    const fn of_comparison(broken_off: bool, fails: bool, is_whole: bool) -> Self {
        match (broken_off, fails, is_whole) {
            (true, ..) => Self::BrokenOff,
            (false, true, _) => Self::Fails,
            (false, false, true) => Self::Holds,
            (false, false, false) => Self::NoVerdict,
        }
    }

    /// The exit code.
    const fn code(self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Fails => 1,
            Self::NoVerdict => 3,
            Self::BrokenOff => 4,
        }
    }
}

/// Runs the command that the command line asks for.
pub fn main() -> ExitCode {
    let written = match Cli::parse().command {
        Command::Check(args) => check::run(&args),
        Command::History(args) => history::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Decide(args) => decide::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Defects(args) => defects::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Trend(args) => trend::run(&args),
        Command::Vectors(args) => vectors::run(&args),
        Command::Completions(args) => Ok(completions::run(&args)),
        Command::Man(args) => man::run(&args),
    };
    match written.and_then(CommandOutput::deliver) {
        Ok(outcome) => ExitCode::from(outcome.code()),
        Err(error) => {
            output::print_error(&error);
            ExitCode::from(error.code())
        }
    }
}
