//! `history`: every revision, every guarantee.

use std::collections::BTreeSet;

use guest_access_rules::rules::Rules;

use crate::cli::run_line;

#[test]
fn the_table_says_what_is_promised_and_what_is_kept() {
    let ran = run_line("history");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.text());
}

#[test]
fn what_is_promised_is_what_check_holds_the_revision_to() {
    let history = run_line("history --format json --max-states 10").json();
    for rules in Rules::published() {
        let promised: BTreeSet<_> = history["guarantees"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|guarantee| {
                let fates = guarantee["revisions"].as_array().unwrap();
                fates.iter().any(|f| f["rules"] == rules.id.as_str() && f["promise"] == "promised")
            })
            .map(|guarantee| guarantee["id"].as_str().unwrap().to_owned())
            .collect();
        let line = format!("check {} --guests 2 --max-states 10 --format json", rules.id);
        let checked: BTreeSet<_> = run_line(&line).json()["properties"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|property| property["promised"] == true && property["id"] != "agreement")
            .map(|property| property["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(promised, checked, "{}", rules.id);
    }
}
