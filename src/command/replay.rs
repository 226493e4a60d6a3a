//! `replay`: checks a recording without a homeserver.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use guest_access_model::stop::Stop;
use guest_access_rules::rules::Rules;

use crate::contention::{Checker, Recording};
use crate::report::Run;
use crate::report::contention::{self as report, ContentionReport, Effort};

use super::output::{CommandOutput, OutputArgs, PageFormat, print_message};
use super::progress::Progress;
use super::{CommandError, Outcome, interrupt};

/// Check a recording of a homeserver under contention, without the homeserver
///
/// For every partition of every round: is there one order of the calls, each at an instant between its
/// start and its end, in which every answer is the answer of the rules? A partition without such an
/// order is reported with the calls that show the violation. `diff --concurrent --record FILE` writes
/// recordings, and so can any other program: docs/recordings.md describes the format.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  guest-access replay history.jsonl")]
pub(super) struct Args {
    /// The recording, or `-` for the standard input
    file: PathBuf,
    /// The rules to check against [default: the rules that the recording names]
    #[arg(long)]
    rules: Option<String>,
    /// Stop after this time. The parts that are not decided by then are reported as undecided
    #[arg(long, value_name = "TIME", default_value = "60s",
        value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Fail on answers that only another reading of the text permits
    #[arg(long)]
    strict: bool,
    /// The format of the report
    #[arg(long, default_value = "text")]
    format: PageFormat,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let began = Instant::now();
    let recording = Recording::load(&args.file)?;
    let name = args.file.display().to_string();
    let rules = match &args.rules {
        Some(rules) => Rules::find(rules)?,
        None => Rules::find(&recording.header.rules)
            .map_err(|source| CommandError::RulesOfRecording { recording: name, source })?,
    };
    let run = Run { seed: recording.header.seed, ..Run::of([&rules]) };
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let stop = Stop::new(interrupt::flag()?).after(args.timeout);
    let checker = Checker::new(&rules).until(stop);
    let checked = checker.check(&recording, |done| progress.show(done, "round"));
    drop(progress);
    let took = began.elapsed();
    let effort = Effort { url: None, took, checking: took, broken_off: None, failures: Vec::new() };
    let report =
        ContentionReport::new(&rules, &recording.header, checked, effort, args.strict, run);
    if report.calls == 0 {
        print_message("the recording has no calls, so nothing was there to check");
    }
    let text = args.format.write(&report, report::html)?;
    Ok(CommandOutput::new(text, outcome(&report), &args.output))
}

/// The outcome of a check.
pub(super) fn outcome(report: &ContentionReport) -> Outcome {
    Outcome::of_comparison(
        report.broken_off.is_some(),
        report.fails(),
        report.complete && report.calls > 0,
    )
}
