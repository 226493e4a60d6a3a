//! The JUnit XML report. It has three suites: one case for each vector, for each random history, and
//! for each entry of the baseline.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::diff::ScenarioSummary;
use crate::report::count;
use crate::subject::server::NotRunKind;

use super::text::description;
use super::{BaselineReport, DiffReport, DivergenceReport};

/// The report as JUnit XML.
///
/// # Errors
/// If the XML cannot be written.
pub fn junit(report: &DiffReport) -> Result<String, SerializeError> {
    let mut all = Report::new("guest-access diff");
    for (name, is_vector) in [("vectors", true), ("random histories", false)] {
        let ran: Vec<_> = report.ran.iter().filter(|ran| ran.is_vector == is_vector).collect();
        if !ran.is_empty() {
            let name = format!("{} {name}", report.rules);
            let mut suite = suite(report, &name);
            suite.add_test_cases(ran.iter().map(|ran| case(report, &name, ran)));
            all.add_test_suite(suite);
        }
    }
    if let Some(baseline) = &report.baseline {
        let name = format!("{} baseline", report.rules);
        let mut suite = suite(report, &name);
        suite.add_test_cases(entries(report, baseline, &name));
        all.add_test_suite(suite);
    }
    all.to_string()
}

fn suite(report: &DiffReport, name: &str) -> TestSuite {
    let mut suite = TestSuite::new(name);
    for (name, value) in [
        ("server", report.server_title()),
        ("rules", report.rules.clone()),
        ("rules_sha256", report.run.rules_sha256.clone()),
        ("command", report.run.command.clone()),
        ("version", report.run.version.to_owned()),
    ] {
        suite.add_property((name, value.as_str()));
    }
    suite
}

/// The case of a scenario. It fails if a failing divergence was seen in the scenario, and is an error if a
/// failure kept a decision from being compared. The output lists known and permitted divergences, and the
/// steps that did not run.
fn case(report: &DiffReport, suite: &str, ran: &ScenarioSummary) -> TestCase {
    let seen = report.divergences.iter().filter(|d| d.seen_in.contains(&ran.scenario));
    let (failing, passing): (Vec<_>, Vec<_>) = seen.partition(|d| report.fails_by(d));
    let status = match failing.first() {
        Some(worst) => {
            let message =
                format!("{}, the worst: {}", count(failing.len(), "divergence"), worst.step);
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let descriptions: Vec<_> =
                failing.iter().map(|divergence| failure_text(divergence)).collect();
            status.set_type(worst.kind.as_str()).set_message(message);
            status.set_description(descriptions.join("\n"));
            status
        }
        None if failed(ran) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            let first = ran.not_run.first().map_or("", String::as_str);
            let decisions = count(ran.not_compared, "decision");
            status.set_type("not compared");
            status.set_message(format!("{decisions} not compared: {first}"));
            status.set_description(ran.not_run.join("\n"));
            status
        }
        None if !ran.is_whole() => skipped(&ran.not_run.join("; ")),
        None => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(ran.scenario.clone(), status);
    case.set_classname(suite);
    let passing = passing.iter().map(|divergence| match &divergence.known {
        Some(known) => format!("known: {}: {}", divergence.id, known.in_words()),
        None => format!("permitted: {}", divergence.id),
    });
    // The message of a case that is no success has the reasons already, unless a divergence failed it.
    let has_reasons = failing.is_empty() && !ran.is_whole();
    let not_run = ran.not_run.iter().filter(|_| !has_reasons);
    let not_run = not_run.map(|why| format!("not run: {why}"));
    let output: Vec<_> = passing.chain(not_run).collect();
    if !output.is_empty() {
        case.set_system_out(output.join("\n"));
    }
    case
}

/// Whether a decision was not compared because of a failure other than the end of the run.
fn failed(ran: &ScenarioSummary) -> bool {
    ran.not_run_kinds.iter().any(|kind| kind.is_failure() && *kind != NotRunKind::Stopped)
}

fn failure_text(divergence: &DivergenceReport) -> String {
    format!("{} ({})\n{}", divergence.id, divergence.by, description(divergence))
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(why);
    status
}

/// One case for each entry of the baseline. A stale entry fails.
fn entries(report: &DiffReport, baseline: &BaselineReport, suite: &str) -> Vec<TestCase> {
    let known = report.divergences.iter().filter(|divergence| divergence.known.is_some());
    let known = known.map(|divergence| (&divergence.id, TestCaseStatus::success()));
    let stale = baseline.stale.iter().map(|entry| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("stale").set_message(entry.in_words());
        (&entry.id, status)
    });
    let not_run = baseline.not_run.iter().map(|entry| (&entry.id, skipped(&entry.in_words())));
    let mut cases: Vec<_> = known
        .chain(stale)
        .chain(not_run)
        .map(|(id, status)| {
            let mut case = TestCase::new(id.clone(), status);
            case.set_classname(suite);
            case
        })
        .collect();
    cases.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    cases
}
