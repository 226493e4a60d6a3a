//! The documents agree with the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use guest_access_rules::rules::Rules;

use crate::cli::{Folder, SNAPSHOT_WIDTH, run, run_line};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The sessions of a document: each a command line and the output in the document.
fn sessions(text: &str) -> Vec<(&str, &str)> {
    let blocks = text.split("```console\n").skip(1);
    blocks
        .map(|block| {
            let (block, _) = block.split_once("\n```").unwrap();
            let (line, printed) = block.split_once('\n').unwrap();
            (line.strip_prefix("$ cargo run --release -- ").unwrap(), printed)
        })
        .collect()
}

/// A session may end with the line `…`, which stands for the rest of the output.
#[test]
fn the_documents_show_what_the_commands_print() {
    let pages = ["README.md", "docs/tour.md", "docs/proposals.md"].map(read);
    let [readme, tour, proposals] = pages.each_ref().map(|page| sessions(page));
    assert!(readme.len() >= 2 && tour.len() >= 6 && proposals.len() == 2);
    for (line, documented) in readme.into_iter().chain(tour).chain(proposals) {
        let ran = run_line(line);
        let printed: Vec<_> = ran.out.lines().map(stable).collect();
        let documented: Vec<_> = documented.lines().map(stable).collect();
        match documented.split_last() {
            Some((&"…", beginning)) => {
                assert_eq!(printed.get(..beginning.len()), Some(beginning), "{line}");
            }
            _ => assert_eq!(printed, documented, "{line}"),
        }
    }
}

/// The page writes the example part by part.
#[test]
fn the_page_on_proposals_quotes_its_example() {
    let page = read("docs/proposals.md");
    let example = read("examples/proposals/msc4140-delayed-events.toml");
    let parts: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert_eq!(parts.len(), 6);
    for part in parts {
        let (part, _) = part.split_once("```").unwrap();
        assert!(example.contains(part), "{part}");
    }
    for option in ["--template", "--vocabulary", "--explain", "--schema"] {
        assert!(page.contains(&format!("rules {option}")), "{option}");
    }
}

/// The line without what differs from run to run: a duration, the number of calls, a port.
fn stable(line: &str) -> &str {
    let local = line.strip_prefix("http://127.0.0.1:");
    let line = local.map_or(line, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    match line.rsplit_once(", in ") {
        Some((before, after)) if after.ends_with(" s") => before,
        Some((before, after)) if after.ends_with(" of it waiting)") => {
            before.rsplit_once(", ").map_or(before, |(before, _)| before)
        }
        _ => line,
    }
}

#[test]
fn the_examples_are_rules_that_can_be_checked() {
    for folder in ["examples/proposals", "examples/readings"] {
        let files: Vec<_> = std::fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "{folder} is empty");
        for path in files {
            Rules::find(path.to_str().unwrap()).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// The names of the commands.
fn commands() -> Vec<String> {
    let help = run_line("help").out;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn the_help_of_every_command_has_an_example() {
    let names = commands();
    assert!(names.len() >= 13, "{names:?}");
    for name in names {
        let help = run_line(&format!("{name} --help")).out;
        assert!(help.contains(&format!("\n  guest-access {name} ")), "{name}: {help}");
    }
}

/// The options that choose another task of the command. Without them, the command has its usual task.
const MODES: [&str; 3] = ["--explain", "--template", "--replay"];

#[test]
fn the_help_of_every_option_states_its_default() {
    let mut options = 0;
    for name in commands() {
        let help = run_line(&format!("{name} --help")).out;
        let (_, help) = help.split_once("Options:\n").unwrap_or_default();
        for option in help.split("\n      --").skip(1) {
            let (spelling, about) = option.split_once('\n').unwrap_or_default();
            let word = format!("--{}", spelling.split(' ').next().unwrap_or_default());
            if spelling.contains(" <") && !MODES.contains(&&*word) {
                assert!(about.contains("[default: "), "{name} {word}: {about}");
                options += 1;
            }
        }
    }
    assert!(options > 50, "{options}");
}

#[test]
fn the_program_writes_its_completions_and_manual_pages() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = run_line(&format!("completions {shell}"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for name in commands() {
            assert!(ran.out.contains(&name), "{shell}: {name}");
        }
    }
    let folder = Folder::new();
    let path = folder.path("man1");
    let ran = run(["man".as_ref(), "--out".as_ref(), path.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let written: BTreeSet<String> = ran.out.lines().map(str::to_owned).collect();
    let named = commands().into_iter().map(|name| format!("guest-access-{name}.1"));
    assert_eq!(written, named.chain(["guest-access.1".to_owned()]).collect());
    for name in &written {
        let page = std::fs::read_to_string(path.join(name)).unwrap();
        assert!(page.contains(".TH ") && page.contains(".SH NAME"), "{name}: {page}");
    }
    let page = run_line("man diff").out;
    assert_eq!(page, std::fs::read_to_string(path.join("guest-access-diff.1")).unwrap());
    assert_eq!(run_line("man guess").code, Some(2));
    assert_eq!(run_line("man --out /dev/null/man").code, Some(2));
}

/// The crates that a manifest names under its dependencies.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = read(manifest).parse().unwrap();
    let tables = ["dependencies", "dev-dependencies"];
    let named = tables.iter().filter_map(|table| manifest.get(*table)?.as_table());
    let names = named.flat_map(|table| table.keys().cloned());
    names.filter(|name| !name.starts_with("guest-access")).collect()
}

#[test]
fn every_dependency_is_listed_with_its_use() {
    let page = read("docs/architecture.md");
    let (_, table) = page.split_once("## Built on").unwrap();
    let listed: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .flat_map(|(names, _)| names.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .filter(|name| name != "crate" && !name.starts_with('-'))
        .collect();
    let manifests = [
        "Cargo.toml",
        "rules/Cargo.toml",
        "model/Cargo.toml",
        "scenarios/Cargo.toml",
        "reference/Cargo.toml",
    ];
    let used: BTreeSet<String> = manifests.into_iter().flat_map(dependencies).collect();
    assert_eq!(listed, used);
}

/// The files of the workspace with this extension, each with its text.
fn files(extension: &str) -> Vec<(PathBuf, String)> {
    let mut folders: Vec<_> = ["src", "tests", "rules", "model", "scenarios", "reference"]
        .map(|folder| root().join(folder))
        .to_vec();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files
}

#[test]
fn no_line_of_a_snapshot_is_too_long() {
    let snapshots = files("snap");
    assert!(snapshots.len() > 20, "{}", snapshots.len());
    for (path, text) in snapshots {
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(longest <= SNAPSHOT_WIDTH, "{}: {longest} characters", path.display());
    }
}

/// The greatest number of characters in the name of a test.
const TEST_NAME_WIDTH: usize = 60;

#[test]
fn no_name_of_a_test_is_too_long() {
    let mut tests = 0;
    for (path, text) in files("rs") {
        for test in text.split("#[test]\n").skip(1) {
            let (_, name) = test.split_once("fn ").unwrap();
            let (name, _) = name.split_once('(').unwrap();
            tests += 1;
            assert!(name.len() <= TEST_NAME_WIDTH, "{}: {name}", path.display());
        }
    }
    assert!(tests > 300, "{tests}");
}
