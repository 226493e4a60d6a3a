//! `compare`: every decision in which two revisions differ.

use guest_access_model::compare::{Comparison, compare, permitted_changes};
use guest_access_rules::rules::Rules;

use crate::report::Run;
use crate::report::compare::ComparisonReport;

use super::output::{CommandOutput, DocumentFormat, OutputArgs, json};
use super::search::{SearchArgs, SearchLimits};
use super::{CommandError, Outcome};

/// Show every decision in which two revisions differ
///
/// Both revisions decide every action in every state that either of them can reach. So a difference
/// is a difference of the decision itself, and not the consequence of an earlier difference. Each
/// difference comes with a shortest witness. A difference is no failure: the command succeeds if the
/// comparison is complete. The report has two verdicts: what a homeserver does by default, and what it
/// may do, by the answers that each revision permits. The default scope is one guest and one room.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  guest-access compare v1.1 v1.2\n  guest-access compare latest mine.toml --format markdown"
)]
pub(super) struct Args {
    /// The rules before
    from: String,
    /// The rules after
    to: String,
    #[command(flatten)]
    search: SearchArgs,
    /// The format of the report
    #[arg(long, default_value = "text")]
    format: DocumentFormat,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let (from, to) = (Rules::find(&args.from)?, Rules::find(&args.to)?);
    let run = Run::of([&from, &to]);
    let limits = SearchLimits::begin(&args.search)?;
    // A second guest or room decides nothing: `non_interference`.
    let scope = args.search.scopes(&[(1, 1)])?[0];
    let comparison: Comparison = compare(&from, &to, scope, limits.workers, &limits.stop);
    let permitted = permitted_changes(&from, &to, scope, limits.workers, &limits.stop);
    let mut report = ComparisonReport::new(&from, &to, scope, &comparison, &permitted, run)?;
    report.name_rules([&args.from, &args.to]);
    let outcome = if report.complete { Outcome::Holds } else { Outcome::NoVerdict };
    let text = match args.format {
        DocumentFormat::Text => report.to_string(),
        DocumentFormat::Json => json(&report)?,
        DocumentFormat::Markdown => report.markdown(),
        DocumentFormat::Html => report.html(),
    };
    Ok(CommandOutput::new(text, outcome, &args.output))
}
