//! The JUnit XML report: one case for each scenario, and one for each entry of the baseline.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{FederatedDivergenceReport, FederatedReport, FederatedScenarioReport};

/// The report as JUnit XML.
///
/// # Errors
/// If the XML cannot be written.
pub fn junit(report: &FederatedReport) -> Result<String, SerializeError> {
    let mut all = Report::new("guest-access diff --federated");
    let name = format!("{} federated scenarios", report.rules);
    let mut scenarios = suite(report, &name);
    scenarios.add_test_cases(report.ran.iter().map(|ran| case(report, &name, ran)));
    all.add_test_suite(scenarios);
    if let Some(baseline) = &report.baseline {
        let name = format!("{} baseline", report.rules);
        let mut entries = suite(report, &name);
        for (entry, is_stale) in baseline
            .stale
            .iter()
            .map(|entry| (entry, true))
            .chain(baseline.not_run.iter().map(|entry| (entry, false)))
        {
            let mut status = if is_stale {
                TestCaseStatus::non_success(NonSuccessKind::Failure)
            } else {
                TestCaseStatus::skipped()
            };
            status.set_message(entry.in_words());
            entries.add_test_case(named(&name, &entry.id, status));
        }
        let known = report.divergences.iter().filter(|found| found.known.is_some());
        for found in known {
            entries.add_test_case(named(&name, &found.id, TestCaseStatus::success()));
        }
        all.add_test_suite(entries);
    }
    all.to_string()
}

fn named(suite: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(suite);
    case
}

fn suite(report: &FederatedReport, name: &str) -> TestSuite {
    let mut suite = TestSuite::new(name);
    for (name, value) in [
        ("server", report.title()),
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
/// failure kept a step from being judged.
fn case(report: &FederatedReport, suite: &str, ran: &FederatedScenarioReport) -> TestCase {
    let of_scenario = report.divergences.iter().filter(|found| found.scenario == ran.scenario);
    let failing: Vec<_> = of_scenario.filter(|found| report.fails_by(found)).collect();
    let not_run = report.not_run.iter().filter(|entry| entry.scenario == ran.scenario);
    let not_run: Vec<_> = not_run.collect();
    let reasons: Vec<_> =
        not_run.iter().map(|entry| format!("{}: {}", entry.step, entry.because)).collect();
    let status = if let Some(worst) = failing.first() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(worst.kind.as_str()).set_message(worst.step.as_str());
        let texts: Vec<_> = failing.iter().map(|found| description(found)).collect();
        status.set_description(texts.join("\n"));
        status
    } else if not_run.iter().any(|entry| entry.failure) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("not judged").set_message(reasons.join("; "));
        status
    } else if not_run.is_empty() {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::skipped();
        status.set_message(reasons.join("; "));
        status
    };
    named(suite, ran.scenario, status)
}

fn description(found: &FederatedDivergenceReport) -> String {
    format!(
        "{}\nexpected: {} ({})\nobserved: {}\n{}",
        found.id,
        found.expected,
        found.clauses.join(", "),
        found.observed,
        found.steps.join("\n")
    )
}
