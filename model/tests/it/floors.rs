//! A floor uses only the floors below it.

use std::path::Path;

/// The modules of the model, the lowest first.
const FLOORS: &[&str] = &[
    "state",
    "action",
    "actions",
    "decide",
    "guarantee",
    "canonical_form",
    "stop",
    "threads",
    "memory",
    "transition_system",
    "sequential",
    "concurrent",
    "federated",
    "dense",
    "shortest_trace",
    "executor",
    "check",
    "compare",
    "lockstep",
    "scoreboard",
];

#[test]
fn every_module_has_its_floor() {
    let lib = include_str!("../../src/lib.rs");
    let mut modules: Vec<_> = lib
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut floors = FLOORS.to_vec();
    modules.sort_unstable();
    floors.sort_unstable();
    assert_eq!(modules, floors);
}

#[test]
fn no_module_uses_one_above_it() {
    fn visit(path: &Path, floor: usize) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                visit(&entry.unwrap().path(), floor);
            }
            return;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code: Vec<_> = code.lines().filter(|line| !line.trim().starts_with("//")).collect();
        for (above, name) in FLOORS.iter().enumerate().skip(floor + 1) {
            let used = code.iter().any(|line| line.contains(&format!("crate::{name}::")));
            assert!(!used, "{} uses {name}, floor {above} above {floor}", path.display());
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (floor, name) in FLOORS.iter().enumerate() {
        visit(&src.join(format!("{name}.rs")), floor);
        if src.join(name).is_dir() {
            visit(&src.join(name), floor);
        }
    }
}
