//! The keys of the JSON reports: fields may be added, and none is renamed or left out.
//!
//! Each file in `tests/it/json_keys` lists the keys that one command has written since the first
//! version, a path on each line. `[]` stands for the elements of a list, and `*` for the name of a room or
//! a guest. A field that is added needs no line here.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::cli::run_line;

/// The commands, each with the file that lists its keys.
const COMMANDS: [(&str, &str); 8] = [
    ("check", "check draft-2015-11-05 --property no_retroactive_exposure --guests 1"),
    ("compare", "compare v1.1 v1.2 --guests 1"),
    ("decide", "decide fuzz/seeds/scenario/a-guest-reads.json"),
    ("diff", "diff --only upgrade-token"),
    ("history", "history --max-states 10"),
    ("revision", "rules v1.16"),
    ("rules", "rules"),
    ("trend", "trend tests/it/trend/1.0.json tests/it/trend/1.1.json tests/it/trend/1.2.json"),
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/json_keys")
}

/// Adds the paths of all keys below `value`.
fn add_keys(value: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let digits = key.trim_start_matches(|c: char| c.is_ascii_lowercase());
                let names_somebody = !digits.is_empty()
                    && digits.chars().all(|c| c.is_ascii_digit())
                    && (key.starts_with("room") || key.starts_with("guest"));
                let key = if names_somebody { "*" } else { key };
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                add_keys(field, &path, keys);
                keys.insert(path);
            }
        }
        Value::Array(elements) => {
            let path = format!("{path}[]");
            for element in elements {
                add_keys(element, &path, keys);
            }
        }
        _ => {}
    }
}

#[test]
fn no_key_of_a_json_report_is_renamed_or_left_out() {
    for (name, line) in COMMANDS {
        let ran = run_line(&format!("{line} --format json --quiet"));
        let mut keys = BTreeSet::new();
        add_keys(&ran.json(), "", &mut keys);
        let listed = std::fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        let missing: Vec<_> = listed.lines().filter(|key| !keys.contains(*key)).collect();
        assert!(missing.is_empty(), "`{line}` leaves out {missing:?}");
    }
}

#[test]
fn every_list_of_keys_belongs_to_a_command() {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name());
    let files: BTreeSet<_> = files.map(|file| file.to_string_lossy().into_owned()).collect();
    let commands: BTreeSet<_> = COMMANDS.iter().map(|(name, _)| format!("{name}.txt")).collect();
    assert_eq!(files, commands);
}
