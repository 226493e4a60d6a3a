//! The reports of `diff`, for a made-up result: a divergence of each kind, one that a reading permits,
//! vectors that pass, fail and are not run, and a homeserver whose texts try to inject markup.

use std::collections::BTreeSet;

use guest_access::diff::{
    AnswerClass, CallTarget, Cause, CellVerdict, Circumstances, ID_SCHEME, MatrixCell, NotRun,
    Query, ReadingTaken, ScenarioSummary,
};
use guest_access::permitted::DivergenceKind;
use guest_access::report::Run;
use guest_access::report::diff::{
    Baseline, DiffReport, DivergenceReport, Entry, ServerReport, html, jsonl, junit,
};
use guest_access::scenario::Scenario;

use crate::cli::wrapped;

/// A text of a homeserver that tries to inject a script.
const INJECTION: &str = "<script>alert('&\"]]>')</script>";

fn scenario(id: &str) -> Scenario {
    let text = format!(
        r#"{{"id": "{id}", "rules": "v1.16", "about": "", "clauses": [], "steps": [
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
        conflicts: Vec::new(),
        permitted: false,
        count: 3,
        seen_in: seen_in.iter().map(|id| (*id).to_owned()).collect(),
        scenario: scenario(id),
        reproduced: true,
        curl: None,
        known: None,
    }
}

fn ran(scenario: &str, decisions: usize, not_run: &[&str]) -> ScenarioSummary {
    let query = Query { step: "guest1 joins room1".to_owned(), by: "a guest".to_owned() };
    ScenarioSummary {
        scenario: scenario.to_owned(),
        is_vector: true,
        decisions,
        not_run: not_run.iter().map(|why| (*why).to_owned()).collect(),
        queries: if decisions > 0 { BTreeSet::from([query]) } else { BTreeSet::new() },
    }
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

fn report() -> DiffReport {
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
    DiffReport {
        server: ServerReport {
            url: "http://homeserver.example".to_owned(),
            name: Some(INJECTION.to_owned()),
            version: Some("1.0".to_owned()),
        },
        rules: "v1.16".to_owned(),
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
        divergences: vec![
            divergence("leak-join", DivergenceKind::Leak, "allow", &["gate", "rooms"]),
            divergence(
                "error-join",
                DivergenceKind::Error,
                &format!("deny 400 {INJECTION}"),
                &["rooms"],
            ),
            permitted,
        ],
        causes: vec![Cause {
            decision_point: "join.gate".to_owned(),
            option: "none".to_owned(),
            means: "There is no gate.".to_owned(),
            explains: 6,
            permitted: false,
            reading: None,
            clauses: vec!["GA-22".to_owned()],
        }],
        unexplained: 1,
        not_run: vec![NotRun {
            scenario: "absent".to_owned(),
            step: None,
            with_it: 0,
            because: format!("it cannot be set up: {INJECTION}"),
            count: 1,
        }],
        ran: vec![
            ran("rooms", 200, &["the server is restarted: it cannot be asked for over HTTP"]),
            ran("gate", 20, &[]),
            ran("open", 101, &[]),
            ran("absent", 0, &["it cannot be set up"]),
        ],
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

fn baseline(entries: &[(&str, &[&str])]) -> Baseline {
    let entry = |(id, vectors): &(&str, &[&str])| Entry {
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
        rules: "v1.16".to_owned(),
        ids: ID_SCHEME,
        known: entries.iter().map(entry).collect(),
    }
}

/// The report compared with a baseline. The run selects every vector but `left-out`.
fn compared_with(baseline: &Baseline) -> DiffReport {
    let mut report = report();
    report.compare_with(baseline, |id| id != "left-out");
    report
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
    assert!(jsonl(&report).unwrap().contains(r#"{"Action":"fail","Test":"v1.16/open"}"#));
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
    let written = Baseline::of(&report(), Some(&before), |_| true);
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
    assert_eq!(Baseline::parse(path, &text, "v1.16").unwrap(), written);
    insta::assert_snapshot!(text);
}

#[test]
fn the_json_has_its_documented_form() {
    let report = compared_with(&baseline(&[("leak-join", &["gate"]), ("leak-old", &["open"])]));
    insta::assert_json_snapshot!(report);
}
