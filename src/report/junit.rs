//! `check` as JUnit XML: one suite for each report, one case for each guarantee that was to hold.

use std::time::Duration;

use guest_access_model::check::Status;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::check::{CheckReport, Property};

/// The reports as JUnit XML.
///
/// # Errors
/// If the XML cannot be written.
pub fn junit(reports: &[CheckReport]) -> Result<String, SerializeError> {
    let mut all = Report::new("guest-access check");
    for report in reports {
        let name = format!(
            "{} {} {} guests {} rooms",
            report.rules, report.model, report.guests, report.rooms
        );
        let mut suite = TestSuite::new(name.clone());
        suite.set_time(Duration::try_from_secs_f64(report.seconds).unwrap_or_default());
        for (name, value) in [
            ("rules", report.rules.as_str()),
            ("rules_sha256", &report.run.rules_sha256),
            ("command", &report.run.command),
            ("version", report.run.version),
        ] {
            suite.add_property((name, value));
        }
        let judged = report.properties.iter().filter(|p| p.status != Status::NotPromised);
        let has_effect = report.unseen.iter().any(|unseen| unseen.does.is_some());
        let unknown = match (report.complete, has_effect) {
            (false, _) => "the check ended before every state was explored",
            (true, false) => "an open endpoint gives room content that no rule looks at",
            (true, true) => "an open endpoint has an effect that no rule looks at",
        };
        suite.add_test_cases(judged.map(|property| case(&name, property, unknown)));
        all.add_test_suite(suite);
    }
    all.to_string()
}

fn case(suite: &str, property: &Property, unknown: &str) -> TestCase {
    let new_answer = property.fails_by.iter().find(|by| by.new);
    let failed = |kind, message: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(property.status.as_str()).set_message(message);
        let of_base = property.breaks_base.as_ref().map(|of_base| &of_base.counterexample);
        let of_answer = new_answer.map(|by| &by.counterexample);
        if let Some(scenario) = property.counterexample.as_ref().or(of_base).or(of_answer)
            && let Ok(scenario) = serde_json::to_string_pretty(scenario)
        {
            status.set_description(scenario);
        }
        status
    };
    let status = match property.status {
        Status::Holds if new_answer.is_some() => failed(
            NonSuccessKind::Failure,
            "the guarantee fails by an answer that the proposal permits and its base forbids",
        ),
        Status::Holds | Status::NotPromised => TestCaseStatus::success(),
        Status::Violated => failed(NonSuccessKind::Failure, property.always),
        Status::Vacuous => {
            failed(NonSuccessKind::Failure, "nothing that happens meets the guarantee's premise")
        }
        Status::Unknown => failed(NonSuccessKind::Error, unknown),
    };
    let mut case = TestCase::new(property.id, status);
    case.set_classname(suite);
    case
}
