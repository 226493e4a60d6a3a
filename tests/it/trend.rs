//! `trend`: saved reports of `diff` side by side.
//!
//! The reports in `tests/it/trend` are reports of `diff` with the scenarios of `tests/it/trend/scenarios`
//! about `serve` with defects, without the fields that `trend` does not read.
//!
//! | version | defects besides `revocation.trigger=forbidden_only` | changed by hand |
//! |---|---|---|
//! | 1.0 | `join.gate=none`, `whoami.is_guest=never` | |
//! | 1.1 | `upgrade.old_token=kept_as_guest`, `whoami.is_guest=never` | |
//! | 1.2 | | the homeserver broke off after two scenarios |
//! | 1.3 | `revocation.effect=ban` | the defect is not named as a cause |

use std::path::PathBuf;

use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use serde_json::Value;

use crate::cli::{Folder, Ran, run, wrapped};

/// The reports of the versions 1.0 to 1.3 of a homeserver.
pub(crate) const REPORTS: [&str; 4] = [
    "tests/it/trend/1.0.json",
    "tests/it/trend/1.1.json",
    "tests/it/trend/1.2.json",
    "tests/it/trend/1.3.json",
];

/// The folder of the scenarios that the reports are about.
const SCENARIOS: &str = "tests/it/trend/scenarios";

fn trend(reports: &[&str], format: &str) -> Ran {
    run(["trend", "--format", format].iter().chain(reports))
}

#[test]
fn the_text_has_one_table_of_causes_and_divergences() {
    let ran = trend(&REPORTS, "text");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    insta::assert_snapshot!(wrapped(&ran.out));
}

#[test]
fn the_json_has_its_documented_form() {
    let ran = trend(&REPORTS, "json");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    insta::assert_json_snapshot!(ran.stable_json());
}

#[test]
fn the_page_has_the_whole_report() {
    let page = trend(&REPORTS, "html").out;
    // The style sheet and the record of the run are no parts of the snapshot.
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let (after, _) = after.split_once("<footer>").unwrap();
    let page = format!("{before}<style></style>{after}").replace("><", ">\n<");
    insta::assert_snapshot!(wrapped(&page));
}

#[test]
fn the_page_escapes_every_text_and_loads_no_other_resource() {
    let injection = "<script>alert('&\"')</script>";
    let folder = Folder::new();
    let mut report = saved(REPORTS[0]);
    report["server"]["name"] = injection.into();
    for list in ["divergences", "causes"] {
        for one in report[list].as_array_mut().unwrap() {
            for (key, value) in one.as_object_mut().unwrap() {
                if value.is_string() && key != "kind" {
                    *value = injection.into();
                }
            }
        }
    }
    report["broken_off"] = injection.into();
    let path = folder.file("a.json", report.to_string()).display().to_string();
    let page = trend(&[&path, REPORTS[1]], "html").out;
    assert!(page.matches("&lt;script&gt;").count() >= 8, "{page}");
    for fetches in ["<script", "src=", "<link", "@import", "url(", "<iframe"] {
        assert!(!page.contains(fetches), "{fetches}: {page}");
    }
}

/// The saved report at this path.
fn saved(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs the matching scenarios on the reference, with or without a defect, and saves the report.
fn save(folder: &Folder, name: &str, defect: Option<&str>, only: &str) -> String {
    let rules = Rules::find("latest").unwrap();
    let profile = match defect {
        Some(id) => variant::find(&rules, id).unwrap().profile,
        None => rules.profile(),
    };
    let server = Embedded::start(profile).unwrap();
    let path = folder.path(name).display().to_string();
    let url = server.url();
    let what = ["diff", "--quiet", "--server", &url, "--scenarios", SCENARIOS, "--only", only];
    let to = ["--format", "json", "--output", &path];
    let ran = run(what.iter().chain(&to));
    assert_eq!(ran.code, Some(i32::from(defect.is_some())), "{ran:?}");
    path
}

/// The changes of all rows of this list, each once.
fn changes(report: &Value, list: &str) -> Vec<String> {
    let rows = report[list].as_array().unwrap().iter();
    let mut changes: Vec<_> = rows.map(|row| row["change"].as_str().unwrap().to_owned()).collect();
    changes.dedup();
    changes
}

#[test]
fn a_defect_that_is_mended_went_and_one_that_is_made_came() {
    let folder = Folder::new();
    let before = save(&folder, "before.json", Some("join.gate=none"), "*");
    let after = save(&folder, "after.json", None, "*");
    for (reports, change) in [
        (&[&before, &after][..], "went"),
        (&[&after, &before], "came"),
        (&[&before, &before], "stayed"),
        (&[&after, &before, &after], "came_and_went"),
    ] {
        let reports: Vec<_> = reports.iter().map(|path| path.as_str()).collect();
        let ran = trend(&reports, "json");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let report = ran.json();
        assert_eq!(report["causes"][0]["decision_point"], "join.gate");
        for list in ["causes", "divergences"] {
            assert_eq!(changes(&report, list), [change], "{report:#}");
        }
    }
    // The reference states no name, so the files name the columns.
    let report = trend(&[&before, &after], "json").json();
    assert_eq!(report["reports"][0]["label"], "before.json");
    assert_eq!(report["reports"][1]["label"], "after.json");
}

#[test]
fn vectors_that_were_not_run_show_no_absence() {
    let folder = Folder::new();
    let before = save(&folder, "before.json", Some("join.gate=none"), "*");
    let others = save(&folder, "others.json", None, "identity");
    let ran = trend(&[&before, &others], "json");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["complete"], false);
    assert_eq!(report["reports"][1]["complete"], true);
    for list in ["causes", "divergences"] {
        assert_eq!(changes(&report, list), ["not_known"], "{report:#}");
    }
    let because = report["divergences"][0]["reports"][1]["because"].as_str().unwrap();
    assert_eq!(because, "vector `closed-room` was not run");
    let text = trend(&[&before, &others], "text").out;
    assert!(
        text.ends_with("\n  others.json: vector `closed-room` was not run (1 divergence)\n"),
        "{text}"
    );
}

#[test]
fn a_divergence_that_changed_otherwise_than_its_cause_has_a_row() {
    let folder = Folder::new();
    let before = saved(REPORTS[0]);
    let mut after = before.clone();
    let mut another = before["divergences"][0].clone();
    assert_eq!(another["decision_point"], "join.gate");
    another["id"] = "leak-another".into();
    after["divergences"].as_array_mut().unwrap().push(another);
    let after = folder.file("after.json", after.to_string()).display().to_string();
    let ran = trend(&[REPORTS[0], &after], "text");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let row = |begin: &str| {
        let line = ran.out.lines().find(|line| line.trim_start().starts_with(begin)).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    let cause = row("as if `join.gate`");
    assert_eq!(cause[1..], ["1 divergence", "2 divergences"]);
    let divergence = row("leak-another");
    assert!(divergence[0].ends_with("(came)"), "{divergence:?}");
    assert_eq!(divergence[1..], ["absent", "present"]);
    assert!(!ran.out.contains("leak-join-"), "the row of the cause stands for it: {ran:?}");
}

#[test]
fn reports_without_divergences_are_told_apart_from_unknown_ones() {
    let folder = Folder::new();
    let clean = |complete: bool| {
        let mut report = saved(REPORTS[0]);
        report["divergences"] = Value::Array(Vec::new());
        report["causes"] = Value::Array(Vec::new());
        report["complete"] = complete.into();
        let name = format!("{complete}.json");
        folder.file(&name, report.to_string()).display().to_string()
    };
    let (whole, stopped) = (clean(true), clean(false));
    let ran = trend(&[&whole, &whole], "text");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.ends_with("\nno divergence in any report\n"), "{ran:?}");
    let ran = trend(&[&whole, &stopped], "text");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.ends_with("\nno divergence in what the reports compared\n"), "{ran:?}");
    assert!(ran.out.contains("incomplete: the time limit ended the run"), "{ran:?}");
}

#[test]
fn reports_that_cannot_be_compared_are_refused() {
    let folder = Folder::new();
    let other = |name: &str, key: &str, value: Value| -> PathBuf {
        let mut report = saved(REPORTS[0]);
        report[key] = value;
        folder.file(name, report.to_string())
    };
    let files = [
        other("rules.json", "rules", "v1.2".into()),
        other("ids.json", "ids", 1.into()),
        folder.file("text.json", "a text"),
        folder.file("part.json", "{\n\"rules\": \"v1.16\"\n}"),
        folder.path("none.json"),
    ];
    let mut messages = String::new();
    for file in files {
        let ran = trend(&[REPORTS[0], &file.display().to_string()], "text");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        messages += &folder.without_path(&ran.err);
    }
    let ran = trend(&[REPORTS[0]], "text");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    messages += ran.err.split_once("\n\n").unwrap().0;
    insta::assert_snapshot!(wrapped(&messages));
}
