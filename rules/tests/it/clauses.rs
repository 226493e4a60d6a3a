//! Every clause leads to the code, and the code leads back to the clause.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use guest_access_rules::clause::{CLAUSES, Force, find};
use guest_access_rules::decision_point::{POINTS, Point};
use guest_access_rules::discipline::DISCIPLINE_POINTS;
use guest_access_rules::federation::FEDERATION_POINTS;
use guest_access_rules::rules::Rules;

const READINGS: &str = include_str!("../../../spec-notes/readings.md");
const BEYOND: &str = include_str!("../../../spec-notes/beyond-the-model.md");

/// The source files of all crates, each with its text.
fn sources() -> Vec<(PathBuf, String)> {
    fn visit(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for crate_root in [".", "../model", "../reference", "../scenarios", ".."] {
        visit(&root.join(crate_root).join("src"), &mut found);
    }
    found
}

fn is_an_id(text: &str) -> bool {
    let Some((family, number)) = text.split_once('-') else { return false };
    ["DR", "GA", "HV", "RP", "RG", "CS"].contains(&family)
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}

/// The comments of the form `// GA-22: …`: the file, the clause's id, and the text on one line.
fn clause_comments() -> Vec<(PathBuf, String, String)> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let comment = |line: &str| {
            let line = line.trim();
            let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//"))?;
            Some(text.strip_prefix(' ').unwrap_or(text).to_owned())
        };
        let lines: Vec<_> = text.lines().map(comment).collect();
        for (number, line) in lines.iter().enumerate() {
            let Some((id, rest)) = line.as_deref().and_then(|line| line.split_once(": ")) else {
                continue;
            };
            if !is_an_id(id) {
                continue;
            }
            let mut text = rest.to_owned();
            for line in lines[number + 1..].iter().map_while(Option::as_deref) {
                if text.ends_with('.') || line.is_empty() {
                    break;
                }
                text = format!("{text} {line}");
            }
            found.push((path.clone(), id.to_owned(), text));
        }
    }
    found
}

#[test]
fn a_clause_beside_the_code_says_what_the_table_says() {
    let comments = clause_comments();
    assert!(comments.len() > 50, "only {} clauses are cited", comments.len());
    for (path, id, text) in comments {
        let clause = find(&id).unwrap_or_else(|| panic!("{}: no clause {id}", path.display()));
        assert_eq!(text, clause.text, "{}: {id}", path.display());
    }
}

fn all_points() -> impl Iterator<Item = &'static Point> {
    POINTS.iter().chain(DISCIPLINE_POINTS).chain(FEDERATION_POINTS)
}

/// The clauses that a decision point, a rule for an endpoint or a promise names.
fn named_clauses() -> BTreeSet<String> {
    let mut named: BTreeSet<String> =
        all_points().flat_map(|point| point.clauses).map(|id| (*id).to_owned()).collect();
    for rules in Rules::published() {
        named.extend(rules.endpoints.iter().flat_map(|rule| rule.clauses.clone()));
        named.extend(rules.points.iter().flat_map(|rule| rule.clauses.clone()));
        named.extend(rules.promises.values().flatten().cloned());
        named.extend(rules.withdrawn.values().flat_map(|w| w.clauses.clone()));
    }
    named
}

fn beyond_the_model() -> BTreeSet<&'static str> {
    let ids = BEYOND.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    ids.filter(|id| is_an_id(id)).collect()
}

#[test]
fn a_clause_with_force_is_named_or_is_beyond_the_model() {
    let (named, beyond) = (named_clauses(), beyond_the_model());
    let missing: Vec<_> = CLAUSES
        .iter()
        .filter(|clause| clause.force != Force::Silent)
        .map(|clause| clause.id)
        .filter(|id| !named.contains(*id) && !beyond.contains(id))
        .collect();
    assert!(missing.is_empty(), "no decision point, guarantee or reason: {missing:?}");
    let both: Vec<_> = beyond.iter().filter(|id| named.contains(**id)).collect();
    assert!(both.is_empty(), "listed as beyond the model and named by the rules: {both:?}");
}

#[test]
fn nothing_names_a_clause_that_does_not_exist() {
    for id in named_clauses().iter().map(String::as_str).chain(beyond_the_model()) {
        assert!(find(id).is_some(), "{id}");
    }
    for (path, text) in sources() {
        for quoted in text.split('"').skip(1).step_by(2).filter(|quoted| is_an_id(quoted)) {
            assert!(find(quoted).is_some(), "{}: {quoted}", path.display());
        }
    }
}

#[test]
fn a_promise_rests_on_clauses_that_are_in_force() {
    let published = Rules::published();
    let place = |id: &str| published.iter().position(|rules| rules.id == id).unwrap();
    for (now, rules) in published.iter().enumerate() {
        let promised = rules.promises.values().flatten();
        let listed = rules.endpoints.iter().flat_map(|rule| &rule.clauses);
        for id in promised.chain(listed) {
            let clause = find(id).unwrap();
            let entered = clause.since.is_some_and(|since| place(since) <= now);
            let dropped = clause.until.is_some_and(|until| place(until) <= now);
            assert!(entered && !dropped, "{}: {id} is not in force", rules.id);
        }
    }
}

/// The numbers of all readings, and of the readings that the page says no rules file names.
fn readings() -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let ids = |text: &'static str, before, after| -> BTreeSet<&'static str> {
        let lines = text.lines().filter_map(move |line| line.strip_prefix(before));
        lines.map(|line: &str| line.split_once(after).unwrap().0).collect()
    };
    let (all, rest) = READINGS.split_once("## Readings that no rules file names").unwrap();
    let unnamed = rest.split_once("\n## ").unwrap().0;
    (ids(all, "| A", " |"), ids(unnamed, "- **A", "**"))
}

#[test]
fn a_reading_is_named_by_a_rules_file_or_explained() {
    let (all, unnamed) = readings();
    assert!(all.len() > 60 && unnamed.is_subset(&all));
    let named: BTreeSet<String> = Rules::published()
        .iter()
        .flat_map(|rules| {
            let of_points = rules.points.iter().filter_map(|rule| rule.reading.clone());
            let of_endpoints = rules
                .endpoints
                .iter()
                .filter_map(|rule| rule.may_be_open.as_ref().map(|may| may.reading.clone()));
            of_points.chain(of_endpoints).collect::<Vec<_>>()
        })
        .collect();
    let named: BTreeSet<&str> = named.iter().map(|id| id.strip_prefix('A').unwrap()).collect();
    let missing: Vec<_> = all.difference(&named).filter(|id| !unnamed.contains(*id)).collect();
    assert!(missing.is_empty(), "neither named by a rules file nor explained: {missing:?}");
    let both: Vec<_> = named.intersection(&unnamed).collect();
    assert!(both.is_empty(), "named, and listed as not named: {both:?}");
}
