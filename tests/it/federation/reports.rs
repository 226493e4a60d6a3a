//! The reports of `diff --federated`, and what is done with them later.

use std::fs;

use crate::cli::run_line;

use super::faults::target;

const DEFECT: &str = "diff --federated --quiet --only revocation-from-elsewhere \
                      --only revocation-at-home --defect revocation.from=own_users";

#[test]
fn a_replay_shows_each_divergence_again_or_that_it_is_fixed() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let report = report.display();
    let ran = run_line(&format!("{DEFECT} --format json --output {report}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let again = run_line(&format!("diff --federated --replay {report} --format json --quiet"));
    assert_eq!(again.code, Some(1), "{again:?}");
    let again = again.json();
    let number = again["divergences"].as_array().unwrap().len();
    assert!(number > 1, "{again}");
    assert_eq!(again["still_there"], number);
    // The same on a reference without the mistake.
    let target = target(0);
    let fixed = run_line(&format!(
        "diff --federated --replay {report} --server {} --federation-url {} --settle 200ms --quiet",
        target.clients.url(),
        target.servers.url()
    ));
    assert_eq!(fixed.code, Some(0), "{fixed:?}");
    assert!(fixed.out.contains(&format!("{number} fixed")), "{}", fixed.out);
}

#[test]
fn a_baseline_accepts_what_it_lists_and_fails_when_stale() {
    let folder = tempfile::tempdir().unwrap();
    let baseline = folder.path().join("known.toml");
    let baseline = baseline.display();
    let ran = run_line(&format!("{DEFECT} --write-baseline {baseline}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = run_line(&format!("{DEFECT} --baseline {baseline}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("no divergence outside the baseline"), "{}", ran.out);
    let mended = "diff --federated --quiet --only revocation-from-elsewhere";
    let ran = run_line(&format!("{mended} --baseline {baseline}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("stale"), "{}", ran.out);
    // A scenario that was not selected leaves the question open.
    let other = "diff --federated --quiet --only opening-rejected";
    let ran = run_line(&format!("{other} --baseline {baseline}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("not run"), "{}", ran.out);
}

#[test]
fn a_page_and_junit_name_each_divergence() {
    let folder = tempfile::tempdir().unwrap();
    let (html, junit) = (folder.path().join("page.html"), folder.path().join("junit.xml"));
    let also = format!("--also html={} --also junit={}", html.display(), junit.display());
    let ran = run_line(&format!("{DEFECT} {also} --format json"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let (page, xml) = (fs::read_to_string(html).unwrap(), fs::read_to_string(junit).unwrap());
    let report = ran.json();
    for divergence in report["divergences"].as_array().unwrap() {
        let id = divergence["id"].as_str().unwrap();
        assert!(page.contains(id) && xml.contains(id), "{id}");
    }
    assert!(!page.contains("<script"));
    // One of the two scenarios fails: the other one has no event from elsewhere.
    assert!(xml.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{xml}");
}

#[test]
fn a_report_of_something_else_is_no_federated_report() {
    let ran = run_line("diff --federated --replay schema/scenario.json");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("schema/scenario.json:"), "{}", ran.err);
}

#[test]
fn rooms_of_version_12_need_a_homeserver_that_has_them() {
    let ran = run_line("diff --federated --room-version 12 --quiet");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("no rooms of version 12"), "{}", ran.err);
    let line =
        "diff --federated --room-version 10 --quiet --only re*-at-home --only redaction-from*";
    assert_eq!(run_line(line).code, Some(0));
}
