//! `rules`: the revisions, and one of them in full.

use crate::cli::{run_line, wrapped};

#[test]
fn the_list_says_what_each_revision_changed() {
    let ran = run_line("rules");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(wrapped(&ran.text()));
}

#[test]
fn one_revision_is_shown_in_full() {
    let ran = run_line("rules latest");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(wrapped(&ran.text()));
}

#[test]
fn the_json_has_the_standing_of_every_point() {
    let revision = run_line("rules latest --format json").json();
    let point = revision["points"]
        .as_array()
        .unwrap()
        .iter()
        .find(|point| point["id"] == "revocation.trigger")
        .unwrap();
    insta::assert_json_snapshot!(point);
}
