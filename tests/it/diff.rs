//! `diff`: compares homeservers with the rules, over real HTTP.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process;
use std::sync::LazyLock;

use guest_access_scenarios::vectors::Vector;

use crate::cli::{Ran, run};
use crate::vectors::VECTORS;

mod baseline;
mod command;
mod consistency;
mod content;
mod content_scenarios;
mod events;
mod experiments;
mod facts;
mod findings;
mod found;
mod kept_verdicts;
mod layer;
pub(crate) mod misbehaving;
mod mistakes;
mod old_homeservers;
mod one_meaning;
mod permitted;
mod reports;
mod rooms;
mod score;
mod side_effects;

/// What `diff` does with these arguments, on the vectors of the rules in force.
fn diff_vectors<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Ran {
    let always = ["diff", "--scenarios", vectors()].map(OsString::from);
    let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
    run(always.into_iter().chain(args))
}

/// The folder of the vectors of the rules in force. Generating the vectors takes most of the time of a
/// `diff`, so the tests generate them once.
fn vectors() -> &'static str {
    static FOLDER: LazyLock<String> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vectors-of-the-rules-in-force");
        fs::create_dir_all(&folder).unwrap();
        let file = |vector: &Vector| format!("{}.json", vector.scenario.id);
        for vector in VECTORS.iter() {
            write(&folder, &file(vector), vector);
        }
        // Other rules had other vectors.
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name();
            let is_old = Path::new(&name).extension().is_some_and(|extension| extension == "json")
                && !VECTORS.iter().any(|vector| name == *file(vector));
            if is_old {
                // Another run of the tests may have removed the file already.
                let _ = fs::remove_file(folder.join(name));
            }
        }
        folder.display().to_string()
    });
    &FOLDER
}

/// Writes a vector into the folder, in one step: another run of the tests may read the folder.
fn write(folder: &Path, file: &str, vector: &Vector) {
    let unfinished = folder.join(format!("{file}.{}", process::id()));
    fs::write(&unfinished, serde_json::to_string(vector).unwrap()).unwrap();
    fs::rename(unfinished, folder.join(file)).unwrap();
}
