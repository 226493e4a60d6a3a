//! The modules of each crate stand in floors: a module uses only modules of lower floors.
//!
//! Two modules without an order between them share no floor either: the list is one order that all
//! imports respect. The dependencies in `Cargo.toml` order the crates.

use std::collections::BTreeMap;

use crate::imports::Workspace;

/// The modules at the top of each crate, the lowest first.
const FLOORS: &[(&str, &[&str])] = &[
    (
        "guest_access_rules",
        &[
            "vocabulary",
            "declaration",
            "clause",
            "decision_point",
            "endpoint",
            "guarantee",
            "text_file",
            "similar",
            "key",
            "profile",
            "discipline",
            "federation",
            "rules",
            "variant",
        ],
    ),
    (
        "guest_access_model",
        &[
            "state",
            "action",
            "actions",
            "decide",
            "guarantee",
            "canonical_form",
            "stop",
            "threads",
            "memory",
            "linearizability",
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
        ],
    ),
    ("guest_access_reference", &["reference", "serve"]),
    ("guest_access_scenarios", &["scenario", "permitted", "vectors"]),
    (
        "guest_access",
        &[
            "error_text",
            "federation",
            "federated_reference",
            "subject",
            "diff",
            "contention",
            "neighbour",
            "trend",
            "report",
            "explore",
            "command",
        ],
    ),
];

/// The floor of each module, by the path of the module.
fn floors() -> BTreeMap<String, usize> {
    let modules = FLOORS
        .iter()
        .flat_map(|(name, modules)| modules.iter().map(move |module| format!("{name}::{module}")));
    modules.enumerate().map(|(floor, module)| (module, floor)).collect()
}

/// The module at the top of a crate that holds `module`.
fn top(module: &str) -> String {
    module.split("::").take(2).collect::<Vec<_>>().join("::")
}

#[test]
fn every_module_has_its_floor() {
    let workspace = Workspace::read();
    let mut modules: Vec<_> = workspace.modules().filter(|module| module.contains("::")).collect();
    modules.retain(|module| top(module) == *module);
    assert_eq!(modules, floors().keys().collect::<Vec<_>>());
}

#[test]
fn every_module_uses_only_modules_of_lower_floors() {
    let workspace = Workspace::read();
    let floors = floors();
    let modules = workspace.modules().filter(|module| module.contains("::"));
    let mut upward = Vec::new();
    for module in modules {
        let floor = floors.get(&top(module));
        for import in workspace.imports(module) {
            for used in [import.named, import.defining] {
                if floors.get(&top(&used)) > floor {
                    upward.push(format!("{module} uses {used}"));
                }
            }
        }
    }
    upward.dedup();
    assert!(upward.is_empty(), "upward imports:\n{}", upward.join("\n"));
}
