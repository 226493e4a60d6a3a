//! The page of each revision in `spec-notes/revisions/` agrees with the rules of the revision.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use guest_access_rules::rules::Rules;

type Promises = BTreeMap<String, Vec<String>>;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec-notes/revisions")
}

fn promises(rules: &Rules) -> Promises {
    let promised = rules.promises.iter();
    promised.map(|(guarantee, clauses)| (guarantee.get().id.to_owned(), clauses.clone())).collect()
}

/// The promises that a page lists.
fn listed_promises(page: &str) -> Promises {
    let (_, after) = page.split_once("## What it promises\n").unwrap();
    let (section, _) = after.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split_once("` | ").unwrap());
    cells
        .map(|(guarantee, clauses)| {
            (guarantee.to_owned(), clauses.split(", ").map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn every_revision_has_a_page() {
    let pages: BTreeSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let revisions = Rules::published();
    assert_eq!(pages, revisions.iter().map(|rules| format!("{}.md", rules.id)).collect());
}

#[test]
fn a_page_lists_new_promises_and_changed_clauses() {
    let mut before = Promises::new();
    for rules in Rules::published() {
        let page = std::fs::read_to_string(folder().join(format!("{}.md", rules.id))).unwrap();
        let now = promises(&rules);
        let listed = listed_promises(&page);
        for (guarantee, clauses) in &listed {
            assert_eq!(now.get(guarantee), Some(clauses), "{}: {guarantee}", rules.id);
        }
        let missing: Vec<_> = now
            .iter()
            .filter(|(guarantee, clauses)| {
                before.get(*guarantee) != Some(*clauses) && !listed.contains_key(*guarantee)
            })
            .collect();
        assert!(missing.is_empty(), "{}: the page does not list {missing:?}", rules.id);
        before = now;
    }
}
