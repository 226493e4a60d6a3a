//! `vectors`: generates conformance vectors, with which anyone can compare a homeserver with the rules.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use guest_access_rules::rules::Rules;
use guest_access_scenarios::vectors::{INDEX, SCHEMA, Vector, schema, vectors};
use serde::{Deserialize, Serialize};

use crate::report::Run;
use crate::report::vectors::{UndetectedReport, VectorsReport};

use super::output::{CommandOutput, Format, OutputArgs, json};
use super::progress::Progress;
use super::{CommandError, Outcome};

/// Generate conformance vectors from the rules
///
/// A vector is a scenario in which each action comes with every outcome that the rules permit. Together
/// the vectors cover every class of decision, every way to reach each class, every option that a client
/// can observe, and every clause with a call that it allows and a call that it denies.
/// spec-notes/vectors.md says how to run a vector against a homeserver.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  guest-access vectors v1.16 --out vectors")]
pub(super) struct Args {
    /// The rules that the vectors follow
    #[arg(default_value = "latest")]
    rules: String,
    /// Write the vectors to DIR: one file for each vector, their JSON Schema, and an index [default: no
    /// files]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The format of the report; JSON contains the vectors themselves
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let rules = Rules::find(&args.rules)?;
    let folder = args.out.as_deref().map(Folder::open).transpose()?;
    let run = Run::of([&rules]);
    let progress = Progress::new(format!("{}: vectors", rules.id), args.output.quiet);
    let report = VectorsReport::new(&rules, vectors(&rules), run);
    drop(progress);
    if let Some(folder) = folder {
        folder.write(&report)?;
    }
    CommandOutput::report(&report, args.format, Outcome::Holds, &args.output)
}

/// The value of the key `is`, by which an index is recognised.
const IS: &str = "guest-access vectors";

/// The folder of `--out`.
struct Folder<'a> {
    path: &'a Path,
    /// The vectors and the index of an earlier run, which are replaced.
    old: Vec<OsString>,
}

/// The index of a folder of vectors.
#[derive(Debug, Serialize)]
struct Index<'a> {
    is: &'static str,
    rules: &'a str,
    rules_sha256: &'a str,
    version: &'a str,
    schema: &'static str,
    vectors: Vec<IndexEntry<'a>>,
    #[serde(rename = "untold")]
    undetected: &'a [UndetectedReport],
}

#[derive(Debug, Serialize)]
struct IndexEntry<'a> {
    file: String,
    id: &'a str,
    about: &'a str,
    guests: usize,
    rooms: usize,
    steps: usize,
}

/// The fields of an existing index that the command reads.
#[derive(Debug, Deserialize)]
struct OldIndex {
    is: String,
    vectors: Vec<OldIndexEntry>,
}

#[derive(Debug, Deserialize)]
struct OldIndexEntry {
    file: String,
}

impl<'a> Folder<'a> {
    /// Opens the folder at `path`, which must be new, empty, or a folder of vectors.
    fn open(path: &'a Path) -> Result<Self, CommandError> {
        let unwritable = |source| CommandError::UnwritableVectors { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(unwritable)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(unwritable)? {
            files.push(entry.map_err(unwritable)?.file_name());
        }
        if files.is_empty() {
            return Ok(Self { path, old: Vec::new() });
        }
        let foreign = || CommandError::ForeignFolder { path: path.to_owned() };
        let index = fs::read_to_string(path.join(INDEX)).map_err(|_| foreign())?;
        let index: OldIndex = serde_json::from_str(&index).map_err(|_| foreign())?;
        let listed: Vec<String> = index.vectors.into_iter().map(|entry| entry.file).collect();
        files.retain(|file| file != INDEX && file != SCHEMA);
        let is_listed = |file: &OsString| listed.iter().any(|listed| file == listed.as_str());
        if index.is != IS || !files.iter().all(is_listed) {
            return Err(foreign());
        }
        Ok(Self { path, old: files })
    }

    /// Replaces the vectors in the folder.
    fn write(&self, report: &VectorsReport) -> Result<(), CommandError> {
        for file in &self.old {
            let path = self.path.join(file);
            fs::remove_file(&path)
                .map_err(|source| CommandError::UnwritableVectors { path, source })?;
        }
        let entries = report.vectors.iter().map(|vector| {
            let scenario = &vector.scenario;
            IndexEntry {
                file: file_name(vector),
                id: &scenario.id,
                about: &scenario.about,
                guests: vector.scope.guests,
                rooms: vector.scope.rooms,
                steps: scenario.steps.len(),
            }
        });
        let index = Index {
            is: IS,
            rules: &report.rules,
            rules_sha256: &report.run.rules_sha256,
            version: report.run.version,
            schema: SCHEMA,
            vectors: entries.collect(),
            undetected: &report.undetected,
        };
        // The index comes first. If the program is ended within this function, the next run still sees that
        // the files of the folder are its own.
        self.write_file(INDEX, &index)?;
        self.write_file(SCHEMA, &schema())?;
        report.vectors.iter().try_for_each(|vector| self.write_file(&file_name(vector), vector))
    }

    fn write_file(&self, name: &str, content: &impl Serialize) -> Result<(), CommandError> {
        let path = self.path.join(name);
        fs::write(&path, json(content)?)
            .map_err(|source| CommandError::UnwritableVectors { path, source })
    }
}

/// The name of the file of a vector.
fn file_name(vector: &Vector) -> String {
    format!("{}.json", vector.scenario.id)
}
