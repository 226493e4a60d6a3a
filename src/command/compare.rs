//! `compare`: every decision in which two revisions differ.

use guest_access_model::compare::{Comparison, compare};
use guest_access_rules::rules::Rules;

use crate::report::Run;
use crate::report::compare::ComparisonReport;

use super::output::{Format, OutputArgs, Written};
use super::search::{SearchArgs, SearchLimits};
use super::{CommandError, Outcome};

/// Show every decision in which two revisions differ
///
/// Both are asked in every state that either can reach, so that a difference is one of the decision
/// itself and not an echo of another. Each comes with a shortest story that shows it. A difference is
/// not a failure: the command succeeds whenever both were compared to the end.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The rules to begin with
    from: String,
    /// The rules to hold against them
    to: String,
    #[command(flatten)]
    search: SearchArgs,
    /// The form of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Written, CommandError> {
    let (from, to) = (Rules::find(&args.from)?, Rules::find(&args.to)?);
    let run = Run::of([&from, &to]);
    let limits = SearchLimits::begin(&args.search)?;
    // A second guest or room decides nothing: `non_interference`.
    let scope = args.search.scopes(&[(1, 1)])[0];
    let comparison: Comparison = compare(&from, &to, scope, limits.workers, &limits.stop);
    let outcome = if comparison.complete { Outcome::Holds } else { Outcome::NoVerdict };
    let report = ComparisonReport::new(&from, &to, scope, &comparison, run)?;
    Written::report(&report, args.format, outcome, &args.output)
}
