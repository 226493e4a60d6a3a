//! Why a command could not be carried out.

use std::net::SocketAddr;
use std::path::PathBuf;

use guest_access_model::executor::ExecutorError;
use guest_access_rules::discipline::UnknownDiscipline;
use guest_access_rules::rules::RulesError;

use crate::contention::RecordingError;
use crate::diff::{DefectRunError, SavedError};
use crate::report::diff::BaselineError;
use crate::scenario::ScenarioError;
use crate::subject::server::ServerError;

use super::Outcome;

/// Why a command could not be carried out: the input or the command line is wrong, or no homeserver
/// is there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There are no such rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// There is no such scenario, or it cannot be told.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// There is no such guarantee.
    #[error("there is no guarantee `{name}`; did you mean `{nearest}`?")]
    UnknownGuarantee {
        /// What was asked for.
        name: String,
        /// The guarantee that is most like it.
        nearest: &'static str,
    },
    /// The model says nothing of the guarantee.
    #[error("the {model} model does not judge `{name}`; it judges {known}")]
    NotJudged {
        /// The guarantee.
        name: &'static str,
        /// The model.
        model: &'static str,
        /// What the model judges.
        known: String,
    },
    /// An option is for another model.
    #[error("`{option}` is for `--model {model}`")]
    OfAnotherModel {
        /// The option.
        option: &'static str,
        /// The model that has it.
        model: &'static str,
    },
    /// There is no such discipline.
    #[error(transparent)]
    Discipline(#[from] UnknownDiscipline),
    /// The model has one room.
    #[error("the {model} model has one room; leave `--rooms` out")]
    OneRoom {
        /// The model.
        model: &'static str,
    },
    /// Each server of the federated model has one guest.
    #[error(
        "each server of the federated model has one guest; leave `--guests` out, and see `--servers`"
    )]
    OneGuest,
    /// There is no such option of a federation.
    #[error("there is no `{text}` of a federation; there are {known}")]
    UnknownFederation {
        /// What was asked for.
        text: String,
        /// What there is.
        known: String,
    },
    /// There is no such subject.
    #[error(
        "there is no subject `{name}`; there are `reference` and, for every defect, `defect:ID`"
    )]
    UnknownSubject {
        /// What was asked for.
        name: String,
    },
    /// There is no such report, or it is none.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// The rules of a saved report are not known here.
    #[error("{report} was made by rules that are not known here; name them by `--rules`")]
    RulesOfReport {
        /// The report.
        report: String,
        /// Why not.
        source: RulesError,
    },
    /// What is run again is told in fewer forms.
    #[error("with `--replay` the report is `text` or `json`")]
    FormOfReplay,
    /// There is no such recording, or it is none.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// What happens under contention is told in fewer forms.
    #[error("with `--concurrent` the report is `text`, `json` or `html`")]
    FormOfContention,
    /// There is no such defect.
    #[error(
        "there is no defect `{name}` of {rules}; did you mean `{nearest}`? `guest-access defects` lists them"
    )]
    UnknownDefect {
        /// What was asked for.
        name: String,
        /// The rules under which it would be one.
        rules: String,
        /// The defect that is most like it.
        nearest: String,
    },
    /// There is no such baseline, or it is none.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// The baseline cannot be put into words.
    #[error("the baseline cannot be written as TOML")]
    Toml(#[from] toml::ser::Error),
    /// The report cannot be written.
    #[error(
        "{place}: the report cannot be written; name a file that can be, or leave `--output` out"
    )]
    Unwritable {
        /// Where to.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// The vectors cannot be written.
    #[error("`{}` cannot be written; name a folder for `--out` that can be", path.display())]
    UnwritableVectors {
        /// Which file, or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There are other things in the folder.
    #[error(
        "`{}` holds other things than vectors; name a folder for `--out` that is new, empty, or was \
         written by this command",
        path.display()
    )]
    ForeignFolder {
        /// Which folder.
        path: PathBuf,
    },
    /// The report cannot be put into words.
    #[error("the report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The report cannot be written as JUnit XML.
    #[error("the report cannot be written as JUnit XML")]
    Junit(#[from] quick_junit::SerializeError),
    /// The address cannot be listened on.
    #[error("`{address}` cannot be listened on; name another with `--listen`, or port 0 for any")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing can be asked of the homeserver.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The system gives no means to wait for a network.
    #[error("the system gives no means to wait for a network")]
    Runtime(std::io::Error),
    /// The server cannot go on.
    #[error("the server cannot be run")]
    Serve(#[source] std::io::Error),
    /// stateright knows no other processes.
    #[error("stateright explores in one process; leave `--engine` out, or `--hosts`")]
    OneProcess,
    /// The engine gave no result.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The interrupt cannot be caught.
    #[error("the interrupt cannot be caught")]
    Interrupt(#[from] ctrlc::Error),
}

impl From<DefectRunError> for CommandError {
    fn from(error: DefectRunError) -> Self {
        match error {
            DefectRunError::Runtime(error) => Self::Runtime(error),
            DefectRunError::Server(error) => Self::Server(error),
        }
    }
}

/// The exit code of a wrong input or command line; clap uses the same.
const WRONG: u8 = 2;

impl CommandError {
    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Executor(error) if !error.is_wrong_input() => Outcome::NoVerdict.code(),
            Self::Server(error) if !error.is_wrong_input() => Outcome::BrokenOff.code(),
            _ => WRONG,
        }
    }

    pub(super) fn unwritable(path: Option<&PathBuf>, source: std::io::Error) -> Self {
        let place = path.map_or("standard output".to_owned(), |path| path.display().to_string());
        Self::Unwritable { place, source }
    }
}
