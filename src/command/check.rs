//! `check`: every guarantee of a revision, in every reachable state.

mod args;
mod concurrent;
mod federated;
mod selection;
mod sequential;
mod task;

use guest_access_rules::rules::Rules;

use crate::report::check::{CheckReport, Disciplines};
use crate::report::junit::junit;

use super::output::{CommandOutput, json, print_message};
use super::{CommandError, Outcome};

pub(super) use args::Args;

use args::{CheckFormat, Model};
use selection::{ExploredSubject, Selection};
use task::Task;

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    args.validate()?;
    let selection = Selection::of(&args.properties, args.model)?;
    let names = args.rules();
    let rules: Vec<_> = names.iter().map(|name| Rules::find(name)).collect::<Result<_, _>>()?;
    let subjects: Vec<_> = rules
        .iter()
        .map(|rules| ExploredSubject::find(rules, &args.subject))
        .collect::<Result<_, _>>()?;
    let task = Task::begin(args)?;
    let mut reports = Vec::new();
    for ((name, rules), subject) in names.iter().zip(&rules).zip(&subjects) {
        let mut found = match args.model {
            Model::Sequential => sequential::check(&task, rules, subject, &selection)?,
            Model::Concurrent => concurrent::check(&task, rules, subject, &selection)?,
            Model::Federated => federated::check(&task, rules, &selection)?,
        };
        for report in &mut found {
            report.name_rules_file(name);
        }
        reports.push(found);
    }
    let texts = reports.iter().map(|found| match args.model {
        Model::Concurrent | Model::Federated => Disciplines(found).to_string(),
        Model::Sequential => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    });
    let texts: Vec<_> = texts.collect();
    let reports: Vec<_> = reports.into_iter().flatten().collect();
    let outcome = outcome(&reports);
    let nothing = |report: &&CheckReport| report.checked() == 0;
    for report in reports.iter().filter(nothing) {
        print_message(&format!(
            "{} promises nothing, so nothing was there to check; name guarantees with `--property`",
            report.rules
        ));
    }
    let text = match (args.format, reports.as_slice()) {
        (CheckFormat::Text, _) => texts.join("\n"),
        (CheckFormat::Json, [report]) => json(report)?,
        (CheckFormat::Json, reports) => json(&reports)?,
        (CheckFormat::Junit, reports) => junit(reports)?,
    };
    Ok(CommandOutput::new(text, outcome, &args.output))
}

fn outcome(reports: &[CheckReport]) -> Outcome {
    if reports.iter().any(CheckReport::fails) {
        Outcome::Fails
    } else if reports.is_empty() || !reports.iter().all(CheckReport::has_a_verdict) {
        Outcome::NoVerdict
    } else {
        Outcome::Holds
    }
}
