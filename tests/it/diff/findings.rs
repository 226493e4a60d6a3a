//! The findings of `diff` and `check`: SARIF for code scanners, annotations for GitHub Actions, and the
//! Markdown of a job's summary.

use guest_access::report::diff::{DiffReport, defects, github, markdown, sarif};
use serde_json::Value;

use super::reports::{INJECTION, baseline, compared_with, failed_report, report};
use crate::cli::{Folder, run, run_line, wrapped};

/// The SARIF, after a check that another program reads every field of it. The types of `serde-sarif`
/// come from the schema of SARIF 2.1.0. They have every required field, and lose every unknown field.
fn checked(text: &str) -> Value {
    let parsed: serde_sarif::sarif::Sarif = serde_json::from_str(text).unwrap();
    let log: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(parsed).unwrap(), log);
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"], "{result}");
        // A code scanner recognises a result by its fingerprint.
        assert!(result["partialFingerprints"]["guestAccessId/v1"].is_string(), "{result}");
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert!(uri.as_str().is_none_or(|uri| !uri.contains(['{', ' ', ':'])), "{uri}");
    }
    log
}

fn levels(log: &Value) -> Vec<(&str, &str)> {
    let results = log["runs"][0]["results"].as_array().unwrap().iter();
    results
        .map(|result| (result["ruleId"].as_str().unwrap(), result["level"].as_str().unwrap()))
        .collect()
}

#[test]
fn sarif_has_a_result_for_each_divergence() {
    let log = checked(&sarif(&report()).unwrap());
    assert_eq!(levels(&log), [("leak", "error"), ("error", "warning"), ("leak", "note")]);
    insta::assert_snapshot!(wrapped(&serde_json::to_string_pretty(&log["runs"][0]).unwrap()));
}

#[test]
fn sarif_suppresses_what_the_baseline_lists() {
    let report = compared_with(&baseline(&[("leak-join", &["gate"]), ("leak-old", &["open"])]));
    let log = checked(&sarif(&report).unwrap());
    let results = log["runs"][0]["results"].as_array().unwrap();
    let states: Vec<_> = results.iter().map(|result| &result["baselineState"]).collect();
    assert_eq!(states, ["unchanged", "new", "new", "absent"]);
    let reason = &results[0]["suppressions"][0]["justification"];
    assert_eq!(reason, "a reason for leak-join (https://tracker.example/1)");
    assert_eq!(results[3]["ruleId"], "stale");
}

#[test]
fn findings_say_why_there_is_no_verdict() {
    let failed = failed_report();
    let log = checked(&sarif(&failed).unwrap());
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let says = "47 decisions in 2 of 4 scenarios were not compared";
    let notification = &invocation["toolExecutionNotifications"][0]["message"]["text"];
    assert!(notification.as_str().unwrap().starts_with(says), "{notification}");
    assert!(github(&failed).contains(&format!("::error title=no verdict::{says}")));
    assert!(markdown(&failed).contains(says));
    let whole = checked(&sarif(&report()).unwrap());
    assert_eq!(whole["runs"][0]["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn github_has_an_annotation_for_each_failing_defect() {
    let known = compared_with(&baseline(&[("leak-join", &["gate"]), ("leak-old", &["open"])]));
    insta::assert_snapshot!(wrapped(&github(&report())));
    let lines = github(&known);
    assert!(!lines.contains("title=leak%3A"), "{lines}");
    assert!(lines.contains("::error title=leak-old no longer occurs::"), "{lines}");
}

#[test]
fn the_summary_of_a_job_has_the_worst_first() {
    let text = markdown(&report());
    let (text, _) = text.split_once("<sub>").unwrap();
    insta::assert_snapshot!(wrapped(text));
}

/// A report in which every text of the homeserver tries to end a command and to begin another.
fn injected() -> DiffReport {
    let injection =
        format!("{INJECTION}\n::set-env name=PATH::x\r::error::y%0A[a](https://evil.example)");
    let mut report = failed_report();
    report.broken_off = Some(injection.clone());
    for divergence in &mut report.divergences {
        divergence.step.clone_from(&injection);
        divergence.observed.clone_from(&injection);
    }
    report.defects = defects(report.divergences.iter().filter(|d| !d.permitted));
    report
}

#[test]
fn a_homeserver_writes_no_command_and_no_markup() {
    let report = injected();
    let commands = github(&report);
    for line in commands.lines() {
        assert!(!line.contains('\r') && !line.starts_with("::set-env"), "{line}");
    }
    assert!(commands.contains("%0A::set-env"), "{commands}");
    let text = markdown(&report);
    assert!(!text.replace("\\<", "").contains("<script"), "{text}");
    let log = checked(&sarif(&report).unwrap());
    assert!(!log.to_string().contains("[a](https:"), "{log}");
}

const NO_KICK: &str =
    "check examples/proposals/no-kick.toml --property revocation --guests 1 --quiet --format";

#[test]
fn a_check_is_written_as_findings() {
    let ran = run_line(&format!("{NO_KICK} sarif"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let log = checked(&ran.out);
    assert_eq!(levels(&log), [("revocation", "error"), ("lost-clause", "warning")]);
    let results = serde_json::to_string_pretty(&log["runs"][0]["results"]).unwrap();
    insta::assert_snapshot!(wrapped(&results));
    let ran = run_line(&format!("{NO_KICK} github"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(wrapped(&ran.out));
}

#[test]
fn a_check_that_holds_has_no_finding() {
    let line = "check v1.16 --property confinement --guests 1 --quiet --format";
    let ran = run_line(&format!("{line} sarif"));
    assert_eq!((ran.code, levels(&checked(&ran.out))), (Some(0), vec![]));
    let ran = run_line(&format!("{line} github"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "v1.16, 1 guest and 1 room: 1 hold\n"));
    let ran = run_line(&format!("{line} github --max-states 10"));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.contains("::error title=no verdict::v1.16, 1 guest and 1 room: "), "{ran:?}");
}

#[test]
fn an_answer_that_breaks_a_guarantee_is_a_finding() {
    let line = "check r0.0.0 --property no_retroactive_exposure --guests 1 --quiet --format sarif";
    let ran = run_line(line);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let log = checked(&ran.out);
    assert_eq!(levels(&log), [("no_retroactive_exposure", "note")]);
    let text = log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
    assert!(text.contains("Fails by: state.preview=current"), "{text}");
}

#[test]
fn diff_writes_findings_of_the_embedded_reference() {
    let folder = Folder::new();
    let path = folder.path("diff.sarif").display().to_string();
    let also = format!("sarif={path}");
    let only = ["diff", "--only", "content-*", "--quiet", "--format", "github", "--also", &also];
    let ran = run(only);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out, "v1.17: no divergence\n");
    let log = checked(&std::fs::read_to_string(path).unwrap());
    assert_eq!(levels(&log), []);
}

#[test]
fn the_other_reports_of_diff_say_which_formats_they_have() {
    for (line, says) in [
        ("diff --concurrent --format sarif", "the report is `text`, `json` or `html`"),
        ("diff --replay none.json --format github", "the report is `text` or `json`"),
        ("check v1.16 --against v1.15 --format sarif", "the report is `text` or `json`"),
        ("compare v1.1 v1.2 --format sarif", "[possible values: text, json, markdown, html]"),
    ] {
        let ran = run_line(line);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
    }
}
