//! The glossary agrees with the code: every name on a line exists, and every top-level module is listed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const GLOSSARY: &str = include_str!("../../docs/glossary.md");

/// The crates as the glossary calls them, each with its folder of sources.
const CRATES: [(&str, &str); 5] = [
    ("rules", "rules/src"),
    ("model", "model/src"),
    ("reference", "reference/src"),
    ("scenarios", "scenarios/src"),
    ("guest_access", "src"),
];

/// A line of the table.
struct Line {
    term: &'static str,
    /// The segments of the path, the crate first.
    place: Vec<&'static str>,
}

fn lines() -> Vec<Line> {
    let rows = GLOSSARY.lines().filter(|line| line.starts_with("| ") && line.contains("::"));
    let line = |row: &'static str| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [term, meaning, place] = cells[..] else { panic!("three cells are due in `{row}`") };
        assert!(!meaning.is_empty(), "{term} has no meaning");
        Line { term, place: place.trim_matches('`').split("::").collect() }
    };
    rows.map(line).collect()
}

fn sources(of: &str) -> PathBuf {
    let (_, folder) = CRATES.iter().find(|(name, _)| *name == of).expect("a crate of the table");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// Whether `text` declares an item of this name, by itself or within a macro of ours.
fn declares(text: &str, name: &str) -> bool {
    let kinds = ["struct", "enum", "trait", "type", "fn", "const", "static"];
    let by_keyword = |line: &str| {
        kinds.iter().any(|kind| {
            line.split_once(&format!("{kind} {name}")).is_some_and(|(_, rest)| {
                !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            })
        })
    };
    let by_macro =
        |line: &str| line.trim() == format!("{name} {{") || line.trim() == format!("{name},");
    text.lines().any(|line| by_keyword(line) || by_macro(line))
}

#[test]
fn every_place_of_the_glossary_exists() {
    for Line { term, place } in lines() {
        let (of, mut rest) = (place[0], &place[1..]);
        let mut file = sources(of).join("lib.rs");
        let mut folder = sources(of);
        while let Some((module, below)) = rest.split_first() {
            let path = folder.join(format!("{module}.rs"));
            if !path.is_file() {
                break;
            }
            (file, folder, rest) = (path, folder.join(module), below);
        }
        let text = std::fs::read_to_string(&file).unwrap();
        match rest {
            [] => assert!(!file.ends_with("lib.rs"), "{term}: {place:?} names no module"),
            [item] => assert!(declares(&text, item), "{term}: {} has no {item}", file.display()),
            _ => panic!("{term}: {place:?} leads nowhere"),
        }
    }
}

#[test]
fn the_terms_of_the_glossary_are_in_order_and_given_once() {
    let terms: Vec<_> = lines().into_iter().map(|line| line.term).collect();
    let mut sorted = terms.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(terms, sorted);
}

#[test]
fn every_top_level_module_is_in_the_glossary() {
    let lines = lines();
    let named: BTreeSet<_> = lines.iter().map(|line| (line.place[0], line.place[1])).collect();
    for (name, _) in CRATES {
        let lib = std::fs::read_to_string(sources(name).join("lib.rs")).unwrap();
        let modules =
            lib.lines().filter_map(|l| l.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
        let missing: Vec<_> = modules.filter(|module| !named.contains(&(name, module))).collect();
        assert!(missing.is_empty(), "{name}: the glossary has no line for {missing:?}");
    }
}
