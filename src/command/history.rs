//! `history`: the status of every guarantee in every revision.

use guest_access_model::check::Check;
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::sequential::Sequential;
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::rules::Rules;

use crate::report::Run;
use crate::report::history::HistoryReport;

use super::output::{CommandOutput, Format, OutputArgs};
use super::progress::Progress;
use super::search::{SearchArgs, SearchLimits};
use super::{CommandError, Outcome};

/// Show the status of every guarantee in every revision
///
/// The table says for each revision whether it promises the guarantee, withdrew it or never promised
/// it, and whether the guarantee holds. By default the scope is one guest and one room. Some guarantees
/// need a second guest or room: at the default scope their premise never occurs, and the table says so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  guest-access history --guests 2")]
pub(super) struct Args {
    #[command(flatten)]
    search: SearchArgs,
    /// The format of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let published = Rules::published();
    let run = Run::of(&published);
    let limits = SearchLimits::begin(&args.search)?;
    let workers = Workers::threads(limits.workers);
    let mut histories = Vec::new();
    for scope in args.search.scopes(&[(1, 1)])? {
        let (mut found, mut complete) = (Vec::new(), true);
        for rules in &published {
            let progress = Progress::new(rules.id.clone(), args.output.quiet);
            let report = Check {
                model: Sequential::new(scope, rules.profile(), rules.profile()),
                guarantees: GuaranteeSet::on_actions(),
                required: GuaranteeSet::on_actions(),
                executor: Executor::default_for(scope),
                workers: &workers,
            }
            .run(&limits.stop, &|seen| limits.on_progress(&progress, seen))?;
            complete &= report.explored.complete;
            found.push((rules.clone(), report.findings));
        }
        histories.push(HistoryReport::new(scope, complete, &found, run.clone()));
    }
    let [history] = histories.as_slice() else { unreachable!("one scope is usual") };
    let outcome = match (history.fails(), history.complete) {
        (true, _) => Outcome::Fails,
        (false, false) => Outcome::NoVerdict,
        (false, true) => Outcome::Holds,
    };
    CommandOutput::report(history, args.format, outcome, &args.output)
}
