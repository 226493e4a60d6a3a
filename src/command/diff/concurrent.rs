//! `diff --concurrent`: records several clients that call at once, and checks linearizability.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use guest_access_rules::rules::Rules;

use crate::contention::{self, Checker, RecordOptions, RecordingRun};
use crate::diff;
use crate::report::Run;
use crate::report::contention::{self as report, ContentionReport, Effort};
use crate::subject::server::{Server, ServerError};

use super::super::output::{CommandOutput, PageFormat, print_message};
use super::super::progress::Progress;
use super::super::{CommandError, replay};
use super::{Args, DiffFormat};

/// The arguments of `diff --concurrent`.
#[derive(Debug, clap::Args)]
pub(super) struct ConcurrentArgs {
    /// Let several clients call at once, and look for one order of their calls that explains all
    /// answers
    #[arg(long, group = "mode",
        conflicts_with_all = ["replay", "only", "baseline", "write_baseline", "explore_for", "also", "jobs"])]
    pub(super) concurrent: bool,
    /// The number of clients that call at once
    #[arg(long, value_name = "N", default_value_t = 6, requires = "concurrent",
        value_parser = clap::value_parser!(u32).range(2..=64))]
    clients: u32,
    /// The number of calls of a round for each client
    #[arg(long, value_name = "N", default_value_t = 10, requires = "concurrent",
        value_parser = clap::value_parser!(u16).range(1..=200))]
    length: u16,
    /// The time after which no further round begins: `30s`, `5m`
    #[arg(long = "for", value_name = "TIME", default_value = "10s", requires = "concurrent",
        value_parser = humantime::parse_duration)]
    time: Duration,
    /// Write the recording to FILE, for `replay` to check again [default: no file]
    #[arg(long, value_name = "FILE", requires = "concurrent")]
    record: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let format = match args.format {
        DiffFormat::Text => PageFormat::Text,
        DiffFormat::Json => PageFormat::Json,
        DiffFormat::Html => PageFormat::Html,
        _ => return Err(CommandError::FormOfContention),
    };
    let began = Instant::now();
    let rules = Rules::find(args.rules.as_deref().unwrap_or("latest"))?;
    let concurrent = &args.contention;
    let diff::Options { settle, keep, seed, stop, .. } = super::options(args)?;
    let options = RecordOptions {
        clients: concurrent.clients,
        time: concurrent.time,
        length: concurrent.length.into(),
        seed,
        settle,
        keep,
        stop,
    };
    let run = Run { seed: Some(options.seed), ..Run::of([&rules]) };
    let (url, embedded) = super::subject(args, &rules)?;
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let checker = Checker::new(&rules);
    let recorded = record(args, &url, &rules, &checker, &options, &progress);
    let (recorded, _) = diff::wait_for(recorded).map_err(CommandError::Runtime)?;
    drop(embedded);
    let RecordingRun { recording, broken_off, failures } = recorded?;
    // Write the recording before the check, so that no failure of the check loses the recording.
    if let Some(path) = &concurrent.record {
        CommandOutput::write_file(&recording.to_jsonl(), path)?;
    }
    let checking = Instant::now();
    let checked = checker.check(&recording, |done| progress.show(done, "round checked"));
    drop(progress);
    if let Some(error) = &broken_off {
        print_message(&format!("error: {error}; the report holds what was found before"));
    }
    let effort = Effort {
        url: Some(url),
        took: began.elapsed(),
        checking: checking.elapsed(),
        broken_off: broken_off.map(|error| error.to_string()),
        failures,
    };
    let report =
        ContentionReport::new(&rules, &recording.header, checked, effort, args.strict, run);
    let text = format.write(&report, report::html)?;
    Ok(CommandOutput::new(text, replay::outcome(&report), &args.output))
}

async fn record(
    args: &Args,
    url: &str,
    rules: &Rules,
    checker: &Checker,
    options: &RecordOptions,
    progress: &Progress,
) -> Result<RecordingRun, ServerError> {
    let server: Server = super::connect(args, url, &options.stop).await?;
    let accounts = super::named_accounts(args, &server).await?;
    let on_progress = |done: usize| progress.show(done, "round");
    contention::record(rules, checker, &server, &accounts, options, on_progress).await
}
