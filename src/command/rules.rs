//! `rules`: the list of revisions, or one revision in full.

use guest_access_rules::rules::Rules;

use crate::report::Run;
use crate::report::revisions::{RevisionReport, Revisions};

use super::output::{CommandOutput, Format, OutputArgs};
use super::{CommandError, Outcome};

/// List the revisions with their changes, or show one revision in full
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  guest-access rules v1.16")]
pub(super) struct Args {
    /// The rules to show in full [default: the list of all revisions]
    rules: Option<String>,
    /// The format of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    match &args.rules {
        None => {
            let published = Rules::published();
            let revisions = Revisions::new(&published, Run::of(&published));
            CommandOutput::report(&revisions, args.format, Outcome::Holds, &args.output)
        }
        Some(name) => {
            let rules = Rules::find(name)?;
            let revision = RevisionReport::new(&rules, Run::of([&rules]));
            CommandOutput::report(&revision, args.format, Outcome::Holds, &args.output)
        }
    }
}
