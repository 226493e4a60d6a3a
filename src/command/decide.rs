//! `decide`: the decision at each step of a scenario, with its clauses and its reason.

use std::path::PathBuf;

use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::ScenarioText;

use crate::report::Run;
use crate::report::decide::DecideReport;

use super::output::{CommandOutput, Format, OutputArgs};
use super::{CommandError, Outcome};

/// Decide each step of a scenario, with clauses and reasons
///
/// A step is reported as open if the text permits another reading than ours, and the other reading
/// alone would turn the decision from allow to deny or from deny to allow. The command fails if a step
/// does not have the outcome that the scenario expects.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  guest-access decide scenario.json --rules v1.16")]
pub(super) struct Args {
    /// The file of the scenario, or `-` for standard input; schema/scenario.json describes the format
    #[arg(value_name = "SCENARIO|-")]
    scenario: PathBuf,
    /// The rules that decide [default: the rules that the scenario names]
    #[arg(long)]
    rules: Option<String>,
    /// The format of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let text = ScenarioText::load(&args.scenario)?;
    let rules = match &args.rules {
        Some(name) => Rules::find(name)?,
        None => text.find_rules()?,
    };
    let (scenario, step_lines) = text.read_by(&rules)?;
    let decisions = DecideReport::new(&scenario, &rules, Run::of([&rules]))
        .map_err(|error| step_lines.locate(error))?;
    let outcome = if decisions.as_expected { Outcome::Holds } else { Outcome::Fails };
    CommandOutput::report(&decisions, args.format, outcome, &args.output)
}
