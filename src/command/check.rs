//! `check`: every guarantee of a revision, in every reachable state.

mod args;
mod concurrent;
mod federated;
mod selection;
mod sequential;
mod task;

use guest_access_rules::rules::Rules;
use serde::Serialize;

use crate::report::check::{
    ChangesReport, CheckReport, Disciplines, github, html, markdown, sarif,
};
use crate::report::junit::junit;

use super::output::{CommandOutput, json, print_message};
use super::{CommandError, Outcome};

pub(super) use args::Args;

use args::{CheckFormat, Model};
use selection::{ExploredSubject, Selection};
use task::Task;

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    args.validate()?;
    let names = args.rules();
    let rules: Vec<_> = names.iter().map(|name| Rules::find(name)).collect::<Result<_, _>>()?;
    // A property can be one that the rules declare.
    let selection = Selection::of(&args.properties, args.model)?;
    let subjects: Vec<_> = rules
        .iter()
        .map(|rules| ExploredSubject::find(rules, &args.subject))
        .collect::<Result<_, _>>()?;
    let task = Task::begin(args)?;
    let check = |name: &str, rules: &Rules, subject: &ExploredSubject<'_>| {
        let mut found = match args.model {
            Model::Sequential => sequential::check(&task, rules, subject, &selection)?,
            Model::Concurrent => concurrent::check(&task, rules, subject, &selection)?,
            Model::Federated => federated::check(&task, rules, &selection)?,
        };
        for report in &mut found {
            report.name_rules(name);
        }
        Ok::<_, CommandError>(found)
    };
    let before = match &args.against {
        Some(name) => {
            let rules = Rules::find(name)?;
            let subject = ExploredSubject::find(&rules, &args.subject)?;
            Some(check(name, &rules, &subject)?)
        }
        None => None,
    };
    let mut reports = Vec::new();
    for ((name, rules), subject) in names.iter().zip(&rules).zip(&subjects) {
        reports.push(check(name, rules, subject)?);
    }
    let texts = reports.iter().map(|found| match args.model {
        Model::Concurrent | Model::Federated => Disciplines(found).to_string(),
        Model::Sequential => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    });
    let texts: Vec<_> = texts.collect();
    let outcome = outcome(&reports.iter().flatten().collect::<Vec<_>>());
    let nothing = |report: &&CheckReport| report.checked() == 0;
    for report in reports.iter().flatten().filter(nothing) {
        print_message(&format!(
            "{} promises nothing, so nothing was there to check; name guarantees with `--property`",
            report.called
        ));
    }
    let text = match before {
        Some(before) => changes(args.format, &before, reports)?,
        None => {
            let reports: Vec<_> = reports.into_iter().flatten().collect();
            match args.format {
                CheckFormat::Text => texts.join("\n"),
                CheckFormat::Json => json_of(&reports)?,
                CheckFormat::Junit => junit(&reports)?,
                CheckFormat::Markdown => markdown(&reports),
                CheckFormat::Html => html(&reports),
                CheckFormat::Sarif => sarif(&reports)?,
                CheckFormat::Github => github(&reports),
            }
        }
    };
    Ok(CommandOutput::new(text, outcome, &args.output))
}

/// The changes from the reports `before` to the reports on each of the checked rules.
fn changes(
    format: CheckFormat,
    before: &[CheckReport],
    reports: Vec<Vec<CheckReport>>,
) -> Result<String, CommandError> {
    let changes = reports.into_iter().flat_map(|found| {
        let pairs = before.iter().zip(found);
        pairs.map(|(before, after)| ChangesReport::new(before, after))
    });
    let changes: Vec<_> = changes.collect();
    if format == CheckFormat::Json {
        return json_of(&changes);
    }
    Ok(changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// One report as an object, several as an array.
fn json_of<T: Serialize>(reports: &[T]) -> Result<String, CommandError> {
    match reports {
        [report] => json(report),
        reports => json(&reports),
    }
}

fn outcome(reports: &[&CheckReport]) -> Outcome {
    if reports.iter().any(|report| report.fails()) {
        Outcome::Fails
    } else if reports.is_empty() || !reports.iter().all(|report| report.has_a_verdict()) {
        Outcome::NoVerdict
    } else {
        Outcome::Holds
    }
}
