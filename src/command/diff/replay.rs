//! `diff --replay`: runs the divergences of a saved report again.

use std::path::Path;

use guest_access_rules::rules::Rules;

use crate::diff::{self, Options, ReplayResult, SavedReport};
use crate::report::Run;
use crate::report::replay::ReplayReport;
use crate::subject::server::{Server, ServerError};

use super::super::output::{CommandOutput, Format, print_message};
use super::super::progress::Progress;
use super::super::{CommandError, Outcome};
use super::{Args, is_selected};

pub(super) fn run(args: &Args, path: &Path) -> Result<CommandOutput, CommandError> {
    let format = match args.format {
        super::DiffFormat::Text => Format::Text,
        super::DiffFormat::Json => Format::Json,
        _ => return Err(CommandError::FormOfReplay),
    };
    let name = path.display().to_string();
    let mut saved = SavedReport::load(path, args.rules.as_deref().map(Rules::find).transpose()?)?;
    saved.divergences.retain(|divergence| is_selected(args, &divergence.id));
    let rules = saved.rules.clone();
    let run = Run::of([&rules]);
    if saved.divergences.is_empty() {
        print_message("no divergence of the report matches, so nothing was there to run again");
        return Ok(CommandOutput::new(String::new(), Outcome::NoVerdict, &args.output));
    }
    let options = super::options(args)?;
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let replay = replay(args, &rules, &saved, &options, &progress);
    let (result, waited) = diff::wait_for(replay).map_err(CommandError::Runtime)?;
    drop(progress);
    let (server, replayed) = result?;
    if let Some(error) = &replayed.broken_off {
        print_message(&format!("error: {error}; the report holds what was found before"));
    }
    let replayed = (replayed, waited);
    let report = ReplayReport::new(name, &rules, saved, &server, replayed, args.strict, run);
    CommandOutput::report(&report, format, outcome(&report), &args.output)
}

/// Connects to the homeserver, and runs the divergences of the report.
async fn replay(
    args: &Args,
    rules: &Rules,
    saved: &SavedReport,
    options: &Options,
    progress: &Progress,
) -> Result<(Server, ReplayResult), ServerError> {
    let url = args.server.as_ref().unwrap_or(&saved.url);
    let server = super::connect(args, url, &options.stop).await?;
    let accounts = super::named_accounts(args, &server).await?;
    let on_progress = |done: usize, thing: &str| progress.show(done, thing);
    let divergences = &saved.divergences;
    let replayed =
        diff::replay(rules, &server, &accounts, divergences, options, on_progress).await?;
    Ok((server, replayed))
}

pub(super) fn outcome(report: &ReplayReport) -> Outcome {
    Outcome::of_comparison(report.broken_off.is_some(), report.fails(), report.could_not_run == 0)
}
