//! `decide`: the decision at every step of a scenario, and the clause of each decision.

use std::path::PathBuf;

use guest_access_rules::rules::Rules;

use crate::report::Run;
use crate::report::decide::Decisions;
use crate::scenario::Scenario;

use super::output::{Format, OutputArgs, Written};
use super::{CommandError, Outcome};

/// Decide each step of a scenario, and say why
///
/// A step is open where the text permits another reading than ours, and that reading alone would
/// turn an allowed step into a denied one, or the other way round.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scenario, or `-` for the standard input
    #[arg(value_name = "SCENARIO|-")]
    scenario: PathBuf,
    /// Decide by these rules [default: those that the scenario names]
    #[arg(long)]
    rules: Option<String>,
    /// The form of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<Written, CommandError> {
    let (scenario, source) = Scenario::load(&args.scenario)?;
    let rules = Rules::find(args.rules.as_ref().unwrap_or(&scenario.rules))?;
    let decisions = Decisions::new(&scenario, &rules, Run::of([&rules]))
        .map_err(|error| source.locate(error))?;
    let outcome = if decisions.as_expected { Outcome::Holds } else { Outcome::Fails };
    Written::report(&decisions, args.format, outcome, &args.output)
}
