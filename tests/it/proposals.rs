//! Proposals: what `compare` and `check` say of every rules file in `examples`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use guest_access_model::threads::each;

use crate::cli::run;

/// The folders of the rules files.
const FOLDERS: [&str; 2] = ["examples/msc", "examples/proposals"];

/// A file, and a guarantee that does not hold under its rules. A check of a guarantee that holds takes
/// longer, because it goes through every answer that the rules permit.
const NOT_HOLDING: [(&str, &str); 4] = [
    ("msc4133-any-profile-field", "availability"),
    ("msc4140-delayed-events", "revocation"),
    ("msc4354-sticky-events", "read_confinement"),
    ("no-kick", "revocation"),
];

/// The rules files, in order.
fn rules_files() -> Vec<PathBuf> {
    let entries = FOLDERS.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

/// The verdicts on a rules file, in one line.
fn verdicts(path: &Path) -> String {
    let rules: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let [id, base] = ["id", "extends"].map(|key| rules[key].as_str().unwrap());
    assert_eq!(path.file_stem().unwrap(), id, "the id of {} is not its name", path.display());
    let path = path.to_str().unwrap();
    let scope = ["--guests", "1", "--workers", "1", "--quiet", "--format", "json"];

    let ran = run(["compare", base, path].iter().chain(&scope));
    let (code, report) = (ran.code.unwrap(), ran.json());
    let by_default = report["verdict"].as_str().unwrap();
    let permitted = report["permitted"]["verdict"].as_str().unwrap();
    let mut line = format!("{id}: compare {base} exits {code}, {by_default}, permits {permitted}");

    for (_, guarantee) in NOT_HOLDING.iter().filter(|(file, _)| *file == id) {
        let ran = run(["check", path, "--property", *guarantee].iter().chain(&scope));
        let (code, report) = (ran.code.unwrap(), ran.json());
        let status = report["properties"][0]["status"].as_str().unwrap();
        write!(line, "; check exits {code}, {guarantee} is {status}").unwrap();
    }
    line
}

#[test]
fn the_verdicts_on_every_proposal() {
    let files = rules_files();
    let lines = each(&files, 2, |path| verdicts(path));
    insta::assert_snapshot!(lines.join("\n"));
}
