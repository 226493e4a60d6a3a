//! `diff`: compares homeservers with the rules, over real HTTP.

use std::fs;
use std::path::Path;
use std::process;
use std::sync::LazyLock;

use guest_access::vectors::Vector;

use crate::vectors::VECTORS;

mod baseline;
mod command;
mod consistency;
mod found;
mod layer;
mod misbehaving;
mod old_homeservers;
mod permitted;
mod reports;
mod rooms;
mod score;

/// The folder of the vectors of the rules in force. Generating the vectors takes most of the time of a
/// `diff`, so the tests generate them once.
fn vectors() -> &'static str {
    static FOLDER: LazyLock<String> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vectors-of-the-rules-in-force");
        fs::create_dir_all(&folder).unwrap();
        for vector in VECTORS.iter() {
            write(&folder, vector);
        }
        folder.display().to_string()
    });
    &FOLDER
}

/// Writes a vector into the folder, in one step: another run of the tests may read the folder.
fn write(folder: &Path, vector: &Vector) {
    let id = &vector.scenario.id;
    let unfinished = folder.join(format!("{id}.{}", process::id()));
    fs::write(&unfinished, serde_json::to_string(vector).unwrap()).unwrap();
    fs::rename(unfinished, folder.join(format!("{id}.json"))).unwrap();
}
