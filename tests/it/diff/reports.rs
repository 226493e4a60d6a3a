//! The reports of `diff`, for a made-up result. The result has a divergence of each kind, one that a
//! reading permits, and vectors that pass, fail and are not run. The texts of its homeserver try to
//! inject markup.

use std::collections::BTreeSet;

use guest_access::diff::{
    AnswerClass, CallTarget, Cause, CellVerdict, Circumstances, ID_SCHEME, MatrixCell, NotCompared,
    NotComparedReason, NotComparedTotal, NotRun, Query, ReadingTaken, ScenarioSummary,
};
use guest_access::report::Run;
use guest_access::report::diff::{
    Baseline, BaselineEntry, DiffReport, DivergenceReport, ServerReport, defects, html, jsonl,
    junit,
};
use guest_access::subject::server::NotRunKind;
use guest_access_scenarios::permitted::DivergenceKind;
use guest_access_scenarios::scenario::Scenario;

use crate::cli::wrapped;

/// A text of a homeserver that tries to inject a script.
pub(super) const INJECTION: &str = "<script>alert('&\"]]>')</script>";

fn scenario(id: &str) -> Scenario {
    let text = format!(
        r#"{{"id": "{id}", "rules": "v1.17", "about": "", "clauses": [], "steps": [
            {{"as": "guest1", "do": "register as guest", "expect": {{"verdict": "allow"}}}},
            {{"as": "guest1", "do": "join", "room": "room1",
              "expect": {{"verdict": "deny", "status": 403, "errcode": "M_GUEST_ACCESS_FORBIDDEN"}}}}
        ]}}"#
    );
    Scenario::parse("a.json", &text).unwrap()
}

fn divergence(
    id: &str,
    kind: DivergenceKind,
    observed: &str,
    seen_in: &[&str],
) -> DivergenceReport {
    DivergenceReport {
        id: id.to_owned(),
        kind,
        decision_point: Some("join.gate".to_owned()),
        option: Some("none".to_owned()),
        endpoint: Some("POST /rooms/{roomId}/join".to_owned()),
        step: "guest1 joins room1".to_owned(),
        by: "a guest",
        expected: "deny 403 M_GUEST_ACCESS_FORBIDDEN".to_owned(),
        observed: observed.to_owned(),
        because: "the room's guest access is not `can_join`",
        clauses: vec!["GA-22".to_owned()],
        readings: Vec::new(),
        contrasts: Vec::new(),
        conflicts: Vec::new(),
        permitted: false,
        count: 3,
        seen_in: seen_in.iter().map(|id| (*id).to_owned()).collect(),
        scenario: scenario(id),
        sent_by: None,
        reproduced: true,
        curl: None,
        known: None,
    }
}

/// The summary of a scenario with a reason why steps were not run, and the number of decisions that a
/// failure kept from being compared.
fn ran(
    scenario: &str,
    decisions: usize,
    not_run: Option<(NotRunKind, &str)>,
    not_compared: usize,
) -> ScenarioSummary {
    let query = Query { step: "guest1 joins room1".to_owned(), by: "a guest".to_owned() };
    ScenarioSummary {
        scenario: scenario.to_owned(),
        is_vector: true,
        decisions,
        not_run: not_run.iter().map(|(_, why)| (*why).to_owned()).collect(),
        not_run_kinds: not_run.iter().map(|(kind, _)| *kind).collect(),
        not_compared,
        queries: if decisions > 0 { BTreeSet::from([query]) } else { BTreeSet::new() },
    }
}

const NOT_OVER_HTTP: &str = "it cannot be asked for over HTTP";

/// Decisions that were not compared in one scenario, for one reason.
fn total(kind: NotRunKind, decisions: usize, because: &str) -> NotComparedTotal {
    let because = because.to_owned();
    let reasons = vec![NotComparedReason { kind, because, decisions }];
    NotComparedTotal { decisions, scenarios: 1, reasons }
}

/// The report after a failure: `absent` could not be set up, and `gate` was not compared to its end.
pub(super) fn failed_report() -> DiffReport {
    let mut report = report();
    let because = format!("it cannot be set up: {INJECTION}");
    let entry = |scenario: &str, decisions| NotRun {
        scenario: scenario.to_owned(),
        step: None,
        endpoint: None,
        with_it: decisions,
        kind: NotRunKind::SetUp,
        failure: true,
        because: because.clone(),
        count: 1,
        decisions,
    };
    report.not_run.extend([entry("absent", 40), entry("gate", 7)]);
    let mut failed = total(NotRunKind::SetUp, 47, &because);
    failed.scenarios = 2;
    for number in 1..=4 {
        let reason = total(NotRunKind::Timeout, 1, &format!("call {number} was not answered"));
        failed.reasons.extend(reason.reasons);
    }
    report.not_compared.failed = failed;
    report.ran[1] = ran("gate", 20, Some((NotRunKind::SetUp, INJECTION)), 7);
    report.ran[3] = ran("absent", 0, Some((NotRunKind::SetUp, INJECTION)), 40);
    report
}

fn matrix_cell(
    by: &str,
    visibility: &'static str,
    observed: AnswerClass,
    verdict: CellVerdict,
) -> MatrixCell {
    MatrixCell {
        class: Circumstances {
            operation: "joins room1".to_owned(),
            by: by.to_owned(),
            place: CallTarget::Room,
            membership: Some("leave"),
            history_visibility: Some(visibility),
            guest_access: Some("forbidden"),
        },
        expected: AnswerClass::Denied,
        observed,
        verdict,
        count: 2,
    }
}

pub(super) fn report() -> DiffReport {
    let permitted = DivergenceReport {
        permitted: true,
        decision_point: None,
        option: None,
        readings: vec![ReadingTaken {
            reading: Some("A12".to_owned()),
            decision_point: "visibility.evaluated_at".to_owned(),
            option: "now".to_owned(),
        }],
        ..divergence("leak-permitted", DivergenceKind::Leak, "allow, gives e1", &["open"])
    };
    let divergences = vec![
        divergence("leak-join", DivergenceKind::Leak, "allow", &["gate", "rooms"]),
        divergence(
            "error-join",
            DivergenceKind::Error,
            &format!("deny 400 {INJECTION}"),
            &["rooms"],
        ),
        permitted,
    ];
    DiffReport {
        defects: defects(divergences.iter().filter(|divergence| !divergence.permitted)),
        server: ServerReport {
            url: "http://homeserver.example".to_owned(),
            name: Some(INJECTION.to_owned()),
            version: Some("1.0".to_owned()),
        },
        rules: "v1.17".to_owned(),
        older_release: None,
        requests: 1234,
        decisions: 321,
        scenarios: 4,
        scenarios_run: 3,
        seconds: 0.0,
        waiting_seconds: 0.0,
        rate_limited: 0,
        complete: true,
        broken_off: None,
        strict: false,
        ids: ID_SCHEME,
        divergences,
        causes: vec![Cause {
            decision_point: "join.gate".to_owned(),
            option: "none".to_owned(),
            means: "There is no gate.".to_owned(),
            explains: 6,
            rivals: Vec::new(),
            permitted: false,
            reading: None,
            clauses: vec!["GA-22".to_owned()],
        }],
        unexplained: 1,
        not_run: vec![NotRun {
            scenario: "rooms".to_owned(),
            step: Some(INJECTION.to_owned()),
            endpoint: Some("GET /sync".to_owned()),
            with_it: 2,
            kind: NotRunKind::NotOverHttp,
            failure: false,
            because: NOT_OVER_HTTP.to_owned(),
            count: 1,
            decisions: 3,
        }],
        not_compared: NotCompared {
            failed: NotComparedTotal::default(),
            permitted: total(NotRunKind::NotOverHttp, 3, NOT_OVER_HTTP),
        },
        ran: vec![
            ran("rooms", 200, Some((NotRunKind::NotOverHttp, NOT_OVER_HTTP)), 0),
            ran("gate", 20, None, 0),
            ran("open", 101, None, 0),
            ran("absent", 0, Some((NotRunKind::NotImplemented, "it cannot be set up")), 0),
        ],
        coverage: Vec::new(),
        matrix: vec![
            matrix_cell(
                "a guest",
                "shared",
                AnswerClass::Allowed,
                CellVerdict::Diverges(DivergenceKind::Leak),
            ),
            matrix_cell("a guest", "joined", AnswerClass::Allowed, CellVerdict::Permitted),
            matrix_cell("a former guest", "shared", AnswerClass::Denied, CellVerdict::AsExpected),
        ],
        baseline: None,
        run: Run {
            command: "guest-access diff".to_owned(),
            version: "0.0.0",
            seed: None,
            rules_sha256: "00".to_owned(),
            started: "then".to_owned(),
        },
    }
}

pub(super) fn baseline(entries: &[(&str, &[&str])]) -> Baseline {
    let entry = |(id, vectors): &(&str, &[&str])| BaselineEntry {
        id: (*id).to_owned(),
        reason: format!("a reason for {id}"),
        link: "https://tracker.example/1".to_owned(),
        step: "guest1 joins room1".to_owned(),
        by: "a guest".to_owned(),
        expected: "deny".to_owned(),
        observed: "allow".to_owned(),
        vectors: vectors.iter().map(|id| (*id).to_owned()).collect(),
    };
    Baseline {
        rules: "v1.17".to_owned(),
        ids: ID_SCHEME,
        known: entries.iter().map(entry).collect(),
    }
}

/// The report compared with a baseline. The run selects every vector but `left-out`.
pub(super) fn compared_with(baseline: &Baseline) -> DiffReport {
    let mut report = report();
    report.compare_with(baseline, |id| id != "left-out");
    report
}

/// The first line of the verdict in the text.
fn verdict(report: &DiffReport) -> String {
    let text = anstream::adapter::strip_str(&report.to_string()).to_string();
    text.lines().nth(3).unwrap().to_owned()
}

#[test]
fn after_a_failure_no_report_says_that_there_is_no_divergence() {
    let mut report = failed_report();
    report.divergences.clear();
    assert!(!report.fails() && !report.is_whole());
    let says = "47 decisions in 2 of 4 scenarios were not compared";
    assert_eq!(verdict(&report), format!("no verdict: {says}; no divergence in the rest"));
    let text = report.to_string();
    assert!(text.contains("  not compared: it cannot be set up: "), "{text}");
    assert!(text.contains("  not compared: for 2 other reasons\n"), "{text}");
    let page = html(&report);
    assert!(page.contains(says) && page.contains("no verdict"), "{page}");
    assert!(!page.contains("no divergence"), "{page}");
    let xml = junit(&report).unwrap();
    assert!(xml.contains(r#"errors="2""#), "{xml}");
    assert!(xml.contains("40 decisions not compared: "), "{xml}");
    let lines = jsonl(&report).unwrap();
    assert!(lines.contains(r#"{"Action":"skip","Test":"v1.17/gate"}"#), "{lines}");
}

#[test]
fn a_divergence_is_reported_beside_missing_comparisons() {
    let mut report = failed_report();
    assert!(report.fails());
    let says = "47 decisions in 2 of 4 scenarios were not compared";
    let permitted = "and 1 that another reading permits";
    assert_eq!(verdict(&report), format!("1 leak, 1 error; {says}, {permitted}"));
    // A baseline hides no failure.
    let known = baseline(&[("leak-join", &["gate"]), ("error-join", &["rooms"])]);
    report.compare_with(&known, |_| true);
    assert!(!report.fails() && !report.is_whole());
    let text = verdict(&report);
    assert!(text.contains(says), "{text}");
    assert!(text.contains("no divergence in the rest outside the baseline, 2 known"), "{text}");
    assert!(html(&report).contains(says));
}

#[test]
fn decisions_that_need_not_be_compared_are_counted() {
    let mut report = report();
    report.divergences.clear();
    assert!(report.is_whole());
    assert_eq!(verdict(&report), "no divergence");
    let says = format!("as is permitted: 3 decisions in 1 scenario: {NOT_OVER_HTTP} (3 decisions)");
    assert!(report.to_string().contains(&says), "{report}");
    assert!(html(&report).contains(&says));
}

#[test]
fn the_text_has_the_worst_divergence_first() {
    insta::assert_snapshot!(anstream::adapter::strip_str(&report().to_string()).to_string());
}

#[test]
fn junit_has_a_case_for_each_vector() {
    insta::assert_snapshot!(junit(&report()).unwrap());
}

#[test]
fn the_json_lines_have_each_vector_in_order() {
    insta::assert_snapshot!(jsonl(&report()).unwrap());
}

#[test]
fn the_page_has_the_whole_report() {
    let page = html(&report());
    // The style sheet is no part of the snapshot.
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let page = format!("{before}<style></style>{after}").replace("><", ">\n<");
    insta::assert_snapshot!(wrapped(&page));
}

#[test]
fn every_report_escapes_the_text_of_a_homeserver() {
    let mut report = report();
    report.divergences[0].curl = Some(format!("#!/bin/sh\n# {INJECTION}"));
    report.divergences[0].step = INJECTION.to_owned();
    report.matrix[0].class.operation = INJECTION.to_owned();
    report.broken_off = Some(INJECTION.to_owned());
    let page = html(&report);
    assert!(!page.contains("<script"), "{page}");
    assert!(page.matches("&lt;script&gt;").count() >= 8, "{page}");
    let xml = junit(&report).unwrap();
    assert!(!xml.contains("<script"), "{xml}");
    let lines = jsonl(&report).unwrap();
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn the_page_loads_no_other_resource() {
    let mut report = compared_with(&baseline(&[("leak-join", &["gate"])]));
    let page = html(&report);
    for fetches in ["src=", "<link", "@import", "url(", "<iframe", "<script"] {
        assert!(!page.contains(fetches), "{fetches}");
    }
    // Only HTTP links of the baseline become links of the page.
    assert!(page.contains("href=\"https://tracker.example/1\""), "{page}");
    let known = report.divergences[0].known.as_mut().unwrap();
    known.link = "javascript:alert(1)".to_owned();
    assert!(!html(&report).contains("href=\"javascript"));
}

#[test]
fn known_divergences_pass_and_others_fail() {
    assert!(report().fails());
    let one = compared_with(&baseline(&[("leak-join", &["gate"])]));
    assert!(one.fails(), "the other is new");
    let both = compared_with(&baseline(&[("leak-join", &["gate"]), ("error-join", &["rooms"])]));
    assert!(!both.fails());
    assert_eq!(both.baseline.as_ref().unwrap().known, 2);
    let text = both.to_string();
    assert!(
        text.contains("known:          a reason for leak-join (https://tracker.example/1)"),
        "{text}"
    );
    let xml = junit(&both).unwrap();
    assert!(xml.contains(r#"failures="0""#) && !xml.contains("<failure"), "{xml}");
    // The JSON Lines do not depend on the baseline.
    assert_eq!(jsonl(&both).unwrap(), jsonl(&report()).unwrap());
}

#[test]
fn a_strict_run_needs_permitted_divergences_in_the_baseline() {
    let mut report =
        compared_with(&baseline(&[("leak-join", &["gate"]), ("error-join", &["rooms"])]));
    report.strict = true;
    assert!(report.fails());
    assert!(jsonl(&report).unwrap().contains(r#"{"Action":"fail","Test":"v1.17/open"}"#));
}

const LISTED: [(&str, &[&str]); 2] = [("leak-join", &["gate"]), ("error-join", &["rooms"])];

#[test]
fn a_stale_entry_fails_by_its_id() {
    let [one, other] = LISTED;
    // `open` made the same query again, and `gone` is no longer a vector.
    let stale = compared_with(&baseline(&[one, other, ("leak-old", &["open"])]));
    assert!(stale.fails());
    let gone = compared_with(&baseline(&[one, other, ("leak-old", &["gone"])]));
    assert!(gone.fails());
    for report in [&stale, &gone] {
        assert_eq!(report.baseline.as_ref().unwrap().stale[0].id, "leak-old");
        assert!(report.to_string().contains("no longer occurs"), "{report}");
        assert!(html(report).contains("<code>leak-old</code>"));
        let xml = junit(report).unwrap();
        assert!(xml.contains(r#"<testcase name="leak-old""#) && xml.contains("<failure"), "{xml}");
    }
}

#[test]
fn an_entry_that_was_not_run_is_reported_and_passes() {
    let [one, other] = LISTED;
    let cases: [&[&str]; 4] = [&["absent"], &["left-out"], &["open", "absent"], &[]];
    for vectors in cases {
        let report = compared_with(&baseline(&[one, other, ("leak-old", vectors)]));
        assert!(!report.fails(), "{vectors:?}");
        let found = report.baseline.as_ref().unwrap();
        assert!(found.stale.is_empty(), "{vectors:?}");
        assert_eq!(found.not_run[0].id, "leak-old", "{vectors:?}");
        let text = report.to_string();
        assert!(text.contains("Known, and not run") && text.contains("leak-old"), "{text}");
        assert!(junit(&report).unwrap().contains("<skipped"));
    }
}

#[test]
fn a_rewritten_baseline_keeps_reasons_and_links() {
    let before = baseline(&[
        ("leak-join", &["gate"]),
        ("leak-stale", &["open"]),
        ("leak-unrun", &["absent"]),
    ]);
    let written = Baseline::of(&report().found(), Some(&before), |_| true);
    let entries: Vec<_> =
        written.known.iter().map(|e| (e.id.as_str(), e.reason.as_str())).collect();
    assert_eq!(
        entries,
        [
            ("error-join", ""),
            ("leak-join", "a reason for leak-join"),
            ("leak-unrun", "a reason for leak-unrun"),
        ]
    );
    assert!(!compared_with(&written).fails());
    let text = written.to_toml().unwrap();
    let path = std::path::Path::new("known.toml");
    assert_eq!(Baseline::parse(path, &text, "v1.17").unwrap(), written);
    insta::assert_snapshot!(text);
}

#[test]
fn the_json_has_its_documented_form() {
    let report = compared_with(&baseline(&[("leak-join", &["gate"]), ("leak-old", &["open"])]));
    insta::assert_json_snapshot!(report);
}
