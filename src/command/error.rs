//! The errors of the commands, and the exit code of each error.

use std::net::SocketAddr;
use std::path::PathBuf;

use guest_access_model::executor::ExecutorError;
use guest_access_rules::discipline::UnknownDiscipline;
use guest_access_rules::rules::RulesError;
use guest_access_scenarios::scenario::ScenarioError;

use crate::contention::RecordingError;
use crate::diff::{DefectRunError, PlanError, SavedError};
use crate::explore::ExploreError;
use crate::neighbour::{FederatedDefectError, NeighbourError};
use crate::report::diff::BaselineError;
use crate::subject::server::ServerError;
use crate::trend::TrendError;

use super::Outcome;

/// Why a command failed before it had a verdict: the input or the command line is wrong, or a
/// homeserver does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The rules do not exist, or their file is wrong.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The page of `explore` cannot be made.
    #[error(transparent)]
    Explore(#[from] ExploreError),
    /// The scenario does not exist, is wrong, or has a step that cannot be taken.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The word is none of the vocabulary.
    #[error(
        "there is no word `{word}` of the rules;{near} `guest-access rules --vocabulary` lists all"
    )]
    UnknownWord {
        /// The unknown word.
        word: String,
        /// A question that suggests a similar word; empty if there is none.
        near: String,
    },
    /// The guarantee does not exist.
    #[error(
        "there is no guarantee `{name}`;{near} `guest-access rules --vocabulary` lists the guarantees"
    )]
    UnknownGuarantee {
        /// The unknown name.
        name: String,
        /// A question that suggests a similar name; empty if there is none.
        near: String,
    },
    /// The model does not judge the guarantee.
    #[error("the {model} model does not judge `{name}`; it judges {known}")]
    NotJudged {
        /// The id of the guarantee.
        name: &'static str,
        /// The name of the model.
        model: &'static str,
        /// The guarantees that the model judges.
        known: String,
    },
    /// The option belongs to another model.
    #[error("`{option}` is for `--model {model}`")]
    OfAnotherModel {
        /// The option of the command line.
        option: &'static str,
        /// The model that has it.
        model: &'static str,
    },
    /// `check --against` does not write this format.
    #[error("with `--against` the report is `text` or `json`")]
    FormOfChanges,
    /// The discipline does not exist.
    #[error(transparent)]
    Discipline(#[from] UnknownDiscipline),
    /// The model has exactly one room, and the command line asks for more.
    #[error("the {model} model has one room; leave `--rooms` out")]
    OneRoom {
        /// The name of the model.
        model: &'static str,
    },
    /// A search of a known number of guests or rooms, and the command line asks for any number.
    #[error(
        "only `check` of the sequential model takes `any`: `--guests any`, or `--guests any --rooms any`"
    )]
    AnyNumber,
    /// Each server of the federated model has exactly one guest.
    #[error(
        "each server of the federated model has one guest; leave `--guests` out, and see `--servers`"
    )]
    OneGuest,
    /// The option of a federation does not exist.
    #[error("there is no `{text}` of a federation; there are {known}")]
    UnknownFederation {
        /// The unknown option.
        text: String,
        /// The options that exist.
        known: String,
    },
    /// The subject does not exist.
    #[error(
        "there is no subject `{name}`; there are `reference` and, for every defect, `defect:ID`"
    )]
    UnknownSubject {
        /// The unknown name.
        name: String,
    },
    /// The saved report does not exist, or the file is no report.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// The saved reports cannot be compared with each other.
    #[error(transparent)]
    Trend(#[from] TrendError),
    /// This version of the program does not have the rules of the recording.
    #[error("{recording} was made by rules that are not known here; name them by `--rules`")]
    RulesOfRecording {
        /// The path of the recording.
        recording: String,
        /// Why the rules were not found.
        source: RulesError,
    },
    /// The scenarios of a folder cannot be run.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// `--replay` does not write this format.
    #[error("with `--replay` the report is `text` or `json`")]
    FormOfReplay,
    /// The recording does not exist, or the file is no recording.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// `--concurrent` does not write this format.
    #[error("with `--concurrent` the report is `text`, `json` or `html`")]
    FormOfContention,
    /// The defect does not exist under these rules.
    #[error("there is no defect `{name}` of {rules};{near} `guest-access defects` lists them")]
    UnknownDefect {
        /// The unknown name.
        name: String,
        /// The id of the rules.
        rules: String,
        /// A question that suggests a similar name; empty if there is none.
        near: String,
    },
    /// The defect shows only beside other homeservers.
    #[error(
        "`{name}` is a mistake with what comes from other homeservers; it needs `serve --federate` or \
         `diff --federated`"
    )]
    ForFederation {
        /// The id of the defect.
        name: String,
    },
    /// The defect shows only while calls overlap.
    #[error(
        "`{name}` shows only while calls overlap; it needs `serve` without `--federate`, or \
         `diff --concurrent`"
    )]
    ForOverlappingCalls {
        /// The id of the defect.
        name: String,
    },
    /// The baseline does not exist, or the file is no baseline.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// The baseline cannot be written as TOML.
    #[error("the baseline cannot be written as TOML")]
    Toml(#[from] toml::ser::Error),
    /// The report cannot be written.
    #[error(
        "{place}: the report cannot be written; name a file that can be, or leave `--output` out"
    )]
    Unwritable {
        /// The file, or standard output.
        place: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The vectors cannot be written.
    #[error("`{}` cannot be written; name a folder for `--out` that can be", path.display())]
    UnwritableVectors {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The manual pages cannot be written.
    #[error(
        "the manual pages cannot be written to `{}`; name a folder for `--out` that can be",
        path.display()
    )]
    UnwritablePages {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The program has no such command.
    #[error("there is no command `{name}`; `guest-access --help` lists the commands")]
    UnknownCommand {
        /// The unknown name.
        name: String,
    },
    /// The folder contains files that are no vectors.
    #[error(
        "`{}` holds other things than vectors; name a folder for `--out` that is new, empty, or was \
         written by this command",
        path.display()
    )]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The report cannot be written as JSON.
    #[error("the report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The report cannot be written as JUnit XML.
    #[error("the report cannot be written as JUnit XML")]
    Junit(#[from] quick_junit::SerializeError),
    /// The server cannot listen on the address.
    #[error("`{address}` cannot be listened on; name another with `--listen`, or port 0 for any")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The server cannot listen for other homeservers on the address.
    #[error("`{address}` cannot be listened on; name another with `--federation-listen`")]
    FederationListen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The homeserver does not answer, or does not answer as a homeserver does.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The homeserver does not take part in rooms with ours.
    #[error(transparent)]
    Neighbour(#[from] NeighbourError),
    /// A report of `diff --federated` has no such format.
    #[error(
        "`diff --federated` writes text, JSON, JUnit and HTML; give `--format text`, `--format json`, `--format junit` or `--format html`"
    )]
    FormOfFederation,
    /// The runtime for network calls cannot start.
    #[error("the runtime for network calls cannot start")]
    Runtime(std::io::Error),
    /// The server stopped.
    #[error("the server cannot be run")]
    Serve(#[source] std::io::Error),
    /// stateright explores in one process only.
    #[error("stateright explores in one process; leave `--engine` out, or `--hosts`")]
    OneProcess,
    /// The executor gave no result.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The handler for Ctrl-C cannot be installed.
    #[error("the handler for Ctrl-C cannot be installed")]
    Interrupt(#[from] ctrlc::Error),
}

impl From<FederatedDefectError> for CommandError {
    fn from(error: FederatedDefectError) -> Self {
        match error {
            FederatedDefectError::Runtime(error) => Self::Runtime(error),
            FederatedDefectError::Server(error) => Self::Server(error),
            FederatedDefectError::Neighbour(error) => Self::Neighbour(error),
        }
    }
}

impl From<DefectRunError> for CommandError {
    fn from(error: DefectRunError) -> Self {
        match error {
            DefectRunError::Runtime(error) => Self::Runtime(error),
            DefectRunError::Server(error) => Self::Server(error),
        }
    }
}

/// The exit code for a wrong input or command line. clap uses the same code.
const WRONG_INPUT: u8 = 2;

impl CommandError {
    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Executor(error) if !error.is_wrong_input() => Outcome::NoVerdict.code(),
            Self::Server(error) if error.is_stop() => Outcome::NoVerdict.code(),
            Self::Server(error) if !error.is_wrong_input() => Outcome::BrokenOff.code(),
            Self::Neighbour(error) if !error.is_wrong_input() => Outcome::BrokenOff.code(),
            _ => WRONG_INPUT,
        }
    }

    pub(super) fn unwritable(path: Option<&PathBuf>, source: std::io::Error) -> Self {
        let place = path.map_or("standard output".to_owned(), |path| path.display().to_string());
        Self::Unwritable { place, source }
    }
}
