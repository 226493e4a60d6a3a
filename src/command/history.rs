//! `history`: every revision, every guarantee.

use guest_access_model::check::Check;
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::sequential::Sequential;
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::rules::Rules;

use crate::report::Run;
use crate::report::history::History;

use super::output::{Format, OutputArgs, Written};
use super::progress::Progress;
use super::search::{SearchArgs, SearchLimits};
use super::{CommandError, Outcome};

/// Show what every revision promises, and what it keeps
///
/// What is kept is looked for with one guest and one room unless more are asked for, so a guarantee
/// that needs two of them is shown as one whose premise nothing meets; `check` has both.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    search: SearchArgs,
    /// The form of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Written, CommandError> {
    let published = Rules::published();
    let run = Run::of(&published);
    let limits = SearchLimits::begin(&args.search)?;
    let workers = Workers::threads(limits.workers);
    let mut histories = Vec::new();
    for scope in args.search.scopes(&[(1, 1)]) {
        let (mut found, mut complete) = (Vec::new(), true);
        for rules in &published {
            let progress = Progress::new(rules.id.clone(), args.output.quiet);
            let report = Check {
                model: Sequential::new(scope, rules.profile(), rules.profile()),
                guarantees: GuaranteeSet::on_actions(),
                required: GuaranteeSet::on_actions(),
                executor: Executor::usual(scope),
                workers: &workers,
            }
            .run(&limits.stop, &|seen| limits.on_progress(&progress, seen))?;
            complete &= report.explored.complete;
            found.push((rules.clone(), report.findings));
        }
        histories.push(History::new(scope, complete, &found, run.clone()));
    }
    let [history] = histories.as_slice() else { unreachable!("one scope is usual") };
    let outcome = match (history.fails(), history.complete) {
        (true, _) => Outcome::Fails,
        (false, false) => Outcome::NoVerdict,
        (false, true) => Outcome::Holds,
    };
    Written::report(history, args.format, outcome, &args.output)
}
