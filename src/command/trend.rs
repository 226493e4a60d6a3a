//! `trend`: saved reports of `diff` side by side.

use std::path::PathBuf;

use crate::report::Run;
use crate::report::trend::{TrendReport, html};
use crate::trend::Trend;

use super::output::{CommandOutput, OutputArgs, PageFormat};
use super::{CommandError, Outcome};

/// Show which divergences and causes came, stayed or went between saved reports of `diff`
///
/// Reads JSON reports of `diff` in the order given: one server before and after a change, each night of a
/// week, or several servers. All reports have the same rules. A divergence is the same if its id is the
/// same. If a report does not have a divergence, and its run did not ask for the divergence again, it is
/// not known whether the divergence went.
///
/// A change is no failure: the exit code is 0. It is 3 if a report is incomplete, or a change is not
/// known.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  guest-access diff --server http://127.0.0.1:8008 --format json --output after.json\n  guest-access trend before.json after.json"
)]
pub(super) struct Args {
    /// The reports that `diff --format json --output REPORT` wrote, the oldest first; two or more
    #[arg(value_name = "REPORT", required = true, num_args = 2..)]
    reports: Vec<PathBuf>,
    /// The format of the report
    #[arg(long, default_value = "text")]
    format: PageFormat,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let trend = Trend::load(&args.reports)?;
    let report = TrendReport::new(&trend, Run::of([]));
    let outcome = if report.complete { Outcome::Holds } else { Outcome::NoVerdict };
    let text = args.format.write(&report, html)?;
    Ok(CommandOutput::new(text, outcome, &args.output))
}
