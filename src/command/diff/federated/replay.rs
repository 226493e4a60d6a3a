//! `diff --federated --replay`: runs the divergences of a saved report again.

use std::path::Path;
use std::time::Instant;

use guest_access_rules::rules::Rules;

use crate::command::diff::{Args, DiffFormat, is_selected, replay};
use crate::command::output::{CommandOutput, Format, print_message};
use crate::command::{CommandError, Outcome};
use crate::neighbour::SavedFederatedReport;
use crate::report::Run;
use crate::report::replay::ReplayReport;

use super::{Target, take_part};

pub(in crate::command::diff) fn run(
    args: &Args,
    path: &Path,
) -> Result<CommandOutput, CommandError> {
    let format = match args.format {
        DiffFormat::Text => Format::Text,
        DiffFormat::Json => Format::Json,
        _ => return Err(CommandError::FormOfReplay),
    };
    let began = Instant::now();
    let rules = args.rules.as_deref().map(Rules::find).transpose()?;
    let mut saved = SavedFederatedReport::load(path, rules)?;
    saved.divergences.retain(|divergence| is_selected(args, &divergence.id));
    let record = Run::of([&saved.rules]);
    if saved.divergences.is_empty() {
        print_message("no divergence of the report matches, so nothing was there to run again");
        return Ok(CommandOutput::new(String::new(), Outcome::NoVerdict, &args.output));
    }
    let target = match (&args.server, &saved.reference) {
        (Some(url), _) => Target::Server(url.clone()),
        (None, _) if !args.defects.is_empty() => Target::Reference(args.defects.clone()),
        (None, Some(defects)) => Target::Reference(defects.clone()),
        (None, None) => Target::Server(saved.url.clone()),
    };
    let (server, result) = take_part(args, &saved.rules, &target, &saved.scenarios())?;
    let (name, took) = (path.display().to_string(), began.elapsed());
    let report =
        ReplayReport::federated(name, saved, &server, (&result, took), args.strict, record);
    CommandOutput::report(&report, format, replay::outcome(&report), &args.output)
}
