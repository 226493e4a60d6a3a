//! The crates can be published, and the other packages name what they build.

use std::path::{Path, PathBuf};

use toml::Table;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table(path: &str) -> Table {
    std::fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

/// The folders of the crates.
fn crates() -> Vec<String> {
    let members = table("Cargo.toml")["workspace"]["members"].as_array().unwrap().clone();
    let members = members.iter().map(|member| member.as_str().unwrap().to_owned());
    members.chain([".".to_owned()]).collect()
}

#[test]
fn every_crate_says_what_a_registry_needs() {
    let shared = table("Cargo.toml")["workspace"]["package"].as_table().unwrap().clone();
    for folder in crates() {
        let manifest = table(&format!("{folder}/Cargo.toml"));
        let package = manifest["package"].as_table().unwrap();
        for key in ["description", "license", "keywords", "categories", "readme", "rust-version"] {
            let own = package.get(key).unwrap_or_else(|| panic!("{folder}: {key}"));
            let is_shared = own.get("workspace").is_some();
            assert!(!is_shared || shared.contains_key(key), "{folder}: {key}");
        }
        let readme = package["readme"].as_str().unwrap();
        assert!(root().join(&folder).join(readme).is_file(), "{folder}: {readme}");
    }
    assert!(shared["keywords"].as_array().unwrap().len() <= 5, "a registry takes five keywords");
}

/// A registry knows no paths.
#[test]
fn every_crate_of_ours_is_named_with_its_version() {
    let manifest = table("Cargo.toml");
    let version = &manifest["workspace"]["package"]["version"];
    let dependencies = manifest["workspace"]["dependencies"].as_table().unwrap();
    let ours = dependencies.iter().filter(|(name, _)| name.starts_with("guest-access"));
    let mut found = 0;
    for (name, dependency) in ours {
        assert_eq!(dependency.get("version"), Some(version), "{name}");
        found += 1;
    }
    assert_eq!(found + 1, crates().len());
}

/// The sources of a crate.
fn sources(folder: PathBuf, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The published crate has only the files of its own folder.
#[test]
fn no_crate_includes_a_file_of_another_folder() {
    let mut included = 0;
    for folder in crates() {
        let own = root().join(&folder);
        let mut files = Vec::new();
        sources(own.join("src"), &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for part in text.split("include_str!(\"").skip(1) {
                let (path, _) = part.split_once('"').unwrap();
                let depth = file.parent().unwrap().strip_prefix(&own).unwrap().components().count();
                let up = path.matches("../").count();
                assert!(up <= depth, "{}: {path}", file.display());
                assert!(file.parent().unwrap().join(path).exists(), "{}: {path}", file.display());
                included += 1;
            }
        }
    }
    assert!(included > 15, "{included}");
}

#[test]
fn the_wheel_and_the_action_name_the_program() {
    let wheel = table("pyproject.toml");
    let program = &table("Cargo.toml")["package"]["name"];
    assert_eq!(&wheel["project"]["name"], program);
    assert_eq!(wheel["tool"]["maturin"]["bindings"].as_str(), Some("bin"));
    // The action calls the program with options that exist.
    let action = std::fs::read_to_string(root().join("action.yml")).unwrap();
    let help = crate::cli::run_line("diff --help").out;
    let words = action.split([' ', '(', '\n']).filter(|word| word.starts_with("--"));
    let ours = words.filter(|word| !matches!(*word, "--release" | "--locked" | "--manifest-path"));
    let ours: Vec<_> = ours.collect();
    assert!(ours.len() >= 8, "{ours:?}");
    for option in ours {
        assert!(help.contains(option), "{option}");
    }
}
