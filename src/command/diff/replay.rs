//! `diff --replay`: the divergences of a saved report are run again.

use std::path::Path;

use guest_access_rules::rules::Rules;

use crate::diff::{self, Options, ReplayResult, SavedReport};
use crate::report::Run;
use crate::report::replay::ReplayReport;
use crate::subject::server::{Server, ServerError};

use super::super::output::{Format, Written, say};
use super::super::progress::Progress;
use super::super::{CommandError, Outcome};
use super::{Args, is_asked_for};

pub(super) fn run(args: &Args, path: &Path) -> Result<Written, CommandError> {
    let form = match args.format {
        super::Format::Text => Format::Text,
        super::Format::Json => Format::Json,
        _ => return Err(CommandError::FormOfReplay),
    };
    let name = path.display().to_string();
    let mut saved = SavedReport::load(path)?;
    saved.divergences.retain(|divergence| is_asked_for(args, &divergence.id));
    let rules = match &args.rules {
        Some(rules) => Rules::find(rules)?,
        None => Rules::find(&saved.rules)
            .map_err(|source| CommandError::RulesOfReport { report: name.clone(), source })?,
    };
    let run = Run::of([&rules]);
    if saved.divergences.is_empty() {
        say("no divergence of the report matches, so nothing was there to run again");
        return Ok(Written::new(String::new(), Outcome::NoVerdict, &args.output));
    }
    let options = super::options(args)?;
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let asked = ask(args, &rules, &saved, &options, &progress);
    let (result, waited) = diff::wait_for(asked).map_err(CommandError::Runtime)?;
    drop(progress);
    let (server, replayed) = result?;
    if let Some(error) = &replayed.broken_off {
        say(&format!("error: {error}; the report holds what was found before"));
    }
    let found = (replayed, waited);
    let report = ReplayReport::new(name, &rules, saved, &server, found, args.strict, run);
    Written::report(&report, form, outcome(&report), &args.output)
}

async fn ask(
    args: &Args,
    rules: &Rules,
    saved: &SavedReport,
    options: &Options,
    progress: &Progress,
) -> Result<(Server, ReplayResult), ServerError> {
    let url = args.server.as_ref().unwrap_or(&saved.url);
    let server = super::meet(args, url).await?;
    let given = super::given(args, &server).await?;
    let tell = |done: usize, thing: &str| progress.show(done, thing);
    let divergences = &saved.divergences;
    let replayed = diff::replay(rules, &server, &given, divergences, options, tell).await?;
    Ok((server, replayed))
}

fn outcome(report: &ReplayReport) -> Outcome {
    if report.broken_off.is_some() {
        Outcome::BrokenOff
    } else if report.fails() {
        Outcome::Fails
    } else if report.could_not_run > 0 {
        Outcome::NoVerdict
    } else {
        Outcome::Holds
    }
}
