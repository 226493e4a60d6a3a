//! `check --against`: only what changed between the verdicts on two rules.

use crate::cli::run_line;

#[test]
fn only_a_changed_verdict_is_reported_with_its_trace() {
    let line = "check examples/proposals/no-kick.toml --against v1.16 --guests 1 --quiet --property revocation --property lasting_guests";
    let ran = run_line(line);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.text());
    let report = run_line(&format!("{line} --format json")).json();
    assert_eq!((&report["rules"], &report["against"]), (&"no-kick".into(), &"v1.16".into()));
    assert_eq!(report["unchanged"], 1, "{report}");
    let changes = report["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{report}");
    assert_eq!(changes[0]["id"], "revocation");
    assert_eq!(changes[0]["before"]["status"], "holds");
    assert_eq!(changes[0]["after"]["status"], "violated");
    assert!(changes[0]["after"]["counterexample"]["steps"].is_array(), "{report}");
}

#[test]
fn the_exit_code_is_that_of_the_checked_rules() {
    let line = "--guests 1 --quiet --property no_retroactive_exposure";
    // The draft breaks the guarantee, and r0.0.0 keeps it.
    let ran = run_line(&format!("check r0.0.0 --against draft-2015-11-05 {line}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("1 guarantee has another verdict"), "{ran:?}");
    let ran = run_line(&format!("check draft-2015-11-05 --against draft-2015-11-05 {line}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("no verdict changed"), "{ran:?}");
}

#[test]
fn the_rules_are_named_as_the_user_names_them() {
    let ran = run_line("check latest --against v1.18 --guests 1 --quiet --property lasting_guests");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.starts_with("latest, held against v1.18, 1 guest and 1 room\n"), "{ran:?}");
    let ran = run_line("compare v1.18 latest");
    assert!(
        ran.out.starts_with("by default, latest decides everything as v1.18 does\n"),
        "{ran:?}"
    );
}

#[test]
fn changes_are_written_as_text_or_json_alone() {
    for format in ["junit", "html", "markdown"] {
        let ran = run_line(&format!("check latest --against v1.16 --format {format}"));
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains("with `--against` the report is `text` or `json`"), "{ran:?}");
    }
}
