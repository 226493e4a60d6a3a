//! The reference and its server share the rules with the model, and nothing else. Their agreement with
//! the model in lockstep is evidence only while neither reads the other.

use crate::imports::Workspace;

/// The folders that stand apart from the model.
const INDEPENDENT: [&str; 2] =
    ["guest_access_reference::reference", "guest_access_reference::serve"];

/// What they may use besides themselves.
const ALLOWED: [&str; 2] = ["guest_access_rules", "guest_access_reference::reference"];

fn is_within(module: &str, root: &str) -> bool {
    module.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn reference_and_server_use_the_rules_and_nothing_else() {
    let workspace = Workspace::read();
    for root in INDEPENDENT {
        let modules: Vec<_> =
            workspace.modules().filter(|module| is_within(module, root)).collect();
        assert!(modules.len() > 5, "{root} has only {modules:?}");
        for module in modules {
            for import in workspace.imports(module) {
                for used in [&import.named, &import.defining] {
                    let mut allowed = ALLOWED.iter().chain([&root]);
                    assert!(
                        allowed.any(|allowed| is_within(used, allowed)),
                        "{module} uses {used}; allowed are {ALLOWED:?} and {root}"
                    );
                }
            }
        }
    }
}

#[test]
fn reference_uses_nothing_of_its_server() {
    let workspace = Workspace::read();
    let reference = workspace.modules().filter(|module| is_within(module, INDEPENDENT[0]));
    for module in reference {
        for import in workspace.imports(module) {
            assert!(!is_within(&import.defining, INDEPENDENT[1]), "{module}: {import:?}");
        }
    }
}
